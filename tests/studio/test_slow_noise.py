from __future__ import annotations

import numpy as np
import pytest

from likeness.seeds import Draws
from likeness.studio.curves import RATE
from likeness.studio.slow_noise import wander


@pytest.mark.parametrize("tau", [0.5, 1.5])
def test_it_wanders_as_wide_and_as_slowly_as_asked(tau):
    noise = wander(Draws("noise"), 400_000, tau, 3.0)
    assert noise.std() == pytest.approx(3.0, rel=0.08)
    # Correlation of two cascaded filters at one time constant: (1 + 1) e^-1.
    lag = round(tau * RATE)
    found = np.corrcoef(noise[lag:], noise[:-lag])[0, 1]
    assert found == pytest.approx(2.0 / np.e, abs=0.05)


def test_it_does_not_start_at_rest():
    starts = [wander(Draws("start", n), 1, 1.0, 1.0)[0] for n in range(300)]
    assert np.std(starts) == pytest.approx(1.0, rel=0.15)
