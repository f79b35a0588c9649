"""Hands: as long and broad as people's, with fingers of their own lengths that stand apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from likeness.studio.anthropometry import Sex
from likeness.studio.hands import tubes_of

MEASURES = {"male": (193.0, 88.0), "female": (181.0, 79.0)}
"""Hand length and breadth, mm: medians of ANSUR II."""


def _length(tube) -> float:
    return float(np.linalg.norm(np.diff(tube.line, axis=0), axis=1).sum())


@pytest.mark.parametrize("sex", ["male", "female"])
def test_hands_measure_what_the_survey_says(sex: Sex) -> None:
    """Stretched: the way down the palm and along the middle finger from its knuckle."""
    palm, index, middle, ring, little, thumb = tubes_of(sex, 1.0)
    length, breadth = MEASURES[sex]
    knuckle = middle.line[1]
    stretched = (
        np.linalg.norm(knuckle * (0.0, 1.0, 0.0))
        + np.linalg.norm(np.diff(middle.line[1:], axis=0), axis=1).sum()
    )
    assert stretched == pytest.approx(length, rel=0.02)
    assert 2.0 * palm.wide.max() == pytest.approx(breadth, rel=0.03)
    # Middle, then ring and index, then little finger; the thumb ends beside the index's first bone.
    assert _length(middle) > _length(ring) >= _length(index) > _length(little)
    tips = [tube.line[-1, 1] for tube in (index, middle, ring, little, thumb)]
    assert np.argmin(tips) == 1
    assert index.line[1, 1] > thumb.line[-1, 1] > index.line[-1, 1]


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_fingers_stand_beside_each_other_without_a_web_or_a_gap(side: float) -> None:
    fingers = tubes_of("male", side)[1:5]
    for first, second in itertools.pairwise(fingers):
        apart = np.linalg.norm(first.line[3] - second.line[3])
        touching = first.wide[3] + second.wide[3]
        assert 0.9 * touching < apart < 1.6 * touching


def test_hands_mirror_each_other_and_turn_their_palms_to_the_thigh() -> None:
    for left, right in zip(tubes_of("male", 1.0), tubes_of("male", -1.0)):
        np.testing.assert_allclose(left.line * (-1.0, 1.0, 1.0), right.line)
        np.testing.assert_allclose(left.wide, right.wide)
    palm, _, middle, _, _, thumb = tubes_of("male", 1.0)
    assert middle.line[-1, 0] < palm.line[-1, 0] - 10.0  # bent inward
    assert thumb.line[-1, 2] > middle.line[-1, 2] + 30.0  # the thumb is in front
