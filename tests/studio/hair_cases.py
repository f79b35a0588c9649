"""Hair the tests share: every style on the template, as a mesh and as lines."""

from __future__ import annotations

import numpy as np

from likeness.studio import hair
from likeness.studio.surface_points import HAIR
from likeness.studio.template import build_template
from tests.studio.surface_cases import plain

LENGTHS = {
    "bald": (0.0, 0.0),
    "buzz": (4.0, 2.0),
    "crop": (24.0, 6.0),
    "side_part": (62.0, 10.0),
    "swept": (75.0, 12.0),
    "fringe": (58.0, 14.0),
    "bob": (190.0, 160.0),
    "long": (330.0, 330.0),
    "tied": (180.0, 150.0),
    "curls": (80.0, 55.0),
    "afro": (40.0, 35.0),
}
HAIRY = [style for style in LENGTHS if style != "bald"]


def person_with(style: str, **changes):
    top, sides = LENGTHS[style]
    traits = {
        "hair__style": style,
        "hair__length": top,
        "hair__sides": sides,
        "hair__recession": 0.0,
        "hair__thinning": 0.0,
        "hair__grey": 0.0,
        "hair__fringe": 0.0,
        "hair__volume": 1.0,
        "hair__curl": {"afro": 0.9, "curls": 0.6}.get(style, 0.2),
        "hair__parting": 0.5,
    }
    return plain(**{**traits, **changes})


def built_hair(style: str, detail: hair.Detail = "low", **changes):
    template = build_template()
    appearance = person_with(style, **changes)
    mesh = hair.build(appearance, template, template.vertices, detail)
    positions, normals = mesh.place(template.vertices)
    return appearance, mesh, positions, normals


def middle_lines(mesh, positions) -> np.ndarray:
    """(S, K, 3) middle lines of the strands of the scalp that have the usual number of points."""
    own = mesh.part == HAIR
    numbers = mesh.rest[own, 2]
    usual = int((numbers == numbers[0]).sum())
    kept = numbers < 100_000
    return positions[own][kept].reshape(-1, usual // 2, 2, 3).mean(axis=2)
