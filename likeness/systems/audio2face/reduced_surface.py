"""The triangles of a surface of which only some vertices are kept.

Every vertex goes to the kept one that is nearest along the edges, and triangles whose corners go to
three different ones stay: the dual of a Voronoi diagram on the surface. Lips are near to each other
through the air alone, so that no triangle closes the mouth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra


def contracted(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], kept: NDArray[np.integer]
) -> NDArray[np.int64]:
    """(T, 3) into ``kept``, each triangle once, turned as before.

    Triangles that reach beyond the kept vertices by more than their usual distance are left out: a
    reduced face ends where its vertices do.

    Args:
        vertices: (V, 3). faces: (F, 3). kept: (n,) sorted vertex ids.
    """
    if len(kept) == len(vertices):
        return faces.astype(np.int64)
    ends = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    ends = np.unique(np.sort(ends, axis=1), axis=0)
    lengths = np.linalg.norm(vertices[ends[:, 0]] - vertices[ends[:, 1]], axis=1)
    shape = (len(vertices), len(vertices))
    graph = coo_matrix((lengths, (ends[:, 0], ends[:, 1])), shape=shape)
    away, _, nearest = dijkstra(
        graph, directed=False, indices=kept, min_only=True, return_predecessors=True
    )
    place = np.searchsorted(kept, np.maximum(nearest, 0))
    reached = away < 3.0 * np.median(away[np.isfinite(away) & (away > 0)])
    corners = place[faces[reached[faces].all(axis=1)]]
    a, b, c = corners.T
    corners = corners[(a != b) & (b != c) & (c != a)]
    # The smallest corner first makes equal triangles equal rows without turning them over.
    first = corners.argmin(axis=1)
    rolled = np.take_along_axis(corners, (first[:, None] + np.arange(3)) % 3, axis=1)
    return np.unique(rolled, axis=0).astype(np.int64)
