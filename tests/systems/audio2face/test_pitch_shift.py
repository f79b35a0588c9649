"""Pitch moves by what is asked, measured by autocorrelation; duration and timing stay."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.systems.audio2face.pitch_shift import pitch_shifted


def _voice(f0: float, seconds: float = 1.0) -> np.ndarray:
    """Harmonics with a formant at 700 Hz."""
    time = np.arange(int(16000 * seconds)) / 16000
    harmonics = np.arange(1, int(4000 / f0))
    size = 1 / (1 + ((harmonics * f0 - 700) / 400) ** 2)
    return (0.1 * size @ np.sin(2 * np.pi * f0 * np.outer(harmonics, time))).astype(np.float32)


def _f0(sound: np.ndarray) -> float:
    """Highest peak of the autocorrelation between 70 and 400 Hz, refined by a parabola."""
    part = sound[4000:12000] - sound[4000:12000].mean()
    found = np.correlate(part, part, "full")[len(part) - 1 :]
    lags = np.arange(40, 229)
    best = int(lags[found[lags].argmax()])
    a, b, c = found[best - 1 : best + 2]
    return 16000 / (best + 0.5 * (a - c) / (a - 2 * b + c))


@pytest.mark.parametrize("semitones", [-2.0, -1.0, 0.5, 2.0])
@pytest.mark.parametrize("f0", [110.0, 200.0])
def test_measured_pitch(f0: float, semitones: float) -> None:
    sound = _voice(f0)
    found = pitch_shifted(sound, semitones)
    assert len(found) == len(sound)
    assert found.dtype == np.float32
    assert _f0(found) == pytest.approx(f0 * 2 ** (semitones / 12), rel=0.01)
    loudness = np.sqrt(np.mean(found**2)) / np.sqrt(np.mean(sound**2))
    assert 0.8 < loudness < 1.25


@pytest.mark.parametrize("semitones", [-2.0, 2.0])
def test_syllables_stay_where_they_are(semitones: float) -> None:
    sound = np.zeros(32000, np.float32)
    for start in (4000, 13000, 24000):
        sound[start : start + 3000] = _voice(150)[:3000]
    found = pitch_shifted(sound, semitones)
    loud = np.convolve(np.abs(found), np.ones(400) / 400, "same") > 0.02
    rises = np.flatnonzero(np.diff(loud.astype(int)) == 1)
    # One rise at each syllable, within 20 ms; ripples shorter than that are joined.
    rises = rises[np.diff(rises, prepend=-10000) > 3200]
    np.testing.assert_allclose(rises, [4000, 13000, 24000], atol=480)


def test_nothing_to_do_changes_nothing() -> None:
    sound = _voice(150)
    assert np.array_equal(pitch_shifted(sound, 0.0), sound)
    assert np.array_equal(pitch_shifted(np.zeros(50, np.float32), 2.0), np.zeros(50))
    assert len(pitch_shifted(sound[:100], 2.0)) == 100
