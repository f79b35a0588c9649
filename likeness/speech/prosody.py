"""How an emotion changes a voice.

Owns the table of factors and their use; the face that goes with it is told elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from likeness.errors import UsageError
from likeness.speech.timeline import EMOTIONS, VOICE_LIMITS, Emotion, Voice


@dataclass(frozen=True)
class Prosody:
    """Factors on a voice.

    Attributes:
        f0: on the median pitch.
        f0_range: on the width of the intonation.
        rate: on the words per minute.
        level: dB over the usual level.
        breath: breathiness at least.
        words_between_breaths: where speech stops for breath, about this often; 0 for never.
    """

    f0: float = 1.0
    f0_range: float = 1.0
    rate: float = 1.0
    level: float = 0.0
    breath: float = 0.0
    words_between_breaths: int = 0


PROSODY: dict[Emotion, Prosody] = {
    "neutral": Prosody(),
    "amazement": Prosody(1.30, 1.7, 1.03, 2.0),
    "anger": Prosody(1.18, 1.5, 1.12, 4.0),
    "cheekiness": Prosody(1.18, 1.3, 1.03, 0.0),
    "disgust": Prosody(0.90, 0.9, 0.87, -1.0),
    "fear": Prosody(1.25, 0.8, 1.18, -1.0),
    "grief": Prosody(0.86, 0.6, 0.72, -3.0),
    "joy": Prosody(1.28, 1.6, 1.09, 2.0),
    "outofbreath": Prosody(1.04, 0.8, 1.18, -2.0, breath=3.0, words_between_breaths=3),
    "pain": Prosody(1.20, 1.1, 0.80, 3.0),
    "sadness": Prosody(0.83, 0.6, 0.77, -3.0),
}


def prosody_of(emotion: str) -> Prosody:
    """The factors of an emotion.

    Raises:
        UsageError: there is no such emotion.
    """
    for name, prosody in PROSODY.items():
        if name == emotion:
            return prosody
    raise UsageError(
        f"There is no emotion {emotion!r}.",
        advice=f"Emotions are: neutral, {', '.join(EMOTIONS)}.",
    )


def moved(voice: Voice, prosody: Prosody) -> Voice:
    """The voice under an emotion, kept within what voices can be."""

    def limited(name: str, value: float) -> float:
        low, high = VOICE_LIMITS[name]
        return min(max(value, low), high)

    return replace(
        voice,
        f0=limited("f0", voice.f0 * prosody.f0),
        f0_range=limited("f0_range", voice.f0_range * prosody.f0_range),
        words_per_minute=limited("words_per_minute", voice.words_per_minute * prosody.rate),
        breath=max(voice.breath, prosody.breath),
    )
