"""MorphableHead: coefficients, rotations and a translation to a posed head with landmarks.

Linear blend skinning with pose correctives, as FLAME defines it (Li et al. 2017, eq. 1-5), for any
:class:`~likeness.geometry.head_asset.HeadAsset`. Does not project or draw; the plain NumPy form for
inference without torch is :mod:`likeness.geometry.head_numpy`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from likeness.geometry.head_asset import HeadAsset, LandmarkEmbedding
from likeness.geometry.normals import vertex_normals
from likeness.geometry.rotations import axis_angle_to_matrix

MAX_CONTOUR_YAW = 39


@dataclass(frozen=True, eq=False)
class HeadOutput:
    """What one pass gives. All positions in metres, in the frame of the asset."""

    vertices: Tensor  # (B, V, 3) posed
    joints: Tensor  # (B, J, 3) posed
    shaped: Tensor  # (B, V, 3) before pose: template + shape + expression (+ eyelids)
    landmarks68: Tensor | None  # (B, 68, 3), iBUG order
    landmarks51: Tensor | None  # (B, 51, 3)
    landmarks_extra: Tensor | None
    landmarks_mediapipe: Tensor | None  # (B, M, 3)
    yaw: Tensor
    """(B,) degrees the face is turned to the subject's left; chose the row of the moving contour,
    which is not reliable beyond +-39."""
    faces: Tensor  # (F, 3)

    @cached_property
    def vertex_normals(self) -> Tensor:
        """Area-weighted unit normals (B, V, 3) of the posed head, computed on first use."""
        return vertex_normals(self.vertices, self.faces)


class MorphableHead(nn.Module):
    """A head asset as a differentiable function.

    Args:
        asset: the head.
        num_shape, num_expression: how many columns of each basis to use; None for all.
        dtype: float32 or float64. Half precision has steps of 1 mm on a head and is refused.
        contour: "moving" takes the jaw line of ``landmarks68`` from the row of the yaw angle (what
            a 2D detector sees), "fixed" from points fixed to the surface (3D detectors). A head
            without a moving contour uses the fixed one.
        contour_sign: -1 reads the table the other way round, for parity with loaders that do.
        contour_chain: the yaw is that of the root alone ("root") or of root and neck ("neck").
        eyelid_after_skinning: add eyelid offsets to the posed vertices, for parity with published
            weights. It is wrong for a turned head.
    """

    template: Tensor  # (V, 3)
    faces: Tensor  # (F, 3)
    shape_rows: Tensor  # (S, 3V)
    expression_rows: Tensor  # (E, 3V)
    eyelid_rows: Tensor  # (2, 3V), where there are eyelids
    pose_rows: Tensor  # (9 (J - 1), 3V)
    joint_regressor: Tensor  # (J, V)
    weights: Tensor  # (V, J)

    def __init__(
        self,
        asset: HeadAsset,
        *,
        num_shape: int | None = None,
        num_expression: int | None = None,
        dtype: torch.dtype = torch.float32,
        contour: Literal["moving", "fixed"] = "moving",
        contour_sign: Literal[1, -1] = 1,
        contour_chain: Literal["root", "neck"] = "neck",
        eyelid_after_skinning: bool = False,
    ) -> None:
        super().__init__()
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"geometry needs float32 or float64, not {dtype}")
        if contour not in ("moving", "fixed") or contour_chain not in ("root", "neck"):
            raise ValueError(f"unknown contour={contour!r} or contour_chain={contour_chain!r}")
        if contour_sign not in (1, -1):
            raise ValueError(f"contour_sign must be 1 or -1, not {contour_sign}")
        self.asset = asset
        self.num_shape = _num_columns(num_shape, asset.num_shape, "num_shape")
        self.num_expression = _num_columns(num_expression, asset.num_expression, "num_expression")
        self.joint_names = asset.joint_names
        self.parents = tuple(int(parent) for parent in asset.parents)
        self.contour_sign = contour_sign
        self.eyelid_after_skinning = eyelid_after_skinning
        self.uses_moving_contour = contour == "moving" and asset.contour is not None
        self._yaw_chain = _path_to(asset, contour_chain)

        def keep(name: str, array: np.ndarray, kind: torch.dtype = dtype) -> None:
            self.register_buffer(name, torch.tensor(array, dtype=kind), persistent=False)

        keep("template", asset.template)
        keep("faces", asset.faces, torch.int64)
        keep("shape_rows", _rows(asset.shape_basis[:, :, : self.num_shape]))
        keep("expression_rows", _rows(asset.expression_basis[:, :, : self.num_expression]))
        keep("pose_rows", _rows(asset.pose_basis))
        keep("joint_regressor", asset.joint_regressor)
        keep("weights", asset.weights)
        if asset.eyelids is not None:
            keep("eyelid_rows", asset.eyelids.reshape(2, -1))
        for name in _EMBEDDINGS:
            embedding: LandmarkEmbedding | None = getattr(asset, name)
            if embedding is not None:
                keep(f"{name}_vertices", asset.faces[embedding.triangles], torch.int64)
                keep(f"{name}_weights", embedding.barycentric)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The keys :meth:`forward` takes."""
        eyes = ("eyes",) if {"left_eye", "right_eye"} <= set(self.joint_names) else ()
        return ("shape", "expression", "eyelid", *self.joint_names, *eyes, "translation")

    def forward(
        self, parameters: Mapping[str, Tensor], *, use_correctives: bool = True
    ) -> HeadOutput:
        """Pose a batch of heads.

        Args:
            parameters: any of
                ``shape`` (B, num_shape) and ``expression`` (B, num_expression) coefficients;
                ``eyelid`` (B, 2), left and right, 0 open to 1 closed;
                a rotation per joint name (``root``, ``neck``, ``jaw``, …), either axis-angle (B, 3)
                or a matrix (B, 3, 3); ``eyes``, left and right together, (B, 6) or (B, 2, 3)
                axis-angle or (B, 2, 3, 3) matrices;
                ``translation`` (B, 3) metres.
                What is missing is zero or the identity. A batch of 1 is repeated.
            use_correctives: add the pose correctives, as the head model means it.
        """
        batch = self._batch_size(parameters)
        shaped = self._shaped(parameters, batch)
        rest_joints = torch.matmul(self.joint_regressor, shaped)  # (B, J, 3)
        rotations = self._rotations(parameters, batch)  # (B, J, 3, 3)

        posed = shaped
        if use_correctives:
            identity = torch.eye(3, dtype=self.template.dtype, device=self.template.device)
            feature = (rotations[:, 1:] - identity).flatten(1)  # (B, 9 (J - 1))
            posed = shaped + torch.matmul(feature, self.pose_rows).view_as(shaped)

        turns, positions = self._chain(rotations, rest_joints)
        offsets = positions - torch.matmul(turns, rest_joints.unsqueeze(-1)).squeeze(-1)
        transforms = torch.cat([turns, offsets.unsqueeze(-1)], dim=-1)  # (B, J, 3, 4)
        per_vertex = torch.matmul(self.weights, transforms.flatten(2)).unflatten(-1, (3, 4))
        vertices = (per_vertex[..., :3] * posed.unsqueeze(-2)).sum(-1) + per_vertex[..., 3]
        if self.eyelid_after_skinning:
            vertices = vertices + self._eyelids(parameters)
        translation = parameters.get("translation")
        if translation is not None:
            vertices = vertices + translation[:, None]
            positions = positions + translation[:, None]
        yaw = self._yaw(rotations)
        return HeadOutput(
            vertices=vertices,
            joints=positions,
            shaped=shaped,
            landmarks68=self._landmarks68(vertices, yaw),
            landmarks51=self._landmarks(vertices, "landmarks51"),
            landmarks_extra=self._landmarks(vertices, "landmarks_extra"),
            landmarks_mediapipe=self._landmarks(vertices, "landmarks_mediapipe"),
            yaw=yaw,
            faces=self.faces,
        )

    def _batch_size(self, parameters: Mapping[str, Tensor]) -> int:
        names = self.parameter_names
        unknown = [name for name in parameters if name not in names]
        if unknown:
            raise ValueError(f"unknown head parameters {unknown}; there are {', '.join(names)}")
        if "eyes" in parameters and {"left_eye", "right_eye"} & set(parameters):
            raise ValueError("give 'eyes' or 'left_eye' and 'right_eye', not both")
        sizes = {len(value) for value in parameters.values()} - {1}
        if len(sizes) > 1:
            found = {name: len(value) for name, value in parameters.items()}
            raise ValueError(f"parameters of one call need one batch size, found {found}")
        return sizes.pop() if sizes else 1

    def _shaped(self, parameters: Mapping[str, Tensor], batch: int) -> Tensor:
        shaped = self.template.expand(batch, -1, -1)
        for name, rows in (("shape", self.shape_rows), ("expression", self.expression_rows)):
            coefficients = parameters.get(name)
            if coefficients is None:
                continue
            if coefficients.shape[-1] != len(rows) or coefficients.ndim != 2:
                raise ValueError(
                    f"'{name}' must be (B, {len(rows)}), found {tuple(coefficients.shape)}"
                )
            shaped = shaped + torch.matmul(coefficients, rows).view(-1, *self.template.shape)
        if not self.eyelid_after_skinning:
            shaped = shaped + self._eyelids(parameters)
        return shaped

    def _eyelids(self, parameters: Mapping[str, Tensor]) -> Tensor:
        closing = parameters.get("eyelid")
        if closing is None:
            return self.template.new_zeros(())
        if self.asset.eyelids is None:
            raise ValueError(f"head '{self.asset.name}' has no eyelid correctives")
        return torch.matmul(closing, self.eyelid_rows).view(-1, *self.template.shape)

    def _rotations(self, parameters: Mapping[str, Tensor], batch: int) -> Tensor:
        identity = torch.eye(3, dtype=self.template.dtype, device=self.template.device)
        given = {name: parameters[name] for name in self.joint_names if name in parameters}
        if "eyes" in parameters:
            eyes = parameters["eyes"]
            eyes = eyes.unflatten(-1, (2, 3)) if eyes.ndim == 2 else eyes
            given["left_eye"], given["right_eye"] = eyes.unbind(1)
        matrices = []
        for name in self.joint_names:
            rotation = given.get(name, identity[None])
            if rotation.shape[1:] == (3,):
                rotation = axis_angle_to_matrix(rotation)
            elif rotation.shape[1:] != (3, 3):
                raise ValueError(
                    f"'{name}' must be (B, 3) axis-angle or (B, 3, 3), found "
                    f"{tuple(rotation.shape)}"
                )
            matrices.append(rotation.expand(batch, 3, 3))
        return torch.stack(matrices, dim=1)

    def _chain(self, rotations: Tensor, rest_joints: Tensor) -> tuple[Tensor, Tensor]:
        """World rotations (B, J, 3, 3) and positions (B, J, 3) of the joints."""
        turns, positions = [rotations[:, 0]], [rest_joints[:, 0]]
        for joint, parent in enumerate(self.parents[1:], start=1):
            bone = (rest_joints[:, joint] - rest_joints[:, parent]).unsqueeze(-1)
            positions.append(torch.matmul(turns[parent], bone).squeeze(-1) + positions[parent])
            turns.append(torch.matmul(turns[parent], rotations[:, joint]))
        return torch.stack(turns, dim=1), torch.stack(positions, dim=1)

    def _yaw(self, rotations: Tensor) -> Tensor:
        turn = rotations[:, self._yaw_chain[0]].detach()
        for joint in self._yaw_chain[1:]:
            turn = torch.matmul(turn, rotations[:, joint].detach())
        horizontal = torch.hypot(turn[:, 0, 0], turn[:, 1, 0])
        return torch.atan2(-turn[:, 2, 0], horizontal) * (180 / math.pi)

    def _landmarks(self, vertices: Tensor, name: str) -> Tensor | None:
        if getattr(self.asset, name) is None:
            return None
        return interpolate(
            vertices, getattr(self, f"{name}_vertices"), getattr(self, f"{name}_weights")
        )

    def _landmarks68(self, vertices: Tensor, yaw: Tensor) -> Tensor | None:
        if not self.uses_moving_contour or self.asset.landmarks51 is None:
            return self._landmarks(vertices, "landmarks68")
        rows = contour_rows(self.contour_sign * yaw)
        corners, weights = self.contour_vertices[rows], self.contour_weights[rows]
        sample = torch.arange(len(vertices), device=vertices.device)[:, None, None]
        jaw = torch.einsum("blk,blkc->blc", weights, vertices[sample, corners])
        inner = self._landmarks(vertices, "landmarks51")
        return torch.cat([jaw, inner], dim=1)


def interpolate(vertices: Tensor, corners: Tensor, weights: Tensor) -> Tensor:
    """Points (B, L, 3) at barycentric ``weights`` (L, 3) between vertices ``corners`` (L, 3)."""
    return torch.einsum("lk,blkc->blc", weights, vertices[:, corners])


def contour_rows(yaw: Tensor) -> Tensor:
    """Row of the moving contour for a yaw angle in degrees: 0..39 to the subject's left, 40..78 to
    the right, both ending at 39 degrees. Rounding has no gradient, on purpose. An angle that is no
    number takes row 0: the vertices carry it on, and as an index it would lie anywhere."""
    degrees = torch.round(torch.nan_to_num(yaw)).clamp(-MAX_CONTOUR_YAW, MAX_CONTOUR_YAW)
    degrees = degrees.to(torch.int64)
    magnitude = degrees.abs()
    return torch.where(degrees >= 0, magnitude, magnitude + MAX_CONTOUR_YAW)


_EMBEDDINGS = (
    "landmarks68",
    "landmarks51",
    "landmarks_extra",
    "contour",
    "landmarks_mediapipe",
)


def _num_columns(wanted: int | None, available: int, name: str) -> int:
    if wanted is None:
        return available
    if not 0 <= wanted <= available:
        raise ValueError(f"{name}={wanted}, but the head has {available} columns")
    return wanted


def _rows(basis: np.ndarray) -> np.ndarray:
    """A basis (V, 3, N) as (N, 3V), the layout a matrix product reads fastest."""
    return basis.reshape(3 * len(basis), basis.shape[2]).T.copy()


def _path_to(asset: HeadAsset, last: str) -> tuple[int, ...]:
    """Joints from the root to the joint named ``last`` (the root alone when there is none)."""
    if last not in asset.joint_names:
        return (0,)
    joint = asset.joint_names.index(last)
    chain = [joint]
    while asset.parents[joint] >= 0:
        joint = int(asset.parents[joint])
        chain.append(joint)
    return tuple(reversed(chain))
