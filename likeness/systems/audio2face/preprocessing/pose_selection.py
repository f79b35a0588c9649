"""Greedy choice of distinct poses: always the one that those chosen before explain worst.

The poses chosen span a plane through the first of them, and its directions are found one at a time
by Gram-Schmidt, so a step costs one product with all poses. That is the choice by a full PCA of the
chosen poses with their own mean, without its truncation, which picks poses again that are already
there. Runs on any torch device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.systems.audio2face.preprocessing.gram import Doubles
from likeness.systems.audio2face.preprocessing.poses import Indices

FIRST = 4
"""Poses the choice starts from, equally spaced."""

_ROUNDING = 1e-13
"""Squared error as a share of the largest squared distance from the first pose that is rounding."""

EndedBy = Literal["tolerance", "every pose", "limit"]


@dataclass(frozen=True, eq=False)
class Selection:
    """Chosen poses.

    Attributes:
        chosen: numbers in the order of choice, all different.
        errors: largest distance (L2) of a pose from what the first ones and then each further one
            explain; one entry for the first ones and one for every pose after them. Never rises.
        ended_by: the largest error is within the tolerance, every pose is chosen, or the limit.
    """

    chosen: Indices
    errors: NDArray[np.float64]
    ended_by: EndedBy


def select_distinct(
    coordinates: Doubles,
    outside: Doubles | None = None,
    *,
    max_added: int,
    tolerance: float = 0.0,
    device: str = "cpu",
) -> Selection:
    """Choose poses until the others are explained.

    Args:
        coordinates: (M, R) poses.
        outside: (M,) squared distance of the poses from the space of the coordinates; it counts as
            error until a pose is chosen.
        max_added: poses chosen after the first four.
        tolerance: L2 error at which the choice ends; errors of mere rounding always end it.
        device: torch device; numbers are float64, or float32 where a device has no others.
    """
    import torch  # configurations are read without it

    dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
    poses = torch.as_tensor(coordinates).to(device=device, dtype=dtype)
    count = len(poses)
    rest = torch.zeros(count, dtype=dtype, device=device)
    if outside is not None:
        rest = torch.as_tensor(outside).to(device=device, dtype=dtype)
    chosen = list(dict.fromkeys(int(count / FIRST * i) for i in range(FIRST)))
    origin = poses[chosen[0]].clone()
    square = torch.cat([(part - origin).square().sum(dim=1) for part in torch.split(poses, 4096)])
    rounding = (_ROUNDING if dtype == torch.float64 else 1e-6) * float(square.max())
    axes = torch.zeros((FIRST + max_added, poses.shape[1]), dtype=dtype, device=device)
    num_axes = 0

    def explain(number: int) -> None:
        """Take the direction of a pose out of what is left of all."""
        nonlocal num_axes, square
        direction = poses[number] - origin
        for _ in range(2):  # the second time takes the rounding of the first
            known = axes[:num_axes]
            direction -= known.T @ (known @ direction)
        length = direction.square().sum()
        if float(length) > rounding:
            axis = axes[num_axes] = direction / length.sqrt()
            square = square - (poses @ axis - origin @ axis).square()
            num_axes += 1

    taken = torch.zeros(count, dtype=torch.bool, device=device)
    for number in chosen:
        explain(number)
        taken[number] = True
    errors: list[float] = []
    ended: EndedBy = "limit"
    while True:
        left = (square.clamp(min=0) + rest).masked_fill(taken, -1.0)
        worst = int(left.argmax())
        error = max(float(left[worst]), 0.0)
        errors.append(error**0.5)
        if len(chosen) == count:
            ended = "every pose"
        elif error <= max(tolerance**2, rounding):
            ended = "tolerance"
        elif len(errors) <= max_added:
            chosen.append(worst)
            explain(worst)
            taken[worst] = True
            continue
        break
    return Selection(np.array(chosen, np.int64), np.array(errors), ended)
