"""The names of all scores of an evaluation, so that reading a configuration needs no torch.

What each measures is in ``scoring.py`` and ``evaluate.py``. Of actors that lack what a score needs,
such as a tongue, an evaluation does not have it.
"""

from __future__ import annotations

SCORE_NAMES = frozenset(
    {
        "lip_vertex_error",
        "lip_vertex_error_mm",
        "lip_vertex_error_over_*",
        "mean_vertex_error",
        "mae_skin",
        "mae_tongue",
        "mae_jaw",
        "mae_eyes",
        "lip_closure_f1",
        "lip_closure_balanced_accuracy",
        "lip_lag",
        "upper_face_dynamics",
        "jitter",
        "silence_motion",
        "jaw_angle_error",
        "eye_angle_error",
        "blendshape_residual",
        "emotion_separability",
    }
)
"""``*`` stands for a baseline."""
