"""Tubes with an elliptic section along a path: wires, rims and bars.

Owns their triangles and normals. What they are part of is told by who makes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_AROUND = 8


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of surface. Lengths in mm."""

    vertices: NDArray[np.float64]
    """(V, 3)"""
    normals: NDArray[np.float64]
    """(V, 3) unit, outward"""
    faces: NDArray[np.int32]
    """(F, 3) counter-clockwise from outside"""
    layer: float
    """What it is made of, as its maker numbers it."""


def tube(
    path: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    first_radius: float | NDArray[np.float64],
    second_radius: float,
    closed: bool,
    layer: float,
) -> Piece:
    """A tube along a path.

    Args:
        path: (P, 3) mm.
        first: (P, 3) unit vectors across the path.
        second: (P, 3) unit vectors across the path and ``first``.
        first_radius: of the section along ``first``, mm, one for all or (P, 1).
        second_radius: likewise along ``second``.
        closed: whether the last point is followed by the first; an open tube has flat ends.
        layer: what it is made of.
    """
    points = len(path)
    turn = np.linspace(0.0, 2.0 * np.pi, _AROUND, endpoint=False)
    cosine, sine = np.cos(turn)[None, :, None], np.sin(turn)[None, :, None]
    radius = np.broadcast_to(np.asarray(first_radius, dtype=np.float64), (points, 1))[:, None]
    vertices = path[:, None] + radius * cosine * first[:, None]
    vertices = vertices + second_radius * sine * second[:, None]
    normals = cosine * first[:, None] / radius + sine * second[:, None] / second_radius
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)

    index = np.arange(points * _AROUND).reshape(points, _AROUND)
    around = np.roll(index, -1, axis=1)
    onward = np.roll(index, -1, axis=0), np.roll(around, -1, axis=0)
    rows = slice(None) if closed else slice(0, points - 1)
    a, b = index[rows].ravel(), around[rows].ravel()
    c, d = onward[1][rows].ravel(), onward[0][rows].ravel()
    faces = [np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]
    if not closed:
        for ring, order in ((index[0], -1), (index[-1], 1)):
            fan = np.stack([np.full(_AROUND - 2, ring[0]), ring[1:-1], ring[2:]], axis=1)
            faces.append(fan[:, ::order])
    # Which way round is outside depends on the directions given.
    every = np.concatenate(faces).astype(np.int32)
    flat, ways = vertices.reshape(-1, 3), normals.reshape(-1, 3)
    corners = flat[faces[0]]
    plane = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    if (plane * ways[faces[0][:, 0]]).sum() < 0.0:
        every = every[:, ::-1]
    return Piece(flat, ways, np.ascontiguousarray(every), layer)
