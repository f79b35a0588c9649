"""Attached meshes: how they follow the skin, and the layout of ribbons."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.attached import fit_rotation, join, triangle_frames
from likeness.studio.ribbons import Roots, ribbons, scatter_roots
from likeness.studio.surface_points import HAIR


def _turn(seed: int) -> np.ndarray:
    basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    return basis * np.sign(np.linalg.det(basis))


def _skin() -> tuple[np.ndarray, np.ndarray]:
    """A bumpy sheet of 10 x 10 vertices and its triangles."""
    x, y = np.meshgrid(np.arange(10.0), np.arange(10.0))
    height = 0.3 * np.sin(x) + 0.2 * np.cos(1.7 * y)
    vertices = np.stack([x.ravel(), y.ravel(), height.ravel()], axis=1) * 8.0
    index = np.arange(100).reshape(10, 10)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    lower = np.stack([a.ravel(), b.ravel(), c.ravel()], axis=1)
    upper = np.stack([a.ravel(), c.ravel(), d.ravel()], axis=1)
    return vertices, np.concatenate([lower, upper])


def _mesh(local: bool):
    vertices, faces = _skin()
    rng = np.random.default_rng(5)
    roots = scatter_roots(rng, faces, vertices, np.ones(100), 40)
    start = roots.on(vertices)
    s = np.linspace(0.0, 1.0, 6)
    paths = start[:, None] + s[None, :, None] * rng.standard_normal((40, 1, 3)) * 12.0
    facing = np.broadcast_to(np.array([0.0, 0.0, 1.0]), paths.shape)
    mesh = ribbons(
        roots,
        paths,
        facing,
        np.full((40, 6), 0.8),
        vertices,
        np.arange(0, 100, 7),
        part=HAIR,
        layer=np.linspace(0, 1, 40),
        numbers=np.arange(40),
        local=local,
    )
    return mesh, paths, vertices


@pytest.mark.parametrize("local", [False, True])
def test_rest_is_where_it_was_grown(local: bool) -> None:
    mesh, paths, vertices = _mesh(local)
    positions, normals = mesh.place(vertices)
    middle = positions.reshape(40, 6, 2, 3).mean(axis=2)
    np.testing.assert_allclose(middle, paths, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("local", [False, True])
def test_follows_rigid_motion_exactly(local: bool) -> None:
    mesh, _, vertices = _mesh(local)
    turn, move = _turn(2), np.array([3.0, -90.0, 250.0])
    rest, rest_normals = mesh.place(vertices)
    posed, posed_normals = mesh.place(vertices @ turn.T + move)
    np.testing.assert_allclose(posed, rest @ turn.T + move, atol=1e-4)
    np.testing.assert_allclose(posed_normals, rest_normals @ turn.T, atol=1e-5)


def test_long_strands_do_not_swing_with_the_skin_under_them() -> None:
    mesh, _, vertices = _mesh(False)
    moved = vertices + np.random.default_rng(3).normal(0.0, 0.4, vertices.shape)
    moved[mesh.frame_vertices] = vertices[mesh.frame_vertices]  # the skull itself stays
    before, _ = mesh.place(vertices)
    after, _ = mesh.place(moved)
    # A strand moves as a whole, with its root.
    step = (after - before).reshape(40, -1, 3)
    np.testing.assert_allclose(step, np.broadcast_to(step[:, :1], step.shape), atol=1e-4)


def test_rotation_fit_is_proper_also_for_flat_and_mirrored_clouds() -> None:
    rng = np.random.default_rng(8)
    cloud = rng.standard_normal((30, 3)) * (5.0, 3.0, 0.0)
    turn = _turn(4)
    found = fit_rotation(cloud, cloud @ turn.T + 2.0)
    np.testing.assert_allclose(found, turn, atol=1e-9)
    mirrored = fit_rotation(rng.standard_normal((30, 3)), rng.standard_normal((30, 3)))
    assert np.linalg.det(mirrored) == pytest.approx(1.0)


def test_triangle_frames_are_orthonormal_and_right_handed() -> None:
    corners = np.random.default_rng(1).standard_normal((50, 3, 3))
    frames = triangle_frames(corners)
    np.testing.assert_allclose(
        frames @ frames.transpose(0, 2, 1), np.eye(3)[None] + 0 * frames, atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(frames), 1.0)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("nk,nk->n", normal, frames[:, 2]) > 0).all()


def test_ribbon_layout_is_what_renderers_rely_on() -> None:
    # Vertices run along a strand in pairs, (+ edge, - edge); the first triangle of a segment is
    # (a, a + 2, a + 3), the second (a, a + 3, a + 1), a being even.
    mesh, _, _ = _mesh(False)
    half = len(mesh.faces) // 2
    first, second = mesh.faces[:half], mesh.faces[half:]
    assert (first[:, 0] % 2 == 0).all()
    np.testing.assert_array_equal(first[:, 1:], first[:, :1] + [2, 3])
    np.testing.assert_array_equal(second, first[:, :1] + [0, 3, 1])
    strands = mesh.rest[:, 2].reshape(40, -1)
    np.testing.assert_array_equal(strands, np.repeat(np.arange(40)[:, None], 12, axis=1))
    across = mesh.rest[:, 0].reshape(40, 6, 2)
    np.testing.assert_allclose(across[..., 0], 0.4)
    np.testing.assert_allclose(across[..., 1], -0.4)
    along = mesh.rest[:, 1].reshape(40, 6, 2)[..., 0]
    assert (np.diff(along, axis=1) > 0).all()
    assert (along[:, 0] == 0).all()


def test_roots_follow_area_and_density() -> None:
    vertices, faces = _skin()
    density = (vertices[:, 0] > 36.0).astype(float)
    roots = scatter_roots(np.random.default_rng(0), faces, vertices, density, 4000)
    place = roots.on(vertices)
    assert place[:, 0].min() > 31.9
    # Even over the dense part: a quarter of it holds a quarter of the roots.
    inside = place[:, 0] > 40.0
    upper = place[:, 1] > 36.0
    assert (inside & upper).sum() == pytest.approx(0.5 * inside.sum(), rel=0.12)
    np.testing.assert_allclose(roots.weights.sum(axis=1), 1.0)
    assert roots.weights.min() >= 0.0


def test_roots_interpolate_scalars_too() -> None:
    roots = Roots(np.array([[0, 1, 2]]), np.array([[0.2, 0.3, 0.5]]))
    assert roots.on(np.array([1.0, 2.0, 4.0]))[0] == pytest.approx(2.8)


def test_joined_meshes_keep_their_triangles() -> None:
    mesh, _, vertices = _mesh(False)
    other, _, _ = _mesh(True)
    both = join([mesh, other])
    positions, _ = both.place(vertices)
    np.testing.assert_allclose(positions[: len(mesh.part)], mesh.place(vertices)[0])
    np.testing.assert_allclose(positions[len(mesh.part) :], other.place(vertices)[0])
    np.testing.assert_array_equal(
        both.faces, np.concatenate([mesh.faces, other.faces + len(mesh.part)])
    )
    with pytest.raises(ValueError, match="nothing to join"):
        join([])


def test_ribbons_are_as_wide_as_asked_and_turn_their_faces() -> None:
    """Curved strands, by gradients and cross products of whole arrays."""
    vertices, faces = _skin()
    rng = np.random.default_rng(9)
    roots = scatter_roots(rng, faces, vertices, np.ones(100), 30)
    paths = roots.on(vertices)[:, None] + np.cumsum(rng.standard_normal((30, 7, 3)), axis=1)
    facing = rng.standard_normal((30, 7, 3))
    widths = rng.uniform(0.1, 0.9, (30, 7))
    mesh = ribbons(
        roots,
        paths,
        facing,
        widths,
        vertices,
        np.arange(0, 100, 7),
        part=HAIR,
        layer=np.zeros(30),
        numbers=np.arange(30),
        local=False,
        roundness=0.3,
    )
    tangent = np.gradient(paths, axis=1)
    across = np.cross(facing, tangent)
    tangent, across = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (tangent, across))
    normal = np.stack([np.cross(tangent, across) + sign * 0.3 * across for sign in (1, -1)], axis=2)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    sides = np.stack([paths + sign * 0.5 * widths[..., None] * across for sign in (1, -1)], axis=2)
    positions, normals = mesh.place(vertices)
    np.testing.assert_allclose(positions, sides.reshape(-1, 3), atol=1e-4)
    np.testing.assert_allclose(normals, normal.reshape(-1, 3), atol=1e-5)
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=-1)
    along = np.concatenate([np.zeros((30, 1)), np.cumsum(steps, axis=1)], axis=1)
    np.testing.assert_allclose(mesh.rest[:, 1].reshape(30, 7, 2), along[..., None] + [0, 0], 1e-5)
