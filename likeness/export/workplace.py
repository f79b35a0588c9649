"""The folder an export is written in: beside its target, held while in use, gone afterwards.

What is written there is the business of :mod:`.bundle`.
"""

from __future__ import annotations

import glob
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from likeness.storage.files import made_folder
from likeness.storage.lock import locked

logger = logging.getLogger(__name__)

_ENDING = ".tmp"
"""Of the name of a folder that is being written, or is on its way out."""


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """An empty sibling folder that is gone afterwards; what killed exports left goes first.

    So do folders above it that were made for it, where nothing took the place of its target.

    It is locked while in use: the system drops the lock of a process that was killed, so that a
    folder nobody holds is known from that of another export that runs at the same time.
    """
    with made_folder(folder.parent):
        for leftover in folder.parent.glob(f".{glob.escape(folder.name)}.*{_ENDING}"):
            with _taken_over(leftover) as is_ours:
                if is_ours:
                    logger.info("Removing %s, left by an export that was killed.", leftover)
                    shutil.rmtree(leftover, ignore_errors=True)
        work = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{_ENDING}")
        work.mkdir()
        try:
            with locked(work):
                yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _taken_over(folder: Path) -> Iterator[bool]:
    """Hold what another export left; gives False when that still runs, or nothing tells."""
    with ExitStack() as stack:
        try:
            is_ours = stack.enter_context(locked(folder))
        except OSError:  # held by another process, or gone
            is_ours = False
        yield is_ours


def take_place(work: Path, folder: Path) -> None:
    """Put ``work`` where ``folder`` is; at no moment is a half-written bundle there."""
    old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{_ENDING}")
    if folder.exists():
        os.replace(folder, old)
    os.replace(work, folder)
    shutil.rmtree(old, ignore_errors=True)
