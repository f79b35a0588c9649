"""Measures of sound from textbooks, to hold synthesised speech against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz


def median_f0(
    audio: NDArray[np.floating], rate: int, low: float = 55.0, high: float = 450.0
) -> float:
    """Median fundamental frequency in Hz of the voiced frames, by autocorrelation.

    Frames of 50 ms each 10 ms; the lag is the first whose normalised correlation comes within 10 %
    of the best, which avoids octaves; parabolic peak.
    """
    width = round(0.05 * rate)
    first, last = int(rate / high), int(rate / low)
    found = []
    loud = np.sqrt(np.mean(audio.astype(np.float64) ** 2))
    for start in range(0, len(audio) - width - last, round(0.01 * rate)):
        frame = audio[start : start + width].astype(np.float64)
        if np.sqrt(np.mean(frame**2)) < 0.7 * loud:
            continue
        longer = audio[start : start + width + last].astype(np.float64)
        cross = np.correlate(longer, frame, mode="valid")
        energy = np.convolve(longer**2, np.ones(width), mode="valid")
        score = cross / np.sqrt(energy * energy[0] + 1e-12)
        inner = score[1:-1]
        top = (inner >= score[:-2]) & (inner >= score[2:])
        peaks = np.flatnonzero(top) + 1
        peaks = peaks[(peaks >= first) & (peaks < last)]
        if not len(peaks) or score[peaks].max() < 0.75:
            continue
        lag = int(peaks[np.argmax(score[peaks] >= 0.9 * score[peaks].max())])
        left, middle, right = score[lag - 1 : lag + 2]
        curve = left - 2 * middle + right
        found.append(rate / (lag + (0.5 * (left - right) / curve if curve else 0.0)))
    return float(np.median(found))


def formants(
    audio: NDArray[np.floating], rate: int, order: int = 12, highest: float = 4500.0
) -> list[float]:
    """Resonances in Hz of a stretch of vowel, lowest first, by linear prediction.

    Autocorrelation method with pre-emphasis; poles of bandwidths above 400 Hz do not count.
    """
    frame = np.diff(audio.astype(np.float64)) * np.hamming(len(audio) - 1)
    lags = np.correlate(frame, frame, mode="full")[len(frame) - 1 :][: order + 1]
    lags[0] *= 1.0001
    poles = np.roots(np.concatenate([[1.0], -solve_toeplitz(lags[:-1], lags[1:])]))
    poles = poles[np.imag(poles) > 0]
    frequency = np.angle(poles) * rate / (2 * np.pi)
    bandwidth = -np.log(np.abs(poles)) * rate / np.pi
    kept = (bandwidth < 400) & (frequency > 150) & (frequency < highest)
    return sorted(float(f) for f in frequency[kept])


def log_mel(audio: NDArray[np.floating], rate: int, bands: int = 40) -> NDArray[np.float64]:
    """(frames, bands): log energies of 25 ms frames each 10 ms, in bands even in mel."""
    width, step, size = round(0.025 * rate), round(0.01 * rate), 1024
    starts = range(0, len(audio) - width, step)
    frames = np.stack([audio[start : start + width] for start in starts]) * np.hanning(width)
    power = np.abs(np.fft.rfft(frames, size)) ** 2
    mel = np.linspace(0, 2595 * np.log10(1 + min(rate / 2, 8000) / 700), bands + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    at = np.fft.rfftfreq(size, 1 / rate)
    rising = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.clip(np.minimum(rising, falling), 0.0, None)
    return np.log(power @ weights.T + 1e-10)
