"""Files that appear whole or not at all: written near their place, then moved there at once."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
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


@contextmanager
def replacing_together(folder: str | Path) -> Iterator[Path]:
    """An empty temporary folder whose files take their places in ``folder`` when the block ends
    well, else vanish; until then ``folder`` keeps what it has.

    It lies inside, so that the folder may be a mount, a link or the current one. Files of other
    names stay. All take their places, or what was there comes back, also at an interruption; only
    a process that is killed in that moment can leave some of each.

    Raises:
        OSError: what the disk refuses, such as a file in the place of a folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{secrets.token_hex(6)}{PART}"
    temporary.mkdir()
    try:
        yield temporary
        _take_places(temporary, folder)
        flush_to_disk(folder)
    finally:
        shutil.rmtree(temporary)


def _take_places(made: Path, folder: Path) -> None:
    names = sorted(path.name for path in made.iterdir())
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder / name))
    kept = made / f"before{PART}"
    kept.mkdir()
    known = {name for name in names if os.path.lexists(folder / name)}
    try:
        for name in names:
            if name in known:
                (folder / name).rename(kept / name)
            (made / name).rename(folder / name)
    except BaseException:
        for name in names:
            # Looked up, since an interruption may come after a move and before a note of it.
            if name in known and os.path.lexists(kept / name):
                (kept / name).replace(folder / name)
            elif name not in known and not os.path.lexists(made / name):
                (folder / name).unlink()
        raise


def flush_to_disk(path: Path) -> None:
    """Ask the system to put a file or the names in a folder on the disk itself (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
