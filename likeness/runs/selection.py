"""Which checkpoint of a run: the latest, the best, that of a step; and which ones stay.

Knows nothing of what is inside them.
"""

from __future__ import annotations

import logging
from typing import Any, Literal

from likeness.errors import DataError, MissingError, UsageError
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
        score: the score that decides; by default the one the run was trained with
            (``train.best_score``).

    Raises:
        MissingError: there is none, or none at that step; the message lists those there are.
        DataError: the one asked for is damaged. The latest is then the last undamaged one, with a
            warning, and an error only when no undamaged one is left.
    """
    found = checkpoints(run)
    if not found and has_checkpoints(run):
        raise _all_damaged(run)
    if not found:
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
        best = best_of(run, found, score or found[-1].progress.best_score)
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

    None when no score is named or no evaluation of these checkpoints has one.

    Raises:
        UsageError: evaluations exist and none has a score of that name.
    """
    if score is None:
        return None
    best: tuple[float, Checkpoint] | None = None
    names: set[str] = set()
    for checkpoint in among:
        for row in _scores(run, checkpoint.step):
            names.add(row["name"])
            if row["name"] == score:
                value = -row["value"] if row["direction"] == "lower" else row["value"]
                if best is None or value >= best[0]:
                    best = (value, checkpoint)
    if best is None and names:
        raise UsageError(
            f"No evaluation of {run.path} has a score '{score}'.",
            advice=f"There are: {', '.join(sorted(names))}.",
        )
    return best[1] if best else None


def retain(run: Run, *, keep: int, best_score: str | None = None) -> list[int]:
    """Remove all checkpoints but the last ``keep`` and the best one; returns the steps removed.

    Args:
        keep: 0 keeps all.
    """
    found = checkpoints(run)
    if keep == 0 or len(found) <= keep:
        return []
    best = best_of(run, found, best_score)
    removed = [c for c in found[:-keep] if best is None or c.step != best.step]
    with disk_errors(run.checkpoints_path, "remove old checkpoints"):
        for checkpoint in removed:
            discard(checkpoint.path)
    return [c.step for c in removed]


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
        others = [str(c.step) for c in among if c.step != checkpoint.step]
        advice = f"Use the checkpoint of another step: {', '.join(others)}." if others else ""
        raise DataError(error.message, advice=advice) from error
    return checkpoint


def _scores(run: Run, step: int) -> list[dict[str, Any]]:
    path = run.evaluation_folder(step) / "scores.json"
    if not path.is_file():
        return []
    try:
        return read_scores(path)
    except DataError as error:
        logger.warning("It does not count for the best checkpoint: %s", error)
        return []
