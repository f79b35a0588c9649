"""What a configuration must be beyond its types, told as the faults of its types are: all at once.

Names exist, stages make a plan, a rate counts, and what a run has fixed stays as it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from likeness.config.faults import Fault, Known, Names, listed
from likeness.config.keys import Key, dotted, named, settings
from likeness.config.left_out import beside
from likeness.config.origins import origin_in, strongest
from likeness.config.overrides import Origin
from likeness.config.resolve import Draft, Resolved, override
from likeness.errors import LikenessError, UsageError
from likeness.systems import SystemSpec, get_system, load_object

if TYPE_CHECKING:
    from likeness.runs.checkpoint import Progress
    from likeness.training.stage import Plan, Stage
    from likeness.training.state import PlanFault

logger = logging.getLogger(__name__)

FIXED_ON_RESUME = ("model",)
"""Settings whose change would make the saved weights belong to another model."""
_JUST_ASKED_FOR = ("environment", "command line")  # a whole file holds more than somebody meant
_SET_BY_STAGES = ("learning_rate", "batch_size")  # settings of the loop that a stage may have too
_OF_STEPS = tuple(
    f"train.{name}"
    for name in (
        *_SET_BY_STAGES,
        *("accumulation", "weight_decay", "betas", "clip_norm", "precision", "ema_decay"),
    )
)
"""Settings by which steps are made, which may change for those that are still to come."""
_ON_RESUME = "Leave these settings as they were, or start a new run."


def known_names(spec: SystemSpec) -> Names:
    """The loss terms and the groups that stages may name, where the system says so unbuilt."""
    found = {
        "stages.*.weights": ("loss term", "loss_terms", spec.loss_terms),
        "stages.*.groups": ("group", "group_names", spec.group_names),
    }
    names = {}
    for pattern, (kind, attribute, path) in found.items():
        known = load_object(path) if path else getattr(spec.load("system"), attribute, None)
        if known is not None:
            names[pattern] = Known(kind, frozenset(known))
    return names


def checked(draft: Draft, *, begins: bool = False) -> Resolved:
    """The configuration of a draft.

    Args:
        begins: a run is to begin with it, so the run that it starts from has to be there.

    Raises:
        ConfigError: names every fault, also stages that make no plan, a best score that nothing
            measures, an early end that no score would bring, and where just asked for a learning
            rate or batch size that no stage would take or a best score while nothing is scored.
    """
    from likeness.training.stage import Plan

    found = draft.resolved
    faults = [*_stage_faults(found), *_score_name_faults(found)]
    faults += [*(_unmeasured_faults(found) if not faults else ()), *_patience_faults(found)]
    faults = beside(draft.faults, faults)
    resolved = draft.finish([*faults, *_start_faults(draft)] if begins else faults)
    stages, steps = resolved.config.stages, resolved.config.train.steps
    # Otherwise how long they are is known with the data: a run that begins tells it then.
    if not begins and all(stage.epochs is None for stage in stages):
        plan = Plan.build(stages, samples_per_epoch=1, batch_size=1, total_steps=steps)
        tell_of_warm_ups(plan, resolved)
    return resolved


def tell_of_warm_ups(plan: Plan, resolved: Resolved, *, after: int = 0) -> None:
    """Warn of stages whose learning rate never gets to its peak, as in a run made short to try it.

    Args:
        after: the step a run goes on from.
    """
    for planned, span in plan.endless_warm_ups(after=after):
        schedule = planned.stage.schedule
        key = f"stages.{planned.stage.name}.schedule.warmup_steps"
        of = "the stage has" if schedule.span == "stage" else "the run has"
        logger.warning(
            "%s (%s): a warm-up of %d steps does not end, %s %d: the learning rate gets to %.3g %% "
            "of its peak. Shorten the warm-up, or train longer.",
            *(key, resolved.provenance.get(key, "as saved"), schedule.warmup_steps, of, span),
            100 * span / schedule.warmup_steps,
        )


def overridden(before: Resolved, overrides: Sequence[str]) -> Draft:
    """A configuration with command-line words on top, its names checked."""
    return override(before, overrides, names=known_names(get_system(before.system)))


def _stage_faults(resolved: Resolved | None) -> list[Fault]:
    from likeness.training.stage import Plan

    if resolved is None:
        return []
    faults = [fault for name in _SET_BY_STAGES for fault in _shadowed(resolved, name)]
    try:
        Plan.build(resolved.config.stages, samples_per_epoch=1, batch_size=1)
    except UsageError as error:
        faults.insert(0, _plan_fault(resolved, f"{error.message} {error.advice}".strip()))
    return faults


def _plan_fault(resolved: Resolved, message: str) -> Fault:
    """Stages make no plan, because of their names or because of their lengths, each told."""
    stages = resolved.config.stages
    field = "steps" if len({stage.name for stage in stages}) == len(stages) else "name"
    tree = resolved.config.model_dump(mode="json")
    keys = [("stages", str(position), field) for position in range(len(stages))]

    def origin_of(key: Key) -> Origin:
        return resolved.provenance[dotted(named(tree, key))]

    origin = strongest(map(origin_of, keys)) if keys else None
    told, between = listed(keys, tree, origin_of)
    return Fault("stages", origin, message + told, between)


def _shadowed(resolved: Resolved, name: str) -> list[Fault]:
    """A setting of the loop is asked for, and every stage has its own."""
    key, stages = f"train.{name}", resolved.config.stages
    origin = resolved.provenance.get(key)
    if origin is None or origin.layer not in _JUST_ASKED_FOR:
        return []
    if any(getattr(stage, name) is None for stage in stages):
        return []
    tree = resolved.config.model_dump(mode="json")
    keys = [dotted(named(tree, ("stages", str(i), name))) for i in range(len(stages))]
    own = ", ".join(
        f"{own_key}={getattr(stage, name):g} ({resolved.provenance.get(own_key, 'as saved')})"
        for own_key, stage in zip(keys, stages, strict=True)
    )
    message = (
        f"{getattr(resolved.config.train, name):g} would do nothing: every stage sets its own: "
        f"{own}. Set those of the stages, or set them to null to let {key} count."
    )
    return [Fault(key, origin, message)]


def _score_name_faults(resolved: Resolved | None) -> list[Fault]:
    """A best score that no evaluation of the system has."""
    if resolved is None or resolved.config.train.best_score is None:
        return []
    key, score = "train.best_score", resolved.config.train.best_score
    spec = get_system(resolved.system)
    names = sorted(spec.load("score_names")) if spec.score_names else []
    if not names or any(fnmatchcase(score, name) for name in names):
        return []
    near = get_close_matches(score, names, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(names)}."
    message = f"no evaluation of {spec.name} has a score '{score}'. {hint}"
    return [Fault(key, resolved.provenance.get(key), message)]


def _unmeasured_faults(resolved: Resolved | None) -> list[Fault]:
    """A best score is asked for, and evaluations are off."""
    if resolved is None or resolved.config.train.evaluate_every:
        return []
    key, other = "train.best_score", "train.evaluate_every"
    origin = resolved.provenance.get(key)
    score = resolved.config.train.best_score
    if score is None or origin is None or origin.layer not in _JUST_ASKED_FOR:
        return []
    message = (
        f"'{score}' would do nothing: {other} is 0 ({resolved.provenance.get(other)}), so nothing "
        f"is scored while training. Set {other}, or leave {key} out."
    )
    return [Fault(key, origin, message)]


def _patience_faults(resolved: Resolved | None) -> list[Fault]:
    """Training is to end once a score gets no better, and nothing names or measures one."""
    if resolved is None or not resolved.config.train.patience:
        return []
    train, key = resolved.config.train, "train.patience"
    missing = [] if train.best_score else ["train.best_score=NAME"]
    missing += [] if train.evaluate_every else ["train.evaluate_every=STEPS"]
    if not missing:
        return []
    evaluations = "1 evaluation" if train.patience == 1 else f"{train.patience} evaluations"
    message = (
        f"{evaluations} without a better score would end training, and there is no "
        f"such score. Set {' and '.join(missing)}, or set {key} to 0."
    )
    return [Fault(key, resolved.provenance.get(key), message)]


def _start_faults(draft: Draft) -> list[Fault]:
    """The run to start from is not there, or is one of another system.

    Whether it has weights, and they fit, is the system's to say, of a configuration without faults.
    """
    from likeness.runs.earlier import told_if_foreign
    from likeness.runs.run import Run

    key = "model.initial_run"
    place, origin = draft.written.get(key, (None, None))
    if not isinstance(place, str):
        return []
    try:
        foreign = told_if_foreign(Run(place), draft.system)
        if not foreign:
            return []
        message = f"{place} {foreign}"
    except LikenessError as error:
        message = error.message
    advice = "Name the directory of another run, or null for none."
    return [Fault(key, origin, f"{message} {advice}")]


class Resumption:
    """What resuming a run with changed settings would mean, and everything that forbids it.

    Args:
        before: the configuration of the run.
        overrides: command-line words.
        record: how far the run is; None before its first checkpoint.
    """

    def __init__(self, before: Resolved, overrides: Sequence[str], record: Progress | None) -> None:
        self._before, self._record = before, record
        self._draft = overridden(before, overrides)
        now = self._draft.resolved
        self._changed = {} if now is None else _changes(before, now)
        # What the run itself was asked for is no fault of these words.
        shadowed = {f"train.{name}" for name in _SET_BY_STAGES} - self._changed.keys()
        self._faults = [fault for fault in _stage_faults(now) if fault.key not in shadowed]
        self._faults += _patience_faults(now)
        if "train.best_score" in self._changed:
            self._faults += _score_name_faults(now)
        fixed = {*FIXED_ON_RESUME, *_fixed_by_steps()} if record is not None else set()
        self._faults += [
            Fault(key, _origin_of(now, key), f"{change}; it cannot change when a run is resumed")
            for key, change in self._changed.items()
            if any(key == name or key.startswith(f"{name}.") for name in fixed)
        ]

    def settings(self) -> Resolved:
        """The settings to plan with: those that are fixed, put back, so that the rest is checked.

        Raises:
            ConfigError: the words themselves have faults, so that nothing can be planned.
        """
        if self._draft.resolved is None:
            return self._draft.finish(self._faults, advice=_ON_RESUME)
        config = self._draft.resolved.config
        for name in FIXED_ON_RESUME if self._record is not None else ():
            config = config.replace(**{name: getattr(self._before.config, name)})
        return Resolved(self._before.system, self._before.profile, config, {})

    def finish(self, plan: Plan | None, world_size: int, *, longer: str = "") -> Resolved:
        """The configuration to go on with.

        Args:
            plan: of :meth:`settings`; None where it could not be made.
            longer: advice for a run whose stages would move under the steps that are done.

        Raises:
            ConfigError: names everything that forbids it.
        """
        from likeness.training.state import plan_faults

        faults, advice = list(self._faults), _ON_RESUME
        if plan is not None and self._record is not None and self._draft.resolved is not None:
            train = self._draft.resolved.config.train
            moved = plan_faults(self._record, plan, train, world_size)
            for fault in moved:
                faults.append(self._stage_fault(fault))
                if longer and plan.total_steps > self._record.step:
                    advice = f"{_ON_RESUME} {longer}"
            if not moved:  # else it is not known which stages are done
                faults += self._done_faults(plan, self._record.step)
        return self._draft.finish(faults, advice=advice if faults else "")

    @property
    def is_refused(self) -> bool:
        """Whether faults are known already."""
        return bool(self._faults or self._draft.faults)

    def refuse(self) -> None:
        """Raises ConfigError where faults are known already, before there is a plan."""
        if self.is_refused:
            self._draft.finish(self._faults, advice=_ON_RESUME if self._faults else "")

    def _done_faults(self, plan: Plan, step: int) -> list[Fault]:
        """What would be changed of stages that have run: their settings are a record by now.

        Their lengths may be told otherwise, as where they were scaled: what counts is where the
        stages begin. So may a rate or a batch size that was that of the loop.
        """
        found = []
        for key, change in self._changed.items():
            done = self._done(key, plan, step)
            if done:
                message = f"{change}; {done}, and ran with that"
                found.append(Fault(key, _origin_of(self._draft.resolved, key), message))
        return found

    def _done(self, key: str, plan: Plan, step: int) -> str:
        """What is done that a setting had a part in; empty where that is still to come."""
        if key.startswith(_OF_STEPS) and plan.total_steps <= step:
            return f"all {step} steps are done"
        for planned in plan.stages:
            old, new = self._before.config.stages[planned.index], planned.stage
            if planned.end_step <= step and key.startswith(
                (f"stages.{old.name}.", f"stages.{new.name}.")
            ):
                setting = key.rpartition(".")[2]
                told_otherwise = setting in ("steps", "epochs") or (
                    setting in _SET_BY_STAGES
                    and self._own_or_loop(old, setting) == getattr(new, setting)
                )
                return "" if told_otherwise else f"stage '{new.name}' is done"
        return ""

    def _own_or_loop(self, stage: Stage, setting: str) -> float:
        """What a stage ran with: its own setting, or that of the loop."""
        own: float | None = getattr(stage, setting)
        loop: float = getattr(self._before.config.train, setting)
        return loop if own is None else own

    def _stage_fault(self, fault: PlanFault) -> Fault:
        """A fault of the plan at the settings that changed it, as far as they can be told."""
        made = [key for key in self._changed if key.partition(".")[0] in ("stages", "train")]
        made = [key for key in made if key not in _fixed_by_steps()]
        stages = [key for key in made if key.startswith("stages.") or key == "train.steps"]
        named = [key for key in made if key.rpartition(".")[2] in fault.settings]
        lengths = [key for key in stages if key.rpartition(".")[2] in ("steps", "epochs")]
        key = (named or lengths or stages or made or ["stages"])[0]
        return Fault(key, _origin_of(self._draft.resolved, key), fault.message)


def _fixed_by_steps() -> set[str]:
    from likeness.training.state import FIXED_BY_STEPS

    return {f"train.{name}" for name in FIXED_BY_STEPS}


def _origin_of(resolved: Resolved | None, key: str) -> Origin | None:
    """Where a setting, or a part, came from; of one that is gone, what it stood in."""
    return None if resolved is None else origin_in(resolved.provenance, key)


def _changes(before: Resolved, after: Resolved) -> dict[str, str]:
    """Dotted key to "1 became 2" of every setting that differs."""
    old, new = (settings(each.config.model_dump(mode="json")) for each in (before, after))
    return {
        key: f"{_shown(old, key)} became {_shown(new, key)}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key) or (key in old) != (key in new)
    }


def _shown(values: dict[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "(not set)"
