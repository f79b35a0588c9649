"""How each hair style is combed: where strands go, how far they stand off, where they end.

Owns the recipes. Sampling roots and turning paths into ribbons is the business of ``hair``.
Positions are the person's own, mm, +x the subject's left; recipes are written for a head of average
size and hold for others because strands are kept off the head by ``scalp.HeadSpace``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from likeness.studio.traits import HairTraits

Flow = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(positions (N, 3), roots (N, 3)) -> direction (N, 3), any length; its part into the head is
ignored."""

_WHORL = np.array([9.0, 146.0, -48.0])
KNOT = np.array([0.0, 138.0, -66.0])
"""Where tied hair comes together: so high that the bun or the tail it ends in is seen over the head
from the front. With neither in sight tied hair is a short cut."""

_SKULL = np.array([0.0, 60.0, -4.0])
"""Middle of the skull, mm."""

_BARED = 0.36
"""Recession at which the line in front is three quarters as far above the brows as it is from nose
to chin. By the classical canon it is as far; most foreheads are lower."""


@dataclass(frozen=True)
class Recipe:
    """One style for one person. Lengths in mm."""

    flow: Flow
    top: float
    """Height of the outermost strands above the skull, on top."""
    side: float
    """The same over the ears and at the nape."""
    lift: float
    """How steeply strands leave the scalp, 0 flat .. 1 upright."""
    yielding: float
    """How fast a strand turns into the flow, per step, 0..1."""
    loose_below: float
    """Height y under which strands leave the skull and hang or stand free; -inf: nowhere."""
    width: float
    """Of a ribbon."""
    wave: tuple[float, float]
    """Amplitude and length of waves or coils."""
    spread: float
    """How far strands of one lock stray from each other at their ends."""
    slack: float = 1.5
    """How far a strand may rise above its own height while it is on the skull."""
    start: float = 0.0
    """Share of the height at which visible strands begin; above 0 for coils."""
    ear_cover: float = 0.0
    """Share of the ears' height by which hair that hides them passes over them."""
    clumping: float = 0.55
    """How strongly strands gather into locks, 0..1."""
    density: float = 1.0
    """Strands, as a share of the usual number."""
    inside: float = 0.4
    """Share of the height up to which hair is so dense that its inside hides the strands there, 0
    where it has none."""
    settling: float = 0.0
    """Share of their height that strands lose toward their ends."""
    edge: tuple[float, float] = (0.2, 34.0)
    """Share of its height that hair has at its line, and how far above that (mm) it has all."""
    fine: float = 14.0
    """How far above the line (mm) ribbons are as wide as elsewhere."""
    thickens: tuple[float, float] = (0.35, 0.18)
    """Share of its width a ribbon has at its root, and share of its length after which it has all.
    """
    unruly: float = 1.0
    """How far roots point aside from where the hair is combed."""
    part: float | None = None
    """x in mm where the hair divides, if it does."""


def smooth(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """Smoothstep over arrays; falls when ``low > high``."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def part_line(hair: HairTraits) -> float:
    """x in mm where the hair divides."""
    return 42.0 * hair.parting


def has_inside(hair: HairTraits) -> bool:
    """Whether hair stands so dense that a cap is drawn under its strands."""
    return hair.style not in ("bald", "buzz")


def is_parted(hair: HairTraits) -> bool:
    """Whether the style shows a line of scalp where the hair divides."""
    return hair.style in ("side_part", "bob", "long")


def recession_of(hair: HairTraits) -> float:
    """Recession of the line that hair begins at, 0..1.

    Drawn back, hair shows the whole forehead, rounded and with corners at the temples. In other
    styles what lies or stands before the line is seen, and that begins lower.
    """
    if hair.style == "tied":
        return hair.recession + _BARED * (1.0 - hair.recession) ** 2
    return hair.recession


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _from_whorl(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Away from the whorl at the crown, and down: how hair lies by itself."""
    away = positions - _WHORL
    return _unit(away) + np.array([0.0, -0.45, 0.0])


def _crop(hair: HairTraits) -> Flow:
    sweep = 0.5 * np.sign(hair.parting) * (0.3 + 0.7 * abs(hair.parting))

    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        direction = _from_whorl(positions, roots)
        front = smooth(40.0, 95.0, roots[:, 2]) * smooth(85.0, 105.0, roots[:, 1])
        direction[:, 0] -= sweep * front
        return direction

    return flow


def _side_part(hair: HairTraits) -> Flow:
    line = part_line(hair)

    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        side = np.where(roots[:, 0] > line, 1.0, -1.0)
        top = smooth(72.0, 108.0, roots[:, 1])
        back = smooth(-20.0, -60.0, roots[:, 2])
        front = smooth(50.0, 95.0, positions[:, 2])
        over = np.stack([side, 0.55 * front - 0.3 * (1 - front), -0.3 - 0.35 * front], axis=1)
        down = np.stack([0.15 * side, np.full(len(roots), -1.0), np.full(len(roots), -0.5)], 1)
        direction = top[:, None] * over + (1 - top[:, None]) * down
        return (1 - back[:, None]) * direction + back[:, None] * _from_whorl(positions, roots)

    return flow


def _swept(hair: HairTraits) -> Flow:
    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        aim = np.stack([0.75 * roots[:, 0], np.full(len(roots), 148.0), np.full(len(roots), -70.0)])
        back = _unit(aim.T - positions)
        top = smooth(55.0, 100.0, roots[:, 1])[:, None]
        behind = smooth(-25.0, -70.0, positions[:, 2])[:, None]
        side = np.sign(hair.parting) * 0.25 * smooth(40.0, 90.0, roots[:, 2])
        back[:, 0] += side
        down = np.array([0.0, -1.0, -0.6])
        return (1 - behind) * (top * back + (1 - top) * down) + behind * (
            _from_whorl(positions, roots)
        )

    return flow


def _fringe(hair: HairTraits) -> Flow:
    sweep = np.sign(hair.parting) * (0.5 + 0.7 * abs(hair.parting))

    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        direction = _from_whorl(positions, roots)
        front = smooth(30.0, 85.0, positions[:, 2])
        direction[:, 0] += sweep * front
        direction[:, 1] -= 0.4 * front
        return direction

    return flow


def _hanging(hair: HairTraits, inward: float) -> Flow:
    line = part_line(hair)

    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        x, y, z = positions.T
        side = np.where(roots[:, 0] > line, 1.0, -1.0)
        behind = smooth(-25.0, -75.0, roots[:, 2])
        side = side * (1 - behind) + behind * np.clip(roots[:, 0] / 25.0, -1.0, 1.0)
        top = smooth(50.0, 92.0, y)
        front = smooth(45.0, 92.0, z)
        over = np.stack(
            [side, 1.2 * front - 0.35 - 0.2 * behind, -0.45 - 0.35 * front - 0.55 * behind], axis=1
        )
        # Below the temples hair falls; under the ear it turns in, over the shoulder to one side.
        low = smooth(10.0, -60.0, y)
        frontal = roots[:, 2] > -25.0
        rest_z = np.where(frontal, 62.0, -100.0)
        drift = smooth(-20.0, -105.0, y) * np.clip((rest_z - z) / 45.0, -1.0, 1.0)
        outside = np.where(frontal, z < 62.0, z > -100.0)
        fall = np.stack(
            [-inward * low * np.sign(x), np.full(len(x), -1.0), 0.9 * drift * outside], axis=1
        )
        return top[:, None] * over + (1 - top[:, None]) * fall

    return flow


def _tied(hair: HairTraits) -> Flow:
    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        # Along the head: straight at the knot most of a step would lead into it.
        away = positions - _SKULL * (1.0, 0.0, 1.0)
        away[:, 1] = np.maximum(away[:, 1] - _SKULL[1], 0.0)
        away = _unit(away)
        toward = _unit(KNOT - positions)
        into = np.minimum((toward * away).sum(axis=1, keepdims=True), 0.0)
        return toward - into * away

    return flow


def _coils(hair: HairTraits) -> Flow:
    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        return _unit(roots - np.array([0.0, 62.0, -4.0])) + np.array([0.0, -0.1, 0.0])

    return flow


def _curls(hair: HairTraits) -> Flow:
    line = part_line(hair)

    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        side = np.clip((roots[:, 0] - line) / 30.0, -1.0, 1.0)
        away = _from_whorl(positions, roots)
        low = smooth(95.0, 40.0, positions[:, 1])
        away[:, 0] += 0.6 * side
        away[:, 1] -= 0.3 + 1.6 * low
        away[:, [0, 2]] *= (1.0 - 0.6 * low)[:, None]
        return away

    return flow


def recipe_of(hair: HairTraits) -> Recipe:
    """The recipe of a person's hair. ``bald`` has none: ValueError."""
    recipe = _recipe_of(hair)
    return replace(recipe, part=part_line(hair)) if is_parted(hair) else recipe


def _recipe_of(hair: HairTraits) -> Recipe:
    body = hair.volume * (1.0 + 0.35 * hair.curl)
    wavy = hair.curl * smooth(0.12, 0.5, np.array(hair.curl)).item()
    wave = (5.5 * wavy, 46.0 - 26.0 * min(wavy, 1.0))
    free = np.inf
    if hair.style == "buzz":
        return Recipe(
            _crop(hair), 0.0, 0.0, 0.62, 0.3, free, 0.3, (0.0, 9.0), 0.3, clumping=0.0, density=2.0
        )
    if hair.style == "crop":
        top, waves = 0.42 * hair.length * hair.volume, (0.4 * wave[0], 20.0)
        return Recipe(_crop(hair), top, 2.0, 0.55, 0.35, free, 1.1, waves, 3.0, density=1.35)
    if hair.style == "side_part":
        return Recipe(_side_part(hair), 13.0 * body, 3.5, 0.45, 0.5, -free, 1.5, wave, 5.0)
    if hair.style == "swept":
        return Recipe(_swept(hair), 15.0 * body, 4.0, 0.6, 0.45, -free, 1.5, wave, 5.0)
    if hair.style == "fringe":
        return Recipe(
            _fringe(hair),
            9.0 * body,
            2.5,
            0.3,
            0.5,
            -free,
            1.5,
            wave,
            7.0,
            clumping=0.75,
            settling=0.6,
        )
    if hair.style == "bob":
        flow = _hanging(hair, 0.45)
        return Recipe(flow, 8.0 * body, 8.0, 0.3, 0.5, 30.0, 2.2, wave, 5.0, ear_cover=1.05)
    if hair.style == "long":
        flow = _hanging(hair, 0.14)
        return Recipe(flow, 6.0 * body, 6.0, 0.3, 0.5, 30.0, 2.4, wave, 8.0, ear_cover=1.05)
    if hair.style == "tied":
        # Combed taut: it lies on the scalp from its roots on, without locks and gaps between them.
        # An inside would come through such strands as dark patches.
        return Recipe(
            _tied(hair),
            5.5 * body,
            3.5,
            0.0,
            0.5,
            -free,
            1.6,
            (0.2 * wave[0], 40.0),
            3.0,
            slack=0.2,
            clumping=0.1,
            inside=0.0,
            edge=(0.0, 60.0),
            fine=18.0,
            thickens=(0.25, 0.15),
            unruly=0.3,
        )
    if hair.style == "curls":
        radius = 3.0 + 2.5 * (1.0 - hair.curl)
        top, side, coil = 16.0 * hair.volume, 9.0 * hair.volume, (radius, 6.5 * radius)
        return Recipe(
            _curls(hair),
            top,
            side,
            0.4,
            0.5,
            -free,
            2.2,
            coil,
            6.0,
            slack=12.0 * hair.volume,
            ear_cover=0.4,
            clumping=0.8,
        )
    if hair.style == "afro":
        return Recipe(
            _coils(hair),
            hair.length,
            hair.sides,
            1.0,
            0.2,
            free,
            1.1 + 0.016 * hair.length,
            (2.1, 7.5),
            3.0,
            start=0.68,
            clumping=0.0,
            density=2.2,
        )
    raise ValueError(f"no strands in the style {hair.style!r}")


def fringe_of(recipe: Recipe, hair: HairTraits) -> Recipe:
    """The recipe of the hair of a long style that falls over the forehead."""
    return replace(recipe, flow=_fringe(hair), loose_below=-np.inf, spread=6.0)


def loose_of(recipe: Recipe, hair: HairTraits) -> Recipe:
    """The recipe of the locks of tied hair that are left out before the ears."""
    return replace(recipe, flow=_hanging(hair, 0.3), loose_below=30.0, side=6.0, spread=8.0)


def strand_lengths(hair: HairTraits, roots: np.ndarray, above_line: np.ndarray) -> np.ndarray:
    """How long strands grow at (N, 3) roots, mm; ``above_line`` is the height over the hairline."""
    top = smooth(52.0, 98.0, roots[:, 1])
    if hair.style == "fringe":
        # Long in the middle only: flanks of that length hang over the sides as a bowl's rim does.
        top = top * (1.0 - 0.75 * smooth(20.0, 54.0, np.abs(roots[:, 0])))
    length = hair.sides + (hair.length - hair.sides) * top
    if hair.style in ("crop", "side_part", "swept", "fringe"):
        # Clipped short around the ears and at the nape.
        edge = smooth(0.0, 34.0, above_line)
        length = length * (top + (1 - top) * (0.3 + 0.7 * edge))
    if hair.style == "afro":
        length = 0.2 * length + 4.0
    return length


def lowest_point(hair: HairTraits, roots: np.ndarray, ragged: np.ndarray) -> np.ndarray:
    """Height in mm where strands of (N, 3) roots are cut, -inf where their length alone decides.

    ``ragged`` is (N,) noise of deviation 1.
    """
    floor = np.full(len(roots), -np.inf)
    if hair.style in ("bob", "long"):
        floor[:] = 122.0 - hair.length + 4.0 * ragged + 12.0 * (hair.style == "long") * ragged
    if hair.style in ("fringe", "curls"):
        in_front = (roots[:, 2] > 25.0) & (np.abs(roots[:, 0]) < 57.0)
        # Cut into locks and to one side; a straight edge is a bowl's.
        slant, locks = (0.35, 9.0) if hair.style == "fringe" else (0.22, 6.0)
        edge = 74.0 + slant * np.sign(hair.parting) * roots[:, 0] + locks * ragged
        floor[in_front] = np.maximum(edge, 58.0)[in_front]
    return floor
