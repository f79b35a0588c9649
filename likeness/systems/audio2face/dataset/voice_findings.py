"""Other voices of a shot whose sound lies at another time than the shot's own.

They are trained on like the own sound and share its timing, so loudness tells a shift by itself:
no lips are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from likeness.data.inspection import Finding
from likeness.geometry.animation import VertexAnimation
from likeness.media.audio import read_sound
from likeness.systems.audio2face.dataset.own_sounds import OwnSound, loudness
from likeness.systems.audio2face.dataset.timing_findings import (
    FARTHEST_LAG,
    TOO_FAR,
    apart,
    lag_correlation,
)

_LEAST, _BETTER = 0.5, 0.15
"""Correlation of the loudness of two voices at their lag from which it says something, and by how
much more it must be than where they should lie."""


def look_at_voices(
    sounds: Mapping[str, OwnSound],
    voices: Mapping[str, Mapping[str, Path]],
    caches: Mapping[str, VertexAnimation],
) -> Iterable[Finding]:
    """What the lag between the voices of a shot and its own sound says.

    Args:
        sounds: of the shots, by shot; only those at the right time.
        voices: shot to those in other voices, by how they are called; only readable ones.
        caches: of the skin, by shot.
    """
    for shot, own in sounds.items():
        cache, others = caches[shot], voices.get(shot, {})
        farthest = round(FARTHEST_LAG * cache.fps)
        if not others or cache.num_frames < 4 * farthest:
            continue
        for where, other in others.items():
            heard = loudness(*read_sound(other), cache.num_frames, cache.fps)
            curve = lag_correlation(own.loudness, heard, farthest)
            if curve is None:
                continue
            lag = int(curve.argmax()) - farthest
            is_better = curve.max() > max(_LEAST, curve[farthest] + _BETTER)
            if abs(lag) > TOO_FAR * cache.fps and is_better:
                yield Finding(
                    "warning",
                    "audio-shifted",
                    where,
                    f"Expected this voice of shot '{shot}' at the time of its own sound, found it "
                    f"{apart(lag, cache.fps)}.",
                    "Make the voice again from the sound of the shot, over the same range.",
                )
