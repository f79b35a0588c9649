"""The voice of a studio person, tied to the face by the same seed.

Owns how a voice follows from sex, age and head, and how it varies from one utterance to the next.
Speaking is :mod:`likeness.speech.synthesis`.

Pitch by sex and age and the length of the vocal tract by height are round figures of phonetics
textbooks (K. N. Stevens, "Acoustic Phonetics", 1998; I. R. Titze, "Principles of Voice Production",
1994), good for voices that vary plausibly.
"""

from __future__ import annotations

from dataclasses import replace

from likeness.errors import UsageError
from likeness.seeds import Draws
from likeness.speech.timeline import VOICE_LIMITS, Voice
from likeness.studio.person import Person

BASES = (("en-us", 0.7), ("English (Great Britain)", 0.2), ("English (Scotland)", 0.1))
"""The synthesiser's voices a person's is built on, and their shares."""

DIFFICULTIES = (0, 1, 2, 3)
"""Of the way of speaking: 0 always 160 words a minute, 1 the person's own rate, 2 slow to fast
(120-220), 3 as fast as 240 and at times a whisper."""

_PITCH = {"male": (115.0, 2.4), "female": (205.0, 2.2)}  # Hz, semitones
_HEIGHT = {"male": (176.0, 7.0), "female": (163.0, 6.4)}  # cm
_TRACT = {"male": 16.9, "female": 14.6}  # cm, at the mean height
_TRACT_PER_HEIGHT = 0.045
_NEUTRAL_TRACT = 16.9
# Mean and deviation in mm over studio people.
_LOWER_FACE = {"male": (73.5, 5.1), "female": (68.6, 5.1)}
_HEAD = {"male": (564.2, 16.2), "female": (537.9, 17.2)}
_HEAD_AND_HEIGHT = 0.35  # correlation within a sex, as in body surveys
_USUAL_RATE = 160.0
_WHISPERED = 1 / 3


def height_of(person: Person) -> float:
    """Body height in cm, drawn so that it goes with the size of the head."""
    mean, sd = _HEIGHT[person.sex]
    head = _deviation(person, "head_circumference", _HEAD)
    chance = Draws("voice", person.voice_seed, "height").normal()
    share = _HEAD_AND_HEIGHT
    return mean + sd * (share * head + (1 - share**2) ** 0.5 * min(max(chance, -3.0), 3.0))


def voice_of(person: Person) -> Voice:
    """The voice of a person: the same for one seed on every machine.

    Pitch is lognormal about 115 Hz for men and 205 Hz for women and moves with age. The formant
    scale is 16.9 cm over the length of the vocal tract, which grows with height and lower face.
    """
    draws = Draws("voice", person.voice_seed, "sound")
    typical, semitones = _PITCH[person.sex]
    f0 = typical * 2 ** (semitones * _limited(draws.normal(), 2.5) / 12)
    if person.sex == "female":
        f0 -= 0.4 * max(person.age - 35, 0)
    else:
        f0 += 0.3 * max(person.age - 60, 0)
    tract = (
        _TRACT[person.sex]
        + _TRACT_PER_HEIGHT * (height_of(person) - _HEIGHT[person.sex][0])
        + 0.25 * _deviation(person, "subnasale_menton", _LOWER_FACE)
        + 0.3 * _limited(draws.normal(), 2.5)
    )
    rate = _USUAL_RATE + 14.0 * _limited(draws.normal(), 2.5) - max(person.age - 60, 0) / 5
    return Voice(
        language="en",
        base=BASES[draws.choice([share for _, share in BASES])][0],
        f0=round(f0, 1),
        formant_scale=round(_NEUTRAL_TRACT / tract, 3),
        breath=round(draws.uniform(0.0, 3.0), 1),
        roughness=float(draws.integer(5 if person.age > 65 else 3)),
        words_per_minute=round(rate, 1),
        tone=round(draws.uniform(-3.0, 3.0), 1),
        flutter=1.0 + draws.integer(4),
    )


def drifted(voice: Voice, *key: int | str, difficulty: int = 1) -> Voice:
    """The voice as it is in one utterance: within 3 % of the pitch and 4 % of the rate.

    Args:
        voice: of the person.
        key: names the utterance, e.g. the person's seed and a number.
        difficulty: see ``DIFFICULTIES``.

    Raises:
        UsageError: there is no such difficulty.
    """
    if difficulty not in DIFFICULTIES:
        raise UsageError(
            f"The difficulty of speech is one of {DIFFICULTIES}; found {difficulty!r}.",
            advice="0 is the easiest.",
        )
    draws = Draws("voice", *key, "drift")
    pitch, pace = draws.uniform(0.97, 1.03), draws.uniform(0.96, 1.04)
    fast, whisper = draws.uniform(), draws.uniform() < _WHISPERED
    rates = {
        0: _USUAL_RATE,
        1: voice.words_per_minute * pace,
        2: 120.0 + 100.0 * fast,
        3: 120.0 + 120.0 * fast,
    }
    lowest, highest = VOICE_LIMITS["f0"]
    return replace(
        voice,
        f0=round(min(max(voice.f0 * pitch, lowest), highest), 1),
        words_per_minute=round(rates[difficulty], 1),
        whisper=voice.whisper or (difficulty == 3 and whisper),
    )


def _deviation(person: Person, measure: str, typical: dict[str, tuple[float, float]]) -> float:
    """How far a measure is from the mean of the person's sex, in standard deviations."""
    mean, sd = typical[person.sex]
    return _limited((person.measures[measure] - mean) / sd, 3.0)


def _limited(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
