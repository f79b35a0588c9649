"""Vertices of a mesh that have changed places with each other.

Owns the search. A few exchanged neighbours move by less than a mouth does, so how far a vertex is
from its place says nothing; that it lies where another belongs, and that one in its turn where the
first does, is said by no motion of a face.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from likeness.geometry.alignment import fit_similarity

_NEIGHBOURS = 16
"""Vertices whose middle motion is taken for that of the surface: an exchanged pair among them does
not count."""
_FEWEST = 8
"""Places of a mesh in which neighbours say something."""
_SAME_PLACE = 1e-3
"""Cm; vertices closer than this, as on seams of a texture, are one."""
_SMALLEST = 0.03
"""Cm from its place within which a vertex counts as there, whoever else is near."""
_OWN_REACH = 0.5
"""Of the way to the nearest vertex: who is closer than that to its place lies at its own."""
_FITS = 0.25
"""How far a vertex is from another's place, of how far it is from its own, where it is taken for
the other."""


class VertexPlaces:
    """Where the vertices of a mesh (V, 3), cm, belong."""

    def __init__(self, still: NDArray[np.floating]) -> None:
        self._still = still.astype(np.float64)
        self._place = _places(self._still)
        self._is_told = len(set(self._place.tolist())) >= _FEWEST
        if not self._is_told:
            return
        self._tree = KDTree(self._still)
        distance, near = self._tree.query(self._still, k=min(_NEIGHBOURS + 1, len(still)))
        self._near, self._spacing = near[:, 1:], distance[:, 1]

    def exchanged(self, frames: Iterable[NDArray[np.floating]]) -> list[int]:
        """The vertices that lie at each other's places, in order; none in a mesh as it should be.

        Args:
            frames: (V, 3) each, of one shot, finite. The one that moves least is looked at, the
                motion of a head aside; one whose vertices all coincide says nothing.
        """
        if not self._is_told:
            return []
        held = [
            fit_similarity(frame, self._still, scale=1.0).apply(frame).astype(np.float64)
            for frame in frames
            if np.ptp(frame, axis=0).any()
        ]
        if not held:
            return []
        moved = min((frame - self._still for frame in held), key=_middle_length)
        around = np.median(moved[self._near], axis=1)
        own = np.linalg.norm(moved - around, axis=1)
        asked = np.flatnonzero(own > np.maximum(_OWN_REACH * self._spacing, _SMALLEST))
        if not len(asked):
            return []
        lies = self._still[asked] + moved[asked]
        # The surface has moved by what it has at the place that is looked for, which is not known
        # yet: it is that of the nearest one first.
        first = self._tree.query(lies)[1]
        other = self._tree.query(lies - around[first])[1]
        apart = np.linalg.norm(lies - around[other] - self._still[other], axis=1)
        fits = apart < _FITS * own[asked]
        places = self._place[asked[fits]].tolist()
        taken = dict(zip(places, self._place[other[fits]].tolist(), strict=True))
        vertices = dict(zip(places, asked[fits].tolist(), strict=True))
        return sorted(vertices[place] for place in in_rings(taken))


def in_rings(taken: Mapping[int, int]) -> list[int]:
    """Who takes the place of one that takes another's in its turn, and so on back to the first."""
    left = dict(taken)
    while True:
        followed = set(left.values())
        kept = {own: other for own, other in left.items() if other in left and own in followed}
        if len(kept) == len(left):
            return list(kept)
        left = kept


def _places(still: NDArray[np.float64]) -> NDArray[np.int32]:
    """(V,) the number of the place of every vertex (V, 3); vertices that are one share it."""
    # By cells as small as a place first: pairs of vertices that coincide are quadratically many.
    cells = np.floor(still * (np.sqrt(3.0) / _SAME_PLACE))
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    sums = np.stack([np.bincount(cell, weights=column) for column in still.T], axis=1)
    middles = sums / np.bincount(cell)[:, None]
    pairs = KDTree(middles).query_pairs(_SAME_PLACE, output_type="ndarray")
    joined = coo_array(
        (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(middles), len(middles))
    )
    return np.asarray(connected_components(joined, directed=False)[1][cell])


def _middle_length(moved: NDArray[np.float64]) -> float:
    return float(np.median(np.linalg.norm(moved, axis=1)))
