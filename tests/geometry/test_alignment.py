"""Similarity fits, NumPy and batched torch, against closed forms and an optimiser."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from likeness.geometry import procrustes
from likeness.geometry.alignment import Similarity, fit_similarity


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


def test_points_that_are_not_finite_give_a_similarity_of_nan_and_spoil_no_other():
    """A diverging network predicts such points; the loop skips what is not finite."""
    rng = np.random.default_rng(5)
    source = torch.tensor(rng.normal(size=(3, 9, 3)))
    target = torch.tensor(rng.normal(size=(3, 9, 3)))
    expected = procrustes.fit_similarity(source[[0]], target[[0]])
    source[1, 4, 2] = torch.nan
    source[2, 0, 0] = torch.inf
    scale, rotation, shift = procrustes.fit_similarity(source, target)
    assert torch.isnan(rotation[1:]).all()
    assert torch.isnan(scale[1:]).all()
    assert torch.isnan(shift[1:]).all()
    for found, wanted in zip((scale, rotation, shift), expected):
        torch.testing.assert_close(found[[0]], wanted)
