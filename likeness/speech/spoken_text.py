"""The text between its writer and the synthesiser: breaths, long stretches, and its words again.

Owns what is put into a text before it is spoken, and which word of it each announcement of the
library means.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from likeness.seeds import Draws

LONGEST_STRETCH = 40
"""Letters without a blank or mark that are spoken in one go; half as many digits.

Of a longer word the library drops the sounds beyond its 130th or so and says nothing.
"""

_PARTING = frozenset("—–…/")
_READ_OUT = frozenset("%&@#*+_\\")
# Scripts whose words stand together.
_UNSPACED = ("HIRAGANA", "KATAKANA", "CJK", "THAI", "LAO", "MYANMAR", "KHMER")
_LEADING_VOWELS = frozenset("เแโใไເແໂໃໄ")  # written before the consonant they follow


@dataclass(frozen=True)
class SpokenText:
    """What the library is given.

    Attributes:
        text: to speak.
        origin: for each character of it, its place in the text as written.
    """

    text: str
    origin: Sequence[int]


def spoken_text(written: str, words_between_breaths: int, draws: Draws) -> SpokenText:
    """A text with a comma where breath is taken and where a stretch is too long for the library.

    Args:
        written: the text.
        words_between_breaths: about so many; 0 takes none.
        draws: for which words exactly.
    """
    marks = _breaths(written, words_between_breaths, draws) | _breaks(written)
    text: list[str] = []
    origin: list[int] = []
    for index, letter in enumerate(written):
        added = marks.get(index, "") + letter
        text.append(added)
        origin += [index] * len(added)
    return SpokenText("".join(text), origin)


def _breaths(written: str, between: int, draws: Draws) -> dict[int, str]:
    marks: dict[int, str] = {}
    due = between
    for index, letter in enumerate(written):
        if between and letter == " " and index and written[index - 1].isalpha():
            due -= 1
            if due <= 0:
                marks[index] = ","
                due = between + draws.integer(3) - 1
    return marks


def _breaks(written: str) -> dict[int, str]:
    """Where stretches that the library would cut are parted, between letters that can part."""
    marks: dict[int, str] = {}
    length, last = 0.0, 0
    for index, letter in enumerate(written):
        if unicodedata.category(letter)[0] in "ZP":
            length, last = 0.0, 0
            continue
        length += 1.0 if letter.isalpha() or _is_mark(letter) else 2.0
        if length > 1 and _may_begin(written, index):
            last = index
        if length > LONGEST_STRETCH and last:
            marks[last] = ", "
            length, last = float(index - last + 1), 0
    return marks


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "M"


def _may_begin(written: str, index: int) -> bool:
    """Whether a part of a word may begin here: not with a mark, nor behind a leading vowel."""
    return not (_is_mark(written[index]) or written[index - 1] in _LEADING_VOWELS)


def written_words(written: str) -> list[tuple[int, int]]:
    """First and last + 1 character of each word, without the marks around it.

    Words stand between blanks and dashes. Apostrophes, hyphens and points within them belong to
    them, and so do signs that are read out, such as a percent sign.
    """
    words = []
    begin = 0
    for index in range(len(written) + 1):
        if index < len(written) and not (written[index].isspace() or written[index] in _PARTING):
            continue
        first, last = _trimmed(written, begin, index)
        if first < last:
            words.append((first, last))
        begin = index + 1
    return words


def _trimmed(written: str, first: int, last: int) -> tuple[int, int]:
    """Without the punctuation at both ends, and without signs where letters or digits are left."""
    has_letters = any(letter.isalnum() for letter in written[first:last])
    around = ("P", "Sm", "Sk") if has_letters else ("P",)

    def surrounds(letter: str) -> bool:
        return letter not in _READ_OUT and unicodedata.category(letter).startswith(around)

    while first < last and surrounds(written[first]):
        first += 1
    while last > first and surrounds(written[last - 1]):
        last -= 1
    return first, last


def words_of(
    written: str, origin: Sequence[int], spans: Sequence[tuple[int, int]]
) -> tuple[list[str], list[int]]:
    """The words of a text that the library announced, each once.

    It announces a piece of a word for each thing it reads out: "twelve thousand", "three hundred"
    and "forty-five" each, one for each letter it spells; and of "can't" it names "can". All pieces
    within one written word are that word, and a piece outside of any is a part of the word before.
    Where a script writes no blanks the library's pieces are the words.

    Args:
        written: the text.
        origin: as in :class:`SpokenText`.
        spans: first and last + 1 of the characters spoken, in order of time.

    Returns:
        The words, and for each span the number of its word.
    """
    whole = written_words(written)
    found: list[tuple[int, int]] = []
    number: list[int] = []
    at = 0
    for first, _ in spans:
        place = origin[min(max(first, 0), len(origin) - 1)]
        while at < len(whole) - 1 and place >= whole[at + 1][0]:
            at += 1
        inside = bool(whole) and whole[at][0] <= place < whole[at][1]
        if inside and (not found or whole[at][0] >= found[-1][1]):
            found.append(whole[at])
        elif inside and place > found[-1][0] and _is_unspaced(written[place]):
            # A piece ends where the next begins: the library gives some only their first letter.
            end = found[-1][1]
            found[-1] = _trimmed(written, found[-1][0], place)
            found.append((place, end))
        number.append(len(found) - 1)
    return [written[first:last] for first, last in found], number


def _is_unspaced(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(_UNSPACED)
