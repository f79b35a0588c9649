"""Joints and skinning weights for a blendshape head that has none: measured from its own shapes.

The jaw is the rigid motion inside the ``jawOpen`` shape; eyes, neck and root follow from where the
parts are. Units are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from likeness.errors import DataError
from likeness.geometry.alignment import fit_similarity

_REACH = 0.5  # how far beyond the nearest skin a joint is tied to it, in eye distances
_MIN_JAW_ANGLE = np.radians(5)
# Places of joints that no shape reveals, in eye distances (about 63 mm) from the midpoint between
# the lids: the neck bends at the second vertebra, the root lies at the base of the neck. The hinge
# of the jaw is measured where there are teeth; skin slides over the bone and does not show it.
_NECK = np.array([0.0, -1.60, -1.75])
_ROOT = np.array([0.0, -2.60, -1.69])
_HINGE = np.array([0.0, -0.612, -1.137])
_NECK_FADE = 1.0  # half the height over which skin passes from root to neck, in eye distances
_EYE_DEPTH = 0.12  # eye centre behind the middle of the lids, where there is no eyeball


@dataclass(frozen=True, eq=False)
class Rig:
    """root, neck, jaw, left eye, right eye: regressor (5, V) and weights (V, 5)."""

    regressor: np.ndarray
    weights: np.ndarray
    jaw_angle: float
    """How far the jaw turns in ``jawOpen``, radians."""


def build_rig(
    vertices: np.ndarray,
    jaw_open: np.ndarray,
    landmarks: np.ndarray,
    parts: dict[str, slice],
) -> Rig:
    """The rig of a head.

    Args:
        vertices: (V, 3), y up, z forward, symmetric about x = 0.
        jaw_open: (V, 3) offsets of the open jaw.
        landmarks: (68,) vertex ids.
        parts: named vertex ranges; "teeth", "eyeball_left" and "eyeball_right" are used if present.

    Raises:
        DataError: the jaw shape does not turn anything.
    """
    points = vertices[landmarks]
    between = (points[36:42].mean(axis=0) + points[42:48].mean(axis=0)) / 2
    distance = float(np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0)))
    hinge, turn = _jaw_motion(vertices, jaw_open, parts, between + distance * _HINGE)
    eyes = [_eye_centre(vertices, points, parts, side, distance) for side in ("left", "right")]
    joints = np.stack([between + distance * _ROOT, between + distance * _NECK, hinge, *eyes])
    joints[:3, 0] = 0.0
    skin = vertices[: parts["gums_tongue"].start] if "gums_tongue" in parts else vertices
    regressor = np.zeros((5, len(vertices)))
    for row, joint in enumerate(joints):
        regressor[row, : len(skin)] = _affine_weights(skin, joint, distance)
    for row, side in ((3, "left"), (4, "right")):
        ball = parts.get(f"eyeball_{side}")
        if ball is not None:
            regressor[row] = 0.0
            regressor[row, ball] = 1.0 / (ball.stop - ball.start)
    weights = np.zeros((len(vertices), 5))
    jaw = _jaw_weights(vertices, jaw_open, hinge, turn, distance)
    height = (vertices[:, 1] - joints[1, 1]) / (_NECK_FADE * distance)
    above = np.clip(0.5 + 0.5 * height, 0, 1)
    above = above * above * (3 - 2 * above)
    weights[:, 2] = jaw
    weights[:, 1] = (1 - jaw) * above
    weights[:, 0] = (1 - jaw) * (1 - above)
    for column, side in ((3, "left"), (4, "right")):
        ball = parts.get(f"eyeball_{side}")
        if ball is not None:
            weights[ball] = np.eye(5)[column]
    return Rig(regressor, weights, float(turn.magnitude()))


def _jaw_motion(
    vertices: np.ndarray, jaw_open: np.ndarray, parts: dict[str, slice], usual_hinge: np.ndarray
) -> tuple[np.ndarray, Rotation]:
    """A point of the hinge axis on the midline, and the turn of the jaw.

    Fitted to the teeth that move, which are rigid. Without teeth the skin that moves most gives the
    angle about the usual hinge.
    """
    moved = np.linalg.norm(jaw_open, axis=1)
    teeth = parts.get("teeth", slice(0, len(vertices)))
    limit = (0.2 if "teeth" in parts else 0.9) * moved[teeth].max()
    chosen = np.arange(teeth.start, teeth.stop)[moved[teeth] > limit]
    if limit <= 0 or len(chosen) < 4:
        raise DataError("The shape 'jawOpen' moves nothing; the jaw cannot be measured from it.")
    before, after = vertices[chosen], vertices[chosen] + jaw_open[chosen]
    if "teeth" in parts:
        motion = fit_similarity(before, after, scale=1.0)
        turn = Rotation.from_matrix(motion.rotation)
        # Points that stay where they are satisfy (I - R) c = t; x = 0 picks one on the midline.
        system = (np.eye(3) - motion.rotation)[:, 1:]
        place, *_ = np.linalg.lstsq(system, motion.translation, rcond=None)
        hinge = np.array([0.0, *place])
    else:
        hinge = usual_hinge
        start, end = (before - hinge)[:, 1:], (after - hinge)[:, 1:]
        crossed = start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]
        angle = np.arctan2(crossed.sum(), (start * end).sum())
        turn = Rotation.from_rotvec([angle, 0.0, 0.0])
    if turn.magnitude() < _MIN_JAW_ANGLE:
        raise DataError(
            f"The shape 'jawOpen' turns the jaw by {np.degrees(turn.magnitude()):.1f} degrees; its "
            "hinge cannot be measured from so little."
        )
    return hinge, turn


def _jaw_weights(
    vertices: np.ndarray,
    jaw_open: np.ndarray,
    hinge: np.ndarray,
    turn: Rotation,
    distance: float,
) -> np.ndarray:
    """How much of the rigid turn each vertex follows in ``jawOpen``: the projection of its offset
    on the rigid one, damped near the axis where the rigid offset vanishes."""
    arm = vertices - hinge
    rigid = turn.apply(arm) - arm
    damping = (0.03 * distance) ** 2
    share = (jaw_open * rigid).sum(axis=1) / ((rigid**2).sum(axis=1) + damping)
    return np.clip(share, 0, 1)


def _eye_centre(
    vertices: np.ndarray, points: np.ndarray, parts: dict[str, slice], side: str, distance: float
) -> np.ndarray:
    ball = parts.get(f"eyeball_{side}")
    if ball is not None:
        return vertices[ball].mean(axis=0)
    lids = points[42:48] if side == "left" else points[36:42]
    return lids.mean(axis=0) - [0, 0, _EYE_DEPTH * distance]


def _affine_weights(skin: np.ndarray, joint: np.ndarray, distance: float) -> np.ndarray:
    """Weights over the skin that reproduce ``joint`` and sum to 1, so that the joint follows every
    affine change of its surroundings.

    Of all such weights the smallest in the sense of sum(w^2 / nearness): close skin counts most.
    """
    arm = (skin - joint) / distance
    away = np.linalg.norm(arm, axis=1)
    nearness = np.exp(-(((away - away.min()) / _REACH) ** 2))
    system = np.concatenate([np.ones((1, len(skin))), arm.T])
    multipliers = np.linalg.solve((system * nearness) @ system.T, np.array([1.0, 0, 0, 0]))
    return nearness * (system.T @ multipliers)
