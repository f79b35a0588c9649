"""Weights over time: other rates, times, columns, and what is no animation of weights."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.geometry.weight_animation import ARKIT_NAMES, WeightAnimation
from likeness.geometry.weight_tables import write_weights_csv, write_weights_json


def test_a_dropped_frame_is_filled_from_its_neighbours() -> None:
    moving = WeightAnimation(("a", "b"), [[0, 5], [1, 4], [4, 1]], [10.0, 10.1, 10.4])
    even = moving.at_rate(10)
    np.testing.assert_allclose(even.times, [10.0, 10.1, 10.2, 10.3, 10.4])
    np.testing.assert_allclose(even.weights, [[0, 5], [1, 4], [2, 3], [3, 2], [4, 1]], atol=1e-6)
    assert even.weights.dtype == np.float32


def test_another_rate_against_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.01, 0.2, 30))
    weights = rng.uniform(size=(30, 4)).astype(np.float32)
    even = WeightAnimation(tuple("abcd"), weights, times).at_rate(24)
    assert even.num_frames == int((times[-1] - times[0]) * 24) + 1
    for i in range(even.num_frames):
        time = times[0] + i / 24
        row = max(k for k in range(30) if times[k] <= time)
        after = min(row + 1, 29)
        part = (time - times[row]) / (times[after] - times[row]) if after > row else 0
        for k in range(4):
            expected = weights[row, k] * (1 - part) + weights[after, k] * part
            assert even.weights[i, k] == pytest.approx(expected, abs=1e-6)


def test_one_row_and_no_columns() -> None:
    assert WeightAnimation(("a",), [[0.5]], [3.0]).at_rate(30).times.tolist() == [3.0]
    assert WeightAnimation((), np.zeros((2, 0)), [0.0, 1.0]).at_rate(2).weights.shape == (3, 0)


def test_columns_and_start() -> None:
    moving = WeightAnimation(("a", "b"), [[0, 5], [1, 4]], [10.0, 10.5])
    assert moving.select(["b", "a"]).weights.tolist() == [[5, 0], [4, 1]]
    assert moving.starting_at(0).times.tolist() == [0.0, 0.5]
    with pytest.raises(DataError, match="no weights c; there are a, b"):
        moving.select(["a", "c"])


@pytest.mark.parametrize(
    ("names", "weights", "times", "message"),
    [
        (("a",), [[0.0, 1.0]], [0.0], r"got \(1, 2\) for times \(1,\) and 1 names"),
        (("a",), np.zeros((0, 1)), [], "shape"),
        (("a", "b", "a"), [[0.0, 1.0, 2.0]], [0.0], "found twice: a"),
        (("a",), [[0.0], [1.0]], [1.0, 1.0], r"time 1 is 1\.0 s, after one of 1\.0 s"),
        (("a",), [[np.nan]], [0.0], "finite"),
        (("a",), [[0.0]], [np.inf], "finite"),
    ],
)
def test_what_is_no_animation_of_weights(names, weights, times, message: str) -> None:
    with pytest.raises(DataError, match=message):
        WeightAnimation(names, weights, times)


def test_no_rate() -> None:
    with pytest.raises(UsageError, match="frame rate"):
        WeightAnimation(("a",), [[0.5]], [3.0]).at_rate(0)


def test_the_names_of_arkit() -> None:
    assert len(set(ARKIT_NAMES)) == 52
    assert [ARKIT_NAMES.index(n) for n in ("eyeLookDownLeft", "eyeBlinkRight", "tongueOut")] == [
        *(1, 7, 51)
    ]
    for name in ARKIT_NAMES:
        mirrored = name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")
        assert mirrored in ARKIT_NAMES


def test_tables_hold_the_same_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = rng.uniform(size=(5, 52)).astype(np.float32)
    moving = WeightAnimation(ARKIT_NAMES, weights, np.arange(5) / 30)
    write_weights_csv(tmp_path / "a.csv", moving)
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["frame", "time", *ARKIT_NAMES]
    table = np.array(rows[1:], np.float64)
    assert table[:, 0].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(table[:, 1], moving.times)
    np.testing.assert_array_equal(table[:, 2:].astype(np.float32), weights)
    write_weights_json(tmp_path / "a.json", moving)
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["names"] == list(ARKIT_NAMES)
    assert document["times"] == moving.times.tolist()
    np.testing.assert_array_equal(np.array(document["weights"], np.float32), weights)
    simple = WeightAnimation(("a",), [[0.1]], [0.0])
    write_weights_csv(tmp_path / "a.csv", simple)
    assert (tmp_path / "a.csv").read_text() == "frame,time,a\n0,0.0,0.1\n"
