"""A texture space as a torch module: codes to albedo pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from likeness.geometry.texture_space import TextureSpace

_GAMMA = 2.2


class Albedo(nn.Module):
    """Albedo pictures of codes, sRGB-like RGB around [0, 1].

    Args:
        space: the texture space. One in linear light is converted with gamma 1/2.2, so that its
            albedo can be compared with photographs.
    """

    mean: Tensor  # (3, H, W)
    rows: Tensor  # (N, 3HW)
    sizes: Tensor  # (N,) root mean square change of a texel's channel by a code of 1

    def __init__(self, space: TextureSpace) -> None:
        super().__init__()
        self.fingerprint = space.fingerprint
        self.is_linear = space.is_linear
        self.size = space.mean.shape[0]
        mean = torch.tensor(space.mean).permute(2, 0, 1)
        rows = torch.tensor(space.basis).permute(3, 2, 0, 1).flatten(1)
        self.register_buffer("mean", mean.contiguous(), persistent=False)
        self.register_buffer("rows", rows.contiguous(), persistent=False)
        self.register_buffer("sizes", rows.square().mean(dim=1).sqrt(), persistent=False)

    @property
    def num_components(self) -> int:
        return len(self.rows)

    def forward(self, code: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) of codes (B, N).

        Values are not clamped to [0, 1], so that a loss keeps its gradient; clamp for output.
        """
        if code.ndim != 2 or code.shape[1] != self.num_components:
            raise ValueError(
                f"expected codes (B, {self.num_components}), found {tuple(code.shape)}"
            )
        albedo = self.mean + torch.matmul(code, self.rows).unflatten(1, self.mean.shape)
        if self.is_linear:
            # A power has no gradient at zero and no value below it.
            albedo = albedo.clamp_min(1e-4) ** (1 / _GAMMA)
        return albedo
