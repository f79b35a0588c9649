"""Voices that are late or early beside the own sound of their shot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.geometry.animation import VertexAnimation
from likeness.media.audio import write_wav
from likeness.systems.audio2face.dataset.own_sounds import own_sounds
from likeness.systems.audio2face.dataset.voice_findings import look_at_voices

FPS, SECONDS, RATE = 30.0, 3.0, 16000


def spoken(pitch: float, shift: int) -> np.ndarray:
    """Harmonics as loud as syllables of random lengths, so many frames late."""
    rng = np.random.default_rng(0)
    loud = np.interp(np.arange(300) / 3, np.arange(100), rng.uniform(0, 1, 100) ** 2)
    times = np.arange(round(SECONDS * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * pitch * k * times) / k for k in range(1, 20))
    return 0.2 * wave * np.interp(times - shift / FPS, np.arange(300) / 60, loud, left=0)


@pytest.mark.parametrize(
    ("shift", "told"), [(0, ""), (1, ""), (5, "0.17 s later"), (-5, "0.17 s earlier")]
)
def test_a_voice_five_frames_off_is_told(tmp_path: Path, shift: int, told: str) -> None:
    write_wav(tmp_path / "own.wav", spoken(110.0, 0), RATE)
    write_wav(tmp_path / "high.wav", spoken(180.0, shift), RATE)
    skin = VertexAnimation.of_array(np.zeros((round(SECONDS * FPS), 3, 3), np.float32), FPS)
    caches, recordings = {"joy_001": skin}, {"joy_001": {"": "own.wav"}}
    own = own_sounds(tmp_path, "audio", recordings, caches, (), ())
    voices = {"joy_001": {"audio/aug/high/joy_001.wav": tmp_path / "high.wav"}}
    found = list(look_at_voices(own, voices, caches))
    assert [(f.code, f.path) for f in found] == (
        [("audio-shifted", "audio/aug/high/joy_001.wav")] if told else []
    )
    assert all(
        f"'joy_001' at the time of its own sound, found it {told}" in f.message for f in found
    )
