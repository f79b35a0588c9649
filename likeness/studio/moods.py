"""Expressions and where the eyes look, as weights of the 52 shapes.

Owns the draw of a plausible expression and the eye weights that aim both eyes at a point. Shapes
are ``expressions``; what a face says over time is not here.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.studio.expressions import (
    ARKIT_NAMES,
    FIGHTING_PAIRS,
    INDEX,
    draw_weights,
    eye_rotations,
)
from likeness.studio.figure import Anchors

EYE_DIRECTIONS = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")]
"""Which weights turn the eyes."""

_MOODS: tuple[tuple[float, dict[str, tuple[float, float]]], ...] = (
    (0.30, {"mouthSmile": (0.2, 0.8), "cheekSquint": (0.1, 0.7), "eyeSquint": (0.0, 0.35)}),
    (
        0.12,
        {
            "mouthSmile": (0.5, 0.9),
            "jawOpen": (0.08, 0.3),
            "mouthUpperUp": (0.15, 0.5),
            "cheekSquint": (0.4, 0.9),
            "mouthLowerDown": (0.0, 0.3),
        },
    ),
    (0.10, {"browInnerUp": (0.3, 0.9), "eyeWide": (0.2, 0.8), "jawOpen": (0.1, 0.5)}),
    (0.10, {"browDown": (0.3, 0.9), "noseSneer": (0.0, 0.5), "mouthPress": (0.0, 0.6)}),
    (0.08, {"mouthFrown": (0.3, 0.8), "browInnerUp": (0.2, 0.8), "mouthShrugLower": (0.0, 0.5)}),
    (0.15, {"jawOpen": (0.05, 0.5), "mouthFunnel": (0.0, 0.5), "mouthPucker": (0.0, 0.3)}),
    (0.15, {}),
)
"""Odds of a mood and the ranges of its shapes; names without a side stand for both."""


def neutral_expression() -> NDArray[np.float64]:
    """(52,) zeros."""
    return np.zeros(len(ARKIT_NAMES))


def sample_expression(rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights (52,) of a face as people make them; the eyes' direction is left at zero.

    A mood, or none, and over it a weaker draw of any shapes (``expressions.draw_weights``). Shapes
    that fight each other never come together; of a pair the stronger stays. Sides differ a little.
    """
    weights = neutral_expression()
    odds = np.array([share for share, _ in _MOODS])
    mood = _MOODS[int(rng.choice(len(_MOODS), p=odds / odds.sum()))][1]
    for name, (low, high) in mood.items():
        value = rng.uniform(low, high)
        for index in _indices(name):
            weights[index] = np.clip(value * rng.normal(1.0, 0.10), 0.0, 1.0)
    weights = np.maximum(weights, rng.uniform(0.2, 0.8) * draw_weights(rng))
    weights[EYE_DIRECTIONS] = 0.0
    if rng.random() < 0.06:
        weights[_indices("eyeBlink")] = rng.uniform(0.5, 1.0)
    if rng.random() < 0.02:
        weights[INDEX["tongueOut"]] = rng.uniform(0.4, 1.0)
    return without_fights(weights)


def without_fights(weights: ArrayLike) -> NDArray[np.float64]:
    """The weights with the weaker of each fighting pair set to zero."""
    values = np.array(weights, dtype=np.float64)
    for first, second in FIGHTING_PAIRS:
        one, two = INDEX[first], INDEX[second]
        if values[one] > 0.0 and values[two] > 0.0:
            values[two if values[one] >= values[two] else one] = 0.0
    return values


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


def _indices(name: str) -> list[int]:
    """Of a shape, or of both sides of one named without its side."""
    if name in INDEX:
        return [INDEX[name]]
    return [INDEX[f"{name}Left"], INDEX[f"{name}Right"]]
