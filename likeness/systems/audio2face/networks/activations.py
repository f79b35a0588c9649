"""What follows every convolution of the regression network: a scaled ReLU and noise per channel.

Both are from Karras et al., "Audio-driven facial animation by joint end-to-end learning of pose and
emotion" (2017), section 3.4.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def scaled_relu(x: Tensor) -> Tensor:
    """ReLU times √2: what is left has the variance of a normal input."""
    return functional.relu(x) * math.sqrt(2)


class ChannelNoise(nn.Module):
    """Multiplies channels by random factors in training, so that no single one is relied on.

    r = base^N(0, 1) for every item and channel, then divided by its root mean square over the
    channels; with a single channel nothing changes.

    Args:
        base: of the factor; 1 is no noise.
    """

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base

    def forward(self, x: Tensor, items: int) -> Tensor:
        """``x`` with noise in training, as it is otherwise.

        Args:
            x: (items · S, C, …); the S frames of an item share their factors.
            items: B.
        """
        if not self.training or self.base == 1.0 or x.shape[1] == 1:
            return x
        factor = self.base ** torch.randn(items, x.shape[1], device=x.device)
        factor = factor / (1e-6 + factor.square().mean(1, keepdim=True).sqrt())
        factor = factor.repeat_interleave(x.shape[0] // items, 0).to(x.dtype)
        return x * factor.reshape(*factor.shape, *([1] * (x.ndim - 2)))
