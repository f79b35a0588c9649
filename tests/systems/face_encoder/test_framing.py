"""Where the first crop goes: around landmarks, or where a detector's box says they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.faces.detect import Face
from likeness.geometry.affine import apply_affine, landmark_box
from likeness.geometry.landmarks import five_points
from likeness.geometry.rotations import euler_to_matrix
from likeness.systems.face_encoder import framing
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.heads import open_head
from tests.realdata import real_data
from tests.systems.face_encoder import toy

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


def test_a_known_detector_is_read_by_its_box_and_records_by_their_points():
    points = np.array([[40.0, 50], [60, 50], [50, 60], [42, 70], [58, 70]])
    face = Face(np.array([30.0, 40.0, 70.0, 80.0]), 0.9, points5=points)
    without = Face(face.box, 0.9)
    for detector in ("cascade", "scrfd", "yunet"):
        found = framing.landmark_box_of(face, detector=detector)
        assert found[1] == framing.landmark_box_of(without, detector=detector)[1]
    assert framing.landmark_box_of(face, detector="file")[1] > 40


def box_errors(five: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (N, 2) of centres in extents, ratios (N,) of extents, by five points against 68."""
    offsets, ratios = [], []
    for known, all_points in zip(five, points, strict=True):
        box = np.concatenate([known.min(axis=0), known.max(axis=0)])
        found, side = framing.landmark_box_of(Face(box, 1.0, points5=known), detector="file")
        centre, extent = landmark_box(all_points)
        offsets.append((found - centre) / extent)
        ratios.append(side / extent)
    return np.array(offsets), np.array(ratios)


@pytest.mark.parametrize("yaw", [-0.8, -0.4, 0.0, 0.4, 0.8])
def test_five_points_of_a_turned_and_rolled_head_give_the_box_of_all(yaw):
    """Other heads than those the numbers come from: the head model's, by a weak perspective."""
    layout, count = toy.SMALL_LAYOUT, 20
    decoder = Decoder(open_head("studio"), layout, "weak_perspective")
    vector = toy.random_vector(layout, 3, count)
    angles = np.random.default_rng(4).normal((0.0, yaw, 0.0), (0.1, 0.0, 0.15), (count, 3))
    rotation = euler_to_matrix(torch.tensor(angles, dtype=torch.float32))
    vector[:, layout.slice("pose.global")] = toy.matrix_to_rotation_6d(rotation)
    with torch.no_grad():
        points = (decoder.landmarks(vector).numpy() + 1) * 100
    offsets, ratios = box_errors(five_points(points), points)
    assert abs(ratios.mean() - 1) < 0.08
    assert (abs(ratios - 1) < 0.2).all()
    assert (abs(offsets.mean(axis=0)) < 0.07).all()
    for known, all_points in zip(five_points(points), points, strict=True):
        box = np.concatenate([known.min(axis=0), known.max(axis=0)])
        matrix = framing.frame_face(Face(box, 1.0, points5=known), 1.6, 96, detector="file")
        inside = apply_affine(matrix, all_points)
        assert ((inside > 0) & (inside < 96)).all()  # the encoder sees the whole face


@pytest.mark.realdata
def test_five_points_of_real_faces_give_the_box_of_all():
    """Annotated pupils, base of the nose and mouth corners against the 68 landmarks' box."""
    folder = real_data("london_faces")
    five = np.load(folder / "landmarks.npz")["points"][:, [0, 1, 55, 87, 93]]
    points = np.load(folder / "landmarks68.npz")["points"]
    offsets, ratios = box_errors(five.astype(np.float64), points.astype(np.float64))
    assert abs(ratios.mean() - 1) < 0.08
    assert (abs(ratios - 1) < 0.15).all()
    assert (abs(offsets) < 0.1).all()


@pytest.mark.realdata
def test_without_a_jaw_line_the_box_is_that_of_all_points_and_not_of_the_rest():
    """By the rest alone it was .78 of the true box, and a face was cropped a quarter nearer."""
    points = np.load(real_data("london_faces") / "landmarks68.npz")["points"].astype(np.float64)
    weights = np.ones(68)
    whole = [framing.box_of_landmarks(face, weights) for face in points]
    assert whole[0][1] == landmark_box(points[0])[1]
    weights[:17] = 0.0
    rest = [landmark_box(face[17:])[1] for face in points]
    found = [framing.box_of_landmarks(face, weights) for face in points]
    extents = np.array([extent for _, extent in whole])
    assert (np.array(rest) / extents).mean() < 0.85
    ratios = np.array([extent for _, extent in found]) / extents
    assert abs(ratios.mean() - 1) < 0.08
    assert (abs(ratios - 1) < 0.2).all()
    offsets = [(f[0] - w[0]) / w[1] for f, w in zip(found, whole, strict=True)]
    assert (abs(np.array(offsets)) < 0.12).all()
