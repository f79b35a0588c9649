"""Voices in the background: whose they are, what they say, and that splits share none."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.seeds import seed_of
from likeness.speech.timeline import Voice
from likeness.studio.babble import VOICES_PER_SPLIT, babble_person, babble_voices
from likeness.studio.corpus import sentences
from likeness.studio.person import Person
from likeness.studio.recording import VOICES_OF_BABBLE, Conditions, record
from likeness.studio.voice import voice_of

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def heard() -> dict[str, list]:
    return {
        split: [
            voice
            for number in range(20)
            for voice in babble_voices(split, "shot", number, backend="formant")
        ]
        for split in SPLITS
    }


def test_six_different_people_talk(heard):
    for split in SPLITS:
        voices = heard[split][:VOICES_OF_BABBLE]
        assert len({utterance.voice for utterance in voices}) == VOICES_OF_BABBLE == 6


def test_splits_share_neither_voices_nor_sentences(heard):
    texts = {split: {line.text for line in sentences() if line.split == split} for split in SPLITS}
    voices: dict[str, set[Voice]] = {}
    for split in SPLITS:
        own = {voice_of(babble_person(split, n)) for n in range(VOICES_PER_SPLIT)}
        voices[split] = {utterance.voice for utterance in heard[split]}
        assert voices[split] == own  # all twelve are heard in twenty shots
        assert {utterance.text for utterance in heard[split]} <= texts[split]
    assert len(set().union(*voices.values())) == 3 * VOICES_PER_SPLIT


def test_nobody_of_a_set_babbles():
    babblers = {babble_person(split, n).seed for split in SPLITS for n in range(VOICES_PER_SPLIT)}
    actors = {seed_of("audio2face actor", seed, n) % 2**31 for seed in range(20) for n in range(10)}
    assert not babblers & actors
    assert all(isinstance(Person.sample(seed).name, str) for seed in list(babblers)[:2])


def test_a_key_decides_who_is_there():
    first, again, other = (babble_voices("train", "shot", n, backend="formant") for n in (3, 3, 4))
    assert [u.voice for u in first] == [u.voice for u in again]
    assert [u.voice for u in first] != [u.voice for u in other]


def test_they_are_heard_in_a_recording(heard):
    speaker, *others = heard["train"][:7]
    conditions = Conditions(noise="babble", snr=10.0)
    with_them = record(speaker, conditions, "key", others=others)
    alone = record(speaker, Conditions(), "key")
    quiet = slice(0, round(0.15 * 16000))
    rms = [float(np.sqrt(np.mean(sound[quiet].astype(float) ** 2))) for sound in (with_them, alone)]
    assert rms[0] > 20 * rms[1]
