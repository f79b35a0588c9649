"""The rasteriser in plain torch: vectorised, on any device, and the reference the kernels must
equal.

Owns coverage over a flat list of (image, triangle, pixel) candidates and the differentiable
weights of the winners. The rules are stated in ``rasterize``.
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_CANDIDATES = 8_000_000
"""Candidates (image, triangle, pixel) looked at together: bounds the memory."""

MIN_AREA = 1e-12
NEAR = 1e-4


def cover(
    xy: Tensor, z: Tensor, w: Tensor | None, faces: Tensor, height: int, width: int, cull_back: bool
) -> Tensor:
    """Number of the nearest triangle at every pixel, -1 where there is none: (B, H, W) int32."""
    batch = xy.shape[0]
    faces = faces.long()
    corners = xy[:, faces]  # (B, F, 3, 2)
    area = _cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
    drawn = torch.isfinite(area) & (area.abs() >= MIN_AREA)  # no corner at infinity either
    drawn &= torch.isfinite(z[:, faces]).all(-1)
    if cull_back:
        drawn &= area < 0
    if w is not None:
        drawn &= (w[:, faces] > NEAR).all(-1)
    image, triangle = torch.nonzero(drawn, as_tuple=True)
    corners = corners[image, triangle]
    limit = corners.new_tensor([width - 1, height - 1])
    low = torch.ceil(corners.amin(1) - 0.5).clamp(min=0)
    high = torch.minimum(torch.floor(corners.amax(1) - 0.5), limit)
    size = (high - low + 1).clamp(min=0)
    low, size = low.clamp(max=max(height, width)).long(), size.long()
    count = size[:, 0] * size[:, 1]

    nearest = xy.new_full((batch * height * width,), torch.inf)
    winner = torch.full_like(nearest, -1, dtype=torch.long)
    for first, last in _chunks(count):
        part = slice(first, last)
        _cover_chunk(
            image[part],
            triangle[part],
            low[part],
            size[part],
            count[part],
            xy,
            z,
            w,
            faces,
            height,
            width,
            nearest,
            winner,
        )
    return winner.view(batch, height, width).int()


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _chunks(count: Tensor) -> list[tuple[int, int]]:
    """Ranges of the triangle list of at most ``MAX_CANDIDATES`` candidates (or one triangle)."""
    total = torch.cumsum(count, 0)
    ranges, first, done = [], 0, 0
    while first < len(count):
        last = int(torch.searchsorted(total, done + MAX_CANDIDATES, right=True))
        last = max(last, first + 1)
        ranges.append((first, last))
        done = int(total[last - 1])
        first = last
    return ranges


def _cover_chunk(
    image: Tensor,
    triangle: Tensor,
    low: Tensor,
    size: Tensor,
    count: Tensor,
    xy: Tensor,
    z: Tensor,
    w: Tensor | None,
    faces: Tensor,
    height: int,
    width: int,
    nearest: Tensor,
    winner: Tensor,
) -> None:
    """Enter one chunk's candidates into the depth buffer ``nearest`` and the numbers ``winner``."""
    entry = torch.repeat_interleave(torch.arange(len(count), device=xy.device), count)
    start = torch.cumsum(count, 0) - count
    place = torch.arange(len(entry), device=xy.device) - start[entry]
    column = low[entry, 0] + place % size[entry, 0]
    row = low[entry, 1] + place // size[entry, 0]
    centre = torch.stack([column, row], dim=-1).to(xy.dtype) + 0.5

    corner_ids = faces[triangle]
    corners = xy[image[:, None], corner_ids]
    positive = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) > 0
    inside = torch.ones_like(entry, dtype=torch.bool)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        ordered = corner_ids[:, a] < corner_ids[:, b]
        lower = torch.where(ordered[:, None], corners[:, a], corners[:, b])
        higher = torch.where(ordered[:, None], corners[:, b], corners[:, a])
        edge = higher - lower
        forward = ordered == positive
        direction = torch.where(forward[:, None], edge, -edge)
        owns_ties = (direction[:, 1] < 0) | ((direction[:, 1] == 0) & (direction[:, 0] > 0))
        value = _cross(edge[entry], centre - lower[entry])
        value = torch.where(forward[entry], value, -value)
        inside &= (value > 0) | ((value == 0) & owns_ties[entry])

    entry = entry[inside]
    pixel = (image[entry] * height + row[inside]) * width + column[inside]
    weights = _weights(
        corners[entry], centre[inside], None if w is None else w[image[:, None], corner_ids][entry]
    )
    depth = _weighted_sum(weights, z[image[:, None], corner_ids][entry])
    triangle = triangle[entry]
    before = nearest[pixel]
    nearest.scatter_reduce_(0, pixel, depth, "amin")
    after = nearest[pixel]
    improved = after < before
    winner[pixel[improved]] = len(faces)
    wins = depth == after
    winner.scatter_reduce_(0, pixel[wins], triangle[wins], "amin")


def _weights(corners: Tensor, centre: Tensor, w: Tensor | None) -> Tensor:
    """Barycentric weights (N, 3) of points (N, 2) in triangles (N, 3, 2) with divisors (N, 3)."""
    first = corners[:, 0]
    edge1, edge2 = corners[:, 1] - first, corners[:, 2] - first
    offset = centre - first
    area = _cross(edge1, edge2)
    b1 = _cross(offset, edge2) / area
    b2 = _cross(edge1, offset) / area
    weights = torch.stack([1 - b1 - b2, b1, b2], dim=-1)
    if w is None:
        return weights
    weights = weights / w
    return weights / (weights[:, 0] + weights[:, 1] + weights[:, 2])[:, None]


def _weighted_sum(weights: Tensor, values: Tensor) -> Tensor:
    """The sum of three products in a fixed order, as the kernels take it."""
    return (
        weights[:, 0] * values[:, 0] + weights[:, 1] * values[:, 1] + weights[:, 2] * values[:, 2]
    )


def resolve(
    xy: Tensor, z: Tensor, w: Tensor | None, faces: Tensor, tri: Tensor
) -> tuple[Tensor, Tensor]:
    """Weights (B, H, W, 3) and depth (B, H, W) of the triangles ``tri``, differentiable by
    autograd.
    """
    image, row, column = torch.nonzero(tri >= 0, as_tuple=True)
    corner_ids = faces.long()[tri[image, row, column].long()]
    centre = torch.stack([column, row], dim=-1).to(xy.dtype) + 0.5
    divisor = None if w is None else w[image[:, None], corner_ids]
    weights = _weights(xy[image[:, None], corner_ids], centre, divisor)
    depth = _weighted_sum(weights, z[image[:, None], corner_ids])
    places = (image, row, column)
    bary_out = xy.new_zeros((*tri.shape, 3)).index_put(places, weights)
    depth_out = xy.new_full(tri.shape, torch.inf).index_put(places, depth)
    return bary_out, depth_out


def interpolate(attributes: Tensor, bary: Tensor, tri: Tensor, faces: Tensor) -> Tensor:
    """Attributes (B, V, C) at every pixel: (B, H, W, C)."""
    image, row, column = torch.nonzero(tri >= 0, as_tuple=True)
    corner_ids = faces.long()[tri[image, row, column].long()]
    corners = attributes[image[:, None], corner_ids]  # (N, 3, C)
    values = (bary[image, row, column][..., None] * corners).sum(1)
    out = attributes.new_zeros((*tri.shape, attributes.shape[-1]))
    return out.index_put((image, row, column), values)
