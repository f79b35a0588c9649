"""The ways heads differ, each as a smooth displacement of the skin by one millimetre of something.

Owns the fields and what each is a millimetre of. How much of each a person has is
:mod:`likeness.studio.identity`; what eyes, teeth and linings do about it as well.

A field is a formula in the rest position: ``step`` is a smoothstep, ``bump`` a Gaussian in
(|x|, y, z). Sideways parts are mirrored and fade out over 4 mm next to the midline.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.studio.cage import load_cage
from likeness.studio.measures import measure
from likeness.studio.template import Template, build_template

Array = NDArray[np.float64]
Vector = tuple[float, float, float]

_OUT: Vector = (1.0, 0.0, 0.0)  # away from the midline
_UP: Vector = (0.0, 1.0, 0.0)
_DOWN: Vector = (0.0, -1.0, 0.0)
_FORWARD: Vector = (0.0, 0.0, 1.0)
_BACK: Vector = (0.0, 0.0, -1.0)


class Place:
    """Rest positions of the skin, and the two functions fields are made of."""

    def __init__(self, template: Template) -> None:
        skin = template.vertices[: template.num_skin]
        self.skin = skin
        self.x = np.abs(skin[:, 0])
        self.y = skin[:, 1]
        self.z = skin[:, 2]
        self.ear = template.ear[: template.num_skin]
        self.cage_to_skin = template.cage_to_skin
        self._folded = np.column_stack([self.x, self.y, self.z])

    @staticmethod
    def step(start: float, end: float, values: Array) -> Array:
        """0 at and before ``start``, 1 at and beyond ``end``, also where ``end`` < ``start``."""
        t = np.clip((values - start) / (end - start), 0.0, 1.0)
        return t * t * (3.0 - 2.0 * t)

    def bump(self, center: Vector, radii: Vector) -> Array:
        """1 at ``center`` of the half with x >= 0, 1/e at one radius along an axis."""
        return np.exp(-(((self._folded - center) / radii) ** 2).sum(axis=1))

    def along(self, direction: Vector, amount: Array) -> Array:
        """(N, 3) displacement; x of ``direction`` points away from the midline."""
        return np.asarray(direction) * amount[:, None]

    def on_cage(self, moves: dict[str, Vector]) -> Array:
        """(N, 3) displacement given at named points of the cage, the left side only."""
        cage = load_cage()
        field = np.zeros((len(cage.points), 3))
        for name, move in moves.items():
            for mirrored in (False, True):
                field[cage.index(name, mirrored=mirrored)] = move
        return self.cage_to_skin @ field


@dataclass(frozen=True)
class Mode:
    """One way heads differ.

    Attributes:
        name: of the mode.
        sd: standard deviation of its coefficient among people, mm of what it measures.
        field: the displacement before it is scaled to one millimetre.
        probe: what a coefficient of 1 changes by 1 mm: a measure of
            :mod:`likeness.studio.measures`, or the sum over cage points of displacement times
            vector, both of the subject's left with x outward. None for coefficients that are
            fractions.
    """

    name: str
    sd: float
    field: Callable[[Place], Array]
    probe: str | dict[str, Vector] | None


def _narrow(place: Place) -> Array:
    """1 but near the eyes, whose distance has a mode of its own."""
    return 1.0 - 0.9 * place.bump((32, 34, 95), (28, 22, 38))


def _size(p: Place) -> Array:
    return np.column_stack([p.x, p.y - 20.0, p.z - 10.0])


def _head_length(p: Place) -> Array:
    z = p.z + p.ear * (5.0 - p.z)  # ears ride along whole
    back = -0.75 * p.step(30, -80, z) * p.step(-60, 0, p.y)
    front = 0.25 * p.step(40, 100, p.z) * p.step(20, 60, p.y)
    return p.along(_FORWARD, back + front)


def _head_breadth(p: Place) -> Array:
    return p.along(_OUT, 0.5 * np.tanh(p.x / 35.0) * p.step(8, 60, p.y) * _narrow(p))


def _vault(p: Place) -> Array:
    return p.along(_UP, np.maximum(p.y - 45.0, 0.0) * p.step(40, 75, p.y))


def _nose_out(p: Place) -> Array:
    # Long upward, so that a flat nose has a straight back; short downward, the lip stays.
    above, below = p.bump((0, 4, 130), (13, 21, 19)), p.bump((0, 4, 130), (13, 12, 16))
    return p.along(_FORWARD, np.where(p.y > 4.0, above, below))


def _ear_out(p: Place) -> Array:
    # The rim swings; the concha stays, or it would come out at the back.
    # Full on both sheets of the rim: a back that lags behind its front is cut by it.
    both = p.step(0.0, 0.3, p.ear)
    return p.along((1, 0, 0.3), both * p.step(26, -20, p.z) * np.clip((p.x - 73) / 14, 0, 1.2))


def _ear_root(p: Place) -> Array:
    # Skin around the root slides along, or a growing concha would come out behind it.
    around = np.maximum(p.ear, np.minimum(1.6 * p.bump((74, 8, 5), (40, 30, 24)), 1.0))
    return np.column_stack([(p.x - 72.0) * p.ear, (p.y - 8.0) * around, (p.z - 8.0) * around])


def _neck(p: Place) -> Array:
    # Little in front: a throat that comes forward under the chin is folded by every opening jaw.
    # It widens evenly from the ears down: where that begins at the jaw, a groove runs below the jaw
    # of a wide neck, and the jaw ends in a shelf.
    fade = np.clip(-p.y / 104.0, 0.0, 1.0) ** 2 * p.step(62, 22, p.z)
    return np.column_stack([p.x, np.zeros_like(p.x), p.z + 10.0]) * fade[:, None]


def _submental(p: Place) -> Array:
    # The throat below gives way, or an opening jaw would fold a full chin against it.
    above, below = p.bump((0, -84, 62), (34, 16, 34)), p.bump((0, -84, 62), (34, 44, 44))
    middle = p.along(_DOWN, np.where(p.y > -84.0, above, below))
    # A double chin goes around: fat fills the angle between jaw and neck up to the ear.
    return middle + p.along((0.75, -0.5, 0.3), 1.1 * p.bump((46, -66, 34), (24, 18, 34)))


def _reds(p: Place, heights: dict[int, float], up: float) -> Array:
    """Moves the border of a lip by its local height and fills the red with it.

    The fullest part moves by its share of the red's height and little more than its share of the
    depth: a lip of half the height is as round, and its fullest part stays outside the seam.
    """
    moves: dict[str, Vector] = {}
    for number, height in heights.items():
        moves[f"m1_{number}"] = (0.0, 0.30 * up * height, 0.40 * height)
        moves[f"m2_{number}"] = (0.0, 0.85 * up * height, 0.35 * height)
        moves[f"m3_{number}"] = (0.0, 0.25 * up * height, 0.10 * height)
    return p.on_cage(moves)


def _canthi(p: Place, radii: Vector, scale: float, direction: Vector) -> Array:
    amount = p.bump((31.6, 35, 93), radii) * (p.x - 31.6) / scale
    return p.along(direction, amount)


def _fissure_height(p: Place) -> Array:
    # The crease above moves along, or a wide eye under a full fold would push its lid through.
    below, above = p.bump((31.6, 40.5, 95), (11, 4.5, 22)), p.bump((31.6, 40.5, 95), (12, 9, 22))
    return p.along(_UP, np.where(p.y > 40.5, above, below))


def _lid_fold(p: Place) -> Array:
    # A full fold under a low brow hangs out over the lid, or it would be pushed into itself.
    return p.along((0, -1, 0.8), p.bump((34, 47.5, 97), (18, 6.5, 18)))


def _local(direction: Vector, center: Vector, radii: Vector) -> Callable[[Place], Array]:
    return lambda p: p.along(direction, p.bump(center, radii))


def _lower(start: float, end: float, front: tuple[float, float]) -> Callable[[Place], Array]:
    return lambda p: p.along(_DOWN, p.step(start, end, p.y) * p.step(*front, p.z))


MODES = (
    Mode("size", 0.02, _size, None),
    # Skull.
    Mode("head_length", 7.0, _head_length, "head_length"),
    Mode("vault", 6.2, _vault, "tragion_vertex"),
    Mode("head_breadth", 5.4, _head_breadth, "head_breadth"),
    Mode(
        "forehead_slope",
        4.0,
        lambda p: p.along(_BACK, p.step(55, 110, p.y) * p.step(0, 70, p.z)),
        {"r102_0": _BACK},
    ),
    Mode("forehead_bulge", 1.8, _local(_FORWARD, (0, 80, 100), (46, 17, 45)), {"r80_0": _FORWARD}),
    Mode("temple_width", 2.4, _local(_OUT, (66, 62, 52), (26, 22, 32)), {"r62_53": (2.0, 0, 0)}),
    # Face as a whole.
    Mode("bizygomatic", 5.9, _local(_OUT, (66, 8, 40), (22, 34, 45)), "bizygomatic"),
    Mode("bigonial", 6.0, _local(_OUT, (58, -44, 35), (24, 30, 45)), "bigonial"),
    Mode("midface", 3.0, _lower(26, -4, (15, 56)), "nose_height"),
    Mode("philtrum", 2.0, _lower(-12, -22, (15, 50)), "upper_lip_height"),
    Mode("lower_face", 4.6, lambda p: p.along(_DOWN, p.step(-36, -72, p.y)), "menton_sellion"),
    Mode("jaw_body", 4.0, _local(_OUT, (42, -58, 70), (19, 18, 28)), {"r-58_41": (2.0, 0, 0)}),
    Mode("jaw_angle", 3.5, _local(_DOWN, (60, -46, 38), (22, 24, 34)), {"r-44_72": _DOWN}),
    Mode("chin_out", 3.2, _local(_FORWARD, (0, -68, 105), (26, 20, 32)), {"r-69_0": _FORWARD}),
    Mode("chin_width", 3.0, _local(_OUT, (17, -66, 95), (15, 17, 30)), {"r-69_14": (2.0, 0, 0)}),
    Mode("submental", 4.0, _submental, {"u0_62": _DOWN}),
    Mode(
        "cheek_full",
        2.6,
        _local((0.8, -0.1, 0.6), (45, -21, 79), (20, 24, 34)),
        {"r-26_27": (0.8, -0.1, 0.6)},
    ),
    Mode(
        "cheekbone",
        2.0,
        _local((0.6, 0.1, 0.8), (46, 13, 84), (17, 14, 28)),
        {"r14_31": (0.6, 0.1, 0.8)},
    ),
    Mode("jowl", 0.7, _local((0.5, -0.6, 0.5), (40, -50, 76), (17, 15, 26)), {"r-58_26": _DOWN}),
    # Nose.
    Mode("nose_out", 2.0, _nose_out, "nose_protrusion"),
    Mode("tip_up", 2.2, _local((0, 0.76, -0.65), (0, 2, 128), (12, 11, 18)), {"n_tip": _UP}),
    Mode("tip_width", 1.5, _local(_OUT, (8, 4, 128), (7, 8, 11)), {"n_lob": (2.0, 0, 0)}),
    Mode("nose_width", 3.0, _local(_OUT, (15, -3, 110), (9, 11, 20)), "nose_width"),
    Mode("ala_height", 1.0, _local(_UP, (18, -6, 110), (8, 8, 14)), {"n_ala": _UP}),
    Mode("bridge_out", 1.9, _local(_FORWARD, (0, 28, 110), (9, 17, 18)), {"n_b1": _FORWARD}),
    Mode("bridge_width", 1.8, _local(_OUT, (9, 20, 108), (7, 17, 18)), {"n_s2": (2.0, 0, 0)}),
    Mode("hump", 1.1, _local(_FORWARD, (0, 19, 118), (8, 9, 14)), {"n_b2": _FORWARD}),
    # Eyes and brows.
    Mode("eye_distance", 3.5, _local(_OUT, (31.6, 36, 90), (19, 15, 40)), "interpupillary"),
    Mode("fissure_length", 1.8, lambda p: _canthi(p, (18, 9, 22), 26, _OUT), "fissure_length"),
    Mode("fissure_height", 1.1, _fissure_height, "fissure_height"),
    Mode(
        "canthal_tilt",
        1.3,
        lambda p: _canthi(p, (20, 11, 24), 13, _UP),
        {"e0_6": _UP, "e0_0": _DOWN},
    ),
    Mode("eye_depth", 1.5, _local(_BACK, (31.6, 36, 92), (20, 15, 26)), {"e0_3": _BACK}),
    Mode("lid_fold", 1.1, _lid_fold, {"e2_3": _DOWN}),
    Mode(
        "epicanthus",
        0.7,
        lambda p: p.on_cage(
            {
                "e1_0": (0.3, -0.6, 0.6),  # lower it would meet the lid below
                "e1_1": (0.2, -1.0, 0.5),
                "e1_2": (0.0, -0.5, 0.3),
                "e1_11": (0.1, -0.35, 0.2),
                "e0_1": (0.0, -0.45, 0.1),
                "e2_0": (0.3, -0.5, 0.9),
                "e2_1": (0.1, -1.0, 1.1),
                "e2_2": (0.0, -0.5, 0.7),
                "e2_11": (0.2, -0.45, 0.4),
            }
        ),
        {"e1_1": _DOWN},
    ),
    Mode("eye_bag", 0.7, _local(_FORWARD, (33, 25, 95), (13, 5, 16)), {"e2_9": _FORWARD}),
    Mode("brow_height", 2.2, _local(_UP, (31, 53, 95), (27, 9, 30)), {"e3_3": _UP}),
    Mode(
        "brow_tilt",
        1.4,
        lambda p: p.along(_UP, p.bump((33, 54, 95), (24, 9, 30)) * (p.x - 33.0) / 16.0),
        {"e3_4": _UP, "e3_2": _DOWN},
    ),
    Mode("brow_ridge", 2.0, _local(_FORWARD, (19, 51, 104), (26, 9, 22)), {"r53_8": _FORWARD}),
    # Mouth.
    Mode("mouth_width", 3.4, _local(_OUT, (25, -35, 100), (13, 12, 24)), "mouth_width"),
    Mode("lips_out", 2.0, _local(_FORWARD, (0, -34, 114), (26, 15, 26)), {"m1_3": _FORWARD}),
    Mode("upper_red", 1.4, lambda p: _reds(p, {1: 0.5, 2: 1.0, 3: 0.9}, 1.0), "upper_red"),
    Mode("lower_red", 1.5, lambda p: _reds(p, {4: 1.0, 5: 1.0, 6: 0.7}, -1.0), "lower_red"),
    Mode(
        "cupid_bow",
        0.7,
        lambda p: p.on_cage(
            {"m2_2": (0, 0.6, 0.1), "m2_3": (0, -0.4, -0.1), "m1_3": (0, -0.3, 0.3)}
        ),
        {"m2_2": _UP, "m2_3": _DOWN},
    ),
    Mode("mouth_corners", 0.9, _local(_UP, (26, -35, 99), (9, 9, 16)), {"m0_0": _UP}),
    # Ears and neck.
    Mode("ear_size", 4.2, _ear_root, "ear_length"),
    Mode(
        "ear_breadth",
        2.6,
        lambda p: _ear_root(p) * (0.0, 0.0, 1.0),
        "ear_breadth",
    ),
    Mode("ear_out", 2.8, _ear_out, "ear_protrusion"),
    Mode("ear_lobe", 1.6, lambda p: p.along(_DOWN, p.ear * p.step(-6, -22, p.y)), {"a1_9": _DOWN}),
    Mode("neck_width", 24.0, _neck, "neck_circumference"),
)
"""All modes; coefficients of a person come in this order."""

MODE_INDEX = {mode.name: i for i, mode in enumerate(MODES)}


@functools.lru_cache(maxsize=4)
def build_modes(template: Template) -> Array:
    """Displacements (modes, skin vertices, 3) for a coefficient of 1 each."""
    return _raw_fields(template) / _raw_effects()[:, None, None]


def _raw_fields(template: Template) -> Array:
    place = Place(template)
    mirrored = np.sign(template.vertices[: template.num_skin, 0])
    sideways = mirrored * np.minimum(place.x / 4.0, 1.0)
    fields = np.array([mode.field(place) for mode in MODES])
    fields[:, :, 0] *= sideways
    size = MODE_INDEX["size"]
    fields[size, :, 0] = template.vertices[: template.num_skin, 0]  # whole, up to the midline
    return fields


@functools.cache
def _raw_effects() -> Array:
    """Measured at one level of detail, so that a coefficient means the same at all of them."""
    template = build_template()
    fields = _raw_fields(template)
    return np.array([effect(template, mode, field) for mode, field in zip(MODES, fields)])


def effect(template: Template, mode: Mode, field: Array) -> float:
    """How much a displacement (skin vertices, 3) changes what ``mode`` is a millimetre of."""
    if mode.probe is None:
        return 1.0
    if isinstance(mode.probe, dict):
        cage = load_cage()
        return sum(float(field[cage.index(name)] @ way) for name, way in mode.probe.items())
    if mode.probe == "interpupillary":  # balls follow their lids
        return 2.0 * float(np.median(field[template.eye_loops["left"], 0]))
    step = 1e-3
    changed = template.vertices.copy()
    changed[: template.num_skin] += step * field
    return (
        measure(template, changed)[mode.probe] - measure(template, template.vertices)[mode.probe]
    ) / step
