"""Vertex errors and consistency against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from likeness.evaluation.geometry import shape_consistency, vertex_errors, vertex_scores

RNG = np.random.default_rng(0)
CLOUD = 0.1 * RNG.normal(size=(50, 3))
TURN = Rotation.from_rotvec([0.2, -0.5, 0.3]).as_matrix()


def test_raw_errors_are_distances_in_millimetres() -> None:
    moved = CLOUD + np.array([0.003, 0.0, 0.004])
    np.testing.assert_allclose(vertex_errors(moved, CLOUD, mode="raw"), 5.0)


def test_alignment_removes_what_it_should_and_no_more() -> None:
    moved = CLOUD @ TURN.T + 0.05
    assert vertex_errors(moved, CLOUD, mode="raw").mean() > 10
    assert vertex_errors(moved, CLOUD, mode="rigid").max() < 1e-10
    scaled = 1.1 * moved
    rigid = vertex_errors(scaled, CLOUD, mode="rigid")
    # Of a scaled copy the best rigid motion leaves a tenth of the distance to the centre.
    expected = 100 * np.linalg.norm(CLOUD - CLOUD.mean(0), axis=1)
    np.testing.assert_allclose(rigid, expected, rtol=1e-9)
    assert vertex_errors(scaled, CLOUD, mode="similarity").max() < 1e-10
    mirrored = CLOUD * [-1, 1, 1]
    assert vertex_errors(mirrored, CLOUD, mode="similarity").mean() > 10


def test_only_the_region_is_aligned_and_measured() -> None:
    moved = CLOUD.copy()
    moved[10:] += RNG.normal(size=(40, 3))
    region = np.arange(10)
    assert vertex_errors(moved + 0.2, CLOUD, mode="rigid", region=region).max() < 1e-10
    assert vertex_errors(moved, CLOUD, mode="raw", region=region).shape == (10,)


def test_scores_have_the_mean_face_beside_them() -> None:
    people = [CLOUD + 0.005 * RNG.normal(size=CLOUD.shape) for _ in range(4)]
    guesses = [person + np.array([0.001, 0, 0]) for person in people]
    scores = vertex_scores(guesses, people, baseline=CLOUD)
    assert [score.name for score in scores] == [
        "vertex_error_raw",
        "vertex_error_rigid",
        "vertex_error_similarity",
    ]
    raw = scores["vertex_error_raw"]
    assert raw.value == pytest.approx(1.0)
    expected = np.mean([1000 * np.linalg.norm(CLOUD - p, axis=1).mean() for p in people])
    assert raw.baseline == pytest.approx(expected)
    assert (raw.unit, raw.count, raw.baseline_name) == ("mm", 4, "mean face")
    assert scores["vertex_error_rigid"].value < 1e-9
    assert vertex_scores(guesses, people)["vertex_error_raw"].baseline is None


def test_wrong_calls_raise() -> None:
    with pytest.raises(ValueError, match="not registered"):
        vertex_errors(CLOUD, CLOUD[:5], mode="raw")
    with pytest.raises(ValueError, match="unknown mode 'affine'"):
        vertex_errors(CLOUD, CLOUD, mode="affine")
    with pytest.raises(ValueError, match="1 predictions for 2 true heads"):
        vertex_scores([CLOUD], [CLOUD, CLOUD])


def test_consistency_recovers_known_spreads() -> None:
    # One coefficient that moves every vertex by 1 mm a unit: spreads are standard deviations.
    basis = np.zeros((20, 3, 1))
    basis[:, 1, 0] = 1e-3
    rng = np.random.default_rng(1)
    shapes = {f"p{i}": 4.0 * rng.normal() + 0.5 * rng.normal(size=(30, 1)) for i in range(200)}
    scores = shape_consistency(shapes, basis)
    assert scores["shape_spread_within"].value == pytest.approx(0.5, rel=0.03)
    assert scores["shape_spread_within"].baseline == pytest.approx(4.0, rel=0.12)
    ratio = scores["shape_spread_ratio"].value
    found = scores["shape_spread_within"]
    assert ratio == pytest.approx(found.value / found.baseline)


def test_consistency_by_hand() -> None:
    basis = np.zeros((1, 3, 1))
    basis[0, 0, 0] = 1.0
    shapes = {"a": np.array([[0.0], [0.002]]), "b": np.array([[0.01]])}
    scores = shape_consistency(shapes, basis)
    # Photographs of a: 0 and 2 mm, deviation sqrt(2); means 1 and 10 mm, deviation sqrt(40.5).
    assert scores["shape_spread_within"].value == pytest.approx(np.sqrt(2.0))
    assert scores["shape_spread_within"].baseline == pytest.approx(np.sqrt(40.5))
    with pytest.raises(ValueError, match="two persons"):
        shape_consistency({"a": shapes["a"]}, basis)
