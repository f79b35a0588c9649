"""Where the first crop goes: around landmarks, or where a detector's box says they are."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.faces.detect import Face
from likeness.systems.face_encoder import framing

POINTS = np.random.default_rng(0).uniform(20, 90, (68, 2))


def square_of(matrix: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """Centre and side of the square a crop shows, in the photograph."""
    corners = [
        np.linalg.solve(matrix[:, :2], np.array(corner) - matrix[:, 2])
        for corner in ((0, 0), (size, size))
    ]
    return (corners[0] + corners[1]) / 2, float((corners[1] - corners[0])[0])


def test_landmarks_give_their_box():
    centre, side = square_of(framing.frame_landmarks(POINTS, 1.6, 96), 96)
    low, high = POINTS.min(axis=0), POINTS.max(axis=0)
    np.testing.assert_allclose(centre, (low + high) / 2)
    assert side == pytest.approx(1.6 * (high - low).mean())


def test_a_face_with_landmarks_is_framed_by_them_whatever_its_box():
    face = Face(np.array([0.0, 0, 5, 5]), 0.9, landmarks68=POINTS)
    expected = framing.frame_landmarks(POINTS, 1.6, 96)
    np.testing.assert_array_equal(framing.frame_face(face, 1.6, 96, detector="scrfd"), expected)


@pytest.mark.parametrize("detector", ["cascade", "scrfd", "yunet", "another"])
def test_boxes_are_read_by_the_habit_of_their_detector(detector):
    """The frame is where the mean face would be put, times the scale; it moves with the box."""
    face = Face(np.array([30.0, 40.0, 70.0, 80.0]), 0.9)
    centre, extent = framing.landmark_box_of(face, detector=detector)
    assert centre[0] == 50
    assert 60 <= centre[1] < 70  # lower than the box's middle: foreheads have no landmarks
    assert 0.6 * 40 < extent < 40
    found, side = square_of(framing.frame_face(face, 1.6, 96, detector=detector), 96)
    np.testing.assert_allclose(found, centre)
    assert side == pytest.approx(1.6 * extent)
    larger = face.moved(3.0, (7.0, -5.0))
    moved, wider = framing.landmark_box_of(larger, detector=detector)
    np.testing.assert_allclose(moved, 3 * centre + [7, -5])
    assert wider == pytest.approx(3 * extent)
