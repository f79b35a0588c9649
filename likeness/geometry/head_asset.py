"""HeadAsset: the numbers of a parametric head, checked, fingerprinted, saved and loaded.

Knows no source format beyond its own files; readers of FLAME, ICT-FaceKit and studio heads build
this type, :mod:`likeness.geometry.head` computes with it. Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.geometry.array_files import MAX_BYTES, read_arrays, write_arrays
from likeness.geometry.head_checks import FLOAT_FIELDS, check_head

FORMAT_VERSION = 1
FLAME_JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")


@dataclass(frozen=True, eq=False)
class LandmarkEmbedding:
    """Points fixed to a surface: 0-based triangle ids (...,) and barycentric weights (..., 3)."""

    triangles: np.ndarray
    barycentric: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "triangles", _frozen(self.triangles, np.int64))
        object.__setattr__(self, "barycentric", _frozen(self.barycentric, np.float64))
        if self.barycentric.shape != (*self.triangles.shape, 3):
            raise DataError(
                f"A landmark embedding needs 3 weights per triangle id: {self.triangles.shape} "
                f"ids came with weights of shape {self.barycentric.shape}."
            )

    def __len__(self) -> int:
        return len(self.triangles)

    def __getitem__(self, index: Any) -> LandmarkEmbedding:
        return LandmarkEmbedding(self.triangles[index], self.barycentric[index])

    def points(self, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Positions (..., 3) on a mesh with ``vertices`` (V, 3) and ``faces`` (F, 3)."""
        corners = vertices[faces[self.triangles]]  # (..., 3 corners, 3)
        return np.einsum("...k,...kc->...c", self.barycentric, corners)


@dataclass(frozen=True, eq=False)
class HeadAsset:
    """A linear head with a joint tree. Metres; +x is the subject's left, +y up, +z the face.

    Coefficients are in units of one standard deviation for ``shape_basis``; expression columns are
    either standard deviations (FLAME) or activations in [0, 1] (blendshapes), as the source says in
    ``metadata["expression_unit"]``. The arrays are read-only views.

    Raises:
        DataError: shapes that do not fit together, indices out of range, non-finite numbers,
            skinning weights that do not sum to 1, a joint before its parent.
    """

    name: str
    template: np.ndarray  # (V, 3) metres
    faces: np.ndarray  # (F, 3) int32, counter-clockwise from outside
    shape_basis: np.ndarray  # (V, 3, S)
    expression_basis: np.ndarray  # (V, 3, E)
    pose_basis: np.ndarray  # (V, 3, 9 * (J - 1)), for R - I of joints 1.., row-major
    joint_regressor: np.ndarray  # (J, V)
    weights: np.ndarray  # (V, J), rows sum to 1
    parents: np.ndarray  # (J,) int64, -1 for the root
    joint_names: tuple[str, ...] = FLAME_JOINTS
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)  # name -> vertex ids
    landmarks68: LandmarkEmbedding | None = None
    """The 68 points fixed to the surface, iBUG order (jaw line 0..16 first)."""
    landmarks51: LandmarkEmbedding | None = None
    """The inner 51. Taken from ``landmarks68`` when not given."""
    landmarks_extra: LandmarkEmbedding | None = None
    """Points a source has beyond the 68, such as iris centres."""
    contour: LandmarkEmbedding | None = None
    """Jaw line by yaw: triangles (79, 17), barycentric (79, 17, 3)."""
    landmarks_mediapipe: LandmarkEmbedding | None = None
    mediapipe_indices: np.ndarray | None = None
    """Which of the 478 MediaPipe points the embedding holds, in its order."""
    uv: np.ndarray | None = None  # (T, 2), v up
    uv_faces: np.ndarray | None = None  # (F, 3) into uv
    eyelids: np.ndarray | None = None  # (2, V, 3) metres, left then right, closing
    expression_names: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON values

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in FLOAT_FIELDS:
            value = getattr(self, name)
            if value is not None:
                put(self, name, _frozen(value, _float_type(value)))
        for name, dtype in _INTEGER_FIELDS.items():
            value = getattr(self, name)
            if value is not None:
                put(self, name, _frozen(value, dtype))
        masks = {name: _frozen(ids, np.int64) for name, ids in self.masks.items()}
        put(self, "masks", masks)
        put(self, "joint_names", tuple(self.joint_names))
        put(self, "expression_names", tuple(self.expression_names))
        if self.landmarks51 is None and self.landmarks68 is not None:
            put(self, "landmarks51", self.landmarks68[17:])
        check_head(self)

    @property
    def num_vertices(self) -> int:
        return len(self.template)

    @property
    def num_faces(self) -> int:
        return len(self.faces)

    @property
    def num_joints(self) -> int:
        return len(self.parents)

    @property
    def num_shape(self) -> int:
        return self.shape_basis.shape[2]

    @property
    def num_expression(self) -> int:
        return self.expression_basis.shape[2]

    @property
    def joints(self) -> np.ndarray:
        """Joints (J, 3) of the template, metres."""
        return self.joint_regressor @ self.template

    @property
    def eye_centres(self) -> np.ndarray:
        """Where the eyes turn about in the template: left, right (2, 3), metres."""
        return self.joints[[self.joint_names.index(f"{side}_eye") for side in ("left", "right")]]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every array that gives the coefficients their meaning.

        Computed on the float32 form, so a head read from its source and the same head saved and
        loaded have one fingerprint. Landmarks, masks and UV are left out: they may be added later
        without changing what a coefficient does.

        A head that code computes says in ``metadata["definition"]`` what it is computed from. That
        text stands for the values then, because their last bits differ between machines.
        """
        digest = hashlib.sha256()
        definition = self.metadata.get("definition")
        if definition is not None:
            shapes = {name: np.shape(getattr(self, name)) for name in _FINGERPRINTED}
            digest.update(f"{definition} {shapes}".encode())
            return digest.hexdigest()
        for name in _FINGERPRINTED:
            value = getattr(self, name)
            if value is None:
                continue
            array = _stored(value)
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def reduced(self, *, num_shape: int, num_expression: int) -> HeadAsset:
        """The same head with the first columns of each basis only."""
        return replace(
            self,
            shape_basis=self.shape_basis[:, :, :num_shape],
            expression_basis=self.expression_basis[:, :, :num_expression],
            expression_names=self.expression_names[:num_expression],
        )

    def save(self, path: str | Path) -> None:
        """Write .npz or .safetensors (by suffix) with FLAME's array names, in float32.

        ``shapedirs`` holds the identity columns followed by the expression columns; the texts say
        how many of each. See :func:`load_head`.
        """
        arrays = {
            "v_template": self.template,
            "f": self.faces,
            "shapedirs": np.concatenate([self.shape_basis, self.expression_basis], axis=2),
            "posedirs": self.pose_basis,
            "J_regressor": self.joint_regressor,
            "weights": self.weights,
            "kintree_table": np.stack([self.parents, np.arange(self.num_joints)]),
        }
        for key, embedding_field in _EMBEDDING_KEYS.items():
            embedding = getattr(self, embedding_field)
            if embedding is not None:
                arrays[f"{key}_faces_idx"] = embedding.triangles
                arrays[f"{key}_bary_coords"] = embedding.barycentric
        for key, array_field in _OPTIONAL_KEYS.items():
            if getattr(self, array_field) is not None:
                arrays[key] = getattr(self, array_field)
        for name, ids in self.masks.items():
            arrays[f"mask/{name}"] = ids
        header = {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "num_shape": self.num_shape,
            "num_expression": self.num_expression,
            "joint_names": self.joint_names,
            "expression_names": self.expression_names,
            "fingerprint": self.fingerprint,
            "metadata": dict(self.metadata),
        }
        texts = {
            "format_version": str(FORMAT_VERSION),
            "source_sha256": str(self.metadata.get("source_sha256", "")),
            "head": json.dumps(header, sort_keys=True),
        }
        write_arrays(path, {key: _stored(value) for key, value in arrays.items()}, texts)


def load_head(path: str | Path, *, max_bytes: int = MAX_BYTES) -> HeadAsset:
    """Read a head written by :meth:`HeadAsset.save`.

    Raises:
        MissingError: no such file.
        DataError: damaged, of another format version, or not equal to what was saved.
        UnsafeFileError: pickles inside, or absurd sizes.
    """
    arrays, texts = read_arrays(path, max_bytes=max_bytes)
    if "head" not in texts:
        raise DataError(
            f"{path} is not a saved head: it has no 'head' description. "
            f"Found the arrays: {', '.join(sorted(arrays)) or 'none'}.",
            advice="Give a head that 'likeness face-encoder convert-model' wrote, or the model of "
            "FLAME or ICT-FaceKit that it is to read.",
        )
    try:
        header = json.loads(texts["head"])
    except json.JSONDecodeError as error:
        raise DataError(f"The description in {path} is not JSON: {error}.") from error
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise DataError(f"{path} has head format {version}; this version reads {FORMAT_VERSION}.")
    try:
        basis, num_shape = arrays["shapedirs"], header["num_shape"]
        if basis.ndim != 3 or basis.shape[2] != num_shape + header["num_expression"]:
            raise DataError(
                f"'shapedirs' in {path} has shape {basis.shape}, but the file says "
                f"{num_shape} shape and {header['num_expression']} expression columns."
            )
        optional = {
            array_field: arrays[key] for key, array_field in _OPTIONAL_KEYS.items() if key in arrays
        }
        for key, embedding_field in _EMBEDDING_KEYS.items():
            if f"{key}_faces_idx" in arrays:
                optional[embedding_field] = LandmarkEmbedding(
                    arrays[f"{key}_faces_idx"], arrays[f"{key}_bary_coords"]
                )
        asset = HeadAsset(
            name=header["name"],
            template=arrays["v_template"],
            faces=arrays["f"],
            shape_basis=basis[:, :, :num_shape],
            expression_basis=basis[:, :, num_shape:],
            pose_basis=arrays["posedirs"],
            joint_regressor=arrays["J_regressor"],
            weights=arrays["weights"],
            parents=arrays["kintree_table"][0],
            joint_names=tuple(header["joint_names"]),
            masks={key[5:]: ids for key, ids in arrays.items() if key.startswith("mask/")},
            expression_names=tuple(header["expression_names"]),
            metadata=header["metadata"],
            **optional,
        )
    except KeyError as error:
        raise DataError(f"{path} is incomplete: {error} is missing.") from error
    if asset.fingerprint != header["fingerprint"]:
        raise DataError(
            f"{path} does not hold what was saved: fingerprint {asset.fingerprint[:12]}…, "
            f"expected {str(header['fingerprint'])[:12]}…."
        )
    return asset


_INTEGER_FIELDS = {
    "faces": np.int32,
    "parents": np.int64,
    "uv_faces": np.int32,
    "mediapipe_indices": np.int64,
}
_FINGERPRINTED = (
    "template",
    "faces",
    "shape_basis",
    "expression_basis",
    "pose_basis",
    "joint_regressor",
    "weights",
    "parents",
    "eyelids",
)
_EMBEDDING_KEYS = {
    "full_lmk": "landmarks68",
    "static_lmk": "landmarks51",
    "extra_lmk": "landmarks_extra",
    "dynamic_lmk": "contour",
    "mediapipe_lmk": "landmarks_mediapipe",
}
_OPTIONAL_KEYS = {
    "mediapipe_landmark_indices": "mediapipe_indices",
    "vt": "uv",
    "ft": "uv_faces",
    "eyelids": "eyelids",
}


def _float_type(value: Any) -> type:
    return np.float32 if np.asarray(value).dtype in (np.float32, np.float16) else np.float64


def _frozen(value: Any, dtype: type) -> np.ndarray:
    view = np.asarray(value, dtype=dtype).view()
    view.flags.writeable = False
    return view


def _stored(array: np.ndarray) -> np.ndarray:
    """The little-endian form on disk: float32 for every floating-point array."""
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, dtype="<f4")
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
