"""Single vertices that get from one frame of a cache to the next where no skin gets.

Owns what one step says: vertices that take each other's places, and one that goes far while those
around it stay. What comes back at once is a spike, see :mod:`.cache_frames`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from likeness.systems.audio2face.dataset.vertex_order import in_rings

_SMALLEST = 0.03
"""Cm; steps that are smaller say nothing."""
_OWN_STEPS, _FAR_STEPS = 3.0, 6.0
"""Times the mean of the other steps of a vertex: of one that changes its place with another, and of
one that jumps."""
_FITS = 0.25
"""Of the step of a vertex: how close it gets to where another was, and how far those around it move
at most where it goes alone."""
_OTHERWISE = 0.5
"""Of the step of a vertex: how far from it the middle step around is where places are exchanged."""
_STAYS = 0.5
"""Of a step: how far the vertex must be from its old places a frame earlier and later."""
_AROUND = 8
"""Vertices that are nearest to one."""

Frames = NDArray[np.float32]


class Steps:
    """The steps between frames (n, V, 3) that follow each other, n at least 2.

    Args:
        near: (V, k) of every vertex those around it, see :func:`vertices_around`.
    """

    def __init__(self, frames: Frames, near: NDArray[np.int64]) -> None:
        self._frames, self._near = frames, near
        self._moved = np.diff(frames, axis=0)
        self.lengths = np.linalg.norm(self._moved, axis=2)
        """(n - 1, V) how far each vertex gets."""
        others = self.lengths.sum(axis=0) - self.lengths
        self._usual = others / max(len(self.lengths) - 1, 1)

    def exchanged(self) -> tuple[int, list[int]] | None:
        """The first frame in which vertices lie where others were just before, and those vertices;
        None where no place is exchanged."""
        fast = self.lengths > np.maximum(_OWN_STEPS * self._usual, _SMALLEST)
        for index in np.flatnonzero(fast.sum(axis=1) > 1):
            asked = np.flatnonzero(fast[index])
            around = np.median(self._moved[index, self._near[asked]], axis=1)
            apart = np.linalg.norm(self._moved[index, asked] - around, axis=1)
            own = apart > _OTHERWISE * self.lengths[index, asked]
            if own.sum() < 2:
                continue
            asked, around, apart = asked[own], around[own], apart[own]
            tree = KDTree(self._frames[index, asked])
            away, other = tree.query(self._frames[index + 1, asked] - around)
            fits = away < _FITS * apart
            fits &= other != np.arange(len(asked))
            ring = in_rings({int(i): int(other[i]) for i in np.flatnonzero(fits)})
            if ring and self._lasts(asked[ring], asked[other[ring]]):
                return int(index) + 1, sorted(asked[ring].tolist())
        return None

    def _lasts(self, asked: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
        """Whether vertices lie nearer to the first places of others than to their own in the last
        frame: a lid that shuts within a frame folds its vertices over each other, and opens
        again."""
        before, last = self._frames[0], self._frames[-1]
        around = np.median((last - before)[self._near[asked]], axis=1)
        now = last[asked] - around
        own = np.linalg.norm(now - before[asked], axis=1)
        others = np.linalg.norm(now - before[other], axis=1)
        return bool((others < own).all())

    def jumped(self, far: float) -> tuple[int, int, float] | None:
        """The frame from which on a vertex is farther than ``far``, cm, from where it was while
        those around it stay; the vertex, and how far. None without such a one."""
        inner = self.lengths[1:-1]
        is_far = inner > np.maximum(_FAR_STEPS * self._usual[1:-1], far)
        if not is_far.any():
            return None
        earlier = np.linalg.norm(self._frames[2:-1] - self._frames[:-3], axis=2)
        later = np.linalg.norm(self._frames[3:] - self._frames[1:-2], axis=2)
        is_far &= (earlier > _STAYS * inner) & (later > _STAYS * inner)
        for index, vertex in np.argwhere(is_far):
            if np.median(inner[index, self._near[vertex]]) < _FITS * inner[index, vertex]:
                return int(index) + 2, int(vertex), float(inner[index, vertex])
        return None


def vertices_around(still: NDArray[np.float32]) -> NDArray[np.int64]:
    """(V, k) of every vertex of a mesh (V, 3) the nearest others; V is at least 2."""
    near = KDTree(still).query(still, k=min(_AROUND + 1, len(still)))[1]
    return np.asarray(near[:, 1:], np.int64)
