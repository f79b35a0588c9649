"""Many poses as few coordinates each, from caches that do not fit into memory.

A pose of 60,000 vertices has 180,000 coordinates, but the poses of a head move in few directions.
Poses spread evenly over all of them span nearly everything the others do; those that they explain
worst are added. What still lies outside is kept as a distance, so nothing is lost unnoticed. As in
the sampling of rows for low-rank approximation (Halko, Martinsson, Tropp 2011, section 1.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.preprocessing.gram import (
    Doubles,
    orthonormal,
    products,
    spectrum,
)
from likeness.systems.audio2face.preprocessing.poses import Indices, Poses

MAX_COORDINATES = 1024
"""Enough for the 791 poses that are chosen; 740 MB of axes for 60,000 vertices."""

_ADDED_SHARE = 0.25
_ENOUGH = 1e-6
"""A squared distance outside, as a share of the largest squared length of a pose."""
_APART = 5


@dataclass(frozen=True, eq=False)
class PoseSpace:
    """Poses in an orthonormal frame.

    Attributes:
        coordinates: (M, R) float64.
        outside: (M,) squared distance of every pose from the space.
        axes: (R, D) orthonormal; None: see :func:`compressed`.
    """

    coordinates: Doubles
    outside: Doubles
    axes: Floats | None = None


def compressed(
    poses: Poses, size: int = MAX_COORDINATES, *, read: Callable[[int], None] | None = None
) -> PoseSpace:
    """Coordinates that have the distances of the poses from each other.

    Few coordinates are taken as they are, and few poses are rotated without loss; both have no
    axes. Of many poses three quarters of the axes come of poses evenly spread over them, and where
    a pose is left more than a thousandth of the longest one outside, the others of the worst.

    Args:
        poses: M of D coordinates. Distances are best kept when the origins are near the poses.
        size: most coordinates that are kept.
        read: is told how many poses have been read, block by block.
    """
    if poses.size <= size:
        coordinates = np.concatenate([rows.astype(np.float64) for _, rows in poses.blocks()])
        return PoseSpace(coordinates, np.zeros(len(poses)))
    if len(poses) <= size:
        values, vectors = spectrum(products(poses.rows()))
        return PoseSpace(vectors * np.sqrt(values), np.zeros(len(poses)))
    added = int(size * _ADDED_SHARE)
    axes = orthonormal(poses.rows(_spread(len(poses), size - added)))
    coordinates, squares = _projected(poses, axes, read)
    outside = np.maximum(squares - np.sum(coordinates**2, axis=1), 0.0)
    if outside.max() > _ENOUGH * squares.max():
        rows = poses.rows(_worst(outside, added))
        rows -= (rows @ axes.T) @ axes
        rows -= (rows @ axes.T) @ axes
        more = orthonormal(rows)
        further, _ = _projected(poses, more, read)
        outside = np.maximum(outside - np.sum(further**2, axis=1), 0.0)
        coordinates = np.concatenate([coordinates, further], axis=1)
        axes = np.concatenate([axes, more])
    return PoseSpace(coordinates, outside, axes)


def _projected(
    poses: Poses, axes: Floats, read: Callable[[int], None] | None
) -> tuple[Doubles, Doubles]:
    """Coordinates (M, R) and squared lengths (M,) of all poses."""
    coordinates = np.empty((len(poses), len(axes)))
    squares = np.empty(len(poses))
    for first, rows in poses.blocks():
        coordinates[first : first + len(rows)] = rows @ axes.T
        squares[first : first + len(rows)] = np.einsum("nd,nd->n", rows, rows, dtype=np.float64)
        if read is not None:
            read(first + len(rows))
    return coordinates, squares


def _spread(count: int, chosen: int) -> Indices:
    return np.unique(np.linspace(0, count - 1, chosen).astype(np.int64))


def _worst(outside: Doubles, count: int) -> Indices:
    """Rising numbers of the poses furthest outside; its neighbours say no more."""
    free = np.ones(len(outside), bool)
    chosen: list[int] = []
    for number in np.argsort(-outside, kind="stable"):
        if len(chosen) == count or outside[number] <= 0:
            break
        if free[number]:
            chosen.append(int(number))
            free[max(number - _APART, 0) : number + _APART + 1] = False
    return np.array(sorted(chosen), np.int64)
