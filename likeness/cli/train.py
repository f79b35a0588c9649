"""Verbs that train: train, resume; the progress shown meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likeness.cli.console import (
    INTERRUPTED,
    Answer,
    Failure,
    is_quiet,
    print_table,
    print_text,
    stderr_console,
    verb,
)
from likeness.cli.progress import duration, progress_columns, working
from likeness.cli.reader import read_or_not

if TYPE_CHECKING:
    from likeness.runs.run import Run
    from likeness.training.stage import Plan

Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Settings, e.g. train.steps=2000."),
]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="A named configuration.")]
ConfigOption = Annotated[
    list[Path] | None,
    typer.Option("--config", metavar="FILE", help="A YAML file; may be given several times."),
]

# Text: a path would lose a slash of the address that a message is to name.
RunsOption = Annotated[str, typer.Option("--runs", help="Folder of all runs.")]


@verb
def train(
    system: Annotated[str, typer.Argument(help="What to train; see 'likeness systems'.")],
    overrides: Overrides = None,
    profile: ProfileOption = None,
    config: ConfigOption = None,
    runs: RunsOption = "runs",
    name: Annotated[str | None, typer.Option("--name", help="Begins the run's name.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and show the plan only.")
    ] = False,
) -> Answer:
    """Train a system in a new run directory."""
    from likeness import workflow

    chosen: dict[str, Any] = {
        "profile": profile,
        "config_files": config or [],
        "overrides": overrides or [],
    }
    if dry_run:
        with working("Checking the configuration and the data"):
            planned = workflow.plan_training(system, **chosen, runs=runs, name=name)
        return _planned_answer(planned)
    run = workflow.train(system, **chosen, runs=runs, name=name, display=show_progress)
    return _trained_answer(run)


@verb
def resume(
    run: Annotated[str, typer.Argument(help="The run directory, or the URI of its copy.")],
    overrides: Overrides = None,
    runs: RunsOption = "runs",
) -> Answer:
    """Continue a run as if it had never stopped."""
    from likeness import workflow

    resumed, done = workflow.go_on(run, overrides=overrides or [], runs=runs, display=show_progress)
    answer = _trained_answer(resumed)
    return replace(answer, document={**answer.document, "nothing_to_do": done}) if done else answer


def _planned_answer(planned: Any) -> Answer:
    from likeness.config.document import explain

    plan = planned.plan.to_dict()
    kept = {stage["name"] for stage in plan["stages"]}
    left_out = [s.name for s in planned.resolved.config.stages if s.name not in kept]
    document = {
        "system": planned.resolved.system,
        "profile": planned.resolved.profile,
        "plan": plan,
        "left_out": left_out,
        "inspection": planned.inspection.to_dict(),
        "config": explain(planned.resolved),
    }

    def show() -> None:
        rows = [
            (
                stage["name"],
                f"{stage['first_step']}–{stage['end_step']}",
                stage["batch_size"],
                ", ".join(f"{term} {_weight(w)}" for term, w in stage["weights"].items()),
                "all" if stage["groups"] is None else ", ".join(stage["groups"]),
            )
            for stage in plan["stages"]
        ]
        title = f"{document['system']}, profile {document['profile']}: {plan['total_steps']} steps"
        print_table(("stage", "steps", "batch", "weights", "learns"), rows, title=title)
        if left_out:
            print_text(f"left out, without a step: {', '.join(left_out)}")
        counts = ", ".join(f"{n} {name}" for name, n in planned.inspection.counts.items())
        print_text(f"data: {planned.inspection.uri}: {counts}")

    return Answer(document, show)


def _weight(weight: Any) -> str:
    if isinstance(weight, Mapping):
        return f"{weight['start']:g}→{weight['end']:g}"
    return f"{weight:g}"


def _trained_answer(run: Run) -> Answer:
    from likeness.runs.files import read_scores

    status = run.status
    steps = run.evaluation_steps()
    scores: list[dict[str, Any]] = []
    if steps:
        path = run.evaluation_folder(steps[-1]) / "scores.json"
        scores = read_scores(path)
    document = {
        "run": str(run.path),
        "status": status.status,
        "step": status.step,
        "scores": scores,
    }

    def show() -> None:
        early = f", early: {status.reason}" if status.reason else ""
        print_text(f"{run.path}: {status.status} at step {status.step}{early}")
        if scores:
            show_scores(scores)
        next_step = f"Next: likeness evaluate {quote(str(run.path))}"
        print_text(next_step if stopped is None else stopped.advice)

    stopped = None
    if status.status == "stopped":
        told = f"A signal stopped {run.path} after step {status.step}, which is saved."
        advice = f"Continue with: likeness resume {quote(str(run.path))}"
        stopped = Failure(told, advice, INTERRUPTED)
    return Answer(document, show, stopped)


def show_scores(scores: list[dict[str, Any]]) -> None:
    """A table of scores, each beside its baseline."""
    rows = [
        (
            score["name"],
            score["value"],
            score["unit"],
            f"{score['direction']} is better",
            score["baseline"],
            score["baseline_name"],
            score["count"],
        )
        for score in scores
    ]
    columns = ("score", "value", "unit", "", "baseline", "of", "samples")
    print_table(columns, rows)


class ProgressBar:
    """A bar with rate and time left on a terminal."""

    def __init__(self, plan: Plan, started: int) -> None:
        from rich.progress import Progress, TextColumn

        self._plan, self._numbers = plan, ""
        self._progress = Progress(
            *progress_columns(),
            TextColumn("{task.fields[numbers]}"),
            console=stderr_console(),
        )
        name = plan.at(started).stage.name
        self._task = self._progress.add_task(
            name, total=plan.total_steps, completed=started, numbers=""
        )
        self._progress.start()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        stage = self._plan.at(max(step - 1, 0)).stage.name
        self._numbers = _numbers(values) or self._numbers
        self._progress.update(self._task, completed=step, description=stage, numbers=self._numbers)

    def media(self, step: int, name: str, path: Path) -> None:
        """Nothing: a terminal shows no pictures."""

    def close(self) -> None:
        self._progress.stop()


class ProgressLines:
    """A plain line from time to time where there is no terminal.

    Rate and time left are those of the steps since the first numbers: the steps before start
    processes and compile.
    """

    def __init__(self, plan: Plan, *, every_seconds: float = 5.0) -> None:
        self._plan, self._every = plan, every_seconds
        self._first: tuple[int, float] | None = None
        self._last = float("-inf")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        now = time.monotonic()
        numbers = _numbers(values)
        done = step >= self._plan.total_steps
        if not numbers:
            return
        first, since = self._first = self._first or (step, now)
        if not (done or now - self._last >= self._every):
            return
        self._last = now
        stage = self._plan.at(max(step - 1, 0)).stage.name
        line = f"step {step}/{self._plan.total_steps} {stage} {numbers}"
        if step > first:
            rate = (step - first) / max(now - since, 1e-9)
            left = duration((self._plan.total_steps - step) / rate)
            line += f" {rate:.2f} steps/s, {left} left"
        with read_or_not():
            stderr_console().print(line, soft_wrap=True)

    def media(self, step: int, name: str, path: Path) -> None:
        """Nothing: lines show no pictures."""

    def close(self) -> None:
        """Nothing is open."""


def show_progress(run: Run, plan: Plan) -> Any:
    """The display that fits where standard error goes."""
    from likeness.runs import checkpoint, selection

    if is_quiet():
        return None
    # Where it goes on, which after a kill is not where it was.
    started = selection.find(run).step if checkpoint.has_checkpoints(run) else 0
    with read_or_not():
        stderr_console().print(f"run {run.path}", soft_wrap=True)
    return ProgressBar(plan, started) if sys.stderr.isatty() else ProgressLines(plan)


def rate_text(rate: float) -> str:
    """Three digits, and no exponent for large rates."""
    return f"{rate:,.0f}" if rate >= 1000 else f"{rate:.3g}"


def _numbers(values: Mapping[str, float]) -> str:
    """The loss and the rate of a line of metrics; empty for other lines."""
    if "loss/total" not in values:
        return ""
    text = f"loss {values['loss/total']:.4g}"
    if "samples_per_second" in values:
        text += f", {rate_text(values['samples_per_second'])} samples/s"
    return text
