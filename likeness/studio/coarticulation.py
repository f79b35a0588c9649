"""Coarticulation: every channel follows its targets as closely as each of them matters.

A curve x on a grid of step D minimises

    sum a_n (x_n - u_n)^2 + e sum (x_n - rest_n)^2 + (tau / D)^4 sum (second difference of x)^2

with u the piecewise constant target and a its importance: a smoothing spline on a grid (Whittaker,
"On a new method of graduation", 1922) whose weights change over time. At constant a it is a
low-pass without lag of response 1 / (1 + (omega tau)^4 / a); so sounds that care resist their
neighbours, sounds that do not take over from them, ahead of time as well as behind, and fast speech
reaches its targets less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

REST_IMPORTANCE = 0.02

Array = NDArray[np.float64]


def smooth(
    target: Array,
    importance: Array,
    tau: float,
    step: float,
    *,
    rest: float = 0.0,
    rest_importance: float = REST_IMPORTANCE,
) -> Array:
    """The curve (N,) of the module's energy; free ends.

    Args:
        target: (N,) u.
        importance: (N,) a, not negative; some of it or ``rest_importance`` positive.
        tau: seconds.
        step: seconds between grid points.
        rest: what it falls back to.
        rest_importance: e.
    """
    count = len(target)
    stiff = (tau / step) ** 4
    bands = np.zeros((3, count))  # upper form: second, first, main diagonal
    bands[2] = importance + rest_importance
    if count > 2:
        for offset, square in ((0, 1.0), (1, 4.0), (2, 1.0)):
            bands[2, offset : count - 2 + offset] += stiff * square
        bands[1, 1 : count - 1] -= 2.0 * stiff
        bands[1, 2:count] -= 2.0 * stiff
        bands[0, 2:] += stiff
    known = importance * target + rest_importance * rest
    if count == 1:
        return known / bands[2]
    return solveh_banded(bands[max(0, 3 - count) :], known, check_finite=False)
