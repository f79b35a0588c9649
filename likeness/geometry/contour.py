"""Builds the moving jaw line of a head: where its outline lies at each yaw angle.

For heads that come without such a table. The table's form is FLAME's (79 rows of 17 points); it is
read by :mod:`likeness.geometry.head`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.geometry.head_asset import LandmarkEmbedding
from likeness.geometry.head_checks import CONTOUR_SHAPE

_MAX_YAW = 39
_CHIN = 8


@dataclass(frozen=True, eq=False)
class _Slice:
    """Where a plane cuts the edges of the skin: points, and their triangles and weights."""

    points: np.ndarray  # (N, 3)
    triangles: np.ndarray  # (N,)
    barycentric: np.ndarray  # (N, 3)


def build_contour(
    vertices: np.ndarray, faces: np.ndarray, skin_faces: np.ndarray, frontal: LandmarkEmbedding
) -> LandmarkEmbedding:
    """The table (79, 17) of a head, from its frontal jaw line.

    Each point but the chin slides along the plane through it that is parallel to x and leans to the
    back of the head, to where the turned head is widest, never behind its frontal place. Rows 0..39
    move points 9..16 (a turn to the left hides the left cheek), rows 40..78 points 0..7.

    Args:
        vertices, faces: the template (V, 3), (F, 3).
        skin_faces: ids of the triangles that can be an outline: skin, without ears if possible.
        frontal: the 17 points at yaw 0, the subject's right ear first.
    """
    start = frontal.points(vertices, faces)
    triangles = np.tile(frontal.triangles, (CONTOUR_SHAPE[0], 1))
    weights = np.tile(frontal.barycentric, (CONTOUR_SHAPE[0], 1, 1))
    centre = vertices[faces[skin_faces]].mean(axis=(0, 1))
    for point in range(CONTOUR_SHAPE[1]):
        if point == _CHIN:
            continue
        side = 1.0 if point > _CHIN else -1.0
        cut = _cut(vertices, faces, skin_faces, start[point], centre)
        is_ahead = (side * cut.points[:, 0] > 0) & (cut.points[:, 2] >= start[point, 2])
        candidates = np.flatnonzero(is_ahead)
        if not len(candidates):
            continue
        for degrees in range(1, _MAX_YAW + 1):
            turn = np.radians(degrees)
            direction = np.array([side * np.cos(turn), 0.0, np.sin(turn)])
            outward = cut.points[candidates] @ direction
            if outward.max() <= start[point] @ direction:
                continue  # the frontal point is still the outermost
            # Of equally far points the foremost, so that both sides choose alike.
            furthest = candidates[outward > outward.max() - 1e-9]
            best = furthest[cut.points[furthest, 2].argmax()]
            row = degrees if side > 0 else _MAX_YAW + degrees
            triangles[row, point] = cut.triangles[best]
            weights[row, point] = cut.barycentric[best]
    return LandmarkEmbedding(triangles, weights)


def _cut(
    vertices: np.ndarray,
    faces: np.ndarray,
    skin_faces: np.ndarray,
    point: np.ndarray,
    centre: np.ndarray,
) -> _Slice:
    """Cuts the skin with the plane through ``point`` that is parallel to x and moves by a third of
    the way to the centre's height until the back of the head: along the jaw, not across the neck.
    """
    back = vertices[:, 2].min()
    slope = (centre[1] - point[1]) / 3 / (back - point[2])
    height = vertices[:, 1] - point[1] - slope * (vertices[:, 2] - point[2])
    chosen = faces[skin_faces]
    found: list[list[np.ndarray]] = [[], [], []]
    for corner in range(3):
        first, second = chosen[:, corner], chosen[:, (corner + 1) % 3]
        crossing = np.flatnonzero((height[first] <= 0) != (height[second] <= 0))
        a, b = first[crossing], second[crossing]
        share = height[a] / (height[a] - height[b])
        barycentric = np.zeros((len(crossing), 3))
        barycentric[:, corner], barycentric[:, (corner + 1) % 3] = 1 - share, share
        found[0].append(vertices[a] + share[:, None] * (vertices[b] - vertices[a]))
        found[1].append(skin_faces[crossing])
        found[2].append(barycentric)
    points, triangles, weights = (np.concatenate(part) for part in found)
    return _Slice(points, triangles, weights)
