"""Principal components of a population: the columns of the studio's linear spaces.

Owns how a population is drawn by several processes, and its decomposition.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from likeness.data.rounding import one_thread
from likeness.data.workers import in_order
from likeness.seeds import rng_of

_EXTRA_DIRECTIONS = 40  # beyond the wanted ones in the randomised decomposition
_POWER_STEPS = 2


def drawn_rows(
    draw: Callable[[range], NDArray[np.float32]],
    count: int,
    width: int,
    *,
    at_once: int,
    workers: int,
) -> NDArray[np.float32]:
    """A population (count, width), a row for each of the numbers 0 to ``count`` - 1.

    Args:
        draw: gives the rows of some numbers; with several processes it is sent to them, so it is a
            function of a module or a ``functools.partial`` of one.
        count: how many rows.
        width: values in each.
        at_once: rows that a process draws before it hands them over.
        workers: processes; 0 takes one for each core. Changes no result.
    """
    rows = np.empty((count, width), dtype=np.float32)
    parts = [range(i, min(i + at_once, count)) for i in range(0, count, at_once)]
    for part, values in zip(parts, in_order(draw, parts, workers), strict=True):
        rows[part.start : part.stop] = values
    return rows


def principal_columns(samples: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """(count, D) principal directions of centred samples (N, D), one standard deviation long.

    Halko, Martinsson and Tropp, "Finding structure with randomness" (2011), algorithms 4.4 and 5.1.
    Signs are fixed by a fixed direction; of as many columns as the samples have dimensions, the
    rest is zero. With one thread, whose sums are the same on every machine: several rounded
    otherwise by 1e-5, and on busy cores took six times as long, waiting for each other.
    """
    with one_thread():
        return _columns(samples, count)


def _columns(samples: NDArray[np.float32], count: int) -> NDArray[np.float32]:
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
