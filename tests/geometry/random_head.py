"""A small head of random numbers with FLAME's joint tree, for tests of the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from likeness.geometry.head_asset import HeadAsset, LandmarkEmbedding


def random_head(
    seed: int = 0,
    *,
    vertices: int = 40,
    num_shape: int = 6,
    num_expression: int = 4,
    dtype: type = np.float64,
    **changes: Any,
) -> HeadAsset:
    """A valid asset; positions of head size (0.1 m), bases of a few millimetres."""
    rng = np.random.default_rng(seed)
    faces = np.stack([rng.permutation(vertices)[:3] for _ in range(2 * vertices)])
    regressor = rng.random((5, vertices))
    weights = rng.random((vertices, 5))

    def embedding(*shape: int) -> LandmarkEmbedding:
        barycentric = rng.random((*shape, 3))
        return LandmarkEmbedding(
            rng.integers(0, len(faces), shape), barycentric / barycentric.sum(-1, keepdims=True)
        )

    fields: dict[str, Any] = {
        "name": "random",
        "template": 0.1 * rng.normal(size=(vertices, 3)),
        "faces": faces,
        "shape_basis": 3e-3 * rng.normal(size=(vertices, 3, num_shape)),
        "expression_basis": 3e-3 * rng.normal(size=(vertices, 3, num_expression)),
        "pose_basis": 3e-3 * rng.normal(size=(vertices, 3, 36)),
        "joint_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "parents": np.array([-1, 0, 1, 1, 1]),
        "landmarks68": embedding(68),
        "contour": embedding(79, 17),
        "landmarks_mediapipe": embedding(105),
        "mediapipe_indices": rng.permutation(478)[:105],
        "landmarks_extra": embedding(2),
        "uv": rng.random((vertices + 5, 2)),
        "uv_faces": rng.integers(0, vertices + 5, faces.shape),
        "eyelids": 1e-3 * rng.normal(size=(2, vertices, 3)),
        "expression_names": tuple(f"expression{i}" for i in range(num_expression)),
        "masks": {"face": np.arange(10), "neck": np.array([11, 12])},
        "metadata": {"unit": "metre"},
    }
    fields |= changes
    for name in ("template", "shape_basis", "expression_basis", "pose_basis", "joint_regressor"):
        fields[name] = np.asarray(fields[name]).astype(dtype)
    fields["weights"] = np.asarray(fields["weights"]).astype(dtype)
    return HeadAsset(**fields)
