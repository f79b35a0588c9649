"""Where to crop a photograph: from a detected box or landmarks to the encoder's square.

Owns the one convention of framing; affine maps are in ``likeness.geometry.affine``.
"""

from __future__ import annotations

import numpy as np

from likeness.faces.detect import Face
from likeness.geometry.affine import landmark_box, square_crop

# Of the box of the 68 landmarks, in units of a detector's box size: the centre's offset downwards
# and the extent. Detectors draw boxes by their own habits; these are means over frontal portraits.
_BOX_HABITS = {"cascade": (0.187, 0.877), "scrfd": (0.03, 0.93), "yunet": (0.03, 0.93)}
_DEFAULT_HABIT = _BOX_HABITS["scrfd"]


def frame_landmarks(points: np.ndarray, scale: float, size: int) -> np.ndarray:
    """Map (2, 3) to a crop whose side is ``scale`` times the mean extent of the points (N, 2)."""
    centre, extent = landmark_box(points)
    return square_crop(centre, extent * scale, size)


def frame_face(face: Face, scale: float, size: int, *, detector: str = "") -> np.ndarray:
    """Map (2, 3) to the crop around a detected face."""
    centre, extent = landmark_box_of(face, detector=detector)
    return square_crop(centre, extent * scale, size)


def landmark_box_of(face: Face, *, detector: str = "") -> tuple[np.ndarray, float]:
    """Expected centre (2,) and extent of the face's landmark box: where a mean face is put."""
    if face.landmarks68 is not None:
        return landmark_box(face.landmarks68)
    drop, extent = _BOX_HABITS.get(detector, _DEFAULT_HABIT)
    return face.centre + np.array([0.0, drop * face.size]), extent * face.size
