"""Files on this machine: replaced as a whole or not at all, hashed, and errors a person can act on.

Knows nothing of stores or of what the files mean.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from likeness import replacement
from likeness.errors import LikenessError, UsageError
from likeness.replacement import PART

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR)
_REFUSALS = frozenset(
    (*_FULL, *_FORBIDDEN, errno.EROFS, *_IN_THE_WAY, errno.ENAMETOOLONG, errno.EFBIG)
)
_SHORT_WRITE = re.compile(r"^\d+ requested and \d+ written$")
"""What NumPy says of an array that did not fit on the disk."""


class ReadOnlyError(UsageError):
    """Something was to be written to a file system that can only be read.

    No permission helps there, only another place. Which option names one is known to callers.

    Args:
        remedy: completes "Nothing can be written there: …".
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        there = "Nothing can be written to that file system, whatever the permissions"
        super().__init__(message, advice=f"{there}: {remedy or 'choose a place on another one'}.")
        self.has_remedy = bool(remedy)


@contextmanager
def read_only_told(remedy: str) -> Iterator[None]:
    """Tell in a :class:`ReadOnlyError` from inside how to choose another place.

    Args:
        remedy: e.g. "name another folder with --runs"; one that was told further inside stays.
    """
    try:
        yield
    except ReadOnlyError as error:
        if error.has_remedy:
            raise
        raise ReadOnlyError(error.message, remedy) from error.__cause__


@contextmanager
def replacing(path: Path, *, action: str = "") -> Iterator[Path]:
    """As :func:`likeness.replacement.replacing`, with errors that say what to do.

    Args:
        action: completes "Cannot …" when the disk refuses; "write <name>" when not given.

    Raises:
        UsageError: the disk refuses.
    """
    with (
        disk_errors(path, action or f"write {path.name}"),
        replacement.replacing(path) as temporary,
    ):
        yield temporary


def file_version(facts: os.stat_result) -> str:
    """Size and time of change of a file: another text once it was written, without reading it."""
    return f"{facts.st_size}-{facts.st_mtime_ns}"


@contextmanager
def made_folder(path: Path) -> Iterator[bool]:
    """A folder, made with those above it where it is not there; gives whether it was.

    What was made goes again if it stays empty, also when the work inside fails.

    Raises:
        UsageError: no folder can be made there, as in /proc.
        OSError: what else the disk refuses.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:
        # Everything above was made or is there: what is missing is a place for new names.
        raise UsageError(
            f"Cannot make the folder {path}: nothing new can be made in "
            f"{Path(error.filename).parent}.",
            advice="Choose a folder in another place.",
        ) from error
    try:
        yield bool(made)
    finally:
        for folder in made:
            if not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()


@contextmanager
def used_folder(path: Path) -> Iterator[None]:
    """As :func:`made_folder`, for a folder that nobody else writes to: what was made goes also if
    it stays empty but for folders."""
    with made_folder(path) as is_new:
        try:
            yield
        finally:
            for below in sorted(path.rglob("*"), reverse=True) if is_new else ():
                if below.is_dir() and not below.is_symlink() and not any(below.iterdir()):
                    below.rmdir()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def disk_errors(path: Path, action: str) -> Iterator[None]:
    """Turn what a disk can refuse into an error that says what to do: for work on one file.

    Args:
        path: the file or folder in use.
        action: completes "Cannot …", e.g. ``"write the index"``.

    Raises:
        UsageError: no space, no permission, a file where a folder is needed, and their like.
    """
    try:
        yield
    except Exception as error:
        refused = refusal_in(error) or (error if isinstance(error, OSError) else None)
        if refused is None:
            raise
        raise explained(refused, path, action) from error


@contextmanager
def disk_refusals(path: Path, action: str) -> Iterator[None]:
    """As :func:`disk_errors`, around work that may fail in other ways too.

    Only what a disk refuses for reasons of its own is turned; a missing file, for one, is left as
    it is, since nobody chose it.
    """
    try:
        yield
    except Exception as error:
        refused = refusal_in(error)
        if refused is None:
            raise
        raise explained(refused, path, action) from error


def refusal_in(error: BaseException) -> OSError | None:
    """The refusal of a disk that an error is, hides or tells of; None for every other error.

    Libraries raise types of their own when a write is refused: torch and PyAV with the system's
    error behind theirs, safetensors with its text, NumPy with two counts of items.
    """
    if isinstance(error, LikenessError):
        return None
    link: BaseException | None = error
    seen: set[int] = set()  # an error raised again by what it caused is its own context
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, OSError):
            if link.errno in _REFUSALS:
                return link
            if link.errno is None and _SHORT_WRITE.search(str(link)):
                return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        link = link.__cause__ or link.__context__
    for number in (*_FULL, *_FORBIDDEN, errno.EROFS):
        if os.strerror(number) in str(error):
            return OSError(number, os.strerror(number))
    return None


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk has no room left."""
    refused = refusal_in(error)
    return refused is not None and refused.errno in _FULL


def explained(error: OSError, path: Path | None, action: str) -> UsageError:
    """An error of a disk for a person.

    Args:
        path: what was in use, for errors that do not name a file.
        action: completes "Cannot …".
    """
    named = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    # A temporary sibling means nothing to a person: the file it was to become does.
    place = path if path is not None and (not named or named.endswith((PART, ".tmp"))) else named
    parts = [str(part) for part in (place, error.strerror or error) if part]
    message = f"Cannot {action}: {': '.join(parts)}."
    if error.errno == errno.EROFS:
        return ReadOnlyError(message)
    if error.errno in _FULL:
        advice = "Free some space, or choose a folder on another disk."
    elif error.errno in _FORBIDDEN:
        advice = "Give yourself permission for this folder, or choose another one."
    elif error.errno in _IN_THE_WAY:
        advice = "A file is where a folder is needed, or the reverse: choose another path."
    else:
        advice = "Check the path."
    return UsageError(message, advice=advice)
