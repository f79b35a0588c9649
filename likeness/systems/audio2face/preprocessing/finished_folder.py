"""Folders that are there finished or not at all, and know what they were made of.

Work goes on in a hidden sibling that is moved into place at the end; a sibling that an interruption
left is begun anew. A note written last carries the fingerprint.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from likeness.errors import DataError, UsageError
from likeness.replacement import PART
from likeness.storage.files import disk_errors, disk_refusals
from likeness.storage.json_files import read_json
from likeness.storage.lock import locked
from likeness.systems.audio2face.preprocessing import layout
from likeness.systems.audio2face.preprocessing.shot_files import write_json

_LOCK = ".lock"


def is_made_of(folder: Path, fingerprint: str, own: str | None = None) -> bool | None:
    """Whether a folder was finished from what has this fingerprint; None when there is none yet.

    Args:
        own: fingerprint of one actor, as good: what it gave to a basis of several.

    Raises:
        DataError: something else lies there.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    note = read_json(folder / layout.FINISHED) if (folder / layout.FINISHED).is_file() else None
    if not isinstance(note, dict) or "fingerprint" not in note:
        raise DataError(
            f"Expected a preprocessed actor or nothing in '{folder}', found something else.",
            advice="Choose another folder; this one is left as it is.",
        )
    if own is not None and note.get("own") == own:
        return True
    return bool(note["fingerprint"] == fingerprint)


@contextmanager
def finished(folder: Path, fingerprint: str, note: Mapping[str, Any]) -> Iterator[Path]:
    """A folder to fill that takes the place of ``folder`` when the block ends well.

    Args:
        folder: what lies there is replaced.
        fingerprint: of what it is made of.
        note: more for the note; read when the block has ended.

    Raises:
        UsageError: another process fills it, or the disk refuses.
    """
    part = folder.with_name(f".{folder.name}{PART}")
    with disk_errors(part, "make the folder"):
        part.mkdir(parents=True, exist_ok=True)
        (part / _LOCK).touch()
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(part / _LOCK))
        except (BlockingIOError, FileNotFoundError) as error:  # it works there, or just finished
            raise UsageError(f"'{folder}' is being made by another process.") from error
        for left in part.iterdir():  # of an interruption
            if left.is_dir():
                shutil.rmtree(left)
            elif left.name != _LOCK:
                left.unlink()
        try:
            with disk_refusals(part, "write a preprocessed actor"):
                yield part
                write_json(part / layout.FINISHED, {"fingerprint": fingerprint, **note})
                _put(part, folder)
                # Only now: without its lock, another process would clear the unfinished folder.
                (folder / _LOCK).unlink()
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def _put(part: Path, folder: Path) -> None:
    """Move a folder into the place of another, which is removed."""
    old = folder.with_name(f".{folder.name}.old{PART}")
    if old.exists():
        shutil.rmtree(old)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    if old.exists():
        shutil.rmtree(old)
