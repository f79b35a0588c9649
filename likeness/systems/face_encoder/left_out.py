"""``skipped.json``: what the preparation of a dataset left out, and why.

A list of objects with ``file`` and ``reason``, written by ``prepare.py``. Owns what is said of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from likeness.data.inspection import Finding
from likeness.errors import DataError
from likeness.storage.json_files import parse_json

NAME = "skipped.json"
CODE = "left-out"
_LONGEST = 300
"""Characters of a reason in a finding."""


def findings_of(rows: Sequence[Mapping[str, str]]) -> tuple[Finding, ...]:
    """One for each, for who prepares the dataset."""
    advice = "It is not part of the dataset."
    return tuple(Finding("warning", CODE, row["file"], row["reason"], advice) for row in rows)


def notice_of(root: Path) -> Finding | None:
    """One for all, for who looks at the dataset later; None where nothing was left out."""
    path = root / NAME
    if not path.is_file():
        return None
    try:
        rows = _read(path)
    except DataError as error:
        advice = "Remove it: nothing else depends on it."
        return Finding("warning", "left-out-unreadable", NAME, error.message, advice)
    if not rows:
        return None
    reason = rows[0]["reason"]
    reason = reason if len(reason) <= _LONGEST else f"{reason[: _LONGEST - 3]}..."
    count = "A file was" if len(rows) == 1 else f"{len(rows)} files were"
    first = "" if len(rows) == 1 else "the first is "
    message = f"{count} left out when this was prepared: {first}'{rows[0]['file']}': {reason}"
    return Finding("advice", CODE, NAME, message, "It lists every file with its reason.")


def _read(path: Path) -> list[dict[str, str]]:
    try:
        rows = parse_json(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DataError(f"Expected a list of files and reasons, found none: {error}.") from error
    sound = isinstance(rows, list) and all(
        isinstance(row, dict) and {"file", "reason"} <= row.keys() for row in rows
    )
    if not sound:
        raise DataError("Expected a list of objects with 'file' and 'reason'.")
    return [{key: str(row[key]) for key in ("file", "reason")} for row in rows]
