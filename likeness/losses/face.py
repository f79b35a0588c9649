"""Losses on landmarks, pictures and codes of faces, as plain functions.

Every function returns a scalar that is a mean over the batch, so the batch size never changes the
balance of terms. Landmarks are in normalised crop units: x right, y down, the crop spans [-1, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from likeness.geometry.landmarks import OUTER_EYE_CORNERS
from likeness.geometry.procrustes import apply_similarity, fit_similarity
from likeness.geometry.rotations import geodesic_distance
from likeness.geometry.shading import harmonic_shading

_EPSILON = 1e-8


def landmark_weights(num_points: int = 68) -> Tensor:
    """Default weight of each of the 68 points (the emphasis used by DECA, arXiv:2012.04012).

    1, but 2 for 5, 6, 10, 11 (jaw angle), 1.5 for the nose and mouth, 3 for nose tip, outer
    nostrils and mouth corners. Other point sets weigh 1.
    """
    weights = torch.ones(num_points)
    if num_points == 68:
        weights[[5, 6, 10, 11]] = 2.0
        weights[27:36] = 1.5
        weights[48:68] = 1.5
        weights[[30, 31, 35, 48, 54]] = 3.0
    return weights


def landmark_l1(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted L1 distance of points.

    Args:
        predicted: (B, N, 2).
        target: (B, N, 2).
        weights: (B, N) or (N,), 0 for points that do not count.
    """
    weights = weights.expand(predicted.shape[:2])
    error = (predicted - target).abs().sum(dim=-1)
    return ((error * weights).sum(dim=1) / (2 * weights.sum(dim=1)).clamp_min(_EPSILON)).mean()


def landmark_l2(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean squared coordinate difference; arguments as :func:`landmark_l1`."""
    weights = weights.expand(predicted.shape[:2])
    error = (predicted - target).square().sum(dim=-1)
    return ((error * weights).sum(dim=1) / (2 * weights.sum(dim=1)).clamp_min(_EPSILON)).mean()


def landmark_relative(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """:func:`landmark_l1` of sets less their centroids, in units of the target's eye distance."""
    weights = weights.expand(predicted.shape[:2])
    share = (weights / weights.sum(dim=1, keepdim=True).clamp_min(_EPSILON))[..., None]
    right, left = OUTER_EYE_CORNERS
    scale = torch.linalg.vector_norm(target[:, right] - target[:, left], dim=-1)
    scale = scale.clamp_min(_EPSILON)[:, None, None]
    centred = (predicted - (share * predicted).sum(1, keepdim=True)) / scale
    goal = (target - (share * target).sum(1, keepdim=True)) / scale
    return landmark_l1(centred, goal, weights)


def pair_closure(
    predicted: Tensor, target: Tensor, pairs: tuple[tuple[int, int], ...], weights: Tensor
) -> Tensor:
    """Mean absolute difference of the opening of each (upper, lower) pair of points.

    Pairs with a point of weight 0 do not count.
    """
    upper, lower = (list(column) for column in zip(*pairs, strict=True))
    weights = weights.expand(predicted.shape[:2])
    counts = ((weights[:, upper] > 0) & (weights[:, lower] > 0)).to(predicted.dtype)
    # The norm's gradient is undefined at zero opening, where a closed eye sits.
    opening = ((predicted[:, upper] - predicted[:, lower]).square().sum(-1) + 1e-12).sqrt()
    goal = torch.linalg.vector_norm(target[:, upper] - target[:, lower], dim=-1)
    error = ((opening - goal).abs() * counts).sum(dim=1)
    return torch.mean(error / counts.sum(dim=1).clamp_min(1.0))


def vertex_l1(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean absolute coordinate difference of each pair of meshes after the best rigid motion.

    Where a head lies in its own frame says nothing of who it is, and no picture shows it. The
    motion counts as constant: at the best one its own gradient is near zero.

    Args:
        predicted, target: registered vertices (B, V, 3), metres.

    Returns:
        (B,) metres.
    """
    with torch.no_grad():
        motion = fit_similarity(predicted, target, with_scale=False)
    return (apply_similarity(predicted, *motion) - target).abs().mean(dim=(1, 2))


def masked_l1(rendered: Tensor, photo: Tensor, mask: Tensor) -> Tensor:
    """L1 of two pictures (B, 3, H, W) inside a mask (B, 1, H, W), per unmasked value."""
    error = ((rendered - photo).abs() * mask).sum(dim=(1, 2, 3))
    return (error / (3 * mask.sum(dim=(1, 2, 3))).clamp_min(1.0)).mean()


def silhouette_iou(alpha: Tensor, mask: Tensor, valid: Tensor | None = None) -> Tensor:
    """1 - IoU of a soft coverage and a segmentation, both (B, 1, H, W) in [0, 1].

    Args:
        valid: (B, 1, H, W), 0 where the segmentation is unknown. Rows without any known pixel are
            left out of the mean, which is 0 where all are.
    """
    if valid is not None:
        alpha, mask = alpha * valid, mask * valid
    intersection = (alpha * mask).sum(dim=(1, 2, 3))
    union = (alpha + mask - alpha * mask).sum(dim=(1, 2, 3))
    distance = 1 - intersection / union.clamp_min(_EPSILON)
    if valid is None:
        return distance.mean()
    known = (valid > 0).any(dim=3).any(dim=2).any(dim=1).to(distance.dtype)
    return (distance * known).sum() / known.sum().clamp_min(1.0)


def code_energy(code: Tensor) -> Tensor:
    """0.5 times the squared length of each code (B, D): the negative log of a unit normal prior."""
    return 0.5 * code.square().sum(dim=-1).mean()


def code_distance(predicted: Tensor, target: Tensor, size: Tensor, known: Tensor) -> Tensor:
    """0.5 times the squared distance of codes (B, D), each counting by the ``size`` (D,) it has.

    Averaged over the rows that are known (B,); 0 where none is.
    """
    share = known / known.sum().clamp_min(1.0)
    return 0.5 * (share * ((predicted - target).square() @ size)).sum()


def light_distance(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean absolute difference of what two lights (B, 9, 3) do to the surfaces a camera sees.

    Averaged over the rows that are known (B,); 0 where none is.
    """
    share = known / known.sum().clamp_min(1.0)
    normals = front_directions(predicted).expand(len(predicted), -1, 3)
    difference = harmonic_shading(normals, predicted) - harmonic_shading(normals, target)
    return (share * difference.abs().mean(dim=(1, 2))).sum()


def front_directions(like: Tensor) -> Tensor:
    """Unit vectors (N, 3) towards the viewer, spread evenly over the disc they are seen in."""
    steps = torch.linspace(-0.95, 0.95, 9, dtype=like.dtype, device=like.device)
    x, y = torch.meshgrid(steps, steps, indexing="xy")
    inside = x.square() + y.square() < 0.95**2
    x, y = x[inside], y[inside]
    return torch.stack([x, y, (1 - x.square() - y.square()).sqrt()], dim=-1)


def light_whiteness(light: Tensor) -> Tensor:
    """Mean squared departure of spherical-harmonic light (B, 9, 3) from grey."""
    return (light - light.mean(dim=-1, keepdim=True)).square().mean()


def jaw_limits(jaw: Tensor) -> Tensor:
    """Punishes jaw roll and closing beyond rest: angles (B, 3) = opening, yaw, roll in radians."""
    roll = 100 * 0.5 * jaw[:, 2].square()
    closing = 10 * 0.5 * torch.relu(-jaw[:, 0]).square()
    return (roll + closing).mean()


def albedo_smoothness(albedo: Tensor) -> Tensor:
    """Squared colour differences of neighbouring texels, less where their chromaticity changes.

    The weight of a pair is ``exp(-15 d^2)`` with the distance d of its chromaticities
    (r, g, b) / (r + g + b): a step of brightness alone is shading that got into the albedo, a step
    of chromaticity is a lip or a brow. (The retinex prior of intrinsic images: Land and McCann,
    1971; with weights in this form in Tewari et al., 2017, arXiv:1703.10580, section 5.) The
    weights have no gradient.

    Args:
        albedo: (B, 3, H, W).
    """
    chromaticity = (albedo / albedo.sum(dim=1, keepdim=True).clamp_min(0.05)).detach()
    total = albedo.new_zeros(())
    for axis in (2, 3):
        size = albedo.shape[axis] - 1
        step = albedo.narrow(axis, 1, size) - albedo.narrow(axis, 0, size)
        turn = chromaticity.narrow(axis, 1, size) - chromaticity.narrow(axis, 0, size)
        weight = torch.exp(-15.0 * turn.square().sum(dim=1))
        total = total + (weight * step.square().sum(dim=1)).mean()
    return total


def rotation_energy(rotation: Tensor) -> Tensor:
    """Mean squared geodesic angle from the identity of rotations (B, 3, 3)."""
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    return geodesic_distance(rotation, identity).square().mean()


def ring_contrast(codes: Tensor, identity: Tensor, margin: float = 0.5) -> Tensor:
    """Codes of one person closer than another's by a margin (RingNet, arXiv:1905.06817, eq. 2).

    Args:
        codes: (B, D).
        identity: (B,) integer person numbers. Batches without a pair or without a stranger give 0.
    """
    distance = torch.cdist(codes, codes).square()
    same = identity[:, None] == identity[None, :]
    positive = same & ~torch.eye(len(identity), dtype=torch.bool, device=codes.device)
    gap = torch.relu(margin + distance[:, :, None] - distance[:, None, :])
    counts = positive[:, :, None] & ~same[:, None, :]
    return (gap * counts).sum() / counts.sum().clamp_min(1)


def partners(identity: Tensor) -> Tensor:
    """For each row of a batch another row of the same person, its own where there is none.

    The rows of a person are exchanged around a ring, so every row is given away once: a
    permutation.

    Args:
        identity: (B,) integer person numbers.

    Returns:
        (B,) row numbers on the same device.
    """
    rows: dict[int, list[int]] = {}
    for row, number in enumerate(identity.tolist()):
        rows.setdefault(number, []).append(row)
    order = list(range(len(identity)))
    for members in rows.values():
        for row, other in zip(members, members[1:] + members[:1], strict=True):
            order[row] = other
    return torch.tensor(order, device=identity.device)
