"""The store that a URI asks for.

A remote store is imported when it is asked for: local folders need no extra and no fsspec.
"""

from __future__ import annotations

from pathlib import Path

from likeness.errors import UsageError
from likeness.storage.store import LocalStore, StorageSettings, Store, local_path, scheme_of


def open_store(uri: str | Path, *, settings: StorageSettings | None = None) -> Store:
    """The store of a URI: a path, ``file://``, ``s3://bucket/prefix`` or ``https://`` (read only).

    Opens nothing yet: the first use of a remote store connects.

    Raises:
        UsageError: a scheme that is not one of these.
        MissingError: the extra it needs is not installed.
    """
    text, scheme = str(uri), scheme_of(uri)
    if not scheme:
        return LocalStore(Path(text))
    if scheme == "file":
        return LocalStore(local_path(text))
    if scheme == "s3":
        from likeness.storage.s3_store import S3Store

        return S3Store(text, settings or StorageSettings())
    if scheme in ("http", "https"):
        from likeness.storage.http_store import HttpStore

        return HttpStore(text, settings or StorageSettings())
    raise UsageError(
        f"Cannot open '{text}': the scheme '{scheme}' is unknown.",
        advice="Use a local path, file://, s3:// or https://.",
    )
