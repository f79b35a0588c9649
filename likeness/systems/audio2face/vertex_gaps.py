"""Heights between pairs of vertices: how far lips and lids are apart, and how high the lips are.

From vertices, or straight from coefficients of a basis, where a height is a linear function.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from likeness.systems.audio2face.artefacts import Basis, Pairs


def vertical_gaps(vertices: Tensor, pairs: Pairs, *, up: int = 1, unit: float = 1.0) -> Tensor:
    """Heights (…, P) of the upper over the lower vertex of each pair, cm.

    Args:
        vertices: (…, V, 3).
        pairs: P pairs.
        up: the axis that points up.
        unit: cm per unit of ``vertices``.
    """
    heights = vertices[..., up]
    upper = torch.as_tensor(pairs.upper, device=vertices.device)
    lower = torch.as_tensor(pairs.lower, device=vertices.device)
    return (heights[..., upper] - heights[..., lower]) * unit


class CoefficientGaps(nn.Module):
    """Heights (…, P) from coefficients (…, K): equal to those of the pose, without making it.

    Args:
        basis: of the coefficients.
        pairs: P pairs of its vertices.
        up: the axis that points up.
        unit: cm per unit of the basis.
    """

    matrix: Tensor
    rest: Tensor

    def __init__(self, basis: Basis, pairs: Pairs, *, up: int = 1, unit: float = 1.0) -> None:
        super().__init__()
        upper, lower = pairs.upper, pairs.lower
        matrix = (basis.shapes[:, upper, up] - basis.shapes[:, lower, up]) * unit
        rest = (basis.mean[upper, up] - basis.mean[lower, up]) * unit
        # Facts about the actor, not weights: they are not in checkpoints.
        for name, values in (("matrix", matrix), ("rest", rest)):
            tensor = torch.from_numpy(np.ascontiguousarray(values, np.float32))
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, coefficients: Tensor) -> Tensor:
        return coefficients @ self.matrix + self.rest
