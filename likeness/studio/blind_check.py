"""Reads a caption's claims from a picture's pixels and 68 landmarks alone, without its truth.

Owns a second opinion on view, side light and the colour of clothes, for checking captions of
finished data sets: it shares no measurement with ``labels`` but the classes and their names.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from likeness.studio.camera import face_region
from likeness.studio.colour_words import nearest_colour
from likeness.studio.labels import SIDE_RATIO, Labels
from likeness.studio.landmark_points import landmarks68
from likeness.studio.shots import View, turn_of
from likeness.studio.template import build_template

_RIGID = (27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45, 48, 54)
"""Nose, corners of the eyes and of the mouth."""
_TURNED, _PROFILE, _TILTED = 18.0, 54.0, 13.5
"""Degrees, in the middle of the gaps between classes."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])


def disagreements(
    image: NDArray[np.floating], points: NDArray[np.floating], claimed: Labels
) -> dict[str, tuple[str, str]]:
    """Claims that the picture does not bear out: claimed and found, by slot.

    Args:
        image: (H, W, 3) sRGB in [0, 1].
        points: (68, 2) landmarks in pixels.
        claimed: labels of the caption; slots that cannot be read blindly are not looked at.
    """
    found: dict[str, tuple[str, str]] = {}
    if claimed.view is not None:
        view = read_view(points)
        if view != claimed.view:
            found["view"] = (claimed.view, view)
    if claimed.light in ("side left", "side right"):
        side = read_side_light(image, points)
        if side != claimed.light:
            found["light"] = (claimed.light, side)
    if claimed.clothes_colour is not None:
        colour = read_clothes_colour(image, points)
        if colour is not None and colour != claimed.clothes_colour:
            found["clothes"] = (claimed.clothes_colour, colour)
    return found


def read_view(points: NDArray[np.floating]) -> View:
    """The view of 68 landmarks (68, 2): the turn of the mean head that fits them best.

    A scaled orthographic camera by least squares (DeMenthon and Davis, "Model-based object pose in
    25 lines of code", 1995, without the iteration).
    """
    yaw, pitch = read_turn(points)
    if yaw <= -_PROFILE:
        return "profile left"
    if yaw >= _PROFILE:
        return "profile right"
    if abs(yaw) >= _TURNED:
        return "left" if yaw < 0.0 else "right"
    if pitch >= _TILTED:
        return "up"
    return "down" if pitch <= -_TILTED else "front"


def read_turn(points: NDArray[np.floating]) -> tuple[float, float]:
    """Yaw and pitch in degrees of 68 landmarks (68, 2)."""
    inverse = _model()
    seen = np.asarray(points, np.float64)[list(_RIGID)] * (1.0, -1.0)
    axes = (inverse @ (seen - seen.mean(axis=0))).T
    left, _, right = np.linalg.svd(axes, full_matrices=False)
    first, second = left @ right
    rotation = np.stack([first, second, np.cross(first, second)])
    yaw, pitch, _ = turn_of(rotation)
    return math.degrees(yaw), math.degrees(pitch)


@cache
def _model() -> NDArray[np.float64]:
    """The pseudoinverse (3, P) of the centred points of the mean head."""
    template = build_template()
    found = landmarks68(template)
    corners = template.vertices[template.faces[found.triangles]]
    points = np.einsum("nk,nkc->nc", found.barycentric, corners)[list(_RIGID)]
    inverse: NDArray[np.float64] = np.linalg.pinv(points - points.mean(axis=0))
    return inverse


def read_side_light(image: NDArray[np.floating], points: NDArray[np.floating]) -> str:
    """ "side left", "side right" or "none": by luma on the two halves of the landmarks' hull."""
    height, width = image.shape[:2]
    hull = cv2.convexHull(np.asarray(points, np.float32)).round().astype(np.int32)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(inside, hull, 1)
    left, top, right, bottom = face_region(points)
    rows = slice(max(int(top), 0), min(math.ceil(bottom), height))
    columns = np.arange(width) + 0.5
    luma = image[rows] @ _LUMA
    first = (inside[rows] > 0) & (columns < 0.5 * (left + right))
    second = (inside[rows] > 0) & ~(columns < 0.5 * (left + right))
    if not first.any() or not second.any():
        return "none"
    ratio = float(luma[first].mean() / max(float(luma[second].mean()), 1e-3))
    if ratio >= SIDE_RATIO:
        return "side left"
    return "side right" if ratio <= 1.0 / SIDE_RATIO else "none"


def read_clothes_colour(image: NDArray[np.floating], points: NDArray[np.floating]) -> str | None:
    """The colour below the neck; None where the picture ends above it."""
    height, width = image.shape[:2]
    left, top, right, bottom = face_region(points)
    tall, middle = bottom - top, 0.5 * (left + right)
    # Where the chest is, for a body under an upright face.
    rows = slice(min(int(bottom + 0.75 * tall), height), min(int(bottom + 1.5 * tall), height))
    half = 0.45 * tall
    columns = slice(max(int(middle - half), 0), min(int(middle + half), width))
    chest = image[rows, columns].reshape(-1, 3)
    if len(chest) < 24:
        return None
    return nearest_colour(np.median(chest, axis=0))
