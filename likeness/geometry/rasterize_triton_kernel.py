"""The Triton program of ``rasterize_triton``; imports Triton, so only that module imports this
one.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _edge_inside(i, j, xi, yi, xj, yj, positive, px, py):
    """Whether (px, py) is inside one edge, evaluated from the lower to the higher vertex number."""
    ordered = i < j
    ax = tl.where(ordered, xi, xj)
    ay = tl.where(ordered, yi, yj)
    dx = tl.where(ordered, xj, xi) - ax
    dy = tl.where(ordered, yj, yi) - ay
    forward = ordered == positive
    direction_x = tl.where(forward, dx, -dx)
    direction_y = tl.where(forward, dy, -dy)
    owns_ties = (direction_y < 0) | ((direction_y == 0) & (direction_x > 0))
    value = dx[:, None] * (py - ay[:, None]) - dy[:, None] * (px - ax[:, None])
    value = tl.where(forward[:, None], value, -value)
    return (value > 0) | ((value == 0) & owns_ties[:, None])


@triton.jit
def cover_kernel(
    xy,
    z,
    w,
    faces,
    keys,
    num_vertices,
    num_faces,
    height,
    width,
    MIN_AREA: tl.constexpr,
    NEAR: tl.constexpr,
    CULL_BACK: tl.constexpr,
    PERSPECTIVE: tl.constexpr,
    TRIANGLES: tl.constexpr,
    PIXELS: tl.constexpr,
):
    image = tl.program_id(1).to(tl.int64)
    face = tl.program_id(0) * TRIANGLES + tl.arange(0, TRIANGLES)
    drawn = face < num_faces
    i0 = tl.load(faces + face * 3, mask=drawn, other=0)
    i1 = tl.load(faces + face * 3 + 1, mask=drawn, other=0)
    i2 = tl.load(faces + face * 3 + 2, mask=drawn, other=0)
    points = xy + image * num_vertices * 2
    x0, y0 = tl.load(points + i0 * 2), tl.load(points + i0 * 2 + 1)
    x1, y1 = tl.load(points + i1 * 2), tl.load(points + i1 * 2 + 1)
    x2, y2 = tl.load(points + i2 * 2), tl.load(points + i2 * 2 + 1)
    depths = z + image * num_vertices
    z0, z1, z2 = tl.load(depths + i0), tl.load(depths + i1), tl.load(depths + i2)
    e1x, e1y, e2x, e2y = x1 - x0, y1 - y0, x2 - x0, y2 - y0
    area = e1x * e2y - e1y * e2x
    infinity = float("inf")
    drawn &= (tl.abs(area) >= MIN_AREA) & (tl.abs(area) < infinity)
    drawn &= (tl.abs(z0) < infinity) & (tl.abs(z1) < infinity) & (tl.abs(z2) < infinity)
    if CULL_BACK:
        drawn &= area < 0
    divisors = w + image * num_vertices
    w0, w1, w2 = tl.load(divisors + i0), tl.load(divisors + i1), tl.load(divisors + i2)
    if PERSPECTIVE:
        drawn &= (w0 > NEAR) & (w1 > NEAR) & (w2 > NEAR)

    left = tl.maximum(tl.ceil(tl.minimum(tl.minimum(x0, x1), x2) - 0.5), 0.0)
    right = tl.minimum(tl.floor(tl.maximum(tl.maximum(x0, x1), x2) - 0.5), width - 1.0)
    top = tl.maximum(tl.ceil(tl.minimum(tl.minimum(y0, y1), y2) - 0.5), 0.0)
    bottom = tl.minimum(tl.floor(tl.maximum(tl.maximum(y0, y1), y2) - 0.5), height - 1.0)
    drawn &= (left <= right) & (top <= bottom)
    left, right = tl.where(drawn, left, 0.0).to(tl.int32), tl.where(drawn, right, 0.0).to(tl.int32)
    top, bottom = tl.where(drawn, top, 0.0).to(tl.int32), tl.where(drawn, bottom, 0.0).to(tl.int32)
    columns = right - left + 1
    count = tl.where(drawn, columns * (bottom - top + 1), 0)
    positive = area > 0

    for start in range(0, tl.max(count, axis=0), PIXELS):
        place = start + tl.arange(0, PIXELS)[None, :]
        row = top[:, None] + place // columns[:, None]
        column = left[:, None] + place % columns[:, None]
        px = column.to(x0.dtype) + 0.5
        py = row.to(x0.dtype) + 0.5
        inside = place < count[:, None]
        inside &= _edge_inside(i0, i1, x0, y0, x1, y1, positive, px, py)
        inside &= _edge_inside(i1, i2, x1, y1, x2, y2, positive, px, py)
        inside &= _edge_inside(i2, i0, x2, y2, x0, y0, positive, px, py)
        qx, qy = px - x0[:, None], py - y0[:, None]
        b1 = (qx * e2y[:, None] - qy * e2x[:, None]) / area[:, None]
        b2 = (e1x[:, None] * qy - e1y[:, None] * qx) / area[:, None]
        b0 = 1.0 - b1 - b2
        if PERSPECTIVE:
            b0 = b0 / w0[:, None]
            b1 = b1 / w1[:, None]
            b2 = b2 / w2[:, None]
            total = b0 + b1 + b2
            b0, b1, b2 = b0 / total, b1 / total, b2 / total
        depth = b0 * z0[:, None] + b1 * z1[:, None] + b2 * z2[:, None]
        # The bits of a float, with the lower ones of negative numbers flipped, sort as integers.
        bits = depth.to(tl.float32).to(tl.int32, bitcast=True)
        bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
        key = (bits.to(tl.int64) << 32) | face[:, None].to(tl.int64)
        target = keys + (image * height + row) * width + column
        tl.atomic_min(target, key, mask=inside)
