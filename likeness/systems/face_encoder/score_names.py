"""The names of all scores of an evaluation, so that reading a configuration needs no torch.

What each measures is in ``evaluate.py`` and ``photo_error.py``. Of photographs that lack what a
score needs, such as the truth, an evaluation does not have it.
"""

from __future__ import annotations

from typing import get_args

from likeness.evaluation.geometry import Mode
from likeness.evaluation.landmarks import POINT_SETS, Length

_LENGTHS = get_args(Length)
_OF_ALL_POINTS = [f"{kind}_{length}" for kind in ("auc", "failure") for length in _LENGTHS]
_OF_SETS = [f"nme_{name}_{length}" for name in (*POINT_SETS, "*") for length in _LENGTHS]

SCORE_NAMES = frozenset(
    {
        *_OF_ALL_POINTS,
        *_OF_SETS,
        *(f"vector_{name}" for name in (*_OF_ALL_POINTS, *_OF_SETS)),
        "nme_box_yaw_*",
        "detector_missed",
        *(f"vertex_{mode}" for mode in get_args(Mode)),
        "rotation",
        "albedo",
        "photo_l1",
    }
)
"""``*`` stands for a set of points that data name, or a range of yaw."""
