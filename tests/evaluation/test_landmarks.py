"""Landmark scores against plain loops and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.evaluation.landmarks import (
    POINT_SETS,
    area_under_curve,
    cumulative_curve,
    failure_rate,
    landmark_errors,
    landmark_scores,
    yaw_bins,
)

RNG = np.random.default_rng(11)
TRUTH = RNG.uniform(20, 200, (9, 68, 2))
PREDICTED = TRUTH + RNG.normal(0, 3, TRUTH.shape)


@pytest.mark.parametrize("length", ["eyes", "box"])
@pytest.mark.parametrize("name", ["68", "51", "jaw", "left_eye", "inner_lip"])
def test_errors_equal_a_plain_loop(length, name):
    points = POINT_SETS[name]
    found = landmark_errors(PREDICTED, TRUTH, length=length, points=points)
    for face in range(len(TRUTH)):
        if length == "eyes":
            scale = math.dist(TRUTH[face, 36], TRUTH[face, 45])
        else:
            xs, ys = TRUTH[face, :, 0], TRUTH[face, :, 1]
            scale = math.sqrt((max(xs) - min(xs)) * (max(ys) - min(ys)))
        total = sum(math.dist(PREDICTED[face, p], TRUTH[face, p]) for p in points)
        assert found[face] == pytest.approx(total / len(points) / scale)


def test_point_sets_are_the_published_ranges():
    assert POINT_SETS["68"] == tuple(range(68))
    assert POINT_SETS["51"] == tuple(range(17, 68))
    regions = [name for name in POINT_SETS if name not in ("68", "51")]
    assert sorted(p for name in regions for p in POINT_SETS[name]) == list(range(68))


def test_errors_do_not_depend_on_size_or_place():
    plain = landmark_errors(PREDICTED, TRUTH, length="box")
    moved = landmark_errors(PREDICTED * 3.5 + 40, TRUTH * 3.5 + 40, length="box")
    np.testing.assert_allclose(moved, plain)


def test_area_failure_and_curve_by_hand():
    errors = np.array([0.0, 0.02, 0.04, 0.08, 0.2])
    # The staircase: 1/5 from 0, 2/5 from .02, 3/5 from .04, 4/5 only at .08 itself.
    area = (0.2 * 0.02 + 0.4 * 0.02 + 0.6 * 0.04) / 0.08
    assert area_under_curve(errors) == pytest.approx(area)
    assert failure_rate(errors) == pytest.approx(0.2)
    thresholds, shares = cumulative_curve(errors, num_steps=5)
    np.testing.assert_allclose(thresholds, [0, 0.02, 0.04, 0.06, 0.08])
    np.testing.assert_allclose(shares, [0.2, 0.4, 0.6, 0.6, 0.8])


def test_the_area_is_the_integral_of_the_curve():
    errors = RNG.exponential(0.05, 200)
    _, shares = cumulative_curve(errors, num_steps=200_001)
    assert area_under_curve(errors) == pytest.approx(shares[:-1].mean(), abs=1e-4)


def test_yaw_bins_take_the_absolute_angle_and_every_edge_once():
    bins = yaw_bins(np.array([0, -29.9, 30, -60, 89, 90, 91]))
    assert [name for name, _ in bins] == ["0-30", "30-60", "60-90"]
    assert [mask.nonzero()[0].tolist() for _, mask in bins] == [[0, 1], [2], [3, 4, 5]]


def test_scores_stand_beside_the_baseline():
    mean_face = np.broadcast_to(TRUTH.mean(axis=0), TRUTH.shape)
    yaw = np.array([0, 5, 10, 31, 40, -45, 20, 2, 1.0])
    scores = landmark_scores(PREDICTED, TRUTH, baseline=mean_face, yaw=yaw)
    score = scores["nme_51_eyes"]
    assert score.value == pytest.approx(
        100 * landmark_errors(PREDICTED, TRUTH, points=range(17, 68)).mean()
    )
    assert score.baseline == pytest.approx(
        100 * landmark_errors(mean_face, TRUTH, points=range(17, 68)).mean()
    )
    assert (score.unit, score.baseline_name, score.count) == ("% of eye distance", "mean face", 9)
    assert score.beats_baseline
    assert scores["auc_box"].direction == "higher"
    assert scores["failure_eyes"].direction == "lower"
    turned = scores["nme_box_yaw_30-60"]
    assert turned.count == 3
    assert turned.value == pytest.approx(
        100 * landmark_errors(PREDICTED, TRUTH, length="box")[3:6].mean()
    )
    assert "nme_box_yaw_60-90" not in scores
    alone = landmark_scores(PREDICTED, TRUTH, point_sets={"eyes": range(36, 48)})
    assert [s.name for s in alone] == [
        "nme_eyes_eyes", "nme_eyes_box", "auc_eyes", "failure_eyes", "auc_box", "failure_box"
    ]  # fmt: skip
    assert alone["auc_box"].baseline is None


def test_points_the_truth_lacks_count_nowhere():
    """A set of 51 points gives the same numbers whatever stands where its jaw line would be."""
    known = np.arange(68) >= 17
    truth, predicted = TRUTH.copy(), PREDICTED.copy()
    truth[:, :17], predicted[:, :17] = 9999.0, -777.0
    scores = landmark_scores(predicted, truth, known=known, yaw=np.zeros(9))
    assert {"nme_68_eyes", "nme_jaw_box"}.isdisjoint(s.name for s in scores)
    eyes, box = [], []
    for face in range(9):
        total = sum(math.dist(PREDICTED[face, p], TRUTH[face, p]) for p in range(17, 68)) / 51
        eyes.append(total / math.dist(TRUTH[face, 36], TRUTH[face, 45]))
        width, height = np.ptp(TRUTH[face, 17:], axis=0)
        box.append(total / math.sqrt(width * height))
    assert scores["nme_51_eyes"].value == pytest.approx(100 * np.mean(eyes))
    assert scores["nme_51_box"].value == pytest.approx(100 * np.mean(box))
    assert scores["nme_box_yaw_0-30"].value == pytest.approx(100 * np.mean(box))
    assert scores["auc_eyes"].value == pytest.approx(area_under_curve(np.array(eyes)))
    assert scores["failure_box"].value == pytest.approx(failure_rate(np.array(box)))


def test_faces_that_were_not_found_fail_but_have_no_error():
    rng = np.random.default_rng(5)
    truth = rng.uniform(0, 100, (3, 68, 2))
    width, height = np.ptp(truth, axis=1).T
    # Errors of 1, 2 and 20 % of the box.
    shift = np.array([0.01, 0.02, 0.2]) * np.sqrt(width * height)
    predicted = truth + shift[:, None, None] * [1, 0]
    scores = landmark_scores(predicted, truth, baseline=truth, num_missed=2)
    assert scores["failure_box"].value == pytest.approx(3 / 5)
    assert scores["auc_box"].value == pytest.approx((1 - 0.01 / 0.08 + 1 - 0.02 / 0.08) / 5)
    assert scores["failure_box"].baseline == pytest.approx(2 / 5)
    assert scores["auc_box"].baseline == pytest.approx(3 / 5)
    assert scores["failure_box"].count == scores["auc_eyes"].count == 5
    assert scores["nme_68_box"].value == pytest.approx(100 * 0.23 / 3)
    assert scores["nme_68_box"].count == 3
    nobody = landmark_scores(truth[:0], truth[:0], num_missed=4)
    found = {score.name: (score.value, score.count) for score in nobody}
    assert found == {
        "auc_eyes": (0, 4), "failure_eyes": (1, 4), "auc_box": (0, 4), "failure_box": (1, 4),
    }  # fmt: skip


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"found \(9, 67, 2\), \(9, 68, 2\)"):
        landmark_errors(PREDICTED[:, 1:], TRUTH)
    broken = PREDICTED.copy()
    broken[2, 3] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        landmark_errors(broken, TRUTH)
    with pytest.raises(ValueError, match="true face 1 has no extent"):
        landmark_errors(PREDICTED[:2], np.stack([TRUTH[0], np.ones((68, 2))]))
    with pytest.raises(ValueError, match="needs 68 points, found 5"):
        landmark_errors(PREDICTED[:, :5], TRUTH[:, :5])
