"""Silhouette antialiasing: blends pixels across outlines, and so gives outlines a gradient.

A rasteriser decides visibility per pixel, which has no gradient. Here every pair of neighbouring
pixels with an outline between their centres is blended by the place where the outline crosses the
line of centres; that place moves smoothly with the vertices. The idea is the one of Laine et al.,
"Modular primitives for high-performance differentiable rendering", SIGGRAPH Asia 2020, section
3.4. It differs in one point that decides whether it works on a head: the outline is searched by
*walking* from triangle to triangle along the line of centres. The last pixel before an outline
usually holds several slivers; looking only at the pixel's own triangle finds the outline for
triangles of tens of pixels and misses most of it on a mesh of thousands, so that the gradient of
the area comes out at half its size.

Owns the plain torch reference and the autograd function around the compiled twin
(``antialias_kernels``). Does not own coverage (``rasterize``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from likeness.geometry import antialias_kernels
from likeness.geometry.image_threads import over_images
from likeness.geometry.rasterize import Backend, Fragments

MAX_STEPS = antialias_kernels.MAX_STEPS
"""Triangles visited on the way from a pixel's centre to the outline."""

MARGIN = antialias_kernels.MARGIN
"""How far beyond the two centres a crossing may lie, in pixels; it is then moved to the centre."""


@dataclass(frozen=True)
class Adjacency:
    """What lies across each triangle's edges; depends on the faces only.

    Attributes:
        neighbour: (F, 3) int32, for corner i the triangle across the edge (i+1, i+2), -1 at a
            boundary or where more than two triangles meet.
        opposite: (F, 3) int32, that triangle's vertex off the edge, -1 likewise.
    """

    neighbour: Tensor
    opposite: Tensor


def face_adjacency(faces: Tensor) -> Adjacency:
    """The triangles across every edge of ``faces`` (F, 3), remembered for recently seen
    topologies.
    """
    array = np.ascontiguousarray(faces.detach().cpu().numpy(), dtype=np.int32)
    neighbour, opposite = _adjacency_of(array.tobytes())
    return Adjacency(
        torch.from_numpy(neighbour).to(faces.device), torch.from_numpy(opposite).to(faces.device)
    )


@lru_cache(maxsize=8)
def _adjacency_of(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    faces = np.frombuffer(data, dtype=np.int32).reshape(-1, 3).astype(np.int64)
    count = len(faces)
    ends = np.sort(np.concatenate([faces[:, [1, 2]], faces[:, [2, 0]], faces[:, [0, 1]]]), axis=1)
    owner = np.tile(np.arange(count), 3)
    corner = np.repeat(np.arange(3), count)
    _, edge, uses = np.unique(
        ends[:, 0] * (faces.max(initial=0) + 1) + ends[:, 1],
        return_inverse=True,
        return_counts=True,
    )
    order = np.argsort(edge, kind="stable")
    order = order[uses[edge[order]] == 2]
    one, two = order[0::2], order[1::2]
    neighbour = np.full((count, 3), -1, dtype=np.int32)
    opposite = np.full((count, 3), -1, dtype=np.int32)
    for here, there in ((one, two), (two, one)):
        neighbour[owner[here], corner[here]] = owner[there]
        opposite[owner[here], corner[here]] = faces[owner[there], corner[there]]
    return neighbour, opposite


def antialias(
    image: Tensor,
    fragments: Fragments,
    xy: Tensor,
    faces: Tensor,
    *,
    adjacency: Adjacency | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """The image with outlines blended: (B, H, W, C), differentiable in ``image`` and ``xy``.

    For each pair of horizontal or vertical neighbours with different triangles, the nearer
    triangle's surface is followed from its pixel's centre P towards the other centre until its
    outline, at the distance ``dc``. With ``dc`` below one half the outline lies within P's pixel,
    which takes ``1/2 - dc`` of the other's colour; otherwise the other pixel takes ``dc - 1/2``
    of P's.

    Args:
        image: (B, H, W, C) colours, background already filled in.
        fragments: result of :func:`likeness.geometry.rasterize.rasterize` for the same ``xy``.
        xy: (B, V, 2) vertices in pixels.
        faces: (F, 3) triangles.
        adjacency: of ``faces``; looked up when not given.
        backend: ``auto`` is the compiled loop on the CPU and torch elsewhere.
    """
    if image.shape[:3] != fragments.tri.shape:
        raise ValueError(
            f"image must be (B, H, W, C) with B, H, W = {tuple(fragments.tri.shape)}, "
            f"got {tuple(image.shape)}"
        )
    if image.dtype != xy.dtype:
        raise ValueError(f"image and xy must have one type, got {image.dtype} and {xy.dtype}")
    adjacency = adjacency or face_adjacency(faces)
    compiled = backend == "numba" or (backend == "auto" and image.device.type == "cpu")
    if compiled:
        return _Blend.apply(
            image,
            xy,
            fragments.tri,
            fragments.depth.detach(),
            faces,
            adjacency.neighbour,
            adjacency.opposite,
        )
    # Both directions blend the same input colours; their changes add up.
    horizontal, vertical = (
        _change(image, fragments, xy, faces.long(), adjacency, direction)
        for direction in (False, True)
    )
    return image + horizontal + vertical


def _change(
    image: Tensor,
    fragments: Fragments,
    xy: Tensor,
    faces: Tensor,
    adjacency: Adjacency,
    vertical: bool,
) -> Tensor:
    """What the pairs of one direction add to the image; the reference of the compiled loop."""
    first, sign, pixels, ends = find_crossings(fragments, xy.detach(), faces, adjacency, vertical)
    second = first.clone()
    second[:, 1 if vertical else 2] += 1
    batch = first[:, :1]
    centre = pixels.to(xy.dtype) + 0.5
    relative = xy[batch, ends] - centre[:, None]  # (N, 2 ends, xy)
    along, across = pair_axes(relative, vertical)
    delta_across = across[:, 1] - across[:, 0]
    delta_along = along[:, 1] - along[:, 0]
    distance = sign * (along[:, 0] * delta_across - across[:, 0] * delta_along) / delta_across
    alpha = sign * (0.5 - distance.clamp(0, 1))
    places = tuple(first.unbind(1)), tuple(second.unbind(1))
    difference = (image[places[1]] - image[places[0]]) * alpha[:, None]
    positive = (alpha > 0)[:, None]
    change = torch.zeros_like(image)
    change = change.index_put(places[0], torch.where(positive, difference, 0), accumulate=True)
    return change.index_put(places[1], torch.where(positive, 0, difference), accumulate=True)


def pair_axes(points: Tensor, vertical: bool) -> tuple[Tensor, Tensor]:
    """Coordinates along and across the direction of the pair."""
    x, y = points[..., 0], points[..., 1]
    return (y, x) if vertical else (x, y)


@torch.no_grad()
def find_crossings(
    fragments: Fragments, xy: Tensor, faces: Tensor, adjacency: Adjacency, vertical: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pairs with an outline between them.

    Returns the first pixel (N, 3) as (image, row, column), the sign (N,) (+1 where the nearer
    surface is the first pixel's), the nearer surface's pixel (N, 2) as (x, y), the outline's two
    vertices (N, 2).
    """
    tri, depth = fragments.tri.long(), fragments.depth.detach()
    axis = 1 if vertical else 2
    extent = tri.shape[axis] - 1
    tri_first, tri_second = tri.narrow(axis, 0, extent), tri.narrow(axis, 1, extent)
    nearer_first = depth.narrow(axis, 0, extent) <= depth.narrow(axis, 1, extent)
    first = torch.nonzero(tri_first != tri_second)
    places = tuple(first.unbind(1))
    is_first = nearer_first[places]
    sign = torch.where(is_first, 1.0, -1.0).to(xy.dtype)
    current = torch.where(is_first, tri_first[places], tri_second[places])
    other = torch.where(is_first, tri_second[places], tri_first[places])
    pixels = first[:, [2, 1]].clone()
    pixels[:, 1 if vertical else 0] += (~is_first).long()

    neighbour, opposite = adjacency.neighbour.long(), adjacency.opposite.long()
    previous = torch.full_like(current, -2)
    found = torch.zeros_like(is_first)
    ends = torch.zeros((len(first), 2), dtype=torch.long, device=xy.device)
    walking = torch.arange(len(first), device=xy.device)
    for _ in range(MAX_STEPS + 1):
        if not len(walking):
            break
        corner_ids = faces[current[walking]]
        image = first[walking, 0]
        centre = pixels[walking].to(xy.dtype) + 0.5
        along, across = pair_axes(xy[image[:, None], corner_ids] - centre[:, None], vertical)
        distance = torch.full_like(along, -torch.inf)
        for corner in range(3):
            j, k = (corner + 1) % 3, (corner + 2) % 3
            delta = across[:, k] - across[:, j]
            crosses = (across[:, j] < 0) != (across[:, k] < 0)
            reach = along[:, j] * delta - across[:, j] * (along[:, k] - along[:, j])
            # The edge it was entered by is not an exit. Distances alone do not tell them apart in a
            # triangle seen edge-on, of which an outline may be full.
            crosses &= neighbour[current[walking], corner] != previous[walking]
            distance[:, corner] = torch.where(
                crosses, sign[walking] * reach / torch.where(crosses, delta, 1), -torch.inf
            )
        # Ties go to the lower corner, as in the compiled loop (argmax does not promise that).
        far, corner = distance[:, 0], torch.zeros_like(walking)
        for candidate in (1, 2):
            better = distance[:, candidate] > far
            far = torch.where(better, distance[:, candidate], far)
            corner = torch.where(better, candidate, corner)
        pick = torch.arange(len(walking), device=xy.device)
        j, k = (corner + 1) % 3, (corner + 2) % 3
        across_tri = neighbour[current[walking], corner]
        beyond = opposite[current[walking], corner]
        point_along, point_across = pair_axes(xy[image, beyond.clamp(min=0)] - centre, vertical)
        delta_along = along[pick, k] - along[pick, j]
        delta_across = across[pick, k] - across[pick, j]
        # The surface comes from P's side of the edge; an outline is where it turns back there.
        turned = delta_along * (point_across - across[pick, j]) - delta_across * (
            point_along - along[pick, j]
        )
        silhouette = (across_tri < 0) | (sign[walking] * delta_across * turned > 0)
        near = far < 1 + MARGIN
        accepted = silhouette & near & (far > -MARGIN) & (delta_across.abs() >= delta_along.abs())
        found[walking[accepted]] = True
        ends[walking[accepted]] = torch.stack([corner_ids[pick, j], corner_ids[pick, k]], dim=-1)[
            accepted
        ]
        onward = ~silhouette & near & (far > -torch.inf) & (across_tri != other[walking])
        previous[walking[onward]] = current[walking[onward]]
        current[walking[onward]] = across_tri[onward]
        walking = walking[onward]
    return first[found], sign[found], pixels[found], ends[found]


class _Blend(torch.autograd.Function):
    """The compiled blend and its gradient."""

    @staticmethod
    def forward(ctx, image, xy, tri, depth, faces, neighbour, opposite):
        faces = faces.to(torch.int32)
        ctx.save_for_backward(image, xy, tri, depth, faces, neighbour, opposite)
        out = image.detach().clone(memory_format=torch.contiguous_format)
        over_images(
            antialias_kernels.blend,
            image.shape[0],
            tri[0].numel() * 8,
            (*_arrays(image, xy, tri, depth, faces, neighbour, opposite), out.numpy()),
        )
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_out):
        image, xy, *_ = ctx.saved_tensors
        grad_out = grad_out.contiguous()
        grad_image = grad_out.clone()
        grad_xy = torch.zeros(xy.shape, dtype=xy.dtype)
        over_images(
            antialias_kernels.blend_backward,
            image.shape[0],
            grad_out[0].numel() * 8,
            (
                *_arrays(*ctx.saved_tensors),
                grad_out.numpy(),
                grad_image.numpy(),
                grad_xy.numpy(),
            ),
        )
        return grad_image, grad_xy, None, None, None, None, None


def _arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(tensor.detach().contiguous().numpy() for tensor in tensors)
