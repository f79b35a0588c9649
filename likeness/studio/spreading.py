"""Spreads values given at a few vertices of a surface smoothly over all of it.

The energy is |L d|^2 + strength |A d - given|^2 with L the cotangent Laplacian (Pinkall and
Polthier, "Computing Discrete Minimal Surfaces", 1993; used to carry sparse displacements as in
Sorkine et al., "Laplacian Surface Editing", SGP 2004). Expressions and skinning weights use it;
what the values mean is their business.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as sparse_linalg
from numpy.typing import ArrayLike, NDArray

from likeness.studio.template import Template

STRENGTH = 100.0
_WEIGHT_RANGE = (0.02, 5.0)  # keeps slivers and obtuse triangles from taking over


class Spreader:
    """A factorised spreading problem: build once for a set of anchors, call for each set of values.

    Args:
        vertices: (V, 3) rest positions the Laplacian is measured on.
        triangles: (F, 3); boundaries are free, so values do not cross a slit between lips or lids.
        anchors: (A,) vertex ids, each at most once.
        strength: weight of the anchors against smoothness, see the module's energy.
    """

    def __init__(
        self,
        vertices: NDArray[np.floating],
        triangles: NDArray[np.integer],
        anchors: ArrayLike,
        *,
        strength: float = STRENGTH,
    ) -> None:
        self.anchors = np.asarray(anchors, dtype=np.int64)
        if len(np.unique(self.anchors)) != len(self.anchors):
            raise ValueError("an anchor is listed twice: its two values would be averaged")
        self._strength = strength
        self._num_vertices = len(vertices)
        laplacian = cotangent_laplacian(vertices, triangles)
        pull = np.zeros(self._num_vertices)
        pull[self.anchors] = strength
        system = (laplacian.T @ laplacian + sparse.diags(pull)).tocsc()
        self._factor = sparse_linalg.splu(
            system,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )

    def __call__(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values (V, ...) over the surface from the anchors' values (A, ...)."""
        given = np.asarray(values, dtype=np.float64)
        if len(given) != len(self.anchors):
            raise ValueError(f"{len(self.anchors)} anchors, but {len(given)} values")
        right = np.zeros((self._num_vertices, int(np.prod(given.shape[1:]))))
        right[self.anchors] = self._strength * given.reshape(len(given), -1)
        return self._factor.solve(right).reshape(self._num_vertices, *given.shape[1:])


def spread(template: Template, anchors: ArrayLike, values: ArrayLike) -> NDArray[np.float64]:
    """Values (skin vertices, ...) from values (A, ...) at skin vertices of the template.

    The factorisation is kept for the next call with the same template and anchors.
    """
    ids = tuple(int(i) for i in np.asarray(anchors))
    return _template_spreader(template, ids)(values)


@functools.lru_cache(maxsize=8)
def _template_spreader(template: Template, anchors: tuple[int, ...]) -> Spreader:
    return Spreader(template.vertices[: template.num_skin], template.skin_faces, anchors)


def cotangent_laplacian(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer]
) -> sparse.csr_matrix:
    """(V, V) matrix that takes values to their difference from the weighted mean of neighbours."""
    count = len(vertices)
    rows, columns, weights = [], [], []
    for k in range(3):
        top, a, b = triangles[:, [k, (k + 1) % 3, (k + 2) % 3]].T
        u, v = vertices[a] - vertices[top], vertices[b] - vertices[top]
        double_area = np.linalg.norm(np.cross(u, v), axis=1)
        half_cotangent = 0.5 * (u * v).sum(axis=1) / np.maximum(double_area, 1e-12)
        rows += [a, b]
        columns += [b, a]
        weights += [half_cotangent, half_cotangent]
    joined = sparse.csr_matrix(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count, count),
    )
    joined.sum_duplicates()
    joined.data = np.clip(joined.data, *_WEIGHT_RANGE)
    mean = sparse.diags(1.0 / np.asarray(joined.sum(axis=1)).ravel()) @ joined
    return (sparse.identity(count) - mean).tocsr()
