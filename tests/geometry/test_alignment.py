"""Similarity fits, nearest points and surface registration against references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from likeness.geometry import procrustes
from likeness.geometry.alignment import Similarity, fit_similarity
from likeness.geometry.closest_point import SurfaceTree
from likeness.geometry.registration import register_surface


def random_similarity(rng: np.random.Generator, dimensions: int = 3) -> Similarity:
    if dimensions == 3:
        rotation = Rotation.from_rotvec(rng.normal(size=3)).as_matrix()
    else:
        angle = rng.uniform(-3, 3)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Similarity(float(rng.uniform(0.3, 3)), rotation, rng.normal(size=dimensions))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_exact_matches_are_recovered(dimensions) -> None:
    rng = np.random.default_rng(0)
    truth = random_similarity(rng, dimensions)
    cloud = rng.normal(size=(10, dimensions))
    found = fit_similarity(cloud, truth.apply(cloud))
    np.testing.assert_allclose(found.matrix, truth.matrix, atol=1e-12)
    np.testing.assert_allclose(truth.inverse().apply(truth.apply(cloud)), cloud, atol=1e-12)
    rigid = Similarity(1.0, truth.rotation, truth.translation)
    found = fit_similarity(cloud, rigid.apply(cloud), scale=1.0)
    np.testing.assert_allclose(found.matrix, rigid.matrix, atol=1e-12)


def test_noisy_fit_is_the_least_squares_optimum() -> None:
    rng = np.random.default_rng(1)
    cloud = rng.normal(size=(15, 3))
    target = random_similarity(rng).apply(cloud) + 0.2 * rng.normal(size=(15, 3))
    weights = rng.random(15)

    def cost(x: np.ndarray) -> float:
        rotation = Rotation.from_rotvec(x[1:4]).as_matrix()
        moved = np.exp(x[0]) * cloud @ rotation.T + x[4:]
        return float(weights @ ((moved - target) ** 2).sum(1))

    found = fit_similarity(cloud, target, weights=weights)
    start = np.concatenate(
        [[np.log(found.scale)], Rotation.from_matrix(found.rotation).as_rotvec(), found.translation]
    )
    best = minimize(cost, start + 0.05, method="BFGS", options={"gtol": 1e-9})
    assert cost(start) <= best.fun + 1e-9


def test_a_mirrored_cloud_is_not_reflected() -> None:
    rng = np.random.default_rng(2)
    cloud = rng.normal(size=(10, 3))
    found = fit_similarity(cloud, cloud * [-1, 1, 1])
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    flat = cloud[:, :2]
    assert np.linalg.det(fit_similarity(flat, flat * [-1, 1]).rotation) == pytest.approx(1)
    planar = cloud * [1, 1, 0]
    truth = random_similarity(rng)
    np.testing.assert_allclose(
        fit_similarity(planar, truth.apply(planar)).matrix, truth.matrix, atol=1e-12
    )


def test_fixed_scale_moves_the_translation() -> None:
    rng = np.random.default_rng(3)
    cloud = rng.normal(size=(9, 3)) + 5
    target = random_similarity(rng).apply(cloud)
    found = fit_similarity(cloud, target, scale=1000.0)
    assert found.scale == 1000.0
    np.testing.assert_allclose(found.apply(cloud).mean(0), target.mean(0), atol=1e-8)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.zeros((4, 3)), np.zeros((5, 3)), r"matched points, got \(4, 3\) and \(5, 3\)"),
        (np.ones((4, 3)), np.zeros((4, 3)), "coincide"),
        (np.ones((4, 4)), np.ones((4, 4)), "matched points"),
    ],
)
def test_impossible_fits_raise(source, target, message) -> None:
    with pytest.raises(ValueError, match=message):
        fit_similarity(source, target)
    with pytest.raises(ValueError, match="weights must be"):
        fit_similarity(np.eye(3), np.eye(3), weights=np.zeros(3))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("with_scale", [True, False])
def test_batched_fit_equals_numpy(dimensions, with_scale) -> None:
    rng = np.random.default_rng(4)
    source = rng.normal(size=(5, 12, dimensions))
    target = np.stack([random_similarity(rng, dimensions).apply(s) for s in source])
    target += 0.1 * rng.normal(size=target.shape)
    weights = rng.random((5, 12))
    scale, rotation, shift = procrustes.fit_similarity(
        torch.tensor(source),
        torch.tensor(target),
        weights=torch.tensor(weights),
        with_scale=with_scale,
    )
    moved = procrustes.apply_similarity(torch.tensor(source), scale, rotation, shift)
    for i in range(5):
        expected = fit_similarity(
            source[i], target[i], weights=weights[i], scale=None if with_scale else 1.0
        )
        np.testing.assert_allclose(moved[i].numpy(), expected.apply(source[i]), atol=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_batched_fit_never_reflects_and_has_gradients(dimensions) -> None:
    rng = np.random.default_rng(5)
    source = torch.tensor(rng.normal(size=(2, 6, dimensions)), requires_grad=True)
    mirror = torch.ones(dimensions, dtype=torch.float64)
    mirror[0] = -1
    _, rotation, _ = procrustes.fit_similarity(source, source * mirror)
    assert (torch.linalg.det(rotation) > 0.99).all()
    target = torch.tensor(rng.normal(size=(2, 6, dimensions)), requires_grad=True)

    def residual(a, b):
        return procrustes.apply_similarity(a, *procrustes.fit_similarity(a, b)) - b

    assert torch.autograd.gradcheck(residual, (source, target))


def brute_force(corners: np.ndarray, point: np.ndarray) -> float:
    """Distance to triangles by minimising over dense barycentric samples, then polishing."""
    steps = np.linspace(0, 1, 201)
    b, c = np.meshgrid(steps, steps)
    inside = b + c <= 1 + 1e-12
    weights = np.stack([1 - b[inside] - c[inside], b[inside], c[inside]], axis=1)
    samples = np.einsum("sk,fkc->fsc", weights, corners)
    return float(np.linalg.norm(samples - point, axis=2).min())


def test_nearest_points_are_not_farther_than_any_sample() -> None:
    rng = np.random.default_rng(6)
    vertices, faces = rng.normal(size=(12, 3)), rng.integers(0, 12, (15, 3))
    queries = 1.5 * rng.normal(size=(20, 3))
    found = SurfaceTree(vertices, faces).nearest(queries)
    for i, query in enumerate(queries):
        best = brute_force(vertices[faces], query)
        assert found.distances[i] <= best + 1e-12
        assert found.distances[i] >= best - 0.02  # the sampling step times the triangles' size
    assert found.barycentric.min() >= 0
    np.testing.assert_allclose(found.barycentric.sum(1), 1, atol=1e-12)
    rebuilt = np.einsum("nk,nkc->nc", found.barycentric, vertices[faces[found.triangles]])
    np.testing.assert_allclose(rebuilt, found.points, atol=1e-12)


def test_nearest_points_equal_trimesh_on_a_surface() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    rng = np.random.default_rng(7)
    queries = 0.1 * rng.normal(size=(200, 3))
    _, expected, _ = trimesh.proximity.closest_point_naive(sphere, queries)
    found = SurfaceTree(sphere.vertices, sphere.faces).nearest(queries)
    np.testing.assert_allclose(found.distances, expected, atol=1e-12)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 9, 33])
def test_trees_of_every_size(count) -> None:
    rng = np.random.default_rng(count)
    vertices, faces = rng.normal(size=(3 * count, 3)), np.arange(3 * count).reshape(-1, 3)
    queries = rng.normal(size=(10, 3))
    tree = SurfaceTree(vertices, faces)
    expected = np.min(
        [SurfaceTree(vertices, faces[i : i + 1]).nearest(queries).distances for i in range(count)],
        axis=0,
    )
    np.testing.assert_allclose(tree.nearest(queries).distances, expected, atol=1e-14)


def test_degenerate_triangles_are_segments_and_points() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]])
    tree = SurfaceTree(vertices, np.array([[0, 1, 2], [3, 3, 3]]))
    found = tree.nearest(np.array([[1.5, 1, 0], [5, 5, 6], [-1, 0, 0]]))
    assert found.distances.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="at least one triangle"):
        SurfaceTree(vertices, np.zeros((0, 3), int))
    with pytest.raises(ValueError, match=r"\(N, 3\), got \(3,\)"):
        tree.nearest(np.zeros(3))


def bumpy_surface() -> tuple[np.ndarray, np.ndarray]:
    """A head-sized ellipsoid with bumps, metres: no symmetry a registration could slide along."""
    sphere = trimesh.creation.icosphere(subdivisions=3)
    unit = sphere.vertices
    bumps = (
        1
        + 0.1 * np.sin(5 * unit[:, 0] + 1) * np.cos(4 * unit[:, 1])
        + 0.08 * np.sin(6 * unit[:, 2])
    )
    return unit * bumps[:, None] * [0.075, 0.11, 0.09], np.asarray(sphere.faces)


def scan_of(vertices, faces, motion: Similarity, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corners = vertices[faces[rng.integers(0, len(faces), count)]]
    weights = rng.dirichlet(np.ones(3), count)
    return motion.apply(np.einsum("nk,nkc->nc", weights, corners))


@pytest.mark.parametrize("with_scale", [True, False])
def test_a_known_displacement_is_found_to_a_micrometre(with_scale) -> None:
    vertices, faces = bumpy_surface()
    truth = Similarity(
        1020.0 if with_scale else 1000.0,
        Rotation.from_rotvec([0.3, -0.2, 0.1]).as_matrix(),
        np.array([12.0, -30.0, 250.0]),
    )
    scan = scan_of(vertices, faces, truth, 3000, seed=1)
    start = Similarity(
        1000.0,
        Rotation.from_rotvec([0.25, -0.17, 0.16]).as_matrix(),
        truth.translation + np.array([3.0, -2.0, 2.5]),
    )
    found = register_surface(vertices, faces, scan, start, with_scale=with_scale)
    moved = np.linalg.norm(found.motion.apply(vertices) - truth.apply(vertices), axis=1)
    assert moved.max() < 1e-3  # millimetres
    assert found.distances.max() < 1e-3
    assert found.iterations < 30
    if not with_scale:
        assert found.motion.scale == 1000.0


def test_registration_reaches_the_minimum_of_the_squared_distances() -> None:
    # An offset surface cannot be matched exactly; the optimum must still be one.
    vertices, faces = bumpy_surface()
    rng = np.random.default_rng(2)
    truth = Similarity(1000.0, np.eye(3), np.array([0.0, 0.0, 100.0]))
    scan = scan_of(vertices, faces, truth, 1500, seed=3) + rng.normal(size=(1500, 3))
    found = register_surface(vertices, faces, scan, truth)
    tree = SurfaceTree(vertices, faces)

    def cost(motion: Similarity) -> float:
        return float(
            (motion.scale * tree.nearest(motion.inverse().apply(scan)).distances) ** 2
            @ np.ones(1500)
        )

    best = cost(found.motion)
    assert best < cost(truth)
    for axis in range(7):
        for sign in (-1, 1):
            step = np.zeros(7)
            step[axis] = sign * (1e-3 if axis < 4 else 0.05)
            centre = scan.mean(0)
            turn = Rotation.from_rotvec(step[1:4]).as_matrix()
            other = Similarity(
                found.motion.scale * np.exp(step[0]),
                turn @ found.motion.rotation,
                np.exp(step[0]) * turn @ (found.motion.translation - centre) + centre + step[4:],
            )
            assert cost(other) > best
