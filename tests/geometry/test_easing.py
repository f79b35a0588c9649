"""The cubic between two levels."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.geometry.easing import smoothstep


def test_smoothstep_is_hermites_cubic_with_level_ends() -> None:
    values = np.array([-1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 9.0])
    found = smoothstep(2.0, 4.0, values)
    assert found == pytest.approx([0.0, 0.0, 0.15625, 0.5, 0.84375, 1.0, 1.0])
    step = 1e-6
    ends = smoothstep(0.0, 1.0, np.array([step, 1.0 - step]))
    assert ends[0] / step == pytest.approx(0.0, abs=1e-5)
    assert (1.0 - ends[1]) / step == pytest.approx(0.0, abs=1e-5)
