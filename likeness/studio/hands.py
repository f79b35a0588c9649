"""The shape of a hand that hangs by a thigh: palm, four fingers, a thumb.

Owns their centre lines and girths. ``limbs`` hangs them on an arm and makes surfaces of them.

Lengths and breadths follow the survey the head comes from (ANSUR II; medians from memory): hands of
men are 193 mm long and 88 mm broad across the knuckles, of women 181 and 79. The middle finger is
.43 of the length; the others end before it by .10 (index), .09 (ring) and .22 (little) of its own
(J. W. Garrett, "The adult human hand", Human Factors 13, 1971, rounded).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.studio.anthropometry import Sex

Array = NDArray[np.float64]

LENGTH: dict[Sex, float] = {"male": 193.0, "female": 181.0}
"""mm from the wrist to the tip of the middle finger, stretched."""
BREADTH: dict[Sex, float] = {"male": 88.0, "female": 79.0}
"""mm across the knuckles of the fingers."""

_FINGER = 0.43
_SHORTER = (0.10, 0.0, 0.09, 0.22)
_ACROSS = (0.36, 0.12, -0.12, -0.345)
"""Middles of the knuckles from index to little finger, in breadths toward the thumb."""
_THICK = (0.098, 0.102, 0.096, 0.085)
"""Half breadth of each finger at its root, in breadths."""
_BENT = (0.16, 0.50, 0.80)
"""Radians by which the phalanges of a resting finger are bent from the palm's direction."""
_PHALANGES = (0.50, 0.29, 0.21)
"""Of a finger's length seen from the back of the hand."""
_TURNED = 0.55
"""Radians by which the thumb's edge of a hanging hand is turned in from straight ahead."""
_PALM = np.array([0.0, 0.15, 0.35, 0.60, 0.85, 1.0])
_PALM_WIDE = np.array([0.33, 0.36, 0.44, 0.50, 0.50, 0.46])
_PALM_DEEP = np.array([0.24, 0.23, 0.20, 0.175, 0.150, 0.115])
"""Half width and half depth over the way from the wrist to the knuckles, in breadths."""


@dataclass(frozen=True)
class Tube:
    """A tube of elliptical rings around a line."""

    line: Array
    """(R, 3) mm from the wrist, from above down"""
    wide: Array
    """(R,) half width in the plane of the palm, mm"""
    deep: Array
    """(R,) half depth across it, mm"""
    along_palm: Array
    """(3,) unit direction of the width: toward the thumb's edge"""


def tubes_of(sex: Sex, side: float) -> list[Tube]:
    """Palm, index, middle, ring and little finger, and thumb of a hanging hand.

    Args:
        sex: whose hand.
        side: 1 the subject's left, -1 the right.
    """
    length, breadth = LENGTH[sex], BREADTH[sex]
    toward_thumb = np.array([-side * np.sin(_TURNED), 0.0, np.cos(_TURNED)])
    into_palm = np.array([-side * np.cos(_TURNED), 0.0, -np.sin(_TURNED)])
    down = np.array([0.0, -1.0, 0.0])
    knuckles = (1.0 - _FINGER) * length
    palm = Tube(
        line=knuckles * _PALM[:, None] * down,
        wide=breadth * _PALM_WIDE,
        deep=breadth * _PALM_DEEP,
        along_palm=toward_thumb,
    )
    found = [palm]
    for shorter, across, thick in zip(_SHORTER, _ACROSS, _THICK):
        reach = _FINGER * length * (1.0 - shorter)
        # Knuckles lie on a bow: those at the edges are nearer to the wrist.
        root = (knuckles - 0.5 * breadth * across**2) * down + across * breadth * toward_thumb
        steps = [-0.12 * reach * down]  # it begins inside the palm
        for bent, share in zip(_BENT, _PHALANGES):
            step = share * reach * (np.cos(bent) * down + np.sin(bent) * into_palm)
            steps += [0.5 * step, 0.5 * step]
        line = root + np.cumsum([steps[0], -steps[0], *steps[1:]], axis=0)
        girth = breadth * thick * np.array([1.0, 1.02, 0.96, 0.97, 0.88, 0.87, 0.78, 0.36])
        found.append(Tube(line, girth, 0.92 * girth, toward_thumb))
    found.append(_thumb(length, breadth, toward_thumb, into_palm))
    return found


def _thumb(length: float, breadth: float, toward_thumb: Array, into_palm: Array) -> Tube:
    """It leaves the wrist's edge, stands off the palm and points down again."""
    #                 down, toward the edge, into the palm, all in lengths of the hand
    places = np.array(
        [
            (0.06, 0.07, 0.02),
            (0.19, 0.16, 0.06),
            (0.32, 0.23, 0.09),
            (0.43, 0.255, 0.11),
            (0.53, 0.26, 0.125),
            (0.565, 0.258, 0.13),
        ]
    )
    axes = np.stack([np.array([0.0, -1.0, 0.0]), toward_thumb, into_palm])
    girth = breadth * np.array([0.16, 0.165, 0.125, 0.125, 0.105, 0.05])
    return Tube(length * places @ axes, girth, girth, toward_thumb)
