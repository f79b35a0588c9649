"""Principal components of poses, and the coefficients of all frames in them.

The poses are not centred again where a neutral is given: the first component then holds the average
distance from it. Coefficients are taken block by block, and what the basis cannot show of every
shot is measured on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from likeness.errors import DataError
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.preprocessing.gram import (
    Doubles,
    axes_of,
    products,
    spectrum,
    with_fixed_signs,
)
from likeness.systems.audio2face.preprocessing.pose_space import MAX_COORDINATES, compressed
from likeness.systems.audio2face.preprocessing.poses import Poses, ShotPoses

MAX_HELD = 2048
"""Poses that are held at once; of more, the space they span is found first (pose_space.py)."""


@dataclass(frozen=True, eq=False)
class PrincipalBasis:
    """Orthonormal axes of poses.

    Attributes:
        axes: (K, D) orthonormal, strongest first; the coordinate of the largest magnitude of each
            is positive.
        variances: (K,) squared singular value over (poses - 1).
        share: of the variance of all poses that the axes hold.
        num_poses: they were found from.
    """

    axes: Floats
    variances: Doubles
    share: float
    num_poses: int


@dataclass(frozen=True)
class ReconstructionError:
    """What a basis cannot show of a shot: root mean square distance of vertices, and the largest.

    In the unit of the poses.
    """

    rmse: float
    max_vertex: float


def principal_basis(
    poses: Poses,
    *,
    threshold: float,
    components: int | None = None,
    max_held: int = MAX_HELD,
    max_coordinates: int = MAX_COORDINATES,
) -> PrincipalBasis:
    """Axes of poses about their origins.

    Args:
        poses: m, with what is the mean of the basis as their origin.
        threshold: the axes are the fewest whose share of variance exceeds it; all there are where
            none does, as from 1 on.
        components: so many instead.
        max_held, max_coordinates: limits of memory.

    Raises:
        DataError: more components asked for than the poses have directions, or poses that all are
            their origin.
    """
    divisor = max(len(poses) - 1, 1)
    if len(poses) <= max_held:
        rows = poses.rows()
        gram = products(rows)
        total = float(np.trace(gram))
        values, vectors = spectrum(gram)
        count = _num_components(values, total, threshold, components, len(poses))
        axes = axes_of(rows, values[:count], vectors[:, :count]).copy()
    else:
        space = compressed(poses, max(max_coordinates, components or 0))
        total = float(np.sum(space.coordinates**2) + np.sum(space.outside))
        values, vectors = spectrum(space.coordinates.T @ space.coordinates)
        count = _num_components(values, total, threshold, components, len(poses))
        weights = vectors[:, :count].T.astype(np.float32)
        axes = weights if space.axes is None else weights @ space.axes
    variances = values[:count] / divisor
    share = min(float(values[:count].sum() / total), 1.0)
    return PrincipalBasis(with_fixed_signs(axes), variances, share, len(poses))


def coefficients_of(
    poses: ShotPoses, axes: Floats, *, read: Callable[[int], None] | None = None
) -> tuple[Floats, ReconstructionError]:
    """Coefficients (F, K) of the frames of a shot, and what they leave out.

    Args:
        poses: of a shot, with the mean of the basis as their origin.
        axes: (K, D) orthonormal.
        read: is told how many frames have been read, block by block.
    """
    out = np.empty((len(poses.frames), len(axes)), np.float32)
    square, largest = 0.0, 0.0
    for start, rows in poses.blocks():
        part = rows @ axes.T
        out[start : start + len(rows)] = part
        rows -= part @ axes
        distances = np.einsum("fvc,fvc->fv", *[rows.reshape(len(rows), -1, 3)] * 2)
        square += float(distances.sum(dtype=np.float64))
        largest = max(largest, float(distances.max()))
        if read is not None:
            read(start + len(rows))
    count = len(out) * poses.size // 3
    return out, ReconstructionError((square / count) ** 0.5, largest**0.5)


def _num_components(
    values: Doubles, total: float, threshold: float, components: int | None, num_poses: int
) -> int:
    if not len(values):
        raise DataError(
            f"The {num_poses} poses of the basis are all the same, which gives no component.",
            advice="Check that the caches move, and that the neutral is of the same actor.",
        )
    if components is not None:
        if components > len(values):
            raise DataError(
                f"{components} components were asked for; the {num_poses} poses of the basis have "
                f"{len(values)} different directions.",
                advice="Ask for fewer components, or lower 'tolerance' to choose more poses.",
            )
        return components
    above = np.flatnonzero(np.cumsum(values) / total > threshold)
    return int(above[0]) + 1 if len(above) else len(values)
