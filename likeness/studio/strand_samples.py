"""Hair, beard and lashes in a picture: which strands cover a pixel, and by how much.

Owns the list of the nearest strands of every pixel. A strand is thinner than a pixel, so point
samples would turn it into dots; here every segment covers pixels by the overlap of its width with
theirs, and what it does not cover shows what is behind it.

Segments are pairs of vertices as ``ribbons`` lays them: ``a, a + 1`` at one end, ``a + 2, a + 3``
at the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.studio.figure import Figure
from likeness.studio.pixels import project
from likeness.studio.surface_points import SurfacePoints

MAX_LAYERS = 8
"""Strands kept per pixel, the nearest ones. Those behind, many in a small picture of much hair, are
seen with the colour of the last kept one."""

_ENOUGH = 0.02
"""Strands behind others that let through less than this are left out."""

_BLOCK = 8
"""Pixels on a side of the squares in which strands are looked at together: half of all strands are
behind the head."""

_EDGE_ON = 0.55
"""Width of a ribbon seen from its edge over its full width: locks are not flat."""


@dataclass(frozen=True, eq=False)
class StrandSamples:
    """Strands of pixels, nearest first within a pixel; flat arrays of equal length."""

    pixel: NDArray[np.int64]
    """(N,) row times width plus column, ascending"""
    segment: NDArray[np.int32]
    """(N,) first vertex of the segment"""
    coverage: NDArray[np.float32]
    """(N,) share of the pixel it covers, 0..1"""
    depth: NDArray[np.float32]
    """(N,) metres along the viewing direction"""
    position: NDArray[np.float32]
    normal: NDArray[np.float32]
    tangent: NDArray[np.float32]
    points: SurfacePoints


def take_strands(
    figure: Figure,
    vertices: NDArray[np.float32],
    intrinsics: tuple[float, float, float, float],
    solid_depth: NDArray[np.float32],
) -> StrandSamples:
    """The strands in front of the solid surfaces.

    Args:
        figure: gives everything but the place.
        vertices: (V, 3) the figure's vertices before the camera at the origin.
        intrinsics: in pixels.
        solid_depth: (H, W) depth of the farthest solid sample of each pixel.
    """
    height, width = solid_depth.shape
    surface = figure.surface
    xy, depth = project(vertices, intrinsics)
    layers = min(MAX_LAYERS, max(len(surface.segments), 1))
    kept = np.empty((height * width, layers, 4), np.float32)
    owner = np.empty((height * width, layers), np.int32)
    count = np.zeros(height * width, np.int32)
    through = np.ones(height * width, np.float32)
    _cover(
        surface.segments,
        xy,
        depth,
        vertices,
        figure.normals,
        np.float32(intrinsics[0]),
        solid_depth,
        kept,
        owner,
        count,
        through,
    )
    total = _prune(kept, count, through)
    pixel = np.empty(total, np.int64)
    segment = np.empty(total, np.int32)
    numbers = np.empty((4, total), np.float32)
    vectors = np.empty((4, total, 3), np.float32)
    _collect(
        kept,
        owner,
        count,
        vertices,
        figure.normals,
        figure.tangents,
        surface.rest,
        pixel,
        segment,
        numbers,
        vectors,
    )
    position, normal, tangent, rest = vectors
    far = np.full(total, 4.0, np.float32)
    return StrandSamples(
        pixel=pixel,
        segment=segment,
        coverage=numbers[1],
        depth=numbers[0],
        position=position,
        normal=normal,
        tangent=tangent,
        points=SurfacePoints(
            rest=rest,
            part=surface.part[segment],
            mouth_ring=far,
            eye_ring=far,
            ear=np.zeros(total, np.float32),
            layer=surface.layer[segment],
            lid_distance=far,
            footprint=numbers[0] * np.float32(1000.0 / intrinsics[0]),
        ),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _cover(segments, xy, depth, vertices, normals, focal, solid_depth, kept, owner, count, through):
    """Enters every segment into the lists of the pixels it covers.

    ``kept`` rows are depth, coverage, place along and across the segment; ``through`` is the share
    of what is behind all strands of a pixel, kept or not, that is seen between them.
    """
    height, width = solid_depth.shape
    layers = kept.shape[1]
    last, half1 = -1, np.float32(0.0)
    farthest = _farthest(solid_depth)
    for number in range(len(segments)):
        a = segments[number]
        if not (depth[a] > 0.01 and depth[a + 2] > 0.01):
            continue
        x0, y0 = 0.5 * (xy[a, 0] + xy[a + 1, 0]), 0.5 * (xy[a, 1] + xy[a + 1, 1])
        x1, y1 = 0.5 * (xy[a + 2, 0] + xy[a + 3, 0]), 0.5 * (xy[a + 2, 1] + xy[a + 3, 1])
        nearest = min(depth[a], depth[a + 2])
        # Most segments begin where the one before them ended.
        half0 = half1 if a == last else _half_width(vertices, normals, a, focal)
        last = a + 2
        half1 = _half_width(vertices, normals, a + 2, focal)
        reach = max(half0, half1) + 0.5
        left = int(max(np.floor(min(x0, x1) - reach), 0))
        right = int(min(np.floor(max(x0, x1) + reach), width - 1))
        top = int(max(np.floor(min(y0, y1) - reach), 0))
        bottom = int(min(np.floor(max(y0, y1) + reach), height - 1))
        if left > right or top > bottom or _is_behind(nearest, left, right, top, bottom, farthest):
            continue
        dx, dy = x1 - x0, y1 - y0
        length = np.sqrt(dx * dx + dy * dy)
        if length < 1e-6:
            continue
        dx, dy = dx / length, dy / length
        # A pixel's shadow on the direction of the segment, half its length.
        slack = 0.5 * (abs(dx) + abs(dy))
        for row in range(top, bottom + 1):
            py = row + 0.5 - y0
            for column in range(left, right + 1):
                if nearest >= solid_depth[row, column]:
                    continue
                px = column + 0.5 - x0
                across = px * dy - py * dx
                along = px * dx + py * dy
                # The next segment takes over where this one ends.
                overlap = min(along + slack, length) - max(along - slack, 0.0)
                if overlap <= 0.0:
                    continue
                t = min(max(along / length, 0.0), 1.0)
                half = half0 + t * (half1 - half0)
                cover = min(half, across + 0.5) - max(-half, across - 0.5)
                if cover <= 0.002:
                    continue
                cover = min(cover, 1.0) * min(overlap / (2.0 * slack), 1.0)
                far = depth[a] + t * (depth[a + 2] - depth[a])
                if far >= solid_depth[row, column]:
                    continue
                pixel = row * width + column
                through[pixel] *= np.float32(1.0) - cover
                place = count[pixel]
                if place == layers:
                    if far >= kept[pixel, layers - 1, 0]:
                        continue
                    place -= 1
                else:
                    count[pixel] = place + 1
                while place > 0 and kept[pixel, place - 1, 0] > far:
                    for kind in range(4):
                        kept[pixel, place, kind] = kept[pixel, place - 1, kind]
                    owner[pixel, place] = owner[pixel, place - 1]
                    place -= 1
                kept[pixel, place, 0] = far
                kept[pixel, place, 1] = cover
                kept[pixel, place, 2] = t
                kept[pixel, place, 3] = min(max(across / max(half, 1e-6), -1.0), 1.0)
                owner[pixel, place] = a


@njit(cache=True, nogil=True)
def _farthest(solid_depth):
    """The farthest depth of each block of pixels."""
    height, width = solid_depth.shape
    out = np.zeros(((height - 1) // _BLOCK + 1, (width - 1) // _BLOCK + 1), np.float32)
    for row in range(height):
        for column in range(width):
            block = row // _BLOCK, column // _BLOCK
            out[block] = max(out[block], solid_depth[row, column])
    return out


@njit(cache=True, nogil=True, inline="always")
def _is_behind(nearest, left, right, top, bottom, farthest):
    """Whether something solid is before a depth in all blocks of a rectangle of pixels."""
    for row in range(top // _BLOCK, bottom // _BLOCK + 1):
        for column in range(left // _BLOCK, right // _BLOCK + 1):
            if nearest < farthest[row, column]:
                return False
    return True


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _half_width(vertices, normals, a, focal):
    """Half the width in pixels of a ribbon at a pair of vertices."""
    square = 0.0
    facing = 0.0
    away = 0.0
    for axis in range(3):
        step = vertices[a, axis] - vertices[a + 1, axis]
        square += step * step
        facing += (normals[a, axis] + normals[a + 1, axis]) * vertices[a, axis]
        away += vertices[a, axis] * vertices[a, axis]
    facing = min(0.5 * abs(facing) / np.sqrt(away), 1.0)
    shown = _EDGE_ON + (1.0 - _EDGE_ON) * facing
    return np.float32(0.5 * shown * np.sqrt(square) * focal / -vertices[a, 2])


@njit(cache=True, nogil=True)
def _prune(kept, count, through):
    """Shortens the lists to what can be seen; returns the total length.

    The last strand of a list also covers what the strands behind it do.
    """
    total = 0
    for pixel in range(len(count)):
        left = 1.0
        used = 0
        while used < count[pixel] and left > _ENOUGH:
            left *= 1.0 - kept[pixel, used, 1]
            used += 1
        if used > 0 and left > through[pixel]:
            last = kept[pixel, used - 1, 1]
            kept[pixel, used - 1, 1] = 1.0 - (1.0 - last) * through[pixel] / left
        count[pixel] = used
        total += used
    return total


@njit(cache=True, nogil=True)
def _collect(
    kept,
    owner,
    count,
    vertices,
    normals,
    tangents,
    rest,
    pixel_of,
    segment,
    numbers,
    vectors,
):
    place = 0
    for pixel in range(len(count)):
        for layer in range(count[pixel]):
            a = owner[pixel, layer]
            pixel_of[place], segment[place] = pixel, a
            t, side = kept[pixel, layer, 2], kept[pixel, layer, 3]
            for k in range(4):
                numbers[k, place] = kept[pixel, layer, k]
            low, high = np.float32(0.5) * (1 + side), np.float32(0.5) * (1 - side)
            weights = (low * (1 - t), high * (1 - t), low * t, high * t)
            for axis in range(3):
                for k in range(4):
                    vectors[k, place, axis] = 0.0
                for corner in range(4):
                    weight = weights[corner]
                    vectors[0, place, axis] += weight * vertices[a + corner, axis]
                    vectors[1, place, axis] += weight * normals[a + corner, axis]
                    vectors[2, place, axis] += weight * tangents[a + corner, axis]
                    vectors[3, place, axis] += weight * rest[a + corner, axis]
            vectors[3, place, 2] = rest[a, 2]
            for k in (1, 2):
                square = np.float32(0.0)
                for axis in range(3):
                    square += vectors[k, place, axis] * vectors[k, place, axis]
                scale = np.float32(1.0) / max(np.sqrt(square), np.float32(1e-6))
                for axis in range(3):
                    vectors[k, place, axis] *= scale
            place += 1
