from __future__ import annotations

import numpy as np
import pytest

from likeness.systems.audio2face.preprocessing.pose_selection import select_distinct


def by_full_pca(poses: np.ndarray, max_added: int) -> tuple[list[int], list[float]]:
    """Choice by a singular value decomposition of all chosen poses in every step."""
    count = len(poses)
    chosen = [int(count / 4 * i) for i in range(4)]
    errors = []
    for _ in range(max_added + 1):
        mean = poses[chosen].mean(axis=0)
        _, values, axes = np.linalg.svd(poses[chosen] - mean, full_matrices=False)
        axes = axes[values > 1e-9]
        left = poses - mean
        error = np.linalg.norm(left - left @ axes.T @ axes, axis=1)
        error[chosen] = 0
        errors.append(float(error.max()))
        chosen.append(int(error.argmax()))
    return chosen[:-1], errors


def test_choice_is_that_of_a_full_pca_in_every_step() -> None:
    rng = np.random.default_rng(0)
    poses = rng.normal(size=(120, 40)) * np.linspace(3, 0.1, 40) + 7.0
    expected, errors = by_full_pca(poses, 25)
    found = select_distinct(poses, max_added=25)
    assert found.chosen.tolist() == expected
    np.testing.assert_allclose(found.errors, errors, rtol=1e-7)
    assert found.ended_by == "limit"
    assert np.all(np.diff(found.errors) <= 1e-12)


def test_defect_09_no_pose_is_chosen_twice_and_all_can_be() -> None:
    rng = np.random.default_rng(1)
    for count in (1, 2, 3, 4, 5, 30):
        found = select_distinct(rng.normal(size=(count, 60)), max_added=787)
        assert sorted(found.chosen.tolist()) == list(range(count))
        assert found.ended_by == "every pose"
        assert found.errors[-1] == 0.0


def test_poses_that_span_few_directions_end_the_choice_by_themselves() -> None:
    rng = np.random.default_rng(2)
    poses = rng.normal(size=(200, 7)) @ rng.normal(size=(7, 90)) + rng.normal(size=90)
    found = select_distinct(poses, max_added=787)
    assert len(found.chosen) == 8  # a plane of seven directions
    assert found.ended_by == "tolerance"
    assert found.errors[-1] < 1e-5
    assert len(found.errors) == len(found.chosen) - 3


def test_tolerance_ends_the_choice_at_the_first_error_below_it() -> None:
    rng = np.random.default_rng(3)
    poses = rng.normal(size=(150, 30)) * np.geomspace(1, 1e-3, 30)
    free = select_distinct(poses, max_added=40)
    at = 12
    found = select_distinct(poses, max_added=40, tolerance=float(free.errors[at]) * 1.0001)
    assert found.ended_by == "tolerance"
    assert found.chosen.tolist() == free.chosen[: 4 + at].tolist()


def test_no_added_poses_leave_the_first_four() -> None:
    poses = np.random.default_rng(4).normal(size=(10, 6))
    found = select_distinct(poses, max_added=0)
    assert found.chosen.tolist() == [0, 2, 5, 7]
    assert len(found.errors) == 1


def test_what_lies_outside_the_coordinates_counts_until_a_pose_is_chosen() -> None:
    poses = np.zeros((9, 3))
    outside = np.zeros(9)
    outside[5] = 16.0
    found = select_distinct(poses, outside, max_added=3)
    assert found.errors[0] == pytest.approx(4.0)
    assert found.chosen.tolist() == [0, 2, 4, 6, 5]
    assert found.ended_by == "tolerance"


def test_the_poses_of_the_caller_stay_as_they_are() -> None:
    poses = np.random.default_rng(5).normal(size=(20, 5))
    before = poses.copy()
    select_distinct(poses, max_added=5)
    np.testing.assert_array_equal(poses, before)


@pytest.mark.gpu
def test_on_a_gpu_the_choice_is_the_same() -> None:
    poses = np.random.default_rng(6).normal(size=(300, 50))
    here = select_distinct(poses, max_added=30)
    there = select_distinct(poses, max_added=30, device="cuda")
    assert here.chosen.tolist() == there.chosen.tolist()
