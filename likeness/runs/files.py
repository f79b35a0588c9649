"""Text and JSON files of a run: replaced as a whole, read with an error that says what is missing.

Knows nothing of what the files mean.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from likeness.errors import DataError, MissingError
from likeness.storage.files import replacing
from likeness.storage.json_files import parse_json


def write_text(path: Path, text: str) -> None:
    """Replace a text file: a reader sees the old content or the new, also after a power cut."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file. NaN is refused because it is not JSON."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """A value as :func:`write_json` writes it."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_text(path: Path, *, purpose: str) -> str:
    """The text of a file of a run. Raises MissingError saying what it is for, or DataError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingError(
            f"Expected {path}, which holds {purpose}; there is no such file.",
            advice="Give the path of a run folder as written by 'likeness train'.",
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, which holds {purpose}, is not text.",
            advice="Restore it from a copy of the run.",
        ) from error


def read_scores(path: Path) -> list[dict[str, Any]]:
    """The rows of a ``scores.json``, each with at least a name, a value and a direction.

    Raises:
        MissingError: there is no such file.
        DataError: it holds something else.
    """
    text = read_text(path, purpose="the scores of an evaluation")
    try:
        rows = parse_json(text)
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.", advice=_EVALUATE_AGAIN) from error
    if not isinstance(rows, list) or not all(
        isinstance(row, dict)
        and isinstance(row.get("value"), int | float)
        and all(isinstance(row.get(key), str) for key in ("name", "unit", "direction"))
        for row in rows
    ):
        raise DataError(
            f"{path} should hold a list of scores, each with name, value, unit and direction.",
            advice=_EVALUATE_AGAIN,
        )
    return rows


_EVALUATE_AGAIN = "Restore it from a copy of the run, or remove it and evaluate again."


def read_json(path: Path, *, purpose: str) -> dict[str, Any]:
    """The JSON object in a file of a run.

    Raises:
        MissingError: there is no such file.
        DataError: it holds something else.
    """
    text = read_text(path, purpose=purpose)
    try:
        value = parse_json(text)
    except ValueError as error:
        raise DataError(
            f"{path} is not JSON: {error}.", advice="Restore it from a copy of the run."
        ) from error
    if not isinstance(value, dict):
        raise DataError(f"{path} should hold a JSON object, found {type(value).__name__}.")
    return value
