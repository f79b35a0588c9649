"""A tongue without the motion of the jaw: every frame moved so that rigid vertices rest.

The rotation is the best one in the least squares sense, never a reflection (Kabsch 1976, with the
correction of the determinant of Umeyama 1991). Frames are moved as they are read; nothing is
written in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.frames import FrameSource
from likeness.systems.audio2face.artefacts import Floats

Doubles = NDArray[np.float64]

MIN_RIGID = 4


def rigid_transforms(points: np.ndarray, rest: np.ndarray) -> tuple[Doubles, Doubles]:
    """Rotation (F, 3, 3) and translation (F, 3) that bring points best to their rest.

    ``rotation @ point + translation`` is nearest to ``rest`` in the sum of squares.

    Args:
        points: (F, R, 3). rest: (R, 3), R at least 3, not on one line.
    """
    points, rest = points.astype(np.float64), rest.astype(np.float64)
    centre, target = points.mean(axis=1), rest.mean(axis=0)
    spread = np.einsum("fri,rj->fij", points - centre[:, None], rest - target)
    u, _, vt = np.linalg.svd(spread)
    v, ut = vt.transpose(0, 2, 1), u.transpose(0, 2, 1)
    signs = np.ones((len(points), 3))
    signs[:, 2] = np.where(np.linalg.det(v @ ut) < 0, -1.0, 1.0)
    rotation = (v * signs[:, None]) @ ut
    return rotation, target - np.einsum("fij,fj->fi", rotation, centre)


@dataclass(frozen=True, eq=False)
class StabilisedFrames:
    """Frames of a tongue whose rigid vertices stay where they rest.

    Attributes:
        source: the frames as recorded.
        rigid: (R,) vertices that only move rigidly.
        rest: (R, 3) where they are in the neutral.
    """

    source: FrameSource
    rigid: NDArray[np.int64]
    rest: Floats

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.source.shape

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, first: int, last: int) -> np.ndarray:
        frames = self.source.read(first, last)
        seen = frames[:, self.rigid]
        if not np.isfinite(seen).all():
            # The decomposition of such a frame fails; who reads the rows says which one it is.
            return np.where(np.isfinite(seen).all(axis=(1, 2), keepdims=True), frames, np.nan)
        rotation, shift = rigid_transforms(seen, self.rest)
        moved = frames.astype(np.float64) @ rotation.transpose(0, 2, 1) + shift[:, None]
        return moved.astype(np.float32)

    def part(self, first: int, last: int) -> StabilisedFrames:
        return StabilisedFrames(self.source.part(first, last), self.rigid, self.rest)


def stabilised(
    animation: VertexAnimation, neutral: np.ndarray, rigid: NDArray[np.int64]
) -> VertexAnimation:
    """A tongue without its rigid motion, moved as it is read.

    Args:
        animation: (F, Vt, 3). neutral: (Vt, 3). rigid: at least 4 vertices that only move rigidly.

    Raises:
        DataError: too few rigid vertices, vertices that are not there or lie on a line, or another
            number of vertices than the neutral's.
    """
    if animation.num_vertices != len(neutral):
        raise DataError(
            f"The tongue has {animation.num_vertices} vertices and its neutral {len(neutral)}."
        )
    if len(np.unique(rigid)) < MIN_RIGID or rigid.min() < 0 or rigid.max() >= len(neutral):
        raise DataError(
            f"Expected at least {MIN_RIGID} different rigid vertices of the tongue below "
            f"{len(neutral)}, found {rigid.tolist()[:20]}."
        )
    rest = np.asarray(neutral, np.float32)[rigid]
    strengths = np.linalg.svd((rest - rest.mean(axis=0)).astype(np.float64), compute_uv=False)
    if strengths[1] <= 1e-6 * strengths[0]:
        raise DataError(
            "The rigid vertices of the tongue lie on one line in its neutral, so their rotation is "
            "not known.",
            advice="Choose rigid vertices that are spread over the root of the tongue.",
        )
    frames = StabilisedFrames(animation.frames, rigid, rest)
    return VertexAnimation(frames, animation.fps, animation.start)


def removed_transforms(stable: VertexAnimation) -> Floats:
    """What :func:`stabilised` does to every frame: (F, 3, 4), rotation and translation (cm)."""
    frames = stable.frames
    assert isinstance(frames, StabilisedFrames)
    out = []
    for first in range(0, stable.num_frames, 256):
        last = min(first + 256, stable.num_frames)
        rotation, shift = rigid_transforms(
            frames.source.read(first, last)[:, frames.rigid], frames.rest
        )
        out.append(np.concatenate([rotation, shift[:, :, None]], axis=2))
    return np.concatenate(out).astype(np.float32)
