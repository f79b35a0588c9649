"""Teeth and tongue as sheets: what an open mouth shows of them."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.parts import (
    TEETH_PER_SIDE,
    TONGUE_COLUMNS,
    TONGUE_ROWS,
    TOOTH_COLUMNS,
    TOOTH_ROWS,
    teeth,
    tongue,
)


@pytest.mark.parametrize("upper", [True, False])
def test_backs_of_neighbouring_teeth_meet(upper: bool) -> None:
    """Crowns are sheets without sides: a step from one back to the next was a slit to look through.

    The last column of a crown and the first of the next, from the biting edge to the gum behind.
    """
    count = TEETH_PER_SIDE * TOOTH_ROWS * TOOTH_COLUMNS
    rows = teeth(upper=upper).vertices[:count].reshape(-1, TOOTH_ROWS, TOOTH_COLUMNS, 3)
    for row in (4, 5):
        gap = np.linalg.norm(rows[1:, row, 0] - rows[:-1, row, -1], axis=-1)
        across = rows[1:, row, 0, [0, 2]] - rows[:-1, row, -1, [0, 2]]
        assert np.linalg.norm(across, axis=-1).max() < 0.3  # mm, seen from below
        assert gap.max() < 1.6  # crowns are not of one length


def test_the_tip_of_the_tongue_is_round() -> None:
    """The edge in front is lowest beside the middle nowhere by more than half a millimetre: its
    furrow ends before it."""
    tip = tongue().vertices.reshape(TONGUE_ROWS, TONGUE_COLUMNS, 3)[-1]
    middle = TONGUE_COLUMNS // 2
    furrow = tip[[middle - 1, middle + 1], 1].mean() - tip[middle, 1]
    assert -0.5 < furrow < 0.1
    root = tongue().vertices.reshape(TONGUE_ROWS, TONGUE_COLUMNS, 3)[2]
    assert root[[middle - 1, middle + 1], 1].mean() - root[middle, 1] > 0.7
