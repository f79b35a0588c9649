"""How close two pictures are: PSNR, SSIM, mean difference, each inside a mask or everywhere.

Pictures are (B, 3, H, W) in [0, 1]; every function returns one value per sample, (B,). What is
optimised in training is in :mod:`likeness.losses`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

_WINDOW = 11
_SIGMA = 1.5


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of (B, C, H, W) weighted by ``mask`` (B, 1, H, W) or (B, H, W): (B,).

    Raises:
        ValueError: the mask of a sample is empty.
    """
    if mask is None:
        return values.flatten(1).mean(dim=1)
    mask = (mask if mask.ndim == 4 else mask.unsqueeze(1)).to(values)
    weight = mask.expand_as(values).flatten(1)
    total = weight.sum(dim=1)
    if (total <= 0).any():
        raise ValueError(f"the mask of sample {int(total.argmin())} is empty")
    return (values.flatten(1) * weight).sum(dim=1) / total


def l1(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute difference, (B,)."""
    return masked_mean((first - second).abs(), mask)


def psnr(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in dB for a peak of 1, (B,); equal pictures give 100 dB.

    The cap keeps means finite: it is the ratio of an error of 1e-5, far below one 8-bit step.
    """
    squared = masked_mean((first - second).double().square(), mask)
    return -10.0 * torch.log10(squared.clamp_min(1e-10)).to(first.dtype)


def ssim(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """Structural similarity, mean over colours and places, (B,).

    Wang, Bovik, Sheikh and Simoncelli 2004, eq. 13: Gaussian window of 11 pixels, sigma 1.5,
    K1 = 0.01, K2 = 0.03. Only windows that lie inside the picture count; a mask counts where their
    centres are. Needs at least 11 x 11 pixels.
    """
    if min(first.shape[-2:]) < _WINDOW:
        raise ValueError(
            f"SSIM needs {_WINDOW} x {_WINDOW} pixels, found {tuple(first.shape[-2:])}"
        )
    channels = first.shape[1]
    offsets = torch.arange(_WINDOW, dtype=torch.float64, device=first.device) - _WINDOW // 2
    kernel = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    kernel = (kernel / kernel.sum()).to(first.dtype)

    def blurred(picture: Tensor) -> Tensor:
        rows = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
        columns = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
        return functional.conv2d(
            functional.conv2d(picture, rows, groups=channels), columns, groups=channels
        )

    mean_first, mean_second = blurred(first), blurred(second)
    variance_first = blurred(first * first) - mean_first.square()
    variance_second = blurred(second * second) - mean_second.square()
    covariance = blurred(first * second) - mean_first * mean_second
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_first * mean_second + c1) * (2 * covariance + c2)
    similarity = similarity / (
        (mean_first.square() + mean_second.square() + c1) * (variance_first + variance_second + c2)
    )
    if mask is not None:
        edge = _WINDOW // 2
        mask = mask[..., edge:-edge, edge:-edge]
    return masked_mean(similarity, mask)
