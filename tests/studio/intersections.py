"""Finds pairs of triangles of one mesh that cut each other, for tests of folds.

Moeller, "A Fast Triangle-Triangle Intersection Test" (1997), over a uniform grid.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def cutting_pairs(vertices: np.ndarray, faces: np.ndarray, cell: float = 6.0) -> np.ndarray:
    """(N, 2) triangles that cut each other and share no corner; lips that touch do.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        cell: edge of the grid's cells, about a common edge length of the mesh.
    """
    corners = vertices[faces]
    _, welded = np.unique(vertices.round(6), axis=0, return_inverse=True)
    faces = welded.ravel()[faces]
    low, high = corners.min(axis=1), corners.max(axis=1)
    origin = low.min(axis=0)
    first = ((low - origin) / cell).astype(np.int64)
    last = ((high - origin) / cell).astype(np.int64)
    shape = last.max(axis=0) + 1
    counts = (last - first + 1).prod(axis=1)
    entries = np.empty((counts.sum(), 2), dtype=np.int64)
    _fill_cells(first, last, shape, entries)
    entries = entries[np.argsort(entries[:, 0], kind="stable")]
    pairs = _pairs_in_cells(entries, corners.astype(np.float64), faces.astype(np.int64), low, high)
    return np.unique(np.sort(np.array(pairs, dtype=np.int64).reshape(-1, 2), axis=1), axis=0)


@njit(cache=True)
def _fill_cells(first, last, shape, entries):
    place = 0
    for face in range(len(first)):
        for i in range(first[face, 0], last[face, 0] + 1):
            for j in range(first[face, 1], last[face, 1] + 1):
                for k in range(first[face, 2], last[face, 2] + 1):
                    entries[place, 0] = (i * shape[1] + j) * shape[2] + k
                    entries[place, 1] = face
                    place += 1


@njit(cache=True)
def _pairs_in_cells(entries, corners, faces, low, high):
    pairs = [(-1, -1)]
    pairs.clear()
    start = 0
    while start < len(entries):
        stop = start
        while stop < len(entries) and entries[stop, 0] == entries[start, 0]:
            stop += 1
        for a in range(start, stop):
            for b in range(a + 1, stop):
                p, q = entries[a, 1], entries[b, 1]
                apart = False
                for axis in range(3):
                    if low[p, axis] > high[q, axis] or low[q, axis] > high[p, axis]:
                        apart = True
                for i in range(3):
                    for j in range(3):
                        if faces[p, i] == faces[q, j]:
                            apart = True
                if not apart and _cut(corners[p], corners[q]):
                    pairs.append((p, q))
        start = stop
    return pairs


@njit(cache=True)
def _cut(first, second):
    """Whether an edge of either triangle goes through the inside of the other."""
    return _pierces(first, second) or _pierces(second, first)


@njit(cache=True)
def _pierces(edges_of, through):
    a, b, c = through[0], through[1], through[2]
    normal = np.cross(b - a, c - a)
    for i in range(3):
        start, stop = edges_of[i], edges_of[(i + 1) % 3]
        one, other = normal @ (start - a), normal @ (stop - a)
        if one * other >= 0.0:
            continue
        point = start + one / (one - other) * (stop - start)
        inside = True
        for j in range(3):
            corner, following = through[j], through[(j + 1) % 3]
            if np.cross(following - corner, point - corner) @ normal <= 0.0:
                inside = False
        if inside:
            return True
    return False
