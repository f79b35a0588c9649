"""Files on this machine: replaced as a whole or not at all, hashed, and errors a person can act on.

Knows nothing of stores or of what the files mean.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from likeness.errors import UsageError

PART = ".part"
"""Ends the name of a file that is still being written; readers pass it by."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty temporary sibling that becomes ``path`` when the block ends well, else vanishes.

    The content is flushed to disk before the rename, and the folder after it, so that after a power
    cut there is the old file or the new one. Folders are made as needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}{PART}")
    temporary.open("xb").close()
    try:
        yield temporary
        flush_to_disk(temporary)
        temporary.replace(path)
        flush_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Ask the system to put a file or the names in a folder on the disk itself (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def disk_errors(path: Path, action: str) -> Iterator[None]:
    """Turn what a disk can refuse into an error that says what to do.

    Args:
        path: the file or folder in use.
        action: completes "Cannot …", e.g. ``"write the index"``.

    Raises:
        UsageError: no space, no permission, a file where a folder is needed, and their like.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "Free some space, or choose a folder on another disk."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            advice = "Give yourself permission for this folder, or choose another one."
        else:
            advice = "Check the path."
        place = error.filename or path
        raise UsageError(f"Cannot {action}: {place}: {error.strerror}.", advice=advice) from error
