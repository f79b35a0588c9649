"""Which landmarks of a figure a picture shows: each looks along its own ray to the camera.

Owns the rule and its compiled loop. A pixel is too coarse a judge of a point: a frame of glasses is
thinner than one, and the side of a nose ends within one. Only what has no surface, such as hair,
and what is laid over the finished picture is asked pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.geometry.rasterize_reference import NEAR
from likeness.studio.camera import Intrinsics
from likeness.studio.figure import Figure
from likeness.studio.part_tables import LABELS
from likeness.studio.pixels import project
from likeness.studio.traits import is_dark

HIDDEN_BEHIND = 0.012
"""Metres: what is no more than this in front of a landmark hides it not. Landmarks are marked where
lips meet and lids curve, and the surface beside them may be that much nearer."""

COVERED_BEHIND = 0.002
"""The same of the own pixel where it shows a covering: hair lies on the skin it hides."""

COVERINGS = (LABELS.index("hair"), LABELS.index("occluder"))
"""Labels whose pixels hide a landmark behind them. A beard is labelled skin and hides nothing: a
chin under one is marked as well."""

_JAW_LINE = slice(0, 17)
_PIXEL_AWAY = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y], np.float64)


def seen_points(
    landmarks: NDArray[np.float64],
    subjects: Sequence[tuple[Figure, NDArray[np.float32]]],
    own: int,
    intrinsics: Intrinsics,
    covered: NDArray[np.bool_],
    depth: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """(68,) which landmarks of one figure are in the picture and not hidden.

    One is hidden when a surface of any figure is more than 12 mm in front of it, on the straight
    line from the camera to the point, or what its own pixel shows, where ``covered`` tells so, more
    than 2 mm.
    The jaw line is drawn along the outline of the head, so its points are pardoned what their own
    head hides when its outline is no more than a pixel away.

    Args:
        landmarks: (68, 3) metres, camera at the origin looking along -z.
        subjects: everybody in the picture: figure, and its vertices (V, 3) in the same axes.
        own: number of the subject the landmarks belong to.
        intrinsics: fx, fy, cx, cy in pixels.
        covered: (H, W) pixels that show what hides all behind it: hair, glasses, another person.
        depth: (H, W) metres along the viewing direction; infinite where there is background.
    """
    height, width = depth.shape
    points, distance = project(landmarks, intrinsics)
    reach = distance - HIDDEN_BEHIND
    beside = points[_JAW_LINE, None] + _PIXEL_AWAY
    rays = np.concatenate([points, beside.reshape(-1, 2)])
    head, other = np.full(len(rays), np.inf), np.full(len(points), np.inf)
    for number, (figure, vertices) in enumerate(subjects):
        surface = figure.surface
        solid = vertices[: surface.num_solid]
        xy, away = project(solid.astype(np.float64), intrinsics)
        first_other = surface.num_head_faces if number == own else 0
        _nearest_on_rays(rays, xy, away, surface.faces[:first_other], head)
        _nearest_on_rays(points, xy, away, surface.faces[first_other:], other)
        if is_dark(surface.lens_tint):
            _nearest_on_rays(points, xy, away, surface.lenses, other)
    by_head = head[: len(points)] < reach
    around = head[len(points) :].reshape(-1, len(_PIXEL_AWAY)).max(axis=1)
    by_head[_JAW_LINE] &= around < reach[_JAW_LINE]
    column, row = np.floor(points).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    seen: NDArray[np.bool_] = inside & ~by_head & (other >= reach)
    here = row[inside], column[inside]
    seen[inside] &= ~(covered[here] & (depth[here] < (distance - COVERED_BEHIND)[inside]))
    return seen


def _nearest_on_rays(
    points: NDArray[np.floating],
    xy: NDArray[np.floating],
    away: NDArray[np.floating],
    faces: NDArray[np.integer],
    nearest: NDArray[np.float64],
) -> None:
    """Lowers the depth at each point of the picture to that of the nearest triangle over it.

    Args:
        points: (N, 2) float64 columns and rows.
        xy: (V, 2) float64 the same of vertices.
        away: (V,) float64 their depth; triangles that reach behind the camera are left out.
        faces: (F, 3) int32; both sides count.
        nearest: (N,) float64, lowered in place.
    """
    if len(points):
        # A triangle covers few points: in their order from the left those it may cover lie
        # together. NumPy sorts them: a sort of its own would take a kernel seconds to compile.
        _lower(points, np.argsort(points[:, 0]), xy, away, faces, nearest)


@njit(cache=True, nogil=True, error_model="numpy")
def _lower(points, order, xy, away, faces, nearest):
    left, right = points[:, 0].min(), points[:, 0].max()
    top, bottom = points[:, 1].min(), points[:, 1].max()
    columns = points[order, 0]
    for face in range(len(faces)):
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        x0, x1, x2 = xy[i, 0], xy[j, 0], xy[k, 0]
        low, high = min(x0, x1, x2), max(x0, x1, x2)
        if high < left or low > right:
            continue
        y0, y1, y2 = xy[i, 1], xy[j, 1], xy[k, 1]
        upper, lower = min(y0, y1, y2), max(y0, y1, y2)
        if lower < top or upper > bottom or min(away[i], away[j], away[k]) <= NEAR:
            continue
        e1x, e1y, e2x, e2y = x1 - x0, y1 - y0, x2 - x0, y2 - y0
        area = e1x * e2y - e1y * e2x
        if area == 0.0:
            continue
        for number in range(_first_at(columns, low), len(order)):
            point = order[number]
            x, y = points[point, 0], points[point, 1]
            if x > high:
                break
            if y < upper or y > lower:
                continue
            qx, qy = x - x0, y - y0
            b, c = (qx * e2y - qy * e2x) / area, (e1x * qy - e1y * qx) / area
            if b >= 0.0 and c >= 0.0 and b + c <= 1.0:
                # The inverse of depth is linear in a picture.
                found = 1.0 / ((1.0 - b - c) / away[i] + b / away[j] + c / away[k])
                nearest[point] = min(nearest[point], found)


@njit(cache=True, nogil=True)
def _first_at(columns, low):
    """Number of the first of sorted columns that is not before a place."""
    first, end = 0, len(columns)
    while first < end:
        middle = (first + end) // 2
        if columns[middle] < low:
            first = middle + 1
        else:
            end = middle
    return first
