"""Curves as inline SVG that follows the page's colours: no scripts, values on hover.

Knows numbers and axes only; which curves a report shows is :mod:`likeness.report.curves`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likeness.report.markup import number, text

_MAX_POINTS = 300
_MAX_HITS = 48
_LOG_SPAN = 20.0
"""A positive curve that spans more than this factor is drawn on a logarithmic axis."""
_SMALLEST = 1e-5
"""Of a logarithmic axis, as a fraction of its largest value."""


@dataclass(frozen=True, eq=False)
class Series:
    """One curve; values that are not finite leave a gap."""

    name: str
    x: np.ndarray
    y: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", np.asarray(self.x, np.float64))
        object.__setattr__(self, "y", np.asarray(self.y, np.float64))


@dataclass(frozen=True)
class Band:
    """A stage: a range of steps with a name, shaded in turn."""

    name: str
    start: float
    end: float


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    unit: str = "",
    bands: Sequence[Band] = (),
    smooth: bool = True,
    rule: float | None = None,
    wide: bool = False,
) -> str:
    """A figure with a caption, axes, the curves and their legend; "" without any finite value.

    Args:
        smooth: also draw each curve as it is, faintly, behind its local mean.
        rule: a horizontal dashed line, e.g. a baseline.
        wide: take the full width of the page.
    """
    series = [s for s in series if np.isfinite(s.y).any()]
    if not series:
        return ""
    width, height = (960, 300) if wide else (420, 220)
    frame = _Frame(series, bands, rule, width, height)
    parts = [*frame.bands(bands), *frame.axes()]
    if rule is not None:
        y = frame.y(rule)
        parts.append(f'<path class="rule" d="M{frame.left} {y:.1f}H{frame.right}"/>')
    for index, curve in enumerate(series):
        parts.append(f"<g {_look(index)}>")
        is_noisy = smooth and np.isfinite(curve.y).sum() > 24
        if is_noisy:
            parts.append(f'<path class="raw" d="{frame.path(curve.x, curve.y)}"/>')
        shown = _smoothed(curve, bands) if is_noisy else curve.y
        parts.append(f'<path class="line" d="{frame.path(curve.x, shown)}"/>')
        parts += frame.hits(curve, shown, unit)
        parts.append("</g>")
    legend = ""
    if len(series) > 1:
        legend = "".join(
            f"<i {_look(index)}>{text(curve.name)}</i>" for index, curve in enumerate(series)
        )
    suffix = f" <small>{text(unit)}</small>" if unit else ""
    return (
        f'<figure class="chart{" wide" if wide else ""}"><figcaption><b>{text(title)}{suffix}</b>'
        f'{legend}</figcaption><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{text(title)}">{"".join(parts)}</svg></figure>'
    )


def _look(index: int) -> str:
    """Colour and dashes of a curve: eight colours, each solid, dashed and dotted."""
    return f'class="d{index // 8 % 3}" style="--k:var(--c{index % 8})"'


def sparkline(values: Sequence[float], *, rule: float | None = None) -> str:
    """A word-sized curve with its last point marked; "" for fewer than two finite values."""
    y = np.asarray(values, np.float64)
    if np.isfinite(y).sum() < 2:
        return ""
    width, height, margin = 110.0, 26.0, 4.0
    known = np.append(y[np.isfinite(y)], [] if rule is None else [rule])
    low, high = float(known.min()), float(known.max())
    span = (high - low) or 1.0
    x = margin + np.arange(len(y)) / (len(y) - 1) * (width - 2 * margin)
    place = height - margin - (y - low) / span * (height - 2 * margin)
    parts = []
    if rule is not None:
        at = height - margin - (rule - low) / span * (height - 2 * margin)
        parts.append(f'<path class="rule" d="M0 {at:.1f}H{width:g}"/>')
    parts.append(f'<path class="line" d="{_path(x, place)}"/>')
    last = np.flatnonzero(np.isfinite(y))[-1]
    parts.append(f'<circle class="dot" cx="{x[last]:.1f}" cy="{place[last]:.1f}" r="2.6"/>')
    return (
        f'<svg class="spark" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="trend" '
        f'style="--k:var(--c0)">{"".join(parts)}</svg>'
    )


def local_mean(y: np.ndarray, spread: float) -> np.ndarray:
    """Mean of the neighbours, weighed by a Gaussian of ``spread`` points, so that it does not lag.

    Gaps stay gaps and do not count as neighbours.
    """
    if len(y) == 0:
        return y
    reach = int(np.ceil(3 * spread))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    known = np.isfinite(y)
    weight = np.convolve(known.astype(np.float64), kernel)[reach : reach + len(y)]
    total = np.convolve(np.where(known, y, 0.0), kernel)[reach : reach + len(y)]
    return np.where(known, total / np.maximum(weight, 1e-12), np.nan)


def _smoothed(curve: Series, bands: Sequence[Band]) -> np.ndarray:
    """Every stage smoothed on its own, since the curve may jump where a stage begins."""
    starts = np.searchsorted(curve.x, [band.start for band in bands][1:], side="right")
    spread = max(2.0, len(curve.y) / 60)
    return np.concatenate([local_mean(piece, spread) for piece in np.split(curve.y, starts)])


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``: multiples of 1, 2 or 5 times 10^k."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten from ``low`` to ``high``; also 2 and 5 times them when there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    exponents = range(first, last + 1, max(1, (last - first) // 6))
    steps = (1.0, 2.0, 5.0) if last - first <= 2 else (1.0,)
    ticks = [m * 10.0**e for e in exponents for m in steps]
    return [t for t in ticks if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)]


def short_number(value: float) -> str:
    """A tick label: 0.001, 2.5, 1.5k, 3M, 1e-6."""
    size = abs(value)
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= limit:
            return f"{value / limit:.4g}{letter}"
    if size and size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return f"{value:.4g}"


class _Frame:
    """The axes of one chart: where a step and a value lie."""

    def __init__(
        self,
        series: Sequence[Series],
        bands: Sequence[Band],
        rule: float | None,
        width: int,
        height: int,
    ) -> None:
        values = np.concatenate([s.y[np.isfinite(s.y)] for s in series])
        if rule is not None and math.isfinite(rule):
            values = np.append(values, rule)
        steps = np.concatenate([s.x for s in series] + [np.array([b.end]) for b in bands])
        low, high = float(values.min()), float(values.max())
        positive = values[values > 0]
        self.is_log = bool(low >= 0 and high > 0 and high > _LOG_SPAN * np.percentile(positive, 2))
        if self.is_log:  # what is zero, or invisibly small beside the rest, lies below the frame
            low = max(float(positive.min()), high * _SMALLEST)
        elif len(values) > 50:  # a few outliers may leave the frame rather than flatten the curve
            inner = np.percentile(values, [1, 99])
            margin = float(inner[1] - inner[0]) * 0.15
            low, high = max(low, inner[0] - margin), min(high, inner[1] + margin)
        if not high > low:
            pad = abs(low) * 0.1 or 1.0
            low, high = low - (0.0 if self.is_log else pad), high + pad
        self.low, self.high = float(low), float(high)
        self.first, self.last = float(min(steps.min(), 0.0)), float(steps.max())
        self.left, self.right, self.top, self.bottom = 46, width - 8, 16, height - 22

    def x(self, step: np.ndarray | float) -> np.ndarray | float:
        span = (self.last - self.first) or 1.0
        return self.left + (step - self.first) / span * (self.right - self.left)

    def y(self, value: np.ndarray | float) -> np.ndarray | float:
        share = (np.asarray(value) - self.low) / (self.high - self.low)
        if self.is_log:
            above = np.maximum(np.asarray(value), self.low * 1e-3)
            share = np.log(above / self.low) / math.log(self.high / self.low)
        return self.bottom - np.clip(share, -0.02, 1.04) * (self.bottom - self.top)

    def path(self, x: np.ndarray, y: np.ndarray) -> str:
        x, y = _thinned(x, np.where(np.isfinite(y), y, np.nan))
        return _path(np.asarray(self.x(x)), np.asarray(self.y(y)))

    def bands(self, bands: Sequence[Band]) -> list[str]:
        parts = []
        for index, band in enumerate(bands if len(bands) > 1 else ()):
            x0, x1 = float(self.x(band.start)), float(self.x(band.end))
            if index % 2:
                parts.append(
                    f'<rect class="band" x="{x0:.1f}" y="{self.top}" width="{x1 - x0:.1f}" '
                    f'height="{self.bottom - self.top}"/>'
                )
            room = int((x1 - x0) / 6)
            if room >= 3:
                name = band.name if len(band.name) <= room else band.name[: room - 1] + "…"
                parts.append(f'<text x="{x0 + 3:.1f}" y="{self.top - 5}">{text(name)}</text>')
        return parts

    def axes(self) -> list[str]:
        parts = []
        ticks = log_ticks(self.low, self.high) if self.is_log else nice_ticks(self.low, self.high)
        for tick in ticks:
            y = float(self.y(tick))
            parts.append(f'<path class="grid" d="M{self.left} {y:.1f}H{self.right}"/>')
            parts.append(
                f'<text x="{self.left - 6}" y="{y + 4:.1f}" text-anchor="end">'
                f"{text(short_number(tick))}</text>"
            )
        for tick in nice_ticks(self.first, self.last):
            x = float(self.x(tick))
            anchor = "end" if x > self.right - 12 else "middle"
            parts.append(
                f'<text x="{x:.1f}" y="{self.bottom + 16}" text-anchor="{anchor}">'
                f"{text(short_number(tick))}</text>"
            )
        return parts

    def hits(self, curve: Series, shown: np.ndarray, unit: str) -> list[str]:
        """Invisible dots that tell step and value under the pointer; visible when there are few."""
        known = np.flatnonzero(np.isfinite(shown))
        chosen = known[np.unique(np.linspace(0, len(known) - 1, _MAX_HITS).astype(int))]
        is_sparse = len(known) <= 12
        return [
            f'<circle class="{"dot" if is_sparse else "hit"}" '
            f'cx="{float(self.x(curve.x[i])):.1f}" cy="{float(self.y(shown[i])):.1f}" '
            f'r="{2.6 if is_sparse else 4}"><title>{text(curve.name)}, step {curve.x[i]:.0f}: '
            f"{number(float(curve.y[i]))} {text(unit)}</title></circle>"
            for i in chosen
        ]


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most about ``_MAX_POINTS`` points, keeping the extremes of every stretch."""
    if len(x) <= _MAX_POINTS:
        return x, y
    keep: list[int] = []
    for part in np.array_split(np.arange(len(x)), _MAX_POINTS // 2):
        values = y[part]
        if np.isfinite(values).any():
            keep += sorted({int(part[np.nanargmin(values)]), int(part[np.nanargmax(values)])})
        else:
            keep.append(int(part[0]))
    return x[keep], y[keep]


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """SVG path data; a gap starts a new piece."""
    commands, pen = [], "M"
    for a, b in zip(x, y, strict=True):
        if np.isfinite(b):
            commands.append(f"{pen}{a:.1f} {b:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(commands)
