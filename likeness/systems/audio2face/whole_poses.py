"""Poses where differences from a neutral belong: how the one is told from the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LIKE_PLACES = 0.5
"""Of the size of a mesh, how far differences are from it at most where they are no differences but
places: a pose differs from its neutral by a few hundredths of that, and a difference by all."""


def lie_at(found: NDArray[np.floating], still: NDArray[np.floating]) -> bool:
    """Whether points (N, 3) are near the places of a neutral (N, 3): differences are near 0."""
    size = float(np.sqrt(np.mean(np.square(still, dtype=np.float64))))
    away = np.subtract(found, still, dtype=np.float64)
    apart = float(np.sqrt(np.mean(np.square(away))))
    return apart < _LIKE_PLACES * size
