"""Source: an indexed collection of samples on the CPU, and the ways to compose sources.

A sample is a plain dict of NumPy arrays, CPU tensors and small Python values, with its identifier
under ``"id"``. A source knows nothing about batches, devices or training.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

Sample = dict[str, Any]


class Source(ABC):
    """What the sampler draws from. ``source[i]`` is deterministic."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Sample: ...

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        """The sample as training sees it: augmentation happens here and uses only ``rng``.

        The loader seeds ``rng`` by (run seed, stage, epoch, index), so the number of worker
        processes changes nothing. The default is no augmentation.
        """
        return self[index]

    def describe(self) -> dict[str, Any]:
        """JSON-able facts for the run's record: location, counts, settings."""
        return {"type": type(self).__name__, "samples": len(self)}

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash that changes when the samples would change (content, settings, code version)."""

    def bucket(self, index: int) -> Hashable | None:
        """Samples of one batch share a bucket (e.g. an image size). None: no bucketing."""
        return None

    def weight(self, index: int) -> float:
        """Relative chance of being drawn when the sampler is asked to weigh; > 0."""
        return 1.0


def combined_fingerprint(*parts: str) -> str:
    """A fingerprint from several, order-sensitive."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class Subset(Source):
    """Chosen samples of another source, in the given order."""

    def __init__(self, source: Source, indices: Sequence[int]) -> None:
        bad = [i for i in indices if not 0 <= i < len(source)]
        if bad:
            raise IndexError(f"index {bad[0]} is outside a source of {len(source)} samples")
        self._source, self._indices = source, list(indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self._source[self._indices[index]]

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        return self._source.draw(self._indices[index], rng)

    def describe(self) -> dict[str, Any]:
        return {"type": "Subset", "samples": len(self), "of": self._source.describe()}

    def fingerprint(self) -> str:
        return combined_fingerprint("subset", self._source.fingerprint(), str(self._indices))

    def bucket(self, index: int) -> Hashable | None:
        return self._source.bucket(self._indices[index])

    def weight(self, index: int) -> float:
        return self._source.weight(self._indices[index])


class Repeated(Source):
    """Another source several times over, e.g. to lengthen the epoch of a small set."""

    def __init__(self, source: Source, times: int) -> None:
        if times < 1:
            raise ValueError(f"times must be at least 1, found {times}")
        self._source, self._times = source, times

    def __len__(self) -> int:
        return len(self._source) * self._times

    def __getitem__(self, index: int) -> Sample:
        return self._source[index % len(self._source)]

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        return self._source.draw(index % len(self._source), rng)

    def describe(self) -> dict[str, Any]:
        return {"type": "Repeated", "times": self._times, "of": self._source.describe()}

    def fingerprint(self) -> str:
        return combined_fingerprint("repeated", str(self._times), self._source.fingerprint())

    def bucket(self, index: int) -> Hashable | None:
        return self._source.bucket(index % len(self._source))

    def weight(self, index: int) -> float:
        return self._source.weight(index % len(self._source))


class Grouped(Source):
    """Several samples of one group at a time, e.g. photographs of one person, for methods that
    compare them.

    A sample has its ``id`` and the ``members``, a list of ``size`` samples of one group. An epoch
    visits a group once for every ``size`` samples it has, and at least once: the sampler's batches
    of P samples are P groups of ``size``. Training draws the members at random, none twice unless
    the group is smaller than ``size``. A system's ``collate`` takes them with :func:`members_of`.

    Args:
        keys: the group of every sample of ``source``. Samples of two buckets are never together.
    """

    def __init__(self, source: Source, keys: Sequence[Hashable], size: int) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, found {size}")
        if len(keys) != len(source):
            raise ValueError(f"{len(source)} samples came with {len(keys)} keys")
        self._source, self._size = source, size
        groups: dict[Hashable, list[int]] = {}
        for index, key in enumerate(keys):
            groups.setdefault((key, source.bucket(index)), []).append(index)
        self._visits = [
            (members, visit)
            for members in groups.values()
            for visit in range(max(1, len(members) // size))
        ]

    def __len__(self) -> int:
        return len(self._visits)

    def __getitem__(self, index: int) -> Sample:
        members, visit = self._visits[index]
        chosen = [members[(visit * self._size + i) % len(members)] for i in range(self._size)]
        return _group([self._source[member] for member in chosen])

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        members, _ = self._visits[index]
        chosen = rng.choice(members, self._size, replace=len(members) < self._size)
        return _group([self._source.draw(int(member), rng) for member in chosen])

    def describe(self) -> dict[str, Any]:
        return {"type": "Grouped", "size": self._size, "of": self._source.describe()}

    def fingerprint(self) -> str:
        groups = str([members for members, visit in self._visits if visit == 0])
        return combined_fingerprint("grouped", str(self._size), groups, self._source.fingerprint())

    def bucket(self, index: int) -> Hashable | None:
        return self._source.bucket(self._visits[index][0][0])

    def weight(self, index: int) -> float:
        members, _ = self._visits[index]
        return sum(self._source.weight(member) for member in members) / len(members)


def members_of(samples: Sequence[Sample]) -> list[Sample]:
    """The members of samples of :class:`Grouped`, in their order; other samples as they are."""
    return [member for sample in samples for member in sample.get("members", [sample])]


def _group(members: list[Sample]) -> Sample:
    return {"id": "+".join(str(member["id"]) for member in members), "members": members}


class Mixed(Source):
    """Named sources end to end; each sample says where it came from under ``"source"``.

    The ratio at which they are drawn is the sampler's business (a stage's ``mix``).
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        if not sources:
            raise ValueError("Mixed needs at least one source")
        self._sources = dict(sources)
        self._starts = np.cumsum([0, *(len(s) for s in self._sources.values())])

    @property
    def sources(self) -> Mapping[str, Source]:
        return self._sources

    def span(self, name: str) -> tuple[int, int]:
        """Half-open range of this mixture's indices that belong to the named source."""
        position = list(self._sources).index(name)
        return int(self._starts[position]), int(self._starts[position + 1])

    def locate(self, index: int) -> tuple[str, int]:
        """The source's name and the index inside it."""
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside a source of {len(self)} samples")
        position = int(np.searchsorted(self._starts, index, side="right")) - 1
        return list(self._sources)[position], index - int(self._starts[position])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Sample:
        name, inner = self.locate(index)
        return {**self._sources[name][inner], "source": name}

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        name, inner = self.locate(index)
        return {**self._sources[name].draw(inner, rng), "source": name}

    def describe(self) -> dict[str, Any]:
        return {"type": "Mixed", "of": {n: s.describe() for n, s in self._sources.items()}}

    def fingerprint(self) -> str:
        parts = [f"{name}={source.fingerprint()}" for name, source in self._sources.items()]
        return combined_fingerprint("mixed", *parts)

    def bucket(self, index: int) -> Hashable | None:
        name, inner = self.locate(index)
        return self._sources[name].bucket(inner)

    def weight(self, index: int) -> float:
        name, inner = self.locate(index)
        return self._sources[name].weight(inner)
