"""Another pitch at the same speed, for training on more voices than were recorded.

A phase vocoder (Flanagan and Golden, 1966) stretches time without changing pitch, with the phases
of each peak locked to it (Laroche and Dolson, "Improved phase vocoder time-scale modification of
audio", 1999); changing the rate then undoes the stretch and moves the pitch. Imports no torch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.systems.audio2face.artefacts import Floats

_SIZE, _HOP = 1024, 256
"""Samples of a window and between windows, 64 and 16 ms at 16 kHz."""


def pitch_shifted(samples: Floats, semitones: float) -> Floats:
    """``samples`` (n,) with every frequency times 2^(``semitones`` / 12); n stays.

    What is moved above half of the sample rate is lost, as with any recording.
    """
    if semitones == 0 or not len(samples) or not samples.any():
        return np.array(samples, np.float32)
    from scipy.signal import resample  # only where sound is changed

    ratio = 2 ** (semitones / 12)
    longer = _stretched(np.asarray(samples, np.float64), ratio)
    # A length with small factors only, so that its Fourier transform is fast.
    length = _smooth_length(len(samples) + _SIZE)
    source = round(length * ratio)
    padded = np.zeros(source)
    padded[: min(source, len(longer))] = longer[:source]
    return np.asarray(resample(padded, length)[: len(samples)], np.float32)


def _smooth_length(least: int) -> int:
    from scipy.fft import next_fast_len

    return int(next_fast_len(least, real=True))


def _stretched(samples: NDArray[np.float64], ratio: float) -> NDArray[np.float64]:
    """About n · ``ratio`` samples of the same pitch."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_SIZE) / _SIZE)
    padded = np.pad(samples, (_SIZE // 2, 2 * _SIZE))
    count = int(len(samples) * ratio / _HOP) + 2
    # Each written window reads one at its own time, and the one a hop before for the frequency.
    places = np.minimum(np.round(np.arange(count) * _HOP / ratio).astype(int), len(samples))
    before = np.maximum(places - _HOP, 0)
    offsets = np.arange(_SIZE)
    here = np.fft.rfft(padded[places[:, None] + offsets] * window)
    earlier = np.fft.rfft(padded[before[:, None] + offsets] * window)
    spectrum = _with_coherent_phases(here, earlier, places - before)
    pieces = np.fft.irfft(spectrum, _SIZE) * window
    total = np.zeros((count - 1) * _HOP + _SIZE)
    weight = np.zeros_like(total)
    for number, piece in enumerate(pieces):
        part = slice(number * _HOP, number * _HOP + _SIZE)
        total[part] += piece
        weight[part] += window**2
    return total[_SIZE // 2 :] / np.maximum(weight[_SIZE // 2 :], 0.1)


def _with_coherent_phases(
    here: NDArray[np.complex128], earlier: NDArray[np.complex128], apart: NDArray[np.int64]
) -> NDArray[np.complex128]:
    """Spectra whose peaks turn on by their frequency from window to window."""
    bins = np.arange(here.shape[1])
    expected = 2 * np.pi * bins / _SIZE
    angle, size = np.angle(here), np.abs(here)
    found = np.empty_like(here)
    found[0] = here[0]
    phase = angle[0]
    for number in range(1, len(here)):
        step = max(int(apart[number]), 1)
        turned = angle[number] - np.angle(earlier[number]) - expected * step
        frequency = expected + (turned - 2 * np.pi * np.round(turned / (2 * np.pi))) / step
        peaks = _peaks(size[number])
        # Bins follow the nearest peak and keep their difference from it.
        nearest = peaks[np.argmin(np.abs(bins[:, None] - peaks), axis=1)]
        moved = phase + frequency * _HOP
        phase = moved[nearest] + angle[number] - angle[number][nearest]
        found[number] = size[number] * np.exp(1j * phase)
    return found


def _peaks(size: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bins louder than the two on each side; the loudest where there is none."""
    inner = size[2:-2]
    is_peak = (inner > size[1:-3]) & (inner > size[3:-1]) & (inner > size[:-4]) & (inner > size[4:])
    found = np.flatnonzero(is_peak) + 2
    return found if len(found) else np.array([int(size.argmax())])
