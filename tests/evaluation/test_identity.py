"""Identity metrics against plain loops and hand-made rankings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from likeness.evaluation.identity import (
    cosine_matrix,
    leave_one_out,
    pair_similarities,
    retrieval,
    roc,
)

RNG = np.random.default_rng(5)
PERSONS = np.repeat(np.arange(6), 3)
EMBEDDINGS = RNG.normal(size=(6, 1, 16)).repeat(3, axis=1).reshape(18, 16) + RNG.normal(
    size=(18, 16)
)


def cosine(a, b):
    return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


def test_cosines_equal_a_loop_and_ignore_length():
    found = cosine_matrix(EMBEDDINGS[:4] * 20, EMBEDDINGS)
    for i, j in itertools.product(range(4), range(18)):
        assert found[i, j] == pytest.approx(cosine(EMBEDDINGS[i], EMBEDDINGS[j]))
    with pytest.raises(ValueError, match="length 0"):
        cosine_matrix(np.zeros((1, 4)), np.ones((1, 4)))


def test_leave_one_out_equals_a_loop():
    found = leave_one_out(EMBEDDINGS[:5])
    for i in range(5):
        others = [e / np.linalg.norm(e) for j, e in enumerate(EMBEDDINGS[:5]) if j != i]
        assert found[i] == pytest.approx(cosine(EMBEDDINGS[i], sum(others)))
    with pytest.raises(ValueError, match="at least two"):
        leave_one_out(EMBEDDINGS[:1])


def test_pairs_are_split_by_person_each_once():
    same, different = pair_similarities(EMBEDDINGS, PERSONS)
    assert len(same) == 6 * 3
    assert len(different) == 18 * 17 // 2 - 18
    expected = sorted(
        cosine(EMBEDDINGS[i], EMBEDDINGS[j])
        for i, j in itertools.combinations(range(18), 2)
        if PERSONS[i] == PERSONS[j]
    )
    np.testing.assert_allclose(np.sort(same), expected)


def test_area_is_the_chance_of_a_right_order():
    same = np.round(RNG.normal(0.5, 0.3, 40), 1)  # rounded: many ties
    different = np.round(RNG.normal(0.2, 0.3, 60), 1)
    wins = sum((s > d) + 0.5 * (s == d) for s in same for d in different)
    assert roc(same, different).area == pytest.approx(wins / (40 * 60))


def test_curve_equals_counting_at_every_threshold():
    same, different = RNG.normal(0.5, 0.2, 30), RNG.normal(0.1, 0.2, 50)
    curve = roc(same, different)
    for k, threshold in enumerate(curve.thresholds):
        assert curve.true_accepts[k] == pytest.approx(np.mean(same >= threshold))
        assert curve.false_accepts[k] == pytest.approx(np.mean(different >= threshold))
    best = max(np.mean(same >= t) for t in curve.thresholds if np.mean(different >= t) <= 0.04)
    assert curve.true_accepts_at(0.04) == pytest.approx(best)


def test_equal_error_rate():
    assert roc(np.array([0.8, 0.9]), np.array([0.1, 0.2])).equal_error_rate == 0
    assert roc(np.array([0.1, 0.2]), np.array([0.8, 0.9])).equal_error_rate == 1
    assert roc(np.full(3, 0.5), np.full(4, 0.5)).equal_error_rate == pytest.approx(0.5)
    # One of four of each kind on the wrong side.
    same, different = np.array([0.9, 0.8, 0.7, 0.1]), np.array([0.0, 0.05, 0.06, 0.75])
    assert roc(same, different).equal_error_rate == pytest.approx(0.25)
    with pytest.raises(ValueError, match="pairs of the same person"):
        roc(np.array([]), np.array([1.0]))


def test_retrieval_of_a_hand_made_ranking():
    angles = np.radians([0, 10, 20, 30, 40, 50, 60])
    gallery = np.column_stack([np.cos(angles), np.sin(angles)])
    query = np.array([[1.0, -0.01], [1.0, -0.01]])
    # Person "a" at ranks 2 and 5, person "b" at rank 7.
    persons = np.array(["x", "a", "x", "x", "a", "x", "b"])
    found = retrieval(query, np.array(["a", "b"]), gallery, persons)
    assert found.num_queries == 2
    assert found.top1 == 0
    assert found.top5 == 0.5
    assert found.mean_average_precision == pytest.approx(((1 / 2 + 2 / 5) / 2 + 1 / 7) / 2)


def test_a_constant_embedding_earns_nothing():
    constant = np.ones((6, 4))
    persons = np.array([0, 0, 1, 1, 2, 2])
    assert retrieval(constant[:1], persons[:1], constant, persons).top1 == 0
    with pytest.raises(ValueError, match="no picture of person 7"):
        retrieval(constant[:1], np.array([7]), constant, persons)
