"""Cache: copies of remote files on this machine, by content hash, bounded in size.

Safe for many processes at once. A local store is passed through: its files are used where they lie.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from likeness.storage.files import disk_errors, read_only_told, replacing, sha256_of
from likeness.storage.lock import locked
from likeness.storage.store import LocalStore, StorageSettings, Store, checksum_error

_log = logging.getLogger(__name__)


CACHE_ELSEWHERE = "set storage.cache_folder to another folder"
"""The remedy where nothing can be written to the cache."""


class Cache:
    """Files by SHA-256 under one folder; the ones used longest ago go first.

    ``objects/<two digits>/<hash>`` are the files, ``names/<hash>`` remember which content a file of
    a store had at which version, ``locks/`` keeps two processes from fetching the same file.

    Args:
        folder: made when first needed.
        max_bytes: the size is kept at or below this, except for files in use and a single file that
            is larger by itself.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder.expanduser()
        self.max_bytes = max_bytes

    @classmethod
    def from_settings(cls, settings: StorageSettings) -> Cache:
        return cls(Path(settings.cache_folder), int(settings.cache_gigabytes * 1e9))

    @contextmanager
    def borrow(
        self, store: Store, key: str, *, sha256: str | None = None, version: str | None = None
    ) -> Iterator[Path]:
        """A path to the content of a file, which stays there until the block ends.

        The name of the path is the SHA-256 of the content, and has been compared with it: a file
        that was damaged here is fetched again. A hard link made meanwhile keeps the content; such
        files do not count towards the bound.

        Args:
            sha256: the content wanted; when it is here already, the store is not asked.
            version: of the file, when the caller has just asked for it.

        Raises:
            MissingError, DataError, UnsafeFileError: as the store does.
        """
        if isinstance(store, LocalStore):
            yield store.path_of(key)
            return
        was_damaged = False
        while True:
            with read_only_told(CACHE_ELSEWHERE):
                digest = self._present(store, key, sha256, version)
            path = self._object(digest)
            with ExitStack() as stack:
                try:
                    stack.enter_context(locked(path, shared=True, waits=True))
                    facts, found = path.stat(), sha256_of(path)
                except FileNotFoundError:
                    continue  # removed by another process between fetching and holding
                if found != digest:
                    if was_damaged:
                        raise checksum_error(str(path), expected=digest, found=found)
                    _log.info("%s is damaged; %s/%s is fetched again.", path, store.uri, key)
                    path.unlink(missing_ok=True)
                    was_damaged = True
                    continue
                # The time of change stays: it tells who links the file that nobody changed it.
                os.utime(path, ns=(time.time_ns(), facts.st_mtime_ns))
                yield path
                return

    def read_bytes(self, store: Store, key: str, *, sha256: str | None = None) -> bytes:
        """The content of a file, from here when it is here."""
        with self.borrow(store, key, sha256=sha256) as path:
            return path.read_bytes()

    def size(self) -> int:
        """Bytes of all files kept, without those that a link elsewhere keeps anyway."""
        return sum(size for _, size, _ in self._objects())

    def _present(self, store: Store, key: str, sha256: str | None, version: str | None) -> str:
        """Make sure the content is here and return its hash."""
        if sha256 is not None and self._object(sha256).is_file():
            return sha256
        version = version or store.version(key)
        name = hashlib.sha256(f"{store.uri}\n{key}\n{version}".encode()).hexdigest()
        with self._lock(name):
            known = sha256 or self._remembered(name)
            if known is not None and self._object(known).is_file():
                return known
            digest = self._fetch(store, key, known)
            self._remember(name, digest)
        self._evict(keep=digest)
        return digest

    def _fetch(self, store: Store, key: str, sha256: str | None) -> str:
        incoming = self.folder / "incoming" / hashlib.sha256(os.urandom(16)).hexdigest()
        try:
            digest = store.download(key, incoming, sha256=sha256)
            target = self._object(digest)
            with disk_errors(target, "keep a file in the cache"):
                target.parent.mkdir(parents=True, exist_ok=True)
                incoming.chmod(0o444)  # others may hold the same file
                incoming.replace(target)
        finally:
            incoming.unlink(missing_ok=True)
        _log.debug("fetched %s/%s as %s", store.uri, key, digest)
        return digest

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / digest

    def _remembered(self, name: str) -> str | None:
        path = self.folder / "names" / name
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["sha256"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError):
            path.unlink(missing_ok=True)  # half a file after a power cut: ask the store again
            return None

    def _remember(self, name: str, digest: str) -> None:
        path = self.folder / "names" / name
        with replacing(path, action="keep a file in the cache") as temporary:
            temporary.write_text(json.dumps({"sha256": digest}), encoding="utf-8")

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Exclusive among processes; released by the system when a process dies."""
        path = self.folder / "locks" / name[:3]
        with disk_errors(path, "use the cache"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        with locked(path, waits=True):
            yield

    def _objects(self) -> list[tuple[int, int, Path]]:
        """(time of last use in nanoseconds, bytes, path) of the files that can go, oldest first."""
        found = []
        for path in (self.folder / "objects").glob("*/*"):
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue  # another process removed it
            if facts.st_nlink == 1:
                found.append((facts.st_atime_ns, facts.st_size, path))
        return sorted(found)

    def _evict(self, keep: str) -> None:
        """Remove the files used longest ago until the bound holds; one process at a time."""
        with self._lock("evict"):
            objects = self._objects()
            total = sum(size for _, size, _ in objects)
            for _, size, path in objects:
                if total <= self.max_bytes:
                    return
                if path.name != keep and _removed_if_unused(path):
                    total -= size


def _removed_if_unused(path: Path) -> bool:
    """Remove a file unless somebody has borrowed it."""
    try:
        with locked(path):
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True
