"""The copy of a run in a store: made after each checkpoint, complete without the local folder.

Copies only; a mirror is never read while training.
"""

from __future__ import annotations

import logging

from likeness.errors import LikenessError
from likeness.storage.store import Store

from .checkpoint import PROGRESS_FILE, checkpoints
from .run import Run

logger = logging.getLogger(__name__)


def mirror(run: Run, store: Store, *, must_succeed: bool) -> None:
    """Bring ``<system>/<run>/`` of a store up to date.

    The records at the top of the run are always copied. A checkpoint is copied once, with its
    ``progress.json`` last, so that a copy that was cut short does not count and is made again.
    Checkpoints that are gone here go there too, once all that are here have arrived.

    Args:
        must_succeed: raise the store's error. Otherwise it is logged, since the next call makes up
            for it and training need not wait for a network.
    """
    try:
        _bring_up_to_date(run, store)
    except LikenessError as error:
        if must_succeed:
            raise
        logger.error(
            "%s was not copied to %s; the next checkpoint tries again: %s",
            run.path,
            store.uri,
            error,
        )


def _bring_up_to_date(run: Run, store: Store) -> None:
    prefix = f"{run.path.absolute().parent.name}/{run.name}"
    saved = checkpoints(run)
    there = store.list(f"{prefix}/checkpoints/")
    wanted = []
    for checkpoint in saved:
        folder = f"checkpoints/{checkpoint.path.name}"
        if f"{prefix}/{folder}/{PROGRESS_FILE}" not in there:
            wanted += [f"{folder}/{name}" for name in checkpoint.progress.sha256]
            wanted.append(f"{folder}/{PROGRESS_FILE}")
    wanted += sorted(
        path.name for path in run.path.iterdir() if path.is_file() and path.name[0] != "."
    )
    for name in wanted:
        store.upload(run.path / name, f"{prefix}/{name}")
    here = tuple(f"{prefix}/checkpoints/{checkpoint.path.name}/" for checkpoint in saved)
    # The record of completeness goes first, so that no half of a checkpoint counts as one.
    gone = [key for key in there if not key.startswith(here)]
    for key in sorted(gone, key=lambda key: not key.endswith(PROGRESS_FILE)):
        store.delete(key)
