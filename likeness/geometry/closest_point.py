"""The nearest point of a triangle surface, exactly, by a bounding-volume tree.

The tree is implicit: triangles are sorted along a Morton curve (Morton 1966) and boxes are built
over equal runs of them, level by level. Queries are compiled with numba.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

_LEAF = 4  # triangles in a leaf


@dataclass(frozen=True, eq=False)
class Nearest:
    """For every query point: the nearest surface point and where it lies."""

    points: np.ndarray  # (N, 3)
    triangles: np.ndarray  # (N,) int64
    barycentric: np.ndarray  # (N, 3)
    distances: np.ndarray  # (N,)


class SurfaceTree:
    """Nearest-point queries against one mesh.

    Args:
        vertices: (V, 3).
        faces: (F, 3), at least one; degenerate triangles count as the segment or point they are.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        if not len(faces):
            raise ValueError("a surface needs at least one triangle")
        corners = np.ascontiguousarray(vertices[faces], dtype=np.float64)  # (F, 3, 3)
        self._order = _morton_order(corners.mean(axis=1))
        self._corners = corners[self._order]
        self._low, self._high = _boxes(self._corners)

    def nearest(self, points: np.ndarray) -> Nearest:
        """The nearest surface points of ``points`` (N, 3)."""
        queries = np.ascontiguousarray(points, dtype=np.float64)
        if queries.ndim != 2 or queries.shape[1] != 3:
            raise ValueError(f"expected query points (N, 3), got {queries.shape}")
        triangles = np.empty(len(queries), dtype=np.int64)
        barycentric = np.empty((len(queries), 3))
        # In this order a point lies near the one before, whose triangle bounds the search.
        order = _morton_order(queries) if len(queries) else np.zeros(0, dtype=np.int64)
        _query(queries, order, self._corners, self._low, self._high, triangles, barycentric)
        found = np.einsum("nk,nkc->nc", barycentric, self._corners[triangles])
        return Nearest(
            points=found,
            triangles=self._order[triangles],
            barycentric=barycentric,
            distances=np.linalg.norm(queries - found, axis=1),
        )


def _morton_order(centres: np.ndarray) -> np.ndarray:
    """Order along a space-filling curve of 2^21 cells per axis."""
    low = centres.min(axis=0)
    extent = max(float((centres.max(axis=0) - low).max()), 1e-300)
    cells = ((centres - low) / extent * (2**21 - 1)).astype(np.uint64)
    code = np.zeros(len(centres), dtype=np.uint64)
    for bit in range(21):
        for axis in range(3):
            one = (cells[:, axis] >> np.uint64(bit)) & np.uint64(1)
            code |= one << np.uint64(3 * bit + axis)
    return np.argsort(code, kind="stable")


def _boxes(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (2L - 1, 3) of an implicit binary tree with L leaves, root first. Spare leaves are
    empty boxes (infinitely inverted), which no query enters."""
    num_leaves = 1
    while num_leaves * _LEAF < len(corners):
        num_leaves *= 2
    low = np.full((2 * num_leaves - 1, 3), np.inf)
    high = np.full((2 * num_leaves - 1, 3), -np.inf)
    starts = np.arange(0, len(corners), _LEAF)
    first = num_leaves - 1
    low[first : first + len(starts)] = np.minimum.reduceat(corners.min(axis=1), starts)
    high[first : first + len(starts)] = np.maximum.reduceat(corners.max(axis=1), starts)
    while first > 0:
        parent, last = (first - 1) // 2, 2 * first + 1
        low[parent:first] = np.minimum(low[first:last:2], low[first + 1 : last : 2])
        high[parent:first] = np.maximum(high[first:last:2], high[first + 1 : last : 2])
        first = parent
    return low, high


@njit(cache=True, nogil=True)
def _query(queries, order, corners, low, high, triangles, barycentric):  # pragma: no cover
    first_leaf = (len(low) - 1) // 2
    stack = np.empty(64, dtype=np.int64)
    best_triangle = 0
    for i in order:
        x, y, z = queries[i]
        best, best_b, best_c = _triangle_distance(x, y, z, corners[best_triangle])
        stack[0] = 0
        depth = 1
        while depth > 0:
            depth -= 1
            node = stack[depth]
            if _box_distance(x, y, z, low[node], high[node]) >= best:
                continue
            if node >= first_leaf:
                start = (node - first_leaf) * _LEAF
                for triangle in range(start, min(start + _LEAF, len(corners))):
                    square, b, c = _triangle_distance(x, y, z, corners[triangle])
                    if square < best:
                        best, best_triangle, best_b, best_c = square, triangle, b, c
            else:
                left, right = 2 * node + 1, 2 * node + 2
                to_left = _box_distance(x, y, z, low[left], high[left])
                to_right = _box_distance(x, y, z, low[right], high[right])
                near, far = (left, right) if to_left <= to_right else (right, left)
                if max(to_left, to_right) < best:
                    stack[depth] = far
                    depth += 1
                if min(to_left, to_right) < best:
                    stack[depth] = near
                    depth += 1
        triangles[i] = best_triangle
        barycentric[i, 0] = max(1.0 - best_b - best_c, 0.0)
        barycentric[i, 1] = best_b
        barycentric[i, 2] = best_c


@njit(cache=True, nogil=True)
def _box_distance(x, y, z, low, high):  # pragma: no cover - compiled
    dx = max(low[0] - x, 0.0, x - high[0])
    dy = max(low[1] - y, 0.0, y - high[1])
    dz = max(low[2] - z, 0.0, z - high[2])
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, nogil=True)
def _segment(px, py, pz, dx, dy, dz):  # pragma: no cover - compiled
    """Share of the way along a segment (from the origin to d) nearest to p."""
    square = dx * dx + dy * dy + dz * dz
    if square <= 0.0:
        return 0.0
    return min(max((px * dx + py * dy + pz * dz) / square, 0.0), 1.0)


@njit(cache=True, nogil=True)
def _triangle_distance(x, y, z, corner):  # pragma: no cover - compiled
    """Squared distance to a triangle, and the weights of its second and third corner.

    The foot of the perpendicular when it lies inside, else the nearest of the three edges.
    """
    px, py, pz = x - corner[0, 0], y - corner[0, 1], z - corner[0, 2]
    ux, uy = corner[1, 0] - corner[0, 0], corner[1, 1] - corner[0, 1]
    vx, vy = corner[2, 0] - corner[0, 0], corner[2, 1] - corner[0, 1]
    uz, vz = corner[1, 2] - corner[0, 2], corner[2, 2] - corner[0, 2]
    uu = ux * ux + uy * uy + uz * uz
    uv = ux * vx + uy * vy + uz * vz
    vv = vx * vx + vy * vy + vz * vz
    pu = px * ux + py * uy + pz * uz
    pv = px * vx + py * vy + pz * vz
    determinant = uu * vv - uv * uv
    if determinant > 1e-14 * uu * vv:
        b = (vv * pu - uv * pv) / determinant
        c = (uu * pv - uv * pu) / determinant
        if b >= 0.0 and c >= 0.0 and b + c <= 1.0:
            dx, dy, dz = px - b * ux - c * vx, py - b * uy - c * vy, pz - b * uz - c * vz
            return dx * dx + dy * dy + dz * dz, b, c
    best, best_b, best_c = np.inf, 0.0, 0.0
    for edge in range(3):
        if edge == 0:
            b, c = _segment(px, py, pz, ux, uy, uz), 0.0
        elif edge == 1:
            b, c = 0.0, _segment(px, py, pz, vx, vy, vz)
        else:
            c = _segment(px - ux, py - uy, pz - uz, vx - ux, vy - uy, vz - uz)
            b = 1.0 - c
        dx, dy, dz = px - b * ux - c * vx, py - b * uy - c * vy, pz - b * uz - c * vz
        square = dx * dx + dy * dy + dz * dz
        if square < best:
            best, best_b, best_c = square, b, c
    return best, best_b, best_c
