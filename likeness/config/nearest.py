"""Which setting was probably meant by a key that is none.

Looks at the whole dotted path: a word of it may be misspelt, stand in another section, lack the
sections before it, or have a dot where there is an underscore. Makes no messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from statistics import fmean

from likeness.config.keys import Key, dotted

_SAME_PLACE, _ELSEWHERE, _RUN_TOGETHER = 0.65, 0.8, 0.85
"""How alike two words must be, where 1 is equal: in the place that was named, in another one, and
with the separators left out. Five letters of which one is wrong are alike by 0.8."""
_NAMED_SECTION = 0.1
"""How much less alike a setting of the section that was named may be than one of another."""
_LEFT_OUT = 0.5
"""What a section counts that was asked for and that the answer does not have."""
_WORD = 3
"""Letters from which on a part of a name tells which one is meant: ``ema`` of ``ema_decay``."""

Name = list[str]


def nearest_key(key: Key, known: Sequence[str]) -> str | None:
    """The known key that was probably meant, or None.

    The same letters with other separators come first, then names that are alike word for word, with
    sections left out or put right, then parts and initials of a name in the section that was named,
    where only one can be meant.
    A number is no word that is like another: it is kept.

    Args:
        key: all of what was asked for, as ``("train", "ema", "decay")``.
        known: every dotted key that can be set, sections among them.
    """
    if not key[-1]:
        return None
    if key[-1].isdigit():
        around = None if dotted(key[:-1]) in {*known, ""} else nearest_key(key[:-1], known)
        return f"{around}.{key[-1]}" if f"{around}.{key[-1]}" in known else around
    names = [name.split(".") for name in known]
    end = max((n for n in range(len(key)) if dotted(key[:n]) in known), default=0)
    inside = [name for name in names if name[:end] == list(key[:end]) and len(name) > end]
    last = key[-1].lower()

    def together(name: Name) -> float:
        alike = _alike(_letters(name[end:]), _letters(key[end:]))
        return alike if alike >= _RUN_TOGETHER else 0.0

    found = (
        _best(names, lambda name: float(_letters(name) == _letters(key)))
        or _best(names, lambda name: _likeness(key, end, name))
        or _best(inside, together)
        or _only(inside, lambda word: _shares_words(last, word))
        or _only(inside, lambda word: last == _initials(word))
    )
    return dotted(found) if found else None


def _likeness(key: Key, end: int, name: Name) -> float:
    """How much a name is like a key of which ``end`` parts lead to a section; 0: not at all.

    The last parts of the two are compared, as many as are most alike.
    """
    is_inside = name[:end] == list(key[:end])
    best = 0.0
    for count in range(1, min(len(key) - end, len(name) - end * is_inside) + 1):
        alike = [_alike(a, b) for a, b in zip(key[-count:], name[-count:], strict=True)]
        is_there = is_inside and count == len(key) - end == len(name) - end
        if min(alike) >= (_SAME_PLACE if is_there else _ELSEWHERE):
            left_out = [_LEFT_OUT] * (len(key) - end - count)
            best = max(best, fmean([*alike, *left_out]))
    return best + _NAMED_SECTION * (best > 0 and end > 0 and is_inside)


def _best(names: Iterable[Name], likeness: Callable[[Name], float]) -> Name | None:
    """The name that is most alike, of equal ones the one with fewest sections; None: none is."""
    ranked = [(likeness(name), -len(name), name) for name in names]
    best = max(ranked, key=lambda item: item[:2], default=(0.0, 0, None))
    return best[2] if best[0] > 0 else None


def _only(names: Iterable[Name], is_meant: Callable[[str], bool]) -> Name | None:
    """The name whose last word is meant; None when that is true of names that end in others."""
    found = [name for name in names if is_meant(name[-1])]
    return min(found, key=len) if len({name[-1] for name in found}) == 1 else None


def _shares_words(asked: str, word: str) -> bool:
    """Whether one of two words stands whole in the other, between its underscores."""
    short, long = sorted((_words(asked), _words(word)), key=len)
    starts = range(len(long) - len(short) + 1)
    is_part = any(long[start : start + len(short)] == short for start in starts)
    return is_part and len("".join(short)) >= _WORD


def _initials(word: str) -> str:
    """``lr`` of ``learning_rate``; empty for a single word."""
    words = _words(word)
    return "".join(part[0] for part in words) if len(words) > 1 else ""


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _letters(parts: Iterable[str]) -> str:
    return "".join("".join(_words(part)) for part in parts)


def _alike(left: str, right: str) -> float:
    return SequenceMatcher(None, left.lower(), right.lower()).ratio()
