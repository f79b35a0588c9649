"""What photographs are given as: a folder, tables, or the cache of a data hub."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from likeness.errors import DataError, UsageError
from likeness.storage.files import disk_errors
from likeness.systems.face_encoder.hub_cache import snapshot_of
from likeness.systems.face_encoder.photograph_tables import SUFFIX, photographs_in, picture_in
from likeness.systems.face_encoder.photographs import (
    Photo,
    photographs_below,
    shown_name,
    stays_in,
)


@dataclass(frozen=True)
class Given:
    """How the source of :func:`.prepare.prepare` is to be read; see there."""

    kind: Literal["folder", "parquet", "hf-cache"]
    image_column: str = ""
    person_column: str = ""
    repository: str = ""
    revision: str = ""

    def __post_init__(self) -> None:
        idle = {
            "folder": ("image_column", "person_column", "repository", "revision"),
            "parquet": ("repository", "revision"),
        }
        unused = [name for name in idle.get(self.kind, ()) if getattr(self, name)]
        if unused:
            other = "hf-cache" if self.kind == "parquet" else "parquet or hf-cache"
            raise UsageError(
                f"{unused[0]} means nothing with source_format={self.kind}.",
                advice=f"Leave it out, or set source_format={other}.",
            )

    @property
    def identity(self) -> dict[str, Any]:
        """JSON values that are others when other photographs may be meant."""
        return {} if self.kind == "folder" else {name: str(v) for name, v in vars(self).items()}

    def folder(self, source: str) -> Path:
        """Where names are told from and landmarks are looked for.

        Raises:
            DataError: there is nothing of the kind.
            UsageError: a cache holds several repositories, and none is named.
        """
        path = Path(source)
        if self.kind == "parquet" and path.is_file():
            return path.parent
        if not path.is_dir():
            found = "found a file" if path.exists() else "but there is none"
            what = {"folder": "a folder of photographs", "parquet": "a table or a folder of tables"}
            raise DataError(
                f"Expected {what.get(self.kind, 'a folder with a cache')} at '{source}', {found}."
            )
        return self._snapshot(path)[0] if self.kind == "hf-cache" else path

    def photographs(self, source: str) -> tuple[list[Photo], list[dict[str, str]]]:
        """The photographs of a source, and what is none though it looks so, with the reason.

        Raises:
            DataError, UnsafeFileError: tables are damaged or without photographs, or too large.
            MissingError: there are tables, and what reads them is not installed.
        """
        folder, path = self.folder(source), Path(source)
        if self.kind == "folder":
            return photographs_below(folder)
        home = self._snapshot(path)[1] if self.kind == "hf-cache" else None
        if path.is_file():
            tables, others = [path], []
        else:
            tables, others = _tables_below(folder, home)
        if not tables:
            if home is not None:
                photos, more = photographs_below(folder, within=home)
                return photos, others + more
            return [], others
        columns = {"image_column": self.image_column, "person_column": self.person_column}
        return photographs_in(tables, folder, **columns), others

    def _snapshot(self, cache: Path) -> tuple[Path, Path]:
        return snapshot_of(cache, repository=self.repository, revision=self.revision)


def content(photo: Photo) -> Path | bytes:
    """The file of a photograph, or its bytes. Raises DataError, UnsafeFileError."""
    return photo.path if photo.cell is None else picture_in(photo.path, photo.cell)


def _tables_below(folder: Path, home: Path | None) -> tuple[list[Path], list[dict[str, str]]]:
    """The tables in a folder and below it, in order, and those that links lead out of ``home``."""
    tables, others = [], []
    with disk_errors(folder, "list the tables"):
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if name[0] != ".")
            for name in sorted(names):
                path = Path(place) / name
                if name[0] == "." or path.suffix.lower() != SUFFIX:
                    continue
                if home is not None and not stays_in(path, home):
                    reason = f"it is a link out of '{home}', which is not followed"
                    others.append(
                        {"file": shown_name(path.relative_to(folder).as_posix()), "reason": reason}
                    )
                elif path.is_file():
                    tables.append(path)
    return tables, others
