"""How far shapes together may press the upper lip into the septum before its skin cuts itself.

Owns the looking: triangles of a small patch, posed by the linear rows alone, which is all that
moves them. Which shapes give way is decided in ``reach``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.studio.expressions import build_expressions
from likeness.studio.template import Template

Array = NDArray[np.float64]

_LOW, _HIGH = (-8.0, -21.0, 108.0), (8.0, -5.0, 123.0)
"""Corners in mm of the box around the patch on the template: septum, sills and the philtrum."""
_HALVINGS = 12
"""Of the range of shares: so fine that nothing is seen to jump while an expression grows."""


@dataclass(frozen=True, eq=False)
class _Patch:
    vertices: NDArray[np.int64]
    """(P,) of the template."""
    faces: NDArray[np.int64]
    """(T, 3) of ``vertices``."""
    rows: Array
    """(52, P, 3) mm."""


def free_shares(
    template: Template, rest: NDArray[np.floating], weights: Array, giving: NDArray[np.bool_]
) -> Array:
    """Shares (N,) of the weights that give way at which no triangle at the septum cuts another.

    1 where none does anyway, or where some do even without them.

    Args:
        template: the topology of ``rest``.
        rest: (V, 3) mm, the head at rest.
        weights: (N, 52).
        giving: (52,) shapes whose weights are shortened.
    """
    patch = _patch(template)
    still = np.asarray(rest, np.float64)[patch.vertices]
    shares = np.ones(len(weights))
    for number, row in enumerate(weights):
        held = still + np.tensordot(np.where(giving, 0.0, row), patch.rows, axes=1)
        moved = np.tensordot(np.where(giving, row, 0.0), patch.rows, axes=1)
        shares[number] = _free_share(held, moved, patch.faces, _HALVINGS)
    return shares


@functools.lru_cache(maxsize=4)
def _patch(template: Template) -> _Patch:
    inside = ((template.vertices > _LOW) & (template.vertices < _HIGH)).all(axis=1)
    faces = template.skin_faces[inside[template.skin_faces].all(axis=1)]
    vertices, numbers = np.unique(faces, return_inverse=True)
    rows = np.ascontiguousarray(build_expressions(template)[:, vertices], np.float64)
    return _Patch(vertices, numbers.reshape(-1, 3).astype(np.int64), rows)


@njit(cache=True, nogil=True)
def _free_share(held, moved, faces, halvings):
    """The largest share of ``moved`` (P, 3) that can be added to ``held``, by halving."""
    points = np.empty_like(held)
    _add(held, moved, 1.0, points)
    if not _cuts(points, faces) or _cuts(held, faces):
        return 1.0
    free, cut = 0.0, 1.0
    for _ in range(halvings):
        middle = 0.5 * (free + cut)
        _add(held, moved, middle, points)
        if _cuts(points, faces):
            cut = middle
        else:
            free = middle
    return free


@njit(cache=True, nogil=True)
def _add(held, moved, share, points):
    for p in range(len(held)):
        for c in range(3):
            points[p, c] = held[p, c] + share * moved[p, c]


@njit(cache=True, nogil=True)
def _cuts(points, faces):
    """Whether an edge of any triangle goes through one that it shares no corner with."""
    count = len(faces)
    low, high = np.empty((count, 3)), np.empty((count, 3))
    for f in range(count):
        for c in range(3):
            a, b, d = points[faces[f, 0], c], points[faces[f, 1], c], points[faces[f, 2], c]
            low[f, c], high[f, c] = min(a, b, d), max(a, b, d)
    for f in range(count):
        for g in range(f + 1, count):
            if (
                low[f, 0] > high[g, 0]
                or low[g, 0] > high[f, 0]
                or low[f, 1] > high[g, 1]
                or low[g, 1] > high[f, 1]
                or low[f, 2] > high[g, 2]
                or low[g, 2] > high[f, 2]
            ):
                continue
            apart = True
            for i in range(3):
                for j in range(3):
                    if faces[f, i] == faces[g, j]:
                        apart = False
            if apart and (
                _pierces(points, faces[f], faces[g]) or _pierces(points, faces[g], faces[f])
            ):
                return True
    return False


@njit(cache=True, nogil=True)
def _pierces(points, edges, face):
    """Whether an edge of one triangle goes through another: the volumes it spans with the other's
    sides have one sign, and its ends lie on both sides."""
    a, b, c = points[face[0]], points[face[1]], points[face[2]]
    for i in range(3):
        start, end = points[edges[i]], points[edges[(i + 1) % 3]]
        if _volume(a, b, c, start) * _volume(a, b, c, end) >= 0.0:
            continue
        first = _volume(start, end, a, b)
        if first * _volume(start, end, b, c) > 0.0 and first * _volume(start, end, c, a) > 0.0:
            return True
    return False


@njit(cache=True, nogil=True)
def _volume(a, b, c, d):
    """Six times the signed volume of a tetrahedron."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    return ux * (vy * wz - vz * wy) + uy * (vz * wx - vx * wz) + uz * (vx * wy - vy * wx)
