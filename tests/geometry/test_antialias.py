"""Outline gradients: closed forms of area and moment, a disc fitted by descent, kernel =
reference.
"""

from __future__ import annotations

import math

import pytest
import torch

from likeness.geometry.antialias import antialias, face_adjacency
from likeness.geometry.rasterize import rasterize
from likeness.geometry.rotations import axis_angle_to_matrix
from likeness.studio.template import build_template
from tests.geometry.raster_scenes import random_soup, sphere

BACKENDS = ("torch", "numba")


def _alpha(xy, z, faces, size, backend="auto"):
    fragments = rasterize(xy, z, faces, size, size, backend=backend)
    return antialias(fragments.mask[..., None].to(xy.dtype), fragments, xy, faces, backend=backend)


def _check_area_and_moment(vertices, faces, scale, size):
    """d area / d scale = 2 A / s, d first moment / d shift = A, within 3 %."""
    s = torch.tensor(scale, dtype=torch.float64, requires_grad=True)
    shift = torch.tensor([0.37, -0.21], dtype=torch.float64, requires_grad=True)
    xy = vertices[None, :, :2] * s + shift + size / 2
    alpha = _alpha(xy, -vertices[None, :, 2].contiguous() * scale, faces, size)[0, ..., 0]
    area = alpha.sum()
    centres = torch.arange(size, dtype=torch.float64) + 0.5
    (by_scale,) = torch.autograd.grad(area, s, retain_graph=True)
    (by_shift_x,) = torch.autograd.grad((alpha * centres).sum(), shift, retain_graph=True)
    (by_shift_y,) = torch.autograd.grad((alpha * centres[:, None]).sum(), shift)
    area = area.detach()
    assert float(by_scale) == pytest.approx(2 * float(area) / scale, rel=0.03)
    assert float(by_shift_x[0]) == pytest.approx(float(area), rel=0.03)
    assert float(by_shift_y[1]) == pytest.approx(float(area), rel=0.03)
    assert abs(float(by_shift_x[1])) < 0.03 * float(area)
    return float(area)


def test_area_and_moment_of_a_fine_sphere():
    """Triangles near the outline are slivers: without walking the gradient is a few per cent
    of it.
    """
    vertices, faces = sphere(41, 64)
    area = _check_area_and_moment(vertices, faces, 40.0, 96)
    assert area == pytest.approx(math.pi * 40**2, rel=0.006)


def test_area_and_moment_when_the_outline_is_seen_edge_on():
    """A sphere with its outline in a mirror plane: triangles of no area lie all along it."""
    trimesh = pytest.importorskip("trimesh")
    ball = trimesh.creation.icosphere(4)
    _check_area_and_moment(torch.tensor(ball.vertices), torch.tensor(ball.faces), 40.0, 96)


@pytest.mark.parametrize("yaw", [0.0, 40.0, 85.0])
def test_area_and_moment_of_a_head(yaw):
    template = build_template()
    vertices = torch.from_numpy(template.vertices) / 100.0
    turn = axis_angle_to_matrix(torch.tensor([0.0, math.radians(yaw), 0.0], dtype=torch.float64))
    turned = (vertices - vertices.mean(0)) @ turn.T
    _check_area_and_moment(turned, torch.from_numpy(template.faces).long(), 60.0, 224)


def test_a_disc_is_found_from_its_picture():
    """Radius and centre by descent on the squared difference of renders, to 0.01 px."""
    turn = torch.arange(48, dtype=torch.float64) * (2 * math.pi / 48)
    rim = torch.stack([turn.cos(), turn.sin()], dim=-1)
    disc = torch.cat([torch.zeros(1, 2, dtype=torch.float64), rim])
    faces = torch.tensor([[0, 1 + k, 1 + (k + 1) % 48] for k in range(48)])
    depth = torch.zeros(1, 49, dtype=torch.float64)

    def render(values):
        return _alpha(disc[None] * values[0] + values[1:], depth, faces, 64)

    truth = torch.tensor([17.3, 31.6, 33.2], dtype=torch.float64)
    target = render(truth)
    found = torch.tensor([13.0, 27.0, 36.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([found], lr=0.4)
    for step in range(300):
        optimiser.param_groups[0]["lr"] = 0.4 * 0.98**step
        optimiser.zero_grad()
        (render(found) - target).square().sum().backward()
        optimiser.step()
    torch.testing.assert_close(found.detach(), truth, rtol=0, atol=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("snap", [False, True])
def test_the_compiled_loop_equals_the_reference(dtype, snap):
    tolerance = 2e-5 if dtype == torch.float32 else 1e-11
    for seed in range(8):
        xy, z, _, faces = random_soup(seed, dtype, snap=snap)
        colours = torch.rand(2, 20, 20, 3, generator=torch.Generator().manual_seed(seed)).to(dtype)
        upstream = torch.rand(2, 20, 20, 3, generator=torch.Generator().manual_seed(9)).to(dtype)
        results = []
        for backend in BACKENDS:
            leaf, image = xy.clone().requires_grad_(), colours.clone().requires_grad_()
            fragments = rasterize(leaf, z, faces, 20, 20, backend="numba")
            out = antialias(image, fragments, leaf, faces, backend=backend)
            (out * upstream).sum().backward()
            results.append((out.detach(), image.grad, leaf.grad))
        assert not torch.equal(results[0][0], colours)
        assert float(results[0][2].abs().sum()) > 0
        for one, two in zip(*results):
            torch.testing.assert_close(one, two, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradcheck_away_from_ties(backend):
    xy = torch.tensor(
        [[[1.31, 1.22], [5.63, 1.87], [2.17, 5.59], [6.23, 6.34]]], dtype=torch.float64
    )
    z = torch.tensor([[0.1, 0.2, 0.3, 0.2]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [1, 3, 2]])
    image = torch.rand(1, 8, 8, 2, generator=torch.Generator().manual_seed(0)).double()

    def blend(image, xy):
        fragments = rasterize(xy, z, faces, 8, 8, backend=backend)
        return antialias(image, fragments, xy, faces, backend=backend)

    assert torch.autograd.gradcheck(blend, (image.requires_grad_(), xy.requires_grad_()))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_straight_edge_blends_by_its_place(backend):
    """The edge at x = 4.3 crosses between the centres 3.5 and 4.5: the pixel at 4.5 gets 0.3."""
    xy = torch.tensor([[[-50.0, -60], [4.3, -60], [4.3, 80], [-50, 80]]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    alpha = _alpha(xy, torch.zeros(1, 4, dtype=torch.float64), faces, 8, backend)[0, 3, :, 0]
    expected = torch.tensor([1.0, 1, 1, 1, 0.3, 0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(alpha, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inside_a_surface_nothing_is_blended(backend):
    """Different triangles of one continuous surface are no outline."""
    vertices, faces = sphere()
    xy, z = vertices[None, :, :2] * 60 + 20, -vertices[None, :, 2].contiguous()
    fragments = rasterize(xy, z, faces, 40, 40, backend=backend)
    assert bool(fragments.mask.all())
    image = torch.rand(1, 40, 40, 3, generator=torch.Generator().manual_seed(0)).double()
    assert torch.equal(antialias(image, fragments, xy, faces, backend=backend), image)


def test_adjacency_of_a_strip():
    adjacency = face_adjacency(torch.tensor([[0, 1, 2], [2, 1, 3], [4, 5, 6]]))
    assert adjacency.neighbour.tolist() == [[1, -1, -1], [-1, -1, 0], [-1, -1, -1]]
    assert adjacency.opposite.tolist() == [[3, -1, -1], [-1, -1, 0], [-1, -1, -1]]


def test_an_edge_of_three_triangles_is_a_boundary():
    adjacency = face_adjacency(torch.tensor([[0, 1, 2], [1, 0, 3], [0, 1, 4]]))
    assert adjacency.neighbour[0, 2] == -1
    assert int((adjacency.neighbour >= 0).sum()) == 0


def test_messages_name_what_is_wrong():
    xy, z, _, faces = random_soup(0, torch.float32, snap=False)
    fragments = rasterize(xy, z, faces, 20, 20)
    with pytest.raises(ValueError, match=r"image must be \(B, H, W, C\)"):
        antialias(torch.zeros(2, 19, 20, 3), fragments, xy, faces)
    with pytest.raises(ValueError, match="one type"):
        antialias(torch.zeros(2, 20, 20, 3).double(), fragments, xy, faces)
