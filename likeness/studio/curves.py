"""Curves: how a face moves over time, as weights and angles on a fine grid.

Owns the channels and their order, and the sampling to any frame rate. What draws them is
:mod:`likeness.studio.performance`, what moves a head by them :mod:`likeness.studio.animation`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError
from likeness.speech.timeline import Emotion
from likeness.studio.expressions import ARKIT_NAMES
from likeness.studio.tongue import TONGUE_NAMES

RATE = 200
"""Samples per second."""

HEAD_NAMES = ("headPitch", "headYaw", "headRoll")
"""Radians: the face lifted, turned toward the subject's left, and tilted toward the subject's right
shoulder."""

EYE_NAMES = ("eyeRightX", "eyeRightY", "eyeLeftX", "eyeLeftY")
"""Degrees about the head's x axis (down is positive) and y axis (the subject's left is)."""

TRAVEL_NAMES = ("headX", "headY", "headZ")
"""Millimetres the upper body and the head on it are away from their place: to the subject's left,
up, forward."""

CHEST_NAME = "chestPitch"
"""Radians chest and shoulders are lifted by breath; the head keeps its own pitch."""

CHANNELS = (*ARKIT_NAMES, *TONGUE_NAMES, *HEAD_NAMES, *EYE_NAMES, *TRAVEL_NAMES, CHEST_NAME)
CHANNEL = {name: i for i, name in enumerate(CHANNELS)}

ARKIT = slice(0, len(ARKIT_NAMES))
TONGUE = slice(ARKIT.stop, ARKIT.stop + len(TONGUE_NAMES))
HEAD = slice(TONGUE.stop, TONGUE.stop + len(HEAD_NAMES))
EYES = slice(HEAD.stop, HEAD.stop + len(EYE_NAMES))
TRAVEL = slice(EYES.stop, EYES.stop + len(TRAVEL_NAMES))


@dataclass(frozen=True)
class Event:
    """Something that happened at a time: a blink, a saccade, a nod, a breath, a swallow.

    Attributes:
        kind: ``blink``, ``saccade``, ``nod``, ``accent``, ``inhalation``, ``press``, ``swallow``
            or ``roll``.
        start: seconds.
        end: seconds.
        size: peak weight of a shape; degrees of saccades and nods.
    """

    kind: str
    start: float
    end: float
    size: float


@dataclass(frozen=True, eq=False)
class Curves:
    """One performance.

    Attributes:
        duration: seconds, that of the utterance.
        values: (N, 79) float32, row n at n / ``RATE`` seconds, columns ``CHANNELS``. The last row
            lies at or after the end.
        intensity: (N,) float32, of the emotion.
        events: in order of their start.
        emotion: what the face shows besides speech.
    """

    duration: float
    values: NDArray[np.float32]
    intensity: NDArray[np.float32]
    events: tuple[Event, ...] = ()
    emotion: Emotion = "neutral"

    def __post_init__(self) -> None:
        count = grid_length(self.duration)
        if self.values.shape != (count, len(CHANNELS)) or self.intensity.shape != (count,):
            raise ValueError(
                f"curves of {self.duration:g} s have ({count}, {len(CHANNELS)}) values and "
                f"({count},) intensities, found {self.values.shape} and {self.intensity.shape}"
            )

    def channel(self, name: str) -> NDArray[np.float32]:
        """(N,) one column of ``values``."""
        return self.values[:, CHANNEL[name]]

    def of_kind(self, kind: str) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.events if event.kind == kind]

    def to_dict(self) -> dict[str, Any]:
        """What is not an array, as plain data."""
        return {
            "duration": self.duration,
            "emotion": self.emotion,
            "events": [[e.kind, e.start, e.end, e.size] for e in self.events],
        }


def grid_length(duration: float) -> int:
    """Rows that cover a duration in seconds."""
    return math.ceil(duration * RATE - 1e-9) + 1


def grid_times(duration: float) -> NDArray[np.float64]:
    """(N,) seconds of the rows."""
    return np.arange(grid_length(duration)) / RATE


def frame_times(duration: float, fps: float) -> NDArray[np.float64]:
    """(F,) seconds of the middles (k + 0.5) / fps of floor(duration x fps) frames.

    Raises:
        UsageError: no rate above 0.
    """
    if not (math.isfinite(fps) and fps > 0.0):
        raise UsageError(f"Expected frames a second above 0, found {fps:g}.")
    middles = np.arange(math.floor(duration * fps + 1e-6), dtype=np.float64) + 0.5
    return middles / fps


def sample(curves: Curves, fps: float) -> NDArray[np.float64]:
    """Values (F, 79) at the middle of every frame, linear between rows.

    Frames are those of the sound: frame k shows (k + 0.5) / fps seconds, and
    F = floor(duration x fps + 1e-6).
    """
    return at_times(curves.values, frame_times(curves.duration, fps))


def at_times(values: NDArray[np.floating], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (T, ...) of values on the grid at any times, linear between rows."""
    place = np.clip(np.asarray(times) * RATE, 0.0, len(values) - 1.0)
    first = np.minimum(place.astype(np.int64), max(len(values) - 2, 0))
    share = (place - first).reshape(-1, *([1] * (values.ndim - 1)))
    second = np.minimum(first + 1, len(values) - 1)
    return values[first].astype(np.float64) * (1.0 - share) + values[second] * share
