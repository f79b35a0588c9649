"""Contact sheets: every picture in its place."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.contact_sheet import arrange, people_sheet
from likeness.studio.person import Person
from likeness.studio.photograph import photograph
from likeness.studio.scene import Scene


def test_pictures_lie_in_rows():
    pictures = [np.full((4, 6, 3), value, np.float32) for value in (0.1, 0.2, 0.3, 0.4, 0.5)]
    sheet = arrange(pictures, 2)
    assert sheet.shape == (12, 12, 3)
    assert sheet[5, 7, 0] == pytest.approx(0.4)
    assert sheet[9, 2, 0] == pytest.approx(0.5)
    assert sheet[9, 8, 0] == 1.0


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="one size"):
        arrange([np.zeros((4, 4, 3), np.float32), np.zeros((5, 4, 3), np.float32)], 2)
    with pytest.raises(ValueError, match="at least one"):
        arrange([], 2)


def test_people_are_photographed_alike_whatever_the_arrangement():
    row = people_sheet([32, 5], columns=2, size=48)
    column = people_sheet([32, 5], columns=1, size=48)
    assert np.array_equal(row[:, 48:], column[48:])
    varied = people_sheet([32], size=48, varied=True)
    assert not np.array_equal(varied, row[:, :48])
    plain = photograph(Person.sample(32), Scene.portrait(32), 48).image
    assert plain.shape == varied.shape
