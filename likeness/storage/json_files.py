"""Reading JSON that people may have written or damaged: within bounds, with errors that say where.

Owns what is no JSON; what a file should hold is the business of who reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from likeness.errors import DataError, no_file

MAX_BYTES = 64 * 1024**2
"""Of a file; its values take several times as much memory."""


def parse_json(text: str) -> Any:
    """The value of a text. Raises ValueError, which tells the line, also for what is nested too
    deeply to be read."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("brackets nested too deeply") from error


def load_json(path: Path) -> Any:
    """The value in a file, for who tells which file it is.

    Raises:
        ValueError: it is too big, or no text, or no JSON.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES:,} bytes, found {size:,}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"expected text in UTF-8, found other bytes at {error.start}") from error
    return parse_json(text)


def load_object(path: Path) -> dict[str, Any]:
    """The object in a file. Raises as :func:`load_json`, and ValueError for another value."""
    value = load_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value


def read_json(path: Path, *, expected: str = "JSON") -> Any:
    """The value in a file.

    Args:
        expected: what a message says was expected.

    Raises:
        MissingError: there is no such file, or a folder by its name.
        DataError: it cannot be read, is too big, or holds no JSON.
    """
    try:
        return load_json(path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise no_file(path) from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"Expected {expected} in '{path}', found none: {error}.") from error


def read_object(path: Path) -> dict[str, Any]:
    """The object in a file. Raises as :func:`read_json`, and DataError for another value."""
    value = read_json(path, expected="a JSON object")
    if not isinstance(value, dict):
        raise DataError(f"Expected a JSON object in '{path}', found {type(value).__name__}.")
    return value
