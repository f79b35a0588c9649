"""What light reaches a posed figure: depth maps from a light, and ambient light per vertex.

Owns shadow maps (orthographic depth seen from a direction) and the transfer of ambient light to
vertices. It shades nothing (``shading``).

Ambient light is precomputed radiance transfer (Sloan, Kautz, Snyder, SIGGRAPH 2002) in nine
spherical harmonics: each vertex stores how much light each harmonic of the surroundings brings
to it past the rest of the figure, so that a bright sky over a dark floor darkens the underside of
a chin and a closed nostril alike.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.studio.depth_maps import depth_range, nearest_depth


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """Depth of the nearest surface along one direction of light, metres."""

    axes: NDArray[np.float32]
    """(3, 3) rows: right and down on the map, then away from the light."""
    origin: NDArray[np.float32]
    """(2,) position of the map's corner along the first two axes."""
    texel: float
    """Width of a texel in metres."""
    depth: NDArray[np.float32]
    """(S, S), infinite where nothing is."""
    least: NDArray[np.float32]
    """(S, S) the least depth in the window that :func:`soft_shadow` lays about a place: whatever is
    nearer to the light is lit."""


def shadow_map(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    toward_light: NDArray[np.floating],
    size: int,
    region: tuple[NDArray[np.floating], float],
    reach: int,
) -> ShadowMap:
    """Renders the depth map of a light at infinity.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3) of everything that throws a shadow.
        toward_light: (3,) unit vector from the figure to the light.
        size: texels on a side.
        region: centre (3,) and radius of the sphere the map covers; what lies outside it neither
            throws nor receives a shadow.
        reach: texels to each side that soften a shadow.
    """
    axes = _light_axes(np.asarray(toward_light, np.float64)).astype(np.float32)
    center, radius = region
    texel = 2.0 * radius / size
    origin = (axes[:2] @ np.asarray(center, np.float32) - radius).astype(np.float32)
    depth = np.full((size, size), np.inf, np.float32)
    if len(faces):
        points = np.empty((len(vertices), 2), np.float32)
        distance = np.empty(len(vertices), np.float32)
        _project(vertices, axes, origin, np.float32(1.0 / texel), points, distance)
        nearest_depth(points, distance, faces, depth)
    window = np.ones((2 * reach + 2, 2 * reach + 2), np.uint8)
    least = cv2.erode(depth, window, anchor=(reach, reach))
    return ShadowMap(axes, origin, float(texel), depth, least)


@njit(cache=True, nogil=True, error_model="numpy")
def _project(vertices, axes, origin, inverse, points, distance):
    """Columns and rows on a map, and depths, of vertices seen along a direction."""
    right, down, away = axes[0], axes[1], axes[2]
    for vertex in range(len(vertices)):
        x, y, z = vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2]
        points[vertex, 0] = (x * right[0] + y * right[1] + z * right[2] - origin[0]) * inverse
        points[vertex, 1] = (x * down[0] + y * down[1] + z * down[2] - origin[1]) * inverse
        distance[vertex] = x * away[0] + y * away[1] + z * away[2]


def _light_axes(toward_light: NDArray[np.float64]) -> NDArray[np.float64]:
    away = -toward_light / np.linalg.norm(toward_light)
    helper = np.array([0.0, 1.0, 0.0]) if abs(away[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = np.cross(away, helper)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(away, right), away])


@functools.cache
def sphere_directions(count: int) -> NDArray[np.float64]:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice), (count, 3)."""
    index = np.arange(count) + 0.5
    height = 1.0 - 2.0 * index / count
    turn = math.pi * (1.0 + math.sqrt(5.0)) * index
    radius = np.sqrt(1.0 - height * height)
    return np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], axis=1)


def harmonics(directions: NDArray[np.floating]) -> NDArray[np.float64]:
    """The nine real spherical harmonics of degree 0 to 2 at unit vectors (..., 3): (..., 9)."""
    x, y, z = np.moveaxis(np.asarray(directions, np.float64), -1, 0)
    one = np.ones_like(x)
    basis = [
        0.282095 * one,
        *(0.488603 * value for value in (x, y, z)),
        *(1.092548 * value for value in (x * y, x * z, y * z)),
        0.546274 * (x * x - y * y),
        0.315392 * (3.0 * z * z - 1.0),
    ]
    return np.stack(basis, axis=-1)


@functools.cache
def _paired_axes(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Directions in opposite pairs, even over the sphere: (count, 3, 3) axes of the depth maps of
    one of each pair, and (2, count, 9) the harmonics' weights toward these and the others.
    """
    index = np.arange(count) + 0.5
    height, turn = index / count, math.pi * (1.0 + math.sqrt(5.0)) * index
    radius = np.sqrt(1.0 - height * height)
    toward = np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], axis=1)
    axes = np.stack([_light_axes(direction) for direction in toward])
    weights = harmonics(np.stack([toward, -toward])) * (2.0 / count)
    return axes.astype(np.float32), weights.astype(np.float32)


def ambient_transfer(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    region: tuple[NDArray[np.floating], float],
    *,
    directions: int,
    map_size: int,
) -> NDArray[np.float32]:
    """How much of each harmonic of the surrounding light each point receives: (N, 9).

    ``transfer @ light`` is the light on a white surface, for (9, 3) coefficients of radiance.

    Args:
        points: (N, 3) metres, on the surface.
        normals: (N, 3) unit vectors of the points.
        vertices: (V, 3) metres, of what blocks the light.
        faces: (F, 3) its triangles.
        region: as for :func:`shadow_map`.
        directions: seen from, over the whole sphere; even.
        map_size: texels on a side of each.
    """
    transfer = np.zeros((len(points), 9), np.float32)
    center, radius = region
    _transfer_kernel(
        points,
        normals,
        vertices,
        faces,
        *_paired_axes(directions // 2),
        np.asarray(center, np.float32),
        np.float32(radius),
        map_size,
        transfer,
    )
    return transfer


@njit(cache=True, nogil=True, error_model="numpy")
def _transfer_kernel(
    receivers, normals, vertices, faces, axes, weights, center, radius, size, transfer
):
    """Adds every direction's share: harmonics times the cosine where nothing is nearer.

    One pass over the triangles tells what is nearest from both sides.
    """
    texel = np.float32(2.0) * radius / np.float32(size)
    inverse = np.float32(1.0) / texel
    # Lifted off the surface by a texel, a point is not hidden by its own triangles.
    lift = np.float32(1.2) * texel
    count = len(vertices)
    points = np.empty((count, 2), np.float32)
    depths = np.empty(count, np.float32)
    # Depths along the axis, and against it.
    depth = np.empty((2, size, size), np.float32)
    half, bias = np.float32(0.5), np.float32(0.25) * texel
    lifted = np.empty((3, len(receivers)), np.float32)
    facing = np.empty((3, len(receivers)), np.float32)
    for point in range(len(receivers)):
        for axis in range(3):
            facing[axis, point] = normals[point, axis]
            lifted[axis, point] = receivers[point, axis] + lift * normals[point, axis]
    cosine, across, along, own_depth = np.empty((4, len(receivers)), np.float32)
    for direction in range(len(axes)):
        right, down, away = axes[direction, 0], axes[direction, 1], axes[direction, 2]
        left = right[0] * center[0] + right[1] * center[1] + right[2] * center[2] - radius
        top = down[0] * center[0] + down[1] * center[1] + down[2] * center[2] - radius
        for vertex in range(count):
            x, y, z = vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2]
            points[vertex, 0] = (x * right[0] + y * right[1] + z * right[2] - left) * inverse
            points[vertex, 1] = (x * down[0] + y * down[1] + z * down[2] - top) * inverse
            depths[vertex] = x * away[0] + y * away[1] + z * away[2]
        depth_range(points, depths, faces, depth[0], depth[1])
        depth[1] *= np.float32(-1.0)
        # Whatever needs no look at the map is computed for many points at once.
        for point in range(len(receivers)):
            x, y, z = lifted[0, point], lifted[1, point], lifted[2, point]
            cosine[point] = -(
                facing[0, point] * away[0] + facing[1, point] * away[1] + facing[2, point] * away[2]
            )
            across[point] = (x * right[0] + y * right[1] + z * right[2] - left) * inverse - half
            along[point] = (x * down[0] + y * down[1] + z * down[2] - top) * inverse - half
            sign = np.float32(1.0) if cosine[point] > 0.0 else np.float32(-1.0)
            own_depth[point] = sign * (x * away[0] + y * away[1] + z * away[2]) - bias
        for point in range(len(receivers)):
            side = 0 if cosine[point] > 0.0 else 1
            u, v, own = across[point], along[point], own_depth[point]
            column, row = np.int32(np.floor(u)), np.int32(np.floor(v))
            lit = np.float32(1.0)
            if 0 <= column < size - 1 and 0 <= row < size - 1:
                fu, fv = np.float32(u - column), np.float32(v - row)
                gu, gv, none = np.float32(1.0) - fu, np.float32(1.0) - fv, np.float32(0.0)
                lit = gu * gv if depth[side, row, column] >= own else none
                lit += fu * gv if depth[side, row, column + 1] >= own else none
                lit += gu * fv if depth[side, row + 1, column] >= own else none
                lit += fu * fv if depth[side, row + 1, column + 1] >= own else none
            if lit > 0.0:
                lit *= abs(cosine[point])
                for k in range(9):
                    transfer[point, k] += lit * weights[side, direction, k]


@njit(cache=True, nogil=True, error_model="numpy")
def soft_shadow(x, y, z, lamp, axes, origin, texel, depth, least, reach, bias):
    """Share of a light that reaches a point, and how deep below the lit surface the rest is.

    A window of ``reach`` texels to each side of the middle one slides over the map without steps:
    its outer texels count by the part of them the window covers (percentage-closer filtering,
    Reeves et al., SIGGRAPH 1987).

    Args:
        x, y, z: metres.
        lamp: row of the following, which are those of a :class:`ShadowMap` for each lamp. Taking a
            row out of them for every point would cost more than the look at it.
        reach: texels.
        bias: metres by which what throws a shadow is nearer to the light at least.

    Returns:
        (lit 0..1, mean metres of matter in front of the point where it is not lit)
    """
    size = depth.shape[1]
    right = x * axes[lamp, 0, 0] + y * axes[lamp, 0, 1] + z * axes[lamp, 0, 2]
    down = x * axes[lamp, 1, 0] + y * axes[lamp, 1, 1] + z * axes[lamp, 1, 2]
    u = (right - origin[lamp, 0]) / texel[lamp] - 0.5
    v = (down - origin[lamp, 1]) / texel[lamp] - 0.5
    own = x * axes[lamp, 2, 0] + y * axes[lamp, 2, 1] + z * axes[lamp, 2, 2] - bias
    column, row = math.floor(u), math.floor(v)
    if min(column, row) < reach or max(column, row) >= size - 1 - reach:
        return 1.0, 0.0
    if own <= least[lamp, row, column]:
        return 1.0, 0.0  # as most points are
    fu, fv = u - column, v - row
    blocked, behind = 0.0, 0.0
    for j in range(-reach, reach + 2):
        line, line_behind = 0.0, 0.0
        for i in range(-reach, reach + 2):
            wu = 1.0 - fu if i == -reach else (fu if i > reach else 1.0)
            gap = own - depth[lamp, row + j, column + i]
            line += wu if gap > 0.0 else 0.0
            line_behind += wu * max(gap, 0.0)
        wv = 1.0 - fv if j == -reach else (fv if j > reach else 1.0)
        blocked += wv * line
        behind += wv * line_behind
    if blocked > 0.0:
        behind /= blocked
    side = 2.0 * reach + 1.0
    return max(1.0 - blocked / (side * side), 0.0), behind
