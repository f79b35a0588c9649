"""The skin of the studio's template in few vertices, and the triangles between them.

Lips and lids stay apart: two vertices are near only along the mesh, never across a gap.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from likeness.studio.template import PARTS, Template

_FACE_BACK = 30.0  # mm; skin behind is left out
_FACE_LOW, _FACE_HIGH = -90.0, 115.0


def faces_of_part(template: Template, part: str) -> NDArray[np.int64]:
    """(T, 3) triangles of a part, into the vertices of that part alone."""
    faces = template.faces[template.face_part == PARTS.index(part)].astype(np.int64)
    return faces - template.part_ranges[part].start


def reduced_skin(
    template: Template, kept: Sequence[int], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices of the face, spread evenly, and triangles between them.

    Every vertex of the skin belongs to the kept one that is nearest along the edges; a triangle
    whose corners belong to three becomes one between those three: the dual of the Voronoi cells on
    the mesh.

    Args:
        kept: vertices that are among them.
        count: how many there are to be.

    Returns:
        (count,) sorted vertices of the skin, and (T, 3) triangles into them.
    """
    vertices, faces = _reduced(template, tuple(kept), count)
    return vertices.copy(), faces.copy()


@functools.lru_cache(maxsize=4)
def _reduced(
    template: Template, kept: tuple[int, ...], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    points = template.vertices[: template.num_skin]
    inside = (points[:, 2] > _FACE_BACK) & (points[:, 1] > _FACE_LOW) & (points[:, 1] < _FACE_HIGH)
    vertices = _spread(template, kept, inside, count)
    faces = faces_of_part(template, "skin")
    # Skin outside the face has no kept vertex of its own: cells would meet behind the head.
    own = faces[inside[faces].all(axis=1)]
    return vertices, _joined(points, own, vertices)


def _joined(
    points: NDArray[np.float64], faces: NDArray[np.int64], kept: NDArray[np.int64]
) -> NDArray[np.int64]:
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    graph = sparse.csr_matrix((lengths, edges.T), shape=(len(points), len(points)))
    graph = graph.maximum(graph.T)
    _, _, nearest = dijkstra(
        graph, indices=kept, min_only=True, directed=False, return_predecessors=True
    )
    place = np.full(len(points), -1)
    place[kept] = np.arange(len(kept))
    cells = np.where(nearest[faces] >= 0, place[nearest[faces]], -1)
    apart = (cells >= 0).all(axis=1)
    for one, two in ((0, 1), (1, 2), (2, 0)):
        apart &= cells[:, one] != cells[:, two]
    found = cells[apart]
    _, first = np.unique(np.sort(found, axis=1), axis=0, return_index=True)
    return np.asarray(found[np.sort(first)], np.int64)


def _spread(
    template: Template, kept: Sequence[int], inside: NDArray[np.bool_], count: int
) -> NDArray[np.int64]:
    """Sorted skin vertices of the face, each the farthest from those before; ``kept`` first."""
    points = template.vertices[: template.num_skin]
    chosen = list(kept)
    nearest = np.full(len(points), np.inf)
    for vertex in chosen:
        nearest = np.minimum(nearest, ((points - points[vertex]) ** 2).sum(axis=1))
    # Lips and lids move most in least space: distances there count twice.
    close = (template.mouth_ring[: len(points)] < 4) | (template.eye_ring[: len(points)] < 4)
    weight = np.where(close, 4.0, 1.0) * inside
    while len(chosen) < count:
        vertex = int((nearest * weight).argmax())
        chosen.append(vertex)
        nearest = np.minimum(nearest, ((points - points[vertex]) ** 2).sum(axis=1))
    return np.sort(np.array(chosen, np.int64))
