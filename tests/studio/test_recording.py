"""Recordings: each step against its formula, and nothing moved in time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.speech.synthesis import speak
from likeness.speech.timeline import Utterance, Voice
from likeness.studio.recording import (
    MICROPHONES,
    Conditions,
    Room,
    draw_conditions,
    record,
    speech_mask,
)


@pytest.fixture(scope="module")
def spoken() -> Utterance:
    text = "Several of these syllables are enough to measure what a room does to a voice."
    return speak(text, Voice(), backend="formant")


@pytest.fixture(scope="module")
def others() -> list[Utterance]:
    texts = [f"Somebody else is talking about number {n} behind." for n in range(6)]
    return [
        speak(text, Voice(f0=90.0 + 30 * n), seed=n, backend="formant")
        for n, text in enumerate(texts)
    ]


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))


def _lag(first: np.ndarray, second: np.ndarray) -> float:
    """Samples by which ``second`` is late: the peak of its response to ``first``.

    A plain cross-correlation would take the pitch for an echo.
    """
    size = 2 ** int(np.ceil(np.log2(2 * len(first))))
    source, heard = np.fft.rfft(first, size), np.fft.rfft(second, size)
    power = np.abs(source) ** 2
    response = np.fft.irfft(np.conj(source) * heard / (power + 0.1 * power.mean()), size)
    response = np.roll(response, size // 2)
    peak = int(np.argmax(response))
    left, middle, right = response[peak - 1 : peak + 2]
    return peak - size // 2 + 0.5 * (left - right) / (left - 2 * middle + right)


CONDITIONS = {
    "dry": Conditions(),
    "small room": Conditions(room=Room(0.2, 8.0)),
    "hall": Conditions(room=Room(0.8, 0.0)),
    "pink": Conditions(noise="pink", snr=10.0),
    "hum": Conditions(noise="hum", snr=10.0, mains=60.0),
    "babble": Conditions(noise="babble", snr=10.0),
    "tilt": Conditions(microphone="tilt", tilt=-4.0),
    "high-pass": Conditions(microphone="high-pass"),
    "telephone": Conditions(microphone="telephone"),
    "compression": Conditions(microphone="compression"),
    "clipped": Conditions(clipped=True),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_nothing_moves_in_time(spoken: Utterance, others: list[Utterance], name: str) -> None:
    found = record(spoken, CONDITIONS[name], name, others=others)
    assert len(found) == len(spoken.audio)
    assert abs(_lag(spoken.audio, found)) < 0.02
    late = np.concatenate([np.zeros(8, np.float32), found])[: len(found)]
    assert _lag(spoken.audio, late) == pytest.approx(8.0, abs=0.05)


@pytest.mark.parametrize("name", CONDITIONS)
def test_recordings_are_16_bit_and_at_their_level(
    spoken: Utterance, others: list[Utterance], name: str
) -> None:
    conditions = replace(CONDITIONS[name], level=-30.0)
    found = record(spoken, conditions, name, others=others)
    assert found.dtype == np.float32
    assert np.array_equal(found * 32768.0, np.round(found * 32768.0))
    mask = speech_mask(spoken, len(found), 16000)
    if name == "clipped":
        assert np.abs(found).max() > 0.999
        assert np.mean(np.abs(found) > 0.999) > 1e-4
    else:
        assert 20 * np.log10(_rms(found[mask])) == pytest.approx(-30.0, abs=0.1)
        assert np.abs(found).max() <= 10 ** (-1 / 20) + 1e-4


def test_a_recording_is_the_same_each_time(spoken: Utterance, others: list[Utterance]) -> None:
    conditions = Conditions(room=Room(0.3, 9.0), noise="babble", microphone="tilt", tilt=2.0)
    first, second = (record(spoken, conditions, 5, others=others) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, record(spoken, conditions, 6, others=others))


def test_a_loud_level_never_clips(spoken: Utterance) -> None:
    found = record(spoken, Conditions(level=-2.0), 1)
    assert np.abs(found).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)


def test_emotions_keep_their_level(spoken: Utterance) -> None:
    angry = replace(spoken, emotion="anger")
    ratio = _rms(record(angry, Conditions(), 1)) / _rms(record(spoken, Conditions(), 1))
    assert 20 * np.log10(ratio) == pytest.approx(4.0, abs=0.05)


def test_silence_has_a_floor(spoken: Utterance) -> None:
    found = record(spoken, Conditions(), 1)
    quiet = found[: round(0.2 * 16000)]
    assert 20 * np.log10(_rms(quiet)) == pytest.approx(-75.0, abs=1.0)


@pytest.mark.parametrize("noise", ["pink", "hum", "babble"])
def test_noise_has_its_distance(spoken: Utterance, others: list[Utterance], noise: str) -> None:
    """The noise alone, as the difference to a recording whose noise is next to nothing."""
    loud = replace(Conditions(), noise=noise, snr=10.0)
    quiet = replace(loud, snr=90.0)
    first, second = (record(spoken, c, 1, others=others).astype(float) for c in (loud, quiet))
    mask = speech_mask(spoken, len(first), 16000)
    gain = np.sum(first * second) / np.sum(second**2)
    speech, rest = gain * second, first - gain * second
    assert 20 * np.log10(_rms(speech[mask]) / _rms(rest)) == pytest.approx(10.0, abs=0.5)


def test_noises_have_their_spectra(spoken: Utterance) -> None:
    def slope(noise: str, low: float, high: float) -> float:
        """dB per octave."""
        conditions = replace(Conditions(), noise=noise, snr=-60.0)
        power = np.abs(np.fft.rfft(record(spoken, conditions, 1))) ** 2
        at = np.fft.rfftfreq(len(spoken.audio), 1 / 16000)
        bands = [10 * np.log10(power[(at > f) & (at < 2 * f)].mean()) for f in (low, high)]
        return (bands[1] - bands[0]) / np.log2(high / low)

    assert slope("pink", 400.0, 3200.0) == pytest.approx(-3.0, abs=0.4)
    assert slope("hum", 800.0, 3200.0) == pytest.approx(-6.0, abs=0.6)


def test_hum_is_at_the_mains(spoken: Utterance) -> None:
    for mains in (50.0, 60.0):
        conditions = Conditions(noise="hum", snr=-60.0, mains=mains)
        sound = record(spoken, conditions, 1)
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
        at = np.fft.rfftfreq(len(sound), 1 / 16000)
        peak = at[np.argmax(np.where(at > 30, power, 0.0))]
        assert peak == pytest.approx(mains, abs=0.5)


def test_rooms_decay_as_they_are_told(spoken: Utterance) -> None:
    """Schroeder's integral of the response to a click."""
    click = np.zeros(len(spoken.audio), np.float32)
    click[round(0.5 * 16000)] = 0.5
    dry = replace(spoken, audio=click)
    found = record(dry, Conditions(room=Room(0.5, 3.0), noise="pink", snr=120.0), 1).astype(float)
    start = int(np.argmax(np.abs(found)))
    assert start == round(0.5 * 16000)
    assert np.abs(found[start + 1 : start + 46]).max() < 1e-3  # a gap of 3 ms
    tail = found[start + 40 : start + 40 + 8000]
    assert 10 * np.log10(found[start] ** 2 / np.sum(tail**2)) == pytest.approx(3.0, abs=0.2)
    left = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2) + 1e-12)
    reached = np.flatnonzero(left < -20)[0] / 16000
    assert 3 * reached == pytest.approx(0.5, rel=0.15)


def test_microphones_have_their_curves(spoken: Utterance) -> None:
    plain = np.abs(np.fft.rfft(record(spoken, Conditions(), 1)))
    at = np.fft.rfftfreq(len(spoken.audio), 1 / 16000)

    def gain(conditions: Conditions, frequency: float) -> float:
        """dB against 1 kHz."""
        ratio = np.abs(np.fft.rfft(record(spoken, conditions, 1))) / plain
        near = [float(np.median(ratio[np.abs(at - f) < 0.03 * f])) for f in (frequency, 1000.0)]
        return float(20 * np.log10(near[0] / near[1]))

    assert gain(Conditions(microphone="tilt", tilt=3.0), 4000.0) == pytest.approx(2.0, abs=0.1)
    assert gain(Conditions(microphone="tilt", tilt=3.0), 250.0) == pytest.approx(-2.0, abs=0.1)
    assert gain(Conditions(microphone="high-pass"), 100.0) == pytest.approx(-3.0, abs=0.3)
    telephone = Conditions(microphone="telephone")
    assert gain(telephone, 300.0) == pytest.approx(-3.0, abs=0.4)
    assert gain(telephone, 3400.0) == pytest.approx(-3.0, abs=0.4)
    assert gain(telephone, 150.0) < -20


def test_compression_halves_what_is_over_the_mean(spoken: Utterance) -> None:
    def spread(sound: np.ndarray) -> float:
        frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
        level = 10 * np.log10(np.mean(frames.astype(float) ** 2, axis=1) + 1e-12)
        loud = level > 10 * np.log10(np.mean(sound.astype(float) ** 2)) + 1
        return float(np.std(level[loud]))

    plain = record(spoken, Conditions(), 1)
    squeezed = record(spoken, Conditions(microphone="compression"), 1)
    frames = plain[: len(plain) // 320 * 320].reshape(-1, 320).astype(float)
    levels = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    kept = squeezed[: len(plain) // 320 * 320].reshape(-1, 320).astype(float)
    after = 10 * np.log10(np.mean(kept**2, axis=1) + 1e-12)
    loud = levels > 10 * np.log10(np.mean(plain.astype(float) ** 2)) + 2
    slope = np.polyfit(levels[loud], after[loud], 1)[0]
    assert slope == pytest.approx(0.5, abs=0.15)
    assert spread(squeezed) < spread(plain)


def test_breaths_are_heard_where_they_are_taken(spoken: Utterance) -> None:
    breaths = [(0.05, 0.3)]
    found = record(spoken, Conditions(), 1, breaths=breaths)
    inside = found[round(0.05 * 16000) : round(0.3 * 16000)]
    assert 20 * np.log10(_rms(inside)) == pytest.approx(-45.0, abs=0.5)
    power = np.abs(np.fft.rfft(inside)) ** 2
    at = np.fft.rfftfreq(len(inside), 1 / 16000)
    assert power[(at > 400) & (at < 3700)].sum() / power.sum() > 0.95


def test_babble_needs_others(spoken: Utterance) -> None:
    with pytest.raises(DataError, match="babble_voices for the split"):
        record(spoken, Conditions(noise="babble"), 1)


def test_conditions_come_as_often_as_they_should() -> None:
    drawn = [draw_conditions("a", n) for n in range(3000)]
    rooms = Counter(
        "dry" if c.room is None else "small" if c.room.rt60 <= 0.35 else "hall" for c in drawn
    )
    assert rooms["dry"] / 3000 == pytest.approx(0.4, abs=0.03)
    assert rooms["hall"] / 3000 == pytest.approx(0.2, abs=0.03)
    noises = Counter(c.noise for c in drawn)
    assert noises["none"] / 3000 == pytest.approx(0.4, abs=0.03)
    assert noises["babble"] / 3000 == pytest.approx(0.2, abs=0.03)
    microphones = Counter(c.microphone for c in drawn)
    for name, share in MICROPHONES:
        assert microphones[name] / 3000 == pytest.approx(share, abs=0.03)
    assert np.mean([c.snr for c in drawn]) == pytest.approx(21.8, abs=0.5)
    assert {True} == {-30.0 <= c.level <= -22.0 and 10.0 <= c.snr <= 30.0 for c in drawn}
    assert not any(c.clipped for c in drawn)
    clipped = [draw_conditions("a", n, clipping=0.02).clipped for n in range(3000)]
    assert np.mean(clipped) == pytest.approx(0.02, abs=0.01)


def test_difficulty_changes_the_conditions() -> None:
    for n in range(30):
        easy, hard, hardest = (draw_conditions(n, difficulty=d) for d in (0, 2, 3))
        assert (easy.room, easy.noise, easy.microphone) == (None, "none", "none")
        assert hard.noise != "none"
        assert 5.0 <= hard.snr <= 15.0
        assert (hardest.noise, hardest.microphone) == ("babble", "telephone")
    with pytest.raises(UsageError, match="0, 1, 2 or 3"):
        draw_conditions(1, difficulty=4)
