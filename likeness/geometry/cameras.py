"""Cameras: weak perspective in normalised device coordinates, and the pinhole in pixels.

Model axes are +x right, +y up, +z toward the viewer. Normalised device coordinates (NDC) cover the
image with [-1, 1], x right, **y down**; pixel i covers [i, i + 1), so ``u = (x_ndc + 1) W / 2``.
The pinhole follows OpenCV: camera axes x right, y down, z forward. Drawing is done by the
rasteriser.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

NEAREST = 0.01
"""Depths below 1 cm are clipped before the perspective division, metres."""


def weak_perspective(points: Tensor, camera: Tensor) -> Tensor:
    """Scaled orthographic projection to (x_ndc, y_ndc, depth), shape (B, N, 3).

    ``x = s (X + tx)``, ``y = -s (Y + ty)``, depth ``-s Z`` (smaller is nearer), for a square image.

    Args:
        points: (B, N, 3) in model axes, metres.
        camera: (B, 3) scale s per metre (positive; about 5 to 10 for a head), shift tx, ty metres.
    """
    scale = camera[:, None, :1]
    x = scale * (points[..., :1] + camera[:, None, 1:2])
    y = -scale * (points[..., 1:2] + camera[:, None, 2:3])
    return torch.cat([x, y, -scale * points[..., 2:3]], dim=-1)


def invert_weak_perspective(projected: Tensor, camera: Tensor) -> Tensor:
    """Points (B, N, 3) in model axes of a projection made by :func:`weak_perspective`."""
    scale = camera[:, None, :1]
    x = projected[..., :1] / scale - camera[:, None, 1:2]
    y = -projected[..., 1:2] / scale - camera[:, None, 2:3]
    return torch.cat([x, y, -projected[..., 2:3] / scale], dim=-1)


def ndc_to_pixels(points: Tensor, width: int, height: int) -> Tensor:
    """(x_ndc, y_ndc, …) to (u, v, …) pixels; further columns are kept."""
    size = torch.tensor([width, height], dtype=points.dtype, device=points.device)
    return torch.cat([(points[..., :2] + 1) * (size / 2), points[..., 2:]], dim=-1)


def pixels_to_ndc(points: Tensor, width: int, height: int) -> Tensor:
    """(u, v, …) pixels to (x_ndc, y_ndc, …); further columns are kept."""
    size = torch.tensor([width, height], dtype=points.dtype, device=points.device)
    return torch.cat([points[..., :2] / (size / 2) - 1, points[..., 2:]], dim=-1)


def flip_axes(points: Tensor) -> Tensor:
    """Points (..., 3) between model axes (y up, z to the viewer) and OpenCV axes (y down, z
    forward). Its own inverse."""
    return points * torch.tensor([1, -1, -1], dtype=points.dtype, device=points.device)


@dataclass(frozen=True, eq=False)
class PerspectiveCamera:
    """A batch of pinhole cameras.

    ``rotation`` and ``translation`` take world points in *model axes* to OpenCV camera axes:
    ``X_camera = R X_world + t``. For an upright camera on +z looking at the origin R is
    diag(1, -1, -1).
    """

    intrinsics: Tensor  # (B, 4): fx, fy, cx, cy in pixels
    rotation: Tensor  # (B, 3, 3)
    translation: Tensor  # (B, 3) metres

    @staticmethod
    def facing(
        width: int,
        height: int,
        *,
        field_of_view: float,
        distance: float,
        batch: int = 1,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> PerspectiveCamera:
        """Cameras on +z at ``distance`` metres looking at the origin.

        Args:
            field_of_view: vertical, radians (portraits: 12 to 30 degrees).
        """
        focal = height / 2 / math.tan(field_of_view / 2)
        intrinsics = torch.tensor([focal, focal, width / 2, height / 2], dtype=dtype, device=device)
        rotation = torch.diag(torch.tensor([1, -1, -1], dtype=dtype, device=device))
        translation = torch.tensor([0, 0, distance], dtype=dtype, device=device)
        return PerspectiveCamera(
            intrinsics.expand(batch, 4), rotation.expand(batch, 3, 3), translation.expand(batch, 3)
        )

    @staticmethod
    def looking(
        intrinsics: Tensor, position: Tensor, target: Tensor, up: Tensor | None = None
    ) -> PerspectiveCamera:
        """Cameras (B) at ``position`` (B, 3) looking at ``target`` (B, 3), model axes.

        ``up`` (B, 3) is +y when not given; it must not be parallel to the viewing direction.
        """
        forward = torch.nn.functional.normalize(target - position, dim=-1)
        if up is None:
            up = torch.tensor([0, 1, 0], dtype=position.dtype, device=position.device)
            up = up.expand_as(position)
        right = torch.nn.functional.normalize(torch.linalg.cross(forward, up), dim=-1)
        down = torch.linalg.cross(forward, right)
        rotation = torch.stack([right, down, forward], dim=-2)
        translation = -torch.matmul(rotation, position.unsqueeze(-1)).squeeze(-1)
        return PerspectiveCamera(intrinsics, rotation, translation)

    @property
    def position(self) -> Tensor:
        """Where the cameras are, (B, 3) in model axes."""
        return -torch.matmul(self.rotation.mT, self.translation.unsqueeze(-1)).squeeze(-1)

    @property
    def matrix(self) -> Tensor:
        """The intrinsics as matrices (B, 3, 3)."""
        fx, fy, cx, cy = self.intrinsics.unbind(-1)
        zero, one = torch.zeros_like(fx), torch.ones_like(fx)
        rows = [fx, zero, cx, zero, fy, cy, zero, zero, one]
        return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))

    def project(self, points: Tensor) -> Tensor:
        """World points (B, N, 3) to (u, v, depth): pixels and metres along the viewing direction.

        Depths are clipped at 1 cm.
        """
        camera = torch.matmul(points, self.rotation.mT) + self.translation[:, None]
        depth = camera[..., 2:].clamp_min(NEAREST)
        focal, centre = self.intrinsics[:, None, :2], self.intrinsics[:, None, 2:]
        return torch.cat([camera[..., :2] / depth * focal + centre, depth], dim=-1)

    def unproject(self, projected: Tensor) -> Tensor:
        """World points (B, N, 3) of (u, v, depth) made by :meth:`project`."""
        focal, centre = self.intrinsics[:, None, :2], self.intrinsics[:, None, 2:]
        plane = (projected[..., :2] - centre) / focal * projected[..., 2:]
        camera = torch.cat([plane, projected[..., 2:]], dim=-1) - self.translation[:, None]
        return torch.matmul(camera, self.rotation)

    def cropped(self, crop: Tensor) -> PerspectiveCamera:
        """The cameras whose images are crops of these cameras' images.

        Scale and shift go to focal length and principal point; the rotation of a crop turns the
        camera about its axis, which needs square pixels.

        Args:
            crop: (B, 2, 3) or (2, 3) maps from old to new pixels, similarities without reflection.

        Raises:
            ValueError: a crop no camera can make (shear, reflection, turned non-square pixels).
        """
        crop = crop.to(self.intrinsics).expand(len(self.intrinsics), 2, 3)
        linear = crop[:, :, :2]
        scale = torch.hypot(linear[:, 0, 0], linear[:, 1, 0])
        turn = linear / scale[:, None, None]
        identity = torch.eye(2, dtype=turn.dtype, device=turn.device)
        is_turned = (turn - identity).abs().amax() > 1e-6
        focal = self.intrinsics[:, :2]
        is_square = torch.allclose(focal[:, 0], focal[:, 1], rtol=1e-6)
        is_rotation = torch.allclose(turn @ turn.mT, identity.expand_as(turn), atol=1e-5)
        if not is_rotation or (torch.linalg.det(turn) < 0).any():
            raise ValueError("a camera cannot make a crop with shear, stretch or reflection")
        if is_turned and not is_square:
            raise ValueError("a turned crop needs square pixels (fx = fy)")
        centre = torch.matmul(linear, self.intrinsics[:, 2:, None]).squeeze(-1) + crop[:, :, 2]
        about_axis = torch.eye(3, dtype=turn.dtype, device=turn.device).repeat(len(turn), 1, 1)
        about_axis[:, :2, :2] = turn
        return replace(
            self,
            intrinsics=torch.cat([focal * scale[:, None], centre], dim=-1),
            rotation=about_axis @ self.rotation,
            translation=torch.matmul(about_axis, self.translation.unsqueeze(-1)).squeeze(-1),
        )
