from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.preprocessing import poses
from likeness.systems.audio2face.preprocessing.poses import Poses, ShotPoses, frames_inside


def test_rows_are_the_frames_masked_scaled_about_the_origin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    array = np.random.default_rng(0).normal(size=(9, 5, 3)).astype(np.float32)
    animation = VertexAnimation.of_array(array, 30.0)
    origin = np.arange(6, dtype=np.float32)
    frames, mask = np.array([1, 2, 3, 7]), np.array([4, 0])
    part = ShotPoses("a", animation, frames, mask, origin, scale=2.0)
    expected = array[frames][:, mask].reshape(4, 6) * 2 - origin
    np.testing.assert_allclose(part.rows(np.arange(4)), expected, rtol=1e-6)
    np.testing.assert_allclose(part.rows(np.array([0, 3])), expected[[0, 3]], rtol=1e-6)
    monkeypatch.setattr(poses, "BLOCK_BYTES", 1)
    blocks = list(part.blocks())
    assert [first for first, _ in blocks] == [0, 1, 2, 3]
    np.testing.assert_allclose(np.concatenate([rows for _, rows in blocks]), expected, rtol=1e-6)


def test_poses_of_several_shots_are_numbered_through() -> None:
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=(n, 4, 3)).astype(np.float32) for n in (6, 5)]
    frames = [np.array([0, 2, 5]), np.array([1, 4])]
    several = Poses(
        tuple(
            ShotPoses(name, VertexAnimation.of_array(array, 30.0), f)
            for name, array, f in zip("ab", arrays, frames)
        )
    )
    expected = np.concatenate([a[f].reshape(len(f), -1) for a, f in zip(arrays, frames)])
    assert len(several) == 5
    np.testing.assert_array_equal(several.rows(), expected)
    np.testing.assert_array_equal(several.rows(np.array([1, 3, 4])), expected[[1, 3, 4]])
    chosen = several.by_shot(np.array([1, 3, 4]))
    assert {name: f.tolist() for name, f in chosen.items()} == {"a": [2], "b": [1, 4]}


def test_defect_09_several_frames_that_are_not_there_leave_the_others() -> None:
    frames = {"a": np.array([0, 3, 7, 8, 9]), "b": np.array([5, 6]), "c": np.array([1])}
    inside = frames_inside(frames, {"a": 8, "b": 5, "c": 2})
    assert {name: f.tolist() for name, f in inside.items()} == {"a": [0, 3, 7], "b": [], "c": [1]}


def test_shots_of_other_vertices_are_named() -> None:
    parts = [
        ShotPoses(name, VertexAnimation.of_array(np.zeros((2, n, 3)), 30.0), np.arange(2))
        for name, n in (("a", 4), ("b", 5))
    ]
    with pytest.raises(DataError, match=r"found 4 in 'a', 5 in 'b'"):
        Poses(tuple(parts))


def test_no_pose_is_an_error() -> None:
    with pytest.raises(DataError, match="found none"):
        Poses(())
