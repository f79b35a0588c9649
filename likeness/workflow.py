"""What a person does with a system. The command line and notebooks call the same functions.

Owns the order of things. How each is done is the layers'; ``assembly.py`` puts the parts together;
what is done with a dataset alone is ``datasets.py``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likeness import fitting
from likeness.assembly import (
    Predictor,
    build,
    checked_options,
    configuration_of,
    configure,
    local_input,
    open_run,
    plan_of,
)
from likeness.checks import tell_of_warm_ups
from likeness.config.document import provenance_to_dict, to_yaml
from likeness.config.resolve import Resolved
from likeness.data.inspection import Inspection
from likeness.errors import DataError, LikenessError, UsageError
from likeness.finished import advice_to_lengthen, nothing_left
from likeness.inspecting import inspect_changed, inspect_configured
from likeness.notices import NOTICE
from likeness.replacement import replacing_together
from likeness.resuming import Resumed, fetch_run, look_at
from likeness.runs.places import told_of_places
from likeness.runs.run import Run, check_name
from likeness.storage.files import disk_refusals, read_only_told, used_folder
from likeness.storage.store import is_remote, local_folder
from likeness.systems import get_system

if TYPE_CHECKING:
    from likeness.evaluation.protocol import Scores
    from likeness.export.bundle import Bundle
    from likeness.runs.checkpoint import Checkpoint
    from likeness.training.stage import Plan

__all__ = [
    "Evaluation",
    "Planned",
    "Predictor",
    "configuration_of",
    "configure",
    "evaluate",
    "export",
    "go_on",
    "plan_training",
    "predict",
    "report",
    "resume",
    "train",
]


logger = logging.getLogger(__name__)

_EXPORT_GIVEN = ("source_run", "checkpoint_sha256", "state")
"""What every exporter is told, and no person says."""
_OUTPUT = "name another place with --output"  # the remedy where a run can only be read


@dataclass(frozen=True)
class Planned:
    """What ``train`` would do."""

    resolved: Resolved
    plan: Plan
    inspection: Inspection


@dataclass(frozen=True)
class Evaluation:
    """Scores of one checkpoint on one split."""

    run: Run
    checkpoint: Checkpoint
    split: str
    scores: Scores
    folder: Path


def plan_training(
    system: str,
    *,
    profile: str | None = None,
    config_files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    runs: str | Path = "runs",
    name: str | None = None,
) -> Planned:
    """Everything ``train`` checks and decides, without training and without a run directory."""
    import torch

    if name is not None:
        check_name(name)
    chosen = {"profile": profile, "config_files": config_files, "overrides": overrides}
    resolved = configure(system, **chosen, begins=True)
    inspection = inspect_configured(resolved)
    built = build(resolved, device=torch.device("cpu"))
    plan = plan_of(built, resolved, world_size=1)
    fitting.check_fit(built, plan, resolved, local_folder(runs, "Runs are written"))
    tell_of_warm_ups(plan, resolved)
    fitting.tell_of_device(resolved.config.train.device)
    return Planned(resolved, plan, inspection)


def train(
    system: str,
    *,
    profile: str | None = None,
    config_files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    runs: str | Path = "runs",
    name: str | None = None,
    display: fitting.Display | None = None,
) -> Run:
    """Train a system in a new run directory ``<runs>/<system>/<name>-<time>``.

    Args:
        name: the profile's name when not given.
        display: shows progress.

    Raises:
        UsageError: the configuration has faults, or does not fit the system.
        MissingError: a weight, an asset or a device is not there.
        DataError: the dataset has errors.
    """
    from likeness.training import distributed

    if name is not None:
        check_name(name)
    runs = local_folder(runs, "Runs are written")
    resolved = configure(
        system, profile=profile, config_files=config_files, overrides=overrides, begins=True
    )
    process = distributed.start(resolved.config.train.device)
    inspection = inspect_configured(resolved) if process.is_first else Inspection("")
    built = build(resolved, device=process.device)
    plan = plan_of(built, resolved, world_size=process.world_size)
    fitting.check_fit(built, plan, resolved, runs)
    path = ""
    if process.is_first:
        tell_of_warm_ups(plan, resolved)
    with read_only_told("name another folder of runs with --runs"):
        if process.is_first:
            run = Run.create(
                runs,
                resolved.system,
                resolved.profile if name is None else name,
                to_yaml(resolved),
                provenance=provenance_to_dict(resolved),
                plan=plan.to_dict(),
                environment=fitting.environment_of(str(process.device)),
                inspection=inspection.to_dict(),
            )
            path = str(run.path)
        run = Run(distributed.from_first(path))
        return fitting.fit_run(built, plan, run, resolved, resume=False, display=display)


def resume(
    run: Run | str | Path,
    *,
    overrides: Sequence[str] = (),
    runs: str | Path = "runs",
    display: fitting.Display | None = None,
) -> Run:
    """Continue a run from its last undamaged checkpoint as if it had never stopped.

    One that is finished, and is asked for no more, stays as it is; :func:`go_on` says so.

    Args:
        run: a run, or the URI of the copy that ``storage.mirror`` made, which is fetched first.
        overrides: changes on top of the run's configuration, e.g. ``train.steps=5000``.
        runs: where a fetched run goes.

    Raises:
        UsageError: an override changes what cannot change, or a fetched run is here already.
        MissingError: its checkpoints are gone.
    """
    return go_on(run, overrides=overrides, runs=runs, display=display).run


def go_on(
    run: Run | str | Path,
    *,
    overrides: Sequence[str] = (),
    runs: str | Path = "runs",
    display: fitting.Display | None = None,
) -> Resumed:
    """As :func:`resume`, and what it says of a finished run where it does no step."""
    from likeness.runs import selection
    from likeness.runs.checkpoint import checkpoints
    from likeness.training import distributed

    address = run if isinstance(run, str) and is_remote(run) else ""
    if address:
        with read_only_told("name another folder of runs with --runs"):
            run = fetch_run(address, local_folder(runs, "Runs are written"), overrides)
    run = open_run(run)
    fitting.tell_of_environment(os.environ, is_fetched=bool(address))
    text = run.config_yaml
    before, saved, change, settings, reached, done = look_at(run, overrides)
    if done:
        if distributed.is_first_launched():
            logger.log(NOTICE, "%s", done)
            fitting.copy_again(run, settings.config)
        return Resumed(run, done)
    if is_remote(settings.config.data.root or ""):
        change.refuse()  # before data are fetched
    process = distributed.start(settings.config.train.device)
    try:
        with told_of_places(run, before.config):
            seen = inspect_changed(run, before, settings) if process.is_first else None
            built = build(settings, device=process.device)
            plan = plan_of(built, settings, world_size=process.world_size)
    except LikenessError:
        change.refuse()  # what the words of the caller say comes first
        raise
    # Before anything is written: a refused resume leaves the run as it was.
    old, steps = plan_of(built, before, world_size=process.world_size), settings.config.train.steps
    advice = advice_to_lengthen(run, old.to_dict(), before, steps)
    resolved = change.finish(plan, process.world_size, longer=advice)
    fitting.check_fit(built, plan, resolved, run.path.resolve().parent.parent)
    selection.check_score(run, resolved.config.train.best_score)
    if process.is_first:
        tell_of_warm_ups(plan, resolved, after=saved[-1].step if saved else 0)
    anew = fitting.described_anew(run, resolved, plan, seen, text=text, saved=saved)
    remedy = "copy the run to another one, and resume the copy"
    with read_only_told(remedy), anew if process.is_first else nullcontext():
        fitting.fit_run(built, plan, run, resolved, resume=True, display=display)
    if overrides and reached == run.status.step:  # other settings, but no step
        done = nothing_left(run, resolved, resolved, checkpoints(run))
    return Resumed(run, done)


def evaluate(
    run: Run | str | Path, *, checkpoint: str = "best", split: str = "test", ema: bool = True
) -> Evaluation:
    """Score a checkpoint on a split of the run's data, each score beside its baseline.

    The scores are kept in the run under ``evaluation/step-…/<split>/scores.json``.

    Args:
        checkpoint: ``best``, ``latest`` or a step.
        split: ``train``, ``validation`` or ``test``.
    """
    from likeness.data.source import Mixed
    from likeness.seeds import seed_of
    from likeness.training.random import seed_global

    if split not in ("train", "validation", "test"):
        raise UsageError(f"Expected the split train, validation or test, found '{split}'.")
    predictor = Predictor.with_data(run, checkpoint, ema=ema)
    with told_of_places(predictor.run, predictor.system.config):
        sources = {name: own for name, own in predictor.system.sources(split).items() if len(own)}
    if not sources:
        others = [
            f"--split {name}"
            for name in ("validation", "test", "train")
            if name != split and any(len(own) for own in predictor.system.sources(name).values())
        ]
        raise DataError(
            f"The data of {predictor.run.path} has no samples of the split '{split}'.",
            advice=f"Choose {' or '.join(others) or 'another --split'}, or hold out some for it in "
            "the dataset.",
        )
    source = next(iter(sources.values())) if len(sources) == 1 else Mixed(sources)
    folder = predictor.run.evaluation_folder(predictor.checkpoint.step) / split
    remedy = "copy the run to another one, and evaluate the copy"
    told = disk_refusals(folder, "write the evaluation")
    with read_only_told(remedy), told, replacing_together(folder) as whole:
        seed_global(seed_of("evaluate", split))  # the same draws every time
        scores = predictor.system.evaluate(predictor.model, source, whole)
        scores.save(whole / "scores.json")
    return Evaluation(predictor.run, predictor.checkpoint, split, scores, folder)


def predict(
    run: Run | str | Path,
    inputs: Sequence[str | Path],
    *,
    output: str | Path | None = None,
    checkpoint: str = "best",
    ema: bool = True,
    options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Run a trained model on files.

    Args:
        output: folder for what it makes; ``predictions`` in the run when not given.
        options: of the system's prediction.

    Returns:
        One row for each input, with the files written; ``error`` where it could not be used.
    """
    if not inputs:
        raise UsageError("There is nothing to predict.", advice="Name a file with --input.")
    run = open_run(run)
    function = get_system(configuration_of(run).system).load("predict")
    chosen = checked_options(function, options or {}, "prediction", taken=3)
    names = [str(local_input(item, "Predictions are made", "--input")) for item in inputs]
    predictor = Predictor.from_run(run, which=checkpoint, ema=ema)
    place = None if output is None else local_folder(output, "Predictions are written")
    folder = place or run.predictions_path
    with (
        read_only_told(_OUTPUT),
        disk_refusals(folder, "write the predictions"),
        used_folder(folder),
    ):
        try:
            rows: list[dict[str, Any]] = function(predictor.model, names, folder, **chosen)
        except IsADirectoryError as error:
            if str(error.filename) not in names:
                raise
            raise UsageError(
                f"{error.filename} is a folder; expected a file.",
                advice="Name the files in it, each with an --input of its own.",
            ) from error
    return rows


def export(
    run: Run | str | Path,
    target: str,
    *,
    output: str | Path | None = None,
    checkpoint: str = "best",
    ema: bool = True,
    options: Mapping[str, Any] | None = None,
) -> Bundle:
    """Write a bundle that has proved it equals the trained model.

    Args:
        output: the bundle's folder; ``exports/<target>`` in the run when not given.
        options: of the system's export to this target.
    """
    run = open_run(run)
    resolved = configuration_of(run)
    spec = get_system(resolved.system)
    if target not in spec.exporters:
        near = get_close_matches(target, spec.exporters, n=1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise UsageError(
            f"{spec.name} cannot be exported to '{target}'.",
            advice=f"{hint}There are: {', '.join(spec.exporters) or 'none'}.",
        )
    function = spec.load(f"exporters.{target}")
    section = getattr(resolved.config, "export", None)
    settings = section.model_dump() if section is not None else {}
    given = (*_EXPORT_GIVEN, *settings)
    chosen = checked_options(function, options or {}, f"'{target}'", taken=2, given=given)
    predictor = Predictor.from_run(run, which=checkpoint, ema=ema)
    place = None if output is None else local_folder(output, "Bundles are written")
    with read_only_told(_OUTPUT):
        bundle: Bundle = function(
            predictor.model,
            place or run.export_folder(target),
            source_run=str(run.path),
            checkpoint_sha256=predictor.checkpoint.hash,
            state=predictor.checkpoint.state(),
            **settings,
            **chosen,
        )
    return bundle


def report(run: Run | str | Path, *, output: str | Path | None = None) -> Path:
    """Build the page of a run from its directory alone; returns where it lies."""
    from likeness.report.page import build_report

    place = None if output is None else local_folder(output, "Reports are written")
    with read_only_told(_OUTPUT):
        return build_report(open_run(run), output=place)
