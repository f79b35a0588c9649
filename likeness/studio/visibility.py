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

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.geometry import rasterize_kernels

_NO_DIVISOR = np.zeros((0, 0), np.float32)


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


def shadow_map(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    toward_light: NDArray[np.floating],
    size: int,
    region: tuple[NDArray[np.floating], float],
) -> ShadowMap:
    """Renders the depth map of a light at infinity.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3) of everything that throws a shadow.
        toward_light: (3,) unit vector from the figure to the light.
        size: texels on a side.
        region: centre (3,) and radius of the sphere the map covers; what lies outside it neither
            throws nor receives a shadow.
    """
    axes = _light_axes(np.asarray(toward_light, np.float64)).astype(np.float32)
    center, radius = region
    texel = 2.0 * radius / size
    origin = (axes[:2] @ np.asarray(center, np.float32) - radius).astype(np.float32)
    tri = np.empty((1, size, size), np.int32)
    depth = np.empty((1, size, size), np.float32)
    points = (vertices @ axes[:2].T - origin) / np.float32(texel)
    distance = vertices @ axes[2]
    rasterize_kernels.cover(
        0, 1, points[None], distance[None], _NO_DIVISOR, faces, False, tri, depth
    )
    return ShadowMap(axes, origin, float(texel), depth[0])


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


def ambient_transfer(
    vertices: NDArray[np.float32],
    normals: NDArray[np.float32],
    faces: NDArray[np.int32],
    region: tuple[NDArray[np.floating], float],
    *,
    directions: int,
    map_size: int,
) -> NDArray[np.float32]:
    """How much of each harmonic of the surrounding light each vertex receives: (V, 9).

    ``transfer @ light`` is the light on a white surface, for (9, 3) coefficients of radiance.

    Args:
        vertices: (V, 3) metres.
        normals: (V, 3) unit vectors.
        faces: (F, 3) what blocks the light.
        region: as for :func:`shadow_map`.
        directions: depth maps rendered, over the whole sphere.
        map_size: texels on a side of each.
    """
    transfer = np.zeros((len(vertices), 9), np.float32)
    toward = sphere_directions(directions)
    center, radius = region
    _transfer_kernel(
        vertices,
        normals,
        faces,
        np.stack([_light_axes(direction) for direction in toward]).astype(np.float32),
        (harmonics(toward) * (4.0 / directions)).astype(np.float32),
        np.asarray(center, np.float32),
        np.float32(radius),
        map_size,
        transfer,
    )
    return transfer


@njit(cache=True, nogil=True, error_model="numpy")
def _transfer_kernel(vertices, normals, faces, axes, weights, center, radius, size, transfer):
    """Adds every direction's share: harmonics times the cosine where nothing is nearer."""
    texel = np.float32(2.0) * radius / np.float32(size)
    # Lifted off the surface by a texel, a vertex is not hidden by its own triangles.
    lift = np.float32(1.2) * texel
    count = len(vertices)
    points = np.empty((1, count, 2), np.float32)
    depths = np.empty((1, count), np.float32)
    no_divisor = np.zeros((0, 0), np.float32)
    tri = np.empty((1, size, size), np.int32)
    buffer = np.empty((1, size, size), np.float32)
    depth = buffer[0]
    for direction in range(len(axes)):
        right, down, away = axes[direction, 0], axes[direction, 1], axes[direction, 2]
        left = right[0] * center[0] + right[1] * center[1] + right[2] * center[2] - radius
        top = down[0] * center[0] + down[1] * center[1] + down[2] * center[2] - radius
        for vertex in range(count):
            x, y, z = vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2]
            points[0, vertex, 0] = (x * right[0] + y * right[1] + z * right[2] - left) / texel
            points[0, vertex, 1] = (x * down[0] + y * down[1] + z * down[2] - top) / texel
            depths[0, vertex] = x * away[0] + y * away[1] + z * away[2]
        rasterize_kernels.cover(0, 1, points, depths, no_divisor, faces, False, tri, buffer)
        for vertex in range(count):
            nx, ny, nz = normals[vertex, 0], normals[vertex, 1], normals[vertex, 2]
            cosine = -(nx * away[0] + ny * away[1] + nz * away[2])
            if cosine <= 0.0:
                continue
            shift_u = lift * (nx * right[0] + ny * right[1] + nz * right[2]) / texel
            shift_v = lift * (nx * down[0] + ny * down[1] + nz * down[2]) / texel
            u = points[0, vertex, 0] + shift_u - np.float32(0.5)
            v = points[0, vertex, 1] + shift_v - np.float32(0.5)
            own = depths[0, vertex] - lift * cosine - np.float32(0.25) * texel
            column, row = (math.floor(u)), (math.floor(v))
            lit = np.float32(1.0)
            if 0 <= column < size - 1 and 0 <= row < size - 1:
                fu, fv = u - column, v - row
                lit = np.float32(0.0)
                if depth[row, column] >= own:
                    lit += (1.0 - fu) * (1.0 - fv)
                if depth[row, column + 1] >= own:
                    lit += fu * (1.0 - fv)
                if depth[row + 1, column] >= own:
                    lit += (1.0 - fu) * fv
                if depth[row + 1, column + 1] >= own:
                    lit += fu * fv
            if lit > 0.0:
                for k in range(9):
                    transfer[vertex, k] += lit * cosine * weights[direction, k]


@njit(cache=True, nogil=True, error_model="numpy")
def soft_shadow(x, y, z, axes, origin, texel, depth, bias):
    """Share of a light that reaches a point, and how deep below the lit surface the rest is.

    A 5 x 5 window slides over the map without steps: its outer texels count by the part of them
    the window covers (percentage-closer filtering, Reeves et al., SIGGRAPH 1987).

    Returns:
        (lit 0..1, mean metres of matter in front of the point where it is not lit)
    """
    size = depth.shape[0]
    u = (x * axes[0, 0] + y * axes[0, 1] + z * axes[0, 2] - origin[0]) / texel - 0.5
    v = (x * axes[1, 0] + y * axes[1, 1] + z * axes[1, 2] - origin[1]) / texel - 0.5
    own = x * axes[2, 0] + y * axes[2, 1] + z * axes[2, 2] - bias
    column, row = (math.floor(u)), (math.floor(v))
    if column < 2 or row < 2 or column >= size - 3 or row >= size - 3:
        return 1.0, 0.0
    fu, fv = u - column, v - row
    lit, blocked, behind = 0.0, 0.0, 0.0
    for j in range(-2, 4):
        wv = 1.0 - fv if j == -2 else (fv if j == 3 else 1.0)
        for i in range(-2, 4):
            wu = 1.0 - fu if i == -2 else (fu if i == 3 else 1.0)
            gap = own - depth[row + j, column + i]
            if gap <= 0.0:
                lit += wu * wv
            else:
                blocked += wu * wv
                behind += wu * wv * gap
    if blocked > 0.0:
        behind /= blocked
    return lit / 25.0, behind
