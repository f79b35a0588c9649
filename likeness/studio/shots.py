"""Kinds of shots and views: how large the face is in the picture, and which way it is turned.

Owns the classes, the gaps between them that are never drawn, and their draws. Turns are against the
line of sight, as a face looks in the picture; a face beside the optical axis is turned from the
camera's own axes by that much.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.studio.camera import Lens
from likeness.studio.scene import head_rotation, sight_rotation

Shot = Literal["portrait", "half-length", "wide"]
SHOTS: tuple[Shot, ...] = ("portrait", "half-length", "wide")
View = Literal["front", "left", "right", "profile left", "profile right", "up", "down"]
VIEWS: tuple[View, ...] = ("front", "left", "right", "profile left", "profile right", "up", "down")

FACE_HEIGHT: dict[Shot, tuple[float, float]] = {
    "portrait": (0.38, 0.70),
    "half-length": (0.17, 0.33),
    "wide": (0.08, 0.13),
}
"""Height of the face region over the picture's."""
YAW: dict[View, tuple[float, float]] = {
    "front": (-12.0, 12.0),
    "left": (-46.0, -24.0),
    "right": (24.0, 46.0),
    "profile left": (-85.0, -62.0),
    "profile right": (62.0, 85.0),
    "up": (-12.0, 12.0),
    "down": (-12.0, 12.0),
}
"""Degrees toward the right of the picture."""
LEVEL = 9.0
"""Degrees a level face nods at most."""
PITCH: dict[View, tuple[float, float]] = {"up": (18.0, 28.0), "down": (-28.0, -18.0)}
"""Degrees upward; other views are level."""

_INSIDE = 0.06
"""Share of a range that draws keep from its ends, so that measuring finds what was drawn."""
_MIDDLE: dict[Shot, tuple[float, float]] = {
    "portrait": (-0.10, 0.02),
    "half-length": (-0.28, -0.18),
    "wide": (-0.33, -0.24),
}
"""Middle of the face from the middle of the picture, in heights, y down."""


def draw_turn(rng: np.random.Generator, view: View) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a view, radians against the line of sight."""
    yaw = rng.uniform(*_inner(*YAW[view]))
    pitch = rng.uniform(*_inner(*PITCH.get(view, (-LEVEL, LEVEL))))
    roll = rng.uniform(-3.0, 3.0)
    return math.radians(yaw), math.radians(pitch), math.radians(roll)


def view_of(yaw: float, pitch: float) -> View | None:
    """The view of a face turned by radians against the line of sight; None in the gaps."""
    turn, lift = math.degrees(yaw), math.degrees(pitch)
    for view in VIEWS:
        low, high = YAW[view]
        least, most = PITCH.get(view, (-LEVEL, LEVEL))
        if low <= turn <= high and least <= lift <= most:
            return view
    return None


def shot_of(face_height: float) -> Shot | None:
    """The shot of a face region over the picture's height; None in the gaps."""
    for shot, (low, high) in FACE_HEIGHT.items():
        if low <= face_height <= high:
            return shot
    return None


def draw_lens(rng: np.random.Generator, shot: Shot, *, sharp: bool = False) -> Lens:
    """A lens, a place for the face and an aperture of a shot; all but portraits show whole heads.

    Args:
        rng: the only source of chance.
        shot: how large the face is.
        sharp: leaves everything in focus.
    """
    focal_length = math.exp(rng.uniform(math.log(35.0), math.log(135.0)))
    face_height = float(rng.uniform(*_inner(*FACE_HEIGHT[shot])))
    low, high = _MIDDLE[shot]
    # A large face leaves little room to move.
    slack = min(0.5 - 0.5 * face_height, 1.0)
    x = float(np.clip(rng.normal(0.0, 0.05), -0.3 * slack, 0.3 * slack))
    y = max(float(rng.uniform(low, high)), 0.5 * face_height + 0.04 - 0.5)
    aperture = math.exp(rng.uniform(math.log(1.8), math.log(8.0)))
    return Lens(focal_length, face_height, (x, y), None if sharp else aperture, shot != "portrait")


def camera_turn(
    turn: tuple[float, float, float], sight: tuple[float, float]
) -> tuple[float, float, float]:
    """Yaw, pitch and roll in the camera's axes of a face seen turned like that.

    Args:
        turn: radians against the line of sight.
        sight: radians from the optical axis to the face: right, up.
    """
    toward = np.array([math.tan(sight[0]), math.tan(sight[1]), -1.0])
    return turn_of(sight_rotation(toward).T @ head_rotation(*turn))


def apparent_turn(
    turn: tuple[float, float, float], position: NDArray[np.floating]
) -> tuple[float, float, float]:
    """The inverse of :func:`camera_turn` for a face at a position (3,), camera at the origin."""
    return turn_of(sight_rotation(position) @ head_rotation(*turn))


def turn_of(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a rotation (3, 3): the inverse of ``scene.head_rotation``."""
    yaw = math.atan2(rotation[0, 2], rotation[2, 2])
    pitch = math.asin(min(max(float(rotation[1, 2]), -1.0), 1.0))
    roll = math.atan2(rotation[1, 0], rotation[1, 1])
    return yaw, pitch, roll


def _inner(low: float, high: float) -> tuple[float, float]:
    keep = _INSIDE * (high - low)
    return low + keep, high - keep
