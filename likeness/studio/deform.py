"""Puts an expression on a head: the linear rows, then what skin does when parts meet.

Owns the order of the steps: clamp, blend, turn eyes and jaw, close lids, keep lids off the balls,
let lips meet, keep lips in front of the teeth. The rows come from
:mod:`likeness.studio.expressions`, the lids' rules from :mod:`likeness.studio.eyelids`. It does not
pose the head; joints do.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.studio import eyelids, lips, reach
from likeness.studio.expressions import (
    ARKIT_NAMES,
    INDEX,
    build_expressions,
    eye_rotations,
    jaw_motion,
)
from likeness.studio.template import SIDES, Template, build_template
from likeness.studio.tongue import TONGUE_NAMES, move_tongue

_JAW_FOR_TONGUE = 0.3
_AWAY_FROM_CORNERS = slice(2, -2)
"""Pairs of the seam whose skin no corner holds together."""
_JAW, _CLOSE = INDEX["jawOpen"], INDEX["mouthClose"]


def clamp_weights(weights: ArrayLike) -> NDArray[np.float64]:
    """Weights (..., 52) within 0..1 that fit together.

    A tongue that is out needs an open jaw, and a mouth closes no further than jaw and lips are
    open: an upper lip that sneers leaves a gap without any jaw.
    """
    values = np.clip(np.asarray(weights, dtype=np.float64), 0.0, 1.0)
    if values.shape[-1:] != (len(ARKIT_NAMES),):
        raise ValueError(f"expected weights of shape ({len(ARKIT_NAMES)},), found {values.shape}")
    if np.isnan(values).any():
        named = [name for name, column in INDEX.items() if np.isnan(values[..., column]).any()]
        raise ValueError(f"expected weights within 0..1, found NaN for {', '.join(named[:3])}")
    needed = _JAW_FOR_TONGUE * values[..., INDEX["tongueOut"]]
    values[..., _JAW] = np.maximum(values[..., _JAW], needed)
    # A product of its own: of a jaw that is open alone nothing but itself comes back.
    open_by = values[..., _JAW] + values @ _lip_openings()
    values[..., _CLOSE] = np.minimum(values[..., _CLOSE], open_by)
    return values


@functools.cache
def _lip_openings() -> NDArray[np.float64]:
    """(52,) how far each shape but the jaw's parts the lips anywhere, in full openings there."""
    rows = build_expressions(build_template())
    upper, lower = build_template().lip_pairs[:, _AWAY_FROM_CORNERS]
    gaps = rows[:, upper, 1] - rows[:, lower, 1]
    shares = np.maximum((gaps / -gaps[_CLOSE]).max(axis=1), 0.0)
    shares[[_JAW, _CLOSE]] = 0.0
    return shares


def apply_expression(
    template: Template,
    rest: NDArray[np.floating],
    weights: ArrayLike,
    tongue: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """A head with an expression on its face, eyes turned and jaw moved; the skull stays.

    Args:
        template: the topology of ``rest``.
        rest: (V, 3) mm, a person's head at rest, or the template's own vertices.
        weights: (52,) in the order of ``ARKIT_NAMES``, clamped by :func:`clamp_weights`.
        tongue: (16,) in the order of ``tongue.TONGUE_NAMES``; None leaves it lying, or
            out as ``weights`` say.
    """
    fitted = reach.fit_weights(template, rest, clamp_weights(weights))
    return apply_fitted(template, rest, fitted, tongue)


def apply_fitted(
    template: Template,
    rest: NDArray[np.floating],
    values: NDArray[np.float64],
    tongue: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """As :func:`apply_expression`, of weights that :func:`.reach.fit_weights` gave for the head."""
    linear = values.copy()
    linear[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = 0.0
    rows = build_expressions(template)
    active = np.flatnonzero(linear)
    vertices = np.array(rest, dtype=np.float64)
    if len(active):
        vertices += np.tensordot(linear[active], rows[active], axes=1)

    _turn_jaw(template, vertices, np.asarray(rest, dtype=np.float64), values)
    for side, vector in zip(SIDES, eye_rotations(values)):
        center = eyelids.eye_center(template, rest, side)
        rotation = _rotation(vector)
        ball = template.part_ranges[f"eyeball_{side}"]
        vertices[ball] = (rest[ball] - center) @ rotation.T + center
        weight = values[INDEX[f"eyeBlink{side.capitalize()}"]]
        eyelids.uncross_lids(template, vertices, side)
        if weight > 0.0:
            eyelids.close_lids(template, vertices, side, weight, center)
        eyelids.clear_ball(template, vertices, side, center, rotation[:, 2])
    jaw_rotation = jaw_motion(values)[0]
    if tongue is not None or values[INDEX["tongueOut"]] > 0.0:
        own = np.zeros(len(TONGUE_NAMES)) if tongue is None else tongue
        move_tongue(template, vertices, own, jaw_rotation)
    lips.settle_lips(template, vertices, jaw_rotation)
    lips.tuck_lining(template, vertices)
    return vertices


def _rotation(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrix of an axis-angle vector (Rodrigues' formula)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * skew + (1.0 - np.cos(angle)) * (skew @ skew)


def _turn_jaw(
    template: Template,
    vertices: NDArray[np.float64],
    rest: NDArray[np.float64],
    values: NDArray[np.float64],
) -> None:
    """Makes the lower teeth rigid again, turned about their middle where the linear rows put it.

    Lips and chin follow straight lines, so teeth on the true arc would run 2 mm ahead of them.
    """
    teeth = template.part_ranges["teeth_lower"]
    rotation, _ = jaw_motion(values)
    middle, moved = rest[teeth].mean(axis=0), vertices[teeth].mean(axis=0)
    vertices[teeth] = (rest[teeth] - middle) @ rotation.T + moved
