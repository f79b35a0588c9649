"""Performances: what a face does while its owner says something.

Owns the order of the layers: articulation, rest and breath, emotion, contacts of the lips, blinks,
head, gaze. Each layer is a module of its own; sound comes from :mod:`likeness.speech`.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import Draws
from likeness.speech.timeline import Emotion, Utterance
from likeness.studio import (
    blinks,
    breathing,
    closures,
    emotions,
    gaze,
    head_motion,
    speech_cues,
)
from likeness.studio.articulation import Gains, articulate, to_shapes
from likeness.studio.closures import Lips, StudioLips
from likeness.studio.curves import ARKIT, CHANNEL, CHANNELS, TONGUE, Curves, grid_length
from likeness.studio.performing_style import Delivery, PerformingStyle
from likeness.studio.template import build_template
from likeness.studio.version import STUDIO_VERSION

Array = NDArray[np.float64]

_PER_DB = {"jawOpen": 0.025, "mouthLowerDown": 0.02, "mouthUpperUp": 0.02}
_WHISPER = 1.1
_ARTICULATED = ("jawOpen", "mouthPucker", "mouthFunnel", "mouthStretch", "mouthLowerDown")
_ASYMMETRIC = (
    "mouthSmile", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "mouthDimple", "mouthFrown",
)  # fmt: skip
_USUAL = Delivery()


def perform(
    utterance: Utterance,
    style: PerformingStyle,
    seed: int,
    *,
    head: Lips | None = None,
    delivery: Delivery = _USUAL,
) -> Curves:
    """What a face does during an utterance.

    Curves hold for any head with these shapes but for ``mouthClose``, which is computed for one: in
    every contact of p, b and m the lips of ``head`` meet. They are rounded to 16-bit floats, as
    they are kept on disk (:mod:`likeness.studio.truth`), so a replay is the same performance.

    Args:
        utterance: what is said; only its timeline and emotion are read.
        style: whose habits.
        seed: of everything that is chance; the same seed with another timeline is another draw of
            the same purposes.
        head: whose mouth closes; None is the studio's own template.
        delivery: how it is said.
    """
    timeline, emotion = utterance.timeline, utterance.emotion

    def draws(purpose: str) -> Draws:
        return Draws("studio", STUDIO_VERSION, seed, purpose)

    values = np.zeros((grid_length(timeline.duration), len(CHANNELS)))
    gains = Gains(style.jaw_gain, style.lip_gain, delivery.mumbling)
    to_shapes(articulate(timeline, gains), values)
    _deliver(values, style, delivery)
    sealed, bitten = closures.seal(timeline), closures.labiodental(timeline)
    _scale(values, "mouthPress", sealed.held)

    rest = breathing.draw_rest(timeline, emotion, draws("breath"))
    breathing.add_rest(values, rest)
    course = emotions.course_of(timeline, emotion, delivery, draws("emotion"))
    emotions.add_emotion(values, timeline, emotion, course, mirrored=style.mirrored)
    for name in _ASYMMETRIC:
        values[:, CHANNEL[f"{name}Left"]] *= 1.0 + style.asymmetry
        values[:, CHANNEL[f"{name}Right"]] *= 1.0 - style.asymmetry

    weights, lips = values[:, ARKIT], head if head is not None else _template_lips()
    closures.make_room(weights, sealed, bitten, lips)
    np.clip(weights, 0.0, 1.0, out=weights)
    closures.close_lips(weights, sealed, lips)

    look = gaze.draw_gaze(
        len(values),
        draws("gaze"),
        talking=speech_cues.spoken_span(timeline) is not None,
        staring=delivery.staring,
    )
    nods = head_motion.add_head_motion(
        values, timeline, emotion, course.intensity, style, delivery, draws("head")
    )
    breathing.add_breath_to_body(values, timeline, rest, draws("chest"))
    for column, name in enumerate(("headPitch", "headYaw")):
        values[:, CHANNEL[name]] += np.radians(look.head[:, column])
    lowered = course.intensity * _lowered_by(emotion)
    gaze.turn_eyes(values, look, lowered)
    blink_draws = draws("blink")
    shut = blinks.draw_blinks(timeline, style, delivery, list(look.saccades), blink_draws)
    gaze.follow_eyes(values)
    blinks.add_blinks(values, shut, blink_draws)
    gaze.follow_eyes(values, move_lids=False)

    np.clip(values[:, : TONGUE.stop], 0.0, 1.0, out=values[:, : TONGUE.stop])
    events = (*rest.events, *course.events, *nods, *look.saccades, *shut)
    return Curves(
        duration=timeline.duration,
        values=_stored(values),
        intensity=_stored(course.intensity),
        events=tuple(sorted(events, key=lambda event: (event.start, event.kind))),
        emotion=emotion,
    )


def _deliver(values: Array, style: PerformingStyle, delivery: Delivery) -> None:
    """Loudness, whisper and the trade between jaw and lower lip, on the bare articulation."""
    for name, share in _PER_DB.items():
        _scale(values, name, 1.0 + share * delivery.loudness)
    if delivery.whispered:
        for name in _ARTICULATED:
            _scale(values, name, _WHISPER)
    _scale(values, "jawOpen", 1.0 - style.trade)
    _scale(values, "mouthLowerDown", 1.0 + 2.0 * style.trade)


def _scale(values: Array, name: str, factor: float | Array) -> None:
    for full in (name,) if name in CHANNEL else (f"{name}Left", f"{name}Right"):
        values[:, CHANNEL[full]] *= factor


def _lowered_by(emotion: Emotion) -> float:
    """Degrees an emotion lowers the look."""
    layer = emotions.expression_of(emotion)
    return float(layer[CHANNEL["eyeLookDownLeft"]]) * gaze.FULL_TURNS["Down"]


def _stored(values: Array) -> NDArray[np.float32]:
    return values.astype(np.float16).astype(np.float32)


@functools.cache
def _template_lips() -> StudioLips:
    template = build_template()
    return StudioLips(template, template.vertices)
