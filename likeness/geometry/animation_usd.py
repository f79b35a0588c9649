"""USD point caches (.usd, .usda, .usdc), read: time samples of the points of a mesh.

Needs the package usd-core (OpenUSD). Points are those of the mesh itself, without the transforms
above it; a stage whose up axis is Z is turned to +y up. Writing is
:mod:`likeness.geometry.animation_usda`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, no_file
from likeness.extras import require
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.sample_times import rate_of_samples
from likeness.geometry.scene_meshes import moving_mesh

_MAX_SAMPLES = 10_000_000


def read_usd_animation(
    path: str | Path, declared_fps: float | None = None, *, mesh: str | None = None
) -> VertexAnimation:
    """An animation whose frames are read from the file when they are asked for.

    Args:
        path: of the stage.
        declared_fps: must agree with the file's.
        mesh: name or path of the mesh; None: the only one whose points move, or the only one.

    Raises:
        MissingError: there is no such file, or usd-core is not installed.
        DataError: no such mesh, several, points that change in number or times that are uneven.
        FrameRateError: another rate than declared.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    stage = _opened(path)
    geometry = require("pxr.UsdGeom", extra="usd", purpose="read USD point caches")
    found = {
        str(prim.GetPath()): geometry.Mesh(prim).GetPointsAttr().GetTimeSamples()
        for prim in stage.Traverse()
        if prim.IsA(geometry.Mesh)
    }
    counts = {full: len(times) for full, times in found.items()}
    prim_path = moving_mesh(counts, mesh, path, what="points")
    codes = found[prim_path]
    if not 1 <= len(codes) <= _MAX_SAMPLES:
        raise DataError(f"{path}: the points of {prim_path} do not change over time.")
    per_second = stage.GetTimeCodesPerSecond()
    times = np.array(codes) / per_second
    fps = rate_of_samples(times, declared_fps, f"{path}, {prim_path}")
    first = geometry.Mesh(stage.GetPrimAtPath(prim_path)).GetPointsAttr().Get(codes[0])
    is_z_up = geometry.GetStageUpAxis(stage) == "Z"
    frames = UsdFrames(path, prim_path, tuple(codes), len(first), is_z_up)
    return VertexAnimation(frames, fps, float(times[0]))


@dataclass(frozen=True)
class UsdFrames:
    """Frames at time codes of one mesh of a stage; see :class:`likeness.geometry.frames`."""

    path: Path
    prim_path: str
    codes: tuple[float, ...]
    num_vertices: int
    is_z_up: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.codes), self.num_vertices, 3)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, first: int, last: int) -> np.ndarray:
        stage = _opened(self.path)  # attributes do not keep it alive
        points = stage.GetPrimAtPath(self.prim_path).GetAttribute("points")
        out = np.empty((max(last - first, 0), self.num_vertices, 3), np.float32)
        for index in range(first, last):
            values = np.asarray(points.Get(self.codes[index]), np.float32)
            if values.shape != out.shape[1:]:
                raise DataError(
                    f"{self.path}: expected {self.num_vertices} points of {self.prim_path} at time "
                    f"code {self.codes[index]:g}, found {len(values)}."
                )
            out[index - first] = values
        # A quarter turn about x: z becomes y.
        return out[..., [0, 2, 1]] * np.array([1, 1, -1], np.float32) if self.is_z_up else out

    def part(self, first: int, last: int) -> UsdFrames:
        codes = self.codes[first:last]
        return UsdFrames(self.path, self.prim_path, codes, self.num_vertices, self.is_z_up)


def _opened(path: Path) -> Any:
    usd = require("pxr.Usd", extra="usd", purpose="read USD point caches")
    errors = require("pxr.Tf", extra="usd", purpose="read USD point caches")
    try:
        stage = usd.Stage.Open(str(path), usd.Stage.LoadNone)
    except errors.ErrorException as error:
        raise DataError(f"{path} is not a readable USD stage: {error!s:.300}.") from error
    if stage is None:
        raise DataError(f"{path} is not a readable USD stage.")
    return stage
