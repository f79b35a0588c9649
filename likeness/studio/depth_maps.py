"""Depth maps along one direction of light: how far away the nearest surface is.

Owns the compiled loops. A map knows no triangle numbers and has no perspective, and an edge between
two triangles may belong to both, which makes it cheaper than a picture's rasteriser.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from likeness.geometry.rasterize_reference import MIN_AREA

LANES = 16
"""Neighbours in a row that are looked at at once, also where a triangle is narrower. A loop over as
many as a triangle is wide, six in the middle, is compiled to one after the other."""
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
    shape = lanes_of(height, width)
    nearest = np.full(shape, np.float32(np.inf), np.float32)
    # Most triangles of a fine mesh contain no centre: whole numbers tell it soonest.
    columns, rows = first_centres(points, width, height)
    for face in range(len(faces)):
        i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
        left, right = span(columns, i0, i1, i2)
        top, bottom = span(rows, i0, i1, i2)
        if top == bottom or left == right:
            continue
        has_area, x0, y0, e1x, e1y, e2x, e2y = edges(points, i0, i1, i2)
        if not has_area:
            continue
        z0 = distance[i0]
        z1, z2 = distance[i1] - z0, distance[i2] - z0
        for row in range(top, bottom):
            qy = np.float32(row) + _HALF - y0
            for block in range(left // LANES, (right + LANES - 1) // LANES):
                start = np.float32(LANES * block) + _HALF - x0
                lanes = nearest[row, block]
                # Without a branch, so that all lanes are looked at at once.
                for lane in range(LANES):
                    qx = start + np.float32(lane)
                    b1, b2 = qx * e2y - qy * e2x, e1x * qy - e1y * qx
                    found, before = z0 + b1 * z1 + b2 * z2, lanes[lane]
                    is_nearer = (b1 >= 0) & (b2 >= 0) & (b1 + b2 <= _ONE) & (found < before)
                    lanes[lane] = found if is_nearer else before
    write_rows(nearest, depth)


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
    shape = lanes_of(height, width)
    near = np.full(shape, np.float32(np.inf), np.float32)
    far = np.full(shape, np.float32(-np.inf), np.float32)
    columns, rows = first_centres(points, width, height)
    for face in range(len(faces)):
        i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
        left, right = span(columns, i0, i1, i2)
        top, bottom = span(rows, i0, i1, i2)
        if top == bottom or left == right:
            continue
        has_area, x0, y0, e1x, e1y, e2x, e2y = edges(points, i0, i1, i2)
        if not has_area:
            continue
        z0 = distance[i0]
        z1, z2 = distance[i1] - z0, distance[i2] - z0
        for row in range(top, bottom):
            qy = np.float32(row) + _HALF - y0
            for block in range(left // LANES, (right + LANES - 1) // LANES):
                start = np.float32(LANES * block) + _HALF - x0
                near_lanes, far_lanes = near[row, block], far[row, block]
                for lane in range(LANES):
                    qx = start + np.float32(lane)
                    b1, b2 = qx * e2y - qy * e2x, e1x * qy - e1y * qx
                    found = z0 + b1 * z1 + b2 * z2
                    least, most = near_lanes[lane], far_lanes[lane]
                    is_hit = (b1 >= 0) & (b2 >= 0) & (b1 + b2 <= _ONE)
                    near_lanes[lane] = found if is_hit & (found < least) else least
                    far_lanes[lane] = found if is_hit & (found > most) else most
    write_rows(near, nearest)
    write_rows(far, farthest)


@njit(cache=True, nogil=True, inline="always")
def lanes_of(height, width):
    """Shape of an array of ``height`` rows of whole blocks of lanes."""
    return height, (width + LANES - 1) // LANES, LANES


@njit(cache=True, nogil=True)
def write_rows(lanes, rows):
    """The lanes of all blocks to ``rows`` (H, W), without those beyond its width.

    A loop, since an assignment of arrays compiles for seconds: it can tell of shapes that differ.
    """
    height, width = rows.shape
    flat = lanes.reshape(height, lanes.shape[1] * LANES)
    for row in range(height):
        for column in range(width):
            rows[row, column] = flat[row, column]


@njit(cache=True, nogil=True, inline="always")
def first_centres(points, width, height):
    """:func:`first_centre` along columns and rows of points (V, 2): two arrays (V,)."""
    columns = np.empty(len(points), np.int32)
    rows = np.empty(len(points), np.int32)
    for vertex in range(len(points)):
        columns[vertex] = first_centre(points[vertex, 0], width)
        rows[vertex] = first_centre(points[vertex, 1], height)
    return columns, rows


@njit(cache=True, nogil=True, inline="always")
def span(places, i0, i1, i2):
    """Least and largest of the places of three corners."""
    return (
        min(places[i0], min(places[i1], places[i2])),
        max(places[i0], max(places[i1], places[i2])),
    )


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def edges(points, i0, i1, i2):
    """Whether a triangle has an area; its first corner; and from it the edges to the second and
    third one over twice the area, with which a point gives its barycentric coordinates.
    """
    x0, y0 = points[i0, 0], points[i0, 1]
    e1x, e1y = points[i1, 0] - x0, points[i1, 1] - y0
    e2x, e2y = points[i2, 0] - x0, points[i2, 1] - y0
    area = e1x * e2y - e1y * e2x
    turned = _ONE / area
    has_area = MIN_AREA <= abs(area) < np.inf
    return has_area, x0, y0, e1x * turned, e1y * turned, e2x * turned, e2y * turned


@njit(cache=True, nogil=True, inline="always")
def first_centre(place, size):
    """Number of the first of ``size`` texels whose centre is not before a place; ``size`` if
    there is none.
    """
    # Also of what is not a number; without a branch, so that many places are looked at at once.
    reached = place - _HALF if place > _HALF else np.float32(0.0)
    return np.int32(np.ceil(min(reached, np.float32(size))))
