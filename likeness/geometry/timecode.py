"""SMPTE time code as seconds: rates that are no whole numbers, and labels that are left out.

After SMPTE ST 12-1. Video at 30000/1001 frames a second counts 30 labels to a second, so that its
time code falls behind the clock by 3.6 s in an hour. Drop-frame time code leaves out the labels of
two frames (of 60 labels, four) at the start of every minute but each tenth: labels, no frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError

_SLOWER = Fraction(1000, 1001)
_ROUNDED = 0.005
"""How far 29.97 and 23.98 are from what they stand for, at most."""
_DROPPED = {30: 2, 60: 4}
"""Labels left out in a minute, by labels of a second."""


@dataclass(frozen=True)
class TimecodeRate:
    """How fast a time code runs.

    Attributes:
        labels: of a second: frames are counted from 0 to one less.
        fps: frames per second.
        drops: whether labels are left out.
    """

    labels: int
    fps: Fraction
    drops: bool = False

    @classmethod
    def of(cls, base: float, *, drops: bool = False) -> TimecodeRate:
        """Of 30, or of 29.97, which is 30000/1001.

        Args:
            base: frames per second: a whole number, or the 1000/1001 part of one.
            drops: labels are left out, which only 29.97 and 59.94 do; 30 and 60 then mean these.

        Raises:
            UsageError: there is no such rate.
        """
        labels = round(base)
        is_whole = abs(base - labels) < 1e-6
        fps = Fraction(labels) if is_whole and not drops else labels * _SLOWER
        if labels < 1 or not (is_whole or abs(base - labels * _SLOWER) < _ROUNDED):
            raise UsageError(
                f"Expected frames of a time code per second such as 30, 29.97 or 23.976, found "
                f"{base:g}."
            )
        if drops and labels not in _DROPPED:
            raise UsageError(
                f"Drop-frame time code, with ; or . before the frame, has 29.97 or 59.94 frames a "
                f"second, not {base:g}."
            )
        return cls(labels, fps, drops)

    def is_left_out(
        self, seconds: NDArray[np.floating], frames: NDArray[np.floating]
    ) -> NDArray[np.bool_]:
        """Which labels (n,) there are none of.

        Args:
            seconds: (n,) hours, minutes and seconds of a label, in seconds.
            frames: (n,) its frame, perhaps with a fraction.
        """
        if not self.drops:
            return np.zeros(len(seconds), bool)
        starts = (seconds % 60 == 0) & (seconds % 600 != 0)
        return starts & (np.floor(frames) < _DROPPED[self.labels])

    def times(
        self, seconds: NDArray[np.floating], frames: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Seconds (n,) from the label 00:00:00:00; see :meth:`is_left_out`."""
        count = np.asarray(seconds, np.float64) * self.labels + frames
        if self.drops:
            minutes = np.floor_divide(seconds, 60)
            count = count - _DROPPED[self.labels] * (minutes - np.floor_divide(minutes, 10))
        return count * self.fps.denominator / self.fps.numerator
