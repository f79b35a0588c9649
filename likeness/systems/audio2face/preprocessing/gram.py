"""Principal axes of few long rows through the matrix of their products (the method of snapshots).

Rows are poses (n, D) with n far below D; everything but the rows is n by n. Products are summed in
float64 a stripe of columns at a time, so that no second copy of the rows is made. Sirovich 1987,
Turbulence and the dynamics of coherent structures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.systems.audio2face.artefacts import Floats

Doubles = NDArray[np.float64]

_COLUMNS = 8192
_NOISE = 1e-12
"""Axes with less than this share of the strongest one's variance are rounding of float32."""


def products(first: Floats, second: Floats | None = None) -> Doubles:
    """``first @ second.T`` in float64, (n, m); of ``first`` with itself by default."""
    out = np.zeros((len(first), len(first if second is None else second)))
    for start in range(0, first.shape[1], _COLUMNS):
        columns = first[:, start : start + _COLUMNS].astype(np.float64)
        other = columns
        if second is not None:
            other = second[:, start : start + _COLUMNS].astype(np.float64)
        out += columns @ other.T
    return out


def combine(weights: Doubles, rows: Floats) -> Floats:
    """``weights @ rows`` written into the first rows of ``rows``; a view (k, D) of them, k <= n."""
    count = len(weights)
    for start in range(0, rows.shape[1], _COLUMNS):
        columns = rows[:, start : start + _COLUMNS].astype(np.float64)
        rows[:count, start : start + _COLUMNS] = weights @ columns
    return rows[:count]


def spectrum(gram: Doubles) -> tuple[Doubles, Doubles]:
    """Eigenvalues of a matrix of products, falling, and vectors (n, r); without those of noise."""
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int(np.sum(values > max(values[0], 0.0) * _NOISE)) if len(values) else 0
    return values[:rank], vectors[:, :rank]


def axes_of(rows: Floats, values: Doubles, vectors: Doubles) -> Floats:
    """Orthonormal axes (k, D) of the strongest ``k = len(values)`` pairs of :func:`spectrum`.

    They are written over the first rows of ``rows``.
    """
    axes = combine((vectors / np.sqrt(values)).T, rows)
    # Weak axes lose their right angles to the strong ones in the product; the Cholesky factor of
    # what is left of them gives those back and changes the strong ones least.
    factor = np.linalg.cholesky(products(axes))
    return combine(np.linalg.inv(factor), axes)


def orthonormal(rows: Floats) -> Floats:
    """Orthonormal rows (r, D) that span ``rows``, written over its first r."""
    values, vectors = spectrum(products(rows))
    return axes_of(rows, values, vectors) if len(values) else rows[:0]


def with_fixed_signs(axes: Floats) -> Floats:
    """The axes, each turned so that its coordinate of the largest magnitude is positive; in place.

    The first one counts where several are as large.
    """
    peak = np.argmax(np.abs(axes), axis=1)
    axes[axes[np.arange(len(axes)), peak] < 0] *= -1
    return axes
