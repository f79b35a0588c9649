"""Registers a surface to a cloud of scan points without matches: rigid, or with one scale.

Gauss-Newton on (log scale, rotation vector, translation) over the exact point-to-surface distance.
What the distances mean for a benchmark is in :mod:`likeness.evaluation.geometry`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.geometry.alignment import Similarity
from likeness.geometry.closest_point import Nearest, SurfaceTree
from likeness.geometry.head_numpy import rotation_matrix

_MAX_ITERATIONS = 100
_MAX_HALVINGS = 12


@dataclass(frozen=True, eq=False)
class Registration:
    """The motion found, the distances (N,) of the scan points under it, and the iterations used."""

    motion: Similarity
    distances: np.ndarray
    iterations: int


def register_surface(
    vertices: np.ndarray,
    faces: np.ndarray,
    scan: np.ndarray,
    start: Similarity,
    *,
    with_scale: bool = True,
    tolerance: float = 1e-6,
) -> Registration:
    """Move a surface onto scan points by minimising the sum of squared distances.

    The derivative of a distance with respect to the motion is that of the surface point nearest to
    the scan point, along the line between the two. The scale stays positive because its logarithm
    is the unknown.

    Args:
        vertices, faces: the surface (V, 3), (F, 3).
        scan: points (N, 3), in the unit the motion leads to.
        start: first guess, from matched points.
        with_scale: False keeps the scale of ``start``.
        tolerance: relative change of the sum of squares at which to stop.
    """
    surface = SurfaceTree(vertices, faces)
    normals = _unit_normals(vertices, faces)
    centre = scan.mean(axis=0)
    motion = start
    nearest, cost = _measure(surface, scan, motion)
    iteration = 0
    while iteration < _MAX_ITERATIONS:
        iteration += 1
        step = _gauss_newton_step(scan, motion, nearest, normals, centre, with_scale)
        for _ in range(_MAX_HALVINGS):
            trial = _advance(motion, step, centre)
            found, trial_cost = _measure(surface, scan, trial)
            if trial_cost <= cost:
                break
            step = step / 2
        else:
            break  # no descent along the direction: at the minimum to machine precision
        change = cost - trial_cost
        motion, nearest, previous, cost = trial, found, cost, trial_cost
        if change <= tolerance * previous and np.abs(step).max() <= tolerance:
            break
        if cost <= np.finfo(float).eps ** 2 * float((scan**2).sum()):
            break  # an exact fit: relative changes mean nothing any more
    return Registration(motion, motion.scale * nearest.distances, iteration)


def _measure(surface: SurfaceTree, scan: np.ndarray, motion: Similarity) -> tuple[Nearest, float]:
    """Nearest points in the frame of the surface, and the sum of squares in that of the scan."""
    nearest = surface.nearest(motion.inverse().apply(scan))
    return nearest, float((motion.scale * nearest.distances) ** 2 @ np.ones(len(scan)))


def _gauss_newton_step(
    scan: np.ndarray,
    motion: Similarity,
    nearest: Nearest,
    normals: np.ndarray,
    centre: np.ndarray,
    with_scale: bool,
) -> np.ndarray:
    """Change of (log scale, rotation vector, translation), scale and rotation about ``centre``."""
    moved = motion.apply(nearest.points)
    apart = scan - moved
    distance = np.linalg.norm(apart, axis=1)
    # Where a scan point lies on the surface the direction is the normal of the triangle.
    direction = normals[nearest.triangles] @ motion.rotation.T
    is_off = distance > 1e-9 * max(float(distance.max(initial=0.0)), 1e-300)
    is_off &= distance > 1e-12 * np.abs(moved).max()
    direction[is_off] = apart[is_off] / distance[is_off, None]
    residual = (apart * direction).sum(axis=1)
    arm = moved - centre
    jacobian = np.concatenate(
        [
            (direction * arm).sum(axis=1, keepdims=True),
            np.cross(arm, direction),
            direction,
        ],
        axis=1,
    )
    if not with_scale:
        jacobian[:, 0] = 0.0
    # Columns in metres and radians differ in size; scaling them keeps the tiny damping harmless.
    size = np.linalg.norm(jacobian, axis=0)
    size[size == 0] = 1.0
    scaled = jacobian / size
    normal = scaled.T @ scaled + 1e-12 * np.eye(7)
    return np.linalg.solve(normal, scaled.T @ residual) / size


def _advance(motion: Similarity, step: np.ndarray, centre: np.ndarray) -> Similarity:
    """The motion followed by the step's scale and rotation about ``centre`` and its shift."""
    growth, turn = float(np.exp(step[0])), rotation_matrix(step[1:4])
    return Similarity(
        motion.scale * growth,
        turn @ motion.rotation,
        growth * turn @ (motion.translation - centre) + centre + step[4:],
    )


def _unit_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corners = np.asarray(vertices, np.float64)[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
