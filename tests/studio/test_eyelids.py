from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import eyelids
from likeness.studio.deform import apply_expression
from likeness.studio.expressions import ARKIT_NAMES, INDEX, draw_weights
from likeness.studio.person import Person
from likeness.studio.template import build_template

SEEDS = range(24)
AHEAD = np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def template():
    return build_template()


@pytest.fixture(scope="module")
def heads(template):
    return [Person.sample(seed).rest_vertices(template) for seed in SEEDS]


def _blink(weight: float) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES))
    weights[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = weight
    return weights


def _over_the_ball(template, rest, side: str, center) -> np.ndarray:
    """Margin vertices within 9.5 mm of the eye's axis; beyond, the ball turns away from them."""
    loop = template.eye_loops[side]
    return loop[np.linalg.norm((rest[loop] - center)[:, :2], axis=1) < 9.5]


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_lids_lie_on_the_ball_at_every_stage_of_a_blink(template, heads, weight):
    for rest in heads:
        closed = apply_expression(template, rest, _blink(weight))
        for side in ("left", "right"):
            center = eyelids.eye_center(template, rest, side)
            margin = closed[_over_the_ball(template, rest, side, center)] - center
            height = np.linalg.norm(margin, axis=1) - template.eye_radius
            assert height.min() > 0.3
            assert height.max() < 2.5


def test_no_lid_vertex_is_inside_the_ball_and_its_cornea(template, heads):
    lids = np.flatnonzero(template.eye_ring[: template.num_skin] < 2.9)
    for rest in heads[:8]:
        for weight in (0.0, 0.3, 0.5, 0.7, 1.0):
            vertices = apply_expression(template, rest, _blink(weight))
            for side in ("left", "right"):
                center = eyelids.eye_center(template, rest, side)
                offset = vertices[lids] - center
                distance = np.linalg.norm(offset, axis=1)
                angle = np.degrees(np.arccos(np.clip(offset[:, 2] / distance, -1.0, 1.0)))
                cornea = np.maximum(1.0 - (angle / 31.0) ** 2, 0.0)
                assert (distance - 12.3 - cornea).min() > 0.45


def test_a_full_blink_leaves_no_gap(template, heads):
    for rest in heads:
        closed = apply_expression(template, rest, _blink(1.0))
        for side in ("left", "right"):
            upper, lower = template.lid_pairs[side]
            assert np.linalg.norm(closed[upper] - closed[lower], axis=1).max() < 0.5


def test_a_blink_closes_whatever_else_the_lids_do(template, heads):
    rng = np.random.default_rng(0)
    for rest in heads[:6]:
        weights = draw_weights(rng)
        weights[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = 1.0
        closed = apply_expression(template, rest, weights)
        for side in ("left", "right"):
            upper, lower = template.lid_pairs[side]
            assert np.linalg.norm(closed[upper] - closed[lower], axis=1).max() < 0.5


def test_half_a_blink_is_about_half_the_gap(template, heads):
    upper, lower = template.lid_pairs["left"]
    middle = len(upper) // 2
    for rest in heads[:6]:
        half = apply_expression(template, rest, _blink(0.5))
        gaps = [np.linalg.norm((v[upper] - v[lower])[middle]) for v in (rest, half)]
        assert 0.4 < gaps[1] / gaps[0] < 0.6


def test_lids_move_along_an_arc(template):
    """A straight way would cut the ball; here the distance from the centre changes linearly."""
    center = template.eye_centers[0]
    upper, _ = template.lid_pairs["left"]
    one = upper[len(upper) // 2]
    radii = []
    for weight in (0.0, 0.5, 1.0):
        vertices = template.vertices.copy()
        eyelids.close_lids(template, vertices, "left", weight, center)
        radii.append(np.linalg.norm(vertices[one] - center))
    assert radii[1] == pytest.approx(0.5 * (radii[0] + radii[2]), abs=1e-9)


def test_crossed_margins_meet_and_open_ones_stay(template):
    vertices = template.vertices.copy()
    upper, lower = template.lid_pairs["left"]
    vertices[upper[8:14], 1] -= 12.0
    before = vertices.copy()
    eyelids.uncross_lids(template, vertices, "left")
    assert (vertices[upper, 1] >= vertices[lower, 1] - 1e-9).all()
    np.testing.assert_array_equal(vertices[upper[:8]], before[upper[:8]])


def test_nothing_beyond_the_orbit_moves(template):
    vertices = template.vertices.copy()
    eyelids.close_lids(template, vertices, "left", 1.0, template.eye_centers[0])
    moved = np.linalg.norm(vertices - template.vertices, axis=1) > 1e-9
    assert (template.eye_ring[moved] <= 2.9).all()
    assert (template.side[moved] == 1).all()
