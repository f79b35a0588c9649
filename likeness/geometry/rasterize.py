"""Differentiable rasteriser: which triangle each pixel shows, and where on it.

Owns the public interface (:func:`rasterize`, :func:`interpolate`, :func:`texture`) and the
gradient of the barycentric weights. Coverage comes from one of three backends with the same
rules: the plain torch reference (``rasterize_reference``), a compiled loop for the CPU
(``rasterize_kernels``) and a Triton kernel for CUDA (``rasterize_triton``). Does not own
gradients at outlines (``antialias``) nor light (``shading``).

Rules, the same for every backend:

- The sample point of pixel (i, j) is its centre (i + 0.5, j + 0.5), origin top left, y down.
- Coverage is decided by three edge functions, each evaluated from the lower to the higher vertex
  index and then signed for direction and winding. The two triangles of an edge therefore see
  exactly opposite numbers, and with the top-left rule a centre on a shared edge belongs to
  exactly one of them, whatever the rounding. (Pineda, "A parallel algorithm for polygon
  rasterization", SIGGRAPH 1988.)
- The nearest depth wins, a tie goes to the lower triangle number.
- Triangles with twice their area below 1e-12 square pixels, with a vertex that is not finite, or
  with a vertex at w <= 1e-4 (the near plane) are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor

from likeness.geometry import rasterize_kernels, rasterize_reference
from likeness.geometry.image_threads import over_images

Backend = Literal["auto", "torch", "numba", "triton"]


@dataclass(frozen=True)
class Fragments:
    """What every pixel shows.

    Attributes:
        tri: (B, H, W) int32, number of the triangle, -1 where there is none. A constant for
            autograd.
        bary: (B, H, W, 3), weights of the triangle's three corners, perspective-correct when
            ``w`` was given; differentiable with respect to ``xy`` and ``w``. Zero where there is
            no triangle.
        depth: (B, H, W), interpolated ``z``; differentiable. ``inf`` where there is no triangle.
    """

    tri: Tensor
    bary: Tensor
    depth: Tensor

    @property
    def mask(self) -> Tensor:
        """(B, H, W) bool, True where a triangle was hit."""
        return self.tri >= 0


def rasterize(
    xy: Tensor,
    z: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    *,
    backend: Backend = "auto",
    cull: Literal["back"] | None = None,
    w: Tensor | None = None,
) -> Fragments:
    """The visible triangle of every pixel, with barycentric weights that carry gradients.

    The barycentric weights of the winning triangle are a smooth function of its vertices, so
    everything interpolated with them has a gradient; the choice of the triangle is a constant.
    Outlines get their gradient from :func:`likeness.geometry.antialias.antialias`.

    Args:
        xy: (B, V, 2) vertex positions in pixels, x right, y down, float32 or float64.
        z: (B, V) depth, smaller is nearer: ``-s z`` of a weak-perspective camera, or the depth
            along the axis of a perspective one (any increasing affine function of it).
        faces: (F, 3) vertex numbers, shared by the batch.
        height: rows of the image.
        width: columns of the image.
        backend: ``auto`` takes the compiled loop on the CPU, Triton on CUDA where it is
            installed, and the torch reference otherwise.
        cull: ``"back"`` drops triangles seen from behind. A triangle that is counter-clockwise
            seen from its front has a negative area in pixels with y down; those are kept.
        w: (B, V) perspective divisor of each vertex (the depth along the camera axis). With it the
            weights and the depth are perspective-correct; surfaces are ordered exactly as by z/w
            interpolated linearly on the screen.

    Raises:
        ValueError: shapes, types or the backend's name do not fit.
    """
    _check(xy, z, faces, w, cull)
    chosen = _choose(backend, xy)
    culled = cull == "back"
    with torch.no_grad():
        if chosen == "numba":
            tri = _cover_compiled(xy, z, w, faces, height, width, culled)
        elif chosen == "triton":
            from likeness.geometry import rasterize_triton

            tri = rasterize_triton.cover(xy, z, w, faces, height, width, culled)
        else:
            tri = rasterize_reference.cover(xy, z, w, faces, height, width, culled)
    if chosen == "numba":
        bary, depth = _Resolve.apply(xy, z, w, faces, tri)
    else:
        bary, depth = rasterize_reference.resolve(xy, z, w, faces, tri)
    return Fragments(tri, bary, depth)


def interpolate(
    attributes: Tensor, fragments: Fragments, faces: Tensor, *, backend: Backend = "auto"
) -> Tensor:
    """Vertex attributes at every pixel: (B, H, W, C), zero where there is no triangle.

    Args:
        attributes: (B, V, C), or (V, C) shared by the batch.
        fragments: result of :func:`rasterize`.
        faces: the (F, 3) triangles that were rasterised; another (F, 3) list with the same triangle
            order (the faces of a texture map) is as good.
        backend: as for :func:`rasterize`; ``triton`` has no kernel of its own here and is
            ``torch``.
    """
    batch = fragments.tri.shape[0]
    if attributes.ndim == 2:
        attributes = attributes.expand(batch, *attributes.shape)
    if attributes.ndim != 3 or attributes.shape[0] != batch:
        raise ValueError(
            f"attributes must be (V, C) or ({batch}, V, C), got {tuple(attributes.shape)}"
        )
    if _choose(backend, attributes) == "numba":
        return _Interpolate.apply(attributes, fragments.bary, fragments.tri, faces)
    return rasterize_reference.interpolate(attributes, fragments.bary, fragments.tri, faces)


def texture(
    image: Tensor, uv: Tensor, *, mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
) -> Tensor:
    """Texture look-up: (B, H, W, C).

    Args:
        image: (B, C, h, w), or (C, h, w) shared by the batch.
        uv: (B, H, W, 2) in [0, 1]: u to the right, v **up** (the convention of OBJ files), the
            corners of the unit square on the outer corners of the corner texels. Outside, the
            border is repeated.
        mode: interpolation between texels.
    """
    if image.ndim == 3:
        image = image.expand(uv.shape[0], *image.shape)
    grid = torch.stack([uv[..., 0] * 2 - 1, 1 - uv[..., 1] * 2], dim=-1)
    sampled = functional.grid_sample(
        image, grid, mode=mode, padding_mode="border", align_corners=False
    )
    return sampled.permute(0, 2, 3, 1)


def _check(xy: Tensor, z: Tensor, faces: Tensor, w: Tensor | None, cull: str | None) -> None:
    if xy.ndim != 3 or xy.shape[-1] != 2 or xy.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"xy must be (B, V, 2) float32 or float64, got {tuple(xy.shape)} {xy.dtype}"
        )
    for name, value in (("z", z), ("w", w)):
        if value is not None and (value.shape != xy.shape[:2] or value.dtype != xy.dtype):
            raise ValueError(
                f"{name} must be {tuple(xy.shape[:2])} {xy.dtype}, got {tuple(value.shape)} "
                f"{value.dtype}"
            )
    if faces.ndim != 2 or faces.shape[-1] != 3 or faces.is_floating_point():
        raise ValueError(
            f"faces must be (F, 3) of an integer type, got {tuple(faces.shape)} {faces.dtype}"
        )
    if faces.numel() and (int(faces.min()) < 0 or int(faces.max()) >= xy.shape[1]):
        raise ValueError(
            f"faces name vertices {int(faces.min())}..{int(faces.max())}, there are {xy.shape[1]}"
        )
    if cull not in (None, "back"):
        raise ValueError(f'cull must be None or "back", got {cull!r}')


def _choose(backend: str, tensor: Tensor) -> str:
    if backend == "auto":
        if tensor.device.type == "cpu":
            return "numba"
        if tensor.device.type == "cuda":
            from likeness.extras import is_installed

            return "triton" if is_installed("triton") else "torch"
        return "torch"
    if backend not in ("torch", "numba", "triton"):
        raise ValueError(f"backend must be auto, torch, numba or triton, got {backend!r}")
    if backend == "numba" and tensor.device.type != "cpu":
        raise ValueError(f"the numba backend runs on the CPU, the tensors are on {tensor.device}")
    return backend


def _array(tensor: Tensor):
    return tensor.detach().contiguous().numpy()


def _face_array(faces: Tensor):
    return faces.detach().to(dtype=torch.int32).contiguous().numpy()


def _divisors(w: Tensor | None, z: Tensor):
    """The divisor array the kernels take: empty where there is none (numba wants one type)."""
    return _array(z.new_empty((0, 0)) if w is None else w)


def _cover_compiled(
    xy: Tensor,
    z: Tensor,
    w: Tensor | None,
    faces: Tensor,
    height: int,
    width: int,
    culled: bool,
) -> Tensor:
    batch = xy.shape[0]
    tri = torch.empty((batch, height, width), dtype=torch.int32)
    nearest = xy.new_empty((batch, height, width))
    over_images(
        rasterize_kernels.cover,
        batch,
        height * width + 4 * len(faces),
        (
            _array(xy),
            _array(z),
            _divisors(w, z),
            _face_array(faces),
            culled,
            tri.numpy(),
            nearest.numpy(),
        ),
    )
    return tri


class _Resolve(torch.autograd.Function):
    """Weights and depth of the winning triangles; the fused twin of
    ``rasterize_reference.resolve``.
    """

    @staticmethod
    def forward(ctx, xy, z, w, faces, tri):
        batch, height, width = tri.shape
        bary = xy.new_empty((batch, height, width, 3))
        depth = xy.new_empty((batch, height, width))
        ctx.save_for_backward(xy, z, w, faces, tri, bary)
        arguments = (_array(xy), _array(z), _divisors(w, z), _face_array(faces), tri.numpy())
        over_images(
            rasterize_kernels.resolve,
            batch,
            height * width,
            (*arguments, bary.numpy(), depth.numpy()),
        )
        return bary, depth

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_bary, grad_depth):
        xy, z, w, faces, tri, bary = ctx.saved_tensors
        grad_xy = torch.zeros_like(xy, memory_format=torch.contiguous_format)
        grad_z = torch.zeros_like(z, memory_format=torch.contiguous_format)
        grad_w = z.new_zeros((0, 0)) if w is None else torch.zeros(w.shape, dtype=w.dtype)
        over_images(
            rasterize_kernels.resolve_backward,
            tri.shape[0],
            tri[0].numel() * 2,
            (
                _array(xy),
                _array(z),
                _divisors(w, z),
                _face_array(faces),
                tri.numpy(),
                _array(bary),
                _array(grad_bary),
                _array(grad_depth),
                grad_xy.numpy(),
                grad_z.numpy(),
                grad_w.numpy(),
            ),
        )
        return grad_xy, grad_z, None if w is None else grad_w, None, None


class _Interpolate(torch.autograd.Function):
    """Weighted corner attributes; the fused twin of ``rasterize_reference.interpolate``."""

    @staticmethod
    def forward(ctx, attributes, bary, tri, faces):
        ctx.save_for_backward(attributes, bary, tri, faces)
        out = attributes.new_empty((*tri.shape, attributes.shape[-1]))
        over_images(
            rasterize_kernels.interpolate,
            tri.shape[0],
            out[0].numel(),
            (_array(attributes), _array(bary), tri.numpy(), _face_array(faces), out.numpy()),
        )
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_out):
        attributes, bary, tri, faces = ctx.saved_tensors
        grad_attributes = torch.zeros(attributes.shape, dtype=attributes.dtype)
        grad_bary = torch.zeros(bary.shape, dtype=bary.dtype)
        over_images(
            rasterize_kernels.interpolate_backward,
            tri.shape[0],
            grad_out[0].numel() * 2,
            (
                _array(attributes),
                _array(bary),
                tri.numpy(),
                _face_array(faces),
                _array(grad_out),
                grad_attributes.numpy(),
                grad_bary.numpy(),
            ),
        )
        return grad_attributes, grad_bary, None, None
