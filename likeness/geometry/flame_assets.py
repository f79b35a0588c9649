"""FLAME models as head assets: the model file, and the annotation files usually found beside it.

Reads the distributed pickles without chumpy and without running code. No FLAME file comes with this
project; the models have licences of their own. Self-tests of a folder of files are in
:mod:`likeness.geometry.flame_checks`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.array_files import iterate_rows, list_arrays, read_arrays, read_npy
from likeness.geometry.flame_landmarks import (
    read_combined_embedding,
    read_mediapipe_embedding,
    read_separate_embeddings,
)
from likeness.geometry.head_asset import FLAME_JOINTS, HeadAsset, load_head
from likeness.geometry.mesh_obj import read_obj
from likeness.geometry.restricted_pickle import read_pickle

MODEL_NAMES = (
    "generic_model",
    "flame2020*",
    "flame2023*",
    "FLAME_NEUTRAL",
    "FLAME_MALE",
    "FLAME_FEMALE",
    "male_model",
    "female_model",
)
MODEL_SUFFIXES = (".npz", ".safetensors", ".pkl")
MASK_NAMES = ("FLAME_masks.pkl", "FLAME_masks.npz")
COMBINED_NAMES = ("landmark_embedding.npy", "landmark_embedding_with_eyes.npy")
STATIC_NAMES = ("flame_static_embedding.pkl",)
MOVING_NAMES = ("flame_dynamic_embedding.npy",)
MEDIAPIPE_NAMES = ("mediapipe_landmark_embedding.npz",)
TEMPLATE_NAMES = ("head_template.obj", "head_template_mesh.obj")
TEXTURE_NAMES = ("FLAME_texture.npz",)
EYELID_NAMES = ("l_eyelid.npy", "r_eyelid.npy")

_KEYS = ("f", "v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
_COLUMNS = {400: (300, 100), 20: (10, 10)}
"""Columns of ``shapedirs`` to identity and expression columns: the full models, and the reduced
ones of the first publications. There is no key that says it."""


def is_flame(path: str | Path) -> bool:
    """Whether ``path`` is a FLAME model file, or a folder with one. Reads headers only."""
    path = Path(path)
    if path.is_dir():
        return bool(_model_files(path))
    if path.suffix == ".pkl":
        return path.is_file()
    if path.suffix in (".npz", ".safetensors") and path.is_file():
        names = list_arrays(path)
        return "v_template" in names and "head" not in names
    return False


def load_flame(path: str | Path) -> HeadAsset:
    """A FLAME model with everything known about it.

    Args:
        path: a model file (.pkl, .npz or .safetensors), or the folder with it. Masks, landmark
            embeddings, template OBJ (for its UV), MediaPipe embedding and eyelid offsets are taken
            from the same folder when they are there under their usual names.

    Raises:
        MissingError: no model; the message lists the names looked for.
        UsageError: several models in a folder.
        DataError: wrong shapes, damaged files, files that do not belong together.
        UnsafeFileError: a pickle that asks for more than data.
    """
    path = _model_file(Path(path))
    if path.suffix in (".npz", ".safetensors") and "head" in list_arrays(path):
        return load_head(path)
    model = _read_model(path)
    num_shape, _ = _split_columns(model["shapedirs"], path)
    faces = _indices(model["f"], "f", path)
    vertices = np.asarray(model["v_template"], dtype=np.float64)
    parents = _parents(model["kintree_table"], path)
    basis = np.asarray(model["shapedirs"])
    fields: dict[str, Any] = {
        "name": path.stem,
        "template": vertices,
        "faces": faces,
        "shape_basis": basis[:, :, :num_shape],
        "expression_basis": basis[:, :, num_shape:],
        "pose_basis": _pose_basis(np.asarray(model["posedirs"]), len(vertices)),
        "joint_regressor": np.asarray(model["J_regressor"]),
        "weights": np.asarray(model["weights"]),
        "parents": parents,
        "joint_names": FLAME_JOINTS
        if len(parents) == len(FLAME_JOINTS)
        else tuple(f"joint_{i}" for i in range(len(parents))),
    }
    fields |= _beside(path.parent, faces)
    fields["metadata"] = {
        "format": "FLAME",
        "source_file": path.name,
        "source_sha256": file_sha256(path),
        "expression_unit": "standard deviations",
    }
    return HeadAsset(**fields)


def convert_flame(source: str | Path, target: str | Path) -> HeadAsset:
    """Load a FLAME model with its annotations and write one .npz or .safetensors without pickles.

    Later runs should use the result: it opens faster and needs no restricted reader. The
    fingerprint stays the same.
    """
    asset = load_flame(source)
    asset.save(target)
    return asset


def find_beside(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of ``names`` that exists in ``folder``, in any capitalisation."""
    present = {entry.name.lower(): entry for entry in sorted(folder.iterdir()) if entry.is_file()}
    return next((present[name.lower()] for name in names if name.lower() in present), None)


def read_masks(path: Path) -> dict[str, np.ndarray]:
    """Vertex masks (``FLAME_masks``), and the sets derived from them.

    Added: ``ears``, ``eyeballs``, ``skin_face`` (face without eyeballs) and ``hair`` (scalp without
    face and neck), each where its parts are present.
    """
    content = read_pickle(path) if path.suffix == ".pkl" else read_arrays(path)[0]
    if not isinstance(content, Mapping) or not content:
        raise DataError(f"{path} should hold a dictionary of vertex lists.")
    masks = {}
    for name, ids in content.items():
        array = np.asarray(ids)
        if array.dtype.kind not in "iu" or array.ndim != 1:
            raise DataError(
                f"Mask '{name}' in {path} should be a list of vertex ids, found {array.dtype} "
                f"{array.shape}."
            )
        masks[str(name)] = array.astype(np.int64)
    for name, parts in (
        ("ears", ("left_ear", "right_ear")),
        ("eyeballs", ("left_eyeball", "right_eyeball")),
    ):
        if name not in masks and set(parts) <= set(masks):
            masks[name] = np.union1d(masks[parts[0]], masks[parts[1]])
    if {"face", "eyeballs"} <= set(masks):
        masks["skin_face"] = np.setdiff1d(masks["face"], masks["eyeballs"])
    if {"scalp", "face", "neck"} <= set(masks):
        covered = np.union1d(masks["face"], masks["neck"])
        masks["hair"] = np.setdiff1d(masks["scalp"], covered)
    return masks


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _model_files(folder: Path) -> list[Path]:
    """Model files of a folder, one per stem: converted forms go before the pickle."""
    found: dict[str, Path] = {}
    for suffix in MODEL_SUFFIXES:
        for entry in sorted(folder.glob(f"*{suffix}")):
            if any(fnmatch(entry.stem.lower(), name.lower()) for name in MODEL_NAMES):
                found.setdefault(entry.stem, entry)
    return list(found.values())


def _model_file(path: Path) -> Path:
    if path.is_file():
        if path.suffix not in MODEL_SUFFIXES:
            raise UsageError(
                f"{path} is not a FLAME model; expected a file ending in "
                f"{', '.join(MODEL_SUFFIXES)}, or a folder."
            )
        return path
    names = f"{{{', '.join(MODEL_NAMES)}}} with {', '.join(MODEL_SUFFIXES)}"
    if not path.is_dir():
        raise MissingError(
            f"There is no folder {path}. Looked there for {names}.",
            advice="Give the folder the FLAME download was unpacked into, or a model file.",
        )
    found = _model_files(path)
    if not found:
        raise MissingError(
            f"There is no FLAME model in {path}. Looked for {names}.",
            advice="FLAME is distributed by its authors under their licence.",
        )
    if len(found) > 1:
        listed = ", ".join(entry.name for entry in found)
        raise UsageError(
            f"There are several FLAME models in {path}: {listed}.",
            advice="Their coefficients are not interchangeable; name the file.",
        )
    return found[0]


def _read_model(path: Path) -> Mapping[str, Any]:
    content = read_pickle(path) if path.suffix == ".pkl" else read_arrays(path)[0]
    if not isinstance(content, Mapping):
        raise DataError(f"{path} should hold a dictionary, found a {type(content).__name__}.")
    missing = [key for key in _KEYS if key not in content]
    if missing:
        found = ", ".join(key for key in content if isinstance(key, str))
        raise DataError(
            f"{path} lacks {', '.join(missing)}; found {found}.",
            advice="This is not a FLAME model, or not a whole one.",
        )
    for key in _KEYS:
        array = np.asarray(content[key])
        if array.dtype.kind not in "fiu":
            raise DataError(f"'{key}' in {path} should be numbers, found {array.dtype}.")
    return content


def _split_columns(basis: Any, path: Path) -> tuple[int, int]:
    shape = np.shape(basis)
    if len(shape) != 3 or shape[2] not in _COLUMNS:
        raise DataError(
            f"'shapedirs' in {path} has shape {shape}; expected 400 columns (300 identity, 100 "
            "expression) or the historical 20 (10 and 10)."
        )
    return _COLUMNS[shape[2]]


def _pose_basis(basis: np.ndarray, num_vertices: int) -> np.ndarray:
    """(V, 3, P), also from the transposed form (P, 3V) that some exports store."""
    if basis.ndim == 2 and basis.shape[1] == 3 * num_vertices:
        return basis.reshape(-1, num_vertices, 3).transpose(1, 2, 0)
    return basis


def _indices(values: Any, key: str, path: Path) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "f" and not np.array_equal(array, np.round(array)):
        raise DataError(f"'{key}' in {path} should be whole numbers.")
    return array.astype(np.int64)


def _parents(table: Any, path: Path) -> np.ndarray:
    """Row 0 of ``kintree_table``; its root is 4294967295, which is -1 stored without a sign."""
    rows = _indices(table, "kintree_table", path)
    if rows.ndim != 2 or rows.shape[0] != 2:
        raise DataError(f"'kintree_table' in {path} has shape {rows.shape}, expected (2, joints).")
    parents = rows[0].copy()
    parents[0] = -1
    return parents


def _beside(folder: Path, faces: np.ndarray) -> dict[str, Any]:
    """Fields of the asset found in the usual annotation files."""
    fields: dict[str, Any] = {}
    masks = find_beside(folder, MASK_NAMES)
    if masks is not None:
        fields["masks"] = read_masks(masks)
    combined = find_beside(folder, COMBINED_NAMES)
    if combined is not None:
        fields |= read_combined_embedding(combined)
    else:
        static, moving = find_beside(folder, STATIC_NAMES), find_beside(folder, MOVING_NAMES)
        fields |= read_separate_embeddings(static, moving)
    mediapipe = find_beside(folder, MEDIAPIPE_NAMES)
    if mediapipe is not None:
        fields |= read_mediapipe_embedding(mediapipe)
    eyelids = [find_beside(folder, (name,)) for name in EYELID_NAMES]
    if all(eyelids):
        fields["eyelids"] = np.stack([read_npy(file) for file in eyelids if file is not None])
    fields |= _uv(folder, faces)
    return fields


def _uv(folder: Path, faces: np.ndarray) -> dict[str, np.ndarray]:
    """UV of the template OBJ, whose positions may be in another frame and are ignored."""
    template = find_beside(folder, TEMPLATE_NAMES)
    if template is not None:
        mesh = read_obj(template)
        if mesh.uv is None or mesh.uv_faces is None:
            raise DataError(f"{template} has no UV coordinates.")
        if not np.array_equal(mesh.faces, faces):
            raise DataError(
                f"The {mesh.num_faces} triangles of {template} are not the {len(faces)} of the "
                "model: the files do not belong together."
            )
        return {"uv": mesh.uv, "uv_faces": mesh.uv_faces}
    texture = find_beside(folder, TEXTURE_NAMES)
    if texture is not None and {"vt", "ft"} <= list_arrays(texture).keys():
        uv, uv_faces = (
            np.concatenate(list(iterate_rows(texture, name, rows=65536))) for name in ("vt", "ft")
        )
        return {"uv": uv, "uv_faces": uv_faces}
    return {}
