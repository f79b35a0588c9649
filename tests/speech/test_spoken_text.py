"""What is put into a text before it is spoken, and its words."""

from __future__ import annotations

import pytest

from likeness.seeds import Draws
from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.spoken_text import LONGEST_STRETCH, spoken_text, words_of, written_words
from likeness.speech.synthesis import speak
from likeness.speech.timeline import Voice

needs_espeak = pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")


def _spoken(written: str, between: int = 0) -> tuple[str, list[int]]:
    found = spoken_text(written, between, Draws("test"))
    return found.text, list(found.origin)


def test_ordinary_text_is_left_alone() -> None:
    text = "Mama made Papa a map, by Monday. " * 30
    assert _spoken(text) == (text, list(range(len(text))))


def test_breath_is_taken_between_words() -> None:
    text, origin = _spoken("one two three four five six seven eight nine ten", 4)
    assert text.replace(",", "") == "one two three four five six seven eight nine ten"
    assert text.count(",") == 2
    assert [origin[i] for i, c in enumerate(text) if c != ","] == list(range(48))


@pytest.mark.parametrize("unit", ["banana", "สวัสดีครับ", "7", "e\u0301", "नमस्ते"])
def test_long_stretches_are_parted_between_letters(unit: str) -> None:
    written = unit * 60
    text, origin = _spoken(written)
    parts = text.split(", ")
    assert "".join(parts) == written
    assert len(parts) >= len(written) // LONGEST_STRETCH
    assert max(map(len, parts)) <= LONGEST_STRETCH
    assert not any(part.startswith(("\u0301", "\u0e31", "\u0e35", "\u094d")) for part in parts)
    assert all(written[place] == c for c, place in zip(text, origin) if c not in ", ")


def test_leading_vowels_stay_with_their_consonant() -> None:
    assert not any(part.endswith("เ") for part in _spoken("เม" * 100)[0].split(", "))


@needs_espeak
@pytest.mark.parametrize(
    ("base", "unit"),
    [
        ("en-us", "banana"),
        ("de", "donau"),
        ("cmn", "妈妈骂马"),
        ("ja", "おばあさん"),
        ("yue", "早晨"),
    ],
)
def test_nothing_of_a_long_stretch_is_dropped(base: str, unit: str) -> None:
    """As many sounds for each of two hundred as for each of two."""

    def sounds(count: int) -> int:
        heard = speak(unit * count, Voice(base=base), backend="espeak").timeline.sounding()
        return sum(1 for _ in heard)

    assert sounds(200) == pytest.approx(100 * sounds(2), rel=0.02)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("I can't, it's Zoe's!", ["I", "can't", "it's", "Zoe's"]),
        ("C'est l'œuf dur", ["C'est", "l'œuf", "dur"]),
        ("«well-known» x-ray…then/now", ["well-known", "x-ray", "then", "now"]),
        ("2 + 2 = 4 <b>", ["2", "+", "2", "=", "4", "b"]),
        ("-5% of $20, - 🙂 ?!", ["5%", "of", "$20", "🙂"]),
        (" \u2014 ", []),
    ],
)
def test_words_of_a_text(written: str, words: list[str]) -> None:
    assert [written[first:last] for first, last in written_words(written)] == words


def test_pieces_within_a_word_are_that_word() -> None:
    written = "12,345 can't go"
    spans = [(0, 3), (1, 4), (3, 6), (7, 10), (13, 15)]
    assert words_of(written, range(15), spans) == (["12,345", "can't", "go"], [0, 0, 0, 1, 2])


def test_pieces_are_words_where_none_are_written() -> None:
    written = "妈妈骂马。你好吗"
    spans = [(0, 1), (2, 3), (3, 4), (5, 6), (7, 8)]
    words, number = words_of(written, range(8), spans)
    assert words == ["妈妈", "骂", "马", "你好", "吗"]
    assert number == [0, 1, 2, 3, 4]
