"""Parts of the diffusion network: how geometry is embedded, and how it comes out again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from likeness.systems.audio2face.networks.diffusion_settings import DiffusionSettings


@dataclass(frozen=True)
class ChannelSizes:
    """Values of a frame by channel: skin, tongue, jaw, eye, in this order."""

    skin: int
    tongue: int
    jaw: int = 15
    eye: int = 4

    @property
    def each(self) -> tuple[int, int, int, int]:
        """The sizes, in order."""
        return self.skin, self.tongue, self.jaw, self.eye

    @property
    def total(self) -> int:
        """Values of a frame."""
        return sum(self.each)


class GeometryEmbedding(nn.Module):
    """Frames (B, T, D), each on its own, to features (B, T, ``width``).

    :meth:`forward` is :meth:`project`, which is linear in the geometry, then :meth:`finish`.

    Args:
        sizes: of the channels.
        settings: of the network.
    """

    def __init__(self, sizes: ChannelSizes, settings: DiffusionSettings) -> None:
        super().__init__()
        latents = (
            settings.features, settings.tongue_latent, settings.jaw_latent, settings.eye_latent
        )  # fmt: skip
        self._sizes, self._inner = sizes.each, tuple(2 * latent for latent in latents)
        self.width = sum(latents)
        skin, tongue, jaw, eye = self._inner
        self.skin = nn.Linear(sizes.skin, skin)
        self.tongue = nn.Linear(sizes.tongue, tongue)
        self.jaw = nn.Linear(sizes.jaw, jaw)
        self.eye = nn.Linear(sizes.eye, eye)
        # Along the features of one frame, never along time.
        self.skin_smoothing = nn.Conv1d(1, 1, 9, padding=4)
        self.tongue_smoothing = nn.Conv1d(1, 1, 9, padding=4)
        self.jaw_second = nn.Linear(jaw, jaw)
        self.eye_second = nn.Linear(eye, eye)
        inner = sum(self._inner)
        self.mix = nn.Linear(inner, inner)
        self.reduce = nn.Linear(inner, self.width)

    @property
    def layers(self) -> tuple[nn.Linear, nn.Linear, nn.Linear, nn.Linear]:
        """The first layer of each channel."""
        return self.skin, self.tongue, self.jaw, self.eye

    def project(self, geometry: Tensor) -> Tensor:
        """(B, T, inner): the first layers without their biases, so that sums may be taken."""
        parts = geometry.split(self._sizes, dim=-1)
        return torch.cat(
            [nn.functional.linear(p, layer.weight) for p, layer in zip(parts, self.layers)], -1
        )

    def finish(self, projected: Tensor) -> Tensor:
        """(B, T, ``width``) from what :meth:`project` gave."""
        biases = torch.cat([layer.bias for layer in self.layers])
        skin, tongue, jaw, eye = (projected + biases).split(self._inner, dim=-1)
        joined = torch.cat(
            [
                _along_features(self.skin_smoothing, skin).relu(),
                _along_features(self.tongue_smoothing, tongue).relu(),
                self.jaw_second(jaw.relu()).relu(),
                self.eye_second(eye.relu()).relu(),
            ],
            -1,
        )
        return self.reduce(self.mix(joined).relu())

    def forward(self, geometry: Tensor) -> Tensor:
        return self.finish(self.project(geometry))


def _along_features(smoothing: nn.Conv1d, values: Tensor) -> Tensor:
    frames = values.reshape(-1, 1, values.shape[-1])
    return smoothing(frames).reshape(values.shape)


class GeometryHeads(nn.Module):
    """Features (B, T, ``gru_features``) to differences from the mean geometry (B, T, D).

    The last layers start at zero: an untrained network says that nothing moves.
    """

    def __init__(self, sizes: ChannelSizes, settings: DiffusionSettings) -> None:
        super().__init__()
        wide, narrow = 2 * settings.features, settings.features // 2
        self.hidden = nn.ModuleList(
            nn.Linear(settings.gru_features, width) for width in (wide, wide, narrow, narrow)
        )
        self.last = nn.ModuleList(
            nn.Linear(width, size)
            for width, size in zip((wide, wide, narrow, narrow), sizes.each, strict=True)
        )
        for layer in self.last:
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def inner(self, features: Tensor) -> list[Tensor]:
        """What enters the last layer of each channel."""
        return [layer(features).relu() for layer in self.hidden]

    def outer(self, inner: list[Tensor]) -> Tensor:
        """(B, T, D) from what :meth:`inner` gave."""
        return torch.cat([layer(values) for layer, values in zip(self.last, inner)], -1)

    def forward(self, features: Tensor) -> Tensor:
        return self.outer(self.inner(features))
