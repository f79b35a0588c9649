"""Weights of blend shapes over time: named columns (F, K) at given times, such as ARKit's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likeness.errors import DataError
from likeness.geometry.animation import checked_rate

# Order of Apple's ARKit 52 as face animation systems use it.
ARKIT_NAMES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight",
    "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft",
    "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft",
    "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class WeightAnimation:
    """Named weights at rising times, which need not be evenly spaced.

    Args:
        names: K different ones.
        weights: (F, K) float32, F at least 1; usually in [0, 1], angles in radians.
        times: (F,) float64 seconds, each above the one before.

    Raises:
        DataError: shapes that do not fit, names twice, times that do not rise, or values that are
            not finite.
    """

    names: tuple[str, ...]
    weights: np.ndarray
    times: np.ndarray

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float32)
        times = np.asarray(self.times, dtype=np.float64)
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "times", times)
        if weights.shape != (len(times), len(self.names)) or times.ndim != 1 or not len(times):
            raise DataError(
                f"Weights must have the shape (times, names), got {weights.shape} for times "
                f"{times.shape} and {len(self.names)} names."
            )
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise DataError(f"Weights must have different names, found twice: {', '.join(twice)}.")
        if not (np.isfinite(weights).all() and np.isfinite(times).all()):
            raise DataError("Weights and their times must be finite numbers.")
        falls = np.flatnonzero(np.diff(times) <= 0)
        if len(falls):
            row = int(falls[0]) + 1
            raise DataError(
                f"Times must rise; time {row} is {times[row]} s, after one of {times[row - 1]} s."
            )

    @property
    def num_frames(self) -> int:
        return len(self.times)

    def at_rate(self, fps: float) -> WeightAnimation:
        """At times 0, 1/fps, … seconds from the first to the last, interpolated linearly.

        Dropped frames are filled from their neighbours; nothing is added after the last.
        """
        span = float(self.times[-1] - self.times[0]) * checked_rate(fps)
        # A time a hair below a whole number of frames is that number.
        offsets = np.arange(int(span + 1e-3) + 1) / fps
        times = self.times[0] + offsets
        weights = np.empty((len(times), len(self.names)), np.float32)
        for column, given in enumerate(self.weights.T):
            weights[:, column] = np.interp(times, self.times, given)
        return WeightAnimation(self.names, weights, times)

    def starting_at(self, time: float) -> WeightAnimation:
        """The same with the first frame at ``time`` seconds."""
        return WeightAnimation(self.names, self.weights, self.times - self.times[0] + time)

    def select(self, names: Sequence[str]) -> WeightAnimation:
        """These columns in this order.

        Raises:
            DataError: a name that is not there.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise DataError(
                f"There are no weights {', '.join(missing)}; there are {', '.join(self.names)}."
            )
        columns = [self.names.index(name) for name in names]
        return WeightAnimation(tuple(names), self.weights[:, columns], self.times)


def plain_spelling(name: str) -> str:
    """A name of a shape or column without capitals, spaces and ``_L`` or ``_R`` for a side."""
    spelt = re.sub(r"_l$", "left", re.sub(r"_r$", "right", name.strip().lower()))
    return spelt.replace(" ", "")


def arkit_name(name: str) -> str | None:
    """The ARKit shape of a name as other programs spell it, None of one that is none.

    ``EyeBlinkLeft``, ``eyeBlink_L``, ``Eye Blink Left`` and ``head.eyeBlinkLeft`` are eyeBlinkLeft;
    a half of a shape that has no sides, such as ``browInnerUp_L``, is that shape.
    """
    spelt = plain_spelling(name.rsplit(".", 1)[-1])
    for candidate in (spelt, spelt.removesuffix("left"), spelt.removesuffix("right")):
        if candidate in _ARKIT_SPELT:
            return _ARKIT_SPELT[candidate]
    return None


_ARKIT_SPELT = {name.lower(): name for name in ARKIT_NAMES}
