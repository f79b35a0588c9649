"""Affine maps of the plane, (2, 3) arrays from source to target pixels: square crops and points.

Pixel centres lie on half-integers, so a map needs no half-pixel corrections when sizes change.
Pictures are warped by :mod:`likeness.media.image`; similarity fits are in
:mod:`likeness.geometry.alignment`. Imports no torch.
"""

from __future__ import annotations

import numpy as np


def square_crop(
    centre: np.ndarray, side: float, size: int, *, rotation: float = 0.0, flip: bool = False
) -> np.ndarray:
    """The map that cuts a square out of a picture.

    Args:
        centre: (2,) middle of the square, source pixels.
        side: edge of the square, source pixels.
        size: edge of the crop, pixels.
        rotation: radians; positive turns the content counter-clockwise as seen.
        flip: mirror the crop left to right.
    """
    if side <= 0 or size <= 0:
        raise ValueError(f"a crop needs positive sides, got side={side}, size={size}")
    zoom = size / side
    cosine, sine = zoom * np.cos(rotation), zoom * np.sin(rotation)
    # y points down, so a turn that looks counter-clockwise has +sin in the first row.
    linear = np.array([[cosine, sine], [-sine, cosine]])
    if flip:
        linear[0] *= -1
    offset = size / 2 - linear @ np.asarray(centre, dtype=np.float64)
    return np.concatenate([linear, offset[:, None]], axis=1)


def landmark_box(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) and mean of width and height of the box around points (N, 2)."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return (low + high) / 2, float((high - low).mean())


def apply_affine(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) through a map (2, 3)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def compose_affine(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The map that applies ``first``, then ``second``."""
    linear = second[:, :2] @ first[:, :2]
    offset = second[:, :2] @ first[:, 2] + second[:, 2]
    return np.concatenate([linear, offset[:, None]], axis=1)


def invert_affine(matrix: np.ndarray) -> np.ndarray:
    """The map back. Raises ValueError for a map that flattens the plane."""
    determinant = np.linalg.det(matrix[:, :2])
    if abs(determinant) < 1e-12:
        raise ValueError(f"the affine map {matrix.tolist()} has no inverse")
    linear = np.linalg.inv(matrix[:, :2])
    return np.concatenate([linear, -(linear @ matrix[:, 2])[:, None]], axis=1)
