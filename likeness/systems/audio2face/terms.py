"""What a stage can weigh and train: names alone, so that reading a configuration needs no torch.

What each term measures is in ``losses.py``.
"""

from __future__ import annotations

GROUP_NAMES = frozenset({"network", "emotions"})
"""The parts that learn: the network, with its speech encoder as far as that is not frozen; the
emotion data base of regression."""

REGRESSION_TERMS = frozenset(
    {
        "mse",
        "motion",
        "emotion_regularisation",
        "lip_distance",
        "lip_size",
        "volume_stability",
        "phoneme",
        "phoneme_motion",
    }
)
DIFFUSION_TERMS = frozenset({"diffusion", "lip_distance", "velocity", "expression_smooth"})

TERMS_OF = {"regression": REGRESSION_TERMS, "diffusion": DIFFUSION_TERMS}
"""Network type to the terms it knows."""

LOSS_TERMS = REGRESSION_TERMS | DIFFUSION_TERMS
"""Every term of either network."""
