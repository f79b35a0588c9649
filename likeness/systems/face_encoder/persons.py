"""identity.csv: who is on which photograph.

Owns the reading of the table, and what is said of lines that cannot be used.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from likeness.data.inspection import Finding

PERSONS_FILE = "identity.csv"
_NO_TEXT = "\N{REPLACEMENT CHARACTER}"


def read_persons(path: Path, findings: list[Finding]) -> dict[str, str]:
    """Id to person; lines that cannot be used become findings. Empty where there is no file."""
    lines = lines_of(path)
    if not lines:
        return {}
    if any(_NO_TEXT in line for line in lines):
        message = "Expected text in UTF-8, found other bytes: names would be taken for each other."
        findings.append(
            Finding("error", "identity-encoding", path.name, message, "Save it as UTF-8.")
        )
        return {}
    try:
        rows = [
            [value.strip() for value in row] for row in csv.reader(line + "\n" for line in lines)
        ]
    except csv.Error as error:
        rows = [[f"what is no table ({error})"]]
    if rows[0] != ["id", "person"]:
        findings.append(
            Finding(
                "error",
                "identity-header",
                path.name,
                f"Expected the header 'id,person', found {rows[0]}.",
                "Correct the header.",
            )
        )
        return {}
    persons: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) == 2 and all(row) and row[0] not in persons:
            persons[row[0]] = row[1]
        elif row:
            twice = len(row) == 2 and all(row)
            findings.append(
                Finding(
                    "error",
                    "identity-line",
                    f"{path.name}:{number}",
                    f"Expected an id and a person, found the id {shown(row[0])} a second time."
                    if twice
                    else f"Expected an id and a person, found {shown(row)}.",
                    "Correct or remove the line.",
                )
            )
    return persons


def persons_missing(missing: int, total: int, first: str) -> Finding:
    """Of photographs whose person the table does not name."""
    return Finding(
        "warning",
        "persons-missing",
        PERSONS_FILE,
        f"Nothing says who is on {missing} of {total} photographs, such as {first}: each counts as "
        "a person of its own, and one person may be in training and in test.",
        f"Write a line for each of them into {PERSONS_FILE}.",
    )


def persons_unused(unused: Sequence[str], advice: str) -> tuple[Finding, ...]:
    """Of what the table names and nobody has; one finding, or none where there is none of it.

    Args:
        unused: in the order in which the first is to be named.
        advice: what names a photograph.
    """
    if not unused:
        return ()
    message = (
        f"Ids without a picture of their name, {len(unused)} in all, are not used; the first is "
        f"{shown(unused[0])}."
    )
    return (Finding("warning", "identity-unused", PERSONS_FILE, message, advice),)


def shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    return repr(value)[:80]


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, none without a file; bytes that are no text show as such.

    A byte order mark, which spreadsheets write, is no part of the first line.
    """
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return text.removesuffix("\n").split("\n") if text else []  # names may hold other separators
