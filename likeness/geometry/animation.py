"""Vertex animations: frames (F, V, 3) at a constant rate, read only where they are asked for.

Files are in :mod:`likeness.geometry.animation_files`. Imports no torch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from likeness.errors import DataError, UsageError
from likeness.geometry.frames import ArrayFrames, FrameSource, ResampledFrames, ScaledFrames

BLOCK_BYTES = 16 * 1024**2
"""Frames :meth:`VertexAnimation.blocks` gives at a time; resampling holds some three times that."""


class FrameRateError(DataError):
    """Two things that must have the same frame rate do not."""


@dataclass(frozen=True, eq=False)
class VertexAnimation:
    """Vertices over time: frame i covers ``start + i / fps`` to ``start + (i + 1) / fps``.

    Nothing is read before it is asked for, and then only the frames that are.

    Args:
        frames: where they lie; F and V at least 1. The unit is the caller's.
        fps: frames per second, above 0.
        start: seconds at which the first frame begins.

    Raises:
        DataError: no frames or no vertices.
        UsageError: a frame rate or a start that is none.
    """

    frames: FrameSource
    fps: float
    start: float = 0.0

    def __post_init__(self) -> None:
        checked_rate(self.fps)
        if not math.isfinite(self.start):
            raise UsageError(f"An animation starts at a number of seconds, not at {self.start}.")
        if min(self.frames.shape) < 1:
            raise DataError(
                f"An animation needs a frame and a vertex at least, got {self.frames.shape}."
            )

    @classmethod
    def of_array(cls, array: np.ndarray, fps: float, start: float = 0.0) -> VertexAnimation:
        """The frames of an array (F, V, 3) of real numbers, in memory or mapped; not copied.

        Raises:
            DataError: another shape or kind.
        """
        return cls(ArrayFrames(array), fps, start)

    @property
    def num_frames(self) -> int:
        return self.frames.shape[0]

    @property
    def num_vertices(self) -> int:
        return self.frames.shape[1]

    @property
    def duration(self) -> float:
        """Seconds from the beginning of the first frame to the end of the last."""
        return self.num_frames / self.fps

    def read(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """Frames ``first`` to ``last`` (excluded; the end by default) as float32 (n, V, 3).

        The array is the caller's own.
        """
        last = self.num_frames if last is None else last
        self._check(first, last)
        return self.frames.read(first, last).astype(np.float32, copy=False)

    def blocks(self, *, max_bytes: int = BLOCK_BYTES) -> Iterator[np.ndarray]:
        """All frames in order, float32, in blocks of at most ``max_bytes`` or of one frame."""
        size = frames_per_block(self, max_bytes)
        for first in range(0, self.num_frames, size):
            yield self.read(first, min(first + size, self.num_frames))

    def part(self, first: int, last: int) -> VertexAnimation:
        """Frames ``first`` to ``last`` (excluded) at their own time; nothing is read."""
        self._check(first, last)
        return VertexAnimation(
            self.frames.part(first, last), self.fps, self.start + first / self.fps
        )

    def resampled(self, target_fps: float) -> VertexAnimation:
        """The same time at another rate, interpolated linearly as it is read.

        The ratio may be any, such as 24 to 60 or 29.97 to 30; an integer multiple is the usual
        one. floor(F · ratio) frames come of F. Going down, nothing is smoothed beyond the mean of
        the two neighbours. The convention: :class:`likeness.geometry.frames.ResampledFrames`.
        """
        ratio = exact_rate(target_fps) / exact_rate(self.fps)
        frames = self.frames if ratio == 1 else ResampledFrames.of(self.frames, ratio)
        return VertexAnimation(frames, target_fps, self.start)

    def scaled(self, factor: float) -> VertexAnimation:
        """The same in another unit: every coordinate times a factor, as it is read."""
        frames = self.frames if factor == 1 else ScaledFrames(self.frames, factor)
        return VertexAnimation(frames, self.fps, self.start)

    def _check(self, first: int, last: int) -> None:
        if not 0 <= first < last <= self.num_frames:
            raise UsageError(
                f"Frames {first} to {last} (excluded) were asked of an animation that has frames "
                f"0 to {self.num_frames}."
            )


def checked_rate(fps: float) -> float:
    """``fps``, if it is a frame rate.

    Raises:
        UsageError: it is not.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise UsageError(f"A frame rate must be a number above 0, got {fps}.")
    return fps


def exact_rate(fps: float) -> Fraction:
    """The fraction a frame rate stands for: 30000/1001 for 29.97002997, 2997/100 for 29.97."""
    exact = Fraction(checked_rate(fps))
    return exact.limit_denominator(1001) or exact


def frames_per_block(animation: VertexAnimation, max_bytes: int) -> int:
    """How many frames of float32 fit into ``max_bytes``; at least one."""
    return max(max_bytes // (animation.num_vertices * 12), 1)


def trimmed_to_shortest(animations: Mapping[str, VertexAnimation]) -> dict[str, VertexAnimation]:
    """The channels of one shot (skin, tongue, …), all as long as the shortest.

    What is cut off is said in a warning. A channel that is missing must not be in ``animations``:
    one of a single frame is a shot of a single frame.

    Raises:
        FrameRateError: channels at different rates.
        DataError: channels that do not begin at the same time.
    """
    if not animations:
        return {}
    first = next(iter(animations))
    for name, animation in animations.items():
        if exact_rate(animation.fps) != exact_rate(animations[first].fps):
            raise FrameRateError(
                f"'{first}' has {animations[first].fps:g} frames a second and '{name}' has "
                f"{animation.fps:g}; the channels of a shot need one rate.",
                advice="Resample one of them to the other's rate.",
            )
        if abs(animation.start - animations[first].start) > 0.5 / animation.fps:
            raise DataError(
                f"'{first}' starts at {animations[first].start:g} s and '{name}' at "
                f"{animation.start:g} s; the channels of a shot start together."
            )
    shortest = min(animation.num_frames for animation in animations.values())
    longer = {n: a.num_frames for n, a in animations.items() if a.num_frames > shortest}
    if longer:
        lengths = ", ".join(f"'{name}' of {frames}" for name, frames in longer.items())
        warnings.warn(f"Cut to {shortest} frames, the shortest channel: {lengths}.", stacklevel=2)
    return {name: animation.part(0, shortest) for name, animation in animations.items()}
