"""Expressions of people who are photographed, and where their eyes look, as weights of 52 shapes.

Owns the mix of expressions photographs are drawn from and the eye weights that aim both eyes at a
point. Shapes are ``expressions``, emotions ``emotions``; what a face says over time is
``performance``.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.seeds import seed_of
from likeness.speech.synthesis import speak
from likeness.speech.timeline import EMOTIONS, Emotion, Voice
from likeness.studio.curves import ARKIT
from likeness.studio.emotions import expression_of
from likeness.studio.expressions import (
    ARKIT_NAMES,
    EYE_DIRECTIONS,
    INDEX,
    draw_weights,
    eye_rotations,
)
from likeness.studio.figure import Anchors
from likeness.studio.performance import perform
from likeness.studio.performing_style import PerformingStyle
from likeness.studio.speech_cues import sounding

ExpressionKind = Literal["shapes", "emotion", "speech", "neutral"]
"""Any shapes; one of the ten emotions; a moment of speech; a face at rest."""

EXPRESSION_SHARES: dict[ExpressionKind, float] = {
    "shapes": 0.4,
    "emotion": 0.3,
    "speech": 0.2,
    "neutral": 0.1,
}
"""How often each kind is drawn."""

LEAST_INTENSITY = 0.4
"""Of a drawn emotion, and of random shapes; the most is 1."""

_SIDES = 0.10  # standard deviation by which a shape differs from the table, each side alone
_TALKS = 8
_TALK = "Somebody tells of a long journey by boat and by train over the mountains in winter."


@dataclass(frozen=True, eq=False)
class DrawnExpression:
    """One expression of the mix.

    Attributes:
        kind: where it comes from.
        weights: (52,) 0..1; the direction of the eyes is left at zero.
        emotion: which, for that kind; else None.
        intensity: of the emotion or of the random shapes, 0.4..1; else 0.
    """

    kind: ExpressionKind
    weights: NDArray[np.float64]
    emotion: Emotion | None = None
    intensity: float = 0.0


def neutral_expression() -> NDArray[np.float64]:
    """(52,) zeros."""
    return np.zeros(len(ARKIT_NAMES))


def draw_expression(rng: np.random.Generator) -> DrawnExpression:
    """An expression as people are photographed with: see ``EXPRESSION_SHARES``.

    Shapes of an emotion differ a little from its table, each side alone.
    """
    kinds = tuple(EXPRESSION_SHARES)
    kind = kinds[int(rng.choice(len(kinds), p=list(EXPRESSION_SHARES.values())))]
    emotion, intensity = None, 0.0
    weights = neutral_expression()
    if kind == "shapes":
        intensity = float(rng.uniform(LEAST_INTENSITY, 1.0))
        weights = intensity * draw_weights(rng)
    elif kind == "emotion":
        intensity = float(rng.uniform(LEAST_INTENSITY, 1.0))
        emotion = EMOTIONS[int(rng.integers(len(EMOTIONS)))]
        table = expression_of(emotion, mirrored=bool(rng.random() < 0.5))
        weights = intensity * table * rng.normal(1.0, _SIDES, len(table))
    elif kind == "speech":
        frames = _speech_frames()
        weights = frames[int(rng.integers(len(frames)))].copy()
    weights[EYE_DIRECTIONS] = 0.0
    return DrawnExpression(kind, np.clip(weights, 0.0, 1.0), emotion, intensity)


@functools.cache
def _speech_frames() -> NDArray[np.float64]:
    """(N, 52) weights every 5 ms of sound in a few talks.

    The talks are syllables of the built-in synthesiser, so that pictures are the same where no
    other is installed.
    """
    found = []
    for number in range(_TALKS):
        seed = seed_of("a talk to photograph", number)
        utterance = speak(_TALK, Voice(), seed=seed, backend="formant")
        curves = perform(utterance, PerformingStyle(), seed)
        found.append(curves.values[sounding(utterance.timeline) > 0.5, ARKIT])
    return np.concatenate(found).astype(np.float64)


def aim_eyes(weights: ArrayLike, face: Anchors, target: ArrayLike) -> NDArray[np.float64]:
    """Weights with both eyes turned toward a point, as far as eyes turn.

    Args:
        weights: (52,) whose eye directions are replaced.
        face: the head in its pose.
        target: (3,) metres, in the same space.
    """
    values = np.array(weights, dtype=np.float64)
    for number, (side, sign) in enumerate((("Left", 1.0), ("Right", -1.0))):
        toward = face.head.T @ (np.asarray(target, np.float64) - face.eye_centers[number])
        x, y, z = toward / np.linalg.norm(toward)
        # The axis of the turn lies across the line of sight (Listing's law).
        stretch = 1.0 / max(float(np.sinc(math.acos(z) / math.pi)), 1e-6)
        outward, upward = sign * x * stretch, y * stretch
        for way, angle in (("Out", outward), ("In", -outward), ("Up", upward), ("Down", -upward)):
            index = INDEX[f"eyeLook{way}{side}"]
            values[index] = np.clip(angle / _full_turns()[index], 0.0, 1.0)
    return values


@functools.cache
def _full_turns() -> NDArray[np.float64]:
    """(52,) radians each weight turns an eye at 1."""
    return np.array([np.abs(eye_rotations(row)).max() for row in np.eye(len(ARKIT_NAMES))])
