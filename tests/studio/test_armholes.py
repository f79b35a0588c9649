"""Sleeves and the trunk's cloth: one surface over the shoulder, and nothing moved elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import armholes, clothing, limbs
from likeness.studio.attached import AttachedMesh
from likeness.studio.surface_points import CLOTH
from likeness.studio.template import build_template
from likeness.studio.torso import Build
from tests.studio.surface_cases import plain

BODIES = [Build("male", 25.0), Build("female", 22.0), Build("female", 34.0)]


def _apart(kind: str, body: Build) -> tuple[AttachedMesh, AttachedMesh]:
    template, appearance = build_template(), plain(clothing__kind=kind, clothing__looseness=0.4)
    return (
        clothing.build(appearance, template, template.vertices, body),
        limbs.build(appearance, template, template.vertices, body),
    )


def _together(kind: str, body: Build) -> tuple[AttachedMesh, AttachedMesh]:
    template, appearance = build_template(), plain(clothing__kind=kind, clothing__looseness=0.4)
    return armholes.dressed(appearance, template, template.vertices, body)


def _turn_across(meshes: tuple[AttachedMesh, AttachedMesh], body: Build) -> float:
    """Largest turn in degrees of the shading seen from in front between places 8 mm apart, across
    a shoulder 90 mm below the neck of a man."""
    template = build_template()
    level = -113.0 - 90.0 * body.stature
    found = []
    for mesh in meshes:
        points, normals = mesh.place(template.vertices)
        faces = mesh.faces[(mesh.part == CLOTH)[mesh.faces].all(axis=1)]
        for share in np.linspace(0.0, 1.0, 9):
            # From a corner to points of the opposite edge.
            for corner in range(3):
                one = faces[:, corner]
                two, three = faces[:, (corner + 1) % 3], faces[:, (corner + 2) % 3]
                start, end = (
                    np.concatenate([a, b], axis=1)
                    for a, b in (
                        (points[one], normals[one]),
                        (
                            (1 - share) * points[two] + share * points[three],
                            (1 - share) * normals[two] + share * normals[three],
                        ),
                    )
                )
                through = (start[:, 1] - level) * (end[:, 1] - level) < 0.0
                start, end = start[through], end[through]
                along = ((level - start[:, 1]) / (end[:, 1] - start[:, 1]))[:, None]
                found.append((1 - along) * start + along * end)
    line = np.concatenate(found)
    seen = []
    for x in np.arange(80.0, 200.0, 8.0) * body.breadth:
        here = line[np.abs(line[:, 0] - x) < 2.0]
        normal = here[here[:, 2].argmax(), 3:]
        seen.append(normal / np.linalg.norm(normal))
    directions = np.array(seen)
    cosine = (directions[:-1] * directions[1:]).sum(axis=1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))).max())


@pytest.mark.parametrize("body", BODIES)
def test_no_furrow_runs_around_the_arm(body: Build) -> None:
    before, after = (_turn_across(made("t-shirt", body), body) for made in (_apart, _together))
    assert before > 40.0
    assert after < 30.0


@pytest.mark.parametrize("kind", ["shirt", "cardigan", "dress"])
def test_what_is_no_shoulder_stays(kind: str) -> None:
    body = Build("female", 25.0)
    template = build_template()
    for before, after in zip(_apart(kind, body), _together(kind, body)):
        old, new = (mesh.place(template.vertices)[0] for mesh in (before, after))
        moved = np.linalg.norm(new - old, axis=1)
        shoulder = (np.abs(old[:, 0]) > 90.0 * body.breadth) & (old[:, 1] > -300.0)
        assert moved[~shoulder].max() == 0.0
        assert moved[before.part != CLOTH].max() == 0.0
        assert 3.0 < moved.max() < 25.0
