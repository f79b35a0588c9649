"""Depth maps along one direction of light: how far away the nearest surface is.

Owns the compiled loops. A map knows no triangle numbers and has no perspective, and an edge between
two triangles may belong to both, which makes it cheaper than a picture's rasteriser.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from likeness.geometry.rasterize_reference import MIN_AREA

_HALF, _ONE = np.float32(0.5), np.float32(1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def nearest_depth(points, distance, faces, depth):
    """Depth of the nearest triangle at every texel's centre; infinite where there is none.

    Args:
        points: (V, 2) float32 columns and rows on the map, in texels.
        distance: (V,) float32 along the direction of light.
        faces: (F, 3) int32; both sides count.
        depth: (H, W) float32, written.
    """
    height, width = depth.shape
    depth[:] = np.float32(np.inf)
    # Most triangles of a fine mesh contain no centre: whole numbers tell it soonest.
    columns = np.empty(len(points), np.int32)
    rows = np.empty(len(points), np.int32)
    for vertex in range(len(points)):
        columns[vertex] = first_centre(points[vertex, 0], width)
        rows[vertex] = first_centre(points[vertex, 1], height)
    for face in range(len(faces)):
        i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
        top = min(rows[i0], min(rows[i1], rows[i2]))
        bottom = max(rows[i0], max(rows[i1], rows[i2]))
        left = min(columns[i0], min(columns[i1], columns[i2]))
        right = max(columns[i0], max(columns[i1], columns[i2]))
        if top == bottom or left == right:
            continue
        x0, y0 = points[i0, 0], points[i0, 1]
        e1x, e1y = points[i1, 0] - x0, points[i1, 1] - y0
        e2x, e2y = points[i2, 0] - x0, points[i2, 1] - y0
        area = e1x * e2y - e1y * e2x
        if not MIN_AREA <= abs(area) < np.inf:
            continue
        inverse = _ONE / area
        e1x, e1y, e2x, e2y = e1x * inverse, e1y * inverse, e2x * inverse, e2y * inverse
        z0 = distance[i0]
        z1, z2 = distance[i1] - z0, distance[i2] - z0
        for row in range(top, bottom):
            qy = np.float32(row) + _HALF - y0
            for column in range(left, right):
                qx = np.float32(column) + _HALF - x0
                b1, b2 = qx * e2y - qy * e2x, e1x * qy - e1y * qx
                if b1 >= 0 and b2 >= 0 and b1 + b2 <= _ONE:
                    found = z0 + b1 * z1 + b2 * z2
                    if found < depth[row, column]:
                        depth[row, column] = found


@njit(cache=True, nogil=True, error_model="numpy")
def depth_range(points, distance, faces, nearest, farthest):
    """Depths of the nearest and the farthest triangle at every texel's centre: what is seen along
    a direction of light and against it. Plus and minus infinite where there is none.

    Args:
        points: (V, 2) float32 columns and rows on the map, in texels.
        distance: (V,) float32 along the direction of light.
        faces: (F, 3) int32; both sides count.
        nearest: (H, W) float32, written.
        farthest: (H, W) float32, written.
    """
    height, width = nearest.shape
    nearest[:] = np.float32(np.inf)
    farthest[:] = np.float32(-np.inf)
    columns = np.empty(len(points), np.int32)
    rows = np.empty(len(points), np.int32)
    for vertex in range(len(points)):
        columns[vertex] = first_centre(points[vertex, 0], width)
        rows[vertex] = first_centre(points[vertex, 1], height)
    for face in range(len(faces)):
        i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
        top = min(rows[i0], min(rows[i1], rows[i2]))
        bottom = max(rows[i0], max(rows[i1], rows[i2]))
        left = min(columns[i0], min(columns[i1], columns[i2]))
        right = max(columns[i0], max(columns[i1], columns[i2]))
        if top == bottom or left == right:
            continue
        x0, y0 = points[i0, 0], points[i0, 1]
        e1x, e1y = points[i1, 0] - x0, points[i1, 1] - y0
        e2x, e2y = points[i2, 0] - x0, points[i2, 1] - y0
        area = e1x * e2y - e1y * e2x
        if not MIN_AREA <= abs(area) < np.inf:
            continue
        inverse = _ONE / area
        e1x, e1y, e2x, e2y = e1x * inverse, e1y * inverse, e2x * inverse, e2y * inverse
        z0 = distance[i0]
        z1, z2 = distance[i1] - z0, distance[i2] - z0
        for row in range(top, bottom):
            qy = np.float32(row) + _HALF - y0
            for column in range(left, right):
                qx = np.float32(column) + _HALF - x0
                b1, b2 = qx * e2y - qy * e2x, e1x * qy - e1y * qx
                if b1 >= 0 and b2 >= 0 and b1 + b2 <= _ONE:
                    found = z0 + b1 * z1 + b2 * z2
                    nearest[row, column] = min(nearest[row, column], found)
                    farthest[row, column] = max(farthest[row, column], found)


@njit(cache=True, nogil=True)
def first_centre(place, size):
    """Number of the first of ``size`` texels whose centre is not before a place; ``size`` if
    there is none.
    """
    if not place > _HALF:  # also what is not a number
        return 0
    return math.ceil(min(place - _HALF, np.float32(size)))
