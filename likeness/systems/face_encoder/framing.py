"""Where to crop a photograph: from a detected box or landmarks to the encoder's square.

Owns the one convention of framing; affine maps are in ``likeness.geometry.affine``.
"""

from __future__ import annotations

import numpy as np

from likeness.faces.align import TEMPLATE_112
from likeness.faces.detect import Face
from likeness.geometry.affine import invert_affine, landmark_box, square_crop
from likeness.geometry.alignment import fit_similarity
from likeness.geometry.landmarks import five_points

# Of the box of the 68 landmarks, in units of a detector's box size: the centre's offset downwards
# and the extent. Detectors draw boxes by their own habits; these are means over frontal portraits.
_BOX_HABITS = {"cascade": (0.187, 0.877), "scrfd": (0.03, 0.93), "yunet": (0.03, 0.93)}
_DEFAULT_HABIT = _BOX_HABITS["scrfd"]

# Of the box of the 68 landmarks, in the 112-pixel picture to which eyes and mouth corners are
# aligned: height of the centre, extent, and how far the centre moves against the nose. Means over
# 240 studio photographs of 60 people, turned up to 50 degrees: the centre is then off by 4 % of the
# extent (standard deviation), the extent by 6 %.
_EYES_AND_MOUTH, _NOSE = [0, 1, 3, 4], 2
_JAW = slice(17)
_MIDDLE = float(TEMPLATE_112[_EYES_AND_MOUTH, 0].mean())
_CENTRE_HEIGHT, _EXTENT, _AGAINST_NOSE = 76.7, 79.5, 1.23


def box_of_landmarks(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) and extent of the box of 68 landmarks, also where the jaw line is not known.

    The box of the other 51 is a quarter smaller and lies higher: a face that is cropped by it would
    be nearer than all others. Eyes, nose and mouth tell where the whole box is.

    Args:
        points: (68, 2) pixels.
        weights: (68,) 0 where a point is not known.
    """
    if weights[_JAW].any():
        return landmark_box(points[weights > 0])
    return _box_by_five_points(five_points(points))


def frame_landmarks(points: np.ndarray, scale: float, size: int) -> np.ndarray:
    """Map (2, 3) to a crop whose side is ``scale`` times the mean extent of 68 points (68, 2)."""
    centre, extent = landmark_box(points)
    return square_crop(centre, extent * scale, size)


def frame_face(face: Face, scale: float, size: int, *, detector: str = "") -> np.ndarray:
    """Map (2, 3) to the crop around a detected face."""
    centre, extent = landmark_box_of(face, detector=detector)
    return square_crop(centre, extent * scale, size)


def landmark_box_of(face: Face, *, detector: str = "") -> tuple[np.ndarray, float]:
    """Expected centre (2,) and extent of the face's landmark box: where a mean face is put.

    By 68 landmarks where the face has them, else by the box of a detector whose habits are known,
    else by five points, else by the box.
    """
    if face.landmarks68 is not None:
        return landmark_box(face.landmarks68)
    if face.points5 is not None and detector not in _BOX_HABITS:
        return _box_by_five_points(face.points5)
    drop, extent = _BOX_HABITS.get(detector, _DEFAULT_HABIT)
    return face.centre + np.array([0.0, drop * face.size]), extent * face.size


def _box_by_five_points(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) and extent of the landmark box by eyes, nose and mouth corners (5, 2).

    The nose stands before the head and the middle of the jaw line behind the eyes: when the head
    turns, one goes to the left of eyes and mouth and the other to the right.
    """
    aligned = fit_similarity(points[_EYES_AND_MOUTH], TEMPLATE_112[_EYES_AND_MOUTH]).matrix
    nose = aligned[0, :2] @ points[_NOSE] + aligned[0, 2]
    centre = np.array([_MIDDLE - _AGAINST_NOSE * (nose - _MIDDLE), _CENTRE_HEIGHT])
    back = invert_affine(aligned)
    extent = _EXTENT * np.sqrt(np.linalg.det(back[:, :2]))
    return back[:, :2] @ centre + back[:, 2], float(extent)
