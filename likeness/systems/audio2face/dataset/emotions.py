"""Which emotion a shot shows: what a map says, else what its name says.

A name says it with a whole word between ``_`` or ``-``; an emotion of several words counts when all
of them stand there in order, and the one of most words wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SEPARATORS = re.compile(r"[_\-]+")


@dataclass(frozen=True)
class EmotionOfShot:
    """What a shot's emotion is, and why.

    Attributes:
        emotion: one of the vocabulary.
        candidates: emotions of equally many words that its name holds; more than one is ambiguous,
            and the first of the vocabulary is taken.
        is_named: a map or the name says it; the default was taken otherwise.
    """

    emotion: str
    candidates: tuple[str, ...]
    is_named: bool


def emotion_of_shot(
    shot: str, vocabulary: Sequence[str], default: str, mapped: Mapping[str, str]
) -> EmotionOfShot:
    """The emotion of a shot.

    Args:
        shot: its name, e.g. ``joy_012``.
        vocabulary: all emotions.
        default: of a shot whose name says none.
        mapped: shot to emotion; goes before the name.
    """
    if shot in mapped:
        return EmotionOfShot(mapped[shot], (mapped[shot],), True)
    words = _words(shot)
    found: dict[str, int] = {}
    for emotion in vocabulary:
        wanted = _words(emotion)
        if wanted and any(
            words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1)
        ):
            found[emotion] = len(wanted)
    if not found:
        return EmotionOfShot(default, (), False)
    longest = max(found.values())
    candidates = tuple(emotion for emotion, length in found.items() if length == longest)
    return EmotionOfShot(candidates[0], candidates, True)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _SEPARATORS.split(name) if word]
