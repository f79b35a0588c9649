"""The chart: no triangle turned over, nothing on top of something else, one texture per detail."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from likeness.studio.template import PARTS, build_template
from likeness.studio.uv import ISLANDS_TOP

DETAILS = ("low", "standard", "high")


def doubled_areas(uv: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = uv[faces].transpose(1, 0, 2)
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


@pytest.mark.parametrize("detail", DETAILS)
def test_no_triangle_is_turned_over(detail: str) -> None:
    template = build_template(detail)
    assert template.uv_faces.shape == template.faces.shape
    assert doubled_areas(template.uv, template.uv_faces).min() > 0.0
    assert template.uv.min() >= 0.0
    assert template.uv.max() <= 1.0


def test_every_texel_belongs_to_one_triangle_at_most() -> None:
    template, size = build_template(), 512
    covered = np.zeros((size, size), dtype=int)
    for corners in template.uv[template.uv_faces] * size:
        (ax, ay), (bx, by), (cx, cy) = corners
        x = np.arange(max(int(corners[:, 0].min()), 0), min(int(corners[:, 0].max()) + 1, size))
        y = np.arange(max(int(corners[:, 1].min()), 0), min(int(corners[:, 1].max()) + 1, size))
        px, py = np.meshgrid(x + 0.5, y + 0.5)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        u = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) / area
        v = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / area
        inside = (u > 1e-9) & (v > 1e-9) & (u + v < 1.0 - 1e-9)
        covered[np.ix_(y, x)] += inside
    assert covered.max() == 1
    assert (covered == 1).mean() > 0.8


def test_texture_points_follow_the_vertices() -> None:
    template = build_template()
    vertex_of = np.full(len(template.uv), -1)
    for uv_face, face in zip(template.uv_faces.reshape(-1), template.faces.reshape(-1)):
        assert vertex_of[uv_face] in (-1, face)  # a texture point belongs to one vertex
        vertex_of[uv_face] = face
    assert (vertex_of >= 0).all()
    # Skin vertices have one texture point each, but for the back midline, which has two.
    on_skin = template.uv_faces[template.face_part == 0]
    doubled = np.flatnonzero(np.bincount(vertex_of[np.unique(on_skin)]) == 2)
    assert np.abs(template.vertices[doubled, 0]).max() < 1e-9
    assert template.vertices[doubled, 2].max() < 10.0
    assert len(doubled) < 40


def test_skin_lies_above_the_islands_and_the_nose_in_the_middle() -> None:
    template = build_template()
    for number, name in enumerate(PARTS):
        v = template.uv[template.uv_faces[template.face_part == number], 1]
        if name == "skin":
            assert v.min() >= ISLANDS_TOP
        else:
            assert v.max() <= ISLANDS_TOP
    front = template.vertices[template.faces].mean(axis=1)[:, 2] > 125.0
    u = template.uv[template.uv_faces[front & (template.face_part == 0)], 0]
    assert np.abs(u - 0.5).max() < 0.1


def test_one_texture_fits_every_detail() -> None:
    corner = {}
    for detail in DETAILS:
        template = build_template(detail)
        corner[detail] = {}
        skin = template.face_part == 0
        for face, uv_face in zip(template.faces[skin], template.uv_faces[skin]):
            for vertex, point in zip(face, uv_face):
                if abs(template.vertices[vertex, 0]) > 1e-6:  # one point, off the cut
                    corner[detail][int(vertex)] = template.uv[point]
    for lower, higher in itertools.pairwise(DETAILS):
        for vertex, point in corner[lower].items():
            np.testing.assert_allclose(corner[higher][vertex], point, atol=1e-12)
