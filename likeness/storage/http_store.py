"""Files under a web address, read only.

What a network can do wrong is ``remote.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from likeness.errors import UsageError
from likeness.extras import require
from likeness.storage.remote import RemoteStore
from likeness.storage.store import StorageSettings, checked_key


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

    @property
    def _server(self) -> str:
        return "/".join(self.uri.split("/")[:3])

    def _address(self, key: str) -> str:
        return f"{self.uri}/{quote(checked_key(key))}"

    def _facts(self, key: str) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = self.filesystem.info(self._address(key))
        except FileNotFoundError as error:  # fsspec raises it whatever went wrong
            if error.__cause__ is None or getattr(error.__cause__, "status", 0) == 404:
                raise
            raise error.__cause__ from None
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

    def check_writable(self) -> None:
        raise self._read_only()

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
