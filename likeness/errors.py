"""The errors a person can act on, each with the exit code of the command line.

An error message says what was expected, what was found, where, and what to do. Anything that is not
one of these is a defect and ends with exit code 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def first_few(words: Sequence[str], most: int, *, between: str = ", ", others: str = "more") -> str:
    """The first of a list for a message, and how many of it are not shown: ``a, b and 3 more``.

    Args:
        most: how many are shown.
        between: what stands between two of them; with a line break, also before the count.
        others: what those that are not shown are called.
    """
    rest = len(words) - most
    last = between if "\n" in between else " "
    return between.join(words[:most]) + (f"{last}and {rest} {others}" if rest > 0 else "")


class LikenessError(Exception):
    """Base of all errors with a message meant for a person.

    Args:
        message: what was expected and what was found, and where.
        advice: what to do about it, one sentence.
        facts: what there is all the same, by name: the run of a copy that failed.
    """

    exit_code = 1

    def __init__(
        self, message: str, *, advice: str = "", facts: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.facts = dict(facts or {})

    def __str__(self) -> str:
        return f"{self.message}\n{self.advice}" if self.advice else self.message


class UsageError(LikenessError):
    """Wrong use or a wrong configuration (exit code 2)."""

    exit_code = 2


class MissingError(LikenessError):
    """A weight, an asset, an extra or a device is missing (exit code 3)."""

    exit_code = 3


def no_file(path: Path, kind: str = "file") -> MissingError:
    """The error of a file that is not there, or is a folder by that name.

    Args:
        kind: of file, such as ``mesh file``.
    """
    if path.is_dir():
        return MissingError(
            f"Expected a {kind} at {path}, found a folder.", advice="Put the file itself there."
        )
    return MissingError(f"There is no {kind} {path}.")


class DataError(LikenessError):
    """The data has errors (exit code 4)."""

    exit_code = 4


class DivergedError(LikenessError):
    """Weights, losses or answers of a model are not finite numbers any more (exit code 1)."""


class UnsafeFileError(DataError):
    """A file asked for what data must not do: run code, leave its folder, fill the memory."""
