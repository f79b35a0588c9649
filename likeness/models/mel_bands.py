"""Triangular filters on the mel scale of O'Shaughnessy (1987), as in HTK. Imports no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError


def mel_edges(count: int, lowest: float, highest: float) -> NDArray[np.float64]:
    """(count + 2,) hertz, evenly on the mel scale, 1127 ln(1 + f / 700).

    A band begins at one of them, peaks at the next and ends at the one after.
    """
    mels = np.linspace(np.log1p(lowest / 700), np.log1p(highest / 700), count + 2)
    return 700 * np.expm1(mels)  # the factor 1127 cancels out


def mel_bands(
    count: int, points: int, rate: int, *, lowest: float = 0.0, highest: float | None = None
) -> NDArray[np.float64]:
    """(count, points // 2 + 1) gains over the bins of a transform, triangles of height 1.

    They are equally wide on the mel scale; see :func:`mel_edges`.

    Args:
        points: of the transform.
        rate: samples per second.
        lowest, highest: hertz; None is half the rate.

    Raises:
        UsageError: so many bands that one of them holds no frequency.
    """
    edges = mel_edges(count, lowest, rate / 2 if highest is None else highest)
    bins = np.arange(points // 2 + 1) * rate / points
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    gains = np.maximum(np.minimum(rising, falling), 0.0)
    if not gains.any(axis=1).all():
        raise UsageError(f"{count} mel bands are too many for {points} frequency points.")
    return np.asarray(gains)
