"""What a network has to beat: answers anybody can give without one.

Each baseline is fitted on training shots and maps sound to rows of numbers, whatever these are:
vertices, coefficients of a basis, key points. NumPy alone; nothing is drawn by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from likeness.systems.audio2face.log_mel import RATE, log_mel_windows
from likeness.systems.audio2face.metrics import frame_levels

Array = NDArray[np.floating]

_BLOCK = 512
_QUIETEST = -70.0  # dB; what is below sounds as silence
_SMOOTHING = 0.05  # seconds
_RIDGE = 30.0  # for standardised features, so that 520 of them do not fit a minute by heart


@dataclass(frozen=True, eq=False)
class SpokenShot:
    """A shot as baselines see it.

    Attributes:
        sound: (samples,) at 16 kHz.
        rows: (F, D) what moves.
        fps: frames per second of ``rows``.
    """

    sound: Array
    rows: Array
    fps: float


class FittedBaseline(Protocol):
    """A fitted baseline."""

    def predict(self, sound: Array, num_frames: int, fps: float) -> NDArray[np.float32]:
        """(F, D) for a sound at 16 kHz."""
        ...


@dataclass(frozen=True, eq=False)
class MeanPose:
    """The mean of all training frames, whatever is said."""

    mean: Array

    @classmethod
    def fit(cls, shots: Sequence[SpokenShot]) -> MeanPose:
        return cls(_stacked(shots).mean(axis=0))

    def predict(self, sound: Array, num_frames: int, fps: float) -> NDArray[np.float32]:
        return np.tile(np.asarray(self.mean, np.float32), (num_frames, 1))


@dataclass(frozen=True, eq=False)
class LoudnessJaw:
    """Opens the mouth with the level of the sound: the best line from loudness to every number.

    Attributes:
        coefficients: (2, D) rows of the constant and of the loudness.
    """

    coefficients: Array

    @classmethod
    def fit(cls, shots: Sequence[SpokenShot]) -> LoudnessJaw:
        loudness = np.concatenate([_loudness(s.sound, len(s.rows), s.fps) for s in shots])
        design = np.stack([np.ones_like(loudness), loudness], axis=1)
        return cls(np.linalg.lstsq(design, _stacked(shots).astype(np.float64), rcond=None)[0])

    def predict(self, sound: Array, num_frames: int, fps: float) -> NDArray[np.float32]:
        loudness = _loudness(sound, num_frames, fps)
        return np.asarray(
            self.coefficients[0] + loudness[:, None] * self.coefficients[1], np.float32
        )


@dataclass(frozen=True, eq=False)
class RidgeLine:
    """A line from features to every number, shrunk (Hoerl and Kennard, 1970).

    Attributes:
        centre, spread: (N,) of the features.
        constant: (D,). coefficients: (N, D), for standardised features.
    """

    centre: Array
    spread: Array
    constant: Array
    coefficients: Array

    @classmethod
    def fit(cls, features: Array, rows: Array, strength: float) -> RidgeLine:
        """The line of features (F, N) and rows (F, D)."""
        found, rows = features.astype(np.float64), rows.astype(np.float64)
        centre, spread, constant = found.mean(axis=0), _spread(found), rows.mean(axis=0)
        found = (found - centre) / spread
        gram = found.T @ found + strength * np.eye(found.shape[1])
        return cls(centre, spread, constant, np.linalg.solve(gram, found.T @ (rows - constant)))

    def __call__(self, features: Array) -> Array:
        """(F, D) for features (F, N)."""
        features = (features - self.centre) / self.spread
        return np.asarray(self.constant + features @ self.coefficients)


@dataclass(frozen=True, eq=False)
class RidgeRegression:
    """A :class:`RidgeLine` from log-mel windows of 520 numbers to every number."""

    line: RidgeLine

    @classmethod
    def fit(cls, shots: Sequence[SpokenShot], *, strength: float = _RIDGE) -> RidgeRegression:
        return cls(RidgeLine.fit(_windows(shots), _stacked(shots), strength))

    def predict(self, sound: Array, num_frames: int, fps: float) -> NDArray[np.float32]:
        return self.line(log_mel_windows(sound, num_frames, fps)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class NearestFrame:
    """The pose of the training frame whose log-mel window sounds most alike.

    Attributes:
        spread: (520,) features are divided by.
        windows: (N, 520), divided. rows: (N, D).
    """

    spread: Array
    windows: Array
    rows: Array

    @classmethod
    def fit(cls, shots: Sequence[SpokenShot]) -> NearestFrame:
        windows = _windows(shots)
        spread = _spread(windows).astype(np.float32)
        return cls(spread, windows / spread, _stacked(shots))

    def predict(self, sound: Array, num_frames: int, fps: float) -> NDArray[np.float32]:
        asked = log_mel_windows(sound, num_frames, fps) / self.spread
        lengths = (self.windows**2).sum(axis=1)
        nearest = [
            (lengths - 2.0 * asked[first : first + _BLOCK] @ self.windows.T).argmin(axis=1)
            for first in range(0, num_frames, _BLOCK)
        ]
        return np.asarray(self.rows[np.concatenate(nearest)], np.float32)


BASELINES: Mapping[str, Callable[[Sequence[SpokenShot]], FittedBaseline]] = {
    "mean pose": MeanPose.fit,
    "loudness jaw": LoudnessJaw.fit,
    "nearest frame": NearestFrame.fit,
    "ridge": RidgeRegression.fit,
}
"""Name to how it is fitted."""


def _stacked(shots: Sequence[SpokenShot]) -> Array:
    return np.concatenate([np.asarray(shot.rows) for shot in shots])


def _windows(shots: Sequence[SpokenShot]) -> NDArray[np.float32]:
    return np.concatenate([log_mel_windows(s.sound, len(s.rows), s.fps) for s in shots])


def _spread(windows: Array) -> Array:
    return np.asarray(np.maximum(windows.std(axis=0), 1e-3))


def _loudness(sound: Array, num_frames: int, fps: float) -> Array:
    """(F,) smoothed level over silence, dB."""
    levels = np.maximum(frame_levels(sound, RATE, num_frames, fps), _QUIETEST) - _QUIETEST
    reach = max(round(_SMOOTHING * fps), 0)
    window = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(levels, reach, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")
