"""The verb that looks at a run while it trains, or afterwards: losses, rates, memory, time left.

Reads the run directory only, so it works from another terminal, or from another machine that sees
the files.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likeness.cli.console import Answer, Failure, stdout_console, verb
from likeness.cli.data import DATA_ERRORS
from likeness.cli.gpus import read_gpus
from likeness.cli.progress import duration
from likeness.cli.reader import for_reader
from likeness.cli.train import rate_text
from likeness.errors import DataError, LikenessError

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from likeness.runs.run import Run

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 32
"""Characters of a sparkline."""
_WIDEST_BAR = 60


@verb
def watch(
    run: Annotated[str, typer.Argument(help="The run directory.")],
    once: Annotated[bool, typer.Option("--once", help="Show one frame and end.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between frames.")] = 1.0,
) -> Answer:
    """Watch a run: loss terms, rate, time left, memory. Ctrl-C ends watching, not the run."""
    from likeness.assembly import open_run
    from likeness.cli.console import is_quiet

    watched = open_run(run)
    if not once and not is_quiet():
        _follow(watched, every)
    frame = read_frame(watched)

    def show() -> None:
        if once:
            with for_reader():
                stdout_console().print(render(frame))

    told = " ".join(frame["damaged"])
    advice = "Restore these files from a copy, or resume the run."
    return Answer(frame, show, Failure(told, advice, DATA_ERRORS) if told else None)


def _follow(run: Run, every: float) -> None:
    """Show frames until the run ends or Ctrl-C; plain lines where there is no terminal."""
    from rich.console import Console
    from rich.live import Live

    # What a verb prints meanwhile goes to standard error; a live view needs the terminal itself.
    console = Console(file=sys.__stdout__, highlight=False)
    with contextlib.suppress(KeyboardInterrupt):
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                for frame in _frames(run, every):
                    live.update(render(frame), refresh=True)
        else:
            for frame in _frames(run, every):
                with for_reader(sys.__stdout__):
                    console.print(_line(frame), soft_wrap=True)


def _frames(run: Run, every: float) -> Iterator[dict[str, Any]]:
    """A frame whenever something happened, until the run has ended."""
    shown: tuple[Any, ...] | None = None
    while True:
        frame = read_frame(run)
        now = (frame["status"], frame["abandoned"], frame["step"], frame["evaluated_at"])
        if now != shown:
            yield frame
            shown = now
        if frame["status"] not in ("planned", "running") or frame["abandoned"]:
            return
        time.sleep(every)


def _line(frame: Mapping[str, Any]) -> str:
    """A frame in one line."""
    terms = ", ".join(f"{term['name']} {_number(term['raw'])}" for term in frame["terms"][:4])
    state = "killed" if frame["abandoned"] else frame["status"]
    early = f" (early: {frame['reason']})" if frame["reason"] else ""
    place = f"{state}, step {frame['step']}/{frame['total_steps']}{early}"
    return f"{place}  {terms}  {_speed(frame)}".rstrip()


def read_frame(run: Run) -> dict[str, Any]:
    """Everything a frame shows, as a JSON document; what cannot be read is named in ``damaged``."""
    from likeness.runs.files import read_scores
    from likeness.runs.record import read_metrics
    from likeness.runs.status import Status

    damaged: list[str] = []

    def read_or(reading: Callable[[], Any], instead: Any) -> Any:
        try:
            return reading()
        except LikenessError as error:
            damaged.append(error.message)
            return instead

    known = read_or(lambda: run.status, None)
    status = known or Status("planned")
    plan = read_or(lambda: _read_plan(run), {})
    rows = [row for row in map(_numbers, read_metrics(run.metrics_path)) if "loss/total" in row]
    total = int(plan.get("total_steps") or status.total_steps)
    last = rows[-1] if rows else {}
    step = max(status.step, int(last.get("step", 0)))
    rate = steps_per_second(rows)
    scores: list[dict[str, Any]] = []
    steps = run.evaluation_steps()
    if steps:
        path = run.evaluation_folder(steps[-1]) / "scores.json"
        scores = read_or(lambda: read_scores(path), [])
    running = status.status == "running" and not status.is_abandoned
    return {
        "run": str(run.path),
        "damaged": damaged,
        "status": "unknown" if known is None else status.status,
        "abandoned": status.is_abandoned,
        "failed_with": status.error,
        "reason": status.reason,
        "step": step,
        "total_steps": total,
        "stage": _stage_at(plan.get("stages", []), step),
        "stages": len(plan.get("stages", [])),
        "terms": _terms(rows),
        "learning_rates": _with_prefix(last, "lr/"),
        "grad_norm": last.get("grad_norm"),
        "steps_per_second": rate,
        "samples_per_second": last.get("samples_per_second"),
        "data_wait_fraction": last.get("data_wait_fraction"),
        "memory_gigabytes": last.get("memory_gigabytes"),
        "seconds_left": (total - step) / rate if rate and running else None,
        "seconds_since_update": max(time.time() - status.updated, 0.0) if known else None,
        "gpus": read_gpus() if running else [],
        "evaluated_at": steps[-1] if steps else None,
        "scores": scores,
    }


def steps_per_second(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Median over the last lines of a stage, so that pauses between them do not count."""
    stages = [row.get("stage") for row in rows[-12:]]
    of_stage = stages.count(stages[-1]) if stages else 0
    recent = rows[-max(of_stage, 2) :]  # its first line tells little of how long its steps take
    rates = [
        (new["step"] - old["step"]) / (new["time"] - old["time"])
        for old, new in pairwise(recent)
        if new["time"] > old["time"] and new["step"] > old["step"]
    ]
    return statistics.median(rates) if rates else None


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """A curve in one line of text: means of equal parts, lowest to highest."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    means = [statistics.fmean(values[first:end]) for first, end in pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return _BLOCKS[0] * count
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value - low) / (high - low) * top)] for value in means)


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of metrics without what no curve can show; null stands for what was not finite."""
    return {
        name: value
        for name, value in row.items()
        if value is None or (isinstance(value, (int, float)) and math.isfinite(value))
    }


def _terms(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Total first, then the terms by weighted size: last value, weighted value, curve."""
    if not rows:
        return []
    last = rows[-1]
    found = []
    for name, value in _with_prefix(last, "loss/").items():
        weighted = last.get(f"loss_weighted/{name}")
        history = [row[f"loss/{name}"] for row in rows if row.get(f"loss/{name}") is not None]
        found.append(
            {
                "name": name,
                "raw": value,
                "weighted": value if name == "total" else weighted,
                "curve": sparkline(history),
            }
        )
    return sorted(found, key=lambda term: (term["name"] != "total", -abs(term["weighted"] or 0)))


def _with_prefix(row: Mapping[str, Any], prefix: str) -> dict[str, float]:
    return {
        name[len(prefix) :]: value
        for name, value in row.items()
        if name.startswith(prefix) and value is not None
    }


def _read_plan(run: Run) -> dict[str, Any]:
    """The plan of a run, as far as frames show it.

    Raises:
        DataError: the file is damaged, or no plan.
    """
    plan = run.read("plan")
    stages = plan.get("stages", [])
    if not (
        isinstance(plan.get("total_steps", 0), int)
        and isinstance(stages, list)
        and all(map(_is_stage, stages))
    ):
        raise DataError(
            f"{run.path / 'plan.json'} is not a plan as written by this version: expected "
            "'total_steps', and 'name', 'first_step' and 'end_step' of each of its 'stages'.",
            advice="Resume the run, which writes it anew, or restore it from a copy.",
        )
    return plan


def _is_stage(stage: Any) -> bool:
    return (
        isinstance(stage, Mapping)
        and isinstance(stage.get("name"), str)
        and isinstance(stage.get("first_step"), int)
        and isinstance(stage.get("end_step"), int)
    )


def _stage_at(stages: Sequence[Mapping[str, Any]], step: int) -> dict[str, Any] | None:
    """The stage the last step done belongs to; its index counts the stages that are trained."""
    for index, stage in enumerate(stages):
        if step <= stage["end_step"]:
            return {
                "name": stage["name"],
                "index": index,
                "first_step": stage["first_step"],
                "end_step": stage["end_step"],
            }
    return None


@dataclass(frozen=True)
class _Bar:
    """How much of a run is done, no wider than its window."""

    share: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        width = min(_WIDEST_BAR, options.max_width)
        full = round(width * self.share)
        yield Text("█" * full + "░" * (width - full))


def render(frame: Mapping[str, Any]) -> RenderableType:
    """A frame for people."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = [Text(frame["run"], style="bold")]
    state = frame["status"]
    if frame["abandoned"]:
        state = "killed (its process is gone; 'likeness resume' continues it)"
    step, total = frame["step"], frame["total_steps"]
    stage = frame["stage"]
    where = f", stage {stage['index'] + 1}/{frame['stages']} {stage['name']}" if stage else ""
    percent = f" ({100 * step / total:.0f} %)" if total else ""
    parts.append(Text(f"{state}, step {step}/{total}{percent}{where}"))
    if frame["reason"]:
        parts.append(Text(f"ended early: {frame['reason']}"))
    parts += [
        Text(words, style="red") for words in (frame["failed_with"], *frame["damaged"]) if words
    ]
    parts.append(_Bar(min(step / total, 1.0) if total else 0.0))
    parts.append(Text(_speed(frame)))
    for gpu in frame["gpus"]:
        parts.append(
            Text(
                f"GPU {gpu['index']} {gpu['name']}: {_or_dash(gpu['load_percent'])} % busy, "
                f"{_or_dash(gpu['memory_gigabytes'])}/{_or_dash(gpu['total_gigabytes'])} GB"
            )
        )
    if frame["terms"]:
        table = Table(box=None, pad_edge=False)
        for column, side in (("term", "left"), ("raw", "right"), ("weighted", "right")):
            table.add_column(column, justify=side, no_wrap=True)  # type: ignore[arg-type]
        # In a narrow window the curve gives way, and not the names and numbers.
        table.add_column("since the start", overflow="crop")
        for term in frame["terms"]:
            values = (_number(term["raw"]), _number(term["weighted"]), term["curve"])
            table.add_row(term["name"], *values)
        parts += [Text(""), table]
    else:
        parts.append(Text("No metrics yet."))
    if frame["scores"]:
        table = Table(box=None, pad_edge=False)
        for column in (f"scores at step {frame['evaluated_at']}", "value", "unit", "baseline"):
            table.add_column(column)
        for score in frame["scores"]:
            baseline = _number(score["baseline"])
            table.add_row(score["name"], _number(score["value"]), score["unit"], baseline)
        parts += [Text(""), table]
    return Group(*parts)


def _speed(frame: Mapping[str, Any]) -> str:
    """Rates, time left, memory, learning rates in one line; what is unknown is left out."""
    rates = ", ".join(f"{name} {rate:.3g}" for name, rate in frame["learning_rates"].items())
    wait = frame["data_wait_fraction"]
    left = frame["seconds_left"]
    steps, samples = (
        None if rate is None else rate_text(rate)
        for rate in (frame["steps_per_second"], frame["samples_per_second"])
    )
    facts = (
        (steps, "{} steps/s"),
        (samples, "{} samples/s"),
        (None if left is None else duration(left), "{} left"),
        (frame["memory_gigabytes"], "{:.2f} GB memory"),
        (None if wait is None else 100 * wait, "{:.0f} % waiting for data"),
        (frame["grad_norm"], "gradient {:.3g}"),
        (rates or None, "learning rate {}"),
    )
    return "  ".join(text.format(value) for value, text in facts if value is not None)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
