"""The synthesiser of formulas, held against its own table by independent measures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from likeness.speech import formant
from likeness.speech.formant import SAMPLE_RATE, utter
from likeness.speech.timeline import SILENCE, Timeline, Voice
from tests.speech.acoustics import formants, median_f0

TEXT = "Anyone who hears many of these syllables will hear all of their sounds in a minute. " * 6
PITCH = 70.0


@pytest.fixture(scope="module")
def said() -> tuple[np.ndarray, Timeline]:
    return utter(TEXT, Voice(f0=PITCH), 1, silence=(0.4, 0.5))


def _middles(said: tuple[np.ndarray, Timeline], unit: str, seconds: float) -> list[np.ndarray]:
    audio, timeline = said
    half = round(seconds * SAMPLE_RATE / 2)
    middles = [(s.start + s.end) / 2 for s in timeline.segments if s.ipa == unit]
    return [audio[round(m * SAMPLE_RATE) - half :][: 2 * half] for m in middles]


def _upper_formants(said: tuple[np.ndarray, Timeline], vowel: str) -> np.ndarray:
    """Median of the second and third formants, which pitch pulls little."""
    found = [formants(part, SAMPLE_RATE, order=10)[:3] for part in _middles(said, vowel, 0.06)]
    complete = [values[1:] for values in found if len(values) == 3]
    assert len(complete) >= 5
    return np.median(complete, axis=0)


@pytest.mark.parametrize("vowel", ["ɛ", "æ", "ɑː", "ə"])
def test_vowels_have_the_formants_of_the_table(
    said: tuple[np.ndarray, Timeline], vowel: str
) -> None:
    wanted = formant._VOWELS[vowel][1:]
    assert _upper_formants(said, vowel) == pytest.approx(wanted, rel=0.05)


def test_the_formant_scale_counts(said: tuple[np.ndarray, Timeline]) -> None:
    wider = utter(TEXT, Voice(f0=PITCH, formant_scale=1.2), 1, silence=(0.4, 0.5))
    ratio = _upper_formants(wider, "æ") / _upper_formants(said, "æ")
    assert ratio == pytest.approx([1.2, 1.2], rel=0.04)


def test_resonators_are_those_of_the_formula() -> None:
    """The impulse response against the product of Klatt's transfer functions."""
    frequencies = (500.0, 1500.0, 2500.0)
    impulse = np.zeros(4000)
    impulse[0] = 1.0
    found = formant._resonated(impulse, np.tile(frequencies, (4000, 1)))
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(4000))
    wanted = np.ones(len(turn), complex)
    for frequency, bandwidth in zip(frequencies, (60.0, 90.0, 120.0)):
        c = -np.exp(-2 * np.pi * bandwidth / SAMPLE_RATE)
        b = 2 * np.exp(-np.pi * bandwidth / SAMPLE_RATE)
        b *= np.cos(2 * np.pi * frequency / SAMPLE_RATE)
        wanted *= (1 - b - c) / (1 - b * turn - c * turn**2)
    assert np.abs(np.fft.rfft(found) - wanted).max() < 1e-6


def test_resonators_move_with_the_formants() -> None:
    """Every 5 ms with other coefficients, as SciPy's filter does piece by piece, bit for bit."""
    rng = np.random.default_rng(0)
    source, step = rng.standard_normal(1003), round(0.005 * SAMPLE_RATE)
    tracks = rng.uniform(300.0, 3000.0, (1003, 3))
    wanted = source
    for number, bandwidth in enumerate((60.0, 90.0, 120.0)):
        radius, state, parts = np.exp(-np.pi * bandwidth / SAMPLE_RATE), np.zeros(2), []
        for first in range(0, 1003, step):
            turn = 2.0 * radius * np.cos(2 * np.pi * tracks[first, number] / SAMPLE_RATE)
            gain, recursion = [1.0 - turn + radius * radius], [1.0, -turn, radius * radius]
            part, state = lfilter(gain, recursion, wanted[first : first + step], zi=state)
            parts.append(part)
        wanted = np.concatenate(parts)
    np.testing.assert_array_equal(formant._resonated(source, tracks), wanted)


@pytest.mark.parametrize("unit", ["s", "ʃ", "f", "h"])
def test_noise_lies_at_its_centre(said: tuple[np.ndarray, Timeline], unit: str) -> None:
    parts = _middles(said, unit, 0.03)
    power = np.mean([np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2 for part in parts], 0)
    peak = np.fft.rfftfreq(len(parts[0]), 1 / SAMPLE_RATE)[
        int(np.argmax(np.convolve(power, np.ones(9), "same")))
    ]
    assert peak == pytest.approx(formant._FRICATIVES[unit][0], rel=0.12)


def test_pitch_is_the_voices() -> None:
    for f0 in (90.0, 210.0):
        audio, _ = utter(TEXT[:80], Voice(f0=f0), 1, silence=(0.1, 0.1))
        assert median_f0(audio, SAMPLE_RATE) == pytest.approx(f0, rel=0.05)


def test_whispers_have_no_pitch() -> None:
    """One period later a voice is much the same, a whisper is not."""

    def likeness(voice: Voice) -> float:
        said = utter(TEXT, voice, 1, silence=(0.1, 0.1))
        parts = _middles(said, "ɑː", 0.06)
        lags = range(152, 170)  # of 100 Hz, as it moves
        found = [max(np.corrcoef(p[:-lag], p[lag:])[0, 1] for lag in lags) for p in parts]
        return float(np.median(found))

    assert likeness(Voice(f0=100.0, f0_range=0.3)) > 0.7
    assert likeness(Voice(f0=100.0, f0_range=0.3, whisper=True)) < 0.5


def test_closures_are_silent_and_bursts_last_20_ms(said: tuple[np.ndarray, Timeline]) -> None:
    audio, timeline = said
    stops = [segment for segment in timeline.segments if segment.ipa in ("p", "t", "k")]
    assert len(stops) > 20
    for stop in stops:
        assert stop.closure is not None
        assert stop.end - stop.closure[1] == pytest.approx(0.02)
        first, last = (round(time * SAMPLE_RATE) for time in stop.closure)
        assert not audio[first:last].any()
        assert audio[last : last + 4].any()
        assert (stop.contact is None) == (stop.ipa != "p")


def test_syllables_and_pauses_follow_the_text_and_the_rate() -> None:
    _, timeline = utter("one banana", Voice(), 1, silence=(0.1, 0.2))
    sounds = [segment.ipa for segment in timeline.segments if segment.ipa != SILENCE]
    assert len(sounds) == 2 * (2 + 3)
    assert [word.text for word in timeline.words] == ["one", "banana"]
    _, slow = utter("one banana", Voice(words_per_minute=80), 1, silence=(0.1, 0.2))
    spoken, slowly = (sum(s.duration for s in t.sounding()) for t in (timeline, slow))
    assert slowly == pytest.approx(2 * spoken, rel=0.01)


def test_durations_are_those_of_the_rule(said: tuple[np.ndarray, Timeline]) -> None:
    for segment in said[1].segments[1:-1]:
        if segment.ipa in formant._VOWELS:
            assert 0.1 <= segment.duration <= 0.22
        elif segment.ipa != SILENCE:
            assert 0.06 <= segment.duration <= 0.1
    words = len(TEXT.split())
    pauses = sum(segment.ipa == SILENCE for segment in said[1].segments) - 2
    assert pauses / words == pytest.approx(0.12, abs=0.07)
