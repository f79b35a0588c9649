"""From the vector to geometry: head parameters, camera, projected landmarks and meshes.

Owns the meaning of the segments; the head model and the cameras are in ``likeness.geometry``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from likeness.errors import UsageError
from likeness.geometry.cameras import PerspectiveCamera, pixels_to_ndc, weak_perspective
from likeness.geometry.head import HeadOutput, MorphableHead
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_subset import reduced_head
from likeness.geometry.rotations import axis_angle_to_matrix, rotation_6d_to_matrix
from likeness.systems.face_encoder.config import Camera
from likeness.systems.face_encoder.heads import face_vertices
from likeness.systems.face_encoder.layout import VectorLayout

_FIELDS_OF_VIEW = {"fov12": math.radians(12), "fov30": math.radians(30)}
_FOV_DISTANCE = 2.7  # metres, the camera of the Eidolon project
NUM_SUPERVISED_VERTICES = 512


class Decoder(nn.Module):
    """Reads vectors of a layout with one head model and one camera. Holds no trainable weights.

    Raises:
        UsageError: the head has no landmarks, or the layout lacks the segment the camera reads.
    """

    supervised: Tensor  # (N,) ids of the supervised vertices in the reduced head
    centre: Tensor  # (3,) what the camera looks at, metres

    def __init__(self, asset: HeadAsset, layout: VectorLayout, camera: Camera) -> None:
        super().__init__()
        if asset.landmarks68 is None:
            raise UsageError(
                f"The head model '{asset.name}' has no 68 landmarks on its surface.",
                advice="Put its landmark embedding beside it (FLAME: landmark_embedding.npy).",
            )
        needed = _segment_of(camera)
        if needed not in layout:
            raise UsageError(
                f"The camera '{camera}' reads '{needed}', which layout '{layout.name}' lacks.",
                advice="Choose another model.camera (fov12 for the eidolon layouts, "
                "weak_perspective for the others), or another model.layout.",
            )
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

    def parameters_of(self, vector: Tensor) -> dict[str, Tensor]:
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

    def reads(self, name: str) -> bool:
        """Whether a segment of the layout reaches the geometry or the picture: the camera reads one
        of two, and a head model may lack the joint, the lids or the texture coordinates."""
        segment, asset, joints = self.layout.segment(name), self.asset, set(self.asset.joint_names)
        if not segment.dim or not segment.used_by:
            return False
        if "camera" in segment.used_by:
            return name == _segment_of(self.camera)
        needs = {
            "face.albedo": asset.uv is not None and asset.uv_faces is not None,
            "face.eyelid": asset.eyelids is not None,
            "pose.neck": "neck" in joints,
            "pose.jaw": "jaw" in joints,
            "pose.eyes": {"left_eye", "right_eye"} <= joints,
        }
        return needs.get(name, True)

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

    def landmarks(
        self, vector: Tensor, offsets: Tensor | None = None, *, use_correctives: bool = True
    ) -> Tensor:
        """Projected 68 landmarks (B, 68, 2) in crop units.

        Args:
            offsets: (68, 3) metres in the head's own frame, added to every landmark before it
                turns.
        """
        output = self.sparse(self.parameters_of(vector), use_correctives=use_correctives)
        points: Tensor = output.landmarks68
        if offsets is not None:
            points = points + offsets @ self.head_rotation(vector).mT
        return self.project(vector, points)[..., :2]

    def neutral(self, shape: Tensor) -> Tensor:
        """Unposed, expressionless supervised vertices (B, N, 3) metres of shape codes (B, S)."""
        head = self.sparse
        moved = (shape @ head.shape_rows).view(len(shape), -1, 3)
        return (head.template + moved)[:, self.supervised]

    def mesh(self, vector: Tensor, *, use_correctives: bool = True) -> HeadOutput:
        """The whole posed heads of vectors (B, D)."""
        parameters = self.parameters_of(vector)
        output: HeadOutput = self.full(parameters, use_correctives=use_correctives)
        return output

    def project(self, vector: Tensor, points: Tensor) -> Tensor:
        """Points (B, N, 3) metres to crop units (x right, y down) and depth, nearer smaller."""
        parts = self.layout.split(vector)
        points = points - self.centre
        if self.camera == "weak_perspective":
            return weak_perspective(points, parts["camera"])
        camera = PerspectiveCamera.facing(
            2,
            2,
            field_of_view=_FIELDS_OF_VIEW[self.camera],
            distance=_FOV_DISTANCE,
            dtype=points.dtype,
            device=points.device,
        )
        return pixels_to_ndc(camera.project(points + parts["pose.transl"][:, None]), 2, 2)


def showing_translation(camera: Camera) -> tuple[float, float, float]:
    """``pose.transl`` in metres that shows a whole head, as large under one angle as another."""
    if camera == "weak_perspective":
        return 0.0, 0.0, 0.0
    narrow, own = (math.tan(_FIELDS_OF_VIEW[name] / 2) for name in ("fov12", camera))
    return 0.0, 0.0, _FOV_DISTANCE * (1 - narrow / own)


def to_pixels(points: np.ndarray, size: int) -> np.ndarray:
    """Crop units in [-1, 1] to pixels of a square crop; pixel i covers [i, i + 1)."""
    return (points + 1) * (size / 2)


def to_crop_units(points: np.ndarray, size: int) -> np.ndarray:
    """The inverse of :func:`to_pixels`."""
    return points / (size / 2) - 1


def _segment_of(camera: Camera) -> str:
    return "camera" if camera == "weak_perspective" else "pose.transl"


def _dim(layout: VectorLayout, name: str) -> int:
    return layout.segment(name).dim if name in layout else 0
