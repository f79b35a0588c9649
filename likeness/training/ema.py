"""The running average of the weights, in float32."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Average:
    """Exponential moving average of named parameters.

    After the update number t (from 0) the average a of a parameter p is ``a + (1 - d) (p - a)``
    with ``d = min(decay, (1 + t) / (10 + t))``: early on, when p moves fast, the average forgets
    fast. Buffers (running statistics, counters) are not averaged, it has no meaning for them; who
    uses the average takes the buffers as they are.

    Args:
        parameters: the parameters to follow by name; they are read on every update.
    """

    def __init__(self, parameters: Mapping[str, Tensor], *, decay: float) -> None:
        self.decay = decay
        self._followed = list(parameters.values())
        self._averages = {name: p.detach().float().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, number: int) -> None:
        """Move towards the parameters.

        Args:
            number: updates applied to the weights before this one.
        """
        decay = min(self.decay, (1 + number) / (10 + number))
        torch._foreach_lerp_(list(self._averages.values()), self._followed, 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        """The average by name; the tensors themselves, not copies."""
        return dict(self._averages)

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take the average from a checkpoint; every name must be there."""
        for name, average in self._averages.items():
            average.copy_(weights[name])
