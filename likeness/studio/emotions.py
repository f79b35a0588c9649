"""Emotions of a face that speaks: what each of the ten shows, when, and how speech limits it.

Owns the table of shapes and their course over an utterance. How a voice changes with an emotion is
told where the voice is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import Draws
from likeness.speech.timeline import Emotion, Timeline
from likeness.studio.curves import ARKIT, CHANNEL, Event, grid_times
from likeness.studio.expressions import ARKIT_NAMES, EYE_DIRECTIONS, INDEX
from likeness.studio.performing_style import Delivery
from likeness.studio.slow_noise import wander
from likeness.studio.speech_cues import bump, rise, sounding, spoken_span, stressed_vowels

Array = NDArray[np.float64]

_TABLE: dict[Emotion, str] = {
    "neutral": "",
    "amazement": "browInnerUp .65 browOuterUp .75 eyeWide .65 jawOpen .14 mouthFunnel .10 "
    "mouthUpperUp .06",
    "anger": "browDown .90 eyeSquint .35 eyeWide .25 noseSneer .38 mouthPress .30 mouthFrown .28 "
    "mouthUpperUp .12 mouthLowerDown .12 mouthStretch .10 jawForward .20",
    "cheekiness": "browOuterUpLeft .55 browInnerUp .15 browDownRight .25 eyeSquint .30 "
    "cheekSquint .25 mouthSmileLeft .65 mouthSmileRight .22 mouthDimpleLeft .40 mouthLeft .12",
    "disgust": "browDown .55 noseSneer .85 mouthUpperUp .40 eyeSquint .45 cheekSquint .30 "
    "mouthFrown .35 mouthShrugLower .30 mouthLowerDown .10",
    "fear": "browInnerUp .85 browOuterUp .35 browDown .30 eyeWide .75 mouthStretch .55 "
    "mouthFrown .22 mouthLowerDown .18 jawOpen .08",
    "grief": "browInnerUp .95 browDown .40 eyeSquint .55 cheekSquint .35 mouthFrown .55 "
    "mouthStretch .35 mouthShrugLower .30 mouthPress .15",
    "joy": "mouthSmile .72 cheekSquint .60 eyeSquint .28 browOuterUp .15 browInnerUp .10 "
    "mouthUpperUp .15 mouthDimple .15",
    "outofbreath": "browInnerUp .40 browDown .15 jawOpen .22 mouthFunnel .12 noseSneer .12 "
    "eyeSquint .12 mouthLowerDown .12",
    "pain": "browDown .85 browInnerUp .35 eyeSquint .85 cheekSquint .60 noseSneer .45 "
    "mouthStretch .55 mouthUpperUp .30 mouthLowerDown .25 eyeBlink .25",
    "sadness": "browInnerUp .75 browDown .15 eyeBlink .15 eyeSquint .12 mouthFrown .52 "
    "mouthShrugLower .22 eyeLookDown .20",
}
"""Weights at intensity 1; names without a side stand for both."""

UPPER_FACE = [
    i for i, name in enumerate(ARKIT_NAMES) if name.startswith(("brow", "eyeSquint", "eyeWide"))
] + [INDEX["cheekSquintLeft"], INDEX["cheekSquintRight"]]
"""Shapes that speech leaves alone, by which emotions can be told while a mouth talks."""

_MOUTH = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(("mouth", "jaw"))]
_WIDENING = [
    i
    for i, name in enumerate(ARKIT_NAMES)
    if name.startswith(("mouthSmile", "mouthStretch", "mouthDimple", "mouthFrown"))
]
_WHILE_SPEAKING = 0.45
_AGAINST_ROUNDING = 0.6
_NOISE_TAU, _NOISE_SD = 1.5, 0.08
_ACCENT_ODDS, _ACCENT_SD, _ACCENT_AHEAD = 0.35, 0.090, 0.030
_TRANSITION = 1.0


def expression_of(emotion: Emotion, *, mirrored: bool = False) -> Array:
    """Weights (52,) of an emotion at intensity 1.

    Args:
        emotion: which.
        mirrored: left and right changed, for what is one-sided.
    """
    weights = np.zeros(len(ARKIT_NAMES))
    words = _TABLE[emotion].split()
    for name, value in zip(words[::2], words[1::2]):
        for full in (name,) if name in INDEX else (f"{name}Left", f"{name}Right"):
            weights[INDEX[full]] = float(value)
    if mirrored:
        swapped = weights.copy()
        for name, i in INDEX.items():
            if "Left" in name:
                other = INDEX[name.replace("Left", "Right")]
                swapped[[i, other]] = weights[[other, i]]
        weights = swapped
    return weights


@dataclass(frozen=True, eq=False)
class EmotionCourse:
    """An emotion over an utterance.

    Attributes:
        intensity: (N,) 0..1.
        accents: (N,) what raised brows add at stressed syllables.
        events: one per accent.
    """

    intensity: Array
    accents: Array
    events: tuple[Event, ...]


def course_of(
    timeline: Timeline, emotion: Emotion, delivery: Delivery, draws: Draws
) -> EmotionCourse:
    """When an emotion comes and goes, and where the brows stress a syllable.

    It is there before the first sound and fades after the last; in a silent utterance it comes and
    goes at the ends. Between it wanders slowly.
    """
    times = grid_times(timeline.duration)
    base, attack, release = (
        draws.uniform(0.6, 1.0),
        draws.uniform(0.25, 0.5),
        draws.uniform(0.5, 1.2),
    )
    if delivery.intensity is not None:
        base = delivery.intensity
    noise = wander(draws, len(times), _NOISE_TAU, _NOISE_SD)
    first, last = spoken_span(timeline) or (attack, max(attack, timeline.duration - release))
    first, last = max(first, 0.0), min(last, timeline.duration)
    envelope = rise(times, first - min(attack, first), first)
    if delivery.transition:
        middle = 0.5 * (first + last)
        envelope = rise(times, middle - 0.5 * _TRANSITION, middle + 0.5 * _TRANSITION)
    envelope = envelope * (1.0 - rise(times, last, min(last + release, timeline.duration)))
    if emotion == "neutral":
        base = 0.0
    intensity = np.clip(base * envelope * (1.0 + noise), 0.0, 1.0)

    vowels = stressed_vowels(timeline)
    accents = np.zeros(len(times))
    events = []
    for start in vowels:
        chosen, size, place = draws.uniforms(3)
        center = start - _ACCENT_AHEAD
        if delivery.coupling == "independent":
            center = first + float(place) * (last - first)
        if chosen < _ACCENT_ODDS:
            height = 0.12 + 0.18 * float(size)
            accents += height * bump(times, center, _ACCENT_SD)
            events.append(
                Event("accent", max(center - 2 * _ACCENT_SD, 0.0), center + 2 * _ACCENT_SD, height)
            )
    return EmotionCourse(intensity, accents, tuple(events))


def add_emotion(
    values: Array, timeline: Timeline, emotion: Emotion, course: EmotionCourse, *, mirrored: bool
) -> None:
    """Adds an emotion to the ARKit columns of ``values`` (N, 79), in place.

    While there is sound its mouth and jaw count a little more than half, and what widens a mouth
    gives way to rounding. The direction of the eyes is left to the gaze.
    """
    weights = values[:, ARKIT]
    layer = course.intensity[:, None] * expression_of(emotion, mirrored=mirrored)
    layer[:, EYE_DIRECTIONS] = 0.0
    layer[:, _MOUTH] *= (1.0 - _WHILE_SPEAKING * sounding(timeline))[:, None]
    rounding = values[:, CHANNEL["mouthPucker"]] + values[:, CHANNEL["mouthFunnel"]]
    layer[:, _WIDENING] *= np.clip(1.0 - _AGAINST_ROUNDING * rounding, 0.0, 1.0)[:, None]
    raised = ("browDown",) if emotion == "anger" else ("browInnerUp", "browOuterUp")
    for name in raised:
        for full in (name,) if name in INDEX else (f"{name}Left", f"{name}Right"):
            layer[:, INDEX[full]] += course.accents
    weights += layer
    np.clip(weights, 0.0, 1.0, out=weights)
