from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.preprocessing.tongue import (
    removed_transforms,
    rigid_transforms,
    stabilised,
)
from tests.systems.audio2face.preprocessing.recorded import RIGID, rotations, tongue_arrays


def test_transforms_undo_a_known_motion() -> None:
    rng = np.random.default_rng(0)
    rest = rng.normal(size=(6, 3))
    turn, shift = rotations(np.array([0.0, 0.4, -2.0])), rng.normal(size=(3, 3))
    points = np.einsum("fij,rj->fri", turn, rest) + shift[:, None]
    rotation, translation = rigid_transforms(points, rest)
    np.testing.assert_allclose(rotation, turn.transpose(0, 2, 1), atol=1e-12)
    expected = -np.einsum("fij,fj->fi", turn.transpose(0, 2, 1), shift)
    np.testing.assert_allclose(translation, expected, atol=1e-12)


def test_transforms_are_the_best_rotations_of_noisy_points() -> None:
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(1)
    rest, points = rng.normal(size=(7, 3)), rng.normal(size=(4, 7, 3))
    rotation, translation = rigid_transforms(points, rest)
    for frame in range(4):
        centred = points[frame] - points[frame].mean(axis=0)
        best, _ = Rotation.align_vectors(rest - rest.mean(axis=0), centred)
        np.testing.assert_allclose(rotation[frame], best.as_matrix(), atol=1e-10)
        moved = rotation[frame] @ points[frame].mean(axis=0) + translation[frame]
        np.testing.assert_allclose(moved, rest.mean(axis=0), atol=1e-12)


def test_a_mirrored_tongue_is_turned_and_not_mirrored_back() -> None:
    rest = np.random.default_rng(2).normal(size=(6, 3))
    rotation, _ = rigid_transforms((rest * [-1, 1, 1])[None], rest)
    assert np.linalg.det(rotation[0]) == pytest.approx(1.0)


def test_flat_rigid_vertices_are_enough() -> None:
    rest = np.random.default_rng(3).normal(size=(5, 3)) * [1, 1, 0]
    turn = rotations(np.array([0.7]))
    rotation, _ = rigid_transforms(np.einsum("fij,rj->fri", turn, rest), rest)
    np.testing.assert_allclose(rotation, turn.transpose(0, 2, 1), atol=1e-10)


def test_a_stable_tongue_is_the_one_before_the_jaw_moved_it() -> None:
    neutral, frames, still = tongue_arrays()
    for name, array in frames.items():
        stable = stabilised(VertexAnimation.of_array(array, 30.0), neutral, RIGID)
        np.testing.assert_allclose(stable.read(), still[name], atol=1e-5)
        part = stable.part(3, 9)
        np.testing.assert_allclose(part.read(), still[name][3:9], atol=1e-5)


def test_the_motion_taken_out_brings_frames_to_rest() -> None:
    neutral, frames, still = tongue_arrays()
    stable = stabilised(VertexAnimation.of_array(frames["shot1"], 30.0), neutral, RIGID)
    moves = removed_transforms(stable)
    assert moves.shape == (33, 3, 4)
    again = np.einsum("fij,fvj->fvi", moves[..., :3], frames["shot1"]) + moves[:, None, :, 3]
    np.testing.assert_allclose(again, still["shot1"], atol=1e-5)


@pytest.mark.parametrize(
    ("rigid", "message"),
    [
        ([0, 1, 2], "at least 4 different"),
        ([0, 1, 2, 2], "at least 4 different"),
        ([0, 1, 2, 14], "below 14"),
        ([-1, 1, 2, 3], "below 14"),
    ],
)
def test_rigid_vertices_that_cannot_be_are_refused(rigid: list[int], message: str) -> None:
    neutral, frames, _ = tongue_arrays()
    with pytest.raises(DataError, match=message):
        stabilised(VertexAnimation.of_array(frames["shot0"], 30.0), neutral, np.array(rigid))


def test_rigid_vertices_on_a_line_are_refused() -> None:
    neutral, frames, _ = tongue_arrays()
    neutral[:4] = np.arange(4)[:, None] * np.array([1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="lie on one line"):
        stabilised(VertexAnimation.of_array(frames["shot0"], 30.0), neutral, np.arange(4))


def test_a_neutral_of_another_tongue_is_refused() -> None:
    neutral, frames, _ = tongue_arrays()
    with pytest.raises(DataError, match="14 vertices and its neutral 13"):
        stabilised(VertexAnimation.of_array(frames["shot0"], 30.0), neutral[:13], RIGID)
