"""What the timeline of the whole corpus looks like: durations, closures, rate of speech."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.phonemes import UNITS, VOWELS, manner_of, units_of
from likeness.speech.synthesis import speak
from likeness.speech.timeline import Segment, Utterance, Voice
from likeness.studio.corpus import sentences

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing"),
]

# Median milliseconds of American English at 160 words a minute.
DURATIONS = {
    "p": 88,
    "t": 96,
    "k": 101,
    "b": 38,
    "m": 69,
    "f": 81,
    "v": 62,
    "s": 78,
    "ʃ": 99,
    "ə": 70,
    "ɪ": 90,
    "iː": 110,
    "æ": 122,
    "ɑː": 140,
    "aɪ": 142,
    "oʊ": 169,
}


@pytest.fixture(scope="module")
def corpus() -> list[Utterance]:
    return [speak(s.text, Voice(), seed=n) for n, s in enumerate(sentences())]


def test_sounds_last_as_long_as_they_should(corpus: list[Utterance]) -> None:
    found: dict[str, list[float]] = defaultdict(list)
    for utterance in corpus:
        for segment in utterance.timeline.sounding():
            found[segment.ipa].append(1000 * segment.duration)
    for ipa, wanted in DURATIONS.items():
        assert np.median(found[ipa]) == pytest.approx(wanted, rel=0.25), ipa


def test_closures_are_exact_silence(corpus: list[Utterance]) -> None:
    closures = []
    for utterance in corpus:
        for segment in utterance.timeline.sounding():
            if manner_of(segment.ipa) == "unvoiced stop":
                assert segment.closure is not None, segment
                first, last = (round(time * utterance.sample_rate) for time in segment.closure)
                assert not utterance.audio[first:last].any()
                assert utterance.audio[last : last + 2].any()
                closures.append((last - first) / utterance.sample_rate)
    assert len(closures) == 271
    assert min(closures) >= 0.015


def _rises(corpus: list[Utterance], low: float, wanted: Callable[..., bool]) -> list[float]:
    """Milliseconds from a boundary to the instant at which energy above ``low`` Hz has come.

    At the boundary between two segments for which ``wanted`` holds, the energy of windows of 4 ms
    passes the middle, in dB, between the two; the search is 40 ms wide.
    """
    found = []
    for utterance in corpus:
        rate = utterance.sample_rate
        high = sosfiltfilt(butter(4, low, "high", fs=rate, output="sos"), utterance.audio)
        window = round(0.004 * rate) | 1
        energy = np.convolve(high**2, np.ones(window) / window, mode="same")
        level = 10 * np.log10(np.maximum(energy, 1e-9))
        for before, after in pairwise(utterance.timeline.segments):
            if not wanted(before, after):
                continue
            at, reach = round(after.start * rate), round(0.02 * rate)
            around = level[at - reach : at + reach]
            middle = (np.median(level[at - reach : at]) + np.median(level[at : at + reach])) / 2
            crossing = np.flatnonzero(around >= middle)
            crossing = crossing[crossing > np.argmin(around[: reach + 1])]
            found.append(1000 * (crossing[0] - reach) / rate)
    return found


def test_fricatives_start_when_they_are_heard(corpus: list[Utterance]) -> None:
    """The noise of s and ʃ after vowels, measured in the sound alone."""

    def fricative(before: Segment, after: Segment) -> bool:
        return after.ipa in ("s", "ʃ") and units_of(before.ipa)[-1] in VOWELS

    found = _rises(corpus, 4000.0, fricative)
    assert len(found) > 20
    assert abs(np.median(found)) < 4.0
    assert np.percentile(np.abs(found), 90) < 12.0


def test_vowels_start_where_voiced_stops_are_released(corpus: list[Utterance]) -> None:
    def release(before: Segment, after: Segment) -> bool:
        return before.ipa in ("b", "d", "ɡ") and units_of(after.ipa)[0] in VOWELS

    found = _rises(corpus, 1000.0, release)
    assert len(found) > 50
    assert abs(np.median(found)) < 4.0
    assert np.percentile(np.abs(found), 90) < 12.0


def test_lips_touch_for_55_milliseconds(corpus: list[Utterance]) -> None:
    contacts = [s.contact for u in corpus for s in u.timeline.segments if s.contact]
    assert len(contacts) == 273
    assert min(end - start for start, end in contacts) >= 0.055 - 1e-9


def test_the_sound_is_covered_at_a_usual_rate(corpus: list[Utterance]) -> None:
    units = seconds = 0.0
    for utterance in corpus:
        rate = utterance.sample_rate
        spoken = np.zeros(len(utterance.audio), bool)
        for segment in utterance.timeline.sounding():
            spoken[round(segment.start * rate) : round(segment.end * rate)] = True
            units += len(units_of(segment.ipa))
            seconds += segment.duration
        assert not utterance.audio[~spoken].any()
    assert 9 <= units / seconds <= 12


def test_each_split_holds_all_units(corpus: list[Utterance]) -> None:
    english = set(UNITS) - {"_", "y", "ø", "œ", "r", "ɥ", "ʔ"}
    heard: dict[str, set[str]] = defaultdict(set)
    for sentence, utterance in zip(sentences(), corpus):
        if sentence.emotion == "neutral":
            for segment in utterance.timeline.sounding():
                heard[sentence.split].update(units_of(segment.ipa))
    assert {split: english - units for split, units in heard.items()} == {
        split: set() for split in ("train", "validation", "test")
    }
