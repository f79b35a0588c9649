"""A Gaussian diffusion whose network predicts the clean values: noising, and one step back.

Owns the coefficients of equations 4, 6 and 7 of Ho et al., "Denoising diffusion probabilistic
models" (arXiv:2006.11239), and of equation 12 of Song et al., "Denoising diffusion implicit models"
(arXiv:2010.02502). Nothing is clipped. Knows no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from likeness.diffusion.schedules import Floats, ScheduleKind, betas_of, evenly_spaced


@dataclass(frozen=True)
class StepBack:
    """x at the level below = ``clean`` · x̂0 + ``noisy`` · x + ``fresh`` · noise."""

    clean: float
    noisy: float
    fresh: float


@dataclass(frozen=True, eq=False)
class DiffusionProcess:
    """Noise levels in ascending order.

    Attributes:
        betas: (S,) variance that each level adds.
        times: (S,) index of each level in the schedule of training: what the network is told.
    """

    betas: Floats
    times: tuple[int, ...]

    @classmethod
    def of(cls, kind: ScheduleKind, steps: int) -> DiffusionProcess:
        """All levels of a schedule, as in training."""
        return cls(betas_of(kind, steps), tuple(range(steps)))

    def respaced(self, count: int) -> DiffusionProcess:
        """The same noise in fewer levels: β = 1 - ᾱ_i / ᾱ_(level kept before)."""
        kept = evenly_spaced(count, len(self.betas))
        signal = self.signal[list(kept)]
        before = np.concatenate([[1.0], signal[:-1]])
        return DiffusionProcess(1 - signal / before, tuple(self.times[i] for i in kept))

    def __len__(self) -> int:
        return len(self.betas)

    @cached_property
    def signal(self) -> Floats:
        """(S,) ᾱ: share of the variance that is still signal."""
        return np.cumprod(1 - self.betas).astype(np.float64)

    def noised(self, clean: Tensor, level: Tensor, noise: Tensor) -> Tensor:
        """sqrt(ᾱ) · x0 + sqrt(1 - ᾱ) · noise.

        Args:
            clean: (B, …).
            level: (B,) int64, ranks of the levels.
            noise: like ``clean``.
        """
        signal = torch.from_numpy(self.signal).to(level.device)[level]
        shape = (-1, *([1] * (clean.ndim - 1)))
        kept = signal.sqrt().to(clean.dtype).reshape(shape)
        added = (1 - signal).sqrt().to(clean.dtype).reshape(shape)
        return kept * clean + added * noise

    def posterior(self, level: int) -> StepBack:
        """q(x_(level-1) | x_level, x0): its mean and the small, fixed standard deviation.

        Level 0 gives x̂0 itself, without noise.
        """
        if level == 0:
            return StepBack(1.0, 0.0, 0.0)
        beta, now, before = self.betas[level], self.signal[level], self.signal[level - 1]
        return StepBack(
            float(np.sqrt(before) * beta / (1 - now)),
            float(np.sqrt(1 - beta) * (1 - before) / (1 - now)),
            float(np.sqrt(beta * (1 - before) / (1 - now))),
        )

    def implicit(self, level: int, eta: float = 0.0) -> StepBack:
        """The DDIM step: ``eta`` 0 adds no noise, 1 has the variance of :meth:`posterior`."""
        if level == 0:
            return StepBack(1.0, 0.0, 0.0)
        now, before = self.signal[level], self.signal[level - 1]
        fresh = eta * self.posterior(level).fresh
        # The direction to x is that of the noise in it: (x - sqrt(ᾱ) x̂0) / sqrt(1 - ᾱ).
        direction = np.sqrt(max(1 - before - fresh**2, 0.0)) / np.sqrt(1 - now)
        return StepBack(
            float(np.sqrt(before) - direction * np.sqrt(now)), float(direction), float(fresh)
        )
