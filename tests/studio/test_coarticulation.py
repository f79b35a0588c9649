"""The smoother against its own energy solved densely, and its response in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.coarticulation import smooth

STEP = 0.005


@pytest.mark.parametrize("count", [1, 2, 3, 4, 60])
def test_the_curve_minimises_the_energy(count):
    rng = np.random.default_rng(count)
    target, importance, tau = rng.random(count), rng.random(count), 0.022
    system = np.diag(importance + 0.02)
    for n in range(count - 2):
        row = np.zeros(count)
        row[n : n + 3] = 1.0, -2.0, 1.0
        system += (tau / STEP) ** 4 * np.outer(row, row)
    wanted = np.linalg.solve(system, importance * target + 0.02 * 0.3)
    found = smooth(target, importance, tau, STEP, rest=0.3)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize(("importance", "hertz"), [(0.55, 3.0), (0.55, 6.0), (1.0, 9.0)])
def test_at_constant_importance_it_is_a_low_pass_without_lag(importance, hertz):
    tau, times = 0.036, np.arange(4000) * STEP
    wave = np.sin(2.0 * np.pi * hertz * times)
    even = np.full(len(times), importance)
    found = smooth(wave, even, tau, STEP, rest_importance=0.0)
    middle = slice(1000, 3000)
    phase = np.exp(-2j * np.pi * hertz * times[middle])
    gain = (found[middle] * phase).sum() / (wave[middle] * phase).sum()
    omega = 2.0 * np.sin(np.pi * hertz * STEP) / STEP  # of the second difference on the grid
    assert gain.real == pytest.approx(1.0 / (1.0 + (omega * tau) ** 4 / importance), rel=1e-4)
    assert abs(np.angle(gain)) < 0.01


def test_sounds_that_do_not_care_take_over_from_both_sides():
    target = np.concatenate([np.ones(30), np.zeros(12), np.ones(30)])
    importance = np.concatenate([np.full(30, 0.7), np.full(12, 0.03), np.full(30, 0.7)])
    assert smooth(target, importance, 0.022, STEP).min() > 0.8
    assert smooth(target, np.full(72, 0.7), 0.022, STEP).min() < 0.4
