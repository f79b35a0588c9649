"""The encoder network: a picture in [0, 1] to the vector of a layout.

Owns the trunk, the pooling, the head and the activation of each segment. It knows no head model.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.models.resnet import Architecture, build_trunk
from likeness.systems.face_encoder.layout import Segment, VectorLayout

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# Of the last layer's usual weights. Features of a deep untrained trunk are large in eval mode: with
# 1e-3 the first vertices of a ResNet-50 would be off by 0.8 mm.
_INITIAL_SCALE = 1e-4

Pooling = Literal["average", "keypoint"]
Freeze = Literal["none", "backbone", "batch_norm"]


class KeypointPooling(nn.Module):
    """Average of each channel plus the expected position of its spatial softmax.

    A feature that fires on an eye corner then says where it fired, which an average forgets
    (spatial soft-argmax: Finn et al., 2016, arXiv:1509.06113, eq. 1). (B, C, h, w) to (B, 3 C);
    positions in [-1, 1].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        flat = features.reshape(batch, channels, height * width)
        attention = torch.softmax(flat * self.log_temperature.exp()[None, :, None], dim=-1)
        attention = attention.reshape(batch, channels, height, width)
        xs = (torch.arange(width, device=features.device, dtype=features.dtype) + 0.5) * (
            2 / width
        ) - 1
        ys = (torch.arange(height, device=features.device, dtype=features.dtype) + 0.5) * (
            2 / height
        ) - 1
        x = (attention.sum(dim=2) * xs).sum(dim=-1)
        y = (attention.sum(dim=3) * ys).sum(dim=-1)
        return torch.cat([flat.mean(dim=-1), x, y], dim=-1)


class AveragePooling(nn.Module):
    """Global average: (B, C, h, w) to (B, C)."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3))


class EncoderNetwork(nn.Module):
    """Picture (B, 3, S, S) in [0, 1] to vector (B, layout.dim).

    Normalisation with the ImageNet statistics happens inside, so that losses, exports and callers
    never see another range. At initialisation the output is the layout's bias for every picture
    within 1e-3 of each unit: the mean face to 0.1 mm, frontal.
    """

    mean: Tensor  # (1, 3, 1, 1)
    std: Tensor

    def __init__(
        self,
        layout: VectorLayout,
        *,
        backbone: Architecture,
        pooling: Pooling,
        hidden: int,
        dropout: float = 0.0,
        freeze: Freeze = "none",
    ) -> None:
        super().__init__()
        self.layout = layout
        self.backbone = build_trunk(backbone)
        self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        channels = self.backbone.channels
        self.pool: nn.Module
        if pooling == "keypoint":
            self.pool, pooled = KeypointPooling(channels), 3 * channels
        else:
            self.pool, pooled = AveragePooling(), channels
        last = nn.Linear(hidden, layout.dim)
        self.head = nn.Sequential(
            nn.Linear(pooled, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout), last
        )
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        self.freeze = freeze
        if freeze == "backbone":
            self.backbone.requires_grad_(False)
        elif freeze == "batch_norm":
            for part in self._norms():
                part.requires_grad_(False)
        with torch.no_grad():
            last.weight.mul_(_INITIAL_SCALE)
            last.bias.zero_()
            if "camera" in layout:
                # The scale must not depend on the picture at all before training: it multiplies
                # everything.
                last.weight[layout.slice("camera").start].zero_()

    def train(self, mode: bool = True) -> EncoderNetwork:
        """Train mode for what learns; frozen parts stay in eval mode: their statistics stand."""
        super().train(mode)
        if self.freeze == "backbone":
            self.backbone.eval()
        elif self.freeze == "batch_norm":
            for part in self._norms():
                part.eval()
        return self

    def _norms(self) -> list[nn.BatchNorm2d]:
        return [part for part in self.modules() if isinstance(part, nn.BatchNorm2d)]

    def forward(self, image: Tensor, freeze_backbone: bool = False) -> Tensor:
        """``freeze_backbone`` keeps the trunk as it is: no gradient, no new running statistics."""
        if freeze_backbone:
            self.backbone.eval()  # until the next stage calls train()
        normalised = (image - self.mean) / self.std
        with torch.set_grad_enabled(torch.is_grad_enabled() and not freeze_backbone):
            # Convolutions on a CPU are a quarter faster with the channels innermost.
            features = self.backbone(normalised.contiguous(memory_format=torch.channels_last))
        raw = self.head(self.pool(features))
        return activate(raw, self.layout)


def activate(raw: Tensor, layout: VectorLayout) -> Tensor:
    """Raw outputs (B, dim), zero at initialisation, to values in each segment's range."""
    parts = [_activate(raw[..., layout.slice(s.name)], s) for s in layout.segments]
    return torch.cat(parts, dim=-1)


def _activate(raw: Tensor, segment: Segment) -> Tensor:
    if segment.name == "camera":
        # The scale is positive by construction: softplus, shifted to the layout's bias at zero.
        scale = functional.softplus(raw[..., :1] + _inverse_softplus(segment.bias[0])) + 1e-3
        return torch.cat([scale, raw[..., 1:]], dim=-1)
    if segment.name == "pose.jaw" and segment.activation == "clamp":
        opening = _straight_through_clamp(raw[..., :1], segment.low, segment.limit)
        return torch.cat([opening, 0.2 * torch.tanh(raw[..., 1:] / 0.2)], dim=-1)
    if segment.activation == "tanh":
        return segment.limit * torch.tanh(raw / segment.limit)
    if segment.activation == "clamp":
        return _straight_through_clamp(raw, segment.low, segment.limit)
    if segment.bias:
        return raw + torch.tensor(segment.bias, dtype=raw.dtype, device=raw.device)
    return raw


def _straight_through_clamp(raw: Tensor, low: float, high: float) -> Tensor:
    """Clamped in value, identity in gradient: an output past the end can still come back."""
    return raw + (raw.clamp(low, high) - raw).detach()


def _inverse_softplus(value: float) -> float:
    """x with softplus(x) + 1e-3 = value."""
    shifted = torch.tensor(value - 1e-3, dtype=torch.float64)
    return float(shifted + torch.log(-torch.expm1(-shifted)))


class LandmarkOffsets(nn.Module):
    """A learned 3D correction of each landmark in the head's frame, metres (68, 3).

    Annotators and detectors place brows, lip corners and the jaw line by conventions that differ
    from a head model's; this absorbs the constant part instead of bending the shape.
    """

    _SCALE = 0.01  # parameters of order one move points by centimetres

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(68, 3))

    @property
    def values(self) -> Tensor:
        return self._SCALE * self.weight

    def forward(self) -> Tensor:
        return self.values
