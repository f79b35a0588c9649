"""Reading one landmark file and judging it: (68, 2) or (51, 2) pixels of the picture beside it.

Owns the file's rules; where the files lie is ``layouts.py``.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import numpy as np

from likeness.errors import DataError
from likeness.geometry.array_files import read_npy
from likeness.geometry.landmarks import far_outside
from likeness.systems.face_encoder.framing import box_of_landmarks
from likeness.systems.face_encoder.layouts import Entry

MIN_EYE_DISTANCE = 8.0
MIN_EXTENT = 1.0
"""Pixels; no crop can be cut around a smaller box."""


def read_landmarks(
    path: Path, *, counts: Collection[int] = (68, 51)
) -> tuple[np.ndarray, np.ndarray]:
    """Points (68, 2) float32 in pixels, and weights (68,): 0 for points the file does not have.

    A file of 51 points is the 68 without the jaw line. Extra columns (depth, score) are dropped.

    Args:
        counts: how many points will do; all 68 are needed where crops are prepared.

    Raises:
        DataError: no such file, not an array, another number of points, NaN.
    """
    if not path.is_file():
        raise DataError(
            f"Expected landmarks at '{path}', but there is no such file.",
            advice="Make them with 'likeness data prepare face-encoder', or remove the picture.",
        )
    points = read_npy(path)
    if points.ndim != 2 or points.shape[0] not in counts or points.shape[1] not in (2, 3):
        shapes = " or ".join(f"({count}, 2)" for count in counts)
        jaw = " With the jaw line there are 68." if points.shape[:1] == (51,) else ""
        raise DataError(
            f"Expected landmarks of shape {shapes} in '{path}', found {points.shape}.",
            advice=f"Convert the file to the iBUG 68-point order, in pixels of its picture.{jaw}",
        )
    if points.dtype.kind not in "fiu" or not np.isfinite(points).all():
        raise DataError(
            f"Expected finite numbers in '{path}', found {_describe_bad(points)}.",
            advice="Detect the landmarks of this picture again, or remove it.",
        )
    points = points[:, :2].astype(np.float32)
    weights = np.ones(68, np.float32)
    if len(points) == 51:
        # The jaw line is unknown: weight 0, placed at the centre so that no arithmetic meets NaN.
        points = np.concatenate([np.repeat(points.mean(0, keepdims=True), 17, 0), points])
        weights[:17] = 0.0
    return points, weights


def _describe_bad(points: np.ndarray) -> str:
    if points.dtype.kind not in "fiu":
        return f"values of type {points.dtype}"
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    return f"NaN or infinity at points {bad[:5].tolist()}"


def in_image(points: np.ndarray, entry: Entry, image_size: tuple[int, int]) -> np.ndarray:
    """Points scaled from the recorded picture size to the picture at hand (width, height)."""
    if entry.size is None or entry.size == image_size:
        return points
    scale = np.array(image_size, np.float32) / np.array(entry.size, np.float32)
    return (points * scale).astype(np.float32)


def known_box(points: np.ndarray, weights: np.ndarray, path: Path) -> tuple[np.ndarray, float]:
    """Centre (2,) and extent of the box of 68 points, see :func:`.box_of_landmarks`.

    Raises:
        DataError: the box of the known points is none.
    """
    known = points[weights > 0]
    problem = _without_extent(known)
    if problem:
        raise DataError(
            f"'{path}': {problem}",
            advice="Detect the landmarks of this picture again, or remove it.",
        )
    return box_of_landmarks(points, weights)


def _without_extent(known: np.ndarray) -> str:
    """What is wrong with a box too small to be a face's, or nothing."""
    width, height = np.ptp(known, axis=0)
    if min(width, height) >= MIN_EXTENT:
        return ""
    return (
        f"The box of the landmarks is {width:.3g} x {height:.3g} pixels; a face has at least "
        f"{MIN_EXTENT:g} x {MIN_EXTENT:g}."
    )


def implausible(
    points: np.ndarray, weights: np.ndarray, size: tuple[int, int]
) -> list[tuple[str, str]]:
    """(code, message) of everything wrong with points in a picture of (width, height)."""
    known = points[weights > 0]
    degenerate = _without_extent(known)
    if degenerate:
        return [("landmarks-degenerate", degenerate)]
    found = []
    outside = far_outside(known, size)
    if outside:
        found.append(("landmarks-outside", outside))
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    distance = math.hypot(*(left - right).tolist())  # holds any finite numbers
    # Down from the eyes to the chin, beside the line from one eye to the other: the sign of their
    # cross product is that of any face, however it is turned in the picture.
    down = (points[8] - 0.5 * (right + left)).astype(np.float64)  # holds any product
    across = (left - right).astype(np.float64)
    is_turned_over = across[0] * down[1] < across[1] * down[0]
    if distance < MIN_EYE_DISTANCE:
        told = math.floor(10.0 * distance) / 10.0  # never as much as is needed
        found.append(("face-small", f"The eyes are {told:.1f} px apart; at least 8 are needed."))
    elif right[0] >= left[0] and abs(right[1] - left[1]) < abs(right[0] - left[0]):
        found.append(
            (
                "landmarks-mirrored",
                "The subject's right eye (points 36-41) lies to the right of the left one.",
            )
        )
    elif is_turned_over and abs(down[0]) > abs(down[1]):
        found.append(
            (
                "landmarks-exchanged",
                "The eyes lie one above the other with the chin on the wrong side of them, as "
                "where x and y are exchanged.",
            )
        )
    return found
