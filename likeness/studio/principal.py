"""Principal components of a population: the columns of the studio's linear spaces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import rng_of

_EXTRA_DIRECTIONS = 40  # beyond the wanted ones in the randomised decomposition
_POWER_STEPS = 2


def principal_columns(samples: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """(count, D) principal directions of centred samples (N, D), one standard deviation long.

    Halko, Martinsson and Tropp, "Finding structure with randomness" (2011), algorithms 4.4 and 5.1.
    Signs are fixed by a fixed direction; of as many columns as the samples have dimensions, the
    rest is zero.
    """
    rng = rng_of("principal columns", samples.shape[1])
    wanted = min(count + _EXTRA_DIRECTIONS, *samples.shape)
    basis = samples @ rng.standard_normal((samples.shape[1], wanted), dtype=np.float32)
    for _ in range(_POWER_STEPS):
        basis = np.linalg.qr(basis)[0]
        basis = samples @ (samples.T @ basis)
    basis = np.linalg.qr(basis)[0]
    _, sizes, directions = np.linalg.svd(basis.T @ samples, full_matrices=False)
    columns = np.zeros((count, samples.shape[1]), dtype=np.float32)
    found = min(count, len(sizes))
    columns[:found] = sizes[:found, None] / np.sqrt(len(samples) - 1) * directions[:found]
    fixed = rng.standard_normal(samples.shape[1], dtype=np.float32)
    return columns * np.where(columns @ fixed < 0.0, -1.0, 1.0).astype(np.float32)[:, None]
