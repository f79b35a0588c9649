"""Measures a head the way an anthropometrist does: distances between points, breadths, girths.

Owns the definition of every measure by vertices of the template. What is usual among people is
:mod:`likeness.studio.anthropometry`. Definitions follow ANSUR II (Gordon et al., 2014) for head,
ears and neck and Farkas (1994) for the face, as far as a mesh allows.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from likeness.studio.cage import load_cage
from likeness.studio.template import SIDES, Template

_GONION_TISSUE = 14.8
"""Skin and muscle between both gonia and the arms of the caliper, mm: Farkas' ``go-go`` presses to
the bone, while the mesh ends at the skin."""
_EAR_TILT = np.radians(18.0)
"""Angle of the ear's long axis against the vertical, top backward."""
_POLYGON_12 = np.pi / (12.0 * np.sin(np.pi / 12.0))
"""Perimeter of a circle over that of its 12-gon: neck rings are polygons of 12 points."""

_POINTS: dict[str, dict[str, float]] = {
    "glabella": {"r53_0": 1.0},
    "sellion": {"n_nasion": 0.6, "n_b1": 0.4},
    "nasion": {"n_nasion": 1.0},
    "pronasale": {"n_tip": 1.0},
    "subnasale": {"n_subn": 1.0},
    "upper_lip": {"m2_3": 0.7, "m1_3": 0.3},
    "stomion": {"m0_3": 0.5, "m0_4": 0.5},
    "lower_lip": {"m2_4": 0.9, "m1_4": 0.1},
    "menton": {"u0_98": 0.75, "u0_80": 0.25},
    "endocanthion": {"e0_0": 1.0},
    "exocanthion": {"e0_6": 1.0},
    "upper_lid": {"e0_3": 1.0},
    "lower_lid": {"e0_9": 1.0},
    "alare": {"n_ala": 1.0},
    "cheilion": {"m0_0": 1.0},
    "gonion": {"r-44_72": 1.0},
    "tragion": {"a0_11": 0.7, "a0_0": 0.3},
    "mastoid": {"r10_112": 0.5, "r-16_106": 0.5},
}
"""Landmarks as weights over one or two points of the cage, which keep their index on the skin.
Subject's left."""

_ALONG = {
    "menton_sellion": ("sellion", "menton"),
    "nasion_menton": ("nasion", "menton"),
    "nose_height": ("nasion", "subnasale"),
    "subnasale_menton": ("subnasale", "menton"),
    "upper_lip_height": ("subnasale", "stomion"),
    "nose_protrusion": ("subnasale", "pronasale"),
    "fissure_length": ("endocanthion", "exocanthion"),
    "fissure_height": ("upper_lid", "lower_lid"),
    "upper_red": ("upper_lip", "stomion"),
    "lower_red": ("lower_lip", "stomion"),
}
"""Distances between two landmarks of one side."""
_ACROSS = {
    "bigonial": ("gonion", -_GONION_TISSUE),
    "nose_width": ("alare", 0.0),
    "intercanthal": ("endocanthion", 0.0),
    "biocular": ("exocanthion", 0.0),
    "mouth_width": ("cheilion", 0.0),
}
"""Distances between a landmark and its mirror image, and what is added to them, mm."""

_ORDER = {name: i for i, name in enumerate(_POINTS)}
_ENDS = np.array([[_ORDER[first], _ORDER[second]] for first, second in _ALONG.values()])
_PAIRED = np.array([_ORDER[name] for name, _ in _ACROSS.values()])
_CHIN_ARC = ("r-26_71", "r-44_56", "r-58_41", "r-58_26", "r-69_14")
_NECK_RING = ("k-122_0", "k-122_30", "k-122_60", "k-122_90", "k-122_120", "k-122_150", "k-122_180")

MEASURES = (
    "head_length",
    "head_breadth",
    "head_circumference",
    "tragion_vertex",
    "bizygomatic",
    "bigonial",
    "bitragion_chin_arc",
    "menton_sellion",
    "nasion_menton",
    "nose_height",
    "subnasale_menton",
    "upper_lip_height",
    "nose_width",
    "nose_protrusion",
    "intercanthal",
    "biocular",
    "interpupillary",
    "fissure_length",
    "fissure_height",
    "mouth_width",
    "upper_red",
    "lower_red",
    "ear_length",
    "ear_breadth",
    "ear_protrusion",
    "neck_circumference",
)
"""Names of all measures, in the order :func:`measure` returns them."""


@dataclass(frozen=True)
class _Places:
    """Vertex ids each measure looks at."""

    landmarks: tuple[NDArray[np.int64], NDArray[np.int64]]  # left and right, (landmarks, 2)
    weights: NDArray[np.float64]  # (landmarks, 2) of both vertices of each
    skull: NDArray[np.int64]  # skin above the ears' roots, ears excluded
    back: NDArray[np.int64]  # midline of the back of the head
    cheeks: NDArray[np.int64]  # skin over the zygomatic arches
    girth: NDArray[np.int64]  # around the head above the brows
    ears: tuple[NDArray[np.int64], NDArray[np.int64]]
    neck: NDArray[np.int64]
    chin_arc: NDArray[np.int64]
    pupils: NDArray[np.int64]


@functools.lru_cache(maxsize=4)
def _places(template: Template) -> _Places:
    cage = load_cage()
    weights = np.zeros((len(_POINTS), 2))
    left = np.zeros((len(_POINTS), 2), dtype=np.int64)
    for i, points in enumerate(_POINTS.values()):
        weights[i, : len(points)] = list(points.values())
        left[i, : len(points)] = cage.indices(*points)
    skin = template.vertices[: template.num_skin]
    x, y, z = skin.T
    bare = template.ear[: template.num_skin] < 0.02
    on_ear = template.ear[: template.num_skin] > 0.5
    left_ear = np.flatnonzero(on_ear & (x > 0))
    chin = [*cage.indices(*_CHIN_ARC), cage.index("r-69_0")]
    neck = cage.indices(*_NECK_RING)
    return _Places(
        landmarks=(left, cage.mirror[left]),
        weights=weights,
        skull=np.flatnonzero(bare & (y > 30.0)),
        back=np.flatnonzero((np.abs(x) < 1e-6) & (z < 0.0) & (y > 0.0)),
        cheeks=np.flatnonzero(bare & (np.abs(y - 8.0) < 22.0) & (np.abs(z - 50.0) < 20.0)),
        girth=np.flatnonzero(bare & (np.abs(y - 62.0) < 4.0)),
        ears=(left_ear, template.mirror[left_ear]),
        neck=np.concatenate([neck, cage.mirror[neck[-2:0:-1]]]),
        chin_arc=np.concatenate([chin, cage.mirror[chin[-2::-1]]]),
        pupils=np.array([template.part_ranges[f"eyeball_{side}"].start for side in SIDES]),
    )


def measure(template: Template, vertices: NDArray[np.floating]) -> dict[str, float]:
    """All measures of a head at rest with an upright skull, in mm; paired ones are means.

    Args:
        template: the topology of ``vertices``.
        vertices: (V, 3) mm.
    """
    places = _places(template)
    points = np.stack(
        [np.einsum("lk,lkc->lc", places.weights, vertices[ids]) for ids in places.landmarks]
    )
    along = np.linalg.norm(points[:, _ENDS[:, 0]] - points[:, _ENDS[:, 1]], axis=2).mean(axis=0)
    across = np.linalg.norm(points[0, _PAIRED] - points[1, _PAIRED], axis=1)
    left, right = (dict(zip(_POINTS, side)) for side in points)

    def breadth(ids: NDArray[np.int64]) -> float:
        return float(np.ptp(vertices[ids, 0]))

    ears = []
    for ids, sign, side in zip(places.ears, (1.0, -1.0), (left, right)):
        ear = vertices[ids]
        ears.append(
            (
                np.ptp(ear[:, 1:] @ [np.cos(_EAR_TILT), -np.sin(_EAR_TILT)]),
                np.ptp(ear[:, 1:] @ [np.sin(_EAR_TILT), np.cos(_EAR_TILT)]),
                (sign * ear[:, 0]).max() - sign * side["mastoid"][0],
            )
        )
    ear_length, ear_breadth, ear_protrusion = np.mean(ears, axis=0)
    girth = vertices[places.girth][:, [0, 2]]
    arc = np.concatenate([[left["tragion"]], vertices[places.chin_arc], [right["tragion"]]])
    neck = vertices[places.neck]
    neck_steps = np.linalg.norm(neck - np.roll(neck, 1, axis=0), axis=1)
    values = {
        **dict(zip(_ALONG, along)),
        **{name: span + added for (name, (_, added)), span in zip(_ACROSS.items(), across)},
        "head_length": np.linalg.norm(vertices[places.back] - left["glabella"], axis=1).max(),
        "head_breadth": breadth(places.skull),
        "head_circumference": ConvexHull(girth).area,
        "tragion_vertex": vertices[places.skull, 1].max()
        - 0.5 * (left["tragion"][1] + right["tragion"][1]),
        "bizygomatic": breadth(places.cheeks),
        "bitragion_chin_arc": np.linalg.norm(np.diff(arc, axis=0), axis=1).sum(),
        "interpupillary": np.linalg.norm(np.diff(vertices[places.pupils], axis=0)),
        "ear_length": ear_length,
        "ear_breadth": ear_breadth,
        "ear_protrusion": ear_protrusion,
        "neck_circumference": _POLYGON_12 * neck_steps.sum(),
    }
    return {name: float(values[name]) for name in MEASURES}
