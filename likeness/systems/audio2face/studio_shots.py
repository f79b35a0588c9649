"""What studio actors say and how it is performed and recorded, shot by shot.

Owns the choice of sentences, emotions and splits, and one take: sound, re-voiced sounds and curves.
Everything is a function of the seed, the actor and the number of the shot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import Draws, seed_of
from likeness.speech.synthesis import Backend, speak
from likeness.speech.timeline import EMOTIONS, SILENCE, Emotion, Segment, Timeline, Utterance, Voice
from likeness.studio.babble import babble_voices
from likeness.studio.closures import Lips
from likeness.studio.corpus import Sentence, Split, more_sentences, sentences
from likeness.studio.curves import Curves
from likeness.studio.difficulty import AudioKnob, Difficulty, SpeechKnob
from likeness.studio.performance import perform
from likeness.studio.performing_style import TRANSITIONS, Delivery, PerformingStyle
from likeness.studio.person import Person
from likeness.studio.recording import SAMPLE_RATE, draw_conditions, record
from likeness.studio.shares import Shares, filled
from likeness.studio.voice import drifted, voice_of

Scale = Literal["smoke", "fast", "full"]

SILENT_SECONDS = 4.0
SILENT = "neutral_silence"
SMOKE_EMOTIONS: tuple[Emotion, ...] = ("neutral", "joy")
_SMOKE_QUOTAS: dict[Split, int] = {"train": 8, "validation": 2, "test": 2}
"""Sentences of each of the two emotions at scale smoke."""
_FULL_SENTENCES = 400
_SILENT_FLOOR = -75.0  # dBFS
_SCALED = (0.08, 0.14)  # how far re-voiced formants lie from the actor's
_SLOWEST_MUMBLE = 0.4
_HARD_TRANSITIONS = 0.5
"""In place of ``TRANSITIONS`` where speech is hardest."""
VOICES = ("a", "b")
"""Names of re-voiced recordings: formants above and below the actor's."""


@dataclass(frozen=True)
class Line:
    """A sentence as one shot.

    Attributes:
        shot: name, ``<emotion>_<number>``.
        text: empty for the silent shot.
        emotion: how it is said.
        split: who may hear it.
    """

    shot: str
    text: str
    emotion: Emotion
    split: Split


@dataclass(frozen=True, eq=False)
class Take:
    """A shot as performed and recorded.

    Attributes:
        utterance: what is said, dry.
        curves: what the face does; the head's turns are in it and are left to the reader.
        sound: (samples,) at 16 kHz.
        voices: name to the same timing in another voice, as many samples.
    """

    utterance: Utterance
    curves: Curves
    sound: NDArray[np.float32]
    voices: dict[str, NDArray[np.float32]]


def lines_of(
    scale: Scale,
    seed: int,
    count: int | None = None,
    only: Split | None = None,
    *,
    own: Sequence[Sentence] = (),
    shares: Shares | None = None,
) -> tuple[Line, ...]:
    """The shots of every actor: the same sentences, in one order; a silent one ends them.

    Args:
        scale: 24 sentences in two emotions, the 94 of the corpus, or 400 more besides.
        seed: of the sentences beyond the corpus.
        count: so many of them, spread over emotions and splits; None keeps all.
        only: leave out all but this split: what people who are tested with say.
        own: sentences instead of the studio's, all of them: every second one neutral, the others in
            the scale's emotions in turn.
        shares: of the splits; None keeps those the sentences have, of ``own`` ones one at least in
            every split.
    """
    if own:
        chosen = list(zip(own, _emotions_in_turn(scale), strict=False))
    elif scale == "smoke":
        chosen = list(_smoke_sentences())
    else:
        chosen = [(sentence, sentence.emotion) for sentence in sentences()]
        if scale == "full":
            chosen += [(line, line.emotion) for line in more_sentences(_FULL_SENTENCES, seed)]
    if count is not None and count < len(chosen):
        kept_places = np.round(np.linspace(0, len(chosen) - 1, count)).astype(int)
        chosen = [chosen[place] for place in kept_places]
    splits = [sentence.split for sentence, _ in chosen]
    if shares is not None:
        splits = list(shares.of_texts([sentence.text for sentence, _ in chosen]))
    elif own:
        splits = list(filled(splits))
    numbers = Counter[str]()
    lines = []
    for (sentence, emotion), split in zip(chosen, splits, strict=True):
        shot = f"{emotion}_{numbers[emotion]:03d}"
        numbers[emotion] += 1
        lines.append(Line(shot, sentence.text, emotion, split))
    kept = [line for line in lines if only in (None, line.split)]
    return (*kept, Line(SILENT, "", "neutral", only or "train"))


def _emotions_in_turn(scale: Scale) -> Iterator[Emotion]:
    others = [e for e in SMOKE_EMOTIONS if e != "neutral"] if scale == "smoke" else EMOTIONS
    for emotion in cycle(others):
        yield "neutral"
        yield emotion


def _smoke_sentences() -> Iterator[tuple[Sentence, Emotion]]:
    """Sentences for two emotions, each said once, greedily those with the rarest letter pairs."""
    seen = Counter[str]()
    left = [line for line in sentences() if line.emotion in SMOKE_EMOTIONS]
    for emotion in SMOKE_EMOTIONS:
        for split, quota in _SMOKE_QUOTAS.items():
            for _ in range(quota):
                mine = [line for line in left if line.split == split]
                own = [line for line in mine if line.emotion == emotion != "neutral"]
                open_to = own or [line for line in mine if line.emotion == "neutral"]
                best = max(open_to, key=lambda line: (_novelty(line.text, seen), -line.number))
                seen.update(_letter_pairs(best.text))
                left.remove(best)
                yield best, emotion


def _letter_pairs(text: str) -> list[str]:
    letters = "".join(letter for letter in text.lower() if letter.isalpha())
    return [letters[k : k + 2] for k in range(len(letters) - 1)]


def _novelty(text: str, seen: Counter[str]) -> float:
    # A set has another order in every process, and a sum of floats follows it in its last digit.
    return sum(1.0 / (1 + seen[pair]) for pair in sorted(set(_letter_pairs(text))))


def take_of(
    person: Person,
    lips: Lips,
    line: Line,
    number: int,
    seed: int,
    *,
    difficulty: Difficulty,
    backend: Backend = "auto",
    voices: bool = True,
    language: str | None = None,
) -> Take:
    """One shot of an actor.

    Args:
        lips: of the head the curves are for.
        number: of the shot; another one is another take.
        voices: also record it in ``VOICES``.
        language: tag of the one the text is spoken in; None for the English of the actor.

    Raises:
        DataError, MissingError, LikenessError: the text cannot be spoken.
    """
    key = ("audio2face shot", seed, person.seed, number)
    level = get_args(SpeechKnob).index(difficulty.speech)
    take_seed = seed_of(*key)
    own = voice_of(person)
    if language is not None:
        own = replace(own, language=language, base=language)
    if not line.text:
        utterance = _silence(own)
        curves = perform(utterance, PerformingStyle.of(person), take_seed, head=lips)
        return Take(utterance, curves, _room_tone(len(utterance.audio), *key), {})
    voice = drifted(own, person.seed, number, difficulty=level)
    utterance = speak(line.text, voice, line.emotion, take_seed, backend=backend)
    draws = Draws(*key, "delivery")
    delivery = Delivery(
        mumbling=_SLOWEST_MUMBLE * draws.uniform() if level == 2 else 0.0,
        whispered=voice.whisper,
        transition=draws.uniform() < (_HARD_TRANSITIONS if level == 3 else TRANSITIONS)
        and line.emotion != "neutral",
    )
    curves = perform(utterance, PerformingStyle.of(person), take_seed, head=lips, delivery=delivery)
    breaths = [(event.start, event.end) for event in curves.of_kind("inhalation")]

    def recorded(said: Utterance, *room: int | str) -> NDArray[np.float32]:
        level = get_args(AudioKnob).index(difficulty.audio)
        conditions = draw_conditions(*key, *room, difficulty=level)
        babbles = conditions.noise == "babble"
        others = babble_voices(line.split, *key, *room, backend=backend) if babbles else ()
        return record(said, conditions, *key, *room, breaths=breaths, others=others)

    sound = recorded(utterance, "room")
    revoiced = {}
    for name in VOICES if voices else ():
        again = speak(
            line.text, other_voice(voice, name, *key), line.emotion, take_seed, backend=backend
        )
        if again.timeline != utterance.timeline:
            continue  # a voice that speaks at other times is of no use beside the same face
        revoiced[name] = recorded(again, "room", name)
    return Take(utterance, curves, sound, revoiced)


def other_voice(voice: Voice, name: str, *key: int | str) -> Voice:
    """The voice with other formants, breath and tone: what leaves the timing as it is."""
    draws = Draws(*key, "voice", name)
    share = draws.uniform(*_SCALED)
    scale = voice.formant_scale * (1.0 + share if name == VOICES[0] else 1.0 - share)
    return replace(
        voice,
        formant_scale=round(min(max(scale, 0.75), 1.4), 3),
        breath=round(draws.uniform(0.0, 3.0), 1),
        tone=round(draws.uniform(-3.0, 3.0), 1),
    )


def _silence(voice: Voice) -> Utterance:
    timeline = Timeline((Segment(SILENCE, 0.0, SILENT_SECONDS),))
    audio = np.zeros(round(SILENT_SECONDS * SAMPLE_RATE), np.float32)
    return Utterance("", audio, SAMPLE_RATE, timeline, voice, backend="none")


def _room_tone(samples: int, *key: int | str) -> NDArray[np.float32]:
    noise = Draws(*key, "noise").normals(samples) * 10 ** (_SILENT_FLOOR / 20)
    return (np.round(noise * 32768.0) / 32768.0).astype(np.float32)
