"""Store: a folder of files under one URI, on disk or remote, with the same few verbs.

Owns the interface, key safety and the local store, and knows no other: remote stores are
``s3_store.py`` and ``http_store.py``, and ``opening.py`` has the one that a URI asks for.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from likeness.config.locations import Location
from likeness.config.schema import ConfigModel
from likeness.errors import DataError, MissingError, UnsafeFileError, UsageError
from likeness.replacement import PART
from likeness.storage.files import disk_errors, explained, file_version, replacing, sha256_of


class StorageSettings(ConfigModel):
    """Where remote data comes from and where runs are mirrored to."""

    mirror: Location | None = None
    """URI that receives a copy of checkpoints and records, e.g. s3://bucket/runs; null for none."""
    endpoint_url: str | None = None
    """Address of an S3-compatible server; null for the provider's own."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    """Longest silence on a connection before a transfer counts as failed."""
    retries: Annotated[int, Field(ge=0, le=20)] = 4
    """How often a failed transfer is tried again, waiting longer each time."""
    backoff_seconds: Annotated[float, Field(ge=0)] = 0.5
    """Wait before the first retry; doubles each time, at most 30 seconds."""
    cache_folder: Location = "~/.cache/likeness"
    """Folder that keeps copies of remote files."""
    cache_gigabytes: Annotated[float, Field(gt=0)] = 20.0
    """Size the cache may reach before the files used longest ago are removed."""


class Store(ABC):
    """Files by key under one URI. A key is a relative path with ``/``, such as ``images/0001.png``.

    Raises, from every method: MissingError when the file, the server or the permission is missing;
    DataError when what arrived is not what was stored; UnsafeFileError for a key that leaves the
    folder.
    """

    uri: str

    @abstractmethod
    def read_bytes(self, key: str) -> bytes: ...

    @abstractmethod
    def read_range(self, key: str, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``; fewer only where the file ends."""

    @abstractmethod
    def write_bytes(self, key: str, data: bytes) -> None:
        """Write all of it or nothing; a reader never sees a part."""

    @abstractmethod
    def versions(self, prefix: str = "") -> dict[str, str]:
        """Key to :meth:`version` of all files whose key starts with ``prefix``, sorted."""

    def list(self, prefix: str = "") -> list[str]:
        """Sorted keys of all files that start with ``prefix``."""
        return [*self.versions(prefix)]

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Whether there is a file of this key (a folder is not a file)."""

    @abstractmethod
    def size(self, key: str) -> int:
        """Bytes."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove a file; one that is not there is no error."""

    @abstractmethod
    def download(self, key: str, path: Path, *, sha256: str | None = None) -> str:
        """Copy a file to ``path``, verified and renamed into place; returns its SHA-256.

        Args:
            sha256: the hash it must have; None takes the one stored beside it, where there is one.
        """

    @abstractmethod
    def upload(self, path: Path, key: str) -> str:
        """Copy a local file into the store, verified; returns its SHA-256."""

    @abstractmethod
    def checksum(self, key: str) -> str | None:
        """The SHA-256 the store has on record for a file; None when it has none."""

    @abstractmethod
    def version(self, key: str) -> str:
        """A text that changes when the file is replaced."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raise what the first write would raise, as far as it can be told without writing."""


def is_remote(uri: str | Path) -> bool:
    """Whether a URI leaves this machine's file system.

    Raises:
        UsageError: it looks like an address and is none, as ``s3:/bucket`` does.
    """
    return scheme_of(uri) not in ("", "file")


def local_path(uri: str | Path) -> Path:
    """The path of a place on this machine, written as one or as ``file://…``."""
    return Path(str(uri).removeprefix("file://"))


def local_folder(place: str | Path, what: str) -> Path:
    """A place for results, which must be on this machine.

    Args:
        what: completes "… to a folder on this machine", e.g. ``"Runs are written"``.

    Raises:
        UsageError: it is empty, or looks like an address. A ``Path`` has lost one slash of
            ``s3://`` already.
    """
    text = str(place)
    if not text:
        raise UsageError(
            f"{what} to a folder on this machine, found an empty path.",
            advice="Name a folder, '.' for this one. A variable of the shell may be unset.",
        )
    if _ADDRESS.match(text) and not text.startswith("file://"):
        raise UsageError(
            f"{what} to a folder on this machine, found the address {text}.",
            advice="Name a folder. storage.mirror copies runs to an address while they train.",
        )
    return local_path(text)


_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//)?")  # one letter alone is a drive
_SCHEMES = ("file", "s3", "http", "https")


def scheme_of(uri: str | Path) -> str:
    """The scheme of an address in small letters; empty for a path.

    Raises:
        UsageError: it begins like an address and is none, as ``s3:/bucket`` does.
    """
    text = str(uri)
    found = _ADDRESS.match(text)
    if found is None:
        return ""
    scheme = found[1].lower()
    if not found[2]:
        slashes = "///" if scheme == "file" else "//"
        meant = f"{scheme}:{slashes}{text[found.end() :].lstrip('/')}"
        hint = f"Did you mean '{meant}'? " if scheme in _SCHEMES else ""
        raise UsageError(
            f"Cannot open '{text}': it begins like an address, but is none.",
            advice=f"{hint}Write a path that begins so with its whole folder, from the root on.",
        )
    return scheme


def checked_key(key: str) -> str:
    """The key itself when it stays inside its folder.

    Raises:
        UnsafeFileError: absolute, with ``..``, ``\\``, an empty part or a control character.
    """
    parts = key.split("/")
    bad = "\\" in key or any(ord(character) < 32 for character in key)
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    if bad or drive or any(part in ("", ".", "..") for part in parts):
        raise UnsafeFileError(
            f"The key {key!r} is not a relative path inside its folder.",
            advice="Use names joined by '/', without '..' and without a leading '/'.",
        )
    return key


_KEEP = "keep files"
_IN_THE_WAY = os.strerror(errno.ENOTDIR)


class LocalStore(Store):
    """A folder on this machine. Writing makes the folders it needs."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser()
        self.uri = str(root)

    def _path(self, key: str) -> Path:
        return self.root / checked_key(key)

    def _writable(self, key: str) -> Path:
        """The path, refused when a link would lead a write out of the folder."""
        path = self._path(key)
        root = self.root.resolve()
        if not path.resolve().is_relative_to(root):
            raise UnsafeFileError(
                f"Writing '{key}' would leave {root} through a link.",
                advice="Remove the link, or write to its target directly.",
            )
        return path

    def path_of(self, key: str) -> Path:
        """Where a file lies. Raises MissingError when it is not there."""
        path = self._path(key)
        if not path.is_file():
            raise MissingError(
                f"There is no file '{key}' in {self.root}.",
                advice="Check the folder and the name." if self.root.is_dir() else _no_root(self),
            )
        return path

    def read_bytes(self, key: str) -> bytes:
        path = self.path_of(key)
        with disk_errors(path, "read a file"):
            return path.read_bytes()

    def read_range(self, key: str, start: int, length: int) -> bytes:
        path = self.path_of(key)
        with disk_errors(path, "read a file"), path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def write_bytes(self, key: str, data: bytes) -> None:
        path = self._writable(key)
        with replacing(path, action="write a file") as temporary:
            temporary.write_bytes(data)

    def versions(self, prefix: str = "") -> dict[str, str]:
        if prefix:
            checked_key(prefix.rstrip("/") or "/")
        found = {
            path.relative_to(self.root).as_posix(): file_version(path.stat())
            for path in _files_below(self.root / prefix.rpartition("/")[0])
        }
        return {key: found[key] for key in sorted(found) if key.startswith(prefix)}

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        return self.path_of(key).stat().st_size

    def delete(self, key: str) -> None:
        path = self._writable(key)
        with disk_errors(path, "delete a file"):
            path.unlink(missing_ok=True)

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> str:
        source = self.path_of(key)
        return self._copied(source, path, sha256 or sha256_of(source))

    def check_writable(self) -> None:
        root = self.root.absolute()
        there = next(place for place in (root, *root.parents) if place.exists())
        if not there.is_dir():
            raise explained(NotADirectoryError(errno.ENOTDIR, _IN_THE_WAY), there, _KEEP)
        if not os.access(there, os.W_OK | os.X_OK):
            refusal = errno.EROFS if os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES
            raise explained(OSError(refusal, os.strerror(refusal)), there, _KEEP)

    def upload(self, path: Path, key: str) -> str:
        target = self._writable(key)
        if not path.is_file():
            raise MissingError(f"There is no file {path} to upload.")
        return self._copied(path, target, sha256_of(path))

    def _copied(self, source: Path, target: Path, expected: str) -> str:
        with replacing(target, action=f"copy {source.name}") as temporary:
            shutil.copyfile(source, temporary)
            found = sha256_of(temporary)
            if found != expected:
                raise checksum_error(str(source), expected=expected, found=found)
        return found

    def checksum(self, key: str) -> str | None:
        return sha256_of(self.path_of(key))

    def version(self, key: str) -> str:
        return file_version(self.path_of(key).stat())


def _files_below(folder: Path) -> Iterator[Path]:
    """Files under a folder; parts of unfinished writes are not files."""
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in names:
            if not (name.startswith(".") and name.endswith(PART)):
                yield Path(parent) / name


def _no_root(store: LocalStore) -> str:
    return f"The folder {store.root} itself does not exist."


def checksum_error(name: str, *, expected: str, found: str) -> DataError:
    """The error for content that is not what was stored, by its SHA-256."""
    return damage_error(name, f"expected SHA-256 {expected}, found {found}")


def damage_error(name: str, reason: str) -> DataError:
    """The error for content that is not what was stored."""
    return DataError(
        f"{name} arrived damaged: {reason}.",
        advice="Fetch it again; if it stays so, the stored copy must be written anew.",
    )
