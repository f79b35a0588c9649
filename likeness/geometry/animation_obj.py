"""Sequences of Wavefront OBJ files, one a frame, with the frame's number at the end of the name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness.errors import DataError, MissingError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.mesh_obj import read_obj_vertices

_NUMBERED = re.compile(r"(.*?)[._-]?(\d+)\.obj")


def is_obj_sequence(folder: Path) -> bool:
    """Whether a folder has numbered .obj files."""
    return folder.is_dir() and any(
        _NUMBERED.fullmatch(entry.name) and not entry.name.startswith(".")
        for entry in folder.iterdir()
    )


def read_obj_sequence(folder: str | Path, fps: float) -> VertexAnimation:
    """An animation of the .obj files of a folder, in the order of their numbers.

    Args:
        folder: with ``<name><number>.obj``; one name, numbers that follow each other.
        fps: frames per second; the files do not say.

    Raises:
        MissingError: there is no such folder.
        DataError: no such files, two names, a number that is missing, or other vertices in one.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingError(f"There is no folder {folder}.")
    numbered: dict[int, Path] = {}
    names = set()
    for entry in sorted(folder.iterdir()):
        match = _NUMBERED.fullmatch(entry.name)
        if match is None or entry.name.startswith("."):
            continue
        names.add(match[1])
        if int(match[2]) in numbered:
            raise DataError(f"{folder}: two files have number {match[2]}: {entry.name}.")
        numbered[int(match[2])] = entry
    if not numbered or len(names) != 1:
        raise DataError(
            f"{folder}: expected numbered .obj files of one name, found "
            f"{', '.join(sorted(names)[:5]) or 'none'}."
        )
    first, last = min(numbered), max(numbered)
    lost = [number for number in range(first, last + 1) if number not in numbered]
    if lost:
        raise DataError(f"{folder}: no file has number {lost[0]}, between {first} and {last}.")
    paths = tuple(numbered[number] for number in range(first, last + 1))
    return VertexAnimation(ObjFrames(paths, len(read_obj_vertices(paths[0]))), fps)


@dataclass(frozen=True)
class ObjFrames:
    """A file a frame; see :class:`likeness.geometry.frames`."""

    paths: tuple[Path, ...]
    num_vertices: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.paths), self.num_vertices, 3)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, first: int, last: int) -> np.ndarray:
        out = np.empty((max(last - first, 0), self.num_vertices, 3), np.float32)
        for index, path in enumerate(self.paths[first:last]):
            vertices = read_obj_vertices(path)
            if len(vertices) != self.num_vertices:
                raise DataError(
                    f"{path}: expected {self.num_vertices} vertices, as in {self.paths[0].name}, "
                    f"found {len(vertices)}."
                )
            out[index] = vertices
        return out

    def part(self, first: int, last: int) -> ObjFrames:
        return ObjFrames(self.paths[first:last], self.num_vertices)
