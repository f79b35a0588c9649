"""Runs that are finished: when a resume has nothing to do, and how to train one longer.

Reads the run directory alone, so that neither its data nor its weights are needed to say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from likeness.config.resolve import Resolved
from likeness.errors import LikenessError, UsageError
from likeness.runs.run import Run

if TYPE_CHECKING:
    from likeness.runs.checkpoint import Checkpoint


def nothing_left(
    run: Run, before: Resolved, settings: Resolved, saved: Sequence[Checkpoint]
) -> str:
    """What a finished run reached and how to go on longer; empty where a resume has work to do.

    That is where it is not finished, where its settings changed, and where its last checkpoint,
    its status or its plan is damaged or gone, which a resume makes good.

    Args:
        before: the configuration of the run.
        settings: the configuration to go on with.
        saved: its checkpoints, the last one last.

    Raises:
        UsageError: the score that names its best checkpoint was never measured, or a longer run
            would end at once, as it did before.
    """
    from likeness.runs import selection

    _refuse_to_end_again(run, before, settings)
    try:
        status, plan = run.status, run.read("plan")
        if status.status != "finished" or settings.config != before.config:
            return ""
        if not saved or selection.find(run).step != status.step:
            return ""
        # A resume that was to go on longer and failed has left its plan.
        if not status.reason and plan["total_steps"] != status.step:
            return ""
        words = "train.patience=0" if status.reason else longer(plan, settings)
    except (LikenessError, KeyError, TypeError, IndexError):
        return ""
    selection.check_score(run, settings.config.train.best_score)
    if status.reason:
        told = f"{run.path} ended early at step {status.step}: {status.reason}."
        return f"There is no step left: {told} {_command(run, words)}"
    return all_done(run, status.step, words)


def _refuse_to_end_again(run: Run, before: Resolved, settings: Resolved) -> None:
    """A run that ended early is to be longer, and what ended it still holds.

    Raises:
        UsageError: then.
    """
    try:
        status = run.status
    except LikenessError:
        return
    train, old = settings.config.train, before.config.train
    is_longer = settings.config.stages != before.config.stages or train.steps != old.steps
    is_early = status.status == "finished" and bool(status.reason)
    if is_early and is_longer and 0 < train.patience <= old.patience:
        raise UsageError(
            f"{run.path} ended early at step {status.step}: {status.reason}. With "
            f"train.patience={train.patience} it would end there again.",
            advice="Set train.patience=0 as well, or a larger one.",
        )


def all_done(run: Run, steps: int, words: str) -> str:
    """The sentence about a run that has all its steps.

    Args:
        words: the settings that make it longer.
    """
    done = f"There is no step left: all {steps} steps of {run.path} are done."
    return f"{done} {_command(run, words)}"


def _command(run: Run, words: str) -> str:
    return f"To go on longer: likeness resume {quote(str(run.path))} {words}"


def advice_to_lengthen(
    run: Run, plan: Mapping[str, Any], resolved: Resolved, steps: int | None
) -> str:
    """How to resume a run of this plan until it has so many steps; empty where it has them."""
    if steps is None or steps <= plan["total_steps"]:
        return ""
    return _command(run, longer(plan, resolved, total=steps))


def longer(plan: Mapping[str, Any], resolved: Resolved, *, total: int | None = None) -> str:
    """Settings that make the last stage longer and leave those before it where they are.

    Stages that the plan left out stay out.

    Args:
        plan: as ``plan.json`` has it.
        total: steps of the whole run; by default the last stage gets twice as long.
    """
    config = resolved.config
    lengths = {stage["name"]: stage["end_step"] - stage["first_step"] for stage in plan["stages"]}
    name, epochs = plan["stages"][-1]["name"], plan["stages"][-1]["epochs"]
    more = lengths[name] if total is None else total - plan["total_steps"]
    if len(config.stages) == 1:
        return f"train.steps={plan['total_steps'] + more}"
    key = f"stages.{name}"
    if config.train.steps is None:
        if epochs is not None and total is None:
            return f"{key}.epochs={2 * epochs:g}"
        word = f"{key}.steps={lengths[name] + more}"
        return word if epochs is None else f"{word} {key}.epochs=null"
    # All were scaled by it: their lengths as planned are what keeps the seams.
    lengths[name] += more
    words = ["train.steps=null"]
    for stage in config.stages:
        words.append(f"stages.{stage.name}.steps={lengths.get(stage.name, 0)}")
        if stage.epochs is not None:
            words.append(f"stages.{stage.name}.epochs=null")
    return " ".join(words)
