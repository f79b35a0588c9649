"""Rotations: axis-angle, matrix, 6D, quaternion, Euler angles; batched, differentiable torch.

Conventions, everywhere in this package:

- matrices act on column vectors, ``v' = R v``; composition ``R_a R_b`` turns by b first;
- axis-angle is the axis times the angle in radians;
- quaternions have the real part first, (w, x, y, z);
- the 6D form is the first two *rows* of the matrix (Zhou et al. 2019 use columns: see
  :func:`swap_rotation_6d`);
- Euler angles (x pitch, y yaw, z roll) mean ``R = R_z R_y R_x`` and are for reports and limits.

All functions take (..., n) and return (..., m) in the dtype they are given. Cameras and skinning
live elsewhere.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_TINY = 1e-8
_DEGENERATE = 1e-6


def skew(vector: Tensor) -> Tensor:
    """Cross-product matrices (..., 3, 3): ``skew(a) @ b == cross(a, b)``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Matrices (..., 3, 3) of axis-angle vectors (..., 3), by Rodrigues' formula.

    Written with sinc, ``R = I + sinc(t/pi) K + sinc(t/2pi)^2 K^2 / 2``, so that value and first
    derivative are exact at zero.
    """
    angle = torch.linalg.vector_norm(axis_angle, dim=-1)[..., None, None]
    cross = skew(axis_angle)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    half = torch.sinc(angle / (2 * math.pi))
    return identity + torch.sinc(angle / math.pi) * cross + 0.5 * half * half * (cross @ cross)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Axis-angle (..., 3) with an angle in [0, pi]; gradients are finite everywhere below pi."""
    quaternion = matrix_to_quaternion(matrix)
    real, imaginary = quaternion[..., :1], quaternion[..., 1:]
    square = (imaginary * imaginary).sum(-1, keepdim=True)
    is_small = square < _TINY * _TINY
    sine = torch.where(is_small, torch.ones_like(square), square).sqrt()
    factor = torch.where(is_small, 2.0 / real.clamp_min(0.5), 2.0 * torch.atan2(sine, real) / sine)
    return imaginary * factor


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Matrices of quaternions (..., 4), real part first, of any non-zero length."""
    w, x, y, z = quaternion.unbind(-1)
    scale = 2.0 / (quaternion * quaternion).sum(-1)
    rows = [
        1 - scale * (y * y + z * z),
        scale * (x * y - z * w),
        scale * (x * z + y * w),
        scale * (x * y + z * w),
        1 - scale * (x * x + z * z),
        scale * (y * z - x * w),
        scale * (x * z - y * w),
        scale * (y * z + x * w),
        1 - scale * (x * x + y * y),
    ]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Unit quaternions (..., 4), real part first and not negative.

    Each row of the table below is the quaternion times 2|q_k| for one k; the row with the largest
    q_k is used, so nothing is divided by a small number (Shepperd 1978).
    """
    m = matrix.flatten(-2).unbind(-1)
    table = torch.stack(
        [
            torch.stack([1 + m[0] + m[4] + m[8], m[7] - m[5], m[2] - m[6], m[3] - m[1]], dim=-1),
            torch.stack([m[7] - m[5], 1 + m[0] - m[4] - m[8], m[1] + m[3], m[2] + m[6]], dim=-1),
            torch.stack([m[2] - m[6], m[1] + m[3], 1 - m[0] + m[4] - m[8], m[5] + m[7]], dim=-1),
            torch.stack([m[3] - m[1], m[2] + m[6], m[5] + m[7], 1 - m[0] - m[4] + m[8]], dim=-1),
        ],
        dim=-2,
    )
    best = torch.diagonal(table, dim1=-2, dim2=-1).argmax(-1)
    index = best[..., None, None].expand(*best.shape, 1, 4)
    quaternion = torch.gather(table, -2, index).squeeze(-2)
    quaternion = quaternion / torch.linalg.vector_norm(quaternion, dim=-1, keepdim=True)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def rotation_6d_to_matrix(six: Tensor) -> Tensor:
    """Matrices of the 6D form (..., 6), whose two triples become the first two *rows*.

    Gram-Schmidt (Zhou et al. 2019, eq. 15). A triple that is zero, or parallel to the first, is
    replaced by an axis of the identity; its gradient is then zero, never NaN.
    """
    first, second = six[..., :3], six[..., 3:]
    row_0 = _normalise_or(first, _axis_like(first, 0))
    # Where the residual vanishes: the y axis, or x when the first row is y itself.
    spare = torch.where(row_0[..., 1:2].abs() < 0.9, _axis_like(row_0, 1), _axis_like(row_0, 0))
    spare = spare - (row_0 * spare).sum(-1, keepdim=True) * row_0
    spare = spare / torch.linalg.vector_norm(spare, dim=-1, keepdim=True)
    residual = second - (row_0 * second).sum(-1, keepdim=True) * row_0
    row_1 = _normalise_or(residual, spare)
    return torch.stack([row_0, row_1, torch.linalg.cross(row_0, row_1)], dim=-2)


def matrix_to_rotation_6d(matrix: Tensor) -> Tensor:
    """The first two rows (..., 6); the identity gives (1, 0, 0, 0, 1, 0)."""
    return matrix[..., :2, :].flatten(-2)


def swap_rotation_6d(six: Tensor) -> Tensor:
    """The 6D form of the same rotation in the other convention: columns to rows, rows to columns.

    Most published networks follow Zhou et al. 2019 and store columns.
    """
    return matrix_to_rotation_6d(rotation_6d_to_matrix(six).mT)


def euler_to_matrix(angles: Tensor) -> Tensor:
    """``R = R_z R_y R_x`` from (..., 3) angles (x pitch, y yaw, z roll) in radians.

    Positive yaw turns the face to +x (the subject's left), positive pitch lowers the chin,
    positive roll leans the crown of the head to -x.
    """
    x, y, z = angles.unbind(-1)
    zero = torch.zeros_like(x)
    turns = [torch.stack([a, b, c], dim=-1) for a, b, c in
             ((x, zero, zero), (zero, y, zero), (zero, zero, z))]  # fmt: skip
    about_x, about_y, about_z = (axis_angle_to_matrix(turn) for turn in turns)
    return about_z @ about_y @ about_x


def matrix_to_euler(matrix: Tensor) -> Tensor:
    """Angles (..., 3) of :func:`euler_to_matrix`, yaw in [-pi/2, pi/2]. For reports: at a yaw of
    90 degrees pitch and roll are not unique."""
    horizontal = torch.hypot(matrix[..., 0, 0], matrix[..., 1, 0])
    pitch = torch.atan2(matrix[..., 2, 1], matrix[..., 2, 2])
    yaw = torch.atan2(-matrix[..., 2, 0], horizontal)
    roll = torch.atan2(matrix[..., 1, 0], matrix[..., 0, 0])
    return torch.stack([pitch, yaw, roll], dim=-1)


def geodesic_distance(first: Tensor, second: Tensor) -> Tensor:
    """Angle (...) in radians between rotation matrices (..., 3, 3).

    From the chord, ``|R_1 - R_2|^2 = 8 sin^2(angle / 2)``: the arc cosine of the trace knows
    nothing of angles below 5e-4 in float32 and has no gradient there, where training starts.
    Gradients are finite everywhere; angles above pi - 0.002 are reported as that.
    """
    chord = (first - second).square().sum((-2, -1))
    return 2 * torch.asin((chord / 8).clamp(1e-12, 1 - 1e-6).sqrt())


def _axis_like(vector: Tensor, axis: int) -> Tensor:
    result = torch.zeros_like(vector)
    result[..., axis] = 1.0
    return result


def _normalise_or(vector: Tensor, fallback: Tensor) -> Tensor:
    """``vector`` at unit length, or ``fallback`` where it is shorter than 1e-6."""
    square = (vector * vector).sum(-1, keepdim=True)
    is_degenerate = square < _DEGENERATE * _DEGENERATE
    length = torch.where(is_degenerate, torch.ones_like(square), square).sqrt()
    return torch.where(is_degenerate, fallback, vector / length)
