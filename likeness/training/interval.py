"""Numbers on their way to the metrics: of one step, and summed over a logging interval."""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

Table = dict[str, tuple[float, int]]
"""Name to sum and count."""


class StepValues:
    """The numbers of one step; those on a device cross over together, in one transfer."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._values: list[float | Tensor] = []
        self._factors: list[float] = []

    def log(self, name: str, value: float | Tensor, factor: float = 1.0) -> None:
        """Keep one number times a factor; a tensor must have one element."""
        if isinstance(value, Tensor):
            if value.numel() != 1:
                raise ValueError(
                    f"'{name}' must be one number, found a tensor of shape {tuple(value.shape)}"
                )
            value = value.item() if value.device.type == "cpu" else value.detach()
        self._names.append(name)
        self._values.append(value)
        self._factors.append(factor)

    def log_terms(
        self, terms: Mapping[str, Tensor], weights: Mapping[str, float], total: Tensor
    ) -> None:
        """Keep every loss term raw and weighted, and what they add up to."""
        for name, term in terms.items():
            self.log(f"loss/{name}", term)
        for name, weight in weights.items():  # 0 where a ramp is at 0, so that they add up
            self.log(f"loss_weighted/{name}", terms[name] if weight else 0.0, weight)
        self.log("loss/total", total)

    def read(self) -> list[tuple[str, float]]:
        """Everything logged, in order, as Python numbers. Waits for the device."""
        tensors = [value.flatten() for value in self._values if isinstance(value, Tensor)]
        # Concatenation takes mixed types to the widest of them.
        moved = iter(torch.cat(tensors).tolist() if tensors else ())
        numbers = [next(moved) if isinstance(v, Tensor) else float(v) for v in self._values]
        return [
            (name, number * factor)
            for name, number, factor in zip(self._names, numbers, self._factors, strict=True)
        ]


class Interval:
    """Means over a logging interval. Numbers that are not finite do not count."""

    def __init__(self, table: Mapping[str, tuple[float, int]] | None = None) -> None:
        self.table: Table = dict(table or {})

    def add(self, name: str, value: float) -> None:
        if math.isfinite(value):
            total, count = self.table.get(name, (0.0, 0))
            self.table[name] = (total + value, count + 1)

    def clear(self) -> None:
        self.table.clear()


def merged(tables: Iterable[Mapping[str, tuple[float, int]]]) -> Table:
    """The sums and counts of several processes together."""
    result: Table = {}
    for table in tables:
        for name, (total, count) in table.items():
            before = result.get(name, (0.0, 0))
            result[name] = (before[0] + total, before[1] + count)
    return result


def means(table: Mapping[str, tuple[float, int]]) -> dict[str, float]:
    return {name: total / count for name, (total, count) in table.items()}


class Speed:
    """Time and memory of a logging interval. Previews, scores and checkpoints do not count."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.clear()

    def clear(self) -> None:
        self._samples, self._seconds, self._waited = 0, 0.0, 0.0

    def add(self, *, samples: int, seconds: float, waited: float) -> None:
        """One step: samples over all processes, its length, and the part spent waiting for data."""
        self._samples += samples
        self._seconds += seconds
        self._waited += waited

    def row(self) -> dict[str, float]:
        """Samples per second, share of time waiting for data, highest memory use so far."""
        return {
            "samples_per_second": self._samples / self._seconds,
            "data_wait_fraction": self._waited / self._seconds,
            "memory_gigabytes": self._memory(),
        }

    def _memory(self) -> float:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 1e9
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9
