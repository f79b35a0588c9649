"""Voices of studio people: tied to their faces, told apart, and as asked when heard."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from likeness.errors import UsageError
from likeness.media.audio import resample
from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.synthesis import speak
from likeness.speech.timeline import Utterance, Voice
from likeness.studio.corpus import sentences
from likeness.studio.person import Person
from likeness.studio.voice import drifted, height_of, voice_of
from tests.speech.acoustics import formants, log_mel, median_f0

needs_espeak = pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")
VOICED = "We were away a year and you knew why, and now I am leaving you all alone."
VOWELS = "Bob had a bird at the pub, the park and the shed."


@functools.cache
def _people(count: int) -> list[Person]:
    return [Person.sample(seed) for seed in range(count)]


def _of(sex: str, count: int = 200) -> list[Person]:
    return [person for person in _people(count) if person.sex == sex]


# -- drawn from the person ------------------------------------------------------------------------


def test_a_voice_is_the_same_each_time() -> None:
    person = Person.sample(3)
    assert voice_of(person) == voice_of(Person.sample(3))
    assert voice_of(person) != voice_of(Person.sample(4))


def test_voices_follow_sex_and_age() -> None:
    men, women = ([voice_of(p) for p in _of(sex)] for sex in ("male", "female"))
    assert np.median([v.f0 for v in men]) == pytest.approx(118, rel=0.06)
    assert np.median([v.f0 for v in women]) == pytest.approx(200, rel=0.06)
    semitones = [np.std([12 * np.log2(v.f0) for v in group]) for group in (men, women)]
    assert semitones == pytest.approx([2.4, 2.2], abs=0.5)
    scales = [np.percentile([v.formant_scale for v in group], [2, 98]) for group in (men, women)]
    assert scales[0] == pytest.approx([0.92, 1.08], abs=0.03)
    assert scales[1] == pytest.approx([1.06, 1.26], abs=0.03)
    old = [voice_of(p) for p in _people(200) if p.age > 65]
    young = [voice_of(p) for p in _people(200) if p.age < 60]
    assert max(v.roughness for v in old) == 4
    assert max(v.roughness for v in young) == 2
    rates = [np.mean([v.words_per_minute for v in group]) for group in (young, old)]
    assert rates == pytest.approx([160, 157.5], abs=4)


def test_bases_come_in_their_shares() -> None:
    bases = Counter(voice_of(person).base for person in _people(200))
    assert bases["en-us"] / 200 == pytest.approx(0.7, abs=0.1)
    assert bases["English (Great Britain)"] / 200 == pytest.approx(0.2, abs=0.08)
    assert bases["English (Scotland)"] > 0


def test_the_voice_belongs_to_the_head() -> None:
    """Larger heads have longer vocal tracts: over everybody, and within a sex by the lower face."""
    people = _people(200)
    tract = [1 / voice_of(person).formant_scale for person in people]
    size = [person.measures["head_circumference"] for person in people]
    assert np.corrcoef(tract, size)[0, 1] > 0.5
    for sex in ("male", "female"):
        tract = [1 / voice_of(person).formant_scale for person in _of(sex)]
        face = [person.measures["subnasale_menton"] for person in _of(sex)]
        assert np.corrcoef(tract, face)[0, 1] > 0.3


def test_heights_are_those_of_adults_and_go_with_heads() -> None:
    for sex, mean, sd in (("male", 176, 7.0), ("female", 163, 6.4)):
        heights = [height_of(person) for person in _of(sex)]
        assert np.mean(heights) == pytest.approx(mean, abs=1.5)
        assert np.std(heights) == pytest.approx(sd, rel=0.15)
    person = _of("male")[0]
    larger = {**person.measures, "head_circumference": person.measures["head_circumference"] + 5.0}
    gained = height_of(replace(person, measures=larger)) - height_of(person)
    assert gained == pytest.approx(0.35 * 7.0 * 5.0 / 16.2)


def test_utterances_drift_a_little() -> None:
    voice = Voice(f0=100.0, words_per_minute=150.0)
    drawn = [drifted(voice, 7, n) for n in range(300)]
    assert drawn[5] == drifted(voice, 7, 5)
    for name, usual, width in (("f0", 100.0, 0.03), ("words_per_minute", 150.0, 0.04)):
        values = np.array([getattr(v, name) for v in drawn])
        assert np.abs(values / usual - 1).max() <= width + 1e-3
        assert np.std(values / usual) == pytest.approx(width / 3**0.5, rel=0.15)
    assert {replace(v, f0=100.0, words_per_minute=150.0) for v in drawn} == {voice}


def test_difficulty_changes_how_people_speak() -> None:
    voice = Voice(words_per_minute=150.0)
    drawn = {d: [drifted(voice, n, difficulty=d) for n in range(200)] for d in (0, 2, 3)}
    assert {v.words_per_minute for v in drawn[0]} == {160.0}
    assert 120 <= min(v.words_per_minute for v in drawn[2]) < 130
    assert 210 < max(v.words_per_minute for v in drawn[2]) <= 220
    assert 230 < max(v.words_per_minute for v in drawn[3]) <= 240
    assert np.mean([v.whisper for v in drawn[3]]) == pytest.approx(1 / 3, abs=0.1)
    assert not any(v.whisper for v in drawn[0] + drawn[2])
    with pytest.raises(UsageError, match="difficulty of speech"):
        drifted(voice, 1, difficulty=5)


# -- as it is heard -------------------------------------------------------------------------------


@needs_espeak
def test_twenty_voices_have_the_pitch_they_should() -> None:
    errors = []
    for person in _people(20):
        voice = voice_of(person)
        errors.append(median_f0(speak(VOICED, voice).audio, 22050) / voice.f0 - 1)
    assert np.abs(errors).max() <= 0.06


@needs_espeak
def test_voices_have_the_formants_they_should() -> None:
    """The same vowels with and without the scale, at a pitch that linear prediction can follow."""
    for person in _people(12):
        voice = replace(voice_of(person), f0=100.0, flutter=0.0)
        plain, scaled = (_vowels(replace(voice, formant_scale=s)) for s in (1, voice.formant_scale))
        ratios = np.concatenate([b / a for a, b in zip(plain, scaled) if len(a) == len(b) == 3])
        assert len(ratios) >= 9
        assert np.median(ratios) == pytest.approx(voice.formant_scale, rel=0.04)


def _vowels(voice: Voice) -> list[NDArray[np.float64]]:
    """The first three formants in the middle of each long vowel."""
    utterance = speak(VOWELS, voice)
    found = []
    for segment in utterance.timeline.sounding():
        if (
            segment.ipa[0] in "ɑæɜɛʌaɒɐɪ"
            and len(segment.ipa.strip("ː")) == 1
            and segment.duration > 0.07
        ):
            middle = round((segment.start + segment.end) / 2 * 22050)
            part = resample(utterance.audio[middle - 551 : middle + 551], 22050, 10000)
            found.append(np.array(formants(part, 10000, order=10)[:3]))
    return found


@needs_espeak
@pytest.mark.slow
def test_people_are_told_apart_by_their_voices() -> None:
    """Whitening fitted on ten people separates ten others."""
    texts = [sentence.text for sentence in sentences()[10:22]]
    features = np.array(
        [
            [
                _features(speak(text, drifted(voice_of(person), person.seed, n), seed=n))
                for n, text in enumerate(texts)
            ]
            for person in _people(20)
        ]
    )
    known, unknown = features[:10], features[10:]
    within = (known - known.mean(axis=1, keepdims=True)).reshape(-1, known.shape[2])
    centred = within / within.std(axis=0)
    values, vectors = np.linalg.eigh(np.cov(centred.T))
    values = values + 0.1 * values.mean()  # fewer utterances than would fill the space
    whitening = (vectors / np.sqrt(values)) / within.std(axis=0)[:, None]
    origin = known.reshape(-1, known.shape[2]).mean(axis=0)
    assert _auc((unknown - origin) @ whitening) >= 0.95


def _features(utterance: Utterance) -> NDArray[np.float64]:
    """Mean and deviation of log-mel over the loud frames, and log pitch."""
    mel = log_mel(utterance.audio, utterance.sample_rate)
    energy = mel.max(axis=1)
    loud = mel[energy > energy.max() - 7.0]
    pitch = np.log(median_f0(utterance.audio, utterance.sample_rate))
    return np.concatenate([loud.mean(axis=0), loud.std(axis=0), [pitch]])


def _auc(features: NDArray[np.float64]) -> float:
    """How often two utterances of one person are more alike than those of two."""
    people, each, _ = features.shape
    flat = features.reshape(people * each, -1)
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    cosine = unit @ unit.T
    who = np.repeat(np.arange(people), each)
    upper = np.triu_indices(len(who), 1)
    same = (who[:, None] == who[None])[upper]
    ranks = np.argsort(np.argsort(cosine[upper])) + 1
    positives = int(same.sum())
    above = ranks[same].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(same) - positives)))
