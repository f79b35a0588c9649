"""The solver against SciPy's bounded least squares, in both of its forms."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from likeness.errors import DataError
from likeness.geometry.weight_animation import ARKIT_NAMES
from likeness.systems.audio2face.artefacts import Blendshapes
from likeness.systems.audio2face.blendshape_solving import BlendshapeSolver, solve
from likeness.systems.audio2face.bounded_solving import minimise_in_box
from tests.systems.audio2face.package.packages import random_shapes, shape_settings


def normal_equations(
    shapes: Blendshapes, target: np.ndarray, previous: np.ndarray, pull: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """M, b and the active poses, written out term by term."""
    s = shapes.settings
    active = [i for i, on in enumerate(s["bsSolveActivePoses"]) if on]  # type: ignore[arg-type]
    rows = range(len(shapes.neutral)) if shapes.frontal_mask is None else shapes.frontal_mask
    size = shapes.neutral.max(axis=0) - shapes.neutral.min(axis=0)
    scale = (np.sqrt((size.astype(float) ** 2).sum()) / s["templateBBSize"]) ** 2  # type: ignore[operator]
    columns = [np.concatenate([shapes.offsets[i, r] for r in rows]) for i in active]
    basis = np.stack(columns, axis=1).astype(float)
    count = len(active)
    matrix = basis.T @ basis
    matrix = matrix + s["strengthL1regularization"] ** 2 * 0.25 * scale * np.ones((count, count))  # type: ignore[operator]
    matrix = matrix + s["strengthL2regularization"] * 10 * scale * np.eye(count)  # type: ignore[operator]
    matrix = matrix + s["strengthTemporalSmoothing"] * 100 * scale * np.eye(count)  # type: ignore[operator]
    identities = s["bsSolveSymmetryPoses"]
    for i in range(count):
        for j in range(i + 1, count):
            if identities[active[i]] == identities[active[j]] >= 0:  # type: ignore[index,operator]
                row = np.zeros(count)
                row[i], row[j] = 1, -1
                matrix = matrix + s["strengthSymmetry"] * 10 * scale * np.outer(row, row)  # type: ignore[operator]
    difference = np.concatenate([target[r] - shapes.neutral[r] for r in rows]).astype(float)
    vector = basis.T @ difference + pull * s["strengthTemporalSmoothing"] * scale * previous  # type: ignore[operator]
    return matrix, vector, np.array(active)


def quadratic_in_box(matrix: np.ndarray, vector: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """½ wᵀMw − bᵀw is ‖Lᵀw − L⁻¹b‖² / 2 with M = LLᵀ."""
    lower = np.linalg.cholesky(matrix)
    right = np.linalg.solve(lower, vector)
    return lsq_linear(lower.T, right, bounds=(0, upper), method="bvls", tol=1e-14).x


def paired_shapes() -> Blendshapes:
    shapes = random_shapes(40, 8, seed=5, mask=True)
    settings = shape_settings(
        8,
        bsSolveActivePoses=[1, 1, 1, 0, 1, 1, 1, 1],
        bsSolveSymmetryPoses=[0, 0, -1, -1, -1, 4, 4, -1],
        bsSolveCancelPoses=[-1, -1, 2, -1, 2, -1, -1, -1],
        bsWeightMultipliers=[1.0, 2.0, 1.0, 5.0, 1.0, 1.0, 0.5, 1.0],
        bsWeightOffsets=[0.0, 0.1, 0.0, 0.25, 0.0, 0.0, 0.0, 0.0],
        strengthSymmetry=1.0,
    )
    return replace(shapes, settings=settings)


@pytest.mark.parametrize("runtime_compat", [False, True])
def test_frames_are_those_of_scipy(runtime_compat: bool) -> None:
    shapes = paired_shapes()
    rng = np.random.default_rng(0)
    truth = rng.uniform(-0.5, 1.5, (6, 8))
    targets = shapes.neutral + np.einsum("fp,pvx->fvx", truth, shapes.offsets)
    previous = np.zeros(7)
    expected = []
    for target in targets:
        pull = 1.0 if runtime_compat else 100.0
        matrix, vector, active = normal_equations(shapes, target, previous, pull)

        def best(upper: np.ndarray) -> np.ndarray:
            if runtime_compat:
                bounds = (np.zeros(7), upper)
                return lsq_linear(matrix, vector, bounds=bounds, method="bvls", tol=1e-15).x  # noqa: B023
            return quadratic_in_box(matrix, vector, upper)  # noqa: B023

        weights = best(np.ones(7))
        upper = np.ones(7)
        upper[2 if weights[2] < weights[3] else 3] = 1e-10  # poses 2 and 4 among the active
        previous = best(upper)
        row = np.array(shapes.settings["bsWeightOffsets"], float)
        row[active] += previous * np.array(shapes.settings["bsWeightMultipliers"])[active]  # type: ignore[index]
        expected.append(row)
    found = solve(targets, shapes, runtime_compat=runtime_compat)
    np.testing.assert_allclose(found, expected, atol=1e-6 if not runtime_compat else 1e-4)
    assert 0.25 in found[:, 3]  # an inactive pose is its offset
    assert (np.minimum(found[:, 2], found[:, 4]) < 1e-9).all()


def test_a_stream_gives_the_weights_of_the_whole_take() -> None:
    shapes = paired_shapes()
    rng = np.random.default_rng(1)
    targets = shapes.neutral + rng.normal(0, 1, (130, 40, 3))
    solver = BlendshapeSolver(shapes)
    whole, state = solver.run(targets), solver.start()
    for frame, target in enumerate(targets):
        state, row = solver.step(state, target)
        np.testing.assert_allclose(row, whole[frame], atol=1e-6)


def test_a_held_pose_is_not_shrunk_by_time() -> None:
    """The pull towards the frame before must not change what does not change."""
    shapes = random_shapes(60, 6, seed=2)
    gentle = shape_settings(6, strengthL1regularization=0.0, strengthL2regularization=1e-9,
                            strengthTemporalSmoothing=0.3)  # fmt: skip
    shapes = replace(shapes, settings=gentle)
    truth = np.array([0.2, 0.9, 0.0, 0.5, 1.0, 0.3])
    target = shapes.neutral + np.einsum("p,pvx->vx", truth, shapes.offsets)
    targets = np.repeat(target[None], 60, axis=0)
    proper = solve(targets, shapes)[-1]
    np.testing.assert_allclose(proper, truth, atol=1e-4)
    shrunk = solve(targets, shapes, runtime_compat=True)[-1]
    assert np.abs(shrunk - truth).max() > 0.01


def test_two_unpaired_poses_are_a_pair_only_in_the_runtime() -> None:
    shapes = random_shapes(40, 2, seed=3)
    target = (shapes.neutral + shapes.offsets[0])[None]
    proper, runtime = solve(target, shapes)[0], solve(target, shapes, runtime_compat=True)[0]
    # The symmetry of the runtime's accidental pair, and its cancelling, change the answer.
    assert proper[0] - proper[1] > 0.3
    assert runtime.min() < 1e-9
    assert abs(runtime[0] - proper[0]) > 0.05


def test_the_box_is_solved_like_by_trying_all_bounds() -> None:
    """Random problems of four unknowns against all 81 combinations of bounds."""
    rng = np.random.default_rng(4)
    for _ in range(200):
        root = rng.normal(0, 1, (5, 4))
        matrix = root.T @ root + 1e-6 * np.eye(4)
        vector = rng.normal(0, 3, 4)
        upper = rng.uniform(0.1, 2, 4)
        best = np.inf
        for code in range(81):
            kinds = np.array([code // 3**i % 3 for i in range(4)])
            point = np.where(kinds == 1, upper, 0.0)
            free = kinds == 2
            if free.any():
                right = vector[free] - matrix[np.ix_(free, ~free)] @ point[~free]
                point[free] = np.linalg.solve(matrix[np.ix_(free, free)], right)
            if ((point >= -1e-12) & (point <= upper + 1e-12)).all():
                best = min(best, 0.5 * point @ matrix @ point - vector @ point)
        start = rng.integers(-1, 2, 4).astype(np.int8)
        found, _ = minimise_in_box(matrix, vector, upper, start)
        assert 0.5 * found @ matrix @ found - vector @ found == pytest.approx(best, abs=1e-9)
        assert (found >= 0).all()
        assert (found <= upper).all()


@pytest.mark.parametrize("num_poses", [52, 16])
def test_all_shapes_of_a_rig_take_less_than_a_millisecond(num_poses: int) -> None:
    assert len(ARKIT_NAMES) == 52
    shapes = random_shapes(600, num_poses, seed=6, mask=True)
    shapes = replace(shapes, offsets=shapes.offsets * 0.3)
    rng = np.random.default_rng(7)
    walk = np.clip(np.cumsum(rng.normal(0, 0.03, (200, num_poses)), axis=0) + 0.3, 0, 1)
    targets = shapes.neutral + np.einsum("fp,pvx->fvx", walk, shapes.offsets)
    solver = BlendshapeSolver(shapes)
    solver.run(targets[:5])
    best = np.inf
    for _ in range(3):
        begin = time.perf_counter()
        solver.run(targets)
        best = min(best, time.perf_counter() - begin)
    assert best / 200 < 1e-3


def test_settings_that_do_not_fit_are_named() -> None:
    shapes = random_shapes(10, 3)
    for changes, match in (
        ({"templateBBSize": 0.5}, "at least 1"),
        ({"strengthSymmetry": -1}, "strengthSymmetry"),
        ({"bsWeightOffsets": [0.0]}, "3 entries of 'bsWeightOffsets'"),
        ({"bsSolveActivePoses": [0, 0, 0]}, "active pose"),
    ):
        with pytest.raises(DataError, match=match):
            BlendshapeSolver(replace(shapes, settings=shape_settings(3, **changes)))
