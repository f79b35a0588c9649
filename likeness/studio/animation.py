"""Moves heads by curves: a studio person exactly as the studio deforms faces, any other head with
ARKit shapes by its own basis.

Owns frames of vertices. Pictures are :mod:`likeness.studio.performance_film`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_numpy import pose_head, rotation_matrix
from likeness.studio.asset_sitter import arkit_columns
from likeness.studio.curves import ARKIT, CHANNEL, CHEST_NAME, HEAD, TONGUE, TRAVEL
from likeness.studio.deform import apply_expression
from likeness.studio.expressions import eye_rotations
from likeness.studio.figure import HeadPose
from likeness.studio.scene import axis_angle, head_rotation
from likeness.studio.template import Template


def animate_studio_head(
    template: Template, rest: NDArray[np.floating], frames: ArrayLike
) -> NDArray[np.float32]:
    """Vertices (F, V, 3) in mm of a head of the studio's topology; the skull stays still.

    Lids close around the balls, lips meet, jaw, lower teeth and tongue move together.

    Args:
        template: the topology of ``rest``.
        rest: (V, 3) mm, the head at rest.
        frames: (F, 79) of :func:`likeness.studio.curves.sample`.
    """
    rows = np.asarray(frames, np.float64)
    moved = np.empty((len(rows), template.num_vertices, 3), np.float32)
    for number, row in enumerate(rows):
        moved[number] = apply_expression(template, rest, row[ARKIT], row[TONGUE])
    return moved


def animate_asset(
    asset: HeadAsset, frames: ArrayLike, shape: Sequence[float] = ()
) -> NDArray[np.float32]:
    """Vertices (F, V, 3) in mm of a head model; the skull stays still, the eyes turn.

    Shapes the model does not have are left out, those of the tongue with them.

    Args:
        asset: a head in metres with named expression columns.
        frames: (F, 79) of :func:`likeness.studio.curves.sample`.
        shape: identity coefficients, as many as wanted.
    """
    rows = np.asarray(frames, np.float64)
    columns = arkit_columns(asset)
    moved = np.empty((len(rows), asset.num_vertices, 3), np.float32)
    for number, row in enumerate(rows):
        eyes = eye_rotations(row[ARKIT])
        parameters = {
            "shape": np.asarray(shape, np.float64),
            "expression": columns @ row[ARKIT],
            "left_eye": eyes[0],
            "right_eye": eyes[1],
        }
        moved[number] = 1000.0 * pose_head(asset, parameters).vertices
    return moved


def head_pose(row: ArrayLike, base: HeadPose | None = None) -> HeadPose:
    """The turn of the head of one frame (79,), on shoulders that only breath moves.

    Args:
        row: a frame.
        base: how the sitter sits; the head turns from there.
    """
    frame = np.asarray(row, np.float64)
    pitch, yaw, roll = frame[HEAD]
    turned = head_rotation(yaw, pitch, roll)
    chest = head_rotation(0.0, float(frame[CHANNEL[CHEST_NAME]]), 0.0)
    root, neck = (rotation_matrix(np.array(v)) for v in _seated(base))
    return HeadPose(axis_angle(root @ chest), axis_angle(chest.T @ neck @ turned))


def travel_of(row: ArrayLike, base: HeadPose | None = None) -> NDArray[np.float64]:
    """(3,) metres that body and head of one frame (79,) are away from their place.

    Args:
        row: a frame.
        base: how the sitter sits; forward is where the shoulders face.
    """
    root = rotation_matrix(np.array(_seated(base)[0]))
    moved: NDArray[np.float64] = root @ (0.001 * np.asarray(row, np.float64)[TRAVEL])
    return moved


def _seated(base: HeadPose | None) -> tuple[Sequence[float], Sequence[float]]:
    pose = base if base is not None else HeadPose()
    return pose.root, pose.neck
