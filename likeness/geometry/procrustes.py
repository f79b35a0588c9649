"""Best similarity between batches of matched points in torch, differentiable (Umeyama 1991)."""

from __future__ import annotations

import torch
from torch import Tensor


def fit_similarity(
    source: Tensor, target: Tensor, *, weights: Tensor | None = None, with_scale: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """``target ≈ scale * source @ rotation.mT + translation``, never a reflection.

    Gradients are finite where the singular values of the covariance differ: points that are neither
    on a line nor symmetric about one. In two dimensions a closed form without them is used. Where a
    point is not finite, the result is NaN, as of any other arithmetic.

    Args:
        source, target: matched points (B, N, D), D 2 or 3.
        weights: (B, N), not negative; None for equal ones.

    Returns:
        scale (B,), rotation (B, D, D), translation (B, D).
    """
    if weights is None:
        weights = torch.ones_like(source[..., 0])
    share = (weights / weights.sum(dim=1, keepdim=True)).unsqueeze(-1)  # (B, N, 1)
    mean_source, mean_target = (share * source).sum(dim=1), (share * target).sum(dim=1)
    x, y = source - mean_source[:, None], target - mean_target[:, None]
    covariance = (share * x).mT @ y  # (B, D, D)
    if source.shape[-1] == 2:
        rotation, trace = _rotation_2d(covariance)
    else:
        rotation, trace = _rotation_3d(covariance)
    variance = (share * x * x).sum(dim=(1, 2))
    scale = trace / variance if with_scale else torch.ones_like(trace)
    moved = torch.matmul(rotation, mean_source.unsqueeze(-1)).squeeze(-1)
    return scale, rotation, mean_target - scale[:, None] * moved


def apply_similarity(points: Tensor, scale: Tensor, rotation: Tensor, shift: Tensor) -> Tensor:
    """Points (B, N, D) moved by the result of :func:`fit_similarity`."""
    return scale[:, None, None] * (points @ rotation.mT) + shift[:, None]


def _rotation_2d(covariance: Tensor) -> tuple[Tensor, Tensor]:
    cosine = covariance[:, 0, 0] + covariance[:, 1, 1]
    sine = covariance[:, 0, 1] - covariance[:, 1, 0]
    length = torch.hypot(cosine, sine)
    cosine, sine = cosine / length, sine / length
    rotation = torch.stack([cosine, -sine, sine, cosine], dim=-1).unflatten(-1, (2, 2))
    return rotation, length


def _rotation_3d(covariance: Tensor) -> tuple[Tensor, Tensor]:
    # The decomposition raises on what is not finite; there NaN goes on, for the caller to see.
    is_finite = torch.isfinite(covariance).all(dim=-1).all(dim=-1)
    stand_in = torch.diag(covariance.new_tensor([3.0, 2.0, 1.0]))
    covariance = torch.where(is_finite[:, None, None], covariance, stand_in)
    u, singular, vt = torch.linalg.svd(covariance)
    sign = torch.ones_like(singular)
    sign[:, 2] = torch.sign(torch.linalg.det(u @ vt)).detach()
    rotation = (vt.mT * sign[:, None]) @ u.mT
    trace = (singular * sign).sum(dim=-1)
    return (
        torch.where(is_finite[:, None, None], rotation, torch.nan),
        torch.where(is_finite, trace, torch.nan),
    )
