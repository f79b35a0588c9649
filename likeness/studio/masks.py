"""Named regions of the template under the names of FLAME's vertex masks.

Regions overlap and do not cover every vertex, as in FLAME. They follow the rings of the cage and
its named points, so they lie alike at every level of detail.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from likeness.studio.cage import load_cage
from likeness.studio.hairline import AXIS_Z, hairline_height
from likeness.studio.template import Template

_LIPS = 1.94  # mouth ring number of the vermilion border
_LID_REGION = 3.2  # eye ring number just beyond the orbit
_FOREHEAD = 58.0  # height of the brows' upper edge
_FACE_AZIMUTH = 75.0  # degrees from the front to where face becomes side of the head
_NECK_BLUR = 2
_NECK_POINTS = ("k", "r-66_", "u0_62", "u22_56", "u37_62", "u47_40")


def vertex_masks(template: Template) -> dict[str, NDArray[np.int64]]:
    """Vertex ids by region name: face, forehead, nose, lips, eye regions, ears, scalp, neck, ..."""
    skin = template.vertices[: template.num_skin]
    eye_ring, mouth_ring = (
        ring[: template.num_skin] for ring in (template.eye_ring, template.mouth_ring)
    )
    ear = template.ear[: template.num_skin] > 0.5
    azimuth = np.degrees(np.arctan2(np.abs(skin[:, 0]), skin[:, 2] - AXIS_Z))
    hairline = np.array([hairline_height(degrees, 0.0) for degrees in azimuth])

    neck = neck_share(template) > 0.5
    scalp = (skin[:, 1] > hairline) & ~ear & ~neck
    face = (azimuth < _FACE_AZIMUTH) & ~scalp & ~ear & ~neck
    around_eye = eye_ring < _LID_REGION
    on_left = template.side[: template.num_skin] > 0
    regions = {
        "face": face,
        "forehead": face & (skin[:, 1] > _FOREHEAD),
        "nose": _share_of(template, "n_") > 0.5,
        "lips": mouth_ring < _LIPS,
        "eye_region": around_eye,
        "left_eye_region": around_eye & on_left,
        "right_eye_region": around_eye & ~on_left,
        "left_ear": ear & on_left,
        "right_ear": ear & ~on_left,
        "scalp": scalp,
        "neck": neck,
        "boundary": _share_of(template, "k-150_") > 0.2,
    }
    masks = {name: np.flatnonzero(where) for name, where in regions.items()}
    masks["left_eyeball"] = template.of("eyeball_left")
    masks["right_eyeball"] = template.of("eyeball_right")
    masks["teeth"] = template.of("teeth_upper", "teeth_lower")
    masks["tongue"] = template.of("tongue")
    masks["mouth_lining"] = template.of("mouth_lining")
    masks["lid_linings"] = template.of("lid_lining_left", "lid_lining_right")
    return masks


@functools.lru_cache(maxsize=4)
def neck_share(template: Template) -> NDArray[np.float64]:
    """How much of each skin vertex is neck, 0..1; what lies between goes by interpolation.

    The cage is coarse under the jaw, and its points are either neck or not. Each takes half of its
    neighbours' share before subdivision, or the border at a half would follow the cage's edges.
    """
    cage = load_cage()
    edges = np.unique(cage.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=0)
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    both = np.concatenate([edges, edges[:, ::-1]])
    share = np.zeros(len(cage.points))
    for prefix in _NECK_POINTS:
        share[cage.starting_with(prefix)] = 1.0
    for _ in range(_NECK_BLUR):
        around = np.bincount(both[:, 0], share[both[:, 1]]) / np.bincount(both[:, 0])
        share = 0.5 * (share + around)
    found = template.cage_to_skin @ share
    found.flags.writeable = False
    return found


def _share_of(template: Template, *prefixes: str) -> NDArray[np.float64]:
    """How much of each skin vertex comes from cage points whose names start so."""
    cage = load_cage()
    indicator = np.zeros(len(cage.points))
    for prefix in prefixes:
        indicator[cage.starting_with(prefix)] = 1.0
    return template.cage_to_skin @ indicator
