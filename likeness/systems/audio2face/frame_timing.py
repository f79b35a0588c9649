"""When frames are: the sound a frame is predicted from, and emotions that change over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError
from likeness.geometry.animation import exact_rate

TimingMode = Literal["centre", "runtime"]
TrackMode = Literal["offline", "streaming", "whole"]
"""How a track is heard: all of it by the windows of a stream; as a stream, piece by piece; or, by
the diffusion network alone, as one window from a state of zeros."""


def num_frames_of(num_samples: int, rate: int, fps: float) -> int:
    """Frames of a sound: those that begin before its end."""
    return -int(-num_samples * exact_rate(fps) // rate)


def window_centre(frame: int, rate: int, fps: float, mode: TimingMode = "centre") -> int:
    """The sample in the middle of the window of a frame of a regression network.

    Args:
        mode: ``centre`` is how networks are trained: frame f lies at (f + 0.5) / fps. ``runtime``
            is what the SDK does: frame k at floor(k · rate / fps), half a frame earlier.
    """
    if mode not in ("centre", "runtime"):
        raise UsageError(f"Frames are timed by centre or runtime, not by {mode!r:.40}.")
    exact = exact_rate(fps)
    if mode == "runtime":
        return int(frame * rate / exact)
    return round((2 * frame + 1) * rate / (2 * exact))


@dataclass(frozen=True, eq=False)
class EmotionTrack:
    """Emotion vectors at times, linear in between, held before the first and after the last.

    Args:
        times: (n,) seconds that rise. vectors: (n, E).

    Raises:
        UsageError: shapes that do not fit, times that do not rise, or values that are no numbers.
    """

    times: NDArray[np.float64]
    vectors: NDArray[np.float32]

    def __post_init__(self) -> None:
        times = np.asarray(self.times, np.float64)
        vectors = np.asarray(self.vectors, np.float32)
        if vectors.ndim != 2 or times.shape != (len(vectors),) or not len(times):
            raise UsageError(
                f"Emotions over time need a vector for each time, found times {times.shape} and "
                f"vectors {vectors.shape}."
            )
        if not np.isfinite(times).all():
            raise UsageError("The times of emotions must be finite, found some that are not.")
        if (back := np.flatnonzero(np.diff(times) <= 0)).size:
            raise UsageError(
                f"The times of emotions must rise, found {times[back[0] + 1]:g} s after "
                f"{times[back[0]]:g} s.",
                advice="Put them in order, each time once.",
            )
        if not np.isfinite(vectors).all():
            raise UsageError("Emotions must be finite numbers, found some that are none.")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "vectors", vectors)

    @classmethod
    def constant(cls, vector: Sequence[float] | NDArray[np.floating]) -> EmotionTrack:
        """The same emotion all the time."""
        return cls(np.zeros(1), np.asarray(vector, np.float32)[None])

    def at(self, times: NDArray[np.floating]) -> NDArray[np.float32]:
        """Vectors (m, E) at times (m,) in seconds."""
        columns = [np.interp(times, self.times, column) for column in self.vectors.T]
        return np.stack(columns, axis=-1).astype(np.float32)
