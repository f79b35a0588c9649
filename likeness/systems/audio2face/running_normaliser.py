"""Losses divided by their own running size, so that terms of any unit can be added.

After Karras et al. (2017), section 4.4. The size is a buffer: checkpoints keep it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_DECAY = 0.99
_SMALLEST = 1e-12


class RunningNormaliser(nn.Module):
    """n(l) = l / (√(running mean of l²) + 1e-8), the mean being a constant to gradients.

    The mean forgets by 0.99 a call and is unbiased from the first: the current loss counts.
    """

    total: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(()))
        self.register_buffer("weight", torch.zeros(()))

    def forward(self, loss: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.total.mul_(_DECAY).add_(loss.detach().float().square())
                self.weight.mul_(_DECAY).add_(1)
        mean = (self.total / self.weight.clamp(min=1e-8)).clone()
        return loss / (mean.sqrt() + 1e-8)


class Normalisers(nn.Module):
    """One :class:`RunningNormaliser` a term, and the annealed exponent.

    Args:
        terms: their names.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        super().__init__()
        self.terms = nn.ModuleDict({name: RunningNormaliser() for name in terms})

    def forward(self, name: str, loss: Tensor, exponent: float) -> Tensor:
        """n(loss) to the power of ``exponent``, from 1 at the start of training to 0 at its end.

        The gradient scales with the exponent, so these terms fade out.
        """
        normalised: Tensor = self.terms[name](loss)
        # At 0 the gradient of a root has no value.
        return normalised.clamp(min=_SMALLEST) ** exponent


def annealed_exponent(step: int, total_steps: int) -> float:
    """1 - step / total_steps, within 0 and 1."""
    return min(max(1 - step / max(total_steps, 1), 0.0), 1.0)
