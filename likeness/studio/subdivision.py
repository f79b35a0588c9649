"""Loop subdivision with open boundaries, points kept in place and detail only where it is wanted.

Loop, "Smooth Subdivision Surfaces Based on Triangles" (1987); the rules at open boundaries are the
crease rules of Hoppe et al., "Piecewise Smooth Surface Reconstruction" (SIGGRAPH 1994). Owns
weights and connectivity and knows nothing of heads: positions, ring numbers and masks are all
``matrix @ values``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray


@dataclass(frozen=True)
class Subdivision:
    """One subdivision step. Old vertices keep their index, new ones follow.

    Attributes:
        matrix: (new vertices, old vertices) sparse weights, rows sum to 1.
        triangles: (F, 3) int32 over the new vertices, in the sense of the old ones.
        split_edges: (new - old, 2) the old edge each new vertex was put on, lower index first.
    """

    matrix: sparse.csr_matrix
    triangles: NDArray[np.int32]
    split_edges: NDArray[np.int64]


def subdivide(
    triangles: NDArray[np.integer],
    num_vertices: int,
    *,
    fixed: NDArray[np.integer] | None = None,
    detail: NDArray[np.bool_] | None = None,
    everywhere: bool = False,
) -> Subdivision:
    """One step of Loop subdivision.

    Args:
        triangles: (F, 3), a manifold with or without boundary.
        num_vertices: number of vertices the triangles refer to.
        fixed: vertices that stay where they are.
        detail: (num_vertices,) bool. Only edges with both ends in it are split. A triangle then
            has none, one or three split edges and becomes one, two or four. Old vertices are
            smoothed everywhere, so the result is a part of the mesh split everywhere.
        everywhere: split the other edges as well; those inside ``detail`` still come first, so
            the two results agree on the vertices they share.
    """
    triangles = np.asarray(triangles, dtype=np.int64)
    corners = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, edge_of, uses = np.unique(corners, axis=0, return_inverse=True, return_counts=True)
    edge_of = edge_of.reshape(-1, 3)  # edges 01, 12, 20 of each triangle
    if uses.max() > 2:
        raise ValueError("three or more triangles share an edge: not a manifold")

    smooth = _vertex_rule(edges, uses == 1, num_vertices, fixed)
    midpoints = _edge_rule(triangles, edge_of, edges, uses == 1, num_vertices)

    inside = np.ones(len(edges), dtype=bool) if detail is None else detail[edges].all(axis=1)
    order = np.flatnonzero(inside)
    if everywhere:
        order = np.concatenate([order, np.flatnonzero(~inside)])
    vertex_of_edge = np.full(len(edges), -1, dtype=np.int64)
    vertex_of_edge[order] = num_vertices + np.arange(order.size)
    return Subdivision(
        matrix=sparse.vstack([smooth, midpoints[order]]).tocsr(),
        triangles=_split(triangles, vertex_of_edge[edge_of]).astype(np.int32),
        split_edges=edges[order],
    )


def _vertex_rule(
    edges: NDArray[np.int64],
    on_boundary: NDArray[np.bool_],
    num_vertices: int,
    fixed: NDArray[np.integer] | None,
) -> sparse.csr_matrix:
    is_boundary = np.zeros(num_vertices, dtype=bool)
    is_boundary[edges[on_boundary]] = True
    is_fixed = np.zeros(num_vertices, dtype=bool)
    if fixed is not None:
        is_fixed[fixed] = True

    both_ways = np.concatenate([edges, edges[:, ::-1]])
    valence = np.bincount(both_ways[:, 0], minlength=num_vertices)
    n = np.maximum(valence, 1)
    beta = (5 / 8 - (3 / 8 + np.cos(2 * np.pi / n) / 4) ** 2) / n
    center, neighbour = both_ways.T
    along_boundary = np.concatenate([on_boundary, on_boundary])
    weight = (
        np.where(is_boundary[center], np.where(along_boundary, 1 / 8, 0.0), beta[center])
        * ~is_fixed[center]
    )
    own = 1.0 - np.bincount(center, weights=weight, minlength=num_vertices)
    index = np.arange(num_vertices)
    rule = sparse.csr_matrix(
        (
            np.concatenate([own, weight]),
            (np.concatenate([index, center]), np.concatenate([index, neighbour])),
        ),
        shape=(num_vertices, num_vertices),
    )
    rule.eliminate_zeros()
    return rule


def _edge_rule(
    triangles: NDArray[np.int64],
    edge_of: NDArray[np.int64],
    edges: NDArray[np.int64],
    on_boundary: NDArray[np.bool_],
    num_vertices: int,
) -> sparse.csr_matrix:
    end = np.where(on_boundary, 1 / 2, 3 / 8)
    opposite = triangles[:, [2, 0, 1]].ravel()  # corner across from edges 01, 12, 20
    row = edge_of.ravel()
    across = np.where(on_boundary[row], 0.0, 1 / 8)
    index = np.arange(len(edges))
    rule = sparse.csr_matrix(
        (
            np.concatenate([end, end, across]),
            (
                np.concatenate([index, index, row]),
                np.concatenate([edges[:, 0], edges[:, 1], opposite]),
            ),
        ),
        shape=(len(edges), num_vertices),
    )
    rule.eliminate_zeros()
    return rule


def _split(triangles: NDArray[np.int64], middle: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cuts each triangle in 1, 2 or 4; ``middle`` holds the new vertices on 01, 12, 20 or -1."""
    num_split = (middle >= 0).sum(axis=1)
    whole = triangles[num_split == 0]
    a, b, c = triangles[num_split == 3].T
    ab, bc, ca = middle[num_split == 3].T
    four = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=1).reshape(-1, 3)
    halved = []
    for k in range(3):
        one = (num_split == 1) & (middle[:, k] >= 0)
        start, stop, top = triangles[one][:, [k, (k + 1) % 3, (k + 2) % 3]].T
        new = middle[one, k]
        halved.append(np.stack([start, new, top, new, stop, top], axis=1).reshape(-1, 3))
    if (num_split == 2).any():
        raise ValueError("a triangle with two split edges: the detail set must be one of vertices")
    return np.concatenate([whole, *halved, four])
