"""Log-mel energies around animation frames: what the baselines know of a sound.

NumPy alone.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from likeness.models.mel_bands import mel_bands

Array = NDArray[np.floating]

RATE = 16000
"""Samples per second of every sound here."""
HOP = 160
"""Samples between columns: 100 a second."""
_WINDOW = 400
_SIZE = 512
_BANDS = 40
_LOWEST, _HIGHEST = 60.0, 7600.0
_FLOOR = 1e-7

WINDOW_SECONDS = 0.52
"""How much sound a frame may know of, as the regression network."""
_COLUMNS = 13
"""Columns of a window, spread evenly over it."""


def log_mel(sound: Array) -> NDArray[np.float64]:
    """Natural logarithms of mel energies (columns, 40); column c is centred at sample 160 c.

    Args:
        sound: (samples,) at 16 kHz. What lies outside is silence.
    """
    count = len(sound) // HOP + 1
    padded = np.pad(np.asarray(sound, np.float64), (_WINDOW // 2, _WINDOW))
    starts = np.arange(count) * HOP
    pieces = padded[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(pieces, _SIZE)) ** 2 / _WINDOW
    return np.asarray(np.log(power @ filters().T + _FLOOR))


@functools.cache
def filters() -> NDArray[np.float64]:
    """(40, 257) gains of the bands over the bins of a transform of 512 samples at 16 kHz."""
    return mel_bands(_BANDS, _SIZE, RATE, lowest=_LOWEST, highest=_HIGHEST)


def log_mel_windows(sound: Array, num_frames: int, fps: float) -> NDArray[np.float32]:
    """(F, 520): 13 columns of 40 bands over 0.52 s around the middle of each frame.

    Args:
        sound: (samples,) at 16 kHz; frame k shows (k + 0.5) / fps seconds.
    """
    mel = log_mel(sound)
    silence = np.full(_BANDS, np.log(_FLOOR))
    middles = (np.arange(num_frames) + 0.5) / fps * RATE / HOP
    reach = 0.5 * WINDOW_SECONDS * RATE / HOP
    places = np.round(middles[:, None] + np.linspace(-reach, reach, _COLUMNS)).astype(np.int64)
    inside = (places >= 0) & (places < len(mel))
    found = np.where(inside[..., None], mel[np.clip(places, 0, len(mel) - 1)], silence)
    return found.reshape(num_frames, -1).astype(np.float32)
