"""PersonRecord: a person as a vector on disk, readable without torch.

Owns the file and what may be done with vectors of several photographs. Making one from a photograph
is ``predictor.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np

from likeness.errors import DataError, LikenessError, MissingError, UsageError
from likeness.geometry.array_files import read_arrays, write_arrays
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_numpy import pose_head
from likeness.geometry.mesh import Mesh
from likeness.storage.files import disk_errors, replacing
from likeness.storage.json_files import load_json
from likeness.systems.face_encoder.config import Camera
from likeness.systems.face_encoder.layout import VectorLayout

FORMAT = 1
SUFFIXES = (".npz", ".safetensors", ".json")
_ARRAYS = ("vector", "crop_matrix", "landmarks")
_MEDIAN_FROM = 5
_ROTATION_EPSILON = 1e-8


@dataclass(frozen=True, eq=False)
class PersonRecord:
    """One vector with everything needed to read it.

    Attributes:
        vector: (N,) float32.
        head_fingerprint: of the head model the coefficients belong to.
        encoder_fingerprint: of the weights that made it.
        crop_matrix: (2, 3) photograph to crop pixels.
        image_size: side of the crop, pixels.
        valid: segment name to whether the photograph says anything about it; not so where neither
            the head model nor the camera reads it.
        landmarks: (68, 2) predicted points in pixels of the photograph.
        source: where the photograph came from, for provenance.
        albedo_fingerprint: of the albedo space the codes belong to, SHA-256 of its file or
            "synthetic-1"; empty where it is unknown or there are no codes.
        camera: ``model.camera`` of the encoder. Records made before it was kept say nothing: then
            it is what such layouts are read with, weak_perspective where there is a ``camera``
            segment and fov12 elsewhere.
    """

    vector: np.ndarray
    layout: VectorLayout
    head_name: str
    head_fingerprint: str
    encoder_fingerprint: str = ""
    crop_matrix: np.ndarray = field(default_factory=lambda: np.eye(2, 3, dtype=np.float32))
    image_size: int = 0
    valid: Mapping[str, bool] = field(default_factory=dict)
    landmarks: np.ndarray | None = None
    source: str = ""
    albedo_fingerprint: str = ""
    camera: Camera = ""  # type: ignore[assignment]  # empty: the usual one of the layout

    def __post_init__(self) -> None:
        vector = np.ascontiguousarray(self.vector, np.float32)
        if fault := _fault_in(vector, self.layout):
            raise DataError(
                f"A vector of layout '{self.layout.name}' needs {self.layout.dim} finite numbers, "
                f"found {fault}."
            )
        object.__setattr__(self, "vector", vector)
        if not self.camera:
            usual = "weak_perspective" if "camera" in self.layout else "fov12"
            object.__setattr__(self, "camera", usual)
        if self.camera not in get_args(Camera):
            raise DataError(
                f"Expected one of the cameras {', '.join(get_args(Camera))}, found '{self.camera}'."
            )

    def split(self) -> dict[str, np.ndarray]:
        """Segment name to a view of the vector."""
        return self.layout.split(self.vector)

    def save(self, path: str | Path) -> Path:
        """Write ``.npz``, ``.safetensors`` or ``.json`` by suffix. Raises UsageError for others."""
        path = Path(path)
        if path.suffix not in SUFFIXES:
            raise UsageError(
                f"A person record cannot be written as '{path.name}'.",
                advice=f"Use one of the endings {', '.join(SUFFIXES)}.",
            )
        texts = {
            "format": str(FORMAT),
            "layout": self.layout.to_json(),
            "head_name": self.head_name,
            "model_sha256": self.head_fingerprint,
            "encoder_sha256": self.encoder_fingerprint,
            "image_size": str(self.image_size),
            "valid": json.dumps(dict(self.valid)),
            "source": self.source,
            "albedo_sha256": self.albedo_fingerprint,
            "camera": self.camera,
        }
        arrays = {"vector": self.vector, "crop_matrix": np.asarray(self.crop_matrix, np.float32)}
        if self.landmarks is not None:
            arrays["landmarks"] = np.asarray(self.landmarks, np.float32)
        if path.suffix == ".json":
            plain = {**texts, **{name: array.tolist() for name, array in arrays.items()}}
            plain |= {"layout": json.loads(texts["layout"]), "valid": dict(self.valid)}
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(plain), encoding="utf-8")
        else:
            with disk_errors(path, f"write {path.name}"):
                write_arrays(path, arrays, texts)
        return path

    @staticmethod
    def load(path: str | Path) -> PersonRecord:
        """Read what :meth:`save` wrote.

        Raises:
            MissingError: no such file.
            DataError: damaged, or something else than a person record.
        """
        path = Path(path)
        arrays, texts = _read_json(path) if path.suffix == ".json" else read_arrays(path)
        lacking = ({"vector"} - arrays.keys()) | ({"layout", "model_sha256"} - texts.keys())
        if lacking:
            raise DataError(
                f"Expected a person record at '{path}'; it lacks {sorted(lacking)}.",
                advice="Make one with 'likeness predict RUN --input PHOTO'.",
            )
        try:
            return PersonRecord(
                vector=arrays["vector"],
                layout=VectorLayout.from_json(texts["layout"]),
                head_name=texts.get("head_name", ""),
                head_fingerprint=texts["model_sha256"],
                encoder_fingerprint=texts.get("encoder_sha256", ""),
                crop_matrix=arrays.get("crop_matrix", np.eye(2, 3, dtype=np.float32)),
                image_size=int(texts.get("image_size", "0")),
                valid=json.loads(texts.get("valid", "{}")),
                landmarks=arrays.get("landmarks"),
                source=texts.get("source", ""),
                albedo_fingerprint=texts.get("albedo_sha256", ""),
                camera=cast(Camera, texts.get("camera", "")),
            )
        except (LikenessError, ValueError) as error:
            reason = str(error).removesuffix(".")
            raise DataError(f"The person record at '{path}' is damaged: {reason}.") from error

    def edit(self, values: Mapping[str, Any]) -> PersonRecord:
        """A copy with whole segments replaced, e.g. ``{"face.expression": np.zeros(100)}``.

        Raises:
            UsageError: no such segment, or neither one number nor as many as it has.
        """
        parts = {name: part.copy() for name, part in self.split().items()}
        for name, value in values.items():
            segment = self.layout.segment(name)
            try:
                new = np.asarray(value, np.float32)
            except (TypeError, ValueError) as error:
                raise UsageError(f"Expected numbers for '{name}', found {value!r:.80}.") from error
            if new.shape not in ((), (1,), (segment.dim,)):
                raise UsageError(
                    f"Expected one number for '{name}', or {segment.dim}, found an array of shape "
                    f"{new.shape}."
                )
            parts[name] = np.broadcast_to(new, (segment.dim,))
        return replace(self, vector=self.layout.join(parts))

    def head_parameters(self, asset: HeadAsset, *, neutral: bool = False) -> dict[str, np.ndarray]:
        """Parameters for :func:`pose_head`; ``neutral`` keeps the identity alone."""
        self.check_head(asset)
        parts = self.split()
        out = {"shape": parts["face.shape"][: asset.num_shape]}
        if neutral:
            return out
        out["expression"] = parts["face.expression"][: asset.num_expression]
        if "face.eyelid" in parts and asset.eyelids is not None:
            out["eyelid"] = parts["face.eyelid"]
        if "pose.global" in parts:
            out["root"] = _rotation_6d(parts["pose.global"])
        else:
            out["root"] = parts["pose.global_axis_angle"]
        for segment, joint in (("pose.neck", "neck"), ("pose.jaw", "jaw")):
            if segment in parts and joint in asset.joint_names:
                out[joint] = parts[segment]
        if "pose.eyes" in parts and "left_eye" in asset.joint_names:
            out["eyes"] = parts["pose.eyes"]
        return out

    def to_mesh(self, asset: HeadAsset, *, neutral: bool = False) -> Mesh:
        """The head (metres, y up). Raises UsageError for another head model than the record's."""
        posed = pose_head(asset, self.head_parameters(asset, neutral=neutral))
        return Mesh(posed.vertices, asset.faces, uv=asset.uv, uv_faces=asset.uv_faces)

    def check_head(self, asset: HeadAsset) -> None:
        """Raise UsageError when the coefficients belong to another head model."""
        if asset.fingerprint != self.head_fingerprint:
            raise UsageError(
                f"The record belongs to the head model '{self.head_name}' "
                f"({self.head_fingerprint[:12]}), not to '{asset.name}' "
                f"({asset.fingerprint[:12]}).",
                advice="Give the head model that the encoder was trained with.",
            )


def _fault_in(vector: np.ndarray, layout: VectorLayout) -> str:
    """What is wrong with a vector, and where; empty when nothing is."""
    if vector.shape != (layout.dim,):
        return f"shape {vector.shape}"
    bad = [name for name, part in layout.split(vector).items() if not np.isfinite(part).all()]
    return f"NaN or infinity in {', '.join(bad)}" if bad else ""


def merge(records: Sequence[PersonRecord]) -> PersonRecord:
    """One record of a person from several photographs.

    Segments of group "who" are averaged (the median from five photographs on); "how" and "view" are
    those of the first record, since they belong to a photograph and not to the person.
    """
    if not records:
        raise UsageError("Merging needs at least one record.")
    first = records[0]
    for record in records[1:]:
        same = record.layout.fingerprint == first.layout.fingerprint
        if not same or record.head_fingerprint != first.head_fingerprint:
            raise UsageError(
                "Records of different layouts or head models cannot be merged.",
                advice="Predict all photographs with one encoder.",
            )
    if len({r.albedo_fingerprint for r in records if r.albedo_fingerprint}) > 1:
        raise UsageError(
            "Records of different albedo spaces cannot be merged: their codes mean different "
            "colours.",
            advice="Predict all photographs with one encoder.",
        )
    parts = {name: part.copy() for name, part in first.split().items()}
    for segment in first.layout.segments:
        if segment.group == "who":
            stack = np.stack([record.split()[segment.name] for record in records])
            average = np.median if len(records) >= _MEDIAN_FROM else np.mean
            parts[segment.name] = average(stack, axis=0).astype(np.float32)
    source = ", ".join(record.source for record in records if record.source)
    return replace(first, vector=first.layout.join(parts), source=source)


def distance(
    first: PersonRecord,
    second: PersonRecord,
    *,
    space: Literal["shape", "vertex"] = "shape",
    asset: HeadAsset | None = None,
) -> float:
    """How far apart two people are: RMS of shape codes (sigma), or mean distance of neutral
    vertices (mm)."""
    if first.layout.fingerprint != second.layout.fingerprint:
        raise UsageError("Records of different layouts cannot be compared.")
    if space == "shape":
        gap = first.split()["face.shape"] - second.split()["face.shape"]
        return float(np.sqrt(np.mean(gap**2)))
    if asset is None:
        raise UsageError("The distance of vertices needs the head model.")
    meshes = [record.to_mesh(asset, neutral=True).vertices for record in (first, second)]
    return 1000.0 * float(np.linalg.norm(meshes[0] - meshes[1], axis=1).mean())


def _read_json(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and texts as :func:`read_arrays` gives them. 32-bit numbers survive as decimals."""
    if not path.is_file():
        raise MissingError(f"There is no file {path}.")
    try:
        data = load_json(path)
        arrays = {k: np.array(data[k], np.float32) for k in _ARRAYS if k in data}
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in data.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"Expected a person record in JSON at '{path}': {error}.") from error
    return arrays, texts


def _rotation_6d(six: np.ndarray) -> np.ndarray:
    """Rows b1, b2, b3 by Gram-Schmidt (Zhou et al., 2019, arXiv:1812.07035, eq. 14, transposed)."""
    six = six.astype(np.float64)
    first = six[:3] / max(np.linalg.norm(six[:3]), _ROTATION_EPSILON)
    second = six[3:] - (first @ six[3:]) * first
    second = second / max(np.linalg.norm(second), _ROTATION_EPSILON)
    return np.stack([first, second, np.cross(first, second)])
