"""Painting a person: what every point looks like, whatever part it belongs to.

Sends points to who paints them (``skin``, ``eyes``, ``mouth``, ``strands``, ``fabric``). It knows
no light, no camera and no pose; a picture and a texture are both made by evaluating points.
"""

from __future__ import annotations

import numpy as np

from likeness.studio import eyes, fabric, glasses_surface, mouth, skin, strands
from likeness.studio.appearance import Appearance
from likeness.studio.surface_points import (
    BEARD,
    BODY,
    CLOTH,
    FRAME,
    GUM,
    HAIR,
    HAIR_CAP,
    LASH,
    SurfacePoints,
    SurfaceValues,
)
from likeness.studio.template import PARTS

_SKIN = tuple(PARTS.index(name) for name in ("skin", "lid_lining_left", "lid_lining_right"))
_EYES = tuple(PARTS.index(name) for name in ("eyeball_left", "eyeball_right"))
_SOFT = tuple(PARTS.index(name) for name in ("mouth_lining", "tongue"))
_TEETH = tuple(PARTS.index(name) for name in ("teeth_upper", "teeth_lower"))


def evaluate(
    appearance: Appearance, points: SurfacePoints, weights: np.ndarray | None = None
) -> SurfaceValues:
    """Paint ``points`` of a person.

    Args:
        appearance: the person's traits.
        points: where; any mixture of parts.
        weights: (52,) expression weights in the order of ``expressions.ARKIT_NAMES``; they
            deepen wrinkles and open the lip seam. None is the neutral face.
    """
    if weights is None:
        weights = np.zeros(52)
    values = SurfaceValues.blank(len(points))
    painters = (
        ((*_SKIN, BODY), lambda chosen: skin.paint(appearance, chosen, weights)),
        (_EYES, lambda chosen: eyes.paint(appearance, chosen)),
        (_TEETH, lambda chosen: mouth.paint_teeth(appearance, chosen)),
        ((HAIR, HAIR_CAP, BEARD, LASH), lambda chosen: strands.paint(appearance, chosen)),
        ((CLOTH,), lambda chosen: fabric.paint(appearance, chosen)),
        ((FRAME,), lambda chosen: glasses_surface.paint(appearance, chosen)),
        ((GUM,), lambda chosen: mouth.paint_gums(appearance, chosen)),
        (_SOFT, lambda chosen: mouth.paint_soft(appearance, chosen)),
    )
    painter_of = np.full(256, len(painters), np.uint8)
    for number, (codes, _) in enumerate(painters):
        painter_of[list(codes)] = number
    painter = painter_of[points.part]
    for number, (_, paint) in enumerate(painters):
        chosen = np.flatnonzero(painter == number)
        if len(chosen) == len(points) > 0:
            return paint(points)
        if len(chosen):
            values.put(chosen, paint(points.take(chosen)))
    return values
