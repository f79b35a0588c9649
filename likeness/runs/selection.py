"""Which checkpoint of a run: the latest, the best, that of a step; and which ones stay.

Knows nothing of what is inside them.
"""

from __future__ import annotations

import logging
import math
from difflib import get_close_matches
from shlex import quote
from typing import Any, Literal

import yaml

from likeness.errors import DataError, LikenessError, MissingError, UsageError
from likeness.storage.files import disk_errors

from .checkpoint import Checkpoint, checkpoints, discard, has_checkpoints
from .files import read_scores
from .run import Run, steps_in

logger = logging.getLogger(__name__)


def find(
    run: Run, which: Literal["latest", "best"] | int = "latest", *, score: str | None = None
) -> Checkpoint:
    """One checkpoint, verified.

    Args:
        which: the last one, the best by a score, or the one of a step. The best is the last when
            the run names no score or was never evaluated.
        score: the score that decides; by default the one the run's configuration names
            (``train.best_score``).

    Raises:
        UsageError: as :func:`check_score`, for the best.
        MissingError: there is none, none any more, or none at that step; the message lists those
            there are.
        DataError: the one asked for is damaged. The latest is then the last undamaged one, with a
            warning, and an error only when no undamaged one is left.
    """
    found = checkpoints(run)
    if not found and has_checkpoints(run):
        raise _all_damaged(run)
    if not found:
        check_kept(run)
        raise MissingError(
            f"{run.path} has no checkpoint yet; looked in {run.checkpoints_path}.",
            advice="Train it further: checkpoints are saved every train.save_every steps.",
        )
    if isinstance(which, int):
        chosen = [c for c in found if c.step == which]
        if not chosen:
            raise MissingError(
                f"{run.path} has no checkpoint at step {which}.",
                advice=f"There are: {', '.join(str(c.step) for c in found)}.",
            )
        return _verified(chosen[0], found)
    if which == "best":
        wanted = score or _score_of(run, found[-1])
        check_score(run, wanted)
        best = best_of(run, found, wanted)
        if best is not None:
            return _verified(best, found)
    for checkpoint in reversed(found):
        try:
            checkpoint.verify()
        except DataError as error:
            logger.warning("%s Trying the one before it.", error)
        else:
            return checkpoint
    raise _all_damaged(run)


def best_of(run: Run, among: list[Checkpoint], score: str | None) -> Checkpoint | None:
    """The checkpoint whose evaluation has the best value of a score; the later one when equal.

    None when no score is named or no evaluation of these checkpoints has it.
    """
    if score is None:
        return None
    best: tuple[float, Checkpoint] | None = None
    for checkpoint in among:
        for row in _scores(run, checkpoint.step):
            if row["name"] == score:
                value = -row["value"] if row["direction"] == "lower" else row["value"]
                if best is None or value >= best[0]:
                    best = (value, checkpoint)
    return best[1] if best else None


def evaluations_since_best(run: Run, score: str, *, after: int) -> tuple[int, int]:
    """How many evaluations in a row brought no better value of a score, and the step of the best.

    An equal value is no better one. 0 and 0 where nothing was measured.

    Args:
        after: only evaluations of later steps count.
    """
    since, step_of_best, best = 0, 0, -math.inf
    for step in (step for step in run.evaluation_steps() if step > after):
        for row in _scores(run, step):
            if row["name"] == score:
                value = -row["value"] if row["direction"] == "lower" else row["value"]
                if value > best:
                    since, step_of_best, best = 0, step, value
                else:
                    since += 1
    return since, step_of_best


def check_kept(run: Run) -> None:
    """A run whose checkpoints somebody removed is not taken for one that never had any.

    Raises:
        MissingError: it has none, and its status says that there was one.
    """
    if has_checkpoints(run):
        return
    try:
        status = run.status
    except LikenessError:
        return  # it does not say
    if status.saved or status.status in ("finished", "stopped"):
        raise MissingError(
            f"{run.path} is {status.status} at step {status.step}, and its checkpoints are gone; "
            f"looked in {run.checkpoints_path}.",
            advice="Restore checkpoints/ from a copy, or train again in a new run.",
        )


def check_score(run: Run, score: str | None) -> None:
    """A score that is to decide is one that is measured.

    Raises:
        UsageError: the run has been evaluated, and no evaluation has a score of that name.
    """
    if score is None:
        return
    names: set[str] = set()
    for step in reversed(run.evaluation_steps()):
        names |= {row["name"] for row in _scores(run, step)}
        if score in names:
            return
    if not names:
        return
    near = [*get_close_matches(score, names, n=1), *sorted(n for n in names if score in n)]
    raise UsageError(
        f"No evaluation of {run.path} has a score '{score}'.",
        advice=f"There are: {', '.join(sorted(names))}. Take a checkpoint as it is with "
        "'--checkpoint latest', or set one of them as train.best_score with: likeness resume "
        f"{quote(str(run.path))} train.best_score={near[0] if near else sorted(names)[0]}",
    )


def retain(run: Run, *, keep: int, best_score: str | None = None) -> list[int]:
    """Remove old checkpoints; returns the steps removed.

    The last ``keep`` undamaged ones stay, and the undamaged one with the best score. A damaged one
    counts for neither, so that the one a run goes on from is never removed in its favour; it goes
    once it is older than all that count, unless its score is better than theirs.

    Args:
        keep: 0 keeps all.
    """
    found = checkpoints(run)
    if keep == 0 or len(found) <= keep:
        return []
    damaged: list[Checkpoint] = []
    last: list[Checkpoint] = []
    for checkpoint in reversed(found):
        (last if _is_whole(checkpoint) else damaged).append(checkpoint)
        if len(last) == keep:
            break
    else:
        return []
    kept = {c.step for c in found if c.step >= last[-1].step}
    others = list(found)
    while (best := best_of(run, others, best_score)) is not None:
        kept.add(best.step)  # also a damaged one: somebody may have a copy, and asking for it tells
        if best in last or (best not in damaged and _is_whole(best)):
            break
        others.remove(best)
    removed = [c for c in found if c.step not in kept]
    with disk_errors(run.checkpoints_path, "remove old checkpoints"):
        for checkpoint in removed:
            discard(checkpoint.path)
    return [c.step for c in removed]


def _is_whole(checkpoint: Checkpoint) -> bool:
    try:
        checkpoint.verify()
    except DataError as error:
        logger.warning("It does not count: %s", error)
        return False
    return True


def _all_damaged(run: Run) -> DataError:
    steps = ", ".join(map(str, steps_in(run.checkpoints_path)))
    return DataError(
        f"Every checkpoint of {run.path} is damaged ({steps}).",
        advice="Restore checkpoints/ from a copy, or train again.",
    )


def _verified(checkpoint: Checkpoint, among: list[Checkpoint]) -> Checkpoint:
    try:
        checkpoint.verify()
    except DataError as error:
        others = [str(c.step) for c in among if c is not checkpoint and _is_whole(c)]
        advice = f"Use the checkpoint of another step: {', '.join(others)}." if others else ""
        raise DataError(error.message, advice=advice) from error
    return checkpoint


def _score_of(run: Run, last: Checkpoint) -> str | None:
    """``train.best_score`` of the configuration, which resuming may change after the last
    checkpoint; of that checkpoint where the configuration does not say."""
    values = yaml.safe_load(run.config_yaml)
    train = values.get("train") if isinstance(values, dict) else None
    if isinstance(train, dict) and "best_score" in train:
        return None if train["best_score"] is None else str(train["best_score"])
    return last.progress.best_score


def _scores(run: Run, step: int) -> list[dict[str, Any]]:
    path = run.evaluation_folder(step) / "scores.json"
    if not path.is_file():
        return []
    try:
        return read_scores(path)
    except DataError as error:
        logger.warning("It does not count for the best checkpoint: %s", error)
        return []
