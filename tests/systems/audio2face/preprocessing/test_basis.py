from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.preprocessing.basis import coefficients_of, principal_basis
from likeness.systems.audio2face.preprocessing.pose_space import compressed
from likeness.systems.audio2face.preprocessing.poses import Poses, ShotPoses


def part_of(rows: np.ndarray, origin: np.ndarray | None = None, name: str = "a") -> ShotPoses:
    array = rows.reshape(len(rows), -1, 3).astype(np.float32)
    mean = None if origin is None else origin.astype(np.float32)
    return ShotPoses(name, VertexAnimation.of_array(array, 30.0), np.arange(len(rows)), origin=mean)


def some_rows(count: int = 40, size: int = 90) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(count, size)) * np.geomspace(5, 0.05, size) + 3.0).astype(np.float32)


def expected_basis(
    rows: np.ndarray, mean: np.ndarray, threshold: float
) -> tuple[int, np.ndarray, np.ndarray]:
    """Number, variances and axes by the singular values of NumPy, signs by a loop."""
    _, values, axes = np.linalg.svd(rows.astype(np.float64) - mean, full_matrices=False)
    variances = values**2 / (len(rows) - 1)
    ratio, count = 0.0, 0
    for variance in variances:
        ratio += variance / variances.sum()
        count += 1
        if ratio > threshold:
            break
    for axis in axes:
        if axis[np.argmax(np.abs(axis))] < 0:
            axis *= -1
    return count, variances, axes


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.9995])
def test_axes_are_the_singular_vectors_about_the_given_mean(threshold: float) -> None:
    rows, mean = some_rows(), np.full(90, 2.5, np.float32)
    count, variances, axes = expected_basis(rows, mean, threshold)
    found = principal_basis(Poses((part_of(rows, mean),)), threshold=threshold)
    assert len(found.axes) == count
    assert found.axes.dtype == np.float32
    np.testing.assert_allclose(found.variances, variances[:count], rtol=1e-5)
    np.testing.assert_allclose(found.axes, axes[:count], atol=2e-5)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(count), atol=1e-6)
    assert found.share == pytest.approx(variances[:count].sum() / variances.sum())


def test_poses_are_not_centred_again() -> None:
    rows = some_rows() + 50.0
    found = principal_basis(Poses((part_of(rows, np.zeros(90)),)), threshold=0.9)
    mean = rows.mean(axis=0)
    assert abs(float(found.axes[0] @ mean)) / np.linalg.norm(mean) > 0.999


@pytest.mark.parametrize("threshold", [1.0, 1.5])
def test_a_threshold_from_one_on_takes_all_components(threshold: float) -> None:
    rows = some_rows(12)
    found = principal_basis(Poses((part_of(rows, np.zeros(90)),)), threshold=threshold)
    assert len(found.axes) == 12
    assert found.share == pytest.approx(1.0)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(12), atol=1e-6)


def test_components_can_be_forced_up_to_the_directions_there_are() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(30, 5)) @ rng.normal(size=(5, 60))
    poses = Poses((part_of(rows, np.zeros(60)),))
    assert len(principal_basis(poses, threshold=0.1, components=5).axes) == 5
    with pytest.raises(DataError, match=r"6 components were asked for; the 30 poses .* have 5"):
        principal_basis(poses, threshold=0.1, components=6)


def test_poses_that_are_their_mean_give_a_clear_error() -> None:
    with pytest.raises(DataError, match="are all the same"):
        principal_basis(Poses((part_of(np.ones((5, 6)), np.ones(6)),)), threshold=0.9)


def test_weak_axes_are_orthonormal_too() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(25, 300)) * np.geomspace(100, 1e-3, 25)[:, None]
    found = principal_basis(Poses((part_of(rows, np.zeros(300)),)), threshold=1.0)
    assert len(found.axes) > 20
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(len(found.axes)), atol=2e-6)


def test_more_poses_than_are_held_give_the_same_axes() -> None:
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(400, 12)) * np.geomspace(9, 0.5, 12)
    rows = weights @ np.linalg.qr(rng.normal(size=(240, 12)))[0].T
    poses = Poses((part_of(rows[:150], np.zeros(240)), part_of(rows[150:], np.zeros(240), "b")))
    held = principal_basis(poses, threshold=0.999)
    streamed = principal_basis(poses, threshold=0.999, max_held=100, max_coordinates=80)
    assert len(held.axes) == len(streamed.axes) >= 8
    np.testing.assert_allclose(streamed.variances, held.variances, rtol=1e-4)
    np.testing.assert_allclose(streamed.axes, held.axes, atol=1e-4)


def test_coefficients_and_what_they_leave_out_are_those_of_a_loop() -> None:
    rows, mean = some_rows(), np.full(90, 2.5, np.float32)
    axes = principal_basis(Poses((part_of(rows, mean),)), threshold=0.9).axes
    found, error = coefficients_of(part_of(rows, mean), axes)
    distances = []
    for row, coefficients in zip(rows.astype(np.float64), found):
        expected = [(row - mean) @ axis for axis in axes]
        np.testing.assert_allclose(coefficients, expected, atol=1e-4)
        shown = mean + sum(c * axis for c, axis in zip(expected, axes))
        distances += [np.linalg.norm(v) for v in (row - shown).reshape(-1, 3)]
    assert error.rmse == pytest.approx(np.sqrt(np.mean(np.square(distances))), rel=1e-4)
    assert error.max_vertex == pytest.approx(max(distances), rel=1e-4)


@pytest.mark.parametrize("size", [400, 130, 60])
def test_few_coordinates_keep_the_distances(size: int) -> None:
    # As they are (90 coordinates), rotated (110 poses), and from poses spread over all.
    rng = np.random.default_rng(4)
    count, wide = (110, 450) if size < 400 else (110, 90)
    rows = rng.normal(size=(count, 30)) @ rng.normal(size=(30, wide))
    space = compressed(Poses((part_of(rows),)), size)
    exact = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    found = np.linalg.norm(space.coordinates[:, None] - space.coordinates[None], axis=2)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-3)
    assert space.coordinates.shape[1] <= size
    assert space.outside.max() < 1e-4 * (rows**2).sum(axis=1).max()


def test_a_pose_like_no_other_is_added_to_the_space() -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 600))
    rows[151] += 40 * rng.normal(size=600)  # not among those evenly spread
    space = compressed(Poses((part_of(rows),)), 40)
    assert space.outside[151] < 1e-4 * np.sum(rows[151] ** 2)


def test_what_does_not_fit_is_kept_as_a_distance() -> None:
    rows = np.random.default_rng(6).normal(size=(200, 300)).astype(np.float32)
    space = compressed(Poses((part_of(rows),)), 40)
    lengths = (rows.astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(
        (space.coordinates**2).sum(axis=1) + space.outside, lengths, rtol=1e-5
    )
    assert space.outside.max() > 100
