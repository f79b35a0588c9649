"""What must hold for heads of many people, not only for the template: volume and normals."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from likeness.studio.deform import apply_expression
from likeness.studio.expressions import INDEX, draw_weights
from likeness.studio.measures import measure
from likeness.studio.person import Person
from likeness.studio.template import build_template

SEEDS = range(5000, 5100)


@cache
def _heads() -> list[tuple[Person, np.ndarray]]:
    return [
        (person, person.rest_vertices(build_template()))
        for person in (Person.sample(seed) for seed in SEEDS)
    ]


def _litres(vertices: np.ndarray) -> float:
    a, b, c = vertices[build_template().skin_faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6e6)


def _normals(vertices: np.ndarray) -> np.ndarray:
    a, b, c = vertices[build_template().skin_faces].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def test_volumes_follow_the_size_of_the_head() -> None:
    """3.6 to 5.2 litres are what heads of middling size have: the means of men and women, and the
    middle of all. A small head with a thin neck has less, in proportion to its box."""
    template = build_template()

    def box(sizes) -> float:
        return sizes["head_length"] * sizes["head_breadth"] * sizes["tragion_vertex"] / 1e6

    usual = _litres(template.vertices) / box(measure(template, template.vertices))
    litres = np.array([_litres(rest) for _, rest in _heads()])
    share = litres / [box(person.measures) for person, _ in _heads()]
    # What the box leaves open is the neck, a fifth of the volume, by up to three quarters of it.
    np.testing.assert_allclose(share, usual, rtol=0.15)
    women = np.array([person.sex == "female" for person, _ in _heads()])
    assert 3.6 < litres[women].mean() < litres[~women].mean() < 5.2
    assert 3.6 < np.quantile(litres, 0.25) < np.quantile(litres, 0.95) < 5.2
    assert 3.0 < litres.min() < litres.max() < 5.6


def test_faces_stay_turned_outward() -> None:
    """99.8 % of the face's triangles look where the template's do, on 95 of 100 heads.

    Triangles of the inner red of the lips and of the lids are left out: rolling lips and closing
    lids turn them over as real ones are. A short upper lip shrugged to the nose folds a few more.
    """
    template = build_template()
    faces = template.skin_faces
    skin = (template.vertices[faces].mean(axis=1)[:, 2] > 30.0) & (
        template.ear[faces].max(axis=1) < 0.02
    )
    skin &= (template.mouth_ring[faces].min(axis=1) > 1.0) & (
        template.eye_ring[faces].min(axis=1) > 2.0
    )
    before = _normals(template.vertices)[skin]
    agreeing = []
    for seed, (_, rest) in zip(SEEDS, _heads()):
        posed = apply_expression(template, rest, draw_weights(np.random.default_rng(seed)))
        agreeing.append(((_normals(posed)[skin] * before).sum(axis=1) > -0.2).mean())
    assert np.quantile(agreeing, 0.05) > 0.998
    assert min(agreeing) > 0.993


@pytest.mark.parametrize("shapes", [{}, {"jawOpen": 1.0}, {"jawOpen": 1.0, "jawLeft": 0.6}])
def test_no_chin_folds_against_its_neck(shapes) -> None:
    """However full the chin and thick the neck, at rest and with the jaw wide open."""
    template = build_template()
    faces = template.skin_faces
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    order = np.lexsort(edges.T)
    same = (edges[order][1:] == edges[order][:-1]).all(axis=1)
    first, second = order[:-1][same], order[1:][same]
    height = template.vertices[edges[first], 1].mean(axis=1)
    throat = (height < -60.0) & (height > -125.0)
    weights = np.zeros(52)
    for name, weight in shapes.items():
        weights[INDEX[name]] = weight
    for seed, (_, rest) in zip(SEEDS, _heads()):
        normals = _normals(apply_expression(template, rest, weights))
        cosine = (normals[first // 3] * normals[second // 3]).sum(axis=1)[throat]
        assert np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))).max() < 130.0, seed
