"""Frames of a cache that are wrong as a whole beside those around them.

Owns what the steps from frame to frame say of all vertices together: a head that jumps, and frames
that are all alike. Single vertices are :mod:`.frame_steps`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.alignment import fit_similarity

_STILLEST = 4
"""The pace of a face is the step that all but one in so many of its vertices exceed."""
_SMALLEST = 1.2e-3
"""Of the largest extent of a mesh, 0.3 mm of a head: a pace that is less is no jump."""
_AROUND, _FASTER = 5, 6.0
"""Steps before and after by whose median a pace is judged, and how many times as fast a jump is."""
_RIGIDLY = 0.75
"""Share of a step that one motion of the whole head must explain: of a blink, in a mesh of not much
but lids, it is a half."""
_FITTED = 2000
"""Vertices that motion is fitted to, of the half that moves least; more say no more."""
_ALIKE = 1e-5
"""Of the largest extent of a mesh, 2 µm of a head: frames that differ by less are one frame."""


class WholeFrames:
    """The steps of a shot, as they are given.

    Args:
        extent: the largest of the mesh, cm.

    Attributes:
        jump: the frame from which on the whole face is elsewhere, farthest of all, how far it is
            then from where it was, cm, and how far it gets in a step around.
    """

    def __init__(self, extent: float) -> None:
        self.jump: tuple[int, float, float] | None = None
        self._extent = extent
        self._paces: dict[int, float] = {}
        self._alike: set[int] = set()

    def add(self, frames: NDArray[np.float32], lengths: NDArray[np.float32], first: int) -> None:
        """Look at frames (n, V, 3) that follow each other from ``first``, and at how far each
        vertex gets between them (n - 1, V)."""
        quarter = lengths.shape[1] // _STILLEST
        paces = np.partition(lengths, quarter, axis=1)[:, quarter]
        self._paces |= {first + index: float(pace) for index, pace in enumerate(paces)}
        alike = np.flatnonzero(lengths.max(axis=1) <= _ALIKE * self._extent)
        self._alike |= {first + int(index) for index in alike}
        least = _SMALLEST * self._extent if self.jump is None else self.jump[1]
        for index in np.flatnonzero(paces > least):
            pace, usual = float(paces[index]), self._around(first + int(index))
            if pace <= max(_FASTER * usual, self.jump[1] if self.jump else 0.0):
                continue
            still = np.argsort(np.median(lengths, axis=0), kind="stable")[: lengths.shape[1] // 2]
            still = still[:: -(-len(still) // _FITTED)]
            if _is_rigid(frames[index, still], frames[index + 1, still]):
                self.jump = first + int(index) + 1, pace, usual

    @property
    def alike(self) -> tuple[tuple[int, int], ...]:
        """First and last frames of all stretches of frames that are alike."""
        found: list[tuple[int, int]] = []
        for step in sorted(self._alike):
            if found and found[-1][1] == step:
                found[-1] = found[-1][0], step + 1
            else:
                found.append((step, step + 1))
        return tuple(found)

    def _around(self, step: int) -> float:
        """The median pace of the steps around one, as far as they are known."""
        near = (*range(step - _AROUND, step), *range(step + 1, step + _AROUND + 1))
        known = [self._paces[index] for index in near if index in self._paces]
        return float(np.median(known)) if known else np.inf


def _is_rigid(before: NDArray[np.float32], after: NDArray[np.float32]) -> bool:
    """Whether a similarity takes vertices (n, 3) to where they are a frame later."""
    if len(before) < 4 or not np.ptp(before, axis=0).any():
        return False
    one, two = before.astype(np.float64), after.astype(np.float64)
    left = np.linalg.norm(fit_similarity(one, two).apply(one) - two, axis=1)
    return bool(np.median(left) < (1 - _RIGIDLY) * np.median(np.linalg.norm(two - one, axis=1)))
