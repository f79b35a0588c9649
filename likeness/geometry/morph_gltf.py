"""ARKit shapes of a glTF 2.0 file (.glb, .gltf), read from its morph targets.

Names of targets are those under ``extras.targetNames`` of a mesh, where exporters write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.geometry.gltf_document import GltfDocument, gltf_document
from likeness.geometry.weight_animation import arkit_name

_TRIANGLES = 4


@dataclass(frozen=True, eq=False)
class MorphMesh:
    """A mesh at rest and its ARKit shapes.

    Attributes:
        vertices: (V, 3) in the unit of the file, which glTF says is the metre; +y up.
        faces: (T, 3).
        offsets: shape name to (V, 3); shapes the file lacks are not in it.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    offsets: Mapping[str, NDArray[np.float32]]


def read_gltf_morphs(path: str | Path) -> MorphMesh:
    """All meshes of a file that have ARKit shapes as one, where their nodes put them.

    Vertices that are doubled along seams of UV are one vertex again.

    Raises:
        MissingError: there is no such file.
        DataError: no glTF file, or no mesh in it has a morph target with a name of ARKit's.
        UnsafeFileError: data outside the file's folder, or more than the file holds.
    """
    with gltf_document(path) as document:
        return _joined(document)


def _joined(document: GltfDocument) -> MorphMesh:
    content = document.content
    places = _places(content.get("nodes", []))
    found: list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]] = []
    others: list[str] = []
    for node, place in zip(content.get("nodes", []), places, strict=True):
        if "mesh" not in node:
            continue
        mesh = content["meshes"][node["mesh"]]
        primitives = [p for p in mesh["primitives"] if p.get("mode", _TRIANGLES) == _TRIANGLES]
        names = mesh.get("extras", {}).get("targetNames", [])
        if not primitives or not any(arkit_name(name) for name in names):
            others += names
            continue
        base, targets = document.morphs(primitives)
        if len(names) != len(targets):
            raise ValueError(f"{len(names)} names of {len(targets)} morph targets")
        # A mesh on a skeleton lies where its joints are, not where its node is.
        turn = np.eye(4) if "skin" in node else place
        offsets: dict[str, np.ndarray] = {}
        for name, target in zip(names, targets, strict=True):
            shape = arkit_name(name)
            if shape is not None:
                moved = target.astype(np.float64) @ turn[:3, :3].T
                offsets[shape] = offsets.get(shape, 0.0) + moved
        points = base.astype(np.float64) @ turn[:3, :3].T + turn[:3, 3]
        found.append((points, _triangles(document, primitives), offsets))
    if not found:
        raise DataError(
            f"'{document.path}' has no morph target with the name of an ARKit shape; it has "
            f"{', '.join(map(str, others[:6])) or 'none with a name'}.",
            advice="Export the shapes as morph targets with their names (extras.targetNames), "
            "such as jawOpen, eyeBlinkLeft or eyeBlink_L.",
        )
    return _welded(found)


def _triangles(document: GltfDocument, primitives: list[dict[str, Any]]) -> np.ndarray:
    faces, first = [], 0
    for primitive in primitives:
        count = len(document.array(primitive["attributes"]["POSITION"]))
        own = np.arange(count)
        if "indices" in primitive:
            own = document.array(primitive["indices"])[:, 0].astype(np.int64)
        if len(own) % 3 or (len(own) and own.max() >= count):
            raise ValueError("triangles of vertices that are not there")
        faces.append(own.reshape(-1, 3) + first)
        first += count
    return np.concatenate(faces)


def _places(nodes: list[dict[str, Any]]) -> list[np.ndarray]:
    """(4, 4) of each node, parents applied."""
    own = [_place(node) for node in nodes]
    parent = {
        child: index for index, node in enumerate(nodes) for child in node.get("children", [])
    }
    found = []
    for index in range(len(nodes)):
        place, above, seen = own[index], index, {index}
        while above in parent:
            above = parent[above]
            if above in seen:
                raise ValueError("nodes that are their own parents")
            seen.add(above)
            place = own[above] @ place
        found.append(place)
    return found


def _place(node: Mapping[str, Any]) -> np.ndarray:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    place = np.eye(4)
    place[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    place[:3, :3] *= np.array(node.get("scale", (1.0, 1.0, 1.0)), np.float64)
    place[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return place


def _welded(parts: list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]]) -> MorphMesh:
    """Parts as one mesh; vertices that lie and move alike are one, in the order of the file."""
    names = list(dict.fromkeys(name for _, _, offsets in parts for name in offsets))
    points = np.concatenate([part for part, _, _ in parts]).astype(np.float32)
    moved = [
        np.concatenate([offsets.get(name, np.zeros_like(part)) for part, _, offsets in parts])
        for name in names
    ]
    rows = np.concatenate([points, *moved], axis=1, dtype=np.float32) + np.float32(0.0)  # no -0
    _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    counts = np.cumsum([0, *(len(part) for part, _, _ in parts)])
    faces = np.concatenate([own + at for (_, own, _), at in zip(parts, counts)])
    faces = rank[place.reshape(-1)][faces]
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    kept = np.sort(first)
    return MorphMesh(
        points[kept],
        faces[whole],
        {name: own[kept].astype(np.float32) for name, own in zip(names, moved, strict=True)},
    )
