"""What studio people say, and which split says it.

Owns the list of sentences, the generator of more, and the reader of a user's own. Splits are made
by sentence, so that a model is measured on sentences it never heard.
"""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from likeness.errors import DataError, UsageError
from likeness.seeds import Draws, seed_of
from likeness.speech.synthesis import MAX_CHARACTERS
from likeness.speech.timeline import EMOTIONS, Emotion

Split = Literal["train", "validation", "test"]

_TEST = frozenset((0, 1, 7, 20, 37, 51, 62, 63))
_VALIDATION = frozenset((2, 3, 4, 5, 6, 21, 39, 61))
_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}

_CANDIDATES = 24  # looked at for each sentence that is made
MOST = 100_000
"""Sentences :func:`more_sentences` makes at most, of eight million possible ones."""


@dataclass(frozen=True)
class Sentence:
    """One line to say.

    Attributes:
        text: the sentence.
        split: who may hear it.
        emotion: the one it was written for.
        number: place in its list.
    """

    text: str
    split: Split
    emotion: Emotion = "neutral"
    number: int = 0


@functools.cache
def sentences() -> tuple[Sentence, ...]:
    """The studio's own: 64 neutral ones, then three for each emotion, in a fixed order."""
    found: list[Sentence] = []
    emotion: Emotion = "neutral"
    number = 0
    for line in _lines("corpus.txt"):
        if line.startswith("["):
            emotion = next(e for e in ("neutral", *EMOTIONS) if line == f"[{e}]")
            number = 0
            continue
        found.append(Sentence(line, _split_of(emotion, number), emotion, number))
        number += 1
    return tuple(found)


def _split_of(emotion: Emotion, number: int) -> Split:
    if emotion != "neutral":
        return "validation" if number == 2 else "train"
    if number in _TEST:
        return "test"
    return "validation" if number in _VALIDATION else "train"


def split_of_text(text: str) -> Split:
    """The split of a sentence outside the corpus: four of five train, by a hash of its text."""
    place = (seed_of("sentence", text) >> 10) / 2.0**53
    if place < _SHARES["train"]:
        return "train"
    return "validation" if place < _SHARES["train"] + _SHARES["validation"] else "test"


def more_sentences(count: int, seed: int) -> tuple[Sentence, ...]:
    """Sentences of subject, adverb, verb, object and place, never one of the corpus.

    Each is chosen among candidates for the unit of speech that occurred least so far.

    Args:
        count: how many, at most ``MOST``.
        seed: of the candidates; a longer list begins with the shorter one.

    Raises:
        DataError: more sentences are asked for than can be made.
    """
    if count > MOST:
        raise DataError(
            f"{MOST} sentences can be made from the word lists; {count} were asked for.",
            advice="Give a file of your own sentences with --text.",
        )
    lists = phrases()
    seen = Counter({unit: 0 for words in lists for phrase in words for unit in phrase.units})
    made: dict[str, None] = {}
    known = {sentence.text for sentence in sentences()}
    draws = Draws("text", seed)
    while len(made) < count:
        best: tuple[float, str, Counter[str]] | None = None
        rarest = min(seen, key=lambda unit: (seen[unit], unit))
        for _ in range(_CANDIDATES):
            chosen = [words[draws.integer(len(words))] for words in lists]
            text = " ".join(phrase.text for phrase in chosen) + "."
            units = Counter(unit for phrase in chosen for unit in phrase.units)
            novelty = sum(n / (1 + seen[unit]) for unit, n in units.items()) / units.total()
            score = units[rarest] + novelty
            if text not in made and text not in known and (best is None or score > best[0]):
                best = score, text, units
        if best is not None:
            made[best[1]] = None
            seen.update(best[2])
    return tuple(
        Sentence(text, split_of_text(text), number=number) for number, text in enumerate(made)
    )


@dataclass(frozen=True)
class Phrase:
    """A part of a sentence and the units it is spoken in."""

    text: str
    units: tuple[str, ...]


@functools.cache
def phrases() -> tuple[tuple[Phrase, ...], ...]:
    """Five lists of 24: subjects, adverbs, verbs, objects, places."""
    found: list[list[Phrase]] = []
    for line in _lines("phrases.txt"):
        if line.startswith("["):
            found.append([])
        else:
            text, _, units = line.partition(" | ")
            found[-1].append(Phrase(text, tuple(units.split())))
    return tuple(tuple(words) for words in found)


@functools.cache
def corpus_fingerprint() -> str:
    """32 hexadecimal digits over the studio's sentences and the parts others are made of."""
    texts = "\n".join([*_lines("corpus.txt"), *_lines("phrases.txt")])
    return hashlib.blake2b(texts.encode(), digest_size=16).hexdigest()


def _lines(name: str) -> list[str]:
    text = resources.files("likeness.studio").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def read_sentences(path: str | Path) -> tuple[Sentence, ...]:
    """A user's own sentences, in any language: one a line, each once, empty lines left out.

    Raises:
        UsageError: there is no such file.
        DataError: the file is no UTF-8 text, or holds no sentence; or a line, which is
            named, has neither letter nor digit or is longer than can be spoken.
    """
    if not Path(path).exists():
        raise UsageError(
            f"There is no file of sentences at '{path}'.", advice="Check the option 'text'."
        )
    try:
        lines: Sequence[str] = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"Sentences should be lines of UTF-8 text in '{path}', which cannot be read: {error}.",
            advice="Save the file as UTF-8, one sentence a line.",
        ) from error
    kept: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        text = " ".join(line.split())
        if text:
            _check_line(text, f"Line {number} of '{path}'")
            kept[text] = None
    if not kept:
        raise DataError(f"'{path}' holds no sentence.", advice="Write one sentence a line.")
    return tuple(Sentence(text, split_of_text(text), number=n) for n, text in enumerate(kept))


def _check_line(text: str, place: str) -> None:
    # A sign alone may be silent, and only the synthesiser knows which is.
    if not any(unicodedata.category(letter)[0] in "LN" for letter in text):
        raise DataError(
            f"{place} holds nothing that can be spoken: {text[:40]!r}.",
            advice="Give a sentence with at least one word, or remove the line.",
        )
    if len(text) > MAX_CHARACTERS:
        raise DataError(
            f"{place} has {len(text)} characters; a text to speak may have {MAX_CHARACTERS}.",
            advice="Write one sentence a line.",
        )
