"""Crops and affine maps against hand-worked numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.geometry.affine import (
    apply_affine,
    compose_affine,
    invert_affine,
    landmark_box,
    square_crop,
)


def test_square_crop_by_hand() -> None:
    matrix = square_crop(np.array([100.0, 50.0]), 40.0, 80)
    corners = np.array([[80.0, 30.0], [120, 70], [100, 50]])
    np.testing.assert_allclose(apply_affine(matrix, corners), [[0, 0], [80, 80], [40, 40]])
    flipped = square_crop(np.array([100.0, 50.0]), 40.0, 80, flip=True)
    np.testing.assert_allclose(apply_affine(flipped, corners), [[80, 0], [0, 80], [40, 40]])
    # A quarter turn counter-clockwise moves the point on the right to the top (small y).
    turned = square_crop(np.array([100.0, 50.0]), 40.0, 80, rotation=math.pi / 2)
    np.testing.assert_allclose(
        apply_affine(turned, np.array([[120.0, 50.0]])), [[40, 0]], atol=1e-12
    )
    with pytest.raises(ValueError, match="positive"):
        square_crop(np.zeros(2), 0.0, 80)


def test_affine_maps_compose_and_invert() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 2, 3))
    cloud = rng.normal(size=(4, 5, 2))
    expected = apply_affine(second, apply_affine(first, cloud))
    np.testing.assert_allclose(apply_affine(compose_affine(second, first), cloud), expected)
    back = apply_affine(invert_affine(first), apply_affine(first, cloud))
    np.testing.assert_allclose(back, cloud, atol=1e-12)
    with pytest.raises(ValueError, match="no inverse"):
        invert_affine(np.array([[1.0, 2, 0], [2, 4, 0]]))


def test_landmark_box() -> None:
    centre, side = landmark_box(np.array([[0.0, 10], [4, 10], [4, 30]]))
    assert centre.tolist() == [2, 20]
    assert side == 12
