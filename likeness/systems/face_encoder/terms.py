"""What a stage can weigh and train: names alone, so that reading a configuration needs no torch.

What each term measures is in ``system.py`` and ``likeness.losses.face``.
"""

from __future__ import annotations

GROUP_NAMES = frozenset({"encoder", "landmark_offsets"})
"""The parts that learn; the offsets only with ``model.landmark_offsets``."""

LOSS_TERMS = frozenset(
    {
        "landmark",
        "landmark_l2",
        "landmark_rel",
        "eye_closure",
        "lip_closure",
        "photometric",
        "silhouette",
        "supervised",
        "supervised_shape",
        "supervised_albedo",
        "supervised_light",
        "shape_contrast",
        "shape_consistency",
        "albedo_smooth",
        "reg_shape",
        "reg_expression",
        "reg_albedo",
        "reg_light",
        "reg_jaw",
        "reg_global_pose",
        "reg_neck",
        "reg_eye_pose",
        "reg_transl",
        "reg_detail",
    }
)
"""Every term of :meth:`FaceEncoder.losses`."""
