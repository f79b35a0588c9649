"""Pose correctives: what skinning by joints alone gets wrong, fitted to the facial shapes.

Owns the fit. Skinning keeps a mouth 50 mm wide while the jaw drops, where a real one narrows, and
leaves the lids behind when the eyes turn; the measured shapes know better. FLAME's formulation: Li
et al., "Learning a model of facial shape and expression from 4D scans" (2017), section 3.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from likeness.studio.expressions import INDEX, JAW_DEGREES, build_expressions, eye_rotations
from likeness.studio.rig import JAW, JOINTS, LEFT_EYE, RIGHT_EYE, skinning_weights
from likeness.studio.template import Template

_JAW_DEGREES = (5.0, 10.0, 15.0, 20.0, JAW_DEGREES)
_EYE_DEGREES = (-25.0, -17.0, -8.0, 8.0, 17.0, 25.0)
_RIDGE = 1e-5

Array = NDArray[np.float64]


@functools.lru_cache(maxsize=4)
def pose_correctives(template: Template) -> Array:
    """Displacements (V, 3, 36) in mm per entry of R - I of neck, jaw and eyes, row by row.

    Fitted for the jaw from 5 to 25 degrees and for eyes to 25 degrees up, down and aside. Nothing
    was measured of the neck, so it has none.
    """
    rows = build_expressions(template)
    columns = np.zeros((template.num_vertices, 3, 9 * (len(JOINTS) - 1)))
    poses = [(_turn(0, degrees), degrees / JAW_DEGREES) for degrees in _JAW_DEGREES]
    samples = [(turn, share * rows[INDEX["jawOpen"]]) for turn, share in poses]
    _fit(template, columns, JAW, samples)
    for joint, side in ((LEFT_EYE, "Left"), (RIGHT_EYE, "Right")):
        samples = []
        for degrees in _EYE_DEGREES:
            for axis in (0, 1):
                turn = _turn(axis, degrees)
                samples.append((turn, _looking(rows, side, axis, degrees)))
        _fit(template, columns, joint, samples)
    return columns


def _looking(rows: Array, side: str, axis: int, degrees: float) -> Array:
    """What the lids do (V, 3) when one eye turns about x (0) or y (1)."""
    outward = degrees > 0.0 if side == "Left" else degrees < 0.0
    way = (("Down" if degrees > 0.0 else "Up"), ("Out" if outward else "In"))[axis]
    index = INDEX[f"eyeLook{way}{side}"]
    whole = np.zeros(len(rows))
    whole[index] = 1.0
    full_turn = np.degrees(np.abs(eye_rotations(whole)).max())
    return abs(degrees) / full_turn * rows[index]


def _fit(
    template: Template, columns: Array, joint: int, samples: list[tuple[Array, Array]]
) -> None:
    """Ridge least squares of shape minus skinning on the entries of R - I, into ``columns``."""
    weight = skinning_weights(template)[:, joint]
    arm = template.vertices - JOINTS[joint]
    soft = weight < 1.0  # what is rigid stays rigid: teeth and balls do not take the straight line
    features = np.array([(turn - np.eye(3)).ravel() for turn, _ in samples])
    targets = np.zeros((len(samples), template.num_vertices, 3))
    for target, (turn, wanted) in zip(targets, samples):
        # Correctives act before skinning, so the wanted place is carried back through it.
        skinning = np.eye(3) + weight[soft, None, None] * (turn - np.eye(3))
        back = np.linalg.solve(skinning, (arm + wanted)[soft, :, None])[..., 0]
        target[soft] = back - arm[soft]
    gram = features.T @ features + _RIDGE * np.eye(9)
    solution = np.linalg.solve(gram, features.T @ targets.reshape(len(samples), -1))
    first = 9 * (joint - 1)
    columns[:, :, first : first + 9] = np.moveaxis(
        solution.reshape(9, template.num_vertices, 3), 0, 2
    )


def _turn(axis: int, degrees: float) -> Array:
    """Rotation (3, 3) about x (0) or y (1)."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == 0:
        return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
