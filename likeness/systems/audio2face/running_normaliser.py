"""Losses divided by their own running size, so that terms of any unit can be added.

After Karras et al. (2017), section 4.4. The size is a buffer: checkpoints keep it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

_DECAY = 0.99
_SMALLEST = 1e-12


class RunningNormaliser(nn.Module):
    """n(l) = l / (√(running mean of l²) + 1e-8), the mean being a constant to gradients.

    The mean forgets by 0.99 a step and is unbiased from the first: the current loss counts.
    """

    total: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(()))
        self.register_buffer("weight", torch.zeros(()))

    def forward(self, loss: Tensor) -> Tensor:
        """n(loss); in training the loss counts beside those that were remembered."""
        if self.training:
            square = loss.detach().float().square()
            mean = (_DECAY * self.total + square) / (_DECAY * self.weight + 1)
        else:
            mean = self.total / self.weight.clamp(min=1e-8)
        return loss / (mean.sqrt() + 1e-8)

    def remember(self, square: Tensor) -> None:
        """The mean square of the losses of a step."""
        self.total.mul_(_DECAY).add_(square)
        self.weight.mul_(_DECAY).add_(1)


class Normalisers(nn.Module):
    """One :class:`RunningNormaliser` a term, and the annealed exponent.

    Of a step's micro-batches, on however many processes, each counts itself beside the steps
    before, and their mean is what later steps remember: one process with two micro-batches learns
    what two processes with one each learn.

    Args:
        terms: their names.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        super().__init__()
        self.terms = nn.ModuleDict({name: RunningNormaliser() for name in terms})
        self._step: int | None = None
        self._squares: dict[str, Tensor] = {}
        self._waiting: dict[str, list[Tensor]] = {}

    def begin(self, step: int) -> None:
        """The losses that follow are of this step; those of an earlier one are complete."""
        if step != self._step:
            self.end_step()
        self._step = step

    def end_step(self) -> None:
        """The step is complete: what is remembered is what a checkpoint should hold."""
        for name, squares in self._waiting.items():
            self.terms[name].remember(torch.stack(squares).mean())
        self._waiting = {}

    def forward(self, name: str, loss: Tensor, exponent: float) -> Tensor:
        """n(loss) to the power of ``exponent``, from 1 at the start of training to 0 at its end.

        The gradient scales with the exponent, so these terms fade out.
        """
        normalised: Tensor = self.terms[name](loss)
        if self.training:
            self._squares[name] = loss.detach().float().square()
        # At 0 the gradient of a root has no value.
        return normalised.clamp(min=_SMALLEST) ** exponent

    def end_micro_batch(self, gather: Callable[[Tensor], Tensor], device: torch.device) -> None:
        """Keep the losses of a micro-batch on all processes, which all call this.

        Args:
            gather: a tensor (1, n) of each process to all of them (processes, n).
            device: of the losses.
        """
        if not self.training:
            return
        missing = torch.tensor(math.nan, device=device)
        own = torch.stack([self._squares.get(name, missing) for name in self.terms])
        for row in gather(own[None]):
            for name, square in zip(self.terms, row, strict=True):
                if not torch.isnan(square):
                    self._waiting.setdefault(name, []).append(square)
        self._squares = {}


def annealed_exponent(progress: float) -> float:
    """1 - ``progress``, the share of the run that is done, within 0 and 1."""
    return min(max(1 - progress, 0.0), 1.0)
