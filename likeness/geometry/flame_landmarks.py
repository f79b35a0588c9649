"""Landmark embeddings in the files that come with FLAME: static, moving contour, full, MediaPipe.

Triangle numbers are 0-based in all of them. Which files are used is decided by
:mod:`likeness.geometry.flame_assets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.geometry.array_files import read_arrays
from likeness.geometry.head_asset import LandmarkEmbedding
from likeness.geometry.head_checks import CONTOUR_SHAPE
from likeness.geometry.restricted_pickle import read_object_npy, read_pickle

NUM_STATIC = 51
NUM_FULL = 68


def read_combined_embedding(path: Path) -> dict[str, LandmarkEmbedding]:
    """``landmark_embedding.npy``: static, moving and full embeddings in one object array.

    Returns:
        Fields of a HeadAsset: ``landmarks51``, ``contour``, ``landmarks68``, and
        ``landmarks_extra`` for points beyond the scheme (the variant with eyes has two).
    """
    content = _mapping(read_object_npy(path), path)
    static = _embedding(content, "static_lmk_faces_idx", "static_lmk_bary_coords", path)
    fields = _static_fields(static, path)
    if "dynamic_lmk_faces_idx" in content:
        contour = _embedding(content, "dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords", path)
        fields["contour"] = _contour(contour, path)
    if "full_lmk_faces_idx" in content:
        full = _embedding(content, "full_lmk_faces_idx", "full_lmk_bary_coords", path)
        full = full[0] if full.triangles.ndim == 2 else full
        if len(full) < NUM_FULL:
            raise DataError(f"The full embedding in {path} has {len(full)} points, expected 68.")
        fields["landmarks68"] = full[:NUM_FULL]
    return _with_full(fields)


def read_separate_embeddings(static: Path | None, moving: Path | None) -> dict[str, Any]:
    """``flame_static_embedding.pkl`` and ``flame_dynamic_embedding.npy``, either or both."""
    fields: dict[str, LandmarkEmbedding] = {}
    if static is not None:
        content = _mapping(read_pickle(static), static)
        found = _embedding(content, "lmk_face_idx", "lmk_b_coords", static)
        fields |= _static_fields(found, static)
    if moving is not None:
        content = _mapping(read_object_npy(moving), moving)
        found = _embedding(content, "lmk_face_idx", "lmk_b_coords", moving)
        fields["contour"] = _contour(found, moving)
    return _with_full(fields)


def read_mediapipe_embedding(path: Path) -> dict[str, Any]:
    """``mediapipe_landmark_embedding.npz``: points of the 478-point mesh and which they are."""
    content, _ = read_arrays(path)
    embedding = _embedding(content, "lmk_face_idx", "lmk_b_coords", path)
    if "landmark_indices" not in content:
        raise DataError(f"{path} has no 'landmark_indices'; found {', '.join(content)}.")
    return {"landmarks_mediapipe": embedding, "mediapipe_indices": content["landmark_indices"]}


def _static_fields(static: LandmarkEmbedding, path: Path) -> dict[str, LandmarkEmbedding]:
    if static.triangles.ndim != 1 or len(static) < NUM_STATIC:
        raise DataError(
            f"The static embedding in {path} has shape {static.triangles.shape}, expected the 51 "
            "inner points of the 68-point scheme."
        )
    fields = {"landmarks51": static[:NUM_STATIC]}
    if len(static) > NUM_STATIC:
        fields["landmarks_extra"] = static[NUM_STATIC:]
    return fields


def _contour(found: LandmarkEmbedding, path: Path) -> LandmarkEmbedding:
    if found.triangles.shape != CONTOUR_SHAPE:
        raise DataError(
            f"The moving contour in {path} has shape {found.triangles.shape}, expected "
            f"{CONTOUR_SHAPE}."
        )
    return found


def _with_full(fields: dict[str, LandmarkEmbedding]) -> dict[str, LandmarkEmbedding]:
    """Adds the fixed 68 points, the frontal contour and the static 51, when a file lacks them."""
    if "landmarks68" not in fields and {"contour", "landmarks51"} <= fields.keys():
        frontal, inner = fields["contour"][0], fields["landmarks51"]
        fields["landmarks68"] = LandmarkEmbedding(
            np.concatenate([frontal.triangles, inner.triangles]),
            np.concatenate([frontal.barycentric, inner.barycentric]),
        )
    return fields


def _mapping(content: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise DataError(f"{path} should hold a dictionary, found a {type(content).__name__}.")
    return content


def _embedding(
    content: Mapping[str, Any], triangles: str, weights: str, path: Path
) -> LandmarkEmbedding:
    missing = {triangles, weights} - set(content)
    if missing:
        found = ", ".join(key for key in content if isinstance(key, str))
        raise DataError(f"{path} lacks {', '.join(sorted(missing))}; found {found}.")
    ids, barycentric = np.asarray(content[triangles]), np.asarray(content[weights])
    if ids.dtype.kind not in "iu" or barycentric.dtype.kind != "f":
        raise DataError(
            f"'{triangles}' and '{weights}' in {path} should be integers and numbers, found "
            f"{ids.dtype} and {barycentric.dtype}."
        )
    return LandmarkEmbedding(ids, barycentric)
