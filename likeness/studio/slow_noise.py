"""Slow noise: the wander of a posture, of a gaze that is held, of a feeling."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from likeness.seeds import Draws
from likeness.studio.curves import RATE

_SETTLING = 8.0
"""Time constants before the start after which nothing remains of how the noise began."""


def wander(draws: Draws, count: int, tau: float, sd: float) -> NDArray[np.float64]:
    """(count,) samples of white noise through two first-order filters of time constant ``tau`` in
    seconds, with standard deviation ``sd``: an Ornstein-Uhlenbeck process without its jitter."""
    pole = math.exp(-1.0 / (RATE * tau))
    settling = math.ceil(_SETTLING * tau * RATE)
    noise = draws.normals(settling + count)
    # Variance of white noise through a double pole: (1 + p^2) / (1 - p^2)^3.
    scale = sd / math.sqrt((1.0 + pole**2) / (1.0 - pole**2) ** 3)
    return scale * lfilter([1.0], [1.0, -2.0 * pole, pole * pole], noise)[settling:]
