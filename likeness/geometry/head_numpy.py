"""The head in plain NumPy: for inference without torch, and to check the torch form against.

One head at a time, in the dtype of the asset, with the same parameters as
:class:`likeness.geometry.head.MorphableHead` but without the batch axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from likeness.geometry.head_asset import HeadAsset


@dataclass(frozen=True, eq=False)
class PosedHead:
    """One head in metres; ``landmarks68`` has the moving contour when the asset has one."""

    vertices: np.ndarray  # (V, 3)
    joints: np.ndarray  # (J, 3)
    shaped: np.ndarray  # (V, 3)
    landmarks68: np.ndarray | None  # (68, 3)
    yaw: float  # degrees to the subject's left


def pose_head(asset: HeadAsset, parameters: Mapping[str, np.ndarray]) -> PosedHead:
    """Pose one head.

    Args:
        asset: the head.
        parameters: ``shape`` (n,) and ``expression`` (m,), both possibly shorter than the bases;
            ``eyelid`` (2,); a rotation per joint name, axis-angle (3,) or matrix (3, 3); ``eyes``
            (6,), (2, 3) or (2, 3, 3); ``translation`` (3,) metres. Missing means zero.
    """
    known = {"shape", "expression", "eyelid", "eyes", "translation", *asset.joint_names}
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise ValueError(f"unknown head parameters {unknown}; there are {sorted(known)}")
    shaped = asset.template.copy()
    for name, basis in (("shape", asset.shape_basis), ("expression", asset.expression_basis)):
        coefficients = np.asarray(parameters.get(name, ()), dtype=shaped.dtype)
        shaped += basis[:, :, : len(coefficients)] @ coefficients
    if "eyelid" in parameters:
        if asset.eyelids is None:
            raise ValueError(f"head '{asset.name}' has no eyelid correctives")
        shaped += np.einsum("e,evc->vc", np.asarray(parameters["eyelid"]), asset.eyelids)

    rest = asset.joint_regressor @ shaped
    local = joint_rotations(asset, parameters)
    feature = (local[1:] - np.eye(3)).reshape(-1)
    posed = shaped + asset.pose_basis @ feature

    turns, positions = np.empty_like(local), np.empty_like(rest)
    turns[0], positions[0] = local[0], rest[0]
    for joint in range(1, asset.num_joints):
        parent = asset.parents[joint]
        turns[joint] = turns[parent] @ local[joint]
        positions[joint] = turns[parent] @ (rest[joint] - rest[parent]) + positions[parent]
    vertices = np.zeros_like(shaped)
    for joint in range(asset.num_joints):
        moved = (posed - rest[joint]) @ turns[joint].T + positions[joint]
        vertices += asset.weights[:, joint, None] * moved
    translation = np.asarray(parameters.get("translation", np.zeros(3)))
    vertices, positions = vertices + translation, positions + translation

    yaw = _yaw_degrees(asset, local)
    return PosedHead(vertices, positions, shaped, _landmarks68(asset, vertices, yaw), yaw)


def joint_rotations(asset: HeadAsset, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """Each joint's own rotation (J, 3, 3), before its parents'; parameters as :func:`pose_head`."""
    given = dict(parameters)
    if "eyes" in given:
        eyes = np.asarray(given["eyes"])
        given["left_eye"], given["right_eye"] = eyes.reshape(2, 3) if eyes.ndim < 3 else eyes
    matrices = []
    for name in asset.joint_names:
        rotation = np.asarray(given.get(name, np.zeros(3)), dtype=asset.template.dtype)
        matrices.append(rotation_matrix(rotation) if rotation.ndim == 1 else rotation)
    return np.stack(matrices)


def rotation_matrix(axis_angle: np.ndarray) -> np.ndarray:
    """The matrix (3, 3) of an axis-angle vector (3,), by Rodrigues' formula."""
    angle = float(np.linalg.norm(axis_angle))
    x, y, z = axis_angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    half = np.sinc(angle / (2 * np.pi))
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * half**2 * cross @ cross


def contour_row(yaw: float) -> int:
    """Row of the moving contour for a yaw angle in degrees."""
    degrees = round(yaw)
    return min(degrees, 39) if degrees >= 0 else 39 + min(-degrees, 39)


def _yaw_degrees(asset: HeadAsset, local: np.ndarray) -> float:
    turn = local[0]
    if "neck" in asset.joint_names:
        joint, turn = asset.joint_names.index("neck"), np.eye(3)
        while joint >= 0:
            turn = local[joint] @ turn
            joint = int(asset.parents[joint])
    return float(np.degrees(np.arctan2(-turn[2, 0], np.hypot(turn[0, 0], turn[1, 0]))))


def _landmarks68(asset: HeadAsset, vertices: np.ndarray, yaw: float) -> np.ndarray | None:
    if asset.contour is not None and asset.landmarks51 is not None:
        jaw = asset.contour[contour_row(yaw)].points(vertices, asset.faces)
        return np.concatenate([jaw, asset.landmarks51.points(vertices, asset.faces)])
    if asset.landmarks68 is None:
        return None
    return asset.landmarks68.points(vertices, asset.faces)
