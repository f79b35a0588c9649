"""Counter-based seeds: every random draw is a pure function of what it is for.

No generator state is ever saved. Seeding by (run seed, purpose, step, …) makes a resumed run equal
an uninterrupted one, and makes results independent of the number of worker processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError


def check_seed(seed: int) -> None:
    """Refuse a seed that nobody means: they are whole numbers from 0 on.

    Raises:
        UsageError: it is below 0.
    """
    if seed < 0:
        raise UsageError(
            f"Expected a seed of 0 or more, found seed={seed}.",
            advice="Set --seed 0 or any greater number.",
        )


def seed_of(*parts: int | str) -> int:
    """A stable 63-bit seed from the given parts: the same on every machine and Python version."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def rng_of(*parts: int | str) -> np.random.Generator:
    """A NumPy generator seeded by :func:`seed_of`."""
    return np.random.Generator(np.random.PCG64(seed_of(*parts)))


class Draws:
    """Numbers drawn from the raw 64-bit words of a stream, for what must stay the same for years.

    NumPy keeps the words of PCG64 across its versions but not what its distributions make of them;
    here every number is a formula of its own word.

    Args:
        parts: what the stream is for, as for :func:`seed_of`.
    """

    def __init__(self, *parts: int | str) -> None:
        self._bits = np.random.PCG64(seed_of(*parts))

    def uniforms(self, count: int, low: float = 0.0, high: float = 1.0) -> NDArray[np.float64]:
        """(count,) numbers in [low, high): the upper 53 bits of a word each."""
        words = np.asarray(self._bits.random_raw(count), dtype=np.uint64)
        return low + (high - low) * ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53)

    def normals(self, count: int, mean: float = 0.0, sd: float = 1.0) -> NDArray[np.float64]:
        """(count,) normal numbers by the inverse of the distribution function."""
        from scipy.special import ndtri  # not at start-up: the command line's help imports this

        return mean + sd * ndtri(np.maximum(self.uniforms(count), 2.0**-54))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """One number in [low, high)."""
        return float(self.uniforms(1, low, high)[0])

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """One normal number."""
        return float(self.normals(1, mean, sd)[0])

    def integer(self, count: int) -> int:
        """One of 0 .. count - 1."""
        return int(self.uniform() * count)

    def choice(self, weights: Sequence[float]) -> int:
        """An index, as often as its weight says; weights need not sum to 1."""
        edges = np.cumsum(weights)
        return int(np.searchsorted(edges, self.uniform() * edges[-1], side="right"))

    def permutation(self, count: int) -> NDArray[np.int64]:
        """The order of ``count`` uniform numbers."""
        return np.argsort(self.uniforms(count), kind="stable").astype(np.int64)
