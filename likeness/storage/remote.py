"""Remote stores: s3:// and https:// through fsspec, with timeouts, bounded retries, verification.

Owns what a network can do wrong. The interface and the rules for keys are ``store.py``.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import random
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import fsspec.asyn

from likeness.errors import DataError, LikenessError, MissingError, UsageError
from likeness.extras import require
from likeness.storage.files import replacing, sha256_of
from likeness.storage.store import (
    StorageSettings,
    Store,
    checked_key,
    checksum_error,
)

T = TypeVar("T")
LONGEST_WAIT = 30.0
SLOWEST_UPLOAD = 64 * 1024
"""Bytes per second below which an upload counts as stuck."""
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRANSIENT_ERRNO = frozenset(
    {errno.EREMOTEIO, errno.EBUSY, errno.EIO, errno.ETIMEDOUT, errno.EAGAIN}
)
_log = logging.getLogger(__name__)


class RemoteStore(Store):
    """What s3 and https share: retrying, verifying, and turning errors into messages."""

    def __init__(self, uri: str, settings: StorageSettings) -> None:
        self.uri = uri.rstrip("/")
        self.settings = settings
        self._filesystems: dict[int, Any] = {}

    @property
    def filesystem(self) -> Any:
        """The connection of this process; a forked worker opens its own."""
        process = os.getpid()
        if process not in self._filesystems:
            self._filesystems = {process: self._connect()}
        return self._filesystems[process]

    @abstractmethod
    def _connect(self) -> Any:
        """Open the fsspec file system, without retries of its own."""

    @abstractmethod
    def _address(self, key: str) -> str:
        """What fsspec calls the file."""

    @abstractmethod
    def _facts(self, key: str) -> dict[str, Any]:
        """``size`` and whatever identifies the content. Raises FileNotFoundError."""

    def _tried(self, key: str, doing: str, action: Callable[[], T]) -> T:
        """Run an action, again after transient failures, with growing waits."""
        attempts = self.settings.retries + 1
        for attempt in range(attempts):
            try:
                return action()
            except DataError as error:
                if attempt + 1 == attempts:
                    raise
                failure: Exception = error  # damaged on the way: worth another try
            except LikenessError:
                raise
            except Exception as error:
                if not is_transient(error):
                    raise self._explained(key, doing, error) from error
                failure = error
            if attempt + 1 == attempts:
                break
            wait = min(self.settings.backoff_seconds * 2**attempt, LONGEST_WAIT)
            wait *= random.uniform(0.75, 1.25)  # so that many workers do not return at once
            _log.warning(
                "%s %s/%s failed (%s); trying again in %.1f s",
                *(doing, self.uri, key, _brief(failure), wait),
            )
            time.sleep(wait)
        raise MissingError(
            f"{doing} {self.uri}/{key} failed {attempts} times; the last time: {_brief(failure)}.",
            advice="Check the network and the server; storage.retries and "
            "storage.timeout_seconds set how patient to be.",
        ) from failure

    def _explained(self, key: str, doing: str, error: Exception) -> LikenessError:
        name = f"{self.uri}/{key}"
        if isinstance(error, FileNotFoundError):
            return MissingError(f"There is no file {name}.", advice="Check the URI and the name.")
        refused = isinstance(error, PermissionError) or getattr(error, "status", 0) in (401, 403)
        if refused or type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
            return MissingError(
                f"{doing} {name} was refused: {_brief(error)}.",
                advice="Give credentials that may do this (for s3: AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or a profile in AWS_PROFILE).",
            )
        return MissingError(
            f"{doing} {name} failed: {_brief(error)}.",
            advice="Check the URI and storage.endpoint_url.",
        )

    def read_bytes(self, key: str) -> bytes:
        address = self._address(key)

        def read() -> bytes:
            data: bytes = self.filesystem.cat_file(address)
            return data

        return self._tried(key, "Reading", read)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        address = self._address(key)

        def read() -> bytes:
            end = min(start + length, self._facts(key)["size"])
            if end <= start:
                return b""
            data: bytes = self.filesystem.cat_file(address, start=start, end=end)
            if len(data) > end - start:
                data = data[start:end]  # the server does not know ranges and sent everything
            if len(data) != end - start:
                raise TimeoutError(f"expected {end - start} bytes, received {len(data)}")
            return data

        return self._tried(key, "Reading", read)

    def exists(self, key: str) -> bool:
        def look() -> bool:
            try:
                self._facts(key)
            except FileNotFoundError:
                return False
            return True

        return self._tried(key, "Looking for", look)

    def size(self, key: str) -> int:
        return int(self._tried(key, "Looking at", lambda: self._facts(key))["size"])

    def version(self, key: str) -> str:
        return _version(self._tried(key, "Looking at", lambda: self._facts(key)))

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> str:
        address = self._address(key)
        expected = sha256 or self.checksum(key)

        with replacing(path, action="keep a download") as temporary:

            def fetch() -> str:
                self.filesystem.get_file(address, str(temporary))
                found = sha256_of(temporary)
                if expected is not None and found != expected:
                    raise checksum_error(f"{self.uri}/{key}", expected=expected, found=found)
                return found

            return self._tried(key, "Downloading", fetch)


class S3Store(RemoteStore):
    """A prefix in a bucket. Uploads carry their SHA-256 as metadata; S3 makes each write atomic."""

    def __init__(self, uri: str, settings: StorageSettings) -> None:
        super().__init__(uri, settings)
        self._root = self.uri.removeprefix("s3://")
        if not self._root or self._root.startswith("/"):
            raise UsageError(
                f"'{uri}' names no bucket.", advice="Write s3://bucket or s3://bucket/prefix."
            )
        self._package()

    @staticmethod
    def _package() -> Any:
        return require("s3fs", extra="s3", purpose="read and write s3:// addresses")

    def _connect(self) -> Any:
        s3fs = self._package()
        seconds = self.settings.timeout_seconds
        filesystem = s3fs.S3FileSystem(
            endpoint_url=self.settings.endpoint_url,
            config_kwargs={
                "connect_timeout": seconds,
                "read_timeout": seconds,
                "retries": {"total_max_attempts": 1},
            },
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        filesystem.retries = 1
        return filesystem

    def _address(self, key: str) -> str:
        return f"{self._root}/{checked_key(key)}"

    def _facts(self, key: str) -> dict[str, Any]:
        facts: dict[str, Any] = self.filesystem.info(self._address(key))
        if facts["type"] != "file":
            raise FileNotFoundError(key)
        return facts

    def write_bytes(self, key: str, data: bytes) -> None:
        address, digest = self._address(key), hashlib.sha256(data).hexdigest()

        def write() -> None:
            metadata = {"sha256": digest}
            self._send(len(data), self.filesystem._pipe_file, address, data, Metadata=metadata)
            self._confirm(key, len(data), digest)

        self._tried(key, "Writing", write)

    def upload(self, path: Path, key: str) -> str:
        if not path.is_file():
            raise MissingError(f"There is no file {path} to upload.")
        address, digest, size = self._address(key), sha256_of(path), path.stat().st_size

        def write() -> str:
            metadata = {"sha256": digest}
            self._send(size, self.filesystem._put_file, str(path), address, Metadata=metadata)
            self._confirm(key, size, digest)
            return digest

        return self._tried(key, "Uploading", write)

    def _send(self, size: int, method: Callable[..., Any], *values: Any, **options: Any) -> None:
        """Run an upload under a limit of its own.

        The client asks the server's leave before it sends a body and waits for the answer without
        any timeout (``Expect: 100-continue``).
        """
        limit = self.settings.timeout_seconds + size / SLOWEST_UPLOAD
        fsspec.asyn.sync(self.filesystem.loop, method, *values, timeout=limit, **options)

    def _confirm(self, key: str, size: int, digest: str) -> None:
        """Ask the server what it now has; the bytes themselves it checked against the request."""
        found, recorded = self._facts(key)["size"], self._recorded(key)
        if found != size or recorded != digest:
            raise DataError(
                f"{self.uri}/{key} was not stored whole: expected {size} bytes with SHA-256 "
                f"{digest}, found {found} bytes with {recorded}.",
                advice="Another process may write the same file; otherwise check the server.",
            )

    def _recorded(self, key: str) -> str | None:
        metadata: dict[str, str] = self.filesystem.metadata(self._address(key))
        return metadata.get("sha256")

    def checksum(self, key: str) -> str | None:
        return self._tried(key, "Looking at", lambda: self._recorded(key))

    def versions(self, prefix: str = "") -> dict[str, str]:
        if prefix:
            checked_key(prefix.rstrip("/") or "/")
        folder = prefix.rpartition("/")[0]
        start = f"{self._root}/{folder}".rstrip("/")

        def find() -> dict[str, str]:
            try:
                paths: dict[str, dict[str, Any]] = self.filesystem.find(start, detail=True)
            except FileNotFoundError:
                if not self.filesystem.exists(self._root.partition("/")[0]):
                    raise
                paths = {}
            found = {
                path[len(self._root) + 1 :]: _version(facts)
                for path, facts in paths.items()
                if not path.endswith("/")
            }
            return {key: found[key] for key in sorted(found) if key.startswith(prefix)}

        return self._tried(prefix, "Listing", find)

    def delete(self, key: str) -> None:
        address = self._address(key)

        def remove() -> None:
            try:
                self.filesystem.rm_file(address)
            except FileNotFoundError:
                return

        self._tried(key, "Deleting", remove)


class HttpStore(RemoteStore):
    """Files under a web address, read only. ``<file>.sha256`` beside a file is its checksum."""

    def __init__(self, uri: str, settings: StorageSettings) -> None:
        super().__init__(uri, settings)
        self._package()

    @staticmethod
    def _package() -> Any:
        return require("aiohttp", extra="s3", purpose="read https:// addresses")

    def _connect(self) -> Any:
        aiohttp = self._package()
        from fsspec.implementations.http import HTTPFileSystem

        seconds = self.settings.timeout_seconds
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        return HTTPFileSystem(
            client_kwargs={"timeout": timeout},
            use_listings_cache=False,
            skip_instance_cache=True,
            encoded=True,
        )

    def _address(self, key: str) -> str:
        return f"{self.uri}/{quote(checked_key(key))}"

    def _facts(self, key: str) -> dict[str, Any]:
        facts: dict[str, Any] = self.filesystem.info(self._address(key))
        if facts.get("size") is None:
            facts["size"] = len(self.filesystem.cat_file(self._address(key)))
        return facts

    def checksum(self, key: str) -> str | None:
        sidecar = self._address(f"{key}.sha256")

        def read() -> str | None:
            try:
                text = self.filesystem.cat_file(sidecar)[:64].decode("ascii", "replace")
            except FileNotFoundError:
                return None
            is_hash = len(text) == 64 and all(c in "0123456789abcdef" for c in text.lower())
            return text.lower() if is_hash else None

        return self._tried(f"{key}.sha256", "Reading", read)

    def versions(self, prefix: str = "") -> dict[str, str]:
        raise UsageError(
            f"{self.uri} cannot be listed: a web address has no folders.",
            advice="Name the files (an index file does), or use s3:// or a local copy.",
        )

    def write_bytes(self, key: str, data: bytes) -> None:
        raise self._read_only()

    def delete(self, key: str) -> None:
        raise self._read_only()

    def upload(self, path: Path, key: str) -> str:
        raise self._read_only()

    def _read_only(self) -> UsageError:
        return UsageError(
            f"{self.uri} is read only.", advice="Write to a local folder or to s3:// instead."
        )


def _version(facts: Mapping[str, Any]) -> str:
    """A text from what a server tells of a file; its time only where there is no entity tag."""
    tag = facts.get("ETag") or facts.get("LastModified") or facts.get("mtime")
    return f"{facts.get('size')}-{tag}"


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: time-outs, cut connections, a busy or broken server."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status > 0:
        return status in _TRANSIENT_STATUS
    if isinstance(error, (TimeoutError, ConnectionError)):
        return True
    # Errors of these libraries exist only where the libraries were imported.
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp is not None and isinstance(error, aiohttp.ClientError):
        return not isinstance(error, aiohttp.InvalidURL)
    # botocore's "standard" retry mode takes its ConnectionError (a refused connection, a proxy, a
    # handshake that failed) and its HTTPClientError (a time-out, a cut connection) for transient.
    botocore = sys.modules.get("botocore.exceptions")
    if botocore is not None and isinstance(
        error, (botocore.ConnectionError, botocore.HTTPClientError, botocore.IncompleteReadError)
    ):
        return True
    return isinstance(error, OSError) and error.errno in _TRANSIENT_ERRNO


def _brief(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
