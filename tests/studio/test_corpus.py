"""The studio's sentences: which split says what, and more of them on demand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from likeness.errors import DataError, UsageError
from likeness.seeds import Draws
from likeness.speech.espeak import synthesise
from likeness.speech.espeak_library import find_espeak, is_espeak_present, voice_file
from likeness.speech.phonemes import UNITS, units_of
from likeness.speech.timeline import EMOTIONS, Voice
from likeness.studio.corpus import (
    MOST,
    Sentence,
    more_sentences,
    phrases,
    read_sentences,
    sentences,
    split_of_text,
)

_ENGLISH = set(UNITS) - {"_", "y", "ø", "œ", "r", "ɥ", "ʔ"}


def test_there_are_94_sentences() -> None:
    counts = Counter(sentence.emotion for sentence in sentences())
    assert counts == {"neutral": 64, **dict.fromkeys(EMOTIONS, 3)}
    texts = [sentence.text for sentence in sentences()]
    assert len(set(texts)) == 94
    assert texts[0] == "Bob packed my box with five dozen vivid maps."
    assert texts[63] == "Avoid the voice of that annoying cowboy."
    assert all(text[-1] in ".?!" and text == " ".join(text.split()) for text in texts)


def test_splits_go_by_number() -> None:
    numbers: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for sentence in sentences()[:64]:
        numbers[sentence.split].append(sentence.number)
    assert numbers["test"] == [0, 1, 7, 20, 37, 51, 62, 63]
    assert numbers["validation"] == [2, 3, 4, 5, 6, 21, 39, 61]
    assert len(numbers["train"]) == 48
    for sentence in sentences()[64:]:
        assert sentence.split == ("validation" if sentence.number == 2 else "train")


def _units(made: tuple[Sentence, ...]) -> Counter[str]:
    """By taking the sentences apart again."""
    units: Counter[str] = Counter()
    for sentence in made:
        rest = sentence.text.removesuffix(".") + " "
        for words in phrases():
            (phrase,) = [phrase for phrase in words if rest.startswith(phrase.text + " ")]
            units.update(phrase.units)
            rest = rest.removeprefix(phrase.text + " ")
        assert not rest
    return units


def test_more_sentences_bring_up_the_rarest_sounds() -> None:
    made = more_sentences(100, 5)
    assert len({sentence.text for sentence in made}) == 100
    assert not {s.text for s in made} & {s.text for s in sentences()}
    greedy = _units(made)
    draws = Draws("at random")
    random = _units(
        tuple(
            Sentence(" ".join(words[draws.integer(24)].text for words in phrases()) + ".", "train")
            for _ in range(100)
        )
    )
    assert set(greedy) == _ENGLISH
    assert min(greedy.values()) > 2 * min(random[unit] for unit in _ENGLISH)


def test_a_longer_list_begins_with_the_shorter_one() -> None:
    assert more_sentences(30, 5)[:10] == more_sentences(10, 5)
    assert more_sentences(10, 5) != more_sentences(10, 6)
    assert more_sentences(0, 5) == ()
    with pytest.raises(DataError, match="--text"):
        more_sentences(MOST + 1, 5)


def test_a_text_is_always_in_the_same_split() -> None:
    made = more_sentences(400, 1)
    assert all(sentence.split == split_of_text(sentence.text) for sentence in made)
    shares = Counter(sentence.split for sentence in made)
    assert shares["train"] / 400 == pytest.approx(0.8, abs=0.06)
    assert shares["test"] / 400 == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_splits_share_no_sentence_and_hold_all_units(seed: int) -> None:
    made = more_sentences(200, seed)
    texts: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for sentence in (*made, *sentences()):
        texts[sentence.split].add(sentence.text)
    assert sum(map(len, texts.values())) == 294
    assert len(set.union(*texts.values())) == 294
    for split in texts:
        assert set(_units(tuple(s for s in made if s.split == split))) == _ENGLISH


@pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")
def test_each_split_of_the_studio_s_sentences_is_spoken_in_all_units() -> None:
    library = find_espeak()
    lines = voice_file(Voice(), library)
    heard: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for sentence in sentences():
        speech = synthesise(sentence.text, lines, words_per_minute=160, library=library)
        for event in speech.events:
            heard[sentence.split].update(units_of(event.name))
    for split, units in heard.items():
        assert units >= _ENGLISH, split


def test_phrases_are_five_lists_of_24() -> None:
    assert [len({phrase.text for phrase in words}) for words in phrases()] == [24] * 5
    assert all(set(phrase.units) <= set(UNITS) for words in phrases() for phrase in words)


@pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")
@pytest.mark.parametrize("number", range(5))
def test_phrases_are_spoken_in_their_units(number: int) -> None:
    library = find_espeak()
    lines = voice_file(Voice(), library)
    for phrase in phrases()[number][:: 6 + number]:
        speech = synthesise(phrase.text, lines, words_per_minute=160, library=library)
        units = [unit for event in speech.events for unit in units_of(event.name)]
        assert tuple(units) == phrase.units


def test_own_sentences_are_read(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\ufeffGuten  Morgen.\r\n\n  Wie geht's?\nGuten Morgen.\n", encoding="utf-8")
    found = read_sentences(path)
    assert [sentence.text for sentence in found] == ["Guten Morgen.", "Wie geht's?"]
    assert [sentence.number for sentence in found] == [0, 1]
    assert found[0].split == split_of_text("Guten Morgen.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n", "text.txt' holds no sentence"),
        (b"\xff\xfe\xd8", "UTF-8"),
        (b"Guten Morgen.\n\n-- \xc2\xb4 ^ --\n", "Line 3 of .* nothing that can be spoken: '-- "),
        (b"Eins.\n" + b"a" * 30_000, "Line 2 of .* has 30000 characters; .* may have 20000"),
    ],
)
def test_files_without_sentences_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_sentences(path)
    with pytest.raises(UsageError, match=r"none\.txt"):
        read_sentences(tmp_path / "none.txt")
