"""Drawing at fractions of a pixel: areas, centres of mass, cut-offs, labels, grids, text plots."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.media.drawing import (
    BLACK,
    CONTOURS_68,
    WHITE,
    draw_box,
    draw_grid,
    draw_landmarks,
    draw_line,
    draw_points,
    draw_text,
    landmark_text,
)

BLANK = np.zeros((40, 50, 3), np.float32)


def centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    weight = image.sum(axis=2)
    y, x = np.indices(weight.shape) + 0.5
    return (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()


@pytest.mark.parametrize("position", [(20.0, 15.0), (20.5, 15.5), (20.3, 15.8), (31.77, 9.21)])
def test_a_dot_has_its_area_and_sits_at_its_fraction_of_a_pixel(position):
    image = draw_points(BLANK, np.array([position]), WHITE, radius=4.0)
    assert image[..., 0].sum() == pytest.approx(math.pi * 16, rel=0.02)
    assert centre_of_mass(image) == pytest.approx(position, abs=0.02)
    assert BLANK.max() == 0, "the argument was drawn on"


def test_a_dot_moves_the_picture_continuously():
    one = draw_points(BLANK, np.array([[20.00, 15.0]]), WHITE, radius=2.0)
    two = draw_points(BLANK, np.array([[20.01, 15.0]]), WHITE, radius=2.0)
    assert 0 < np.abs(one - two).max() < 0.011


def test_points_outside_the_frame_and_nan_are_skipped():
    outside = np.array([[-0.1, 5], [50.1, 5], [5, 41], [np.nan, 5], [5, np.inf]])
    np.testing.assert_array_equal(draw_points(BLANK, outside, WHITE, radius=5), BLANK)


@pytest.mark.parametrize("width", [0.4, 1.0, 3.0])
def test_a_line_covers_its_width_wherever_it_lies(width):
    for offset in (0.0, 0.25, 0.5, 0.77):
        points = np.array([[-10, 20 + offset], [60, 20 + offset]])
        column = draw_line(BLANK, points, WHITE, width=width)[:, 25, 0]
        assert column.sum() == pytest.approx(width, rel=0.3 if width < 1 else 0.01)


def test_joints_are_no_darker_than_the_line():
    bent = np.array([[5, 5], [25, 20], [45, 5]])
    grey = draw_line(BLANK + 0.5, bent, (0.8, 0.8, 0.8), width=3)
    assert grey.max() <= 0.8 + 1e-6
    assert grey[20, 25, 0] == pytest.approx(0.8)


def test_box_outline_is_on_its_edges():
    image = draw_box(BLANK, (10.5, 8.5, 30.5, 25.5), WHITE, width=1)
    assert image[8, 20, 0] == pytest.approx(1)
    assert image[25, 20, 0] == pytest.approx(1)
    assert image[15, 10, 0] == pytest.approx(1)
    assert image[15, 20, 0] == 0


def test_the_contours_of_68_points_use_each_point_once():
    assert sorted(n for numbers, _ in CONTOURS_68 for n in numbers) == list(range(68))


def test_landmarks_join_68_points_but_not_others():
    points = np.column_stack([np.linspace(5, 45, 68), np.full(68, 20.5)])
    joined = draw_landmarks(BLANK, points[:], WHITE, radius=0.1)
    assert joined[20, 6:16, 0].min() > 0, "the jaw is a line"
    few = draw_landmarks(BLANK, np.array([[5.5, 20.5], [45.5, 20.5]]), WHITE, radius=1.0)
    assert few[20, 10:40].max() == 0


def test_text_is_placed_cut_off_and_free_of_unknown_letters():
    image = draw_text(BLANK, "ab", (10, 5), size=12, background=None)
    rows, columns = np.nonzero(image[..., 0] > 0.2)
    assert rows.min() >= 5
    assert columns.min() >= 10
    assert columns.max() < 10 + 2 * 12
    plate = draw_text(np.ones_like(BLANK), "ab", (10, 5), size=12, background=BLACK)
    assert plate[6, 11, 0] == pytest.approx(0.35)
    np.testing.assert_array_equal(draw_text(BLANK, "ab", (60, 5)), BLANK)
    assert draw_text(BLANK, "ab", (40, 30)).max() > 0
    accents = draw_text(BLANK, "Zoë—é", (0, 0), background=None)
    np.testing.assert_array_equal(accents, draw_text(BLANK, "Zoe-e", (0, 0), background=None))


def test_grid_places_every_picture_and_keeps_aspect():
    red = np.full((20, 20, 3), [1.0, 0, 0])
    wide = np.full((10, 20, 3), [0, 0, 1.0])
    image = draw_grid([[red, None], [red, wide]], cell=(20, 20), gap=4)
    assert image.shape == (4 + 2 * 24, 4 + 2 * 24, 3)
    np.testing.assert_allclose(image[4:24, 4:24], red, atol=1e-6)
    np.testing.assert_allclose(image[4:24, 28:48], 1.0)
    np.testing.assert_allclose(image[33:43, 28:48], wide, atol=1e-6)
    np.testing.assert_allclose(image[28:33, 28:48], 1.0)
    with pytest.raises(ValueError, match="at least one"):
        draw_grid([[None]])


def test_grid_text_stays_in_its_column():
    tile = np.ones((60, 60, 3))
    image = draw_grid([[tile, tile]], titles=["a title far too long for its column", ""])
    dark = np.nonzero((image[..., 0] < 0.5).any(axis=0))[0]
    assert dark.min() >= 6
    assert dark.max() < 6 + 60
    captioned = draw_grid([[tile]], captions=[["x"]])
    assert captioned.shape[0] > draw_grid([[tile]]).shape[0]
    assert captioned[66:].min() < 0.5


def test_text_plot_has_the_asked_size_and_its_marks_in_place():
    plot = landmark_text(np.array([[0, 0], [39.9, 19.9], [20, 10], [-1, 3], [np.nan, 2]]),
                         box=(0, 0, 40, 20))  # fmt: skip
    lines = plot.split("\n")
    assert len(lines) == 20
    assert lines[0] == "o"
    assert lines[10] == " " * 20 + "o"
    assert lines[19] == " " * 39 + "o"
    assert plot.count("o") == 3
    square = np.column_stack([np.arange(68.0), np.arange(68.0)])
    marks = landmark_text(square, columns=68, rows=68)
    assert [line.strip() for line in marks.split("\n")] == list(
        "." * 17 + "-" * 10 + "+" * 9 + "o" * 12 + "x" * 20
    )
    assert landmark_text(np.full((3, 2), np.nan)).strip() == ""
