"""A prefix in a bucket of S3, or of a server that speaks its protocol.

What a network can do wrong is ``remote.py``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec.asyn

from likeness.errors import DataError, LikenessError, MissingError, UsageError
from likeness.extras import require
from likeness.storage.checksums import Checksums, of_object
from likeness.storage.files import sha256_of
from likeness.storage.remote import RemoteStore, damage_told, version_of
from likeness.storage.store import StorageSettings, checked_key

SLOWEST_UPLOAD = 64 * 1024
"""Bytes per second below which an upload counts as stuck."""
_READ_BACK = 16 << 20  # bytes of an upload that are looked at again in one request
_log = logging.getLogger(__name__)


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

    @property
    def _server(self) -> str:
        return str(self.filesystem.s3.meta.endpoint_url)

    def _address(self, key: str) -> str:
        return f"{self._root}/{checked_key(key)}"

    def check_writable(self) -> None:
        self._tried("", "Looking for", self._ask_for_bucket)

    @property
    def _bucket(self) -> str:
        return self._root.partition("/")[0]

    def _ask_for_bucket(self) -> None:
        """Raises FileNotFoundError when there is none."""
        self.filesystem.call_s3("head_bucket", Bucket=self._bucket)

    def _explained(self, key: str, doing: str, error: Exception) -> LikenessError:
        if isinstance(error, FileNotFoundError) and self._lacks_bucket():
            return MissingError(
                f"The bucket '{self._bucket}' of {self.uri} does not exist.",
                advice="Make it first, or check its name and storage.endpoint_url.",
            )
        return super()._explained(key, doing, error)

    def _lacks_bucket(self) -> bool:
        try:
            self._ask_for_bucket()
        except FileNotFoundError:
            return True
        except Exception as error:  # the first error is the one to tell
            _log.debug("Asking for the bucket of %s failed: %s", self.uri, error)
        return False

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
            self._confirm(key, data, len(data), digest)

        self._tried(key, "Writing", write)

    def upload(self, path: Path, key: str) -> str:
        if not path.is_file():
            raise MissingError(f"There is no file {path} to upload.")
        address = self._address(key)

        def write() -> str:
            # Anew each time: a log has grown by what is said of the try that failed.
            digest, size = sha256_of(path), path.stat().st_size
            metadata = {"sha256": digest}
            self._send(size, self.filesystem._put_file, str(path), address, Metadata=metadata)
            self._confirm(key, path, size, digest)
            return digest

        return self._tried(key, "Uploading", write)

    def _send(self, size: int, method: Callable[..., Any], *values: Any, **options: Any) -> None:
        """Run an upload under a limit of its own.

        The client asks the server's leave before it sends a body and waits for the answer without
        any timeout (``Expect: 100-continue``).
        """
        limit = self.settings.timeout_seconds + size / SLOWEST_UPLOAD
        fsspec.asyn.sync(self.filesystem.loop, method, *values, timeout=limit, **options)

    def _confirm(self, key: str, content: Path | bytes, size: int, digest: str) -> None:
        """Ask the server what it now has, for not every one checks what it receives.

        Size and metadata are what the request said. The entity tag is made of the bytes that
        arrived; where it is not the one expected, they are read back, which decides. Where there is
        none to compare (see :func:`.checksums.of_object`) the server alone has checked the CRC-32
        that the client sends along.
        """
        head = self._head(key)
        found, recorded = head["ContentLength"], (head.get("Metadata") or {}).get("sha256")
        if found == size and recorded == digest:
            if of_object(head, self._bucket).tag_fits(content) is not False:
                return
            try:
                with damage_told(f"{self.uri}/{key}"):
                    recorded = self._digest_of_stored(key, size)
            except DataError:  # the client compared it with the checksum that was sent along
                recorded = "another one"
        if found != size or recorded != digest:
            raise DataError(
                f"{self.uri}/{key} was not stored whole: expected {size} bytes with SHA-256 "
                f"{digest}, found {found} bytes with {recorded}.",
                advice="Another process may write the same file; otherwise check the network and "
                "the server.",
            )

    def _digest_of_stored(self, key: str, size: int) -> str:
        """SHA-256 of what the server has, read in parts."""
        digest, address = hashlib.sha256(), self._address(key)
        for start in range(0, size, _READ_BACK):
            end = min(start + _READ_BACK, size)
            digest.update(self.filesystem.cat_file(address, start=start, end=end))
        return digest.hexdigest()

    def _head(self, key: str) -> dict[str, Any]:
        """What the server tells of a file, with the checksums that it keeps."""
        bucket, _, name = self._address(key).partition("/")
        options = {"Bucket": bucket, "Key": name, "ChecksumMode": "ENABLED"}
        head: dict[str, Any] = self.filesystem.call_s3("head_object", **options)
        return head

    def _recorded(self, key: str) -> str | None:
        metadata: dict[str, str] = self.filesystem.metadata(self._address(key))
        return metadata.get("sha256")

    def checksum(self, key: str) -> str | None:
        return self._tried(key, "Looking at", lambda: self._recorded(key))

    def _checksums(self, key: str) -> Checksums:
        return self._tried(key, "Looking at", lambda: of_object(self._head(key), self._bucket))

    def versions(self, prefix: str = "") -> dict[str, str]:
        if prefix:
            checked_key(prefix.rstrip("/") or "/")
        folder = prefix.rpartition("/")[0]
        start = f"{self._root}/{folder}".rstrip("/")

        def find() -> dict[str, str]:
            try:
                paths: dict[str, dict[str, Any]] = self.filesystem.find(start, detail=True)
            except FileNotFoundError:
                self._ask_for_bucket()
                paths = {}
            found = {
                path[len(self._root) + 1 :]: version_of(facts)
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
