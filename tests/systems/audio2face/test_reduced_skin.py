from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.person import Person
from likeness.studio.template import build_template
from likeness.systems.audio2face.reduced_skin import _joined, faces_of_part
from likeness.systems.audio2face.studio_faces import StudioFace


@pytest.fixture(scope="module")
def face() -> StudioFace:
    return StudioFace(Person.sample(1), 600)


def test_a_grid_thinned_to_every_second_point_is_covered_once() -> None:
    """On a flat square the triangles fill the kept points' square, all one way round."""
    size = 9
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1).astype(float)
    points += np.random.default_rng(0).uniform(-0.05, 0.05, points.shape) * [1, 1, 0]
    corner = (x[:-1, :-1] + size * y[:-1, :-1]).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + size + 1], 1),
            np.stack([corner, corner + size + 1, corner + size], 1),
        ]
    )
    kept = np.flatnonzero((x.ravel() % 2 == 0) & (y.ravel() % 2 == 0))
    found = _joined(points, faces, kept)
    a, b, c = (points[kept][found[:, k], :2] for k in range(3))
    areas = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(64.0, rel=0.03)
    assert len(np.unique(found)) == len(kept)


def test_lips_and_lids_stay_apart(face: StudioFace) -> None:
    edges = {tuple(sorted((int(t[k]), int(t[(k + 1) % 3])))) for t in face.faces for k in range(3)}
    for pairs in (face.lip_distance, face.eye_distance):
        for upper, lower in zip(pairs.upper, pairs.lower, strict=True):
            assert tuple(sorted((int(upper), int(lower)))) not in edges


def test_every_edge_has_one_triangle_on_each_side_at_most(face: StudioFace) -> None:
    directed = [(int(t[k]), int(t[(k + 1) % 3])) for t in face.faces for k in range(3)]
    assert len(set(directed)) == len(directed)
    assert len(np.unique(face.faces)) == 600


def test_triangles_look_outward(face: StudioFace) -> None:
    a, b, c = (face.neutral[face.faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    assert normals[:, 2].sum() > 0.8 * np.linalg.norm(normals, axis=1).sum() * 0.6
    centre = face.neutral.mean(0)
    centre[2] = face.neutral[:, 2].min() - 5
    outward = (normals * ((a + b + c) / 3 - centre)).sum(1)
    assert (outward > 0).mean() > 0.95


def test_the_whole_skin_has_the_triangles_of_the_template() -> None:
    template = build_template()
    whole = StudioFace(Person.sample(1))
    np.testing.assert_array_equal(whole.faces, faces_of_part(template, "skin"))
    assert whole.faces.max() == template.num_skin - 1
    assert whole.tongue_faces is not None
    assert whole.tongue_neutral is not None
    assert whole.tongue_faces.max() == len(whole.tongue_neutral) - 1
