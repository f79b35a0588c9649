"""The list of checksums that a dataset may carry, and which of its files are other than it says.

``SHA256SUMS`` is what ``sha256sum`` of GNU coreutils writes and checks: a line for every file, 64
hexadecimal digits, a space, a space or ``*``, and the path from the folder of the list. A line that
begins with a backslash has backslashes and ends of lines in its path escaped. Nothing here writes
one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from likeness.data.inspection import Finding, Inspection
from likeness.storage.files import sha256_of

CHECKSUM_LIST = "SHA256SUMS"

_LINE = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}


def with_checksums(inspection: Inspection, place: str | Path) -> Inspection:
    """The same, with an error for every file that is not what the dataset's list says.

    Args:
        place: the dataset on this machine, a folder or a file in it. Without a list in the folder
            nothing is read and nothing found.
    """
    root = Path(place)
    listed = (root if root.is_dir() else root.parent) / CHECKSUM_LIST
    if not listed.is_file():
        return inspection
    return replace(inspection, findings=(*inspection.findings, *_differences(listed)))


def _differences(listed: Path) -> Iterator[Finding]:
    advice = f"Write {CHECKSUM_LIST} anew with sha256sum, or remove it."
    try:
        # Not by splitlines: names may hold other ends of lines.
        lines = listed.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        message = f"Expected lines as sha256sum writes them; it cannot be read: {error}."
        yield Finding("error", "checksums-unreadable", CHECKSUM_LIST, message, advice)
        return
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        name = _name(match) if match else ""
        path = PurePosixPath(name)
        if match is None or path.is_absolute() or ".." in path.parts:
            message = (
                f"Line {number}: expected 64 hexadecimal digits and the path of a file of the "
                f"dataset, found {line[:80]!r}."
            )
            yield Finding("error", "checksums-unreadable", CHECKSUM_LIST, message, advice)
            continue
        yield from _difference(listed.parent / path, str(path), match[2].lower())


def _name(match: re.Match[str]) -> str:
    if not match[1]:
        return match[3]
    return re.sub(r"\\[\\nr]", lambda escape: _ESCAPES[escape[0]], match[3])


def _difference(path: Path, name: str, expected: str) -> Iterator[Finding]:
    again = (
        f"Restore it from a copy. If it was changed on purpose, write {CHECKSUM_LIST} anew with "
        "sha256sum."
    )
    try:  # whether it is there may be refused as well, as of a name longer than any can be
        found = sha256_of(path) if path.is_file() else None
    except OSError as error:
        message = f"It cannot be read to compare its checksum: {error.strerror}."
        yield Finding("error", "checksum-unreadable", name, message, again)
        return
    if found is None:
        message = f"{CHECKSUM_LIST} names it, and there is no such file."
        yield Finding("error", "checksum-missing", name, message, again)
    elif found != expected:
        message = f"Expected the SHA-256 {expected} of {CHECKSUM_LIST}, found {found}."
        yield Finding("error", "checksum", name, message, again)
