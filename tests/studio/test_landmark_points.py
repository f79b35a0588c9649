"""Landmarks on the template: order, symmetry, closeness, and the outline of a turned head."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.cage import load_cage
from likeness.studio.landmark_points import (
    CONTOUR_YAWS,
    MIRROR_68,
    closest_point,
    contour,
    landmarks68,
)
from likeness.studio.template import Template, build_template
from tests.realdata import real_data


def positions(template: Template, where) -> np.ndarray:
    corners = template.vertices[template.faces[where.triangles]]
    return np.einsum("...k,...kc->...c", where.barycentric, corners)


def test_closest_point_against_dense_sampling() -> None:
    rng = np.random.default_rng(3)
    vertices = rng.normal(size=(12, 3))
    faces = rng.permuted(np.tile(np.arange(12), (8, 1)), axis=1)[:, :3]
    steps = np.linspace(0.0, 1.0, 121)
    u, v = (grid.ravel() for grid in np.meshgrid(steps, steps))
    inside = u + v <= 1.0
    weights = np.stack([1.0 - u - v, u, v], axis=1)[inside]
    samples = np.einsum("wk,fkc->fwc", weights, vertices[faces])
    for point in rng.normal(size=(20, 3)) * 1.5:
        triangle, barycentric = closest_point(vertices, faces, point)
        assert barycentric.min() >= 0.0
        assert barycentric.sum() == pytest.approx(1.0)
        distance = np.linalg.norm(barycentric @ vertices[faces[triangle]] - point)
        dense = np.linalg.norm(samples - point, axis=2).min()
        assert distance <= dense + 1e-12
        assert distance > dense - 0.05


@pytest.mark.parametrize("detail", ["low", "standard", "high"])
def test_mirror_pairs_coincide(detail: str) -> None:
    template = build_template(detail)
    points = positions(template, landmarks68(template))
    image = points[list(MIRROR_68)] * (-1.0, 1.0, 1.0)
    assert np.linalg.norm(image - points, axis=1).max() < 0.05  # mm


def test_order_is_that_of_300w() -> None:
    template = build_template()
    where = landmarks68(template)
    points = positions(template, where)
    assert (where.triangles < (template.face_part == 0).sum()).all()  # on the skin
    assert (np.diff(points[:17, 0]) > 0).all()  # jaw: from the subject's right to the left
    assert points[8, 1] == points[:17, 1].min()  # over the chin
    assert (np.diff(points[17:27, 0]) > 0).all()  # brows
    assert (np.diff(points[27:31, 1]) < 0).all()  # down the ridge of the nose
    assert (np.diff(points[31:36, 0]) > 0).all()
    assert (points[36:42, 0] < 0).all()  # the subject's right eye first
    assert (points[42:48, 0] > 0).all()
    assert (points[[43, 44], 1] > points[[47, 46], 1] + 5.0).all()
    assert points[51, 1] > points[62, 1] >= points[66, 1] > points[57, 1]
    assert points[54, 0] == points[48:60, 0].max()
    cage = load_cage()
    np.testing.assert_allclose(points[30], template.vertices[cage.index("n_tip")], atol=0.3)


def test_outer_points_of_the_lower_lip_lie_where_people_put_them() -> None:
    """Means of 62 faces of the Face Research Lab London Set (DeBruine and Jones, 2017), from the
    middle of the mouth in halves of its width, and below its line in heights of the lower lip."""
    template = build_template()
    points = positions(template, landmarks68(template))
    line, bottom = points[66], points[57]
    aside = (points[55, 0] - points[57, 0]) / points[54, 0]
    seam = np.interp(points[55, 0], *points[[66, 65, 64, 54], :2].T)
    below = (seam - points[55, 1]) / (line[1] - bottom[1])
    assert aside == pytest.approx(0.73, abs=0.05)
    assert below == pytest.approx(0.55, abs=0.08)


def test_inner_lip_points_belong_to_their_own_lip() -> None:
    template = build_template()
    where = landmarks68(template)
    upper, lower = (set(ids.tolist()) for ids in template.lip_pairs)
    for number in (61, 62, 63):
        assert set(template.faces[where.triangles[number]].tolist()) & upper
    for number in (65, 66, 67):
        assert set(template.faces[where.triangles[number]].tolist()) & lower


def outline_distance(template: Template, yaw: float, points: np.ndarray) -> np.ndarray:
    """Distances in mm of points to the head's outline, turned by ``yaw``, from a drawn mask."""
    angle, scale, size = np.radians(yaw), 4.0, 1100
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    flat = (template.vertices @ turn.T)[:, :2] * scale + size / 2
    mask = np.zeros((size, size), dtype=bool)
    for face in template.skin_faces:
        (ax, ay), (bx, by), (cx, cy) = flat[face]
        x = np.arange(int(min(ax, bx, cx)), int(max(ax, bx, cx)) + 1)
        y = np.arange(int(min(ay, by, cy)), int(max(ay, by, cy)) + 1)
        x, y = x[(x >= 0) & (x < size)], y[(y >= 0) & (y < size)]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not len(x) or not len(y) or abs(area) < 1e-9:
            continue
        px, py = np.meshgrid(x + 0.5, y + 0.5)
        u = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) / area
        v = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / area
        mask[np.ix_(y, x)] |= (u >= 0) & (v >= 0) & (u + v <= 1)
    edge = mask & ~(
        np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1)
    )
    rim = (np.argwhere(edge)[:, ::-1] + 0.5 - size / 2) / scale
    seen = points @ turn.T
    return np.linalg.norm(rim[None] - seen[:, None, :2], axis=2).min(axis=1)


def test_contour_follows_the_outline_of_the_far_cheek() -> None:
    template = build_template()
    points = positions(template, contour(template))
    assert points.shape == (79, 17, 3)
    assert outline_distance(template, 39.0, points[39, 9:]).max() < 2.0
    assert outline_distance(template, -39.0, points[78, :8]).max() < 2.0
    assert outline_distance(template, 25.0, points[25, 10:]).max() < 2.0
    # Without sliding, the points of a turned head lie far inside.
    assert outline_distance(template, 39.0, points[0, 9:]).max() > 10.0


def test_contour_rows_and_sides() -> None:
    template = build_template()
    where = contour(template)
    np.testing.assert_allclose(where.barycentric.sum(axis=-1), 1.0, atol=1e-12)
    assert where.barycentric.min() >= -1e-12
    points = positions(template, where)
    fixed = positions(template, landmarks68(template))[:17]
    np.testing.assert_allclose(points[0], fixed, atol=1e-9)
    np.testing.assert_allclose(points[39, :9], fixed[:9], atol=1e-9)  # the near side stays
    np.testing.assert_allclose(points[78, 8:], fixed[8:], atol=1e-9)
    assert CONTOUR_YAWS[39] == 39
    assert CONTOUR_YAWS[40] == -1
    assert CONTOUR_YAWS[78] == -39
    for yaw in (1, 20, 39):
        image = points[39 + yaw, ::-1] * (-1.0, 1.0, 1.0)
        np.testing.assert_allclose(image, points[yaw], atol=1e-9)
    assert np.diff(points[:40, 9:, 0], axis=0).max() < 1e-9  # they only ever slide forward


@pytest.mark.realdata
def test_landmarks_lie_near_those_of_the_real_head() -> None:
    data = np.load(real_data("ict_face_model") / "ict_face.npz")
    real = data["vertices"][data["landmarks68"]].astype(np.float64) * 10.0
    template = build_template()
    points = positions(template, landmarks68(template))
    distance = np.linalg.norm(points - real, axis=1)
    assert np.median(distance[27:]) < 2.0  # mm; brows and jaw are a matter of convention
    assert distance[27:].max() < 8.0
