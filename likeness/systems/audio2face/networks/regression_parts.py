"""Parts of the regression network behind its ears: articulation over time, heads, phonemes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from likeness.systems.audio2face.networks.activations import ChannelNoise, scaled_relu

_NUM_CONVOLUTIONS = 4


class Articulation(nn.Module):
    """Features over time and an emotion to one vector of a frame (Karras et al., 2017, table 1).

    Four convolutions halve the time; the emotion joins the channels after each and at the end.

    Args:
        channels: of the features that come in.
        steps: their length in time.
        features: channels of the convolutions.
        emotion: length of the emotion vector.
        noise: see :class:`ChannelNoise`.
    """

    def __init__(
        self, channels: int, steps: int, features: int, emotion: int, noise: float
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(_NUM_CONVOLUTIONS):
            self.layers.append(nn.Conv1d(channels, features, 3, 2, 1))
            channels, steps = features + emotion, (steps + 1) // 2
        self.last = nn.Linear(channels * steps, features)
        self.noise = ChannelNoise(noise)
        self.width = features + emotion

    def forward(self, x: Tensor, emotion: Tensor, items: int) -> Tensor:
        """(N, ``width``) of features (N, channels, steps) and emotions (N, emotion)."""
        for layer in self.layers:
            x = self.noise(scaled_relu(layer(x)), items)
            x = torch.cat([x, emotion.unsqueeze(-1).expand(-1, -1, x.shape[-1])], 1)
        return torch.cat([scaled_relu(self.last(x.flatten(1))), emotion], 1)


class PoseHeads(nn.Module):
    """Two linear maps after each other: one pair for skin, jaw and eyes, one for the tongue."""

    def __init__(
        self, width: int, num_skin: int, num_tongue: int, rigid: int, hidden: int | None
    ) -> None:
        super().__init__()
        self.num_skin, self.width = num_skin, width
        out = num_skin + rigid
        self.face = nn.Sequential(nn.Linear(width, hidden or out), nn.Linear(hidden or out, out))
        self.tongue = nn.Sequential(nn.Linear(width, num_tongue), nn.Linear(num_tongue, num_tongue))

    def forward(self, x: Tensor) -> Tensor:
        """Skin, tongue, jaw, eyes, in this order."""
        face = self.face(x)
        return torch.cat([face[:, : self.num_skin], self.tongue(x), face[:, self.num_skin :]], 1)

    def set_line(self, weight: Tensor, bias: Tensor) -> None:
        """Put out ``weight @ x + bias``; the nearest such map where a hidden layer is too narrow.

        Args:
            weight: (D, ``width``), rows in the order of :meth:`forward`.
            bias: (D,).
        """
        num_tongue = self.tongue[1].out_features
        tongue = torch.zeros(len(bias), dtype=torch.bool, device=bias.device)
        tongue[self.num_skin : self.num_skin + num_tongue] = True
        _set_product(self.face, weight[~tongue], bias[~tongue])
        _set_product(self.tongue, weight[tongue], bias[tongue])


@torch.no_grad()
def _set_product(pair: nn.Sequential, weight: Tensor, bias: Tensor) -> None:
    """Two linear layers whose product is one, halves of its singular values in each.

    Hidden values that the map does not need keep the way to them and lead nowhere yet: they can
    still learn, as those with zeros on both sides could not.
    """
    first, second = pair[0], pair[1]
    left, sizes, right = torch.linalg.svd(weight.double(), full_matrices=False)
    needed = sizes > sizes.max().clamp(min=1e-30) * 1e-9
    count = min(int(needed.sum()), first.out_features)
    halves = sizes[:count].sqrt()
    first.weight[:count] = (halves[:, None] * right[:count]).to(first.weight.dtype)
    first.bias.zero_()
    second.weight.zero_()
    second.weight[:, :count] = (left[:, :count] * halves).to(second.weight.dtype)
    second.bias.copy_(bias)


class PhonemeHead(nn.Module):
    """What is being said at every step, for each language; only for training.

    Args:
        features: channels of the encoder's branch.
        vocabularies: language to its number of phonemes.
    """

    def __init__(self, features: int, vocabularies: Mapping[str, int], noise: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(features, features, 3, 1, 1) for _ in range(2))
        self.noise = ChannelNoise(noise)
        self.languages = nn.ModuleDict(
            {language: nn.Linear(features, count) for language, count in vocabularies.items()}
        )

    def forward(self, x: Tensor, items: int) -> dict[str, Tensor]:
        """Language to logits (N, steps, phonemes) of features (N, channels, steps)."""
        for layer in self.layers:
            x = self.noise(scaled_relu(layer(x)), items)
        x = x.transpose(1, 2)
        return {language: last(x) for language, last in self.languages.items()}
