"""Ways to give outlines a gradient, behind one argument of :func:`draw_mesh`.

Owns that choice and two of the ways: :func:`edge_gradient`, which leaves the picture as it is, and
:func:`soft_render`, which needs no visibility at all. Both are plain torch. The third,
:mod:`likeness.geometry.antialias`, is the one to use: it blends outlines as well, and costs a
fraction of the soft renderer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from likeness.geometry.antialias import (
    Adjacency,
    antialias,
    face_adjacency,
    find_crossings,
    pair_axes,
)
from likeness.geometry.rasterize import Fragments, interpolate, rasterize

Outlines = Literal["antialias", "edge_grad", "soft", "none"]
"""Ways outlines can get a gradient; ``none`` gives them none."""

_NEGLIGIBLE = 1e-4
"""Coverage below which a triangle does not count for a pixel."""


@dataclass(frozen=True)
class Drawing:
    """A picture of a mesh."""

    image: Tensor  # (B, H, W, C)
    alpha: Tensor  # (B, H, W) in [0, 1]


def draw_mesh(
    xy: Tensor,
    z: Tensor,
    colours: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    *,
    outlines: Outlines = "antialias",
    background: float = 0.0,
) -> Drawing:
    """Draws a mesh with colours at its vertices; image and alpha have the same outlines.

    Args:
        xy: (B, V, 2) vertices in pixels.
        z: (B, V) depth, smaller is nearer.
        colours: (B, V, C).
        faces: (F, 3).
        height: rows of the image.
        width: columns.
        outlines: ``antialias`` blends them, ``edge_grad`` leaves the pixels as ``none`` draws them
            and adds the gradient, ``soft`` draws without visibility by the defaults of
            :func:`soft_render`; with ``none`` gradients come through interpolated colours only.
        background: colour where nothing is.

    Raises:
        ValueError: there is no such choice, or shapes do not fit.
    """
    if outlines not in get_args(Outlines):
        raise ValueError(f"outlines must be one of {list(get_args(Outlines))}, got {outlines!r}")
    if outlines == "soft":
        return soft_render(xy, z, colours, faces, height, width, background=background)
    fragments = rasterize(xy, z, faces, height, width)
    covered = fragments.mask[..., None].to(colours.dtype)
    image = interpolate(colours, fragments, faces) + background * (1.0 - covered)
    both = torch.cat([image, covered], dim=-1)
    if outlines == "antialias":
        both = antialias(both, fragments, xy, faces)
    elif outlines == "edge_grad":
        both = edge_gradient(both, fragments, xy, faces)
    return Drawing(both[..., :-1], both[..., -1])


def edge_gradient(
    image: Tensor,
    fragments: Fragments,
    xy: Tensor,
    faces: Tensor,
    *,
    adjacency: Adjacency | None = None,
) -> Tensor:
    """The image unchanged, with the gradient of its outlines.

    Where an outline runs between two pixels, moving it by one pixel changes their sum by the
    difference of their colours; each pixel is given half of that (the finite difference across an
    edge times its motion: Pidhorskyi et al., "Rasterized edge gradients", ECCV 2024).

    Args:
        image: (B, H, W, C) colours, background already filled in.
        fragments: result of ``rasterize`` for the same ``xy``.
        xy: (B, V, 2) vertices in pixels.
        faces: (F, 3) triangles.
        adjacency: of ``faces``; looked up when not given.
    """
    adjacency = adjacency or face_adjacency(faces)
    total = torch.zeros_like(image)
    for vertical in (False, True):
        first, _, pixels, ends = find_crossings(
            fragments, xy.detach(), faces.long(), adjacency, vertical
        )
        second = first.clone()
        second[:, 1 if vertical else 2] += 1
        along, across = pair_axes(
            xy[first[:, :1], ends] - (pixels.to(xy.dtype) + 0.5)[:, None], vertical
        )
        slope = (along[:, 1] - along[:, 0]) / (across[:, 1] - across[:, 0])
        place = along[:, 0] - across[:, 0] * slope
        here, there = tuple(first.unbind(1)), tuple(second.unbind(1))
        # The outline moving along the pair uncovers or covers the nearer surface.
        change = 0.5 * (image[here] - image[there]).detach() * (place - place.detach())[:, None]
        total = total.index_put(here, change, accumulate=True)
        total = total.index_put(there, change, accumulate=True)
    return image + total


def soft_render(
    xy: Tensor,
    z: Tensor,
    colours: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    *,
    sigma: float = 1e-4,
    gamma: float = 1e-4,
    max_faces: int = 8,
    background: float = 0.0,
) -> Drawing:
    """Renders without visibility: coverage and depth are both soft (Liu et al., "Soft rasterizer",
    ICCV 2019).

    A triangle at signed squared distance d from a pixel's centre (negative inside) covers it by
    ``D = sigmoid(-d / sigma)``. ``alpha = 1 - prod(1 - D)``; colours are averaged with the weights
    ``D exp(z_inverse / gamma)``.

    Args:
        xy: (B, V, 2) vertices in pixels.
        z: (B, V) depth, smaller is nearer.
        colours: (B, V, C).
        faces: (F, 3).
        height: rows of the image.
        width: columns.
        sigma: softness of edges, squared normalised device coordinates (half the longer side is 1).
        gamma: softness of depth, as a share of the range of depths.
        max_faces: triangles that count for a pixel, the nearest ones.
        background: colour where nothing is.
    """
    unit = 2.0 / max(height, width)  # pixels to normalised device coordinates
    reach = math.sqrt(math.log(1 / _NEGLIGIBLE - 1) * sigma) / unit
    image_of, face_of, pixel, centre = _candidates(xy, faces, height, width, reach)
    corner_ids = faces.long()[face_of]
    corners = xy[image_of[:, None], corner_ids]
    weights, square = _place_in_triangle(corners, centre)
    inside = (weights > 0).all(-1)
    square = square * unit**2
    cover = torch.sigmoid(torch.where(inside, square, -square) / sigma)

    bounded = weights.clamp(min=0)
    bounded = bounded / bounded.sum(-1, keepdim=True)
    depth = (bounded * z[image_of[:, None], corner_ids]).sum(-1)
    near, far = z.detach().amin(), z.detach().amax()
    nearness = (far - depth) / (far - near).clamp(min=1e-9)

    kept = _nearest(pixel, depth.detach(), max_faces) & (cover.detach() > _NEGLIGIBLE)
    pixel, cover, nearness = pixel[kept], cover[kept], nearness[kept]
    shown = (bounded[kept, :, None] * colours[image_of[:, None], corner_ids][kept]).sum(1)
    count = xy.shape[0] * height * width
    through = torch.log((1 - cover).clamp(min=1e-12))
    alpha = 1 - torch.exp(xy.new_zeros(count).index_add(0, pixel, through))

    # The largest exponent of a pixel is taken out; the background lies at nearness 0.
    top = xy.new_zeros(count).scatter_reduce(0, pixel, nearness.detach(), "amax")
    share = cover * torch.exp((nearness - top[pixel]) / gamma)
    behind = torch.exp(-top / gamma).clamp(min=1e-10)
    total = behind.index_add(0, pixel, share)
    image = (behind * background)[:, None].expand(-1, colours.shape[-1])
    image = image.index_add(0, pixel, share[:, None] * shown) / total[:, None]
    shape = (xy.shape[0], height, width)
    return Drawing(image.reshape(*shape, -1), alpha.reshape(shape))


@torch.no_grad()
def _candidates(
    xy: Tensor, faces: Tensor, height: int, width: int, reach: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images, triangles, flat pixels and centres (x, y) of all pixels near a triangle's box."""
    corners = xy[:, faces.long()]
    limit = corners.new_tensor([width - 1, height - 1])
    low = torch.ceil(corners.amin(2) - reach - 0.5).clamp(min=0)
    high = torch.minimum(torch.floor(corners.amax(2) + reach - 0.5), limit)
    edge1, edge2 = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    area = edge1[..., 0] * edge2[..., 1] - edge1[..., 1] * edge2[..., 0]
    drawn = torch.isfinite(area) & (area.abs() > 1e-12)
    image, triangle = torch.nonzero(drawn, as_tuple=True)
    low, size = low[image, triangle], (high - low + 1).clamp(min=0)[image, triangle].long()
    count = size[:, 0] * size[:, 1]
    entry = torch.repeat_interleave(torch.arange(len(count), device=xy.device), count)
    place = torch.arange(len(entry), device=xy.device) - (count.cumsum(0) - count)[entry]
    column = low[entry, 0].long() + place % size[entry, 0]
    row = low[entry, 1].long() + place // size[entry, 0]
    pixel = (image[entry] * height + row) * width + column
    centre = torch.stack([column, row], dim=-1).to(xy.dtype) + 0.5
    return image[entry], triangle[entry], pixel, centre


def _place_in_triangle(corners: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Barycentric weights (N, 3) and squared distance (N,) to the nearest edge, pixels squared."""
    edges = corners[:, [1, 2, 0]] - corners  # (N, 3, 2)
    offset = centre[:, None] - corners
    cross = edges[..., 0] * offset[..., 1] - edges[..., 1] * offset[..., 0]
    weights = cross[:, [1, 2, 0]] / cross.sum(-1, keepdim=True)
    length = (edges * edges).sum(-1).clamp(min=1e-12)
    foot = ((offset * edges).sum(-1) / length).clamp(0, 1)
    gap = offset - foot[..., None] * edges
    return weights, (gap * gap).sum(-1).amin(-1)


def _nearest(pixel: Tensor, depth: Tensor, count: int) -> Tensor:
    """Which entries are among the ``count`` nearest of their pixel."""
    order = torch.argsort(depth, stable=True)
    order = order[torch.argsort(pixel[order], stable=True)]
    ordered = pixel[order]
    place = torch.arange(len(ordered), device=pixel.device)
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = torch.where(is_first, place, 0).cummax(0).values if len(place) else place
    kept = torch.zeros_like(ordered, dtype=torch.bool)
    kept[order] = place - first < count
    return kept
