"""The curves of a run: which numbers of its metrics are drawn together, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from likeness.report.charts import Band, Series, line_chart
from likeness.report.contents import Contents
from likeness.report.markup import details

_TITLES = {
    "grad_norm": ("gradient norm", ""),
    "samples_per_second": ("speed", "samples/s"),
    "data_wait_fraction": ("time spent waiting for data", "share"),
    "memory_gigabytes": ("highest memory use", "GB"),
}
_HIDDEN = {"step", "time", "stage", "nonfinite"}


def curves(contents: Contents) -> str:
    """All charts of a run: losses, then what steers training, then whatever else was logged."""
    series = metric_series(contents.metrics)
    bands = stage_bands(contents)

    def group(prefix: str) -> list[Series]:
        return [
            Series(name.removeprefix(prefix), s.x, s.y)
            for name, s in series.items()
            if name.startswith(prefix)
        ]

    raw = [s for s in group("loss/") if s.name != "total"]
    total = [s for s in group("loss/") if s.name == "total"]
    main = line_chart(
        "Loss, each term times its weight", total + group("loss_weighted/"), bands=bands, wide=True
    )
    terms = [line_chart(f"{s.name}, unweighted", [s], bands=bands) for s in raw]
    steering = [line_chart("Learning rate", group("lr/"), bands=bands, smooth=False)]
    for name, (title, unit) in _TITLES.items():
        if name in series:
            chart = line_chart(title.capitalize(), [series[name]], unit=unit, bands=bands)
            steering.append(chart)
    shown = ("loss/", "loss_weighted/", "lr/", "score/")
    others = [
        line_chart(name, [s], bands=bands)
        for name, s in series.items()
        if not name.startswith(shown) and name not in _TITLES
    ]
    return (
        _charts([main, *terms, *steering])
        + (details("Everything else that was logged", _charts(others)) if any(others) else "")
        + _skipped(contents.metrics)
    )


def metric_series(rows: Iterable[dict[str, Any]]) -> dict[str, Series]:
    """Every number of the metrics by name, in order of first appearance; null is a gap."""
    columns: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name in _HIDDEN or not (value is None or _is_number(value)):
                continue
            steps, values = columns.setdefault(name, ([], []))
            steps.append(float(row["step"]))
            values.append(float("nan") if value is None else float(value))
    return {name: Series(name, np.array(x), np.array(y)) for name, (x, y) in columns.items()}


def stage_bands(contents: Contents) -> list[Band]:
    """The stages of the plan as ranges of steps."""
    return [
        Band(str(s.get("name", "")), float(s["first_step"]), float(s["end_step"]))
        for s in contents.stages
        if _is_number(s.get("first_step")) and _is_number(s.get("end_step"))
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _charts(charts: Iterable[str]) -> str:
    body = "".join(charts)
    return f'<div class="charts">{body}</div>' if body else ""


def _skipped(rows: Iterable[dict[str, Any]]) -> str:
    """How many steps were skipped because a number was not finite."""
    steps = [row["step"] for row in rows if row.get("nonfinite")]
    if not steps:
        return ""
    some = ", ".join(str(int(step)) for step in steps[:10]) + (" …" if len(steps) > 10 else "")
    return (
        f'<p class="warning">Steps skipped because a loss or gradient was not finite: '
        f"{len(steps)} ({some}).</p>"
    )
