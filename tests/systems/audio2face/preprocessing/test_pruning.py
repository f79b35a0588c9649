from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from likeness.errors import DataError
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.preprocessing.poses import ShotPoses
from likeness.systems.audio2face.preprocessing.pruning import distinct_frames, radius_of


def shot_of(rows: np.ndarray) -> ShotPoses:
    """Poses (F, 3V) as the frames of a shot."""
    array = rows.reshape(len(rows), -1, 3).astype(np.float32)
    return ShotPoses("shot", VertexAnimation.of_array(array, 30.0), np.arange(len(rows)))


def by_tree(rows: np.ndarray, radius: float, max_passes: int = 1000) -> list[int]:
    """The passes of the specification with a k-d tree and sets."""
    kept, shrank, passes = list(range(len(rows))), True, 0
    while shrank and len(kept) > 10 and passes < max_passes:
        seeds = kept[::10]
        tree = cKDTree(rows[kept])
        found = {kept[i] for near in tree.query_ball_point(rows[seeds], radius) for i in near}
        left = sorted(set(seeds) | (set(kept) - found))
        shrank, kept, passes = len(left) < len(kept), left, passes + 1
    return kept


@pytest.mark.parametrize("radius", [0.0, 0.3, 1.0, 3.0, 50.0])
@pytest.mark.parametrize("max_passes", [None, 1])
def test_frames_are_those_of_a_tree_and_sets(radius: float, max_passes: int | None) -> None:
    rng = np.random.default_rng(3)
    rows = np.cumsum(rng.normal(scale=0.1, size=(230, 12)), axis=0) + 20.0
    rows = rows.astype(np.float32).astype(np.float64)
    expected = by_tree(rows, radius, max_passes or 1000)
    found = distinct_frames(shot_of(rows), radius, max_passes=max_passes)
    assert found.tolist() == expected
    assert len(expected) < 230 or radius == 0.0


def test_blocks_of_any_size_give_the_same_frames() -> None:
    rng = np.random.default_rng(4)
    shot = shot_of(np.cumsum(rng.normal(scale=0.2, size=(97, 15)), axis=0))
    whole = distinct_frames(shot, 1.0).tolist()
    assert 10 < len(whole) < 97
    for poses in (1, 7, 96):
        assert distinct_frames(shot, 1.0, compared_bytes=poses * 60).tolist() == whole


def test_ten_poses_or_fewer_are_kept_however_near() -> None:
    assert distinct_frames(shot_of(np.zeros((10, 3))), 1.0).tolist() == list(range(10))
    assert distinct_frames(shot_of(np.zeros((11, 3))), 1.0).tolist() == [0, 10]


def test_a_pose_at_the_radius_is_near() -> None:
    rows = np.zeros((12, 3))
    rows[1:, 0] = 5.0
    rows[5, 0], rows[6, 0] = -5.00001, -5.0
    assert distinct_frames(shot_of(rows), 5.0, max_passes=1).tolist() == [0, 5, 10]


def test_far_from_the_origin_small_differences_count() -> None:
    rows = np.full((12, 300), 100.0)
    rows[6] += 0.01
    # 0.01 in 300 coordinates is 0.173; in the squared length of a pose, 3e6, it is 1e-8.
    assert distinct_frames(shot_of(rows), 0.17, max_passes=1).tolist() == [0, 6, 10]
    assert distinct_frames(shot_of(rows), 0.18, max_passes=1).tolist() == [0, 10]


def test_defect_09_the_relative_radius_knows_no_unit_and_no_density() -> None:
    rng = np.random.default_rng(5)
    rows = np.cumsum(rng.normal(scale=0.1, size=(150, 24)), axis=0)
    kept = []
    for poses in (rows, rows * 100.0, np.tile(rows, 4)):
        shot = shot_of(poses)
        kept.append(distinct_frames(shot, radius_of(shot, 4.0, 0.8)).tolist())
    assert kept[0] == kept[1] == kept[2]
    assert 10 < len(kept[0]) < 150
    absolute = [
        len(distinct_frames(shot_of(r), radius_of(shot_of(r), 1.0, None)))
        for r in (rows, rows * 100)
    ]
    assert absolute[0] < absolute[1]


def test_relative_radius_in_numbers() -> None:
    box = np.array([[0.0, 0, 0], [3, 0, 0], [0, 4, 0], [0, 0, 12]])
    assert radius_of(shot_of(box.reshape(1, -1)), 9.0, 0.1) == pytest.approx(0.1 * 13 * 2)
    with pytest.raises(DataError, match="lie in one point"):
        radius_of(shot_of(np.ones((2, 6))), 9.0, 0.1)


def test_a_frame_that_is_no_number_is_named() -> None:
    rows = np.zeros((20, 6))
    rows[13, 2] = np.nan
    with pytest.raises(DataError, match="Frame 13 of shot 'shot'"):
        distinct_frames(shot_of(rows), 1.0)
