"""What all remote stores share: files through fsspec, with bounded retries and verification.

Owns what a network can do wrong. The interface and the rules for keys are ``store.py``.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from likeness.errors import DataError, LikenessError, MissingError
from likeness.notices import NOTICE
from likeness.storage.checksums import Checksums
from likeness.storage.files import is_full, replacing, sha256_of
from likeness.storage.store import StorageSettings, Store, damage_error

T = TypeVar("T")
LONGEST_WAIT = 30.0
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
        self._unproved = count()  # downloads that nothing could verify; the first is told

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

    @property
    @abstractmethod
    def _server(self) -> str:
        """The address that is connected to."""

    def _tried(self, key: str, doing: str, action: Callable[[], T]) -> T:
        """Run an action, again after transient failures, with growing waits."""
        attempts = self.settings.retries + 1
        for attempt in range(attempts):
            began = time.monotonic()
            try:
                with damage_told(f"{self.uri}/{key}"):
                    return action()
            except DataError as error:
                if attempt + 1 == attempts:
                    raise
                failure: Exception = error  # damaged on the way: worth another try
            except LikenessError:
                raise
            except Exception as error:
                if is_full(error):  # of this machine: no fault of the address
                    raise
                if not is_transient(error):
                    raise self._explained(key, doing, error) from error
                failure = error
            told = _brief(failure)
            if _is_silence(failure):
                waited = time.monotonic() - began
                told = f"the server at {self._server} gave no answer for {waited:.3g} s"
            if attempt + 1 == attempts:
                break
            wait = min(self.settings.backoff_seconds * 2**attempt, LONGEST_WAIT)
            wait *= random.uniform(0.75, 1.25)  # so that many workers do not return at once
            _log.warning(
                "%s %s/%s failed (%s); trying again in %.1f s",
                *(doing, self.uri, key, told, wait),
            )
            time.sleep(wait)
        often = "" if attempts == 1 else f" {attempts} times; the last time"
        raise MissingError(
            f"{doing} {self.uri}/{key} failed{often}: {told}.",
            advice="Check the network and that the server is the right one and runs; "
            "storage.retries and storage.timeout_seconds set how patient to be.",
        ) from failure

    def _explained(self, key: str, doing: str, error: Exception) -> LikenessError:
        name = f"{self.uri}/{key}".rstrip("/")
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
        return version_of(self._tried(key, "Looking at", lambda: self._facts(key)))

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> str:
        address, name = self._address(key), f"{self.uri}/{key}"
        recorded = Checksums(sha256) if sha256 is not None else self._checksums(key)

        with replacing(path, action="keep a download") as temporary:

            def fetch() -> tuple[str, bool]:
                self.filesystem.get_file(address, str(temporary))
                found = sha256_of(temporary)
                return found, recorded.check(temporary, sha256=found, name=name)

            digest, is_proved = self._tried(key, "Downloading", fetch)
        if not is_proved and next(self._unproved) == 0:
            _log.log(
                NOTICE,
                "There is no checksum of %s that can be verified, and perhaps of more files of %s: "
                "damage on the way would not be noticed. Files uploaded with a checksum of the "
                "whole file, or in one part, are verified.",
                *(name, self.uri),
            )
        return digest

    def _checksums(self, key: str) -> Checksums:
        """What is on record of a file's content."""
        return Checksums(self.checksum(key))


@contextmanager
def damage_told(name: str) -> Iterator[None]:
    """Turn botocore's error for a checksum that the server sent, and that is wrong, into ours."""
    try:
        yield
    except Exception as error:
        botocore = sys.modules.get("botocore.exceptions")
        if botocore is not None and isinstance(error, botocore.FlexibleChecksumError):
            text = _brief(error)
            raise damage_error(name, text[0].lower() + text[1:]) from error
        raise


def version_of(facts: Mapping[str, Any]) -> str:
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


def _is_silence(error: BaseException) -> bool:
    """Whether it ends a wait for a server that said nothing, so that its own text says little."""
    if isinstance(error, TimeoutError) and not str(error):  # as fsspec raises it
        return True
    # As in is_transient: their errors exist only where the libraries were imported.
    aiohttp, botocore = (sys.modules.get(name) for name in ("aiohttp", "botocore.exceptions"))
    kinds: list[type[BaseException]] = [aiohttp.ServerTimeoutError] if aiohttp is not None else []
    if botocore is not None:
        kinds += [botocore.ReadTimeoutError, botocore.ConnectTimeoutError]
    return isinstance(error, tuple(kinds))


def _brief(error: BaseException) -> str:
    """The error in a sentence of ours: on one line, not too long, without its full stop."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
