"""Other outline gradients: closed forms for one edge, area of a sphere, gradcheck."""

from __future__ import annotations

import math

import pytest
import torch

from likeness.geometry.outlines import draw_mesh, edge_gradient, soft_render
from likeness.geometry.rasterize import rasterize
from tests.geometry.raster_scenes import sphere


def _half_plane(edge: torch.Tensor) -> torch.Tensor:
    """Everything left of x = ``edge``, as two triangles."""
    one = torch.ones_like(edge)
    xs = torch.stack([-50 * one, edge, edge, -50 * one])
    ys = torch.tensor([-60.0, -60, 80, 80], dtype=edge.dtype)
    return torch.stack([xs, ys], dim=-1)[None]


FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])
FLAT = torch.zeros(1, 4, dtype=torch.float64)


def test_edge_gradient_leaves_the_picture_and_moves_its_edge():
    """Moving the edge by dx adds dx times the height to the sum, half to each neighbour."""
    edge = torch.tensor(4.3, dtype=torch.float64, requires_grad=True)
    xy = _half_plane(edge)
    fragments = rasterize(xy, FLAT, FACES, 8, 8)
    image = fragments.mask[..., None].double() * 0.75
    out = edge_gradient(image, fragments, xy, FACES)
    assert torch.equal(out, image)
    (whole,) = torch.autograd.grad(out.sum(), edge, retain_graph=True)
    assert float(whole) == pytest.approx(8 * 0.75)
    (row,) = torch.autograd.grad(out[0, 3, 3, 0], edge, retain_graph=True)
    assert float(row) == pytest.approx(0.375)
    (far,) = torch.autograd.grad(out[0, 3, 6, 0], edge)
    assert float(far) == 0.0


def test_edge_gradient_of_the_area_of_a_sphere():
    vertices, faces = sphere(30, 44)
    scale = torch.tensor(40.0, dtype=torch.float64, requires_grad=True)
    xy = vertices[None, :, :2] * scale + 48.37
    fragments = rasterize(xy, -vertices[None, :, 2].contiguous(), faces, 96, 96)
    image = fragments.mask[..., None].double()
    area = edge_gradient(image, fragments, xy, faces).sum()
    (gradient,) = torch.autograd.grad(area, scale)
    assert float(gradient) == pytest.approx(2 * float(area.detach()) / 40, rel=0.05)


def test_soft_coverage_of_one_edge():
    """alpha = sigmoid(-+ distance^2 / sigma), the inside's triangle edges far away."""
    sigma = 2e-3
    xy = _half_plane(torch.tensor(16.2, dtype=torch.float64))
    colours = torch.ones(1, 4, 2, dtype=torch.float64)
    drawn = soft_render(xy, FLAT, colours, FACES[:1], 32, 32, sigma=sigma, gamma=0.1)
    for column in (14, 15, 16, 17, 18):
        distance = (column + 0.5 - 16.2) / 16
        expected = 1 / (1 + math.exp(math.copysign(distance**2, distance) / sigma))
        assert float(drawn.alpha[0, 2, column]) == pytest.approx(expected, abs=1e-4)


def test_soft_picture_is_the_hard_one_away_from_edges():
    vertices, faces = sphere(16, 24)
    xy, z = vertices[None, :, :2] * 22 + 32, -vertices[None, :, 2].contiguous()
    colours = (vertices[None] * 0.5 + 0.5).contiguous()
    drawn = soft_render(xy, z, colours, faces, 64, 64, sigma=1e-6, gamma=1e-3, background=0.3)
    fragments = rasterize(xy, z, faces, 64, 64)
    corner = drawn.image[0, 2, 2]
    torch.testing.assert_close(corner, torch.full_like(corner, 0.3))
    assert float(drawn.alpha[0, 2, 2]) == 0.0
    assert bool((drawn.alpha[0, 20:44, 20:44] > 0.4).all())
    centre = drawn.image[0, 30:34, 30:34].mean((0, 1))
    hard = torch.einsum(
        "hwk,hwkc->hwc",
        fragments.bary[0, 30:34, 30:34],
        colours[0][faces[fragments.tri[0, 30:34, 30:34].long()]],
    ).mean((0, 1))
    torch.testing.assert_close(centre, hard, rtol=0.03, atol=0.03)


def test_soft_gradients():
    xy = torch.tensor([[[1.3, 1.2], [6.6, 2.3], [2.2, 6.7], [6.9, 6.1]]], dtype=torch.float64)
    z = torch.tensor([[0.1, 0.2, 0.35, 0.4]], dtype=torch.float64)
    colours = torch.rand(1, 4, 2, generator=torch.Generator().manual_seed(0)).double()
    faces = torch.tensor([[0, 1, 2], [1, 3, 2]])

    def render(xy, colours):
        drawn = soft_render(xy, z, colours, faces, 8, 8, sigma=0.05, gamma=0.5)
        return drawn.image, drawn.alpha

    assert torch.autograd.gradcheck(render, (xy.requires_grad_(), colours.requires_grad_()))


def test_only_the_nearest_triangles_count():
    """Three sheets, one behind another: with one face per pixel only the first is seen."""
    sheet = torch.tensor([[-20.0, -20], [60, -20], [-20, 60]], dtype=torch.float64)
    xy = torch.cat([sheet, sheet, sheet])[None]
    z = torch.tensor([[0.6] * 3 + [0.2] * 3 + [0.4] * 3], dtype=torch.float64)
    colours = torch.tensor([[[0.0]] * 3 + [[1.0]] * 3 + [[0.5]] * 3], dtype=torch.float64)
    colours = colours.reshape(1, 9, 1)
    faces = torch.arange(9).reshape(3, 3)
    one = soft_render(xy, z, colours, faces, 6, 6, gamma=1.0, max_faces=1)
    assert float(one.image[0, 2, 2, 0]) > 0.65  # the sheet against the background's share
    three = soft_render(xy, z, colours, faces, 6, 6, gamma=1.0, max_faces=3)
    assert float(three.image[0, 2, 2, 0]) < float(one.image[0, 2, 2, 0])


def _area(outlines, scale: torch.Tensor) -> torch.Tensor:
    vertices, faces = sphere(30, 44)
    xy = vertices[None, :, :2] * scale + 48.37
    colours = torch.full((1, len(vertices), 1), 0.8, dtype=torch.float64)
    drawn = draw_mesh(
        xy, -vertices[None, :, 2].contiguous(), colours, faces, 96, 96, outlines=outlines
    )
    torch.testing.assert_close(drawn.image.detach()[..., 0], 0.8 * drawn.alpha.detach())
    return drawn.alpha.sum()


@pytest.mark.parametrize("outlines", ["antialias", "edge_grad", "none"])
def test_what_a_choice_of_outlines_says_of_the_area_of_a_disc(outlines):
    """d(pi r^2)/dr = 2 area / r, by every choice but none, which says nothing."""
    scale = torch.tensor(40.0, dtype=torch.float64, requires_grad=True)
    area = _area(outlines, scale)
    assert float(area.detach()) == pytest.approx(math.pi * 40**2, rel=0.01)
    (gradient,) = torch.autograd.grad(area, scale)
    expected = 0.0 if outlines == "none" else 2 * math.pi * 40
    assert float(gradient) == pytest.approx(expected, rel=0.05)


def test_the_soft_choice_is_the_soft_renderer_over_the_background():
    edge = torch.tensor(32.3, dtype=torch.float64, requires_grad=True)
    colours = torch.full((1, 4, 1), 0.5, dtype=torch.float64)
    drawn = draw_mesh(
        _half_plane(edge), FLAT, colours, FACES, 64, 64, outlines="soft", background=0.25
    )
    distance = (32.5 - 32.3) / 32  # of the centre of column 32 outside, half the side is 1
    expected = 1 / (1 + math.exp(distance**2 / 1e-4))
    assert float(drawn.alpha[0, 3, 32].detach()) == pytest.approx(expected, abs=1e-3)
    assert float(drawn.image[0, 3, 60, 0].detach()) == pytest.approx(0.25)
    assert float(torch.autograd.grad(drawn.alpha[0, 3, 32], edge)[0]) > 0.1


def test_edge_grad_shows_the_pixels_of_none_and_antialias_blends_them():
    edge = torch.tensor(4.3, dtype=torch.float64)
    colours = torch.full((1, 4, 1), 0.5, dtype=torch.float64)
    hard, marked, blended = (
        draw_mesh(_half_plane(edge), FLAT, colours, FACES, 8, 8, outlines=name, background=0.1)
        for name in ("none", "edge_grad", "antialias")
    )
    assert torch.equal(hard.image, marked.image)
    # The edge runs 0.8 between the centres at 3.5 and 4.5: the pixel beyond has 0.3 of it.
    row = blended.image[0, 3, 2:6, 0]
    expected = row.new_tensor([0.5, 0.5, 0.1 + 0.3 * 0.4, 0.1])
    torch.testing.assert_close(row, expected)


def test_an_unknown_choice_of_outlines_names_those_there_are():
    with pytest.raises(ValueError, match=r"antialias.*edge_grad.*soft.*none.*'blurred'"):
        draw_mesh(
            FLAT[..., None].expand(1, 4, 2), FLAT, FLAT[..., None], FACES, 8, 8, outlines="blurred"
        )
