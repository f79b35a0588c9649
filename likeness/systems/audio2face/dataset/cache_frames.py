"""One pass over the frames of a cache: broken numbers, vertices that stray or jump, motion at all.

What is said about it is :mod:`.frame_findings`; what one step says, :mod:`.frame_steps` of single
vertices and :mod:`.whole_frames` of all together.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.dataset.frame_steps import Steps, vertices_around
from likeness.systems.audio2face.dataset.whole_frames import WholeFrames

_FEW = 4
"""Frames of a shot by which its head and its size are judged."""
_STRAY = 1.0
"""Largest extents of a mesh beyond its box where no vertex of a held head gets."""
_FEW_STRAYS = 0.1
"""Share of the vertices: where more are there, the head moves."""
_COLLAPSED = 1e-3
"""Of the largest extent of a mesh, 0.2 mm of a head: a frame that is no larger is a point."""
_FARTHEST = 1e6
"""Coordinate, cm, beyond which a file is corrupted."""
SKIN_SPIKE, TONGUE_SPIKE = 0.09, 0.3
"""Of the largest extent of a mesh, 2 cm of a head and of a tongue: how far from the middle of its
places before and after no vertex gets in one frame. Lips that shut and part again, the quickest of
a face, get 1.2 cm at 24 frames a second."""
_BACK = 0.25
"""Share of a spike by which the places before and after differ at most: motion goes on, a spike
comes back."""
_STILL = 4e-4
"""Of the largest extent of a mesh, 0.1 mm of a head: less is no motion of a face."""
_OVERLAP = 3
"""Frames of a block that are looked at with the next one: a jump is told by those around it."""
_OWN_STEPS = 6.0
"""A spike is so many times the usual step of its vertex from frame to frame."""


class LookedAtFrames:
    """What one pass over a shot sees.

    Attributes:
        few: (n, V, 3) some frames over the whole shot.
        broken: the first frame with a coordinate that is no number.
        collapsed: the first frame whose vertices all lie at one place.
        stray: the first frame in which few vertices lie far from the face, one of them and where.
        spike: the frame in which a vertex jumps farthest and comes back, the vertex, and how far.
        exchanged: the frame from which on vertices lie where others were before, and which do.
        jump: the frame from which on a vertex is elsewhere while its neighbours stay, the vertex,
            and how far.
        whole: what the steps say of all vertices together.
        moved: how far a vertex gets from its place in the first frame along an axis, cm.
    """

    def __init__(self, few: NDArray[np.float32], spike: float) -> None:
        self.few = few
        self.broken: int | None = None
        self.collapsed: int | None = None
        self.stray: tuple[int, int, str] | None = None
        self.spike: tuple[int, int, float] | None = None
        self.exchanged: tuple[int, list[int]] | None = None
        self.jump: tuple[int, int, float] | None = None
        self.moved = 0.0
        middle = np.median(few, axis=0)
        low, high = middle.min(axis=0), middle.max(axis=0)
        self._extent = (high - low).max()
        self._far = spike * self._extent
        self.whole = WholeFrames(float(self._extent))
        reach = _STRAY * self._extent
        self._low, self._high = low - reach, high + reach

    @property
    def is_whole(self) -> bool:
        """Whether no coordinate is broken, no frame a point, and no vertex strays or changes its
        place for another."""
        faults = (self.broken, self.collapsed, self.stray, self.exchanged, self.jump)
        return all(fault is None for fault in faults)

    @property
    def is_still(self) -> bool:
        """Whether all frames are alike."""
        return bool(self.moved < _STILL * self._extent)

    @cached_property
    def _near(self) -> NDArray[np.int64]:
        return vertices_around(self.few[0])

    def at(self, block: NDArray[np.float32], first: int) -> bool:
        """Look at frames (n, V, 3) from the frame ``first``; False once there is enough to tell."""
        bad = ~(np.isfinite(block) & (np.abs(block) < _FARTHEST)).all(axis=(1, 2))
        if bad.any():
            self.broken = first + int(np.argmax(bad))
            return False
        if self.collapsed is None:
            points = np.ptp(block, axis=1).max(axis=1) <= _COLLAPSED * self._extent
            if points.any():
                self.collapsed = first + int(np.argmax(points))
        self.moved = max(self.moved, float(np.abs(block - self.few[0]).max()))
        # A box that is no number has nothing outside; the frame that made it so comes yet.
        outside = (block < self._low) | (block > self._high)
        if self.stray is None and outside.any():
            vertices = outside.any(axis=2)
            stray = vertices.any(axis=1) & (vertices.mean(axis=1) < _FEW_STRAYS)
            if stray.any():
                frame = int(np.argmax(stray))
                vertex = int(np.argmax(vertices[frame]))
                x, y, z = block[frame, vertex]
                self.stray = first + frame, vertex, f"({x:.4g}, {y:.4g}, {z:.4g}) cm"
        return True

    def jumps(self, block: NDArray[np.float32], first: int) -> None:
        """Look for what jumps in frames (n, V, 3) that follow each other from ``first``."""
        if len(block) < 3:
            return
        if self.collapsed is None and block.shape[1] > 1:
            steps = Steps(block, self._near)
            self.whole.add(block, steps.lengths, first)
            if self.exchanged is None and (exchanged := steps.exchanged()) is not None:
                self.exchanged = first + exchanged[0], exchanged[1]
            if self.jump is None and (jump := steps.jumped(self._far)) is not None:
                self.jump = first + jump[0], *jump[1:]
        before, now, after = block[:-2], block[1:-1], block[2:]
        away = np.linalg.norm(now - (before + after) / 2, axis=2)  # (n - 2, V)
        if not (away > self._far).any():
            return
        usual = np.median(np.linalg.norm(np.diff(block, axis=0), axis=2), axis=0)
        back = np.linalg.norm(after - before, axis=2)
        is_spike = (away > np.maximum(self._far, _OWN_STEPS * usual)) & (back < _BACK * away)
        few = max(_FEW_STRAYS * block.shape[1], 1)
        is_spike &= is_spike.sum(axis=1, keepdims=True) <= few
        if is_spike.any():
            frame, vertex = np.unravel_index(int(np.argmax(away * is_spike)), away.shape)
            distance = float(away[frame, vertex])
            if self.spike is None or distance > self.spike[2]:
                self.spike = first + 1 + int(frame), int(vertex), distance


def look_at_frames(animation: VertexAnimation, every: int, spike: float) -> LookedAtFrames:
    """One pass over a shot; of a large one over every n-th frame, which tells of no spikes.

    Args:
        spike: share of the mesh that no vertex jumps and comes back by.
    """
    chosen = np.unique(np.linspace(0, animation.num_frames - 1, _FEW).round().astype(int))
    look = LookedAtFrames(
        np.concatenate([animation.read(int(f), int(f) + 1) for f in chosen]), spike
    )
    if every == 1:
        first, end = 0, np.zeros((0, animation.num_vertices, 3), np.float32)
        for block in animation.blocks():
            if not look.at(block, first):
                break
            joined = np.concatenate([end, block])
            look.jumps(joined, first - len(end))
            first, end = first + len(block), joined[-_OVERLAP:]
    else:
        # The few are judged by: a broken one among them must be known.
        for frame in sorted({*range(0, animation.num_frames, every), *chosen.tolist()}):
            if not look.at(animation.read(frame, frame + 1), frame):
                break
    return look
