"""Speech encoders behind one interface: sound at 16 kHz to features every 20 ms.

Owns the interface and the two that need no file: log-mel features and a learned filter bank. The
published networks are ``speech_transformers.py``, the choice by name is ``speech_choice.py``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.errors import UsageError
from likeness.models.mel_bands import mel_bands, mel_edges

SAMPLE_RATE = 16000
HOP = 320
"""Samples between two steps: 20 ms."""
RECEPTIVE_FIELD = 400
"""Samples that one step of the convolutions hears: 25 ms."""


def num_steps(samples: int) -> int:
    """Steps of every encoder for this many samples.

    Raises:
        UsageError: fewer samples than one step hears.
    """
    if samples < RECEPTIVE_FIELD:
        raise UsageError(
            f"A speech encoder needs {RECEPTIVE_FIELD} samples at least, got {samples}."
        )
    return (samples - RECEPTIVE_FIELD) // HOP + 1


class SpeechEncoder(nn.Module, ABC):
    """Sound to features.

    Attributes:
        width: features of a step.
        num_layers: layers whose features are given.
        is_local: a step hears its own ``RECEPTIVE_FIELD`` samples and nothing else.
    """

    width: int
    num_layers: int
    is_local: bool = False

    @abstractmethod
    def forward(self, audio: Tensor) -> Tensor:
        """Features of every layer, the last one last.

        Args:
            audio: (B, L) at 16 kHz, about -1..1, L at least 400.

        Returns:
            (B, ``num_layers``, (L - 400) // 320 + 1, ``width``).
        """


class LogMel(SpeechEncoder):
    """Logarithms of the energy in mel bands: nothing is learned.

    Hann windows of 400 samples, a Fourier transform of 512 points as a convolution (so that it can
    be exported), triangular bands on the mel scale 2595 log10(1 + f / 700), and
    ``log10(energy + 1e-7) / 2 + 2``: -1.5 without any sound, 1 to 3 in the bands of speech.

    Args:
        width: number of bands.
    """

    is_local = True
    basis: Tensor
    bands: Tensor

    def __init__(self, width: int = 80) -> None:
        super().__init__()
        self.width, self.num_layers = width, 1
        # Constants of the code, not weights: they are not in checkpoints.
        self.register_buffer("basis", _fourier_basis(RECEPTIVE_FIELD, 512), persistent=False)
        bands = mel_bands(width, 512, SAMPLE_RATE).astype(np.float32)
        self.register_buffer("bands", torch.from_numpy(bands), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        num_steps(audio.shape[-1])
        parts = functional.conv1d(audio.unsqueeze(1), self.basis, stride=HOP)
        real, imaginary = parts.chunk(2, dim=1)
        energy = self.bands @ (real.square() + imaginary.square())
        return (torch.log10(energy + 1e-7) / 2 + 2).transpose(1, 2).unsqueeze(1)


def _fourier_basis(length: int, points: int) -> Tensor:
    """(points + 2, 1, length): windowed cosines, then sines, of frequencies 0 to points / 2."""
    time, frequency = np.arange(length), np.arange(points // 2 + 1)
    window = 0.5 - 0.5 * np.cos(2 * math.pi * time / length)
    angle = 2 * math.pi * np.outer(frequency, time) / points
    rows = np.concatenate([np.cos(angle), -np.sin(angle)]) * window
    return torch.from_numpy(rows.astype(np.float32)).unsqueeze(1)


class TinyEncoder(SpeechEncoder):
    """A learned filter bank with the hop and the receptive field of wav2vec 2.0.

    Pairs of filters of 400 samples begin as Gabor wavelets on the mel scale (Zeghidour et al.,
    "LEAF", 2021); the logarithm of their energy passes two layers that begin random.

    Args:
        width: filter pairs, and features of a step.
    """

    is_local = True

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.width, self.num_layers = width, 1
        self.filters = nn.Conv1d(1, 2 * width, RECEPTIVE_FIELD, HOP, bias=False)
        self.layers = nn.Sequential(
            nn.Conv1d(width, width, 1), nn.GELU(), nn.Conv1d(width, width, 1)
        )
        with torch.no_grad():
            self.filters.weight.copy_(_wavelets(width))

    def forward(self, audio: Tensor) -> Tensor:
        num_steps(audio.shape[-1])
        real, imaginary = self.filters(audio.unsqueeze(1)).chunk(2, dim=1)
        energy = real.square() + imaginary.square()
        x = torch.log10(energy + 1e-7) / 2 + 2
        return (x + self.layers(x)).transpose(1, 2).unsqueeze(1)


def _wavelets(count: int) -> Tensor:
    """(2 · count, 1, 400): cosines, then sines, under bells as wide as their band is narrow."""
    edges = mel_edges(count, 0.0, SAMPLE_RATE / 2)
    time = np.arange(RECEPTIVE_FIELD) - (RECEPTIVE_FIELD - 1) / 2
    # A bell of this many samples has the band between its neighbours for its own.
    spread = SAMPLE_RATE / (math.pi * (edges[2:] - edges[:-2]))
    bell = np.exp(-0.5 * (time / np.minimum(spread, RECEPTIVE_FIELD / 6)[:, None]) ** 2)
    angle = 2 * math.pi * np.outer(edges[1:-1], time) / SAMPLE_RATE
    rows = np.concatenate([bell * np.cos(angle), bell * np.sin(angle)])
    return torch.from_numpy(rows.astype(np.float32)).unsqueeze(1)
