"""Reading JSON that people may have written or damaged.

Owns what is no JSON; what a file should hold is the business of who reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from likeness.errors import DataError


def parse_json(text: str) -> Any:
    """The value of a text. Raises ValueError, also where it is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets nested too deeply") from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises DataError where it holds something else."""
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"Expected a JSON object in '{path}', found none: {error}.") from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    if not isinstance(value, dict):
        raise DataError(f"Expected a JSON object in '{path}', found {type(value).__name__}.")
    return value
