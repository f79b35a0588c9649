"""What makes a head asset usable: shapes that fit together, indices in range, finite numbers.

Checks only, of anything with the arrays of a head: the type that holds them, and has itself checked
when it is made, is ``head_asset.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from likeness.errors import DataError

CONTOUR_SHAPE = (79, 17)
"""Rows of a moving contour (yaw 0..39 degrees, then -1..-39) and jaw points in each."""

FLOAT_FIELDS = (
    "template",
    "shape_basis",
    "expression_basis",
    "pose_basis",
    "joint_regressor",
    "weights",
    "uv",
    "eyelids",
)
"""What of a head is floating-point arrays."""

_WEIGHT_TOLERANCE = 1e-3


class PointsOnTriangles(Protocol):
    """What is checked of an embedding: triangle ids (...,), barycentric weights (..., 3)."""

    @property
    def triangles(self) -> np.ndarray: ...
    @property
    def barycentric(self) -> np.ndarray: ...
    def __len__(self) -> int: ...


class HeadArrays(Protocol):
    """What is checked of a head by these names; the fields of ``FLOAT_FIELDS`` and the embeddings
    are checked too, None where a head has none."""

    @property
    def name(self) -> str: ...
    @property
    def template(self) -> np.ndarray: ...
    @property
    def faces(self) -> np.ndarray: ...
    @property
    def weights(self) -> np.ndarray: ...
    @property
    def parents(self) -> np.ndarray: ...
    @property
    def joint_names(self) -> Sequence[str]: ...
    @property
    def expression_names(self) -> Sequence[str]: ...
    @property
    def masks(self) -> Mapping[str, np.ndarray]: ...
    @property
    def uv(self) -> np.ndarray | None: ...
    @property
    def uv_faces(self) -> np.ndarray | None: ...
    @property
    def landmarks_mediapipe(self) -> PointsOnTriangles | None: ...
    @property
    def mediapipe_indices(self) -> np.ndarray | None: ...
    @property
    def num_vertices(self) -> int: ...
    @property
    def num_faces(self) -> int: ...
    @property
    def num_expression(self) -> int: ...


def check_head(asset: HeadArrays) -> None:
    """Raise DataError for the first thing wrong with ``asset``."""
    _check_shapes(asset)
    _check_finite(asset)
    where = f"head '{asset.name}'"
    _check_range(asset.faces, asset.num_vertices, f"faces of {where}", "vertices")
    if asset.uv is not None and asset.uv_faces is not None:
        _check_range(asset.uv_faces, len(asset.uv), f"UV faces of {where}", "UV points")
    for name, ids in asset.masks.items():
        if ids.ndim != 1:
            raise DataError(f"Mask '{name}' of {where} must be a list, found shape {ids.shape}.")
        _check_range(ids, asset.num_vertices, f"mask '{name}' of {where}", "vertices")
    _check_weights(asset)
    _check_parents(asset)
    _check_embeddings(asset)


def _check_shapes(asset: HeadArrays) -> None:
    if asset.template.ndim != 2 or asset.template.shape[1] != 3 or not len(asset.template):
        raise DataError(
            f"The template of head '{asset.name}' must be (V, 3), found {asset.template.shape}."
        )
    vertices, joints = len(asset.template), len(asset.parents)
    expected: dict[str, tuple[int | None, ...]] = {
        "faces": (None, 3),
        "shape_basis": (vertices, 3, None),
        "expression_basis": (vertices, 3, None),
        "pose_basis": (vertices, 3, 9 * (joints - 1)),
        "joint_regressor": (joints, vertices),
        "weights": (vertices, joints),
        "uv": (None, 2),
        "uv_faces": (len(asset.faces), 3),
        "eyelids": (2, vertices, 3),
    }
    for name, shape in expected.items():
        value = getattr(asset, name)
        if value is None:
            continue
        if value.ndim != len(shape) or any(
            wanted is not None and found != wanted
            for found, wanted in zip(value.shape, shape, strict=True)
        ):
            wanted_text = ", ".join("any" if size is None else str(size) for size in shape)
            raise DataError(
                f"'{name}' of head '{asset.name}' must have shape ({wanted_text}) for {vertices} "
                f"vertices and {joints} joints, found {value.shape}."
            )
    if (asset.uv is None) != (asset.uv_faces is None):
        raise DataError(f"Head '{asset.name}' has UV points or UV faces, but not both.")
    if len(asset.joint_names) != joints:
        raise DataError(
            f"Head '{asset.name}' has {joints} joints but {len(asset.joint_names)} joint names."
        )
    names = asset.expression_names
    if names and len(names) != asset.num_expression:
        raise DataError(
            f"Head '{asset.name}' has {asset.num_expression} expression columns but "
            f"{len(names)} names."
        )


def _check_finite(asset: HeadArrays) -> None:
    for name in FLOAT_FIELDS:
        value = getattr(asset, name)
        if value is not None and not np.isfinite(value).all():
            count = int((~np.isfinite(value)).sum())
            raise DataError(f"'{name}' of head '{asset.name}' has {count} non-finite numbers.")


def _check_range(ids: np.ndarray, limit: int, what: str, of: str) -> None:
    if ids.size and (ids.min() < 0 or ids.max() >= limit):
        bad = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise DataError(f"The {what} name number {bad}, but there are {limit} {of} (0-based).")


def _check_weights(asset: HeadArrays) -> None:
    error = np.abs(asset.weights.sum(axis=1) - 1.0)
    if error.max() > _WEIGHT_TOLERANCE:
        worst = int(error.argmax())
        raise DataError(
            f"The skinning weights of vertex {worst} of head '{asset.name}' sum to "
            f"{asset.weights[worst].sum():.6f}, not 1; {int((error > _WEIGHT_TOLERANCE).sum())} "
            "vertices are wrong."
        )
    if asset.weights.min() < -_WEIGHT_TOLERANCE:
        worst = int(asset.weights.min(axis=1).argmin())
        raise DataError(
            f"A skinning weight of vertex {worst} of head '{asset.name}' is "
            f"{asset.weights[worst].min():.6f}; weights are shares and not negative."
        )


def _check_parents(asset: HeadArrays) -> None:
    parents = asset.parents
    if parents[0] != -1:
        raise DataError(
            f"Joint 0 of head '{asset.name}' must be the root (parent -1), found {parents[0]}."
        )
    for joint in range(1, len(parents)):
        if not 0 <= parents[joint] < joint:
            raise DataError(
                f"Joint {joint} ('{asset.joint_names[joint]}') of head '{asset.name}' has parent "
                f"{parents[joint]}; a parent must come before its child."
            )


def _check_embeddings(asset: HeadArrays) -> None:
    expected: dict[str, tuple[int | None, ...]] = {
        "landmarks68": (68,),
        "landmarks51": (51,),
        "landmarks_extra": (None,),
        "contour": CONTOUR_SHAPE,
        "landmarks_mediapipe": (None,),
    }
    for name, shape in expected.items():
        embedding: PointsOnTriangles | None = getattr(asset, name)
        if embedding is None:
            continue
        found = embedding.triangles.shape
        if len(found) != len(shape) or any(
            wanted is not None and size != wanted for size, wanted in zip(found, shape, strict=True)
        ):
            raise DataError(
                f"'{name}' of head '{asset.name}' must hold {shape[0] or 'a list of'} "
                f"{'rows of 17 points' if len(shape) == 2 else 'points'}, found shape {found}."
            )
        _check_range(
            embedding.triangles, asset.num_faces, f"{name} of head '{asset.name}'", "triangles"
        )
        sums = embedding.barycentric.sum(axis=-1)
        if not np.isfinite(sums).all() or (np.abs(sums - 1.0) > _WEIGHT_TOLERANCE).any():
            raise DataError(
                f"Barycentric weights of '{name}' of head '{asset.name}' do not sum to 1."
            )
    indices = asset.mediapipe_indices
    if indices is not None:
        count = 0 if asset.landmarks_mediapipe is None else len(asset.landmarks_mediapipe)
        if indices.shape != (count,):
            raise DataError(
                f"Head '{asset.name}' has {count} MediaPipe points but indices of shape "
                f"{indices.shape}."
            )
