"""The own sound of every shot as curves over its frames, decoded once for all who compare it.

Owns how loud a frame is. What the curves say beside the lips is :mod:`.timing_findings`, beside
other voices :mod:`.voice_findings`, beside frames that do not move :mod:`.frozen_findings`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from likeness.geometry.animation import VertexAnimation
from likeness.media.audio import read_sound
from likeness.systems.audio2face.audio import speech_track
from likeness.systems.audio2face.dataset.mouth_reading import heard_around
from likeness.systems.audio2face.dataset.sounds import Recordings

_BAND = (250.0, 3000.0)
"""Hz of speech that the lips shape."""
_FLOOR = 1e-4
"""Root mean square of sound that counts as silence."""
_PADDED = 15
"""Samples that a filter sees before the first and after the last, where there are so many."""
_LOUDEST, _SPOKEN = 0.95, 0.1
"""Quantile of the frames whose level is that of the voice, and the share of it, 20 dB less, above
which it is heard."""
_SPOKEN_LEAST = 10 ** (-50 / 20)
"""Root mean square of a frame; rooms without a voice are quieter in the band."""

Curve = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OwnSound:
    """The sound of a shot in the actor's own voice.

    Attributes:
        where: how findings call the file.
        loudness: (F,) see :func:`loudness`.
        heard: (F, 200) see :func:`.mouth_reading.heard_around`; None where nobody asks for it.
    """

    where: str
    loudness: Curve
    heard: NDArray[np.float32] | None


def own_sounds(
    folder: Path,
    where: str,
    recordings: Recordings,
    caches: Mapping[str, VertexAnimation],
    faulty: Collection[str],
    read_in: Collection[str],
) -> dict[str, OwnSound]:
    """By shot, of those with a cache and a sound that can be read.

    Args:
        folder: of the sounds. where: how findings call it.
        recordings: the sounds in it.
        caches: of the skin, by shot.
        faulty: files that are not to be read, as findings call them.
        read_in: shots whose mouths are read from what is heard, which takes 0.17 GB for an hour at
            60 frames per second.
    """
    found = {}
    for shot, cache in caches.items():
        audio = recordings.get(shot, {}).get("")
        place = f"{where}/{audio}"
        if audio is None or place in faulty:
            continue
        mono, rate = read_sound(folder / audio)
        if len(mono) * cache.fps < rate:
            continue  # shorter than a frame: there is nothing to compare
        heard = None
        if shot in read_in:
            samples = speech_track(mono, rate, source=place).samples
            heard = heard_around(samples, cache.num_frames, cache.fps)
        found[shot] = OwnSound(place, loudness(mono, rate, cache.num_frames, cache.fps), heard)
    return found


def loudness(mono: NDArray[np.floating], rate: int, frames: int, fps: float) -> Curve:
    """(F,) logarithm of the root mean square of speech in every frame, of samples (n,)."""
    high = min(_BAND[1], 0.45 * rate)
    band = signal.butter(2, (min(_BAND[0], high / 2), high), "bandpass", fs=rate, output="sos")
    heard = signal.sosfiltfilt(band, mono.astype(np.float64), padlen=min(_PADDED, len(mono) - 1))
    edges = np.minimum(np.round(np.arange(frames + 1) / fps * rate).astype(np.int64), len(heard))
    power = np.concatenate([[0.0], np.cumsum(heard**2)])
    count = np.maximum(np.diff(edges), 1)
    return np.log(np.sqrt(np.diff(power[edges]) / count) + _FLOOR)


def is_speech(loud: Curve) -> NDArray[np.bool_]:
    """(F,) whether somebody speaks in a frame, by its :func:`loudness`."""
    level = np.exp(loud)
    return np.asarray(level > max(_SPOKEN * float(np.quantile(level, _LOUDEST)), _SPOKEN_LEAST))
