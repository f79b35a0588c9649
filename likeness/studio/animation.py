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
from likeness.studio.curves import ARKIT, HEAD, TONGUE
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
        frames: (F, 75) of :func:`likeness.studio.curves.sample`.
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
        frames: (F, 75) of :func:`likeness.studio.curves.sample`.
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
    """The turn of the head of one frame (75,), on shoulders that keep their place.

    Args:
        row: a frame.
        base: how the sitter sits; the head turns from there.
    """
    pitch, yaw, roll = np.asarray(row, np.float64)[HEAD]
    turned = head_rotation(yaw, pitch, roll)
    if base is None:
        return HeadPose(neck=axis_angle(turned))
    return HeadPose(base.root, axis_angle(rotation_matrix(np.array(base.neck)) @ turned))
