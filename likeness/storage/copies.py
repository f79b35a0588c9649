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
from pathlib import Path

from likeness.errors import MissingError, UsageError
from likeness.storage.cache import Cache
from likeness.storage.files import disk_errors, replacing
from likeness.storage.lock import locked
from likeness.storage.store import (
    StorageSettings,
    Store,
    checked_key,
    is_remote,
    local_path,
    open_store,
)

_TRANSFERS = 8
"""Files fetched at the same time."""
_MANIFEST = "manifest.json"
_log = logging.getLogger(__name__)


def local_copy(uri: str | Path, *, settings: StorageSettings) -> Path:
    """The folder of a URI on this machine: itself, or an up-to-date copy of a remote one.

    Only what changed since the last call is transferred, and what is gone there goes here too. The
    files of a copy are read only. Safe when several processes ask at once.

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
    with disk_errors(place, "copy a remote folder"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "lock").touch()
    with locked(place / "lock", waits=True):
        _update(store, cache, place)
    return place / "files"


def _update(store: Store, cache: Cache, place: Path) -> None:
    """Make ``files`` equal to the store, and remember the versions it then has."""
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
    changed = [
        key
        for key, version in wanted.items()
        if known.get(key) != version or not (folder / key).is_file()
    ]
    if changed:
        _log.info("Fetching %d of %d files of %s.", len(changed), len(wanted), store.uri)

    def fetch(key: str) -> None:
        with cache.borrow(store, key, version=wanted[key]) as path:
            _link(path, folder / key)

    with disk_errors(folder, "copy a remote folder"):
        with ThreadPoolExecutor(_TRANSFERS) as pool:
            list(pool.map(fetch, changed))
        for key in known.keys() - wanted.keys():
            (folder / key).unlink(missing_ok=True)
        with replacing(manifest) as temporary:
            temporary.write_text(json.dumps(wanted), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, in place of what had that name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    os.link(source, temporary)
    temporary.replace(target)
    temporary.unlink(missing_ok=True)  # still there when both names were one file already


def _read(manifest: Path) -> dict[str, str]:
    try:
        versions = json.loads(manifest.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # half a file after a power cut: all is fetched again
        return {}
    return versions if isinstance(versions, dict) else {}
