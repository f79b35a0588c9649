"""Spreading values over a surface: dense solution, constants, slits, symmetry."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.cage import load_cage
from likeness.studio.spreading import Spreader, cotangent_laplacian, spread
from likeness.studio.template import build_template


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:size, :size]
    vertices = np.stack([x.ravel(), y.ravel(), 0.1 * np.sin(x + 2 * y).ravel()], axis=1)
    index = np.arange(size * size).reshape(size, size)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def test_laplacian_against_plain_cotangents() -> None:
    vertices, triangles = grid(5)
    weights = np.zeros((25, 25))
    for triangle in triangles.tolist():
        for k in range(3):
            top, i, j = triangle[k], triangle[(k + 1) % 3], triangle[(k + 2) % 3]
            u, v = vertices[i] - vertices[top], vertices[j] - vertices[top]
            angle = np.arccos(u @ v / (np.linalg.norm(u) * np.linalg.norm(v)))
            weights[i, j] += 0.5 / np.tan(angle)
            weights[j, i] += 0.5 / np.tan(angle)
    edges = weights != 0
    weights[edges] = np.clip(weights[edges], 0.02, 5.0)
    expected = np.eye(25) - weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        cotangent_laplacian(vertices, triangles).toarray(), expected, atol=1e-9
    )


def test_minimises_the_stated_energy() -> None:
    vertices, triangles = grid(6)
    anchors, given = np.array([0, 7, 20, 35]), np.array([1.0, -2.0, 0.5, 3.0])
    laplacian = cotangent_laplacian(vertices, triangles).toarray()
    pick = np.zeros((4, 36))
    pick[np.arange(4), anchors] = 1.0
    system = np.concatenate([laplacian, 10.0 * pick])
    expected = np.linalg.lstsq(system, np.concatenate([np.zeros(36), 10.0 * given]), rcond=None)[0]
    found = Spreader(vertices, triangles, anchors)(given)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_constants_are_kept_and_shapes_follow_the_values() -> None:
    template = build_template()
    anchors = np.arange(0, 528, 5)
    ones = spread(template, anchors, np.ones((len(anchors), 2, 3)))
    assert ones.shape == (template.num_skin, 2, 3)
    np.testing.assert_allclose(ones, 1.0, atol=1e-8)


def test_values_do_not_cross_the_slit_of_the_mouth() -> None:
    template, cage = build_template(), load_cage()
    everything = np.arange(528)
    values = np.zeros(528)
    values[[cage.index("m0_3"), cage.index("m0_2")]] = 1.0
    result = spread(template, everything, values)
    upper, lower = template.lip_pairs
    middle = len(upper) // 2
    assert result[upper[middle]] > 0.9
    assert abs(result[lower[middle]]) < 0.01  # the same place, the other lip


def test_symmetric_values_spread_symmetrically() -> None:
    template, cage = build_template(), load_cage()
    rng = np.random.default_rng(1)
    values = rng.normal(size=528)
    values = values + values[cage.mirror]
    result = spread(template, np.arange(528), values)
    mirror = template.mirror[: template.num_skin]
    np.testing.assert_allclose(result[mirror], result, atol=1e-9)


def test_wrong_anchors_are_refused() -> None:
    vertices, triangles = grid(4)
    with pytest.raises(ValueError, match="listed twice"):
        Spreader(vertices, triangles, [1, 1])
    with pytest.raises(ValueError, match="2 anchors, but 3 values"):
        Spreader(vertices, triangles, [1, 2])(np.zeros(3))
