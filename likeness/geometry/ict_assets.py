"""ICT-FaceKit heads (Li et al. 2020, "Learning Formation of Physically-Based Face Attributes") as
head assets: from the folder of OBJ files the kit ships, or from arrays made of it.

The kit has no joints; they are measured by :mod:`likeness.geometry.ict_rig`. Its unit is the
centimetre. Nothing of the kit comes with this project.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, MissingError
from likeness.geometry.array_files import list_arrays, read_arrays
from likeness.geometry.contour import build_contour
from likeness.geometry.flame_assets import file_sha256
from likeness.geometry.head_asset import FLAME_JOINTS, HeadAsset
from likeness.geometry.ict_regions import pack_uv, region_masks
from likeness.geometry.ict_rig import build_rig
from likeness.geometry.landmarks import embed_vertices
from likeness.geometry.mesh import triangulate
from likeness.geometry.mesh_obj import read_obj, read_obj_vertices

_METRES = 0.01
_NEUTRAL = "generic_neutral_mesh.obj"
_INDICES = "vertex_indices.json"
_IDENTITY = "identity"

# First vertex of each part of the full mesh, as the kit documents them.
_PARTS = {
    "face": 0, "head_neck": 9409, "mouth_socket": 11248, "eye_socket_left": 13294,
    "eye_socket_right": 13678, "gums_tongue": 14062, "teeth": 17039, "eyeball_left": 21451,
    "eyeball_right": 23021, "lacrimal_left": 24591, "lacrimal_right": 24795,
    "eye_blend_left": 24999, "eye_blend_right": 25023, "eye_occlusion_left": 25047,
    "eye_occlusion_right": 25199, "eyelashes_left": 25351, "eyelashes_right": 26035,
}  # fmt: skip
_NUM_VERTICES = 26719
_OVERLAYS = ("eye_blend", "eye_occlusion", "eyelashes")
"""Transparent shells in front of the eyes; drawn opaque they would cover them."""


@dataclass(frozen=True, eq=False)
class _Source:
    """What either form of the kit gives, centimetres."""

    vertices: np.ndarray  # (V, 3)
    polygons: np.ndarray  # (F, 3 or 4), -1 filled
    identity: np.ndarray  # (S, V, 3) offsets of one standard deviation
    expression: np.ndarray  # (E, V, 3) offsets
    expression_names: tuple[str, ...]
    landmarks: np.ndarray  # (68,) vertex ids
    parts: dict[str, slice]
    uv: np.ndarray | None
    uv_polygons: np.ndarray | None
    sha256: str


def is_ict(path: str | Path) -> bool:
    """Whether ``path`` is a folder of the kit or an .npz made of it. Reads headers only."""
    path = Path(path)
    if path.is_dir():
        return (path / _NEUTRAL).is_file()
    if path.suffix != ".npz" or not path.is_file():
        return False
    names = list_arrays(path).keys()
    return {"vertices", "landmarks68", "expression_names"} <= names and (
        "identity" in names or "identity_q" in names
    )


def load_ict(path: str | Path, *, with_overlays: bool = False) -> HeadAsset:
    """An ICT-FaceKit head in metres, with joints, weights, masks and landmarks.

    Identity columns are standard deviations. Expression columns are the kit's shapes, with their
    names, for activations in [0, 1]; ``jawOpen`` and the jaw joint both open the mouth.

    Args:
        path: the kit's ``FaceXModel`` folder (``generic_neutral_mesh.obj``, ``identityNNN.obj``,
            one OBJ per expression, ``vertex_indices.json``), or an .npz with ``vertices``,
            ``faces`` or ``triangles``, ``landmarks68``, ``identity`` and ``expression`` (or both as
            16-bit integers with a scale per shape) and, for the whole head, ``part_names`` and
            their starts.
        with_overlays: keep the transparent shells in front of the eyes and the lashes.

    Raises:
        MissingError, DataError, UnsafeFileError: what was expected and what was found.
    """
    path = Path(path)
    if not path.exists():
        raise MissingError(
            f"There is no ICT-FaceKit head at {path}.",
            advice=f"Expected its FaceXModel folder (with {_NEUTRAL}) or an .npz made of it.",
        )
    source = _read_folder(path) if path.is_dir() else _read_arrays(path)
    if not with_overlays:
        source = _without_overlays(source)
    return _assemble(source, "ict_face" if path.is_dir() else path.stem)


def _assemble(source: _Source, name: str) -> HeadAsset:
    if "jawOpen" not in source.expression_names:
        raise DataError(
            f"The head '{name}' has no shape 'jawOpen', from which the jaw is measured; it has "
            f"{', '.join(source.expression_names)}."
        )
    vertices = source.vertices.astype(np.float64) * _METRES
    faces = triangulate(source.polygons)
    jaw_open = source.expression[source.expression_names.index("jawOpen")] * _METRES
    rig = build_rig(vertices, jaw_open, source.landmarks, source.parts)
    landmarks = embed_vertices(faces, source.landmarks)
    masks = region_masks(vertices, source.landmarks, source.parts)
    skin = _skin_faces(faces, source.parts, masks)
    fields: dict[str, Any] = {}
    if source.uv is not None and source.uv_polygons is not None:
        uv, uv_faces = pack_uv(source.uv, triangulate(source.uv_polygons), faces, source.parts)
        fields = {"uv": uv, "uv_faces": uv_faces}
    return HeadAsset(
        name=name,
        template=vertices.astype(np.float32),
        faces=faces,
        shape_basis=_basis(source.identity),
        expression_basis=_basis(source.expression),
        pose_basis=np.zeros((len(vertices), 3, 9 * (len(FLAME_JOINTS) - 1)), np.float32),
        joint_regressor=rig.regressor,
        weights=rig.weights,
        parents=np.array([-1, 0, 1, 1, 1]),
        joint_names=FLAME_JOINTS,
        masks=masks,
        landmarks68=landmarks,
        contour=build_contour(vertices, faces, skin, landmarks[:17]),
        expression_names=source.expression_names,
        metadata={
            "format": "ICT-FaceKit",
            "source_sha256": source.sha256,
            "expression_unit": "activation",
            "jaw_angle_of_jawOpen": rig.jaw_angle,
        },
        **fields,
    )


def _basis(offsets: np.ndarray) -> np.ndarray:
    """(N, V, 3) centimetres to (V, 3, N) metres."""
    return np.ascontiguousarray(offsets.transpose(1, 2, 0), dtype=np.float32) * np.float32(_METRES)


def _skin_faces(
    faces: np.ndarray, parts: dict[str, slice], masks: dict[str, np.ndarray]
) -> np.ndarray:
    """Triangles that can be the outline of a face: skin of face and head without the ears."""
    num_skin = parts["head_neck"].stop if "head_neck" in parts else parts["face"].stop
    is_skin = np.zeros(faces.max() + 1, dtype=bool)
    is_skin[:num_skin] = True
    is_skin[masks.get("ears", np.zeros(0, dtype=np.int64))] = False
    return np.flatnonzero(is_skin[faces].all(axis=1))


def _without_overlays(source: _Source) -> _Source:
    """Cuts the mesh before the first overlay; the kit puts them last."""
    starts = [part.start for name, part in source.parts.items() if name.startswith(_OVERLAYS)]
    if not starts:
        return source
    count = min(starts)
    keep = (source.polygons < count).all(axis=1)
    return _Source(
        vertices=source.vertices[:count],
        polygons=source.polygons[keep],
        identity=source.identity[:, :count],
        expression=source.expression[:, :count],
        expression_names=source.expression_names,
        landmarks=source.landmarks,
        parts={name: part for name, part in source.parts.items() if part.stop <= count},
        uv=source.uv,
        uv_polygons=None if source.uv_polygons is None else source.uv_polygons[keep],
        sha256=source.sha256,
    )


def _read_arrays(path: Path) -> _Source:
    arrays, _ = read_arrays(path)
    missing = [
        name for name in ("vertices", "landmarks68", "expression_names") if name not in arrays
    ]
    polygons = arrays.get("faces", arrays.get("triangles"))
    if missing or polygons is None:
        missing += [] if polygons is not None else ["faces"]
        raise DataError(
            f"{path} lacks {', '.join(missing)}; found {', '.join(sorted(arrays))}.",
            advice="This is not an ICT-FaceKit head.",
        )
    vertices = arrays["vertices"]
    parts = {"face": slice(0, len(vertices))}
    if "part_names" in arrays:
        starts = arrays["part_vertex_start"].tolist()
        parts = {
            str(name): slice(start, stop)
            for name, start, stop in zip(arrays["part_names"], starts, starts[1:])
        }
    source = _Source(
        vertices=vertices,
        polygons=polygons,
        identity=_shapes(arrays, "identity", path),
        expression=_shapes(arrays, "expression", path),
        expression_names=tuple(str(name) for name in arrays["expression_names"]),
        landmarks=arrays["landmarks68"].astype(np.int64),
        parts=parts,
        uv=arrays.get("uv"),
        uv_polygons=arrays.get("faces_uv"),
        sha256=file_sha256(path),
    )
    _check(source, path)
    return source


def _shapes(arrays: dict[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    """Offsets (N, V, 3) float32, plain or as integers with a scale per shape."""
    if name in arrays:
        return arrays[name].astype(np.float32)
    if f"{name}_q" in arrays and f"{name}_scale" in arrays:
        return arrays[f"{name}_q"] * arrays[f"{name}_scale"].astype(np.float32)[:, None, None]
    raise DataError(f"{path} has neither '{name}' nor '{name}_q' with '{name}_scale'.")


def _read_folder(folder: Path) -> _Source:
    neutral = folder / _NEUTRAL
    if not neutral.is_file():
        raise MissingError(
            f"There is no {_NEUTRAL} in {folder}.", advice="Name the kit's FaceXModel folder."
        )
    mesh = read_obj(neutral)
    others = sorted(entry for entry in folder.glob("*.obj") if entry.name != _NEUTRAL)
    identity = [entry for entry in others if entry.stem.startswith(_IDENTITY)]
    expression = [entry for entry in others if not entry.stem.startswith(_IDENTITY)]
    if not identity or not expression:
        raise MissingError(
            f"{folder} has {len(identity)} identity and {len(expression)} expression shapes.",
            advice=f"Expected {_IDENTITY}000.obj and following, and one OBJ for each expression.",
        )
    source = _Source(
        vertices=mesh.vertices,
        polygons=mesh.faces,
        identity=_offsets(identity, mesh.vertices),
        expression=_offsets(expression, mesh.vertices),
        expression_names=tuple(entry.stem for entry in expression),
        landmarks=_landmark_ids(folder / _INDICES),
        parts=_known_parts(mesh.num_vertices),
        uv=mesh.uv,
        uv_polygons=mesh.uv_faces,
        sha256=file_sha256(neutral),
    )
    _check(source, folder)
    return source


def _offsets(files: list[Path], neutral: np.ndarray) -> np.ndarray:
    offsets = np.empty((len(files), *neutral.shape), dtype=np.float32)
    for row, file in enumerate(files):
        vertices = read_obj_vertices(file)
        if vertices.shape != neutral.shape:
            raise DataError(
                f"{file} has {len(vertices)} vertices, the neutral head {len(neutral)}."
            )
        offsets[row] = vertices - neutral
    return offsets


def _landmark_ids(path: Path) -> np.ndarray:
    if not path.is_file():
        raise MissingError(f"There is no {path.name} in {path.parent}; it lists the 68 landmarks.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return np.array(content["idx_to_landmark_verts"], dtype=np.int64)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} does not list the landmarks under 'idx_to_landmark_verts': {error}."
        ) from error


def _known_parts(num_vertices: int) -> dict[str, slice]:
    if num_vertices != _NUM_VERTICES:
        return {"face": slice(0, num_vertices)}
    stops = [*list(_PARTS.values())[1:], _NUM_VERTICES]
    return {name: slice(a, b) for (name, a), b in zip(_PARTS.items(), stops, strict=True)}


def _check(source: _Source, path: Path) -> None:
    count = len(source.vertices)
    if source.landmarks.shape != (68,) or source.landmarks.max(initial=0) >= count:
        raise DataError(
            f"{path} should name 68 landmark vertices below {count}, found "
            f"{source.landmarks.shape}, up to {source.landmarks.max(initial=0)}."
        )
    for name, shapes, wanted in (
        ("identity", source.identity, len(source.identity)),
        ("expression", source.expression, len(source.expression_names)),
    ):
        if shapes.shape != (wanted, count, 3):
            raise DataError(
                f"'{name}' of {path} has shape {shapes.shape}, expected ({wanted}, {count}, 3)."
            )
