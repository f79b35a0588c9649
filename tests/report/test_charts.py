"""Curves: ticks, axes, smoothing and gaps against hand-made numbers, read back from the SVG."""

from __future__ import annotations

import re

import numpy as np
import pytest

from likeness.report.charts import (
    Band,
    Series,
    line_chart,
    local_mean,
    log_ticks,
    nice_ticks,
    short_number,
    sparkline,
)


def points(svg: str, kind: str) -> list[list[tuple[float, float]]]:
    """The pieces of the first path of a class."""
    data = re.search(rf'<path class="{kind}" d="([^"]*)"', svg).group(1)
    pieces = [piece for piece in data.split("M") if piece]
    return [
        [tuple(float(v) for v in pair.split()) for pair in piece.split("L")] for piece in pieces
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 2000, [0, 500, 1000, 1500, 2000]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.03, 0.021, [-0.02, 0, 0.02]),
        (5, 5, [5]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert nice_ticks(low, high) == pytest.approx(expected)


def test_log_ticks():
    assert log_ticks(0.02, 3) == pytest.approx([0.1, 1.0])
    assert log_ticks(0.1, 2) == pytest.approx([0.1, 0.2, 0.5, 1, 2])
    assert log_ticks(1e-9, 1e3)[0] == pytest.approx(1e-9)
    assert len(log_ticks(1e-9, 1e3)) <= 8


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.02, "0.02"), (1500, "1.5k"), (2e6, "2M"), (-3000, "-3k"), (2e-6, "2e-6"),
     (12.345, "12.35")],
)  # fmt: skip
def test_tick_labels_are_short(value, expected):
    assert short_number(value) == expected


def test_a_straight_line_is_drawn_straight_and_inside():
    x = np.arange(0, 11) * 10.0
    svg = line_chart("t", [Series("a", x, 2 * x)])
    (piece,) = points(svg, "line")
    drawn = np.array(piece)
    assert len(drawn) == 11
    np.testing.assert_allclose(np.diff(drawn, 2, axis=0), 0, atol=0.11)  # one decimal is written
    assert drawn[0, 1] > drawn[-1, 1], "larger values are higher"
    assert drawn[:, 0].min() >= 46
    assert drawn[:, 0].max() <= 412
    assert drawn[:, 1].min() >= 10
    assert drawn[:, 1].max() <= 200


def test_an_exponential_decay_is_straight_on_a_logarithmic_axis():
    x = np.arange(20.0)
    svg = line_chart("t", [Series("a", x, 10.0 ** (-x / 5))])
    (piece,) = points(svg, "line")
    np.testing.assert_allclose(np.diff(np.array(piece)[:, 1], 2), 0, atol=0.21)
    assert ">0.001<" in svg
    linear = line_chart("t", [Series("a", x, 10.0 ** (-x / 5) - 0.5)])  # negative: never log
    assert ">0.001<" not in linear


def test_zeros_do_not_keep_a_curve_from_a_logarithmic_axis():
    y = np.r_[10.0 ** -np.arange(4.0), 0.0, 1e-12]
    svg = line_chart("t", [Series("a", np.arange(6.0), y)])
    (piece,) = points(svg, "line")
    heights = np.array(piece)[:, 1]
    np.testing.assert_allclose(np.diff(heights[:4], 2), 0, atol=0.21)
    assert heights[4] == heights[5] > heights[3], "below the frame, not at minus infinity"


def test_more_curves_than_colours_are_told_apart_by_dashes():
    svg = line_chart("t", [Series(f"s{i}", np.arange(2.0), np.arange(2.0) + i) for i in range(10)])
    looks = re.findall(r'<g class="(d\d)" style="--k:var\(--c(\d)\)"', svg)
    assert len(set(looks)) == 10


def test_values_that_are_not_finite_leave_a_gap():
    y = np.array([1.0, 2, np.nan, np.inf, 3, 4])
    pieces = points(line_chart("t", [Series("a", np.arange(6.0), y)]), "line")
    assert [len(piece) for piece in pieces] == [2, 2]
    assert line_chart("t", [Series("a", np.arange(2.0), np.array([np.nan, np.nan]))]) == ""
    assert line_chart("t", []) == ""


def test_local_mean_equals_a_plain_loop_and_skips_gaps():
    y = np.array([1.0, 4, np.nan, 2, 8, 5, 5, 0])
    found = local_mean(y, 1.5)
    for i in range(8):
        if np.isnan(y[i]):
            assert np.isnan(found[i])
            continue
        weights = [np.exp(-0.5 * ((i - j) / 1.5) ** 2) * (abs(i - j) <= 5) for j in range(8)]
        total = sum(w * v for w, v in zip(weights, y, strict=True) if not np.isnan(v))
        count = sum(w for w, v in zip(weights, y, strict=True) if not np.isnan(v))
        assert found[i] == pytest.approx(total / count)


def test_smoothing_does_not_cross_the_start_of_a_stage():
    y = np.r_[np.zeros(50), np.ones(50)]
    x = np.arange(1, 101.0)
    bands = [Band("one", 0, 50), Band("two", 50, 100)]
    (piece,) = points(line_chart("t", [Series("a", x, y)], bands=bands), "line")
    heights = np.array(piece)[:, 1]
    assert len(np.unique(heights)) == 2, "each stage stays flat"
    crossed = np.array(points(line_chart("t", [Series("a", x, y)]), "line")[0])[:, 1]
    assert len(np.unique(crossed)) > 4


def test_stages_are_shaded_in_turn_and_named():
    bands = [Band("warm <up>", 0, 40), Band("main", 40, 100)]
    svg = line_chart("t", [Series("a", np.arange(101.0), np.arange(101.0))], bands=bands)
    assert svg.count('class="band"') == 1
    assert "warm &lt;up&gt;" in svg
    x = float(re.search(r'class="band" x="([\d.]+)"', svg).group(1))
    assert x == pytest.approx(46 + 0.4 * (412 - 46), abs=0.1)


def test_long_curves_are_thinned_but_keep_their_peaks():
    y = np.zeros(20_000)
    y[12_345] = 7.0
    svg = line_chart("t", [Series("a", np.arange(20_000.0), y)], smooth=False)
    (piece,) = points(svg, "line")
    assert len(piece) <= 400
    heights = [height for _, height in piece]
    assert min(heights) < np.median(heights) - 50
    assert len(svg) < 20_000


def test_values_can_be_read_under_the_pointer():
    svg = line_chart("t", [Series("a<b>", np.array([10.0, 20]), np.array([0.5, 0.25]))], unit="m")
    assert "<title>a&lt;b&gt;, step 20: 0.25 m</title>" in svg


def test_sparkline_is_a_word_or_nothing():
    svg = sparkline([1, 3, 2], rule=2)
    (piece,) = points(svg, "line")
    heights = [height for _, height in piece]
    assert heights[1] < heights[2] < heights[0]
    assert "rule" in svg
    assert sparkline([1.0]) == ""
    assert sparkline([float("nan"), 1.0]) == ""
