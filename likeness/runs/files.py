"""Files of a run on disk: replaced as a whole or not at all, and errors a person can act on.

Knows nothing of what the files mean.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from likeness.errors import MissingError, UsageError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def disk_errors(path: Path, action: str) -> Iterator[None]:
    """Turn a full disk or a folder without write permission into an error that says what to do.

    Args:
        path: what is being written.
        action: completes "Cannot …", e.g. ``"save a checkpoint"``.

    Raises:
        UsageError: the disk is full or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise_explained(error, path, action)


def raise_explained(error: BaseException, path: Path, action: str) -> NoReturn:
    """Raise what :func:`disk_errors` promises for ``error``, or ``error`` itself."""
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    # torch and safetensors report such errors as their own types; the text is all there is.
    if number in _NO_SPACE or "No space left" in text or "os error 28" in text:
        raise UsageError(
            f"Cannot {action}: the disk that holds {path} is full.",
            advice="Free some space (older checkpoints can go) or choose another folder with "
            "--runs. What was saved before is unharmed.",
        ) from error
    if number in _NO_PERMISSION or "Permission denied" in text or "Read-only" in text:
        raise UsageError(
            f"Cannot {action}: {path} cannot be written by this user ({text}).",
            advice="Give the folder write permission, or choose another one with --runs.",
        ) from error
    raise error


def write_text(path: Path, text: str) -> None:
    """Replace a small text file atomically: a reader sees the old content or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with disk_errors(path, f"write {path.name}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file atomically. NaN is refused because it is not JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_text(path: Path, *, purpose: str) -> str:
    """The text of a file of a run. Raises MissingError saying what it is for."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingError(
            f"Expected {path}, which holds {purpose}; there is no such file.",
            advice="Give the path of a run folder as written by 'likeness train'.",
        ) from error


def flush_to_disk(path: Path) -> None:
    """Ask the operating system to put a file or folder on the disk itself (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
