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

TRUTH_TERMS = frozenset({"supervised", "supervised_shape", "supervised_albedo", "supervised_light"})
"""Those that compare with the truth, and are 0 for photographs without one."""

ALBEDO_TERMS = frozenset({"supervised_albedo", "supervised_light"})
"""Those of them that need codes of the model's own albedo space."""

MASK_TERMS = frozenset({"silhouette"})
"""Those that compare with masks, and leave photographs without one out."""

PERSON_TERMS = frozenset({"shape_contrast", "shape_consistency"})
"""Those that compare photographs of one person, and are 0 in batches without two."""

PRIOR_TERMS = frozenset(
    {"albedo_smooth", *(name for name in LOSS_TERMS if name.startswith("reg_"))}
)
"""Those that read the vector alone."""
