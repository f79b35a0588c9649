"""Coverage, weights, attributes: against rational numbers, closed forms and between backends."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull

from likeness.geometry import rasterize_reference
from likeness.geometry.rasterize import Fragments, interpolate, rasterize, texture
from tests.geometry.raster_scenes import exact_winners, flat_grid, random_soup, sphere

BACKENDS = ("torch", "numba")


def _flat_depth(xy: torch.Tensor) -> torch.Tensor:
    return torch.zeros(xy.shape[:2], dtype=xy.dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("angle", "shift"), [(0.0, 0.5), (0.3, 0.25), (math.pi / 4, 0.5), (2.0, 0)]
)
def test_every_centre_of_a_grid_is_covered_exactly_once(backend, angle, shift):
    """In float32, with vertices on half-integers and turned."""
    points, faces = flat_grid(24, angle, 2.0)
    xy = (points - points.mean(0) + 30 + shift).float()[None]
    alone = torch.zeros(60, 60, dtype=torch.int64)
    for face in faces:
        tri = rasterize(xy, _flat_depth(xy), face[None], 60, 60, backend=backend).tri[0]
        alone += tri >= 0
    together = rasterize(xy, _flat_depth(xy), faces, 60, 60, backend=backend).tri[0] >= 0
    assert int(alone.max()) == 1
    assert torch.equal(alone.bool(), together)
    inner = points - points.mean(0)
    centres = torch.stack(
        torch.meshgrid(torch.arange(60) + 0.5, torch.arange(60) + 0.5, indexing="xy"), dim=-1
    ).double() - (30 + shift)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    local = centres @ turn.double()
    inside = (local.abs() < float(inner.norm(dim=1).max()) / math.sqrt(2) - 1e-3).all(-1)
    assert int(inside.sum()) > 2000
    assert bool(together[inside].all())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(3))
def test_winners_equal_exact_arithmetic(backend, seed):
    """Vertices on eighths of a pixel: float64 is exact up to the depth's division."""
    generator = torch.Generator().manual_seed(seed)
    xy = torch.randint(-20, 120, (1, 24, 2), generator=generator).double() / 8
    z = torch.rand(1, 24, generator=generator, dtype=torch.float64)
    faces = torch.randint(0, 24, (20, 3), generator=generator)
    found = rasterize(xy, z, faces, 12, 13, backend=backend).tri[0].numpy()
    expected = exact_winners(xy[0].numpy(), z[0].numpy(), faces.numpy(), 12, 13)
    assert (expected >= 0).sum() > 50
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("snap", [False, True])
@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("cull", [None, "back"])
def test_the_compiled_loop_equals_the_reference(dtype, snap, perspective, cull):
    for seed in range(6):
        xy, z, w, faces = random_soup(seed, dtype, snap=snap)
        w[0, 5] = 1e-5  # in front of the near plane
        divisor = w if perspective else None
        one, two = (
            rasterize(xy, z, faces, 20, 21, backend=backend, w=divisor, cull=cull)
            for backend in BACKENDS
        )
        assert int(one.mask.sum()) > 200
        assert torch.equal(one.tri, two.tri)
        # A degenerate winner has weights as large as rounding is in its type.
        torch.testing.assert_close(one.bary, two.bary, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(one.depth, two.depth, rtol=1e-4, atol=1e-4)


def test_small_chunks_give_the_same_winners(monkeypatch):
    xy, z, _, faces = random_soup(3, torch.float64, snap=True)
    whole = rasterize(xy, z, faces, 20, 20, backend="torch")
    monkeypatch.setattr(rasterize_reference, "MAX_CANDIDATES", 37)
    parts = rasterize(xy, z, faces, 20, 20, backend="torch")
    assert torch.equal(whole.tri, parts.tri)


@pytest.mark.parametrize("backend", BACKENDS)
def test_area_of_a_convex_polygon_is_within_half_its_perimeter(backend):
    rng = np.random.default_rng(0)
    for _ in range(10):
        points = rng.uniform(5, 95, (12, 2))
        hull = ConvexHull(points)
        ring = hull.vertices
        faces = torch.tensor([[ring[0], a, b] for a, b in itertools.pairwise(ring[1:])])
        xy = torch.from_numpy(points)[None]
        area = float(rasterize(xy, _flat_depth(xy), faces, 100, 100, backend=backend).mask.sum())
        assert abs(area - hull.volume) <= hull.area / 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_order_of_faces_does_not_matter(backend):
    vertices, faces = sphere()
    xy, z = vertices[None, :, :2] * 20 + 24, -vertices[None, :, 2]
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(0))
    one = rasterize(xy, z, faces, 48, 48, backend=backend)
    two = rasterize(xy, z, faces[order], 48, 48, backend=backend)
    assert torch.equal(one.mask, two.mask)
    assert torch.equal(one.tri[one.mask].long(), order[two.tri[two.mask].long()])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_equals_its_images_one_by_one(backend):
    xy, z, w, faces = random_soup(1, torch.float32, snap=False, batch=5)
    together = rasterize(xy, z, faces, 20, 20, backend=backend, w=w)
    for image in range(5):
        pick = slice(image, image + 1)
        alone = rasterize(xy[pick], z[pick], faces, 20, 20, backend=backend, w=w[pick])
        assert torch.equal(together.tri[pick], alone.tri)
        assert torch.equal(together.bary[pick], alone.bary)


def test_threads_do_not_change_the_result():
    vertices, faces = sphere()
    scales = torch.linspace(15, 22, 6, dtype=torch.float64)[:, None, None]
    z = -vertices[None, :, 2].expand(6, -1).contiguous()
    results, threads = [], torch.get_num_threads()
    try:
        for count in (1, 4):
            torch.set_num_threads(count)
            leaf = (vertices[None, :, :2] * scales + 32).requires_grad_()
            fragments = rasterize(leaf, z, faces, 256, 256)
            interpolate(leaf, fragments, faces).sin().sum().backward()
            results.append((fragments.tri, leaf.grad))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_ties_go_to_the_lower_triangle_and_nearer_depth_wins(backend):
    xy = torch.tensor([[[0.0, 0], [8, 0], [0, 8]]]).repeat(1, 2, 1)
    z = torch.tensor([[1.0, 1, 1, 1, 1, 1]])
    faces = torch.tensor([[3, 4, 5], [0, 1, 2]])
    tied = rasterize(xy, z, faces, 8, 8, backend=backend)
    assert set(tied.tri.unique().tolist()) == {-1, 0}
    z[:, :3] = 0.5
    assert set(rasterize(xy, z, faces, 8, 8, backend=backend).tri.unique().tolist()) == {-1, 1}


@pytest.mark.parametrize("backend", BACKENDS)
def test_culling_keeps_faces_that_are_counter_clockwise_to_the_viewer(backend):
    vertices, faces = sphere()
    xy = torch.stack([vertices[:, 0] * 20 + 24, -vertices[:, 1] * 20 + 24], dim=-1)[None]
    behind = vertices[None, :, 2].contiguous()  # far side nearer: only culling can hide it
    drawn = rasterize(xy, behind, faces, 48, 48, backend=backend, cull="back").tri
    normal_z = torch.linalg.cross(
        vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]]
    )[:, 2]
    shown = drawn[drawn >= 0].long()
    assert len(shown) > 1000
    assert bool((normal_z[shown] > 0).all())


@pytest.mark.parametrize("backend", BACKENDS)
def test_perspective_weights_give_the_point_on_the_ray(backend):
    """A slanted floor: the interpolated camera position must lie on the pixel's ray."""
    camera = torch.tensor([[-1.0, -0.5, 2], [1.2, -0.5, 2.5], [0.1, 0.9, 6], [-2.0, 1.5, 9]])
    camera = camera.double()[None]
    xy = camera[..., :2] / camera[..., 2:] * 40 + 32
    z = camera[..., 2].contiguous()
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    fragments = rasterize(xy, z, faces, 64, 64, backend=backend, w=z)
    points = interpolate(camera, fragments, faces, backend=backend)
    _, row, column = torch.nonzero(fragments.mask, as_tuple=True)
    assert len(row) > 300
    hit = points[fragments.mask]
    projected = hit[:, :2] / hit[:, 2:] * 40 + 32
    centres = torch.stack([column, row], -1).double() + 0.5
    torch.testing.assert_close(projected, centres, rtol=0, atol=1e-9)
    torch.testing.assert_close(fragments.depth[fragments.mask], hit[:, 2])


@pytest.mark.parametrize("backend", BACKENDS)
def test_broken_vertices_drop_their_triangles_only(backend):
    xy = torch.tensor([[[1.0, 1], [7, 1], [1, 7], [math.nan, 2], [math.inf, 1]]])
    z = torch.zeros(1, 5)
    faces = torch.tensor([[0, 1, 3], [0, 1, 4], [0, 1, 2], [4, 1, 2]])
    tri = rasterize(xy, z, faces, 8, 8, backend=backend).tri
    assert set(tri.unique().tolist()) == {-1, 2}
    empty = rasterize(xy, z, faces[:0], 8, 8, backend=backend)
    assert int(empty.mask.sum()) == 0
    assert bool(torch.isinf(empty.depth).all())


def _clear_of_edges(seed: int):
    """A scene whose pixel centres stay where they are under the steps of a numerical gradient."""
    xy, z, w, faces = random_soup(seed, torch.float64, snap=False, size=7)
    xy, z, w = xy[:, 9:25].clone(), z[:, 9:25].clone(), w[:, 9:25].clone()
    faces = faces[(faces >= 9).all(1) & (faces < 25).all(1)] - 9
    corners = xy[:, faces]
    first, second = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    area = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return xy, z, w, faces[(area.abs() > 3).all(0)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("perspective", [False, True])
def test_gradients_of_weights_depth_and_attributes(backend, perspective):
    xy, z, w, faces = _clear_of_edges(5)
    attributes = torch.rand(2, xy.shape[1], 3, dtype=torch.float64)
    leaves = [value.requires_grad_() for value in (xy, z, attributes)]
    if perspective:
        leaves.append(w.requires_grad_())

    def render(xy, z, attributes, w=None):
        fragments = rasterize(xy, z, faces, 7, 7, backend=backend, w=w)
        values = interpolate(attributes, fragments, faces, backend=backend)
        return fragments.bary, torch.where(fragments.mask, fragments.depth, 0), values

    assert int(rasterize(xy, z, faces, 7, 7).mask.sum()) > 30
    assert torch.autograd.gradcheck(render, leaves)


def test_the_fused_gradient_equals_autograd():
    vertices, faces = sphere()
    weights = torch.rand(2, 40, 40, 4, generator=torch.Generator().manual_seed(0)).double()
    gradients = []
    for backend in BACKENDS:
        leaf = vertices.clone().requires_grad_()
        moved = torch.stack([leaf * 15, leaf * 12])
        xy, depth = moved[..., :2] + 20, 3 - moved[..., 2] / 15
        fragments = rasterize(xy, depth, faces, 40, 40, backend=backend, w=depth)
        colours = interpolate(
            torch.cat([leaf, leaf[:, :1] ** 2], 1), fragments, faces, backend=backend
        )
        depth_loss = torch.where(fragments.mask, fragments.depth, 0).square().sum()
        ((colours * weights).sum() + depth_loss).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-9, atol=1e-9)


def test_texture_reads_texels_with_v_up():
    image = torch.arange(12, dtype=torch.float64).view(1, 3, 4)
    uv = torch.tensor(
        [[[[0.5 / 4, 1 - 0.5 / 3], [3.5 / 4, 0.5 / 3], [1.0 / 4, 1 - 0.5 / 3]]]],
        dtype=torch.float64,
    )
    values = texture(image, uv)
    torch.testing.assert_close(values.flatten(), torch.tensor([0.0, 11.0, 0.5]).double())
    outside = texture(image, torch.tensor([[[[-3.0, 5.0]]]]).double())
    torch.testing.assert_close(outside.flatten(), torch.tensor([0.0]).double())


def test_messages_name_what_is_wrong():
    xy, z = torch.zeros(1, 4, 2), torch.zeros(1, 4)
    faces = torch.tensor([[0, 1, 2]])
    with pytest.raises(ValueError, match=r"xy must be \(B, V, 2\)"):
        rasterize(xy[0], z, faces, 4, 4)
    with pytest.raises(ValueError, match="z must be"):
        rasterize(xy, z[:, :2], faces, 4, 4)
    with pytest.raises(ValueError, match="w must be"):
        rasterize(xy, z, faces, 4, 4, w=z.double())
    with pytest.raises(ValueError, match=r"vertices 0\.\.9, there are 4"):
        rasterize(xy, z, torch.tensor([[0, 1, 9]]), 4, 4)
    with pytest.raises(ValueError, match="backend must be auto, torch, numba or triton"):
        rasterize(xy, z, faces, 4, 4, backend="cuda")
    fragments = Fragments(torch.zeros(1, 4, 4).int(), torch.zeros(1, 4, 4, 3), torch.zeros(1, 4, 4))
    with pytest.raises(ValueError, match="attributes must be"):
        interpolate(torch.zeros(3, 4, 2), fragments, faces)
