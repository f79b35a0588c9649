"""The tongue's sixteen shapes, by rule on the head's own sheet, and what keeps it in the mouth.

Owns the movement of the tongue relative to the jaw, which carries it. Sliding out over the lip is
the ARKit shape ``tongueOut`` of :mod:`likeness.studio.expressions`.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.geometry.easing import smoothstep
from likeness.studio.lower_arch import clear_lower_teeth, held_behind
from likeness.studio.parts import TONGUE_COLUMNS, TONGUE_ROWS, UPPER_TEETH
from likeness.studio.template import Template

Array = NDArray[np.float64]

TONGUE_NAMES = (
    "tongueTipUp",
    "tongueTipDown",
    "tongueTipLeft",
    "tongueTipRight",
    "tongueRollUp",
    "tongueRollDown",
    "tongueRollLeft",
    "tongueRollRight",
    "tongueUp",
    "tongueDown",
    "tongueLeft",
    "tongueRight",
    "tongueIn",
    "tongueStretch",
    "tongueWide",
    "tongueNarrow",
)
"""Weights 0..1, sides the subject's; relative to the jaw."""

ROOT_ROW = slice(0, TONGUE_COLUMNS)
"""Vertices of the tongue that no shape moves: they are rigid with the jaw."""

_INSIDE_TEETH = 5.0
"""mm from the front of the upper teeth to the back of the crowns, and one to spare."""
_PALATE = 12.0
"""Height of the palate in mm over the biting edges, on the midline in the middle."""
_EDGE_MARGIN = 1.0
"""mm below the biting edges from which the arch lets go: a tongue between the teeth is free."""


@functools.lru_cache(maxsize=4)
def tongue_shapes(template: Template) -> Array:
    """Displacements (16, 72, 3) in mm at weight 1 of the tongue's vertices, jaw at rest."""
    q, u = (
        grid.ravel()
        for grid in np.meshgrid(
            np.linspace(0.0, 1.0, TONGUE_ROWS), np.linspace(-1.0, 1.0, TONGUE_COLUMNS),
            indexing="ij",
        )
    )  # fmt: skip
    place = template.vertices[template.part_ranges["tongue"], 0]
    fixed_root = smoothstep(0.05, 0.25, q)
    return bent_shapes(q, u, place) * fixed_root[:, None]


def bent_shapes(q: Array, u: Array, place: Array) -> Array:
    """Displacements (16, n, 3) in mm at weight 1 of points of any tongue that is held nowhere.

    Args:
        q: (n,) from 0 at the root to 1 at the tip.
        u: (n,) from -1 on the right to 1 on the left.
        place: (n,) mm to the left of the middle.
    """
    x, y, z = np.zeros((3, len(q)))
    tip = smoothstep(0.5, 1.0, q)
    body = np.exp(-(((q - 0.5) / 0.28) ** 2))
    back = np.exp(-(((q - 0.25) / 0.25) ** 2))
    shapes = {
        "tongueTipUp": (x, 10.0 * tip, -2.0 * tip),
        "tongueTipDown": (x, -7.0 * tip, z),
        "tongueTipLeft": (8.0 * tip, y, z),
        "tongueTipRight": (-8.0 * tip, y, z),
        "tongueRollUp": (x, 12.0 * tip**2, -9.0 * tip**2),
        "tongueRollDown": (x, -8.0 * tip**2, -4.0 * tip**2),
        "tongueRollLeft": (x, 5.0 * u, z),
        "tongueRollRight": (x, -5.0 * u, z),
        "tongueUp": (x, 9.0 * body, z),
        "tongueDown": (x, -6.0 * body, z),
        "tongueLeft": (7.0 * q, y, z),
        "tongueRight": (-7.0 * q, y, z),
        "tongueIn": (x, 3.0 * back, -9.0 * q),
        "tongueStretch": (-0.1 * place, y, 10.0 * q),
        "tongueWide": (0.18 * place, y, z),
        "tongueNarrow": (-0.18 * place, y + 1.0, z),
    }
    return np.stack([np.stack(shapes[name], axis=1) for name in TONGUE_NAMES])


def move_tongue(
    template: Template, vertices: Array, weights: ArrayLike, jaw_rotation: Array
) -> None:
    """Shapes the tongue of a head whose jaw has moved already, in place, and keeps it inside.

    Args:
        vertices: (V, 3) mm.
        weights: (16,) in the order of ``TONGUE_NAMES``, clipped to 0..1.
        jaw_rotation: (3, 3).
    """
    values = np.clip(np.asarray(weights, np.float64), 0.0, 1.0)
    if values.shape != (len(TONGUE_NAMES),):
        raise ValueError(f"expected {len(TONGUE_NAMES)} tongue weights, found {values.shape}")
    tongue = template.part_ranges["tongue"]
    moved = np.tensordot(values, tongue_shapes(template), axes=1)
    vertices[tongue] += moved @ jaw_rotation.T
    upper, lower = (template.part_ranges[name] for name in ("teeth_upper", "teeth_lower"))
    shift = vertices[upper].mean(axis=0) - template.vertices[upper].mean(axis=0)
    here, at_rest = vertices[lower].mean(axis=0), template.vertices[lower].mean(axis=0)

    def to_jaw(points: Array) -> Array:
        return (points - here) @ jaw_rotation + at_rest

    def from_jaw(points: Array) -> Array:
        return (points - at_rest) @ jaw_rotation.T + here

    # What the upper arch pulls back or presses down may lie in the lower crowns again.
    found = from_jaw(clear_lower_teeth(to_jaw(vertices[tongue])))
    found = _kept_inside(found - shift) + shift
    vertices[tongue] = from_jaw(held_behind(to_jaw(found)))


def _kept_inside(points: Array) -> Array:
    """Points (N, 3) in the template's frame, inside the upper arch and below the palate.

    The arch holds what is above its edges and behind its front; below the edges, between the teeth,
    the tongue may pass.
    """
    row = UPPER_TEETH
    edge = row.gum_line - row.height
    middle = row.arch_front - row.arch_depth
    found = points.copy()
    ahead = np.maximum(found[:, 2] - middle, 0.0)
    radii = (row.arch_width - _INSIDE_TEETH, row.arch_depth - _INSIDE_TEETH)
    reach = np.hypot(found[:, 0] / radii[0], ahead / radii[1])
    held = np.clip((found[:, 1] - edge + _EDGE_MARGIN) / _EDGE_MARGIN, 0.0, 1.0)
    shrink = 1.0 - held * (1.0 - 1.0 / np.maximum(reach, 1.0))
    found[:, 0] *= shrink
    found[:, 2] = np.where(found[:, 2] > middle, middle + ahead * shrink, found[:, 2])
    ahead = np.maximum(found[:, 2] - middle, 0.0)
    reach = np.hypot(found[:, 0] / row.arch_width, ahead / row.arch_depth)
    roof = edge + _PALATE * np.maximum(1.0 - reach**2, 0.0)
    inside = reach < 1.0
    found[inside, 1] = np.minimum(found[inside, 1], roof[inside])
    return found
