"""Steps of a speech encoder brought to the frame rate of an animation."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

_ENCODER_RATE = 50
"""Steps per second of every speech encoder."""


def steps_per_frame(fps: float) -> int:
    """Steps of the encoder that one frame hears: 1 from 34 fps on, 2 at 24, 25 and 30 fps."""
    return max(1, round(_ENCODER_RATE / fps))


def aligned(features: Tensor, num_frames: int, per_frame: int) -> Tensor:
    """Features (B, steps, C) at ``num_frames`` · ``per_frame`` places, those of a frame joined.

    The places are spread linearly with the first on the first step and the last on the last.

    Returns:
        (B, ``num_frames``, C · ``per_frame``).
    """
    placed = functional.interpolate(
        features.transpose(1, 2),
        size=num_frames * per_frame,
        mode="linear",
        align_corners=True,
    ).transpose(1, 2)
    return placed.reshape(placed.shape[0], num_frames, per_frame * placed.shape[2])
