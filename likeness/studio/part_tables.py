"""What each part of a figure is made of, is called in a label mask, and turns with.

Owns the numbers of labels and frames. Parts are those of the template and of ``surface_points``,
materials those of ``shading``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.studio.shading import CAP, EYE, GLOSS, SKIN, STRAND, WET
from likeness.studio.shading import CLOTH as CLOTH_MATERIAL
from likeness.studio.surface_points import BEARD, BODY, CLOTH, FRAME, HAIR, HAIR_CAP, LASH
from likeness.studio.template import PARTS, SIDES

LABELS = ("background", "skin", "hair", "neck", "body", "occluder")
"""What the numbers of a label mask mean. Eyes, mouth, ears and beard count as skin."""

_FRAMES = ("head", "left_eye", "right_eye", "body")


def part_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """(256,) each, by the code of a part: material, label, and number of the frame it turns with.

    Frames are head, left eye, right eye and body.
    """
    material = np.full(256, SKIN, np.uint8)
    label = np.full(256, LABELS.index("skin"), np.uint8)
    frame = np.full(256, _FRAMES.index("head"), np.uint8)
    for name in ("mouth_lining", "teeth_upper", "teeth_lower", "tongue"):
        material[PARTS.index(name)] = WET
    for side in SIDES:
        material[PARTS.index(f"eyeball_{side}")] = EYE
        frame[PARTS.index(f"eyeball_{side}")] = _FRAMES.index(f"{side}_eye")
    material[[HAIR, HAIR_CAP, BEARD, LASH]] = STRAND
    material[HAIR_CAP] = CAP
    material[CLOTH] = CLOTH_MATERIAL
    material[FRAME] = GLOSS
    label[FRAME] = LABELS.index("occluder")
    label[[HAIR, HAIR_CAP]] = LABELS.index("hair")
    label[[CLOTH, BODY]] = LABELS.index("body")
    frame[[CLOTH, BODY]] = _FRAMES.index("body")
    return material, label, frame
