"""What lies at a place, told by names, sizes and times alone: another stamp, other files.

Reads no content; who wants to know what changed looks at the files.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from likeness.storage.files import file_version
from likeness.storage.opening import open_store
from likeness.storage.store import StorageSettings, is_remote, local_path


@dataclass(frozen=True)
class Stamp:
    """Equal for the same files as they were."""

    files: int
    """How many there are."""
    newest: str
    """The one written last, by its path below the place; empty where nobody tells."""
    digest: str
    """SHA-256 over the path, the size and the time of change of each, or its version in a store."""


def stamp_of(
    place: str | Path, *, settings: StorageSettings, skips: Callable[[Path], bool] | None = None
) -> Stamp:
    """The stamp of a folder with all below it, of a file, or of a remote address.

    Links are followed. What is hidden does not count: file managers leave such files by looking.

    Args:
        settings: of remote stores.
        skips: local folders to leave out, with what is below them.

    Raises:
        MissingError: a remote address cannot be reached.
        UsageError: it cannot be listed.
    """
    if is_remote(place):
        versions = open_store(place, settings=settings).versions()
        return Stamp(len(versions), "", _digest(versions))
    root = local_path(place).expanduser()
    if root.is_file():
        facts = {root.name: root.stat()}
    else:
        facts = dict(_files(root, skips or (lambda folder: False)))
    newest = max(facts, key=lambda name: (facts[name].st_mtime_ns, name), default="")
    versions = {name: file_version(own) for name, own in facts.items()}
    return Stamp(len(facts), newest, _digest(versions))


def _files(root: Path, skips: Callable[[Path], bool]) -> Iterator[tuple[str, os.stat_result]]:
    """Path below ``root`` and facts of every file; folders that cannot be read have none."""
    seen = set()
    for place, folders, names in os.walk(root, followlinks=True):
        folder = Path(place)
        own = folder.stat()
        if (own.st_dev, own.st_ino) in seen or skips(folder):
            folders.clear()  # a link to where this is, or nothing of it counts
            continue
        seen.add((own.st_dev, own.st_ino))
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in names:
            try:
                facts = (folder / name).stat()
            except OSError:
                continue  # a link to nowhere, or removed meanwhile
            if name[0] != "." and stat.S_ISREG(facts.st_mode):
                yield (folder / name).relative_to(root).as_posix(), facts


def _digest(versions: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(versions):
        digest.update(f"{name}\0{versions[name]}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
