"""Compiled loops of silhouette antialiasing for the CPU, forward and backward.

Equal to the torch reference in ``antialias``, where the method is described. The backward loop
walks to each outline again rather than keep a list of crossings: the walk is cheap and the list
is large. Both choose the nearer pixel of a pair in their own lines: a function for it, inlined or
not, made them slower by a quarter or more.
"""

from __future__ import annotations

from numba import njit

MAX_STEPS = 32
MARGIN = 1 / 16


@njit(cache=True, nogil=True, error_model="numpy")
def _crossing(points, faces, neighbour, opposite, start, other, row, column, sign, vertical):
    """The outline between pixel (row, column) and its neighbour in direction ``sign``.

    Returns (found, first vertex, second vertex, distance along the line of centres).
    """
    number = points.dtype.type
    half, one = number(0.5), number(1)
    low, high = -number(MARGIN), one + number(MARGIN)
    main, side = (1, 0) if vertical else (0, 1)
    centre_along = number(row if vertical else column) + half
    centre_across = number(column if vertical else row) + half
    current, previous = start, -2
    for _ in range(MAX_STEPS + 1):
        far = -number(float("inf"))
        corner = 0
        for candidate in range(3):
            # The edge it was entered by is not an exit. Distances alone do not tell them apart in a
            # triangle seen edge-on, of which an outline may be full.
            if neighbour[current, candidate] == previous:
                continue
            j = faces[current, (candidate + 1) % 3]
            k = faces[current, (candidate + 2) % 3]
            vj, vk = points[j, side] - centre_across, points[k, side] - centre_across
            if (vj < 0) == (vk < 0):
                continue
            uj, uk = points[j, main] - centre_along, points[k, main] - centre_along
            delta = vk - vj
            distance = sign * (uj * delta - vj * (uk - uj)) / delta
            if distance > far:
                far, corner = distance, candidate
        if not (far < high and far > -number(float("inf"))):
            return False, 0, 0, far
        j = faces[current, (corner + 1) % 3]
        k = faces[current, (corner + 2) % 3]
        uj, vj = points[j, main] - centre_along, points[j, side] - centre_across
        du = (points[k, main] - centre_along) - uj
        dv = (points[k, side] - centre_across) - vj
        beyond = neighbour[current, corner]
        silhouette = beyond < 0
        if not silhouette:
            # The surface comes from P's side of the edge; an outline is where it turns back there.
            o = opposite[current, corner]
            turned = du * ((points[o, side] - centre_across) - vj) - dv * (
                (points[o, main] - centre_along) - uj
            )
            silhouette = sign * dv * turned > 0
        if silhouette:
            return far > low and abs(dv) >= abs(du), j, k, far
        if beyond == other:
            return False, 0, 0, far
        current, previous = beyond, current
    return False, 0, 0, half


@njit(cache=True, nogil=True, error_model="numpy")
def blend(first, last, image, xy, tri, depth, faces, neighbour, opposite, out):
    """Adds the blends to ``out``, which holds a copy of ``image``."""
    number = xy.dtype.type
    half, zero, one = number(0.5), number(0), number(1)
    height, width, channels = image.shape[1], image.shape[2], image.shape[3]
    for b in range(first, last):
        for vertical in (False, True):
            for row in range(height - 1 if vertical else height):
                for column in range(width if vertical else width - 1):
                    row2 = row + 1 if vertical else row
                    column2 = column if vertical else column + 1
                    tri1, tri2 = tri[b, row, column], tri[b, row2, column2]
                    if tri1 == tri2:
                        continue
                    if depth[b, row, column] <= depth[b, row2, column2]:
                        sign = one
                        found, _, _, distance = _crossing(
                            xy[b],
                            faces,
                            neighbour,
                            opposite,
                            tri1,
                            tri2,
                            row,
                            column,
                            sign,
                            vertical,
                        )
                    else:
                        sign = -one
                        found, _, _, distance = _crossing(
                            xy[b],
                            faces,
                            neighbour,
                            opposite,
                            tri2,
                            tri1,
                            row2,
                            column2,
                            sign,
                            vertical,
                        )
                    if not found:
                        continue
                    alpha = sign * (half - min(max(distance, zero), one))
                    for channel in range(channels):
                        change = alpha * (
                            image[b, row2, column2, channel] - image[b, row, column, channel]
                        )
                        if alpha > 0:
                            out[b, row, column, channel] += change
                        else:
                            out[b, row2, column2, channel] += change


@njit(cache=True, nogil=True, error_model="numpy")
def blend_backward(
    first,
    last,
    image,
    xy,
    tri,
    depth,
    faces,
    neighbour,
    opposite,
    grad_out,
    grad_image,
    grad_xy,
):
    """Adds the blends' gradient to ``grad_image`` (a copy of ``grad_out`` on entry) and
    ``grad_xy``.
    """
    number = xy.dtype.type
    half, zero, one = number(0.5), number(0), number(1)
    height, width, channels = image.shape[1], image.shape[2], image.shape[3]
    for b in range(first, last):
        for vertical in (False, True):
            main, side = (1, 0) if vertical else (0, 1)
            for row in range(height - 1 if vertical else height):
                for column in range(width if vertical else width - 1):
                    row2 = row + 1 if vertical else row
                    column2 = column if vertical else column + 1
                    tri1, tri2 = tri[b, row, column], tri[b, row2, column2]
                    if tri1 == tri2:
                        continue
                    if depth[b, row, column] <= depth[b, row2, column2]:
                        sign, prow, pcolumn = one, row, column
                        found, j, k, distance = _crossing(
                            xy[b],
                            faces,
                            neighbour,
                            opposite,
                            tri1,
                            tri2,
                            row,
                            column,
                            sign,
                            vertical,
                        )
                    else:
                        sign, prow, pcolumn = -one, row2, column2
                        found, j, k, distance = _crossing(
                            xy[b],
                            faces,
                            neighbour,
                            opposite,
                            tri2,
                            tri1,
                            row2,
                            column2,
                            sign,
                            vertical,
                        )
                    if not found:
                        continue
                    alpha = sign * (half - min(max(distance, zero), one))
                    target_row, target_column = (row, column) if alpha > 0 else (row2, column2)
                    grad_alpha = zero
                    for channel in range(channels):
                        upstream = grad_out[b, target_row, target_column, channel]
                        grad_alpha += upstream * (
                            image[b, row2, column2, channel] - image[b, row, column, channel]
                        )
                        grad_image[b, row2, column2, channel] += alpha * upstream
                        grad_image[b, row, column, channel] -= alpha * upstream
                    if distance < zero or distance > one:
                        continue
                    # alpha = sign (1/2 - distance), distance = sign (uj - vj (uk - uj) / (vk -
                    # vj)).
                    centre_along = number(prow if vertical else pcolumn) + half
                    centre_across = number(pcolumn if vertical else prow) + half
                    uj, vj = xy[b, j, main] - centre_along, xy[b, j, side] - centre_across
                    du = (xy[b, k, main] - centre_along) - uj
                    dv = (xy[b, k, side] - centre_across) - vj
                    share = -vj / dv
                    grad_xy[b, j, main] -= grad_alpha * (one - share)
                    grad_xy[b, k, main] -= grad_alpha * share
                    grad_xy[b, j, side] += grad_alpha * (one - share) * du / dv
                    grad_xy[b, k, side] += grad_alpha * share * du / dv
