"""What training changes from step to step, into a checkpoint and back.

Also says what may not change between the two. Files and folders are ``runs/checkpoint.py``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from likeness.data.source import Mixed
from likeness.errors import DataError, UsageError
from likeness.runs import checkpoint, selection
from likeness.runs.checkpoint import Checkpoint, Progress, has_checkpoints
from likeness.runs.run import Run
from likeness.training import optimizer
from likeness.training.distributed import Process, collect, from_first
from likeness.training.ema import Average
from likeness.training.groups import Groups
from likeness.training.interval import Interval, merged
from likeness.training.precision import Precision
from likeness.training.settings import TrainSettings
from likeness.training.stage import Plan, PlannedStage
from likeness.training.system import System

logger = logging.getLogger(__name__)


@dataclass
class Counters:
    """How far training is."""

    step: int = 0
    """Steps done."""
    samples_seen: int = 0
    """Over all processes."""
    updates: int = 0
    """Steps whose update was applied."""
    skipped_in_row: int = 0
    """Steps without an update since the last one with."""


class TrainingState:
    """Weights, their average, the optimiser's memory, counters and the open logging interval.

    Args:
        saved: the checkpoint to continue from; None: the system as it is initialised.

    Raises:
        UsageError: the plan names groups the system does not have, or the checkpoint does not fit.
    """

    def __init__(
        self,
        system: System,
        plan: Plan,
        settings: TrainSettings,
        process: Process,
        saved: Checkpoint | None,
    ) -> None:
        self._system, self._plan, self._settings, self._process = system, plan, settings, process
        self.precision = Precision(settings.precision, process.device)
        self.counters, self.interval = Counters(), Interval()
        self._saved, self._data = saved, ""
        if saved is not None:
            check(saved.progress, plan, settings, process)
            # First of all: it may decide what the modules look like.
            system.load_state(saved.state())
            self._load_counters(saved.progress)
        else:
            system.initialise()
        self.groups = Groups(system.trainable())
        self.groups.check(plan)
        if saved is not None:
            self.groups.load(saved.weights())
        self.average: Average | None = None
        if settings.ema_decay > 0 and process.is_first:
            self.average = Average(self.groups.parameters(), decay=settings.ema_decay)
            if saved is not None and saved.has_ema:
                self.average.load(saved.weights(ema=True))
        self.planned = plan.at(self.counters.step)
        self.optimizer = self._activated()
        if saved is not None:
            content = saved.optimizer()
            try:
                self.precision.scaler.load_state_dict(content["scaler"])
                if self.counters.step > self.planned.first_step or self._keeps_memory():
                    optimizer.load_moments(self.optimizer, content["moments"])
            except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
                raise DataError(
                    f"{saved.path / 'optimizer.pt'} does not hold the memory of this optimiser: "
                    f"{type(error).__name__}: {error}.",
                    advice="Restore the checkpoint from a copy, or remove its folder to continue "
                    "from the one before it.",
                ) from error

    def open_data(self) -> Mixed:
        """The training sources end to end; a change since the checkpoint is reported."""
        source = Mixed(self._system.sources("train"))
        self._data = source.fingerprint()
        if self._saved is not None and self._data != self._saved.progress.data:
            logger.warning(
                "The training data changed since step %d: training goes on with what is there now, "
                "but the result is not that of an uninterrupted run.",
                self._saved.step,
            )
        return source

    def begin(self, planned: PlannedStage) -> None:
        """Go on to another stage: what learns, and an optimiser with or without the old memory."""
        memory = optimizer.moments(self.optimizer)
        self.planned = planned
        self.optimizer = self._activated()
        if self._keeps_memory():
            optimizer.load_moments(self.optimizer, memory)

    def _activated(self) -> torch.optim.Optimizer:
        """The current stage's groups set to learn, and an optimiser of them without memory."""
        self.groups.activate(self.planned.stage)
        fused = self._process.device.type == "cuda"
        return optimizer.build(self.groups.modules, self._settings, fused=fused)

    def _keeps_memory(self) -> bool:
        return self.planned.stage.optimizer == "keep"

    def averaged(self) -> dict[str, Tensor] | None:
        """The averaged parameters with the buffers as they are; None when no average is kept."""
        if self.average is None:
            return None
        return {**self.groups.tensors(), **self.average.weights()}

    def save(self, run: Run, *, fingerprint: str) -> None:
        """A checkpoint of this moment, written by the first process; to be called by all."""
        tables = collect(self.interval.table)
        if not self._process.is_first:
            return
        counters, settings, last = (
            self.counters,
            self._settings,
            self._plan.at(self.counters.step - 1),
        )
        progress = Progress(
            step=counters.step,
            stage=last.stage.name,
            stage_first_step=last.first_step,
            samples_seen=counters.samples_seen,
            seed=settings.seed,
            sampling=settings.sampling,
            optimizer=settings.optimizer,
            batch_size=last.batch_size,
            accumulation=settings.accumulation,
            world_size=self._process.world_size,
            updates=counters.updates,
            skipped_in_row=counters.skipped_in_row,
            recording=tuple(tables),
            best_score=settings.best_score,
            fingerprint=fingerprint,
            data=self._data,
        )
        checkpoint.save(
            run,
            progress,
            weights=self.groups.tensors(),
            ema=self.averaged(),
            optimizer={
                "moments": optimizer.moments(self.optimizer),
                "scaler": self.precision.scaler.state_dict(),
            },
            state=self._system.state(),
        )

    def _load_counters(self, progress: Progress) -> None:
        self.counters = Counters(
            progress.step, progress.samples_seen, progress.updates, progress.skipped_in_row
        )
        if len(progress.recording) == self._process.world_size:
            self.interval = Interval(progress.recording[self._process.rank])
        elif self._process.is_first:  # the number of processes changed: one goes on with all of it
            self.interval = Interval(merged(progress.recording))


def latest(run: Run) -> Checkpoint | None:
    """The last undamaged checkpoint, the same on every process; None when there is none yet.

    Raises:
        MissingError: there were some, and they are gone.
    """
    selection.check_kept(run)
    found = selection.find(run) if has_checkpoints(run) else None
    step = from_first(None if found is None else found.step)
    if step is None:
        logger.warning("%s was ended before its first checkpoint: starting anew.", run.path)
        return None
    return found if found is not None and found.step == step else selection.find(run, step)


FIXED_BY_STEPS = ("seed", "sampling", "optimizer")
"""Settings of the loop that the first step decides: the order of samples, the kind of memory."""


def check(record: Progress, plan: Plan, settings: TrainSettings, process: Process) -> None:
    """Refuse to continue where the result could not be that of one uninterrupted run.

    Raises:
        UsageError: naming every setting, its value then and now.
    """
    faults = [
        f"train.{name} cannot change on resume: the run has {then}, found {now}."
        for name in FIXED_BY_STEPS
        if (then := getattr(record, name)) != (now := getattr(settings, name))
    ]
    faults += [fault.message for fault in plan_faults(record, plan, settings, process.world_size)]
    if faults:
        raise UsageError(
            "\n".join(faults), advice="Leave these settings as they were, or start a new run."
        )


class PlanFault(NamedTuple):
    """Why a plan does not go on from where a run is."""

    message: str
    settings: tuple[str, ...] = ()
    """Names of those it is about, of the loop or a stage; none: the lengths of stages."""


def plan_faults(
    record: Progress, plan: Plan, settings: TrainSettings, world_size: int
) -> list[PlanFault]:
    """Everything for which a plan does not go on from where a run is; empty when it does."""
    if record.step > plan.total_steps:
        told = (
            f"The run has done {record.step} steps, more than the {plan.total_steps} now planned."
        )
        return [PlanFault(told)]
    last = plan.at(record.step - 1)
    if (last.stage.name, last.first_step) != (record.stage, record.stage_first_step):
        told = (
            f"The stages changed: step {record.step} belongs to stage '{record.stage}' from step "
            f"{record.stage_first_step}, and is now planned in '{last.stage.name}' from step "
            f"{last.first_step}."
        )
        return [PlanFault(told)]
    then = record.batch_size * record.accumulation * record.world_size
    now = last.batch_size * settings.accumulation * world_size
    if record.step == last.end_step or then == now:  # the next stage starts its own order
        return []
    told = (
        "The samples per step cannot change within a stage: train.batch_size x "
        f"train.accumulation x processes was {record.batch_size} x {record.accumulation} x "
        f"{record.world_size} = {then}, found {last.batch_size} x {settings.accumulation} x "
        f"{world_size} = {now}; with fewer processes, raise train.accumulation in proportion."
    )
    return [PlanFault(told, ("batch_size", "accumulation"))]
