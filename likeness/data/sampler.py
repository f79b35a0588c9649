"""The order of training samples: a pure function of (seed, stage, epoch), sharded and resumable.

Owns which sample comes when. Loading, augmentation and collation are ``loader.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from likeness.data.source import Mixed
from likeness.errors import DataError, UsageError
from likeness.seeds import rng_of

Sampling = Literal["shuffled", "weighted"]
Integers = np.ndarray[tuple[int], np.dtype[np.int64]]


class Draw(NamedTuple):
    """One sample of one micro-batch."""

    sample: int
    """Index into the mixture of all sources."""
    epoch: int
    """How often its source was gone through before; a small source of a mix repeats sooner."""
    repeat: int = 0
    """Earlier draws of the same sample in the same epoch (weighted sampling draws some twice)."""


class Sampler:
    """The order of every stage of a run.

    Args:
        source: all training sources end to end.
        seed: the seed of the run.
        sampling: ``shuffled`` takes every sample once per epoch; ``weighted`` draws as many samples
            in proportion to :meth:`Source.weight`, each as often as its share says, rounded up or
            down at random (systematic resampling).

    Raises:
        DataError: a source is empty or has a weight that is not positive.
    """

    def __init__(self, source: Mixed, *, seed: int, sampling: Sampling = "shuffled") -> None:
        self.source, self.seed, self.sampling = source, seed, sampling
        for name, part in source.sources.items():
            if len(part) == 0:
                raise DataError(
                    f"The training source '{name}' has no samples.",
                    advice="Run 'likeness data inspect' on the dataset to see why.",
                )

    def stage(self, index: int, *, batch_size: int, mix: Mapping[str, float] | None) -> StageOrder:
        """The order of one stage.

        Args:
            index: the number of the stage in the plan.
            batch_size: samples per micro-batch.
            mix: source to ratio of samples; None: in proportion to their sizes.

        Raises:
            UsageError: the mix names an unknown source, or no source at all.
        """
        return StageOrder(self, index, batch_size, self._shares(mix))

    @cached_property
    def buckets(self) -> Integers | None:
        """Bucket number of every sample, or None when no sample has a bucket."""
        keys = [self.source.bucket(index) for index in range(len(self.source))]
        if all(key is None for key in keys):
            return None
        numbers: dict[object, int] = {}
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)

    @cached_property
    def cumulative_weights(self) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        """Running sum of the sample weights of each source, ending at 1."""
        tables = {}
        for name, part in self.source.sources.items():
            weights = np.array([part.weight(i) for i in range(len(part))], dtype=np.float64)
            bad = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
            if bad.size:
                raise DataError(
                    f"Sample {bad[0]} of source '{name}' has weight {weights[bad[0]]}; "
                    "weights must be positive numbers.",
                )
            sums = np.cumsum(weights)
            tables[name] = sums / sums[-1]
        return tables

    def _shares(self, mix: Mapping[str, float] | None) -> dict[str, int]:
        """Samples of each source in one epoch of a stage."""
        sizes = {name: len(part) for name, part in self.source.sources.items()}
        if mix is None:
            return sizes
        for name, ratio in mix.items():
            if name not in sizes:
                near = get_close_matches(name, sizes, n=1)
                hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(sizes)}."
                raise UsageError(f"The mix names an unknown source '{name}'.", advice=hint)
            if ratio < 0:
                raise UsageError(f"The ratio of source '{name}' in the mix is negative: {ratio}.")
        whole = sum(mix.values())
        if whole <= 0:
            raise UsageError("The mix gives no source a positive ratio.")
        ratios = {name: mix[name] / whole for name in sizes if mix.get(name, 0) > 0}
        # Long enough that the rarest source is drawn at least once per epoch.
        length = max(sum(sizes[name] for name in ratios), int(np.ceil(1 / min(ratios.values()))))
        exact = {name: length * ratio for name, ratio in ratios.items()}
        shares = {name: int(value) for name, value in exact.items()}
        by_remainder = sorted(exact, key=lambda name: shares[name] - exact[name])
        for name in by_remainder[: length - sum(shares.values())]:
            shares[name] += 1
        return shares


class StageOrder:
    """The micro-batches of one stage by number, counted over all processes from the stage's start.

    Without buckets the epochs follow each other without a seam: every micro-batch is full and every
    sample comes once per epoch. With buckets a micro-batch holds one bucket only, and the last one
    of a bucket in an epoch may be short.
    """

    def __init__(
        self, sampler: Sampler, stage: int, batch_size: int, shares: Mapping[str, int]
    ) -> None:
        self._sampler, self._stage, self._batch_size = sampler, stage, batch_size
        self._shares = dict(shares)
        self._length = sum(self._shares.values())
        self._orders: dict[int, _Epoch] = {}
        self._ends: list[int] = []  # with buckets: micro-batches up to the end of each epoch

    @property
    def samples_per_epoch(self) -> int:
        return self._length

    def micro_batch(self, number: int) -> list[Draw]:
        """The samples of one micro-batch: a pure function of (seed, stage, number)."""
        if self._sampler.buckets is None:
            first = number * self._batch_size
            return [self._draw(first + offset) for offset in range(self._batch_size)]
        while not self._ends or number >= self._ends[-1]:
            start = self._ends[-1] if self._ends else 0
            self._ends.append(start + len(self._epoch(len(self._ends)).batches))
        epoch = int(np.searchsorted(self._ends, number, side="right"))
        start = self._ends[epoch - 1] if epoch else 0
        order = self._epoch(epoch)
        return [order.draw(place) for place in order.batches[number - start]]

    def _draw(self, position: int) -> Draw:
        epoch, place = divmod(position, self._length)
        return self._epoch(epoch).draw(place)

    def _epoch(self, epoch: int) -> _Epoch:
        if epoch not in self._orders:
            order = self._shuffled(epoch)
            while len(self._orders) > 1:  # neighbouring epochs meet in one batch; older ones do not
                del self._orders[min(self._orders)]
            self._orders[epoch] = order
        return self._orders[epoch]

    def _shuffled(self, epoch: int) -> _Epoch:
        """The draws of one epoch in their order, and with buckets their grouping."""
        indices, passes, repeats = [], [], []
        for name, share in self._shares.items():
            chosen, passed, again = self._of_source(name, epoch, share)
            indices.append(chosen + self._sampler.source.span(name)[0])
            passes.append(passed)
            repeats.append(again)
        rng = rng_of(self._sampler.seed, "order", self._stage, epoch)
        order = rng.permutation(self._length)
        drawn = np.concatenate(indices)[order]
        batches: list[Integers] = []
        if self._sampler.buckets is not None:
            buckets = self._sampler.buckets[drawn]
            for bucket in np.unique(buckets):
                places = np.flatnonzero(buckets == bucket)
                batches += np.split(places, range(self._batch_size, len(places), self._batch_size))
            batches = [batches[i] for i in rng.permutation(len(batches))]
        return _Epoch(drawn, np.concatenate(passes)[order], np.concatenate(repeats)[order], batches)

    def _of_source(self, name: str, epoch: int, share: int) -> tuple[Integers, Integers, Integers]:
        """Index in the source, pass through the source and repeat of each of its draws."""
        sampler = self._sampler
        size = len(sampler.source.sources[name])
        if sampler.sampling == "weighted":
            start = rng_of(sampler.seed, "weighted", self._stage, name, epoch).random()
            points = (np.arange(share) + start) / share
            chosen = np.searchsorted(sampler.cumulative_weights[name], points, side="right")
            chosen = np.minimum(chosen, size - 1)  # rounding at the upper end
            firsts = np.searchsorted(chosen, chosen)  # chosen ascends: where its first draw stands
            return chosen, np.full(share, epoch), np.arange(share) - firsts
        if share == size:
            return np.arange(size), np.full(size, epoch), np.zeros(size, dtype=np.int64)
        # A source that does not fit the epoch goes on where the previous epoch left it.
        positions = epoch * share + np.arange(share)
        passes = positions // size
        chosen = np.empty(share, dtype=np.int64)
        for number in np.unique(passes):
            rng = rng_of(sampler.seed, "pass", self._stage, name, int(number))
            here = passes == number
            chosen[here] = rng.permutation(size)[positions[here] % size]
        return chosen, passes, np.zeros(share, dtype=np.int64)


@dataclass(frozen=True)
class _Epoch:
    """The draws of one epoch, in order; with buckets, which of them go together."""

    indices: Integers
    passes: Integers
    repeats: Integers
    batches: Sequence[Integers]

    def draw(self, place: int | np.int64) -> Draw:
        return Draw(int(self.indices[place]), int(self.passes[place]), int(self.repeats[place]))
