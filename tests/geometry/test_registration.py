"""Surface registration: known displacements come back, and the result is a minimum."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from likeness.geometry.alignment import Similarity
from likeness.geometry.closest_point import SurfaceTree
from likeness.geometry.registration import register_surface


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
