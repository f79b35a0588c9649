"""Smooth ways from 0 to 1, over arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smoothstep(low: float, high: float, values: NDArray[np.floating]) -> NDArray[np.floating]:
    """0 up to ``low``, 1 from ``high`` on, 3 t^2 - 2 t^3 between (Hermite's cubic, level at both
    ends)."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
