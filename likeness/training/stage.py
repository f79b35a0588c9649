"""Stage and Plan: what a run optimises and when, as step ranges known before it starts."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from likeness.config.faults import brief
from likeness.config.schema import ConfigModel, exactly_one
from likeness.errors import UsageError

PositiveInt = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]


class Ramp(ConfigModel):
    """A loss weight that moves linearly from the first step of its stage to the last."""

    start: Weight
    """Weight at the first step of the stage."""
    end: Weight
    """Weight at the last step of the stage."""


def _number_or_ramp(value: Any) -> Any:
    """One message of what a weight may be: two rules of types would each tell half of it."""
    if isinstance(value, (Mapping, Ramp)):
        return value
    try:
        is_weight = 0 <= float(value) < math.inf
    except (TypeError, ValueError):
        is_weight = False
    if not is_weight:
        raise ValueError(
            "expected a number of at least 0, 0 to switch the term off, or {start: 0, end: 1} for "
            f"a weight that moves; found {brief(value)}"
        )
    return value


class Schedule(ConfigModel):
    """How the learning rate moves."""

    kind: Literal["constant", "cosine", "linear", "exponential"] = "constant"
    """Course after the warm-up: at the peak, or down to the final factor along a half cosine, a
    line, or by the same factor each step."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps of linear warm-up; the last of them is at the peak."""
    span: Literal["stage", "run"] = "stage"
    """What the schedule stretches over."""
    final_factor: Annotated[float, Field(ge=0)] = 0.0
    """Learning rate at the end as a fraction of the peak (for constant: ignored)."""

    @model_validator(mode="after")
    def _exponential_has_an_end(self) -> Schedule:
        if self.kind == "exponential" and self.final_factor == 0:
            raise ValueError(
                "'kind' is exponential, which never reaches a 'final_factor' of 0; "
                "expected one above 0, e.g. 0.01"
            )
        return self


class Stage(ConfigModel):
    """One phase of training. Exactly one of ``steps`` and ``epochs`` is set."""

    model_config = ConfigDict(json_schema_extra=exactly_one("steps", "epochs"))

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    """What settings, messages and the report call it."""
    steps: Annotated[int, Field(ge=0)] | None = None
    """Length in optimiser steps; train.steps scales it. Set this or epochs, the other is null. 0:
    the stage is left out."""
    epochs: Annotated[float, Field(gt=0)] | None = None
    """Length in passes over the training samples, also half a one; train.steps scales it."""
    weights: Mapping[str, Annotated[Weight | Ramp, BeforeValidator(_number_or_ramp)]]
    """Loss term to weight; a term that is not named has weight 0."""
    groups: Mapping[str, Annotated[float, Field(ge=0)]] | None = None
    """Trainable group to learning-rate factor; one not named, or at 0, is frozen. None: all at
    1."""
    mix: Mapping[str, float] | None = None
    """Source to ratio of samples; None: in proportion to their sizes."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Overrides train.learning_rate during this stage."""
    batch_size: PositiveInt | None = None
    """Overrides train.batch_size during this stage."""
    optimizer: Literal["keep", "reset"] = "reset"
    """Keep the optimiser's moments from the previous stage, or start with none."""
    schedule: Schedule = Schedule()

    @model_validator(mode="after")
    def _one_length(self) -> Stage:
        if (self.steps is None) == (self.epochs is None):
            found = "both" if self.steps is not None else "neither"
            raise ValueError(f"expected exactly one of 'steps' and 'epochs', found {found}")
        return self

    @model_validator(mode="after")
    def _something_to_minimise(self) -> Stage:
        ends = {"first": 0.0} if self.steps == 1 else {"first": 0.0, "last": 1.0}
        for end, fraction in ends.items() if self.steps != 0 else ():
            if not any(self.weights_at(fraction).values()):
                hint = "'steps' of 0 leaves the stage out"
                if any(isinstance(weight, Ramp) for weight in self.weights.values()):
                    hint = (
                        "let a weight move from or to a little above 0, as {start: 0.001, end: 1}"
                    )
                raise ValueError(
                    "expected a loss term with a weight other than 0 in 'weights', found none at "
                    f"the {end} step, which would learn nothing; {hint}"
                )
        return self

    @property
    def learning_groups(self) -> tuple[str, ...] | None:
        """The groups that are not frozen; None: all there are."""
        if self.groups is None:
            return None
        return tuple(name for name, factor in self.groups.items() if factor > 0)

    def weights_at(self, fraction: float) -> dict[str, float]:
        """Term weights at a fraction of the stage in [0, 1]."""
        out: dict[str, float] = {}
        for term, weight in self.weights.items():
            if isinstance(weight, Ramp):
                out[term] = weight.start + (weight.end - weight.start) * fraction
            else:
                out[term] = float(weight)
        return out


@dataclass(frozen=True)
class PlannedStage:
    """A stage with its absolute step range [first_step, end_step)."""

    stage: Stage
    index: int
    first_step: int
    end_step: int
    batch_size: int
    """Samples per micro-batch and process."""

    @property
    def length(self) -> int:
        return self.end_step - self.first_step

    def weights_at(self, step: int) -> dict[str, float]:
        """Term weights at an absolute step."""
        span = max(self.length - 1, 1)
        return self.stage.weights_at(min(max((step - self.first_step) / span, 0.0), 1.0))


@dataclass(frozen=True)
class Plan:
    """All stages of a run with absolute step ranges."""

    stages: tuple[PlannedStage, ...]

    @property
    def total_steps(self) -> int:
        return self.stages[-1].end_step

    def at(self, step: int) -> PlannedStage:
        """The stage of a step; the last stage for the step just past the end."""
        for planned in self.stages:
            if step < planned.end_step:
                return planned
        return self.stages[-1]

    def endless_warm_ups(self, *, after: int = 0) -> list[tuple[PlannedStage, int]]:
        """Stages whose warm-up is longer than what it stretches over, and the steps of that.

        Their learning rate never gets to its peak.

        Args:
            after: only stages that are not over at this step.
        """
        found = []
        for planned in self.stages:
            schedule = planned.stage.schedule
            span = planned.length if schedule.span == "stage" else self.total_steps
            if planned.end_step > after and schedule.warmup_steps > span:
                found.append((planned, span))
        return found

    def to_dict(self) -> dict[str, Any]:
        return {
            "total_steps": self.total_steps,
            "stages": [
                {
                    **p.stage.model_dump(mode="json"),
                    "index": p.index,
                    "first_step": p.first_step,
                    "end_step": p.end_step,
                    "batch_size": p.batch_size,
                }
                for p in self.stages
            ],
        }

    @staticmethod
    def build(
        stages: Sequence[Stage],
        *,
        samples_per_epoch: int,
        batch_size: int,
        accumulation: int = 1,
        world_size: int = 1,
        total_steps: int | None = None,
    ) -> Plan:
        """Turn stage lengths into absolute ranges. A stage without steps is left out.

        Args:
            samples_per_epoch: samples of the training sources together.
            batch_size: samples per micro-batch and process, unless a stage sets its own.
            total_steps: when given, all stages are scaled in proportion to add up to it.
        """
        if not stages:
            raise UsageError("The plan has no stages.", advice="Add at least one under 'stages'.")
        names = [stage.name for stage in stages]
        if len(set(names)) != len(names):
            raise UsageError(f"Stage names must differ, found: {', '.join(names)}.")
        lengths, batches = [], []
        for stage in stages:
            size = stage.batch_size or batch_size
            batches.append(size)
            if stage.steps is not None:
                lengths.append(stage.steps)
            else:
                assert stage.epochs is not None
                per_step = size * accumulation * world_size
                lengths.append(max(1, round(stage.epochs * samples_per_epoch / per_step)))
        if not any(lengths):
            raise UsageError(
                "The plan has no steps: every stage has 'steps' 0.", advice="Give one of them some."
            )
        if total_steps is not None:
            lengths = _scaled(lengths, total_steps)
        planned, first = [], 0
        for index, (stage, length, size) in enumerate(zip(stages, lengths, batches, strict=True)):
            if length == 0:
                continue
            planned.append(PlannedStage(stage, index, first, first + length, size))
            first += length
        return Plan(tuple(planned))

    def check_names(
        self, *, terms: Collection[str] | None = None, groups: Collection[str] | None = None
    ) -> None:
        """Every loss term that a stage weighs exists, and every group that it trains.

        Args:
            terms, groups: all there are; None where they are not known yet.

        Raises:
            UsageError: names every stage and word that is wrong, with the nearest right one.
        """
        wrong, hints = [], []
        for planned in self.stages:
            asked = [("weighs", "loss term", word, terms) for word in planned.stage.weights]
            asked += [("trains", "group", word, groups) for word in planned.stage.groups or {}]
            for verb, kind, word, known in asked:
                if known is not None and word not in known:
                    wrong.append(f"Stage '{planned.stage.name}' {verb} an unknown {kind} '{word}'.")
                    near = get_close_matches(word, sorted(known), n=1)
                    there = f"Every {kind}: {', '.join(sorted(known))}."
                    hints.append(f"Did you mean '{near[0]}'?" if near else there)
        if wrong:
            raise UsageError("\n".join(wrong), advice=" ".join(dict.fromkeys(hints)))


def _scaled(lengths: Sequence[int], total: int) -> list[int]:
    """Integers in proportion to ``lengths`` that add up to ``total`` (largest remainders)."""
    if total < 1:
        raise UsageError(f"train.steps must be at least 1, found {total}.")
    whole = sum(lengths)
    exact = [length * total / whole for length in lengths]
    out = [int(value) for value in exact]
    order = sorted(range(len(out)), key=lambda i: (out[i] - exact[i], i))
    for i in order[: total - sum(out)]:
        out[i] += 1
    return out
