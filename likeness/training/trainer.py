"""The loop: one for every system. It knows batches, loss terms, steps and files, and no faces.

Owns the order of things. What a term means is the system's business; how a part works is in the
sibling modules.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Literal

import torch
import yaml
from torch import nn

from likeness.data.loader import Loader, MicroBatch, move
from likeness.data.sampler import Sampler, StageOrder
from likeness.data.source import Mixed
from likeness.errors import UsageError
from likeness.runs import checkpoint
from likeness.runs.record import Recorder, Tracker, TrackingSettings
from likeness.runs.run import Run
from likeness.runs.trackers import open_trackers
from likeness.storage.store import Store
from likeness.training import distributed, divergence, early_end, optimizer
from likeness.training.cadence import due_after
from likeness.training.interrupt import Interrupt
from likeness.training.interval import Speed, StepValues, means, merged
from likeness.training.looking import Observer
from likeness.training.random import seed_micro_batch
from likeness.training.settings import TrainSettings
from likeness.training.stage import Plan, PlannedStage
from likeness.training.state import Counters, TrainingState, latest
from likeness.training.system import StepContext, System
from likeness.training.terms import weighted_total
from likeness.training.upkeep import Upkeep

if TYPE_CHECKING:
    from likeness.evaluation.protocol import Scores

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How training ended."""

    status: Literal["finished", "stopped"]
    """``stopped``: a signal asked for it; everything is saved and the caller exits with 130."""
    step: int
    scores: Scores | None
    """Of the last evaluation this call made; on the first process only."""


def fit(
    system: System,
    plan: Plan,
    run: Run,
    settings: TrainSettings,
    *,
    resume: bool = False,
    tracking: TrackingSettings | None = None,
    trackers: Sequence[Tracker] = (),
    fingerprint: str = "",
    store: Store | None = None,
) -> Outcome:
    """Train a system according to a plan, keeping everything in a run directory.

    Call ``distributed.start`` first and build the system on the device it gives. Every process
    calls this with the same arguments; only the first one writes.

    Args:
        resume: continue from the last undamaged checkpoint of ``run``, or from the start when it
            was killed before its first one. On a CPU, with as many threads, the result equals that
            of an uninterrupted run bit for bit.
        tracking: mirrors of the metrics.
        trackers: others that are told the metrics, e.g. a progress display; closed at the end.
        fingerprint: of the configuration; kept in the checkpoints.
        store: receives a copy of the run after each checkpoint.

    Raises:
        UsageError: plan, groups or settings do not fit the system or the run.
        MissingError: the checkpoints to continue from are gone.
        DivergedError: too many steps in a row, or the weights, were not finite.
    """
    plan.check_names(terms=system.loss_terms)
    if not resume and checkpoint.has_checkpoints(run):
        raise UsageError(
            f"{run.path} has been trained already; its checkpoints are not overwritten.",
            advice=f"Start a new run, or continue it with: likeness resume {quote(str(run.path))}",
        )
    loop = _Loop(system, plan, run, settings, fingerprint=fingerprint, store=store)
    with ExitStack() as stack:
        if loop.process.is_first:
            stack.enter_context(run.held())
            stack.enter_context(run.log_to_file())
        interrupt = stack.enter_context(Interrupt())
        try:
            loop.start(resume=resume)
            step = loop.counters.step
            if loop.process.is_first:
                run.forget_after(step)
            loop.find_reason()  # a run that had ended early has not got better by being resumed
            if loop.process.is_first:
                mirrors: list[Tracker] = []  # each opening leaves a file, or a run at a service
                if step < plan.total_steps and not loop.reason:
                    config = yaml.safe_load(run.config_yaml) or {}
                    mirrors = open_trackers(
                        run, tracking or TrackingSettings(), step=step, config=config
                    )
                loop.recorder = stack.enter_context(
                    Recorder(run.metrics_path, step=step, trackers=[*mirrors, *trackers])
                )
                loop.observer = Observer(system, run, loop.recorder, settings, plan, step)
            status = loop.train(interrupt)
        except BaseException as error:
            for tracker in trackers if loop.recorder is None else ():
                tracker.close()  # the recorder would have
            if loop.has_begun or not resume:  # a refused resume leaves the run as it was
                with suppress(UsageError):  # of a full disk: the first error is the one to tell
                    told = f"{type(error).__name__}: {error}"
                    loop.upkeep.tell("failed", loop.counters.step, error=told)
            raise
    # The run has ended well, whatever becomes of its copy.
    loop.upkeep.copy(must_succeed=status == "finished")
    return Outcome(status, loop.counters.step, loop.scores)


class _Loop:
    """One call of :func:`fit`: the parts of a step, and what happens between steps."""

    state: TrainingState
    source: Mixed
    orders: dict[int, StageOrder]
    module: distributed.LossModule
    wrapped: nn.Module

    def __init__(
        self,
        system: System,
        plan: Plan,
        run: Run,
        settings: TrainSettings,
        *,
        fingerprint: str,
        store: Store | None,
    ) -> None:
        self.system, self.plan, self.run, self.settings = system, plan, run, settings
        self.fingerprint = fingerprint
        self.device = system.placement.device
        self.process = distributed.current(self.device)
        self.upkeep = Upkeep(
            run,
            settings,
            total_steps=plan.total_steps,
            store=store,
            is_first=self.process.is_first,
        )
        self.generator = torch.Generator(self.device)
        self.speed = Speed(self.device)
        self.rates: dict[str, float] = {}
        self.recorder: Recorder | None = None
        self.observer: Observer | None = None
        self.scores: Scores | None = None
        self.counters = Counters()
        self.has_begun, self.reason = False, ""  # why it ends early, once it does

    def start(self, *, resume: bool) -> None:
        """Take weights and counters from a checkpoint or as built; open the training data."""
        saved = latest(self.run) if resume else None
        self.state = TrainingState(self.system, self.plan, self.settings, self.process, saved)
        self.counters = self.state.counters
        self.module = distributed.LossModule(self.system, self.state.groups.modules)
        self.source = self.state.open_data()
        sampler = Sampler(self.source, seed=self.settings.seed, sampling=self.settings.sampling)
        self.orders = {
            each.index: sampler.stage(each.index, batch_size=each.batch_size, mix=each.stage.mix)
            for each in self.plan.stages
        }

    def train(self, interrupt: Interrupt) -> Literal["finished", "stopped"]:
        """Do the steps that are left."""
        counters, total = self.counters, self.plan.total_steps
        self.has_begun = True
        self.upkeep.tell("running", counters.step)
        self.upkeep.tidy()  # what a kill between two files left undone
        self._enter_stage()
        if counters.step == 0:
            self._look(preview=self.settings.preview_every > 0)
        while counters.step < total and not self.reason:
            planned = self.plan.at(counters.step)
            if planned is not self.state.planned:
                self.state.begin(planned)
                self._enter_stage()
            with self._loader(planned) as loader:
                batches = iter(loader)
                while counters.step < planned.end_step and not self.reason:
                    stop = self._step(planned, batches, interrupt)
                    self._keep_up(planned, stop=stop)
                    if stop and counters.step < total and not self.reason:
                        logger.info("Stopped by a signal after step %d; saved.", counters.step)
                        self.upkeep.tell("stopped", counters.step)
                        return "stopped"
        if self.process.is_first:
            divergence.tell_of_the_last(counters)
        self.upkeep.tell("finished", counters.step, reason=self.reason)
        return "finished"

    def _enter_stage(self) -> None:
        """Wrap the modules anew, since what learns has changed."""
        self.wrapped = distributed.wrap(self.module)
        planned, step = self.state.planned, self.counters.step
        logger.info("Stage '%s': step %d to %d.", planned.stage.name, step, planned.end_step)

    def _loader(self, planned: PlannedStage) -> Loader:
        """The batches of a stage from the current step on."""
        return Loader(
            self.source,
            self.orders[planned.index],
            self.system.collate,
            seed=self.settings.seed,
            stage=planned.index,
            steps=range(self.counters.step - planned.first_step, planned.length),
            accumulation=self.settings.accumulation,
            rank=self.process.rank,
            world_size=self.process.world_size,
            workers=self.settings.workers,
            pin=self.device.type == "cuda",
        )

    # -- a step --------------------------------------------------------------------------------

    def _step(
        self, planned: PlannedStage, batches: Iterator[MicroBatch], interrupt: Interrupt
    ) -> bool:
        """One update of the weights; returns whether a signal asks to stop after it."""
        began, counters = time.perf_counter(), self.counters
        rate = self.settings.learning_rate
        self.rates = optimizer.set_learning_rate(
            self.state.optimizer, self.plan, planned, rate=rate, step=counters.step
        )
        self.state.groups.keep_buffers()
        values = StepValues()
        ids, waited = self._accumulate(planned, batches, values)
        self.state.precision.scaler.unscale_(self.state.optimizer)
        norm = optimizer.limit_gradient(self.state.groups.learning, self.settings.clip_norm)
        values.log("grad_norm", norm)
        numbers = values.read()
        bad_loss = any(not math.isfinite(v) for name, v in numbers if name == "loss/total")
        bad_norm = not math.isfinite(numbers[-1][1])
        # All processes must do the same: one with a bad number, or with a signal, speaks for all.
        bad_losses, bad_norms, stops, samples = distributed.sum_over_processes(
            [bad_loss, bad_norm, interrupt.requested, len(ids)], self.device
        )
        if bad_losses or bad_norms:
            self._skip(ids, overflow=not bad_losses and self.state.precision.can_overflow)
        else:
            self._update(numbers)
        self.state.optimizer.zero_grad(set_to_none=True)
        counters.step += 1
        counters.samples_seen += int(samples)
        self.speed.add(samples=int(samples), seconds=time.perf_counter() - began, waited=waited)
        return bool(stops)

    def _accumulate(
        self, planned: PlannedStage, batches: Iterator[MicroBatch], values: StepValues
    ) -> tuple[list[str], float]:
        """The gradient of the mean over a step's micro-batches; its samples, seconds waited."""
        step, count = self.counters.step, self.settings.accumulation
        weights, waited, ids = planned.weights_at(step), 0.0, list[str]()
        for micro in range(count):
            asked = time.perf_counter()
            item = next(batches)
            waited += time.perf_counter() - asked
            ids += item.ids
            slot = micro * self.process.world_size + self.process.rank
            seed_micro_batch(self.generator, seed=self.settings.seed, step=step, slot=slot)
            context = StepContext(
                step=step,
                stage=planned.stage,
                weights=weights,
                device=self.device,
                generator=self.generator,
                progress=step / self.plan.total_steps,
                log=values.log,
                gather=distributed.gather,
            )
            with distributed.micro_batch(self.wrapped, last=micro == count - 1):
                with self.state.precision.autocast():
                    terms = self.wrapped(move(item.batch, self.device), context)
                total = weighted_total(terms, context, self.system.loss_terms)
                torch.autograd.backward(self.state.precision.scaler.scale(total / count))
            values.log_terms(terms, weights, total)
        return ids, waited

    def _update(self, numbers: Sequence[tuple[str, float]]) -> None:
        """Move the weights, then their average; count what was measured."""
        with divergence.told_of_leaps(self.counters.step, self.state.optimizer):
            self.state.precision.scaler.step(self.state.optimizer)
        self.state.precision.scaler.update()
        if self.state.average is not None:
            self.state.average.update(self.counters.updates)
        self.counters.updates += 1
        self.counters.skipped_in_row = 0
        for name, value in numbers:
            self.state.interval.add(name, value)

    def _skip(self, ids: list[str], *, overflow: bool) -> None:
        """Leave all as it was before the step; give up after too many in a row."""
        self.state.groups.restore_buffers()
        self.state.precision.scaler.update()
        if overflow:
            return  # the scaler has lowered its scale; the next gradient may fit
        self.counters.skipped_in_row += 1
        step, row = self.counters.step + 1, self.counters.skipped_in_row
        named = [name for part in distributed.collect(ids) for name in part]
        logger.warning("Step %d: not finite, update skipped; samples: %s.", step, ", ".join(named))
        if self.recorder is not None:
            self.recorder.write(step, {"nonfinite": 1, "nonfinite_ids": named})
        divergence.check_in_row(step, row, most=self.settings.max_nonfinite)

    # -- what happens between steps --------------------------------------------------------------

    def _keep_up(self, planned: PlannedStage, *, stop: bool) -> None:
        """Record, look and save, each at its cadence and where a stage or the run ends."""
        step, end = self.counters.step, self.counters.step == self.plan.total_steps
        due = due_after(step, planned, self.settings, end=end)
        if due.record:
            self._record(planned)
        if due.preview or due.save or stop:
            divergence.check_weights(self.state.groups.parameters(), step, self.device)
        self._look(preview=due.preview, evaluate=due.evaluate)
        if due.evaluate:
            self.find_reason()
        if self.reason:  # what else an end has, whose evaluation was the one that told of it
            end, last = True, due_after(step, planned, self.settings, end=True)
            if last.record and not due.record:
                self._record(planned)
            self._look(preview=last.preview and not due.preview)
        if due.save or stop:
            self._save(end=end, stop=stop)

    def find_reason(self) -> None:
        """Whether the evaluations so far say that more steps are of no use."""
        self.reason = early_end.reason_to_end(
            self.run, self.plan, self.counters.step, self.settings, self.process
        )

    def _record(self, planned: PlannedStage) -> None:
        """One line of the metrics: means over the interval and the processes."""
        tables = distributed.collect(self.state.interval.table)
        if self.recorder is not None:
            rates = {f"lr/{group}": rate for group, rate in self.rates.items()}
            row = means(merged(tables)) | rates | {"stage": planned.index} | self.speed.row()
            self.recorder.write(self.counters.step, row)
        self.state.interval.clear()
        self.speed.clear()
        self.upkeep.tell_now_and_then(self.counters.step)

    def _look(self, *, preview: bool = False, evaluate: bool = False) -> None:
        """Previews and scores, by the first process while the others wait."""
        if not (preview or evaluate):
            return
        if self.observer is not None:
            with divergence.told_of_divergence(self.counters):
                scores = self.observer.look(
                    self.counters.step, self.state.averaged(), preview=preview, evaluate=evaluate
                )
            self.scores = scores or self.scores
        distributed.barrier()

    def _save(self, *, end: bool, stop: bool) -> None:
        """A checkpoint of this moment; old ones go, and the copy elsewhere follows."""
        if self.recorder is not None:
            self.recorder.flush()  # a checkpoint counts on the lines before it
        self.state.save(self.run, fingerprint=self.fingerprint)
        self.upkeep.tidy()
        self.upkeep.tell("running", self.counters.step)
        if not (end or stop):  # otherwise once the run has ended, so that its copy says how
            self.upkeep.copy(must_succeed=False)
        if self.observer is not None:
            self.observer.check_best_score(self.counters.step)
        distributed.barrier()
