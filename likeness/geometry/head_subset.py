"""A head reduced to the vertices a computation reads, equal to the whole head on those vertices.

Landmark losses read a few hundred of several thousand vertices; evaluating only those makes a
training step several times cheaper. Owns the reduction; the result is an ordinary HeadAsset.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from likeness.geometry.head_asset import HeadAsset, LandmarkEmbedding

_EMBEDDINGS = ("landmarks68", "landmarks51", "landmarks_extra", "contour", "landmarks_mediapipe")


def reduced_head(
    asset: HeadAsset, vertices: np.ndarray | None = None
) -> tuple[HeadAsset, np.ndarray]:
    """The head restricted to its landmarks' vertices and the given ones.

    Joints are regressed from the whole mesh, which is linear; one virtual vertex per joint carries
    that regression, so joints, posing and landmarks are those of the whole head.

    Args:
        vertices: ids (N,) to keep besides the landmarks'.

    Returns:
        The reduced head, and the positions (N,) of the asked vertices in it.
    """
    wanted = np.zeros(0, np.int64) if vertices is None else np.asarray(vertices, np.int64)
    embeddings = {n: e for n in _EMBEDDINGS if (e := getattr(asset, n)) is not None}
    triangles = np.unique(
        np.concatenate(
            [e.triangles.ravel() for e in embeddings.values()] or [np.zeros(0, np.int64)]
        )
    )
    corners = asset.faces[triangles].astype(np.int64)
    kept = np.unique(np.concatenate([corners.ravel(), wanted]))
    place = np.full(asset.num_vertices, -1, np.int64)
    place[kept] = np.arange(len(kept))
    joints = asset.num_joints

    def rows(values: np.ndarray) -> np.ndarray:
        """Kept rows, then the joints' regression of all rows."""
        virtual = np.tensordot(asset.joint_regressor, values, axes=(1, 0))
        return np.concatenate([values[kept], virtual.astype(values.dtype)])

    regressor = np.zeros((joints, len(kept) + joints), np.float64)
    regressor[:, len(kept) :] = np.eye(joints)
    weights = np.concatenate([asset.weights[kept], np.eye(joints, dtype=asset.weights.dtype)])
    # Pose correctives act after the joints are regressed: the virtual vertices must not move with
    # them.
    pose = np.concatenate(
        [
            asset.pose_basis[kept],
            np.zeros((joints, *asset.pose_basis.shape[1:]), asset.pose_basis.dtype),
        ]
    )
    moved: dict[str, Any] = {
        name: LandmarkEmbedding(np.searchsorted(triangles, e.triangles), e.barycentric)
        for name, e in embeddings.items()
    }
    faces = place[corners] if len(corners) else np.zeros((1, 3), np.int64)
    eyelids = None
    if asset.eyelids is not None:
        eyelids = np.stack([rows(side) for side in asset.eyelids])
    head = replace(
        asset,
        name=f"{asset.name} (reduced)",
        template=rows(asset.template),
        faces=faces,
        shape_basis=rows(asset.shape_basis),
        expression_basis=rows(asset.expression_basis),
        pose_basis=pose,
        joint_regressor=regressor,
        weights=weights,
        masks={},
        uv=None,
        uv_faces=None,
        eyelids=eyelids,
        **moved,
    )
    return head, place[wanted]
