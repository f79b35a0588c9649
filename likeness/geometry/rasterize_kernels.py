"""Compiled loops of the rasteriser for the CPU: coverage, weights and attributes, with their
gradients.

Each function works on the images ``first`` to ``last`` of a batch and equals
``rasterize_reference`` operation by operation (the same order, the same type, no fused
multiply-add), so the two agree bit for bit on coverage. Does not choose threads
(``image_threads``) nor check arguments (``rasterize``).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from likeness.geometry.rasterize_reference import MIN_AREA, NEAR


@njit(cache=True, nogil=True, error_model="numpy")
def cover(first, last, xy, z, w, faces, cull_back, tri, nearest):
    """Nearest triangle of every pixel into ``tri``; ``nearest`` is the depth buffer.

    ``w`` is (B, V) or empty; the loops walk each triangle's bounding box.
    """
    number = xy.dtype.type
    half, zero, one = number(0.5), number(0), number(1)
    height, width = tri.shape[1], tri.shape[2]
    perspective = w.size > 0
    for image in range(first, last):
        points, depths = xy[image], z[image]
        numbers, buffer = tri[image], nearest[image]
        numbers[:] = -1
        buffer[:] = number(float("inf"))
        for face in range(len(faces)):
            i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
            x0, y0 = points[i0, 0], points[i0, 1]
            x1, y1 = points[i1, 0], points[i1, 1]
            x2, y2 = points[i2, 0], points[i2, 1]
            # Most triangles of a fine mesh contain no pixel centre: leave at the first sign of it.
            top, bottom = _span(min(y0, y1, y2), max(y0, y1, y2), height, half)
            if top > bottom:
                continue
            left, right = _span(min(x0, x1, x2), max(x0, x1, x2), width, half)
            if left > right:
                continue
            e1x, e1y, e2x, e2y = x1 - x0, y1 - y0, x2 - x0, y2 - y0
            area = e1x * e2y - e1y * e2x
            # Also false for NaN; an infinite vertex gives an infinite or undefined area.
            if not (MIN_AREA <= abs(area) < number(float("inf"))) or (cull_back and area > zero):
                continue
            if perspective and not (
                w[image, i0] > NEAR and w[image, i1] > NEAR and w[image, i2] > NEAR
            ):
                continue
            z0, z1, z2 = depths[i0], depths[i1], depths[i2]
            if not (math.isfinite(z0) and math.isfinite(z1) and math.isfinite(z2)):
                continue
            positive = area > zero
            ax, ay, adx, ady, aflip, aties = _edge(i0, i1, x0, y0, x1, y1, positive, one)
            bx, by, bdx, bdy, bflip, bties = _edge(i1, i2, x1, y1, x2, y2, positive, one)
            cx, cy, cdx, cdy, cflip, cties = _edge(i2, i0, x2, y2, x0, y0, positive, one)
            for row in range(top, bottom + 1):
                py = number(row) + half
                arow, brow, crow = adx * (py - ay), bdx * (py - by), cdx * (py - cy)
                qy = py - y0
                for column in range(left, right + 1):
                    px = number(column) + half
                    value = (arow - ady * (px - ax)) * aflip
                    if not (value > zero or (value == zero and aties)):
                        continue
                    value = (brow - bdy * (px - bx)) * bflip
                    if not (value > zero or (value == zero and bties)):
                        continue
                    value = (crow - cdy * (px - cx)) * cflip
                    if not (value > zero or (value == zero and cties)):
                        continue
                    qx = px - x0
                    b1 = (qx * e2y - qy * e2x) / area
                    b2 = (e1x * qy - e1y * qx) / area
                    b0 = one - b1 - b2
                    if perspective:
                        b0 = b0 / w[image, i0]
                        b1 = b1 / w[image, i1]
                        b2 = b2 / w[image, i2]
                        total = b0 + b1 + b2
                        b0, b1, b2 = b0 / total, b1 / total, b2 / total
                    depth = b0 * z0 + b1 * z1 + b2 * z2
                    if depth < buffer[row, column]:
                        buffer[row, column] = depth
                        numbers[row, column] = face


@njit(cache=True, nogil=True)
def _span(low, high, size, half):
    """First and last pixel whose centre lies within [low, high], clamped to the image."""
    first = max(np.ceil(low - half), half - half)
    last = min(np.floor(high - half), size - half - half)
    if not first <= last:  # also for NaN
        return 1, 0
    return int(first), int(last)


@njit(cache=True, nogil=True)
def _edge(i, j, xi, yi, xj, yj, positive, one):
    """One edge from the lower to the higher vertex number: start, vector, sign, whether it
    owns ties.
    """
    if i < j:
        ax, ay, dx, dy, forward = xi, yi, xj - xi, yj - yi, positive
    else:
        ax, ay, dx, dy, forward = xj, yj, xi - xj, yi - yj, not positive
    flip = one if forward else -one
    ties = flip * dy < 0 or (dy == 0 and flip * dx > 0)
    return ax, ay, dx, dy, flip, ties


@njit(cache=True, nogil=True, error_model="numpy")
def resolve(first, last, xy, z, w, faces, tri, bary, depth):
    """Weights and depth of the triangles ``tri`` at the pixel centres."""
    number = xy.dtype.type
    half, one = number(0.5), number(1)
    perspective = w.size > 0
    for image in range(first, last):
        points, depths = xy[image], z[image]
        for row in range(tri.shape[1]):
            for column in range(tri.shape[2]):
                face = tri[image, row, column]
                if face < 0:
                    bary[image, row, column, 0] = 0
                    bary[image, row, column, 1] = 0
                    bary[image, row, column, 2] = 0
                    depth[image, row, column] = number(float("inf"))
                    continue
                i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
                x0, y0 = points[i0, 0], points[i0, 1]
                e1x, e1y = points[i1, 0] - x0, points[i1, 1] - y0
                e2x, e2y = points[i2, 0] - x0, points[i2, 1] - y0
                qx, qy = number(column) + half - x0, number(row) + half - y0
                area = e1x * e2y - e1y * e2x
                b1 = (qx * e2y - qy * e2x) / area
                b2 = (e1x * qy - e1y * qx) / area
                b0 = one - b1 - b2
                if perspective:
                    b0, b1, b2 = b0 / w[image, i0], b1 / w[image, i1], b2 / w[image, i2]
                    total = b0 + b1 + b2
                    b0, b1, b2 = b0 / total, b1 / total, b2 / total
                bary[image, row, column, 0] = b0
                bary[image, row, column, 1] = b1
                bary[image, row, column, 2] = b2
                depth[image, row, column] = b0 * depths[i0] + b1 * depths[i1] + b2 * depths[i2]


@njit(cache=True, nogil=True, error_model="numpy")
def resolve_backward(
    first, last, xy, z, w, faces, tri, bary, grad_bary, grad_depth, grad_xy, grad_z, grad_w
):
    """Adds the gradient of :func:`resolve` to ``grad_xy``, ``grad_z`` and ``grad_w``."""
    number = xy.dtype.type
    half, one = number(0.5), number(1)
    perspective = w.size > 0
    for image in range(first, last):
        points, depths = xy[image], z[image]
        for row in range(tri.shape[1]):
            for column in range(tri.shape[2]):
                face = tri[image, row, column]
                if face < 0:
                    continue
                i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
                x0, y0 = points[i0, 0], points[i0, 1]
                e1x, e1y = points[i1, 0] - x0, points[i1, 1] - y0
                e2x, e2y = points[i2, 0] - x0, points[i2, 1] - y0
                qx, qy = number(column) + half - x0, number(row) + half - y0
                area = e1x * e2y - e1y * e2x
                b0 = bary[image, row, column, 0]
                b1 = bary[image, row, column, 1]
                b2 = bary[image, row, column, 2]
                gd = grad_depth[image, row, column]
                grad_z[image, i0] += gd * b0
                grad_z[image, i1] += gd * b1
                grad_z[image, i2] += gd * b2
                g0 = grad_bary[image, row, column, 0] + gd * depths[i0]
                g1 = grad_bary[image, row, column, 1] + gd * depths[i1]
                g2 = grad_bary[image, row, column, 2] + gd * depths[i2]
                if perspective:
                    # weight_i = s_i / sum(s), s_i = b_i / w_i with the screen weights b_i.
                    mean = g0 * b0 + g1 * b1 + g2 * b2
                    s1 = (qx * e2y - qy * e2x) / area
                    s2 = (e1x * qy - e1y * qx) / area
                    s0 = one - s1 - s2
                    v0, v1, v2 = one / w[image, i0], one / w[image, i1], one / w[image, i2]
                    total = s0 * v0 + s1 * v1 + s2 * v2
                    g0, g1, g2 = (g0 - mean) / total, (g1 - mean) / total, (g2 - mean) / total
                    grad_w[image, i0] -= g0 * s0 * v0 * v0
                    grad_w[image, i1] -= g1 * s1 * v1 * v1
                    grad_w[image, i2] -= g2 * s2 * v2 * v2
                    g0, g1, g2 = g0 * v0, g1 * v1, g2 * v2
                    b1, b2 = s1, s2
                # b0 = 1 - b1 - b2; b1 = cross(q, e2) / area; b2 = cross(e1, q) / area.
                g1, g2 = (g1 - g0) / area, (g2 - g0) / area
                ga = -(g1 * b1 + g2 * b2)
                ge1x, ge1y = g2 * qy + ga * e2y, -g2 * qx - ga * e2x
                ge2x, ge2y = -g1 * qy - ga * e1y, g1 * qx + ga * e1x
                gqx, gqy = g1 * e2y - g2 * e1y, -g1 * e2x + g2 * e1x
                grad_xy[image, i1, 0] += ge1x
                grad_xy[image, i1, 1] += ge1y
                grad_xy[image, i2, 0] += ge2x
                grad_xy[image, i2, 1] += ge2y
                grad_xy[image, i0, 0] -= ge1x + ge2x + gqx
                grad_xy[image, i0, 1] -= ge1y + ge2y + gqy


@njit(cache=True, nogil=True)
def interpolate(first, last, attributes, bary, tri, faces, out):
    """``out`` (B, H, W, C) = sum of the corners' attributes times their weights."""
    channels = attributes.shape[2]
    for image in range(first, last):
        for row in range(tri.shape[1]):
            for column in range(tri.shape[2]):
                face = tri[image, row, column]
                if face < 0:
                    for channel in range(channels):
                        out[image, row, column, channel] = 0
                    continue
                i0, i1, i2 = faces[face, 0], faces[face, 1], faces[face, 2]
                b0 = bary[image, row, column, 0]
                b1 = bary[image, row, column, 1]
                b2 = bary[image, row, column, 2]
                for channel in range(channels):
                    out[image, row, column, channel] = (
                        b0 * attributes[image, i0, channel]
                        + b1 * attributes[image, i1, channel]
                        + b2 * attributes[image, i2, channel]
                    )


@njit(cache=True, nogil=True)
def interpolate_backward(
    first, last, attributes, bary, tri, faces, grad_out, grad_attributes, grad_bary
):
    """Adds to ``grad_attributes`` and writes ``grad_bary`` (zero on entry)."""
    channels = attributes.shape[2]
    for image in range(first, last):
        for row in range(tri.shape[1]):
            for column in range(tri.shape[2]):
                face = tri[image, row, column]
                if face < 0:
                    continue
                for corner in range(3):
                    vertex = faces[face, corner]
                    weight = bary[image, row, column, corner]
                    total = weight * 0
                    for channel in range(channels):
                        gradient = grad_out[image, row, column, channel]
                        total += gradient * attributes[image, vertex, channel]
                        grad_attributes[image, vertex, channel] += gradient * weight
                    grad_bary[image, row, column, corner] = total
