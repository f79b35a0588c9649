"""Directions of posed surfaces: normals of vertices, tangents of strands.

Owns the compiled loops. Who has which triangles is ``figure``'s.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def vertex_normals(vertices, faces, normals):
    """Area-weighted unit normals into ``normals`` (zero on entry) for the vertices of ``faces``."""
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for vertex in (a, b, c):
            normals[vertex, 0] += nx
            normals[vertex, 1] += ny
            normals[vertex, 2] += nz
    _normalise(normals)


@njit(cache=True, nogil=True)
def strand_tangents(vertices, segments, tangents):
    """Unit directions along strands, at both ends of each segment; ``tangents`` is zero on
    entry.
    """
    for number in range(len(segments)):
        a = segments[number]
        for axis in range(3):
            step = vertices[a + 2, axis] + vertices[a + 3, axis]
            step -= vertices[a, axis] + vertices[a + 1, axis]
            for corner in range(4):
                tangents[a + corner, axis] += step
    _normalise(tangents)


@njit(cache=True, nogil=True)
def _normalise(vectors):
    for index in range(len(vectors)):
        x, y, z = vectors[index, 0], vectors[index, 1], vectors[index, 2]
        length = np.sqrt(x * x + y * y + z * z)
        if length > 0.0:
            vectors[index, 0] = x / length
            vectors[index, 1] = y / length
            vectors[index, 2] = z / length
