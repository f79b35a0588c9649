"""Sound as the networks hear it: tracks at 16 kHz, windows out of them, gain, and silent rooms.

Owns decoding, the level of a track, which sample belongs to a time, and the noise of rooms without
speech. Checks of a dataset's sound files are ``dataset/``. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from likeness.errors import DataError, UsageError
from likeness.media.audio import read_sound, resample

Method = Literal["w2v", "nva2f"]
NoiseKind = Literal["gauss", "mic"]
Floats = NDArray[np.float32]

SAMPLE_RATE = 16000
_QUIET = 0.01
"""A peak at or below this is no level to divide by."""
_SEGMENT, _HOP = 256, 128


@dataclass(frozen=True, eq=False)
class SpeechTrack:
    """Mono sound at 16 kHz.

    Attributes:
        samples: (n,) float32, about -1..1, as recorded.
        peak: largest absolute sample where it exceeds 0.01, else 1: the published ``norm_factor``.
    """

    samples: Floats
    peak: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE

    def window(self, start: int, length: int) -> Floats:
        """(``length``,) samples from ``start`` on; zeros outside the track."""
        return self.windows([start], length)[0]

    def windows(self, starts: Sequence[int] | NDArray[np.int64], length: int) -> Floats:
        """(n, ``length``) samples from each of ``starts`` on; zeros outside the track.

        Only the stretch between the first and the last window is touched.
        """
        first = np.asarray(starts, np.int64)
        low, high = int(first.min()), int(first.max()) + length
        inside = self.samples[max(low, 0) : max(high, 0)]
        stretch = np.zeros(high - low, np.float32)
        offset = max(-low, 0)
        stretch[offset : offset + len(inside)] = inside
        return sliding_window_view(stretch, length)[first - low].copy()


def sample_index(seconds: float) -> int:
    """The sample of a time: round(t · 16000), halves to even."""
    return round(seconds * SAMPLE_RATE)


def frame_time(frame: float, fps: float) -> float:
    """Seconds of the middle of a frame: (frame + 0.5) / fps."""
    return (frame + 0.5) / fps


def read_speech(path: str | Path, method: Method = "w2v") -> SpeechTrack:
    """Decode a sound file (WAV, FLAC, OGG, MP3) to mono at 16 kHz.

    Channels are averaged. ``w2v`` changes the rate by a band-limited filter and keeps the level.
    ``nva2f`` divides by the peak first if it exceeds 0.01, then changes the rate by a polyphase
    filter with a ratio rounded to thousandths.

    Raises:
        MissingError: there is no such file.
        DataError: it cannot be decoded, is empty, or holds values that are no numbers.
    """
    samples, rate = read_sound(path)
    return speech_track(samples, rate, method, source=str(path))


def speech_track(
    samples: NDArray[np.floating], rate: int, method: Method = "w2v", *, source: str = "the sound"
) -> SpeechTrack:
    """A track of mono sound (n,) at any rate; see :func:`read_speech`.

    Raises:
        DataError: no samples, or values that are no numbers; ``source`` is named.
    """
    if samples.ndim != 1 or not len(samples):
        raise DataError(f"{source} should be mono with samples, and has shape {samples.shape}.")
    bad = int((~np.isfinite(samples)).sum())
    if bad:
        raise DataError(f"{source} holds {bad} samples that are no numbers.")
    if method == "nva2f":
        converted = _like_nva2f(np.asarray(samples, np.float64), rate)
    else:
        converted = resample(samples, rate, SAMPLE_RATE)
    if not len(converted):
        raise DataError(f"{source} is shorter than one sample at {SAMPLE_RATE} Hz.")
    plain = np.ascontiguousarray(converted, np.float32)
    return SpeechTrack(plain, _level(plain))


def _level(samples: NDArray[np.floating]) -> float:
    peak = float(np.abs(samples).max(initial=0.0))
    return peak if peak > _QUIET else 1.0


def _like_nva2f(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    samples = samples / _level(samples)
    ratio = SAMPLE_RATE / rate
    if ratio == 1:
        return samples
    from scipy.signal import resample_poly  # only this method needs it

    up = round(1000 * min(ratio, 1))
    if up < 1:
        raise DataError(f"A rate of {rate} samples a second is too high to convert.")
    return np.asarray(resample_poly(samples, up, round(up / ratio)))


@dataclass(eq=False)
class TrackCache:
    """Decoded tracks by file, each read once.

    Args:
        folder: that the files lie in.
        method: of decoding.
        keeps: False decodes anew every time, for datasets larger than the memory.
    """

    folder: Path
    method: Method = "w2v"
    keeps: bool = True
    _tracks: dict[str, SpeechTrack] = field(default_factory=dict, init=False)

    def track(self, name: str) -> SpeechTrack:
        """The track of a file below the folder; see :func:`read_speech`."""
        found = self._tracks.get(name)
        if found is None:
            found = read_speech(self.folder / name, self.method)
            if self.keeps:
                self._tracks[name] = found
        return found


def random_gain(decibels: float, rng: np.random.Generator) -> float:
    """A factor between -``decibels`` and ``decibels``, uniform in dB.

    Training at many levels makes a network that needs no level taken out of its input.
    """
    return float(10 ** (rng.uniform(-decibels, decibels) / 20))


def room_noise(
    kind: NoiseKind | None,
    length: int,
    rng: np.random.Generator,
    *,
    scale: float = 0.1,
    local_range: tuple[float, float] | None = (0.0, 1.0),
) -> Floats:
    """(``length``,) of a room in which nobody speaks.

    Args:
        kind: ``gauss`` is white noise; ``mic`` has the spectrum of a quiet microphone; None is
            silence.
        length: samples.
        rng: of the noise and its level.
        scale: factor on the noise.
        local_range: a further factor is drawn between these two; None: 1.

    Raises:
        UsageError: no such kind.
    """
    if kind is None:
        return np.zeros(length, np.float32)
    factor = scale * (1.0 if local_range is None else rng.uniform(*local_range))
    if kind == "gauss":
        return (rng.normal(size=length) * factor).astype(np.float32)
    if kind != "mic":
        raise UsageError(
            f"There is no noise of the kind '{kind}'.", advice="Choose gauss, mic or null."
        )
    return (_microphone(length, rng) * factor).astype(np.float32)


def _microphone(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power in each bin and segment is N(39 · exp(-f / 300) - 121, 5.85) dB.

    Random phases, inverse short-time Fourier transform of periodic Hann segments; amplitudes are
    those of a spectrum, that is, divided by the sum of the window.
    """
    segments = math.ceil(length / _HOP) + 2
    frequency = np.linspace(0, SAMPLE_RATE / 2, _SEGMENT // 2 + 1)
    shape = (segments, len(frequency))
    decibels = rng.normal(39 * np.exp(-frequency / 300) - 121, 5.85, shape)
    phase = rng.uniform(0, 2 * np.pi, shape)
    spectrum = np.sqrt(10 ** (decibels / 10)) * np.exp(1j * phase)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_SEGMENT) / _SEGMENT)
    pieces = np.fft.irfft(spectrum * window.sum(), _SEGMENT) * window
    total, weight = np.zeros((segments + 1) * _HOP), np.zeros((segments + 1) * _HOP)
    for half in (0, 1):
        part = slice(half * _HOP, (half + segments) * _HOP)
        cut = slice(half * _HOP, (half + 1) * _HOP)
        total[part] += pieces[:, cut].ravel()
        weight[part] += np.tile(window[cut] ** 2, segments)
    return (total[_HOP:-_HOP] / weight[_HOP:-_HOP])[:length]
