"""From the vector to geometry: head parameters, camera, projected landmarks and meshes.

Owns the meaning of the segments; the head model and the cameras are in ``likeness.geometry``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from likeness.geometry.head import HeadOutput, MorphableHead
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_subset import reduced_head
from likeness.geometry.rotations import axis_angle_to_matrix, rotation_6d_to_matrix
from likeness.systems.face_encoder.config import Camera
from likeness.systems.face_encoder.heads import face_vertices
from likeness.systems.face_encoder.layout import VectorLayout

_FOV_DISTANCE = 2.7  # metres, the camera of the Eidolon project
NUM_SUPERVISED_VERTICES = 512


class Decoder(nn.Module):
    """Reads vectors of a layout with one head model and one camera. Holds no trainable weights."""

    def __init__(self, asset: HeadAsset, layout: VectorLayout, camera: Camera) -> None:
        super().__init__()
        self.asset, self.layout, self.camera = asset, layout, camera
        num_shape = min(_dim(layout, "face.shape"), asset.num_shape)
        num_expression = min(_dim(layout, "face.expression"), asset.num_expression)
        self.num_shape, self.num_expression = num_shape, num_expression
        small, positions = reduced_head(asset, face_vertices(asset, NUM_SUPERVISED_VERTICES))
        self.sparse = MorphableHead(small, num_shape=num_shape, num_expression=num_expression)
        self.full = MorphableHead(asset, num_shape=num_shape, num_expression=num_expression)
        self.register_buffer("supervised", torch.from_numpy(positions), persistent=False)
        centre = asset.landmarks68.points(asset.template, asset.faces)[17:].mean(0)
        # The camera looks at the face, not at the model's origin, which may lie in the neck.
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32), persistent=False)

    def parameters_of(self, vector: Tensor, *, correctives: bool = True) -> dict[str, Tensor]:
        """Head parameters of vectors (B, D), for :class:`MorphableHead`; no translation, which is
        the camera's."""
        parts = self.layout.split(vector)
        out = {"shape": parts["face.shape"][:, : self.num_shape]}
        if self.num_expression:
            out["expression"] = parts["face.expression"][:, : self.num_expression]
        if "face.eyelid" in parts and self.asset.eyelids is not None:
            out["eyelid"] = parts["face.eyelid"]
        out["root"] = self.rotation(parts)
        joints = set(self.asset.joint_names)
        for segment, joint in (("pose.neck", "neck"), ("pose.jaw", "jaw")):
            if segment in parts and joint in joints:
                out[joint] = parts[segment]
        if "pose.eyes" in parts and {"left_eye", "right_eye"} <= joints:
            out["eyes"] = parts["pose.eyes"]
        return out

    def rotation(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Root rotation (B, 3, 3) of a split vector."""
        if "pose.global" in parts:
            return rotation_6d_to_matrix(parts["pose.global"])
        return axis_angle_to_matrix(parts["pose.global_axis_angle"])

    def head_rotation(self, vector: Tensor) -> Tensor:
        """Root times neck (B, 3, 3): where the face looks."""
        parts = self.layout.split(vector)
        rotation = self.rotation(parts)
        if "pose.neck" in parts and "neck" in self.asset.joint_names:
            rotation = rotation @ axis_angle_to_matrix(parts["pose.neck"])
        return rotation

    def landmarks(self, vector: Tensor, offsets: Tensor | None = None) -> tuple[Tensor, HeadOutput]:
        """Projected 68 landmarks (B, 68, 2) in crop units, and the reduced head they come from.

        Args:
            offsets: (68, 3) metres in the head's own frame, added to every landmark before it
            turns.
        """
        output = self.sparse(self.parameters_of(vector))
        points = output.landmarks68
        if offsets is not None:
            points = points + offsets @ self.head_rotation(vector).transpose(1, 2)
        return self.project(vector, points)[..., :2], output

    def neutral(self, shape: Tensor) -> Tensor:
        """Unposed, expressionless supervised vertices (B, N, 3) metres of shape codes (B, S)."""
        head = self.sparse
        moved = (shape @ head.shape_rows).view(len(shape), -1, 3)
        return (head.template + moved)[:, self.supervised]

    def mesh(self, vector: Tensor, *, neutral: bool = False) -> HeadOutput:
        """The whole head; ``neutral`` drops expression and pose and keeps the identity."""
        if neutral:
            parts = self.layout.split(vector)
            return self.full({"shape": parts["face.shape"][:, : self.num_shape]})
        return self.full(self.parameters_of(vector))

    def project(self, vector: Tensor, points: Tensor) -> Tensor:
        """Points (B, N, 3) metres to crop units (x right, y down) and depth, nearer smaller."""
        parts = self.layout.split(vector)
        points = points - self.centre
        if self.camera == "weak_perspective":
            scale, shift = parts["camera"][:, None, :1], parts["camera"][:, None, 1:]
            x = scale * (points[..., :1] + shift[..., :1])
            y = -scale * (points[..., 1:2] + shift[..., 1:])
            return torch.cat([x, y, -scale * points[..., 2:]], dim=-1)
        if "pose.transl" in parts:
            points = points + parts["pose.transl"][:, None]
        half_angle = np.deg2rad(12.0 if self.camera == "fov12" else 30.0) / 2
        depth = (_FOV_DISTANCE - points[..., 2:]).clamp_min(1e-2)
        plane = points[..., :2] / (depth * np.tan(half_angle))
        return torch.cat([plane[..., :1], -plane[..., 1:], depth], dim=-1)


def to_pixels(points: Tensor | np.ndarray, size: int) -> Tensor | np.ndarray:
    """Crop units in [-1, 1] to pixels of a square crop; pixel i covers [i, i + 1)."""
    return (points + 1) * (size / 2)


def to_crop_units(points: np.ndarray, size: int) -> np.ndarray:
    """The inverse of :func:`to_pixels`."""
    return points / (size / 2) - 1


def _dim(layout: VectorLayout, name: str) -> int:
    return layout.segment(name).dim if name in layout else 0
