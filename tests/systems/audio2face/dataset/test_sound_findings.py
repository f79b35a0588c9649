"""What inspection says of the sound files themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from likeness.media.audio import write_wav
from tests.systems.audio2face.dataset.recordings import ANNA, FPS, FRAMES, RATE, found


def test_a_sound_of_another_length_is_an_error(root: Path) -> None:
    seconds = FRAMES / FPS
    path = root / ANNA / "audio/joy_001.wav"
    write_wav(path, 0.1 * np.ones(round((seconds + 0.3) * RATE), np.float32), RATE)
    assert f"found {seconds + 0.3:.2f} s" in found(root)["audio-length"].message
    write_wav(path, 0.1 * np.ones(round((seconds + 0.09) * RATE), np.float32), RATE)
    assert "audio-length" not in found(root)


@pytest.mark.parametrize("suffix", [".wav", ".mp3"])
def test_a_sound_whose_end_is_missing_is_told_with_both_lengths(root: Path, suffix: str) -> None:
    """The frames fit what is there; an MP3 file was taken for as long as its header says."""
    audio = root / ANNA / "audio"
    (audio / "joy_001.wav").unlink()
    path, length = audio / f"joy_001{suffix}", FRAMES / FPS
    noise = 0.1 * np.random.default_rng(0).normal(size=4 * RATE)
    soundfile.write(path, noise, RATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    there = len(soundfile.read(path)[0]) / RATE
    assert 1.8 < there < 2.1
    findings = found(root)
    assert findings["sound-cut"].severity == "warning"
    assert f"the 4.00 s that its header says, found {there:.2f} s" in findings["sound-cut"].message
    assert f"{length:.2f} s (12 frames at 30); found {there:.2f} s" in (
        findings["audio-length"].message
    )
    path.write_bytes(whole)
    assert "sound-cut" not in found(root)


def test_channels_that_cancel_and_integers_as_floats_are_told(root: Path) -> None:
    """The mean of the channels is what is heard."""
    audio = root / ANNA / "audio"
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, round(FRAMES / FPS * RATE))
    soundfile.write(audio / "joy_001.wav", np.stack([noise, -noise], 1), RATE)
    soundfile.write(audio / "joy_002.wav", 32768 * noise, RATE, subtype="FLOAT")
    findings = found(root)
    assert "mean of its 2 channels, which cancel" in findings["sound-silent"].message
    assert findings["sound-silent"].path == f"{ANNA}/audio/joy_001.wav"
    assert findings["sound-range"].path == f"{ANNA}/audio/joy_002.wav"
    largest = 32768 * np.abs(noise).max()
    assert f"-1 to 1, found some of {largest:.4g}." in findings["sound-range"].message


def test_silence_garbage_and_low_rates_are_told(root: Path) -> None:
    audio = root / ANNA / "audio"
    write_wav(audio / "joy_001.wav", np.zeros(round(FRAMES / FPS * RATE), np.float32), RATE)
    (audio / "joy_002.wav").write_bytes(b"no sound at all")
    write_wav(audio / "neutral_000.wav", 0.1 * np.ones(round(FRAMES / FPS * 8000)), 8000)
    (audio / "joy_007.wav").write_bytes((audio / "joy_001.wav").read_bytes())
    findings = found(root)
    assert findings["sound-silent"].path.endswith("joy_001.wav")
    assert findings["sound"].path.endswith("joy_002.wav")
    assert findings["sound-rate"].path.endswith("neutral_000.wav")
    assert findings["sound-stray"].path.endswith("joy_007.wav")
