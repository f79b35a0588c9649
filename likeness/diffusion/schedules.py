"""How much noise each step of a diffusion adds, and shorter schedules made from longer ones.

Schedules after Nichol and Dhariwal, "Improved denoising diffusion probabilistic models"
(arXiv:2102.09672), equation 17 and section 4. All numbers are float64.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError

Floats = NDArray[np.float64]
ScheduleKind = Literal["cosine", "linear"]

_LARGEST_BETA = 0.999


def cosine_betas(steps: int) -> Floats:
    """(steps,) β_i = min(1 - ᾱ((i+1)/T) / ᾱ(i/T), 0.999), ᾱ(u) = cos²((u + 0.008)/1.008 · π/2)."""
    kept = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - kept[1:] / kept[:-1], _LARGEST_BETA)


def linear_betas(steps: int) -> Floats:
    """(steps,) from 1e-4 to 0.02, both times 1000 / T, as in Ho et al. (arXiv:2006.11239)."""
    return np.linspace(1e-4, 0.02, steps) * (1000 / steps)


def betas_of(kind: ScheduleKind, steps: int) -> Floats:
    """The schedule of this name.

    Raises:
        UsageError: no such schedule, fewer than 2 steps, or so few that a linear β leaves (0, 1).
    """
    if steps < 2:
        raise UsageError(f"A diffusion has at least 2 steps, not {steps}.")
    if kind == "cosine":
        return cosine_betas(steps)
    if kind != "linear":
        raise UsageError(f"There is no noise schedule '{kind}'.", advice="Choose cosine or linear.")
    betas = linear_betas(steps)
    if betas[-1] >= 1:
        raise UsageError(
            f"The linear schedule needs more than 20 steps, not {steps}.",
            advice="Take more steps or the cosine schedule.",
        )
    return betas


def evenly_spaced(count: int, steps: int) -> tuple[int, ...]:
    """``count`` of the steps 0 .. ``steps`` - 1, the first and the last included.

    A running sum of (steps - 1) / (count - 1), each rounded half to even.

    Raises:
        UsageError: fewer than 2, which would not denoise at all, or more than there are.
    """
    if not 2 <= count <= steps:
        raise UsageError(
            f"Between 2 and {steps} of {steps} diffusion steps can be kept, not {count}.",
            advice="One step alone starts at noise and removes none; take 2 or more.",
        )
    place, stride, kept = 0.0, (steps - 1) / (count - 1), []
    for _ in range(count):
        kept.append(round(place))
        place += stride
    return tuple(kept)
