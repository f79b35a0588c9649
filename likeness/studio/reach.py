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
from likeness.studio.septum import free_shares
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
_CREASES = (
    ("m3_3", "n_subn"),
    ("n_subn", "n_colu"),
    ("n_fac2", "n_alab"),
)
"""Points on both sides of what folds when a lip is raised, pursed or puffed: the upper lip below
the septum, the septum itself, and the foot of a wing, which is there twice. The lower is first."""

_AT_SEPTUM = slice(0, 2)
_LOOKED_AT = 0.5
"""Of the closing that a head is given, from where its septum is looked at."""
_SHORT = 0.4
"""Of the usual distance between the points of a crease, below which it is always looked at: such
short upper lips cut the septum by shapes that pull them aside as well."""
_LEAST = 0.1
"""Millimetres; a shape that moves a crease by less has no part in it, and keeps its weight."""


def fit_weights(template: Template, rest: NDArray[np.floating], weights: Array) -> Array:
    """Weights (..., 52) that a head of this shape can carry.

    Thin lips roll, shrug and press less, and the creases below the nose stay open, by whatever
    shapes together close them. A single shape on the template's own head stays as it was measured.

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

    kept = np.ones_like(fitted)
    lengths = []
    for (low, high), closings in zip(_creases(), _closings(template), strict=True):
        usual = np.linalg.norm(template.vertices[high] - template.vertices[low])
        length = np.linalg.norm(rest[high] - rest[low]) / usual
        # As far as the one shape that closes it most, by the share of the skin there is between.
        most = closings.max() * length
        lengths.append(length)
        shut = closings > 0.0
        closed, opened = fitted[..., shut] @ closings[shut], -(fitted[..., ~shut] @ closings[~shut])
        share = np.minimum(np.maximum(most + opened, 0.0) / np.maximum(closed, 1e-12), 1.0)
        kept[..., shut] = np.minimum(kept[..., shut], share[..., None])
    fitted *= kept

    # What is left is bent in ways that one number does not tell, on some heads: it is looked at.
    closings, short = _closings(template)[_AT_SEPTUM], np.minimum(lengths[_AT_SEPTUM], 1.0)
    near = ((fitted @ closings.T) > _LOOKED_AT * closings.max(axis=1) * short).any(axis=-1)
    near |= short.min() < _SHORT
    if near.any():
        giving = (closings > 0.0).any(axis=0)
        shares = free_shares(template, rest, fitted[near], giving)
        fitted[near] *= np.where(giving, shares[:, None], 1.0)
    return fitted


@functools.lru_cache(maxsize=1)
def _creases() -> tuple[tuple[int, int], ...]:
    """(P, 2) vertices, those beside the midline on both sides."""
    cage = load_cage()
    pairs = [(cage.index(low), cage.index(high)) for low, high in _CREASES]
    both = [pair for one in pairs for pair in (one, tuple(int(cage.mirror[end]) for end in one))]
    return tuple(dict.fromkeys(both))


@functools.lru_cache(maxsize=4)
def _closings(template: Template) -> Array:
    """How much nearer (P, 52) each shape brings the two points of each crease, mm."""
    rows = build_expressions(template)
    found = []
    for low, high in _creases():
        gap = template.vertices[high] - template.vertices[low]
        closing = (rows[:, low] - rows[:, high]) @ (gap / np.linalg.norm(gap))
        found.append(np.where(np.abs(closing) < _LEAST, 0.0, closing))
    return np.stack(found)
