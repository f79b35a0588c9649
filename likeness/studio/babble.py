"""Who talks in the background of a recording: voices of one split, which no other split hears.

Owns these people, who are in no data set, and what they say. How they are mixed under a voice is
:mod:`likeness.studio.recording`.
"""

from __future__ import annotations

from functools import lru_cache

from likeness.seeds import Draws, seed_of
from likeness.speech.synthesis import Backend, speak
from likeness.speech.timeline import Utterance
from likeness.studio.corpus import Split, sentences
from likeness.studio.person import Person
from likeness.studio.recording import VOICES_OF_BABBLE
from likeness.studio.voice import voice_of

VOICES_PER_SPLIT = 12


def babble_person(split: Split, number: int) -> Person:
    """One of the people who are only heard, and only in this split."""
    return Person.sample(seed_of("babble person", split, number) % 2**31)


def babble_voices(
    split: Split, *key: int | str, backend: Backend = "auto"
) -> tuple[Utterance, ...]:
    """Six of the split's twelve voices, each with a sentence of the split.

    Args:
        split: of the recording.
        key: names the recording; decides who is there.
        backend: of :func:`likeness.speech.synthesis.speak`.

    Raises:
        MissingError, LikenessError: the sentences cannot be spoken.
    """
    chosen = Draws("babble", *key).permutation(VOICES_PER_SPLIT)[:VOICES_OF_BABBLE]
    return tuple(_spoken(split, int(number), backend) for number in sorted(chosen))


@lru_cache(maxsize=3 * VOICES_PER_SPLIT)
def _spoken(split: Split, number: int, backend: Backend) -> Utterance:
    texts = [line.text for line in sentences() if line.split == split]
    voice = voice_of(babble_person(split, number))
    return speak(texts[number % len(texts)], voice, seed=number, backend=backend)
