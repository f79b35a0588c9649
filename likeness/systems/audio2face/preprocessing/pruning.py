"""Leaving out the poses of a shot that are nearly the same as another one.

Passes over what is left: every tenth pose of it is kept as a seed, and poses within a radius of any
seed go. Distances are exact (float64); a shot of any length is compared block with block.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.preprocessing.gram import products
from likeness.systems.audio2face.preprocessing.poses import Indices, ShotPoses

COMPARED_BYTES = 320 * 1024**2
"""Coordinates of one of the two blocks that are compared; 400 frames of 60,000 vertices fit."""

_SEED_EVERY = 10
_FEW = 10


def distinct_frames(
    poses: ShotPoses,
    radius: float,
    *,
    max_passes: int | None = None,
    compared_bytes: int = COMPARED_BYTES,
) -> Indices:
    """The frames of a shot without near-duplicates, rising.

    Args:
        poses: of one shot.
        radius: L2 distance over all coordinates, in their unit; poses at it are near.
        max_passes: None goes on until a pass leaves nothing out or ten poses are left.
        compared_bytes: memory for one block of rows; changes no result.

    Raises:
        DataError: a coordinate that is no finite number.
    """
    if not len(poses.frames):
        return poses.frames
    near = near_pairs(poses, radius, compared_bytes)
    return poses.frames[without_duplicates(near, max_passes)]


def without_duplicates(near: NDArray[np.bool_], max_passes: int | None = None) -> Indices:
    """Rising positions that are kept, of a symmetric matrix (F, F) that says which poses are near.

    While the last pass left something out and more than ten poses are left, the seeds are every
    tenth of them, and a pass keeps the seeds and the poses that are near none.
    """
    kept = np.arange(len(near), dtype=np.int64)
    passes = 0
    while len(kept) > _FEW and (max_passes is None or passes < max_passes):
        seeds = kept[::_SEED_EVERY]
        found = np.asarray(near[np.ix_(seeds, kept)].any(axis=0), bool)
        found[::_SEED_EVERY] = False
        passes += 1
        if not found.any():
            break
        kept = kept[~found]
    return kept


def near_pairs(poses: ShotPoses, radius: float, compared_bytes: int) -> NDArray[np.bool_]:
    """Which of the poses of a shot lie within a radius of each other, (F, F)."""
    count = len(poses.frames)
    step = max(compared_bytes // (4 * poses.size), 1)
    near = np.zeros((count, count), bool)
    origin: Floats | None = None
    for start in range(0, count, step):
        rows = poses.rows(np.arange(start, min(start + step, count)))
        if origin is None:
            # About a pose of the shot, products of coordinates keep the digits of differences.
            origin = rows[0].copy()
        rows -= origin
        for other in range(0, start + 1, step):
            if other == start:
                close = _within(rows, rows, radius)
            else:
                second = poses.rows(np.arange(other, other + step))
                second -= origin
                close = _within(rows, second, radius)
            near[start : start + len(rows), other : other + close.shape[1]] = close
            near[other : other + close.shape[1], start : start + len(rows)] = close.T
    return near


def _within(first: Floats, second: Floats, radius: float) -> NDArray[np.bool_]:
    if first is second:
        mixed = products(first)
        square = other = np.diag(mixed).copy()
    else:
        mixed = products(first, second)
        square, other = (np.einsum("nd,nd->n", r, r, dtype=np.float64) for r in (first, second))
    mixed *= -2
    mixed += square[:, None]
    mixed += other[None]
    return mixed <= radius**2


def radius_of(poses: ShotPoses, radius: float, relative: float | None) -> float:
    """The radius in the unit of the poses.

    Args:
        radius: what is taken where ``relative`` is None.
        relative: root mean square distance of vertices over the diagonal of the box around them in
            the first frame, so neither the unit nor the number of vertices counts.

    Raises:
        DataError: the vertices all lie in one point.
    """
    if relative is None:
        return radius
    vertices = poses.rows(np.zeros(1, np.int64)).reshape(-1, 3)
    diagonal = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    if diagonal == 0:
        raise DataError(
            f"All vertices of shot '{poses.shot}' lie in one point, which gives no size to compare "
            "a relative radius with.",
            advice="Check the cache and the prune mask.",
        )
    return relative * diagonal * math.sqrt(len(vertices))
