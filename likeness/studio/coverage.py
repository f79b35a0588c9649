"""Which triangle every sample of a picture shows.

Owns the compiled loop of the visibility buffer. It differs from the differentiable rasteriser of
``geometry`` in what makes it cheaper: depths are compared as their inverses, which are linear in
the picture, and a sample on the edge of two triangles may be either's.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from likeness.geometry.rasterize_reference import NEAR
from likeness.studio.depth_maps import LANES, edges, first_centres, lanes_of, span, write_rows

_HALF, _ONE = np.float32(0.5), np.float32(1.0)
_OVERLAP = np.float32(1e-5)
"""Share of a triangle by which it reaches over its edges, so that rounding opens no cracks."""


@njit(cache=True, nogil=True, error_model="numpy")
def nearest_triangle(points, inverse, faces, tri):
    """Number of the nearest triangle at every sample's centre, or -1; returns how many show one.

    Args:
        points: (V, 2) float32 columns and rows, in samples.
        inverse: (V,) float32 one over the depth in metres; triangles with a vertex behind or
            close to the camera are left out.
        faces: (F, 3) int32; both sides are seen.
        tri: (H, W) int32, written.
    """
    height, width = tri.shape
    shape = lanes_of(height, width)
    found_tri, nearest = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    columns, rows = first_centres(points, width, height)
    most = np.float32(_ONE / np.float32(NEAR))
    for face in range(len(faces)):
        i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
        left, right = span(columns, i0, i1, i2)
        top, bottom = span(rows, i0, i1, i2)
        if top == bottom or left == right:
            continue
        z0, z1, z2 = inverse[i0], inverse[i1], inverse[i2]
        if not (0 < z0 < most and 0 < z1 < most and 0 < z2 < most):
            continue
        has_area, x0, y0, e1x, e1y, e2x, e2y = edges(points, i0, i1, i2)
        if not has_area:
            continue
        z1, z2 = z1 - z0, z2 - z0
        for row in range(top, bottom):
            qy = np.float32(row) + _HALF - y0
            for block in range(left // LANES, (right + LANES - 1) // LANES):
                start = np.float32(LANES * block) + _HALF - x0
                near_lanes, tri_lanes = nearest[row, block], found_tri[row, block]
                # Without a branch, so that all lanes are looked at at once.
                for lane in range(LANES):
                    qx = start + np.float32(lane)
                    b1, b2 = qx * e2y - qy * e2x, e1x * qy - e1y * qx
                    found, before = z0 + b1 * z1 + b2 * z2, near_lanes[lane]
                    is_seen = (
                        (b1 >= -_OVERLAP)
                        & (b2 >= -_OVERLAP)
                        & (b1 + b2 <= _ONE + _OVERLAP)
                        & (found > before)
                    )
                    near_lanes[lane] = found if is_seen else before
                    tri_lanes[lane] = face if is_seen else tri_lanes[lane]
    write_rows(found_tri, tri)
    return np.count_nonzero(tri >= 0)
