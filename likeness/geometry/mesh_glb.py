"""Binary glTF 2.0 (.glb): one mesh with texture, morphs that may move, and skin; written only.

The container and its JSON are written directly, following the Khronos glTF 2.0 specification.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from likeness.errors import UsageError
from likeness.geometry.mesh import Mesh, vertex_normals
from likeness.geometry.weight_animation import WeightAnimation

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_MAX_INFLUENCES = 4


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Joints of a skin: names, parents (-1 for the root), positions (J, 3), weights (V, J).

    ``rotations`` (J, 3, 3) turn each joint against its parent; None leaves all at rest.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    positions: np.ndarray
    weights: np.ndarray
    rotations: np.ndarray | None = None


def write_glb(
    path: str | Path,
    mesh: Mesh,
    *,
    morphs: Mapping[str, np.ndarray] | None = None,
    morph_weights: Sequence[float] | None = None,
    skeleton: Skeleton | None = None,
    animation: WeightAnimation | None = None,
    name: str = "head",
) -> None:
    """Write one mesh as .glb, in metres with +y up and +z forward as glTF wants it.

    Vertices on UV seams are doubled, since glTF has one index per vertex.

    Args:
        mesh: UV and texture (stored as PNG) and colours are kept; normals are computed if missing.
        morphs: name to offsets (V, 3). The names go to ``extras.targetNames``, where viewers and
            Blender look for them.
        morph_weights: how much of each morph is shown at first; all 0 by default.
        skeleton: the joints; of each vertex the four largest weights are kept and normalised.
        animation: how the weights move, with linear interpolation between its times, which start at
            0 or later. Its names are names of morphs; the others keep their first weight.

    Raises:
        UsageError: an animation of something that is no morph, or times glTF does not have.
    """
    vertex_ids, uv, faces = _without_seams(mesh)
    normals = mesh.normals
    if normals is None:
        normals = vertex_normals(mesh.vertices, mesh.faces)
    builder = _Builder()
    attributes = {
        "POSITION": builder.floats(mesh.vertices[vertex_ids], bounds=True),
        "NORMAL": builder.floats(normals[vertex_ids]),
    }
    if uv is not None:
        # glTF measures v from the top of the picture.
        attributes["TEXCOORD_0"] = builder.floats(uv * [1, -1] + [0, 1])
    if mesh.colours is not None:
        attributes["COLOR_0"] = builder.floats(_linear(mesh.colours[vertex_ids]))
    primitive: dict[str, Any] = {"attributes": attributes, "mode": 4, "material": 0}
    primitive["indices"] = builder.indices(faces)
    body: dict[str, Any] = {"name": name, "primitives": [primitive]}
    if morphs:
        primitive["targets"] = [
            {"POSITION": builder.floats(np.asarray(offsets)[vertex_ids], bounds=True)}
            for offsets in morphs.values()
        ]
        body["weights"] = [float(w) for w in morph_weights or [0.0] * len(morphs)]
        if len(body["weights"]) != len(morphs):
            raise ValueError(f"{len(morphs)} morphs came with {len(body['weights'])} weights")
        body["extras"] = {"targetNames": list(morphs)}
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "likeness"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": name, "mesh": 0}],
        "meshes": [body],
        "materials": [_material(builder, mesh)],
    }
    if skeleton is not None:
        _add_skin(document, builder, attributes, skeleton, vertex_ids)
    if animation is not None:
        document["animations"] = [
            _weight_animation(builder, animation, list(morphs or {}), body.get("weights", []), name)
        ]
    _write(Path(path), document, builder)


def _without_seams(mesh: Mesh) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Source vertex of each output vertex, its UV, and the triangles over them."""
    if mesh.uv is None or mesh.uv_faces is None:
        return np.arange(mesh.num_vertices), None, mesh.faces
    corners = np.stack([mesh.faces.ravel(), mesh.uv_faces.ravel()], axis=1)
    pairs, index = np.unique(corners, axis=0, return_inverse=True)
    # Vertices without a triangle are dropped here; nothing refers to them.
    return pairs[:, 0], mesh.uv[pairs[:, 1]], index.reshape(-1, 3)


def _material(builder: _Builder, mesh: Mesh) -> dict[str, Any]:
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.6}
    if mesh.texture is not None and mesh.uv is not None:
        buffer = io.BytesIO()
        picture = np.round(np.clip(mesh.texture, 0, 1) * 255).astype(np.uint8)
        Image.fromarray(picture).save(buffer, "PNG")
        view = builder.view(buffer.getvalue())
        builder.extra["images"] = [{"bufferView": view, "mimeType": "image/png"}]
        builder.extra["samplers"] = [{"magFilter": 9729, "minFilter": 9987}]
        builder.extra["textures"] = [{"source": 0, "sampler": 0}]
        surface["baseColorTexture"] = {"index": 0}
    return {"name": "surface", "pbrMetallicRoughness": surface}


def _add_skin(
    document: dict[str, Any],
    builder: _Builder,
    attributes: dict[str, int],
    skeleton: Skeleton,
    vertex_ids: np.ndarray,
) -> None:
    weights = skeleton.weights[vertex_ids]
    if weights.shape[1] < _MAX_INFLUENCES:
        weights = np.pad(weights, ((0, 0), (0, _MAX_INFLUENCES - weights.shape[1])))
    best = np.argsort(-weights, axis=1, kind="stable")[:, :_MAX_INFLUENCES]
    kept = np.take_along_axis(weights, best, axis=1)
    kept = kept / kept.sum(axis=1, keepdims=True)
    best = np.where(kept > 0, best, 0)
    attributes["JOINTS_0"] = builder.shorts(best)
    attributes["WEIGHTS_0"] = builder.floats(kept)
    first = len(document["nodes"])
    inverse = np.tile(np.eye(4), (len(skeleton.names), 1, 1))
    inverse[:, :3, 3] = -skeleton.positions
    for joint, joint_name in enumerate(skeleton.names):
        parent = int(skeleton.parents[joint])
        origin = skeleton.positions[parent] if parent >= 0 else np.zeros(3)
        node: dict[str, Any] = {
            "name": joint_name,
            "translation": (skeleton.positions[joint] - origin).tolist(),
        }
        if skeleton.rotations is not None:
            node["rotation"] = _quaternion(skeleton.rotations[joint])
        children = [first + int(child) for child in np.flatnonzero(skeleton.parents == joint)]
        if children:
            node["children"] = children
        document["nodes"].append(node)
    document["scenes"][0]["nodes"].append(first)
    document["nodes"][0]["skin"] = 0
    document["skins"] = [
        {
            "joints": list(range(first, first + len(skeleton.names))),
            "skeleton": first,
            # Matrices are stored by columns.
            "inverseBindMatrices": builder.floats(
                inverse.transpose(0, 2, 1).reshape(-1, 16), target=None
            ),
        }
    ]


def _weight_animation(
    builder: _Builder, animation: WeightAnimation, morphs: list[str], first: list[float], name: str
) -> dict[str, Any]:
    """A channel of the weights of node 0; a key holds the weights of all morphs in their order."""
    unknown = [column for column in animation.names if column not in morphs]
    if unknown or not animation.names:
        raise UsageError(
            "An animation moves the morphs it names, found no morph "
            f"{', '.join(unknown) or 'named'}; the mesh has {', '.join(morphs) or 'none'}."
        )
    times = animation.times.astype(np.float32)
    if times[0] < 0 or (np.diff(times) <= 0).any():
        raise UsageError(
            "glTF keeps times as float32 from 0 on, each above the one before; these go from "
            f"{animation.times[0]:g} s to {animation.times[-1]:g} s.",
            advice="Begin with WeightAnimation.starting_at(0).",
        )
    weights = np.tile(np.asarray(first, np.float32), (len(times), 1))
    weights[:, [morphs.index(column) for column in animation.names]] = animation.weights
    sampler = {
        "input": builder.floats(times[:, None], bounds=True, target=None),
        "output": builder.floats(weights.reshape(-1, 1), target=None),
        "interpolation": "LINEAR",
    }
    target = {"node": 0, "path": "weights"}
    return {"name": name, "samplers": [sampler], "channels": [{"sampler": 0, "target": target}]}


def _quaternion(matrix: np.ndarray) -> list[float]:
    """x, y, z, w of a rotation matrix (3, 3): the eigenvector of Bar-Itzhack's symmetric matrix.

    Bar-Itzhack, 2000, "New method for extracting the quaternion from a rotation matrix". Unlike the
    formula with a square root of the trace it has no case to lose digits in.
    """
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(matrix, dtype=np.float64)
    symmetric = np.array(
        [
            [a - e - i, b + d, c + g, h - f],
            [b + d, e - a - i, f + h, c - g],
            [c + g, f + h, i - a - e, d - b],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    quaternion = np.linalg.eigh(symmetric)[1][:, -1]
    return list((quaternion if quaternion[3] >= 0 else -quaternion).tolist())


def _linear(colours: np.ndarray) -> np.ndarray:
    """sRGB to linear light: glTF vertex colours are linear (IEC 61966-2-1)."""
    colours = np.clip(colours, 0, 1)
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


@dataclass
class _Builder:
    """Collects the binary chunk and the accessors that describe it."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, int]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def view(self, content: bytes, target: int | None = None) -> int:
        self.data.extend(b"\0" * (-len(self.data) % 4))
        entry = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        if target is not None:
            entry["target"] = target
        self.data.extend(content)
        self.views.append(entry)
        return len(self.views) - 1

    def floats(
        self, values: np.ndarray, *, bounds: bool = False, target: int | None = _ARRAY_BUFFER
    ) -> int:
        array = np.ascontiguousarray(values, dtype="<f4")
        accessor = self._accessor(array, _FLOAT, target)
        if bounds:
            self.accessors[accessor]["min"] = array.min(axis=0).tolist()
            self.accessors[accessor]["max"] = array.max(axis=0).tolist()
        return accessor

    def shorts(self, values: np.ndarray) -> int:
        return self._accessor(np.ascontiguousarray(values, dtype="<u2"), _UINT16, _ARRAY_BUFFER)

    def indices(self, faces: np.ndarray) -> int:
        array = np.ascontiguousarray(faces, dtype="<u4").reshape(-1, 1)
        return self._accessor(array, _UINT32, _ELEMENT_ARRAY_BUFFER)

    def _accessor(self, array: np.ndarray, component: int, target: int | None) -> int:
        self.accessors.append(
            {
                "bufferView": self.view(array.tobytes(), target),
                "componentType": component,
                "count": len(array),
                "type": _KINDS[array.shape[1]],
            }
        )
        return len(self.accessors) - 1


def _write(path: Path, document: dict[str, Any], builder: _Builder) -> None:
    builder.data.extend(b"\0" * (-len(builder.data) % 4))
    document |= builder.extra
    document["buffers"] = [{"byteLength": len(builder.data)}]
    document["bufferViews"] = builder.views
    document["accessors"] = builder.accessors
    text = json.dumps(document, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(builder.data)
    with open(path, "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", len(builder.data), b"BIN\0") + builder.data)
