"""Joints, their regressor and the skinning weights."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.cage import load_cage
from likeness.studio.displacements import load_displacements
from likeness.studio.rig import (
    JAW,
    JOINTS,
    LEFT_EYE,
    NECK,
    PARENTS,
    RIGHT_EYE,
    ROOT,
    joint_regressor,
    skinning_weights,
)
from likeness.studio.template import build_template

DETAILS = ("low", "standard", "high")


@pytest.mark.parametrize("detail", DETAILS)
def test_regressor_finds_the_joints_and_moves_with_the_head(detail: str) -> None:
    template = build_template(detail)
    regressor = joint_regressor(template)
    np.testing.assert_allclose(regressor @ template.vertices, JOINTS, atol=1e-9)
    np.testing.assert_allclose(regressor.sum(axis=1), 1.0, atol=1e-12)
    rng = np.random.default_rng(0)
    matrix, shift = rng.normal(size=(3, 3)), rng.normal(size=3)
    moved = regressor @ (template.vertices @ matrix.T + shift)
    np.testing.assert_allclose(moved, JOINTS @ matrix.T + shift, atol=1e-7)
    assert np.abs(regressor).sum(axis=1).max() < 1.5  # little amplification of noise


def test_joints_hardly_move_when_the_mouth_opens() -> None:
    template, table = build_template(), load_displacements()
    regressor = joint_regressor(template)
    moves = np.zeros((template.num_vertices, 3))
    moves[table.anchors] = table.shapes["jawOpen"]
    assert np.linalg.norm(regressor @ moves, axis=1).max() < 0.6  # mm


def test_tree_is_flames() -> None:
    assert PARENTS == (-1, 0, 1, 1, 1)
    np.testing.assert_allclose(JOINTS[LEFT_EYE] * (-1, 1, 1), JOINTS[RIGHT_EYE])
    assert JOINTS[LEFT_EYE, 0] > 0


@pytest.mark.parametrize("detail", DETAILS)
def test_weights_sum_to_one_and_are_symmetric(detail: str) -> None:
    template = build_template(detail)
    weights = skinning_weights(template)
    assert weights.shape == (template.num_vertices, 5)
    assert weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    swapped = weights[template.mirror][:, [ROOT, NECK, JAW, RIGHT_EYE, LEFT_EYE]]
    np.testing.assert_allclose(swapped, weights, atol=1e-9)


def test_jaw_shares_are_those_measured() -> None:
    weights, cage = skinning_weights(build_template()), load_cage()

    def jaw(name: str) -> float:
        return weights[cage.index(name), JAW]

    assert jaw("m0_0") == pytest.approx(0.50, abs=0.03)  # corner of the mouth
    assert jaw("m0_3") == pytest.approx(0.06, abs=0.02)  # upper seam
    assert jaw("m0_4") == pytest.approx(0.93, abs=0.02)  # lower seam
    assert jaw("r-58_0") == pytest.approx(0.91, abs=0.03)  # chin
    assert jaw("r-60_62") == pytest.approx(0.13, abs=0.03)  # jaw angle
    assert jaw("u0_62") == pytest.approx(0.56, abs=0.03)  # throat


def test_nothing_above_the_upper_lip_follows_the_jaw() -> None:
    template = build_template()
    weights = skinning_weights(template)
    skin = slice(0, template.num_skin)
    above = template.vertices[skin, 1] > 8.0
    assert weights[skin][above, JAW].max() == 0.0
    assert weights[skin][template.vertices[skin, 1] > 0.0, JAW].max() < 0.03


def test_hard_parts_follow_one_bone() -> None:
    template = build_template()
    weights = skinning_weights(template)
    for name, joint in (
        ("teeth_lower", JAW),
        ("tongue", JAW),
        ("teeth_upper", NECK),
        ("eyeball_left", LEFT_EYE),
        ("eyeball_right", RIGHT_EYE),
    ):
        assert (weights[template.of(name), joint] == 1.0).all()


def test_upper_lids_follow_the_gaze_a_little() -> None:
    template = build_template()
    weights = skinning_weights(template)
    upper, lower = template.lid_pairs["left"]
    middle = len(upper) // 2
    assert weights[upper[middle], LEFT_EYE] == pytest.approx(0.08, abs=0.005)
    assert weights[lower[middle], LEFT_EYE] == 0.0
    assert weights[upper[middle], RIGHT_EYE] == 0.0
    far = template.eye_ring[: template.num_skin] > 1.0
    assert weights[: template.num_skin][far, LEFT_EYE].max() == 0.0


def test_neck_passes_from_root_to_head() -> None:
    template, cage = build_template(), load_cage()
    weights = skinning_weights(template)
    assert weights[cage.starting_with("k-150_"), ROOT].min() == 1.0
    assert weights[cage.starting_with("k-122_"), ROOT].min() > 0.95
    assert weights[cage.index("k-98_0"), ROOT] < 0.15  # the throat is the head's
    assert 0.2 < weights[cage.index("k-98_90"), ROOT] < 0.6  # the side shares the turn
    assert weights[cage.starting_with("r-66_"), ROOT].max() < 0.05
    assert weights[cage.index("crown"), NECK] == 1.0
