"""Files that appear whole or not at all: written beside their place, then moved there at once."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"
"""Ends the name of a file that is still being written; readers pass it by."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """An empty temporary sibling that becomes ``path`` when the block ends well, else vanishes.

    It lies in the same folder, which is made if it is not there, because a file can be moved in one
    step only within a file system. The content is flushed to disk before the rename, and the folder
    after it, so that after a power cut there is the old file or the new one. The file has the
    rights that the umask gives, whatever the library that writes it chose.

    Raises:
        OSError: what the disk refuses.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}{PART}")
    with temporary.open("xb") as file:
        rights = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    try:
        yield temporary
        temporary.chmod(rights)
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
