"""The 52 facial shapes by their ARKit names, as displacements of the template's vertices.

Owns the linear rows, what the eyes and the jaw do with them, and which weights go together.
Everything that is not linear in the weights (lids around the ball, lips that meet) is
:mod:`likeness.studio.deform`.

The names, their meaning and order are those Apple documents for
``ARFaceAnchor.BlendShapeLocation``.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.studio import eyelids
from likeness.studio.displacements import load_displacements
from likeness.studio.spreading import Spreader, spread
from likeness.studio.template import SIDES, Template

ARKIT_NAMES = (
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawRight",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthLeft",
    "mouthRight",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)
INDEX = {name: i for i, name in enumerate(ARKIT_NAMES)}
EYE_DIRECTIONS = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")]
"""Which weights turn the eyes."""

FIGHTING_PAIRS = (
    ("eyeBlinkLeft", "eyeWideLeft"),
    ("eyeBlinkRight", "eyeWideRight"),
    ("eyeSquintLeft", "eyeWideLeft"),
    ("eyeSquintRight", "eyeWideRight"),
    ("eyeLookUpLeft", "eyeLookDownLeft"),
    ("eyeLookUpRight", "eyeLookDownRight"),
    ("eyeLookInLeft", "eyeLookOutLeft"),
    ("eyeLookInRight", "eyeLookOutRight"),
    ("browDownLeft", "browOuterUpLeft"),
    ("browDownRight", "browOuterUpRight"),
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
    ("mouthSmileLeft", "mouthFrownLeft"),
    ("mouthSmileRight", "mouthFrownRight"),
    ("mouthStretchLeft", "mouthPucker"),
    ("mouthStretchRight", "mouthPucker"),
    ("mouthSmileLeft", "mouthPucker"),
    ("mouthSmileRight", "mouthPucker"),
    ("mouthStretchLeft", "mouthFunnel"),
    ("mouthStretchRight", "mouthFunnel"),
    ("mouthPressLeft", "mouthLowerDownLeft"),
    ("mouthPressRight", "mouthLowerDownRight"),
    ("mouthRollLower", "mouthLowerDownLeft"),
    ("mouthRollLower", "mouthLowerDownRight"),
    ("mouthRollLower", "mouthFunnel"),
    ("mouthRollUpper", "mouthFunnel"),
    ("mouthRollUpper", "mouthUpperUpLeft"),
    ("mouthRollUpper", "mouthUpperUpRight"),
    ("mouthShrugLower", "jawOpen"),
    ("cheekPuff", "jawOpen"),
)
"""Shapes that pull one place two ways. No face does both; a sampler should not either."""

JAW_AXIS = np.array([0.0, -5.5, 18.2])
"""A point of the axis, parallel to x, the jaw turns about in ``jawOpen`` (mm)."""
JAW_DEGREES = 25.3
_JAW_SLIDES = {
    "jawForward": (0.0, -1.7, 8.9),
    "jawLeft": (6.4, -0.6, 0.6),
    "jawRight": (-6.4, -0.6, 0.6),
}
_EYE_DEGREES = {"Down": 30.0, "Up": 25.0, "In": 35.0, "Out": 30.0}

_MOUTH_LINING_SHARES = np.array([1.0, 0.85, 0.5, 0.25])
_LID_LINING_SHARES = np.array([1.0, 0.85])
_LOWER_LINING_SHARES = np.array([1.0, 0.95, 0.8, 0.65])  # of the floor that the jaw takes along
_CLOSED_LIPS = ("mouthSmileLeft", "mouthDimpleLeft", "mouthStretchLeft", "mouthFrownLeft")
"""Shapes of a closed mouth, whose measured lips part by a millimetre or two."""
_TONGUE_SLIDE = 28.0
_TONGUE_ARCH = 5.0  # height of its middle over the teeth
_TONGUE_DROOP = 7.0  # of the tip, over the lip
_LIP_DROP = 6.0  # of the lower lip when the tongue passes over it


@functools.lru_cache(maxsize=4)
def build_expressions(template: Template) -> NDArray[np.float64]:
    """Displacements (52, V, 3) in mm at weight 1, in the order of ``ARKIT_NAMES``.

    Eyeballs stay in place: their turning is :func:`eye_rotations`, also where a head is posed by
    joints. ``mouthClose`` is what closes an open jaw, so it belongs to ``jawOpen`` of at least the
    same weight.
    """
    rows = np.zeros((len(ARKIT_NAMES), template.num_vertices, 3))
    skin = slice(0, template.num_skin)
    for name, moves in _skin_moves(template).items():
        rows[INDEX[name], skin] = moves
    lower = template.lip_pairs[1]
    table = load_displacements()
    for name in _CLOSED_LIPS:
        rows[INDEX[name], skin] = _closed_moves(
            template, rows[INDEX[name], skin], table.shapes[name.replace("Left", "_L")]
        )
    for name in _mirrored_names():
        left = rows[INDEX[name]]
        rows[INDEX[_other_side(name)]] = mirror_displacement(template, left)
    rows[INDEX["mouthClose"], skin] = _closing_moves(template, rows[INDEX["jawOpen"], skin])
    lower_lip = rows[INDEX["mouthLowerDownLeft"]] + rows[INDEX["mouthLowerDownRight"]]
    middle = template.lip_pairs[1][template.lip_pairs.shape[1] // 2]
    rows[INDEX["tongueOut"]] = lower_lip * (-_LIP_DROP / lower_lip[middle, 1])

    hangs = np.flatnonzero(template.seam_parent >= 0)
    mouth = np.isin(hangs, template.of("mouth_lining"))
    ring = template.lining_ring[hangs]
    share = np.where(mouth, _MOUTH_LINING_SHARES[ring], _LID_LINING_SHARES[np.minimum(ring, 1)])
    rows[:, hangs] = share[:, None] * rows[:, template.seam_parent[hangs]]
    floor = mouth & np.isin(template.seam_parent[hangs], lower)
    rows[INDEX["jawOpen"], hangs[floor]] *= (_LOWER_LINING_SHARES / _MOUTH_LINING_SHARES)[
        ring[floor], None
    ]

    with_jaw = template.of("teeth_lower", "tongue")
    for name in ("jawOpen", *_JAW_SLIDES):
        rotation, slide = jaw_motion(np.eye(len(ARKIT_NAMES))[INDEX[name]])
        arm = template.vertices[with_jaw] - JAW_AXIS
        rows[INDEX[name], with_jaw] = arm @ rotation.T - arm + slide
    tongue = template.part_ranges["tongue"]
    rows[INDEX["tongueOut"], tongue] = _tongue_moves(template.vertices[tongue])

    for side, center in zip(SIDES, template.eye_centers):
        closed = template.vertices.copy()
        eyelids.close_lids(template, closed, side, 1.0, center)
        rows[INDEX[f"eyeBlink{side.capitalize()}"]] = closed - template.vertices
    return rows


def _skin_moves(template: Template) -> dict[str, NDArray[np.float64]]:
    """The table spread over the skin, by ARKit name; left halves and whole shapes."""
    table = load_displacements()
    names = list(table.shapes)
    stacked = np.stack([table.shapes[name] for name in names], axis=1)  # (217, shapes, 3)
    spread_out = spread(template, table.anchors, stacked)
    moves = {name: spread_out[:, i] for i, name in enumerate(names)}
    found = {}
    for name, move in moves.items():
        whole = name.removesuffix("_L")
        if whole in INDEX and name != whole:  # browInnerUp, cheekPuff: both halves at once
            found[whole] = move + mirror_displacement(template, move)
        else:
            found[name.replace("_L", "Left")] = move
    return found


def _mirrored_names() -> list[str]:
    return [name for name in ARKIT_NAMES if name.endswith("Left") and "Blink" not in name]


def _other_side(name: str) -> str:
    return name.removesuffix("Left") + "Right"


def mirror_displacement(template: Template, move: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mirror image of a displacement (N, 3) of all vertices, or of the skin's."""
    return move[template.mirror[: len(move)]] * (-1.0, 1.0, 1.0)


def _closed_moves(
    template: Template, moves: NDArray[np.float64], measured: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A row of the skin whose lips stay shut: both seams go to the mean of what was measured."""
    upper, lower = template.lip_pairs
    seam = moves.copy()
    seam[upper] = seam[lower] = 0.5 * (moves[upper] + moves[lower])
    return _moves_with_seam(template, seam, measured)


def _closing_moves(template: Template, opening: NDArray[np.float64]) -> NDArray[np.float64]:
    """``mouthClose`` on the skin: the table's row with a seam that meets exactly.

    The measured row pushes the lower lip 6 mm through the upper one. Here the upper lip does what
    was measured and the lower lip comes to it, which leaves both reds their height at rest.
    """
    table = load_displacements()
    moves = spread(template, table.anchors, table.shapes["mouthClose"])
    upper, lower = template.lip_pairs
    moves[lower] = opening[upper] + moves[upper] - opening[lower]
    return _moves_with_seam(template, moves, table.shapes["mouthClose"])


def _moves_with_seam(
    template: Template, moves: NDArray[np.float64], measured: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The spread (skin vertices, 3) of a row's anchors off the seam and of ``moves`` on it.

    Reds that were spread without the seam's own move would be left behind, folded over it.
    """
    anchors = load_displacements().anchors
    others = ~np.isin(anchors, template.mouth_loop)
    found = _seam_spreader(template)(np.concatenate([moves[template.mouth_loop], measured[others]]))
    found[template.mouth_loop] = moves[template.mouth_loop]
    return found


@functools.lru_cache(maxsize=4)
def _seam_spreader(template: Template) -> Spreader:
    anchors = load_displacements().anchors
    return Spreader(
        template.vertices[: template.num_skin],
        template.skin_faces,
        np.concatenate([template.mouth_loop, anchors[~np.isin(anchors, template.mouth_loop)]]),
    )


def _tongue_moves(tongue: NDArray[np.float64]) -> NDArray[np.float64]:
    """Out over the lower lip: the further forward a point lies, the further it slides."""
    back, tip = tongue[:, 2].min(), tongue[:, 2].max()
    share = (tongue[:, 2] - back) / (tip - back)
    aside = tongue[:, 0] ** 2
    moves = np.zeros_like(tongue)
    moves[:, 0] = tongue[:, 0] * (0.10 - 0.22 * share**3)
    moves[:, 1] = _TONGUE_ARCH * 4.0 * share * (1.0 - share) - _TONGUE_DROOP * share**3
    moves[:, 1] += 0.008 * aside * share
    moves[:, 2] = _TONGUE_SLIDE * share - 0.05 * aside * share**4  # rounds the tip
    return moves


def jaw_motion(weights: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How the bone of the jaw moves: rotation (3, 3) about ``JAW_AXIS``, then a slide (3,) in mm.

    Args:
        weights: (52,).
    """
    values = np.asarray(weights, dtype=np.float64)
    angle = np.radians(JAW_DEGREES) * values[INDEX["jawOpen"]]
    slide = sum((values[INDEX[name]] * np.array(move) for name, move in _JAW_SLIDES.items()))
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
    return rotation, np.asarray(slide)


def eye_rotations(weights: ArrayLike) -> NDArray[np.float64]:
    """Axis-angle vectors (2, 3) in radians, left and right, of eyes that start straight ahead.

    Turning up and down is about x, to the side about y; the axis lies in the plane of both
    (Listing's law).

    Args:
        weights: (52,).
    """
    values = np.asarray(weights, dtype=np.float64)
    vectors = np.zeros((2, 3))
    for row, side in enumerate(SIDES):
        degrees = {
            way: _EYE_DEGREES[way] * values[INDEX[f"eyeLook{way}{side.capitalize()}"]]
            for way in _EYE_DEGREES
        }
        outward = 1.0 if side == "left" else -1.0
        vectors[row, 0] = np.radians(degrees["Down"] - degrees["Up"])
        vectors[row, 1] = outward * np.radians(degrees["Out"] - degrees["In"])
    return vectors


def draw_weights(rng: np.random.Generator, *, intensity: float = 0.35) -> NDArray[np.float64]:
    """Random weights (52,) of a face that a face can make.

    About a third of the muscles act, by the absolute value of a normal draw; both sides act alike
    but for a tenth; of every pair in ``FIGHTING_PAIRS`` only the stronger remains. Eyes look the
    same way, and a mouth closes no further than its jaw is open.

    Args:
        rng: the only source of chance.
        intensity: standard deviation of an acting shape before clipping to 0..1.
    """
    weights = np.zeros(len(ARKIT_NAMES))
    for name in ARKIT_NAMES:
        if name.endswith("Right") and name not in ("jawRight", "mouthRight"):
            continue
        value = abs(rng.normal(0.0, intensity)) * (rng.random() < 0.35)
        weights[INDEX[name]] = value
        twin = _other_side(name)
        if twin in INDEX and name not in ("jawLeft", "mouthLeft"):
            weights[INDEX[twin]] = value * max(rng.normal(1.0, 0.1), 0.0)
    weights[INDEX["tongueOut"]] *= rng.random() < 0.1
    for name in ("eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeLookDown"):
        weights[[INDEX[name + "Left"], INDEX[name + "Right"]]] = 0.0
    aside, up = rng.normal(0.0, intensity, 2)
    for side, turned in (("Left", aside), ("Right", -aside)):
        weights[INDEX[("eyeLookOut" if turned > 0 else "eyeLookIn") + side]] = abs(aside)
        weights[INDEX[("eyeLookUp" if up > 0 else "eyeLookDown") + side]] = abs(up)
    for first, second in FIGHTING_PAIRS:
        weaker = min((first, second), key=lambda name: weights[INDEX[name]])
        weights[INDEX[weaker]] = 0.0
    weights[INDEX["mouthClose"]] = min(weights[INDEX["mouthClose"]], weights[INDEX["jawOpen"]])
    return np.clip(weights, 0.0, 1.0)
