"""How far a mouth of a given shape can move: weights fitted to the head they are put on.

Owns limits that depend on the person. Weights that no face combines are the business of
:func:`likeness.studio.deform.clamp_weights` and :func:`likeness.studio.expressions.draw_weights`.

The rows of :mod:`likeness.studio.expressions` are millimetres of one head with full lips and a
long upper lip. Added to a head with less of either they would fold it into itself.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from likeness.studio.cage import load_cage
from likeness.studio.expressions import INDEX, build_expressions
from likeness.studio.template import Template

Array = NDArray[np.float64]

_RED_OF = {
    "mouthRollUpper": ("m0_3", "m2_3"),
    "mouthRollLower": ("m0_4", "m2_4"),
    "mouthShrugLower": ("m0_4", "m2_4"),
    "mouthPressLeft": ("m0_4", "m2_4"),
    "mouthPressRight": ("m0_4", "m2_4"),
}
"""Shapes that bend a lip, and the seam and border of its red on the midline."""
_RED_POWER = 2.0
"""How fast they fade with its height; with the height itself the thinnest lips still fold."""
_LIP, _NOSE = "m3_3", "n_subn"


def fit_weights(template: Template, rest: NDArray[np.floating], weights: Array) -> Array:
    """Weights (..., 52) that a head of this shape can carry.

    Thin lips roll, shrug and press less, and an upper lip stops below the nose, by whatever shapes
    together lift it. A single shape on the template's own head stays as it was measured.

    Args:
        template: the topology of ``rest``.
        rest: (V, 3) mm, the head at rest.
        weights: (..., 52) within 0..1.
    """
    fitted = weights.copy()
    cage = load_cage()
    for name, ends in _RED_OF.items():
        seam, border = (cage.index(end) for end in ends)
        own = np.linalg.norm(rest[border] - rest[seam])
        usual = np.linalg.norm(template.vertices[border] - template.vertices[seam])
        fitted[..., INDEX[name]] *= min(own / usual, 1.0) ** _RED_POWER

    lip, nose = cage.index(_LIP), cage.index(_NOSE)
    lifts = _lifts(template)
    usual = template.vertices[nose, 1] - template.vertices[lip, 1]
    # As far as the one shape that lifts it most, by the share of the skin there is above it.
    most = lifts.max() * (rest[nose, 1] - rest[lip, 1]) / usual
    up = lifts > 0.0
    lifted, lowered = fitted[..., up] @ lifts[up], -(fitted[..., ~up] @ lifts[~up])
    room = np.maximum(most + lowered, 0.0)
    fitted[..., up] *= (np.minimum(lifted, room) / np.maximum(lifted, 1e-12))[..., None]
    return fitted


@functools.lru_cache(maxsize=4)
def _lifts(template: Template) -> Array:
    """How much nearer (52,) each shape brings the upper lip to the nose, mm."""
    rows, cage = build_expressions(template), load_cage()
    return rows[:, cage.index(_LIP), 1] - rows[:, cage.index(_NOSE), 1]
