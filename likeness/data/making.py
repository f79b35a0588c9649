"""Making a dataset piece by piece: in several processes, in one order, and on again after a kill.

Owns the journal that marks a folder as unfinished. The processes are ``workers.py``; what a piece
is and which files it has is the caller's business.

A piece is made by a function that writes files, each as a whole, and returns a JSON value. The
values stand in the journal in the order of the pieces, so the dataset is the same however many
processes made it and however often it was interrupted: what the journal lacks is made again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from likeness import __version__
from likeness.data.workers import Task, in_order, refuse_import_by_worker
from likeness.errors import DataError, LikenessError, UsageError, first_few
from likeness.replacement import PART, flush_to_disk
from likeness.storage.files import disk_errors, made_folder
from likeness.storage.lock import locked

UNFINISHED = "unfinished.jsonl"
"""Lies in a dataset until it is finished: a line for what was asked, then one for every piece."""
_FORMAT = 1

Progress = Callable[[int, int], None]
"""Is told how many pieces there are by now, and how many there will be: 0 where nobody knows."""
logger = logging.getLogger(__name__)


def is_unfinished(root: str | Path) -> bool:
    """Whether a dataset was begun in this folder and not finished."""
    return (Path(root) / UNFINISHED).is_file()


def refuse_unfinished(root: str | Path) -> None:
    """Raises DataError for a folder in which a dataset was begun and not finished."""
    if not is_unfinished(root):
        return
    lines = _whole_lines((Path(root) / UNFINISHED).read_bytes())
    asked = _asked(lines[0], Path(root)) if lines else {"command": "the command", "pieces": "all"}
    raise DataError(
        f"Expected a dataset in '{root}', found an unfinished one: "
        f"{max(len(lines) - 1, 0)} of {asked['pieces']} parts are made.",
        advice=f"Run {asked['command']} again with the same settings; it goes on where it stopped.",
    )


class Journal:
    """The pieces of an unfinished dataset; made by :func:`unfinished`."""

    def __init__(self, path: Path, file: BinaryIO, asked: Mapping[str, Any]) -> None:
        self._path, self._file = path, file
        self.begun = str(asked["begun"])
        """The day the dataset was begun, ISO 8601."""
        self.notes: dict[str, Any] = asked["notes"]
        """What the first call wrote down; a later one is given it as it was."""
        self.values: list[Any] = []
        """What was returned for the pieces there are, in their order."""

    def make(
        self,
        function: Callable[[Task], Any],
        tasks: Sequence[Task],
        *,
        workers: int = 0,
        progress: Progress | None = None,
    ) -> None:
        """Make the pieces the journal lacks.

        Args:
            function: makes a piece of its task. With several processes it is sent to them, so it
                is a function of a module or a ``functools.partial`` of one.
            workers: processes; 0 takes one for each core. Changes no result.
        """
        if progress is not None:
            progress(len(self.values), len(tasks))
        try:
            for value in in_order(function, tasks[len(self.values) :], workers):
                self._append(value)
                self.values.append(value)
                if progress is not None:
                    progress(len(self.values), len(tasks))
        except KeyboardInterrupt:
            logger.warning(
                "Stopped after %d of %d; the same command goes on from there.",
                len(self.values),
                len(tasks),
            )
            raise

    def discard(self) -> None:
        """Forget the dataset where no piece left a file: remove the journal and empty folders."""
        self._path.unlink()
        for folder in sorted(self._path.parent.rglob("*"), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if not any(self._path.parent.iterdir()):
            self._path.parent.rmdir()

    def _append(self, value: Any) -> None:
        line = json.dumps(value).encode() + b"\n"
        with disk_errors(self._path, f"write {UNFINISHED}"):
            while line:  # a disk that gets full takes a part first
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())

    def _finish(self) -> None:
        """Nothing that a kill left behind stays; then the journal goes, and it is a dataset."""
        root = self._path.parent
        with disk_errors(root, "finish the dataset"):
            for left in root.rglob(".*"):
                if left.suffix == PART:
                    left.unlink(missing_ok=True)
            self._path.unlink()
            flush_to_disk(root)


@contextmanager
def unfinished(
    root: str | Path,
    *,
    command: str,
    settings: Mapping[str, Any],
    files: Mapping[str, str],
    notes: Mapping[str, Any],
    pieces: int,
) -> Iterator[Journal]:
    """Begin a dataset in a new or empty folder, or go on with an unfinished one.

    The folder is a dataset once the block ends well; until then it stays recognisable as none.

    Args:
        command: how a person goes on, e.g. ``"'likeness data make face-encoder'"``.
        settings: everything that decides the content, as JSON values.
        files: what is read, by name, with a stamp that is another when the content is.
        notes: what need not be the same when the dataset is gone on with, as JSON values.
        pieces: how many there will be.

    Raises:
        UsageError: the folder holds something else, was begun with other settings or files, is in
            use by another process, or cannot be written.
    """
    refuse_import_by_worker()
    root = Path(root)
    asked = {
        "format": _FORMAT,
        "command": command,
        "begun": date.today().isoformat(),
        "pieces": pieces,
        "settings": {"likeness": __version__, **settings},
        "files": dict(files),
        "notes": dict(notes),
    }
    path = root / UNFINISHED
    with ExitStack() as stack:
        with disk_errors(root, "write a dataset"), made_folder(root):
            is_new = not path.exists()
            if is_new and any(root.iterdir()):
                raise _taken(root)
            file = stack.enter_context(path.open("a+b", buffering=0))
            stack.enter_context(_held(path))
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise _taken(root)
            try:
                journal = _opened(path, file, asked)
            except BaseException:
                if is_new:
                    path.unlink()  # without its first line nobody could tell what was asked
                raise
        yield journal
        if path.exists():
            journal._finish()


def _opened(path: Path, file: BinaryIO, asked: Mapping[str, Any]) -> Journal:
    """The journal with the pieces it has; a new one is begun with what is asked."""
    file.seek(0)
    lines = _whole_lines(file.read())
    # What a kill left of a line is no line.
    file.truncate(sum(len(line) + 1 for line in lines))
    if not lines:
        journal = Journal(path, file, asked)
        journal._append(asked)
        return journal
    root = path.parent
    before = _asked(lines[0], root)
    _refuse_other(root, before, json.loads(json.dumps(asked)))
    journal = Journal(path, file, before)
    journal.values.extend(_value(line, root) for line in lines[1:])
    return journal


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """The journal, against other processes. Raises UsageError."""
    root = path.parent
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path))
        except BlockingIOError as error:
            raise UsageError(
                f"Another process is making the dataset '{root}'.",
                advice="Wait for it, or choose another folder.",
            ) from error
        except FileNotFoundError as error:
            raise _taken(root) from error  # another process finished it between the two looks
        yield


def check_is_new(root: Path) -> None:
    """A dataset can be written there: the folder is empty, or still to be made.

    Raises:
        UsageError: something lies in it.
    """
    if root.exists() and any(root.iterdir()):
        raise _taken(root)


def _taken(root: Path) -> LikenessError:
    return UsageError(
        f"'{root}' exists and is not empty; a dataset is never overwritten.",
        advice="Choose another folder, or remove this one.",
    )


def _whole_lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


def _asked(line: bytes, root: Path) -> dict[str, Any]:
    asked = _value(line, root)
    if not isinstance(asked, dict) or asked.get("format") != _FORMAT:
        raise _damaged(root)
    return asked


def _value(line: bytes, root: Path) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise _damaged(root) from error


def _damaged(root: Path) -> DataError:
    return DataError(
        f"Expected the journal of an unfinished dataset in '{root / UNFINISHED}', found a file "
        "that this version did not write.",
        advice="Remove the folder and make the dataset again.",
    )


def differences_of(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Every difference in ``command`` and ``settings`` of two requests for a dataset, in words.

    Of a setting that is a table, such as who is on which photograph, the first entry that differs
    is told and how many more there are. Settings of another command mean other things: they are not
    compared.
    """
    if before["command"] != now["command"]:
        return [f"it was {before['command']}"]
    differences = []
    old, new = before["settings"], now["settings"]
    for name in {**old, **new}:
        one, other = old.get(name), new.get(name)
        if one == other:
            continue
        told = [f"{name} was {one!r} and is {other!r}"]
        if isinstance(one, dict) and isinstance(other, dict):
            told = [
                f"{name} of {key!r} was {one.get(key)!r} and is {other.get(key)!r}"
                for key in {**one, **other}
                if one.get(key) != other.get(key)
            ]
        differences.append(first_few(told, 1, between="; ", others="others differ"))
    return differences


def _refuse_other(root: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises UsageError naming every difference of two requests for a dataset."""
    differences = differences_of(before, now)
    old, new = before["files"], now["files"]
    changed = sorted(name for name in {**old, **new} if old.get(name) != new.get(name))
    if changed and before["command"] == now["command"]:
        told = [
            f"'{name}' "
            + ("is new" if name not in old else "is gone" if name not in new else "has changed")
            for name in changed
        ]
        differences.append(first_few(told, 1, others="other files"))
    if differences:
        raise UsageError(
            f"'{root}' holds an unfinished dataset that was begun otherwise: "
            f"{'; '.join(differences)}.",
            advice="Run the command as it was begun to go on, choose another folder, or remove "
            "this one to begin anew.",
        )
