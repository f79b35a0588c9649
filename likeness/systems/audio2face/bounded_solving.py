"""The least of a convex quadratic in a box: ½ wᵀMw − bᵀw for 0 ≤ w ≤ upper, a few dozen unknowns.

Block principal pivoting (Júdice and Pires, 1994) with Murty's rule where it does not progress, so
that it ends for every positive definite M. It starts from the bounds of the frame before, which are
mostly those of the next one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Bounds = NDArray[np.int8]
"""For each unknown -1 at the lower bound, 1 at the upper, 0 in between."""

_PATIENCE = 3
_MAX_ROUNDS = 1000


def minimise_in_box(
    matrix: NDArray[np.float64], vector: Vector, upper: Vector, start: Bounds
) -> tuple[Vector, Bounds]:
    """The best w and where it lies at its bounds.

    Args:
        matrix: (P, P) symmetric, positive definite.
        vector: (P,). upper: (P,) above 0.
        start: (P,) a guess.
    """
    bounds = start.copy()
    scale = float(np.abs(np.diag(matrix)).max()) or 1.0
    tolerance = 1e-12 * max(1.0, scale, float(np.abs(vector).max(initial=0.0)))
    fewest, patience = len(vector) + 1, _PATIENCE
    for _ in range(_MAX_ROUNDS):
        weights = np.where(bounds > 0, upper, 0.0)
        free = np.flatnonzero(bounds == 0)
        if len(free):
            fixed = np.flatnonzero(bounds > 0)
            right = vector[free] - matrix[np.ix_(free, fixed)] @ upper[fixed]
            weights[free] = _solved(matrix[np.ix_(free, free)], right)
        gradient = matrix @ weights - vector
        below = (bounds == 0) & (weights < -1e-14)
        above = (bounds == 0) & (weights > upper + 1e-14)
        release = ((bounds < 0) & (gradient < -tolerance)) | ((bounds > 0) & (gradient > tolerance))
        wrong = np.flatnonzero(below | above | release)
        if not len(wrong):
            return np.clip(weights, 0.0, upper), bounds
        if len(wrong) < fewest:
            fewest, patience = len(wrong), _PATIENCE
        elif patience > 0:
            patience -= 1
        else:
            wrong = wrong[-1:]  # one at a time, always the last: this cannot go round in circles
        bounds[wrong] = np.where(release[wrong], 0, np.where(below[wrong], -1, 1))
    return np.clip(weights, 0.0, upper), bounds


def _solved(matrix: NDArray[np.float64], right: Vector) -> NDArray[np.floating]:
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:  # a pose without offsets and without a ridge
        return np.linalg.lstsq(matrix, right, rcond=None)[0]
