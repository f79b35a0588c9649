"""Utterances the performance tests share: by hand, by formulas, and spoken by the synthesiser."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.synthesis import speak
from likeness.speech.timeline import SILENCE, Emotion, Segment, Timeline, Utterance, Voice, Word
from likeness.studio.corpus import sentences

SECONDS = {
    "p": 0.088, "b": 0.038, "m": 0.069, "t": 0.096, "k": 0.101, "f": 0.081, "v": 0.062, "s": 0.078,
    "ʃ": 0.099, "ə": 0.070, "ɪ": 0.090, "iː": 0.110, "æ": 0.122, "ɑː": 0.140, "aɪ": 0.142,
    "oʊ": 0.169, "uː": 0.110,
}  # fmt: skip
"""Usual durations at 160 words a minute."""


def timeline_of(text: str, *, pace: float = 1.0, lead: float = 0.4, tail: float = 0.5) -> Timeline:
    """Units separated by spaces, ``*`` before a stressed one, ``_`` a pause of 0.3 s (``_0.6`` one
    of 0.6 s), between silences. Unvoiced stops are shut for their first half, nasals and voiced
    stops throughout; lips touch for at least 55 ms. Everything between two pauses is one word."""
    segments = [Segment(SILENCE, 0.0, lead)]
    words: list[Word] = []
    start_of_word = None
    for mark in text.split():
        at = segments[-1].end
        if mark.startswith(SILENCE):
            seconds = float(mark[1:] or 0.3)
            segments.append(Segment(SILENCE, at, at + seconds))
            if start_of_word is not None:
                words.append(Word("word", start_of_word, at))
                start_of_word = None
            continue
        start_of_word = at if start_of_word is None else start_of_word
        name = mark.lstrip("*")
        end = at + SECONDS.get(name, 0.09) / pace
        closure = contact = None
        if name in ("p", "t", "k"):
            closure = (at, 0.5 * (at + end))
        elif name in ("b", "d", "ɡ", "m", "n", "ŋ"):
            closure = (at, end)
        if name in ("p", "b", "m") and closure is not None:
            contact = (min(closure[0], closure[1] - 0.055), closure[1])
        stress = 2 if mark.startswith("*") else 0
        segments.append(Segment(name, at, end, stress, closure, contact))
    at = segments[-1].end
    if start_of_word is not None:
        words.append(Word("word", start_of_word, at))
    if tail:
        segments.append(Segment(SILENCE, at, at + tail))
    return Timeline(tuple(segments), tuple(words))


def utterance_of(timeline: Timeline, emotion: Emotion = "neutral") -> Utterance:
    """A silent recording of a timeline: for what only looks at the times."""
    audio = np.zeros(round(timeline.duration * 16_000), np.float32)
    return Utterance("", audio, 16_000, timeline, Voice(), emotion)


def silent(seconds: float, emotion: Emotion = "neutral") -> Utterance:
    """Nothing is said."""
    return utterance_of(Timeline((Segment(SILENCE, 0.0, seconds),)), emotion)


BILABIALS = (
    "b *ɑː b p *æ k t _ m *iː p *uː b m *oʊ _ p *ɑː p *ɑː m ə b *aɪ p ɪ m p ə b *æ m",
    "m *ɑː m ə m *eɪ d p *ɑː p ə _ w *ɛ b s *uː p b *ɛ f ɔː ɹ m *ɪ s t ɚ b ʃ *ɪ p m ɪ n ʌ p",
)
"""Contacts after every kind of neighbour, also ones that round or spread the lips."""


@functools.cache
def spoken(count: int = 94, words_per_minute: float = 160.0) -> tuple[Utterance, ...]:
    """The first sentences of the corpus as the synthesiser speaks them; skips the test where it is
    missing."""
    if not is_espeak_present():
        pytest.skip("eSpeak NG is not installed")
    voice = Voice(words_per_minute=words_per_minute)
    return tuple(
        speak(sentence.text, voice, sentence.emotion, seed=n)
        for n, sentence in enumerate(sentences()[:count])
    )
