"""Coverage as a Triton kernel for CUDA: the nearest triangle of every pixel of a batch.

Each program takes a block of triangles of one image and walks their bounding boxes together, a
tile of pixels at a time. Depth and triangle number are packed in one 64-bit integer and entered
with an atomic minimum, so the result does not depend on the order programs run in. Equal to the
reference but where two depths differ by less than a float32 step. Weights and attributes on CUDA
stay in torch (``rasterize_reference``). Triton is imported on first use.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from likeness.errors import MissingError
from likeness.geometry.rasterize_reference import MIN_AREA, NEAR

TRIANGLES = 32
"""Triangles a program takes."""

PIXELS = 16
"""Pixels of each triangle's box looked at together."""

_EMPTY = torch.iinfo(torch.int64).max


def cover(
    xy: Tensor, z: Tensor, w: Tensor | None, faces: Tensor, height: int, width: int, cull_back: bool
) -> Tensor:
    """Number of the nearest triangle at every pixel, -1 where there is none: (B, H, W) int32."""
    batch, num_vertices = z.shape
    num_faces = len(faces)
    keys = torch.full((batch, height, width), _EMPTY, dtype=torch.int64, device=xy.device)
    if num_faces and batch:
        grid = (-(-num_faces // TRIANGLES), batch)
        _kernel()[grid](
            xy.contiguous(),
            z.contiguous(),
            z.contiguous() if w is None else w.contiguous(),
            faces.to(torch.int32).contiguous(),
            keys,
            num_vertices,
            num_faces,
            height,
            width,
            MIN_AREA=MIN_AREA,
            NEAR=NEAR,
            CULL_BACK=cull_back,
            PERSPECTIVE=w is not None,
            TRIANGLES=TRIANGLES,
            PIXELS=PIXELS,
            # A fused multiply-add would round an edge's two sides differently and open pinholes.
            enable_fp_fusion=False,
        )
    return torch.where(keys == _EMPTY, -1, keys & 0xFFFFFFFF).to(torch.int32)


@cache
def _kernel() -> Any:
    try:
        from likeness.geometry.rasterize_triton_kernel import cover_kernel
    except ImportError as error:
        raise MissingError(
            f"The rasteriser's triton backend needs Triton, which cannot be imported: {error}.",
            advice="It comes with the CUDA builds of torch. Without it use backend='torch'.",
        ) from error
    return cover_kernel
