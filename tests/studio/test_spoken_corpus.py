"""What the timeline of the whole corpus looks like: durations, closures, rate of speech."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.phonemes import UNITS, manner_of, units_of
from likeness.speech.synthesis import speak
from likeness.speech.timeline import Utterance, Voice
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
