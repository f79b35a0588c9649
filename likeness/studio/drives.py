"""What an expression and a person's age do to the lines of a face.

Owns how deep lines are driven. Where they run is ``relief``'s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from likeness.studio.expressions import ARKIT_NAMES


class Drives(NamedTuple):
    """What deepens the lines of a face, 0..1 each; pairs are (subject's left, right)."""

    forehead_left: float
    forehead_right: float
    frown_left: float
    frown_right: float
    squint_left: float
    squint_right: float
    fold_left: float
    fold_right: float
    pucker: float
    chin: float
    openness: float
    """How far the lips are parted."""
    age: float
    neck: float
    pores: float


def drives_of(weights: np.ndarray, *, wrinkles: float, neck_rings: float, pores: float) -> Drives:
    """Gathers ``Drives`` from (52,) expression weights and a person's wear."""
    value = dict(zip(ARKIT_NAMES, (float(weight) for weight in weights)))

    def pair(left: float, right: float) -> tuple[float, float]:
        return min(max(left, 0.0), 1.2), min(max(right, 0.0), 1.2)

    forehead = pair(
        *(0.6 * value["browInnerUp"] + 0.6 * value[f"browOuterUp{s}"] for s in ("Left", "Right"))
    )
    frown = pair(value["browDownLeft"], value["browDownRight"])
    squint = pair(
        *(
            0.6 * value[f"cheekSquint{s}"]
            + 0.6 * value[f"eyeSquint{s}"]
            + 0.35 * value[f"mouthSmile{s}"]
            for s in ("Left", "Right")
        )
    )
    fold = pair(
        *(
            0.8 * value[f"mouthSmile{s}"]
            + 0.5 * value[f"noseSneer{s}"]
            + 0.5 * value[f"mouthUpperUp{s}"]
            + 0.4 * value[f"mouthDimple{s}"]
            for s in ("Left", "Right")
        )
    )
    lowered = 0.5 * (value["mouthLowerDownLeft"] + value["mouthLowerDownRight"])
    raised = 0.5 * (value["mouthUpperUpLeft"] + value["mouthUpperUpRight"])
    parted = value["jawOpen"] - value["mouthClose"] + 0.6 * value["mouthFunnel"]
    return Drives(
        forehead_left=forehead[0],
        forehead_right=forehead[1],
        frown_left=frown[0],
        frown_right=frown[1],
        squint_left=squint[0],
        squint_right=squint[1],
        fold_left=fold[0],
        fold_right=fold[1],
        pucker=min(max(value["mouthPucker"], 0.0), 1.0),
        chin=min(max(value["mouthShrugLower"] + 0.4 * value["mouthFrownLeft"], 0.0), 1.0),
        openness=max(parted + 0.5 * (lowered + raised), 0.0),
        age=wrinkles,
        neck=neck_rings,
        pores=pores,
    )
