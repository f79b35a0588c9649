"""The autocorrelation front end: sound to how alike it is to itself a few samples later.

Owns the formula and the convolutions along the lags (the "formant analysis" of Karras et al.,
2017). Everything exports to plain matrix products.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.systems.audio2face.networks.activations import ChannelNoise, scaled_relu
from likeness.systems.audio2face.networks.regression_settings import AutocorrelationSettings

GAIN = 8.912028
"""Brings speech of usual level to about unit variance."""


_KAISER = 6.0
"""β of Kaiser's taper (Kaiser and Schafer, 1980)."""


class Autocorrelation(nn.Module):
    """Windows of sound to Σ_n w[n] · w[n + lag] / window, for lags 0 to ``num_lags`` − 1.

    w is the window after the gain, without its mean, times a symmetric taper. The gain is
    ``GAIN``, or one over the level of the sound (``level_floor``).
    """

    taper: Tensor

    def __init__(self, settings: AutocorrelationSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("taper", _taper(settings), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Correlations (N, windows, ``num_lags``) of sound (N, samples).

        Pre-emphasis acts on the whole sound; the sample before the first counts as 0.
        """
        own = self.settings
        if own.level_floor is None:
            audio = audio * GAIN
        else:
            level = audio.square().mean(1, keepdim=True).sqrt()
            audio = audio / level.clamp(min=own.level_floor)
        if own.preemphasis:
            audio = audio - own.preemphasis * functional.pad(audio, (1, 0))[:, :-1]
        frames = audio.unfold(1, own.window, own.stride)
        if own.removes_mean:
            frames = frames - frames.mean(-1, keepdim=True)
        return _correlation(frames * self.taper, own.num_lags) / own.window


def _taper(settings: AutocorrelationSettings) -> Tensor:
    """(window,) what samples are multiplied by, the same from both ends."""
    share = torch.arange(settings.window, dtype=torch.float64) / max(settings.window - 1, 1)
    if settings.window_shape == "none":
        return torch.ones_like(share).float()
    if settings.window_shape == "hann":
        return (0.5 - 0.5 * torch.cos(2 * math.pi * share)).float()
    beta = torch.tensor(_KAISER, dtype=torch.float64)
    return (torch.i0(beta * (1 - (2 * share - 1).square()).sqrt()) / torch.i0(beta)).float()


def _correlation(frames: Tensor, lags: int) -> Tensor:
    """Σ_n x[n] · x[n + lag] of frames (N, W, length): (N, W, lags), lags at most length.

    The frame is cut into blocks of ``lags`` samples. A sample and the one a lag later lie in the
    same block or in neighbours, so the products of a block with itself and the next one, summed
    over the blocks by one matrix product, hold all of them on their diagonals.
    """
    batch, windows, length = frames.shape
    blocks = -(-length // lags)
    padded = functional.pad(frames, (0, (blocks + 1) * lags - length))
    rows = padded.reshape(batch, windows, blocks + 1, lags)
    pairs = torch.cat([rows[:, :, :-1], rows[:, :, 1:]], -1)
    products = rows[:, :, :-1].transpose(2, 3) @ pairs
    # Row b of ``products`` starts at sample b: shifted by b, equal lags lie in equal columns.
    flat = functional.pad(products.flatten(2), (0, lags))
    return flat.reshape(batch, windows, lags, 2 * lags + 1)[..., :lags].sum(2)


class FormantAnalysis(nn.Module):
    """Correlations (B·S, T, lags) to features (B·S, ``features``, T): convolutions along the lags.

    Four of kernel 3 and stride 2, then one over what is left; each with scaled ReLU and noise.
    """

    def __init__(self, lags: int, widths: tuple[int, ...], features: int, noise: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for width in widths:
            layers.append(nn.Conv2d(before, width, (1, 3), (1, 2), (0, 1)))
            before = width
            lags = (lags + 1) // 2
        layers.append(nn.Conv2d(before, features, (1, lags)))
        self.layers = nn.ModuleList(layers)
        self.noise = ChannelNoise(noise)

    def forward(self, correlations: Tensor, items: int) -> Tensor:
        x = self.noise(correlations.unsqueeze(1), items)
        for layer in self.layers:
            x = self.noise(scaled_relu(layer(x)), items)
        return x.squeeze(-1)
