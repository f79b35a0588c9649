"""The photographs of a person who gives a folder: those in it and in the folders below it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from likeness.data.making import is_unfinished
from likeness.storage.files import disk_errors
from likeness.systems.face_encoder.layouts import IMAGE_SUFFIXES, UNREAD_SUFFIXES


@dataclass(frozen=True)
class Cell:
    """A place in a table of photographs."""

    column: str
    """Dotted where the bytes are a part of it."""
    group: int
    row: int
    """In its row group."""
    person: str
    """Empty where the table does not say."""


@dataclass(frozen=True)
class Photo:
    """A photograph as it was found."""

    path: Path
    """Its file, or the table that holds it."""
    file: str
    """Its path below the folder that was given, with / on every machine."""
    cell: Cell | None = None

    @property
    def name(self) -> str:
        """Its file without the ending: what landmarks are found by."""
        return str(PurePosixPath(self.file).with_suffix(""))

    @property
    def id(self) -> str:
        return id_of(self.file)


def id_of(file: str) -> str:
    """The id of a photograph by its path below the folder that was given."""
    return str(PurePosixPath(file).with_suffix("")).replace("/", "__")


def photographs_below(
    folder: Path, *, without: Path | None = None, within: Path | None = None
) -> tuple[list[Photo], list[dict[str, str]]]:
    """The picture files in a folder and the folders below it, in order, and what only looks so.

    Hidden files and folders and links to folders are passed by; so are unfinished datasets, and the
    masks of finished ones. The id
    of ``anna/01.jpg`` is ``anna__01``. What has the name of a picture and is none, or is
    of a format that is not read, is given with ``file`` and ``reason``.

    Args:
        without: a folder below it that is passed by, e.g. of what is written meanwhile.
        within: links that lead out of this folder are not followed; by default to any file.
    """
    found, others = [], []
    passed = None if without is None else without.resolve()
    with disk_errors(folder, "list the photographs"):
        for place, folders, names in os.walk(folder, onerror=_raise):
            # A dataset's masks have the names of its photographs, and are none.
            masks = {"masks"} if {"images", "landmarks"} <= {*folders} else set()
            folders[:] = [
                name
                for name in folders
                if name[0] != "."
                and name not in masks
                and not is_unfinished(Path(place) / name)
                and Path(place, name).resolve() != passed
            ]
            for name in (*folders, *names):
                path = Path(place) / name
                if name[0] == "." or path.suffix.lower() not in (*IMAGE_SUFFIXES, *UNREAD_SUFFIXES):
                    continue
                file = path.relative_to(folder).as_posix()
                reason = _why_not(path, within)
                if reason is None:
                    found.append(Photo(path, file))
                else:
                    others.append({"file": shown_name(file), "reason": reason})
    others.sort(key=lambda row: row["file"])
    return sorted(found, key=lambda photo: photo.file), others


def stays_in(path: Path, folder: Path) -> bool:
    """Whether a path, its links followed, lies in a folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False


def _why_not(path: Path, within: Path | None) -> str | None:
    """Why something with the name of a photograph is not taken for one; None where it is."""
    if within is not None and not stays_in(path, within):
        return f"it is a link out of '{within}', which is not followed"
    if not path.is_file():
        return _no_file(path)
    if path.suffix.lower() in UNREAD_SUFFIXES:
        return f"{path.suffix.lower()} is not read; save it as JPEG or PNG"
    return None


def _no_file(path: Path) -> str:
    """Why something with the name of a picture is not a file."""
    if path.is_dir():
        if path.is_symlink():
            return "it is a link to a folder, which is not followed"
        return "it is a folder; the photographs in it are looked at on their own"
    if path.is_symlink() and not path.exists():
        return f"it is a link to '{shown_name(os.readlink(path))}', which is not there"
    return "it is no regular file but a pipe, a socket or a device"


def shown_name(name: str) -> str:
    """A name as text, also where its bytes are none."""
    return name.encode("utf-8", "backslashreplace").decode()


def _raise(error: OSError) -> None:
    raise error
