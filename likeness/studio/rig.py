"""Joints of the template, the regressor that finds them in a shaped head, and skinning weights.

The joint tree is FLAME's (Li et al., "Learning a model of facial shape and expression from 4D
scans", 2017): root, neck, jaw, two eyes. The jaw's axis is measured: in the real opening of the
mouth the lower teeth turn about exactly this axis. What skinning alone gets wrong is put right by
the pose correctives of :mod:`likeness.studio.correctives`.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.easing import smoothstep
from likeness.studio.cage import load_cage
from likeness.studio.displacements import load_displacements
from likeness.studio.expressions import JAW_AXIS, JAW_DEGREES
from likeness.studio.parts import EYE_CENTER_LEFT
from likeness.studio.spreading import spread
from likeness.studio.template import Template

ROOT, NECK, JAW, LEFT_EYE, RIGHT_EYE = range(5)
PARENTS = (-1, ROOT, NECK, NECK, NECK)
JOINTS = np.array(
    [
        [0.0, -135.0, -18.0],
        [0.0, -70.0, -22.0],
        JAW_AXIS,
        EYE_CENTER_LEFT,
        EYE_CENTER_LEFT * (-1.0, 1.0, 1.0),
    ]
)
"""(5, 3) mm, in the template at rest."""

# Around each joint, on the bone or at least hardly moved by a face.
_ROOT_ANCHORS = tuple(f"{ring}_{turn}" for ring in ("k-122", "k-150") for turn in range(0, 181, 30))
_NECK_ANCHORS = (
    *("r-66_104", "r-66_128", "r-66_154", "r-66_180"),
    *("k-98_90", "k-98_120", "k-98_150", "k-98_180"),
)
_JAW_ANCHORS = ("a0_9", "a0_11", "r-60_62", "r-26_71")
_MOUTH_LINING_SHARES = np.array([1.0, 0.85, 0.5, 0.25])
_JAW_ENDS = (-14.0, 8.0)  # heights between which the jaw lets go of the cheeks
_LID_FOLLOWS = 0.08
_HEAD_FROM = np.array([[0.0, -95.0, 62.0], [0.0, -62.0, -60.0]])
"""Points in front and behind above which the skin goes wholly with the head."""


def joint_regressor(template: Template) -> NDArray[np.float64]:
    """(5, V) rows that find the joints in any head of the template's topology.

    Each row is the one of least norm over a few vertices that sums to 1 and gives the joint of the
    template; so it follows shifts, turns and stretches exactly.
    """
    cage = load_cage()
    regressor = np.zeros((len(JOINTS), template.num_vertices))
    for joint, names in ((ROOT, _ROOT_ANCHORS), (NECK, _NECK_ANCHORS), (JAW, _JAW_ANCHORS)):
        both = [cage.indices(*names), cage.indices(*names, mirrored=True)]
        _fill_row(template, regressor, joint, np.unique(np.concatenate(both)))
    for joint, side in ((LEFT_EYE, "left"), (RIGHT_EYE, "right")):
        _fill_row(template, regressor, joint, template.of(f"eyeball_{side}"))
    return regressor


def _fill_row(
    template: Template, regressor: NDArray[np.float64], joint: int, vertices: NDArray[np.int64]
) -> None:
    # About the joint, the weighted sum of positions is zero and that of ones is one.
    points = template.vertices[vertices] - JOINTS[joint]
    conditions = np.concatenate([points / np.abs(points).max(), np.ones((len(points), 1))], axis=1)
    regressor[joint, vertices] = np.linalg.pinv(conditions.T) @ (0.0, 0.0, 0.0, 1.0)


@functools.lru_cache(maxsize=4)
def skinning_weights(template: Template) -> NDArray[np.float64]:
    """(V, 5) shares of root, neck, jaw and eyes in every vertex; rows sum to 1."""
    weights = np.zeros((template.num_vertices, len(JOINTS)))
    skin = slice(0, template.num_skin)
    above_neck = _rise_through_the_neck(template.vertices)
    weights[skin, JAW] = _jaw_share(template) * above_neck[skin]
    for joint, side, sign in ((LEFT_EYE, "left", 1), (RIGHT_EYE, "right", -1)):
        plate = np.clip(1.0 - template.eye_ring[skin], 0.0, 1.0)
        plate = plate * (template.side[skin] == sign) * _is_upper_lid(template, side)
        weights[skin, joint] = _LID_FOLLOWS * smoothstep(0.0, 1.0, plate)

    hangs = np.flatnonzero(template.seam_parent >= 0)
    weights[hangs] = weights[template.seam_parent[hangs]]
    inside_mouth = template.of("mouth_lining")
    share = _MOUTH_LINING_SHARES[template.lining_ring[inside_mouth]]
    weights[inside_mouth, JAW] *= share

    weights[template.of("teeth_lower", "tongue"), JAW] = 1.0
    weights[template.of("eyeball_left"), LEFT_EYE] = 1.0
    weights[template.of("eyeball_right"), RIGHT_EYE] = 1.0
    moved = weights.sum(axis=1)
    in_head = np.where(template.part == 0, above_neck, 1.0)
    weights[:, NECK] = np.maximum(in_head - moved, 0.0)
    weights[:, ROOT] = 1.0 - moved - weights[:, NECK]
    return weights


def _jaw_share(template: Template) -> NDArray[np.float64]:
    """How much of the bone's turn each skin vertex makes in the measured opening of the mouth."""
    table = load_displacements()
    angle = np.radians(JAW_DEGREES)
    arm = load_cage().points[table.anchors] - JAW_AXIS
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = np.stack(
        [arm[:, 0], cosine * arm[:, 1] - sine * arm[:, 2], sine * arm[:, 1] + cosine * arm[:, 2]],
        axis=1,
    )
    rigid = turned - arm
    measured = table.shapes["jawOpen"]
    share = (measured * rigid).sum(axis=1) / np.maximum((rigid * rigid).sum(axis=1), 1e-9)
    spread_out = spread(template, table.anchors, np.clip(share, 0.0, 1.0))
    heights = template.vertices[: template.num_skin, 1]
    return np.clip(spread_out, 0.0, 1.0) * (1.0 - smoothstep(*_JAW_ENDS, heights))


def _is_upper_lid(template: Template, side: str) -> NDArray[np.float64]:
    """1 above the line between the canthi, 0 below it, over the skin."""
    loop = template.eye_loops[side]
    inner, outer = template.vertices[loop[0]], template.vertices[loop[len(loop) // 2]]
    skin = template.vertices[: template.num_skin]
    along = (skin[:, 0] - inner[0]) / (outer[0] - inner[0])
    height = skin[:, 1] - (inner[1] + along * (outer[1] - inner[1]))
    return smoothstep(0.0, 2.0, height)


def _rise_through_the_neck(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 on and below the slanted plane of the middle neck ring, 1 on and above one from the throat
    to the nape of the skull.

    A neck turns over its whole length. Most of that is behind, as in the spine: where the nape
    turned over one ring of the cage, it folded.
    """
    front, back = load_cage().points[load_cage().indices("k-122_0", "k-122_180")]
    lower = _plane_height(front, back, points)
    upper = _plane_height(*_HEAD_FROM, points)
    return smoothstep(0.0, 1.0, (points[:, 1] - lower) / (upper - lower))


def _plane_height(
    front: NDArray[np.float64], back: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    return front[1] + (back[1] - front[1]) * (points[:, 2] - front[2]) / (back[2] - front[2])
