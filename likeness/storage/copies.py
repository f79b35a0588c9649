"""Local copies of remote folders, for everything that reads ordinary files.

Owns which files are fetched anew. Transfers and the content itself are the cache's business.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Self

from likeness.errors import MissingError, UsageError, first_few
from likeness.storage.cache import CACHE_ELSEWHERE, Cache
from likeness.storage.files import (
    disk_errors,
    file_version,
    read_only_told,
    replacing,
    sha256_of,
)
from likeness.storage.lock import locked
from likeness.storage.opening import open_store
from likeness.storage.store import (
    LocalStore,
    StorageSettings,
    Store,
    checked_key,
    is_remote,
    local_path,
)

_TRANSFERS = 8
"""Files fetched at the same time."""
_MANIFEST = "manifest.json"
_log = logging.getLogger(__name__)


def local_copy(uri: str | Path, *, settings: StorageSettings) -> Path:
    """The folder of a URI on this machine: itself, or an up-to-date copy of a remote one.

    Only what changed since the last call is transferred, and what is gone there goes here too. The
    files of a copy are read only; one that was written to here, or cut, is fetched again with a
    warning. Safe when several processes ask at once.

    Raises:
        MissingError: there is nothing at the URI, or it cannot be reached.
        UsageError: the URI cannot be listed (https), or is a misspelt address.
        UnsafeFileError: a remote name would leave the folder.
    """
    if not is_remote(uri):
        return local_path(uri)
    store = open_store(uri, settings=settings)
    cache = Cache.from_settings(settings)
    place = cache.folder / "copies" / hashlib.sha256(store.uri.encode()).hexdigest()[:16]
    with read_only_told(CACHE_ELSEWHERE):
        with disk_errors(place, "copy a remote folder"):
            place.mkdir(parents=True, exist_ok=True)
            (place / "lock").touch()
        with locked(place / "lock", waits=True):
            _update(store, cache, place)
    return place / "files"


@dataclass(frozen=True)
class _Copied:
    """A file of a copy as it was when its content was last compared with its hash."""

    version: str
    """Of the remote file."""
    sha256: str
    here: str
    """Version of the file on this machine, so that nothing is read to see that it was written."""

    @classmethod
    def of(cls, path: Path, version: str, sha256: str) -> Self:
        return cls(version, sha256, file_version(path.stat()))


_NONE = _Copied("", "", "")


def _update(store: Store, cache: Cache, place: Path) -> None:
    """Make ``files`` equal to the store, and remember what each file then is."""
    versions = store.versions()
    if "" in versions:
        raise UsageError(
            f"{store.uri} is a file; expected a folder.", advice="Name the folder that it is in."
        )
    wanted = {checked_key(key): version for key, version in versions.items()}
    if not wanted:
        raise MissingError(f"There are no files at {store.uri}.", advice="Check the URI.")
    folder, manifest = place / "files", place / _MANIFEST
    known = _read(manifest)

    with disk_errors(folder, "copy a remote folder"):
        same = [key for key, version in wanted.items() if known.get(key, _NONE).version == version]
        same = [key for key in same if (folder / key).is_file()]
        looked = {key: _looked_at(folder / key, known[key]) for key in same}
        there = {key: copied for key, copied in looked.items() if copied is not None}
        anew = [key for key in wanted if key not in there]
        damaged = [key for key in anew if key in looked]
        if damaged:
            _log.warning(
                "The copy of %s on this machine was damaged or changed (%s): fetching again.",
                *(store.uri, first_few(damaged, 1)),
            )
        if len(anew) > len(damaged):
            _log.info("Fetching %d of %d files of %s.", len(anew), len(wanted), store.uri)

        def fetch(key: str) -> _Copied:
            with cache.borrow(store, key, version=wanted[key]) as path:
                _link(path, folder / key)
                return _Copied.of(path, wanted[key], sha256=path.name)

        with ThreadPoolExecutor(_TRANSFERS) as pool:
            there |= zip(anew, pool.map(fetch, anew), strict=True)
        here = known or LocalStore(folder).versions()
        for key in here.keys() - wanted.keys():
            (folder / key).unlink(missing_ok=True)
        with replacing(manifest) as temporary:
            files = {key: list(astuple(there[key])) for key in wanted}
            temporary.write_text(json.dumps(files), encoding="utf-8")


def _looked_at(path: Path, copied: _Copied) -> _Copied | None:
    """A file as it is now, None where it is not what was copied; read only where it was written."""
    now = _Copied.of(path, copied.version, copied.sha256)
    return now if now == copied or sha256_of(path) == copied.sha256 else None


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, in place of what had that name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    os.link(source, temporary)
    temporary.replace(target)
    temporary.unlink(missing_ok=True)  # still there when both names were one file already


def _read(manifest: Path) -> dict[str, _Copied]:
    """What was copied, by key; empty where nobody knows: then the cache is asked for all of it."""
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))
        return {key: _Copied(*values) for key, values in files.items()}
    # E.g. half a file after a power cut.
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}
