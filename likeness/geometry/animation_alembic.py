"""Alembic caches (.abc), read: the positions of a polygon mesh over time.

Needs the package alembic3d, unofficial bindings of the Alembic library. Positions are those of the
mesh itself, without the transforms above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, no_file
from likeness.extras import require
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.sample_times import rate_of_samples
from likeness.geometry.scene_meshes import moving_mesh

_PURPOSE = "read Alembic caches"
_MAX_DEPTH = 64
# The names of HDF5 and of Ogawa archives begin like this.
_SIGNATURES = (b"Ogawa", b"\x89HDF")


def read_alembic_animation(
    path: str | Path, declared_fps: float | None = None, *, mesh: str | None = None
) -> VertexAnimation:
    """An animation whose frames are read from the file when they are asked for.

    Args:
        path: of the archive.
        declared_fps: must agree with the file's.
        mesh: name or path of the mesh; None: the only one that moves, or the only one.

    Raises:
        MissingError: there is no such file, or alembic3d is not installed.
        DataError: no archive, no such mesh, several, or times that are uneven.
        FrameRateError: another rate than declared.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    with open(path, "rb") as file:
        start = file.read(5)
    if not start.startswith(_SIGNATURES):
        raise DataError(f"{path} is not an Alembic archive; it begins with {start!r}.")
    archive = _opened(path)
    found = {
        full: schema.getPositionsProperty().getNumSamples() for full, schema in _meshes(archive)
    }
    name = moving_mesh(found, mesh, path, what="positions")
    count = found[name]
    if count < 1:
        raise DataError(f"{path}: {name} has no positions.")
    schema = dict(_meshes(archive))[name]
    sampling = schema.getTimeSampling()
    times = np.array([sampling.getSampleTime(index) for index in range(count)])
    fps = rate_of_samples(times, declared_fps, f"{path}, {name}")
    frames = AlembicFrames(path, name, len(_positions(schema, 0)), 0, count)
    return VertexAnimation(frames, fps, float(times[0]))


@dataclass(frozen=True)
class AlembicFrames:
    """Samples ``first`` to ``last`` of a mesh; see :class:`likeness.geometry.frames`."""

    path: Path
    name: str
    num_vertices: int
    first: int
    last: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.last - self.first, self.num_vertices, 3)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, first: int, last: int) -> np.ndarray:
        schema = dict(_meshes(_opened(self.path)))[self.name]
        out = np.empty((max(last - first, 0), self.num_vertices, 3), np.float32)
        for index in range(first, last):
            values = _positions(schema, self.first + index)
            if values.shape != out.shape[1:]:
                raise DataError(
                    f"{self.path}: expected {self.num_vertices} positions of {self.name} in sample "
                    f"{self.first + index}, found {len(values)}."
                )
            out[index - first] = values
        return out

    def part(self, first: int, last: int) -> AlembicFrames:
        return AlembicFrames(
            self.path, self.name, self.num_vertices, self.first + first, self.first + last
        )


def _opened(path: Path) -> Any:
    library = require("alembic3d.Abc", extra="alembic", purpose=_PURPOSE)
    require("imath", extra="alembic", purpose=_PURPOSE)  # the type of its positions
    try:
        return library.IArchive(str(path))
    except RuntimeError as error:
        raise DataError(f"{path} is not a readable Alembic archive: {error!s:.300}.") from error


def _meshes(archive: Any) -> Iterator[tuple[str, Any]]:
    """Path and schema of every polygon mesh."""
    library = require("alembic3d.AbcGeom", extra="alembic", purpose=_PURPOSE)
    waiting = [(archive.getTop(), 0)]
    while waiting:
        parent, depth = waiting.pop()
        for index in range(parent.getNumChildren() if depth < _MAX_DEPTH else 0):
            child = parent.getChild(index)
            if library.IPolyMesh.matches(child.getHeader()):
                schema = library.IPolyMesh(parent, child.getName()).getSchema()
                yield child.getFullName(), schema
            waiting.append((child, depth + 1))


def _positions(schema: Any, index: int) -> np.ndarray:
    library = require("alembic3d.Abc", extra="alembic", purpose=_PURPOSE)
    # The bindings take a number for a time, also an index: the sample nearest to its own time.
    time = float(schema.getTimeSampling().getSampleTime(index))
    values = schema.getPositionsProperty().getValue(library.ISampleSelector(time))
    return np.array(memoryview(values), np.float32).reshape(-1, 3)
