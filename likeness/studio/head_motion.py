"""How a head sways, travels, nods and leans while its owner talks.

Owns posture, nods and what an emotion does to it. What a large look takes of the head is the
gaze's; heads that must stay still leave these channels unread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import Draws
from likeness.speech.timeline import Emotion, Timeline
from likeness.studio.curves import CHANNEL, TRAVEL_NAMES, Event, grid_times
from likeness.studio.performing_style import Delivery, PerformingStyle
from likeness.studio.slow_noise import wander
from likeness.studio.speech_cues import bump, spoken_span, stressed_vowels

Array = NDArray[np.float64]

_POSTURE = {"headYaw": (1.2, 3.0), "headPitch": (1.0, 1.5), "headRoll": (1.4, 1.2)}
"""Time constant in seconds, standard deviation in degrees."""
_NOD_ODDS, _NOD_DEGREES, _NOD_SD, _NOD_JITTER = 0.4, (1.0, 3.5), (0.10, 0.16), 0.030
_EMOTION_PITCH: dict[Emotion, float] = {"sadness": -6.0, "grief": -6.0, "joy": 2.0}
_CHEEKY_ROLL = 4.0
_TRAVEL_TAU, _TRAVEL_SD = 1.5, 4.0  # s, mm
_EMOTION_FORWARD: dict[Emotion, float] = {"fear": -10.0, "anger": 10.0}
"""Millimetres."""


def add_head_motion(
    values: Array,
    timeline: Timeline,
    emotion: Emotion,
    intensity: Array,
    style: PerformingStyle,
    delivery: Delivery,
    draws: Draws,
) -> list[Event]:
    """Writes posture, place and nods into ``values`` (N, 79), in place; returns the nods.

    Args:
        values: the performance so far.
        timeline: whose stressed syllables are nodded at.
        emotion: lowers, lifts or tilts the head, or brings it forward or back.
        intensity: (N,) of it.
        style: which side a cheeky head tilts to.
        delivery: whether nods look at the speech.
        draws: the only source of chance.
    """
    times = grid_times(timeline.duration)
    for name, (tau, sd) in _POSTURE.items():
        values[:, CHANNEL[name]] += np.radians(wander(draws, len(times), tau, sd))
    nods = []
    first, last = spoken_span(timeline) or (0.0, timeline.duration)
    for start in stressed_vowels(timeline):
        chosen, size, width, jitter, place = (float(u) for u in draws.uniforms(5))
        if chosen >= _NOD_ODDS:
            continue
        center = start + _NOD_JITTER * (2.0 * jitter - 1.0)
        if delivery.coupling == "independent":
            center = first + place * (last - first)
        degrees = _NOD_DEGREES[0] + (_NOD_DEGREES[1] - _NOD_DEGREES[0]) * size
        sd = _NOD_SD[0] + (_NOD_SD[1] - _NOD_SD[0]) * width
        values[:, CHANNEL["headPitch"]] -= np.radians(degrees) * bump(times, center, sd)
        nods.append(Event("nod", max(center - 2.0 * sd, 0.0), center + 2.0 * sd, degrees))
    values[:, CHANNEL["headPitch"]] += np.radians(_EMOTION_PITCH.get(emotion, 0.0)) * intensity
    if emotion == "cheekiness":
        tilt = -_CHEEKY_ROLL if style.mirrored else _CHEEKY_ROLL
        values[:, CHANNEL["headRoll"]] += np.radians(tilt) * intensity
    for name in TRAVEL_NAMES:
        values[:, CHANNEL[name]] += wander(draws, len(times), _TRAVEL_TAU, _TRAVEL_SD)
    values[:, CHANNEL["headZ"]] += _EMOTION_FORWARD.get(emotion, 0.0) * intensity
    return nods
