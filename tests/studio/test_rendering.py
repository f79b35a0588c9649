"""How far from a head shadows are cast."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.rendering import _shown_radius


@pytest.mark.parametrize("row", [120.0, 450.0])
def test_shadows_are_cast_as_far_down_as_the_picture_shows(row: float) -> None:
    """Of a whole person, whose head is near the upper edge, they ended above the knees."""
    height, fy, away = 900, 1800.0, 3.2
    middle = np.array([0.1, (height / 2 - row) * away / fy, -away])
    radius = _shown_radius(middle, (fy, fy, 300.0, height / 2), height)
    to_edge = (height - row) * away / fy  # metres from the head down to the lower edge
    assert to_edge <= radius <= max(1.1 * to_edge, 0.7 * height * away / fy)


def test_a_portrait_has_shadows_around_its_head() -> None:
    assert _shown_radius(np.array([0.0, 0.0, -0.8]), (900.0, 900.0, 64.0, 64.0), 128) == 0.24
