"""Moving weights in .glb files, taken apart by hand after the glTF 2.0 specification."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from likeness.errors import UsageError
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_glb import write_glb
from likeness.geometry.weight_animation import WeightAnimation

MESH = Mesh(np.eye(4, 3, dtype=np.float32), np.array([[0, 1, 2], [0, 2, 3]]))
MORPHS = {name: np.full((4, 3), i + 1.0) for i, name in enumerate(("smile", "blink", "open"))}


def parts(path: Path) -> tuple[dict[str, Any], bytes]:
    """The JSON and the binary chunk."""
    data = path.read_bytes()
    magic, version, total = struct.unpack("<4sII", data[:12])
    assert (magic, version, total) == (b"glTF", 2, len(data))
    length, kind = struct.unpack("<I4s", data[12:20])
    assert kind == b"JSON"
    binary = 20 + length
    size, kind = struct.unpack("<I4s", data[binary : binary + 8])
    assert (kind, binary + 8 + size) == (b"BIN\0", len(data))
    return json.loads(data[20:binary]), data[binary + 8 :]


def numbers(document: dict[str, Any], binary: bytes, index: int) -> list[float]:
    accessor = document["accessors"][index]
    assert (accessor["componentType"], accessor["type"]) == (5126, "SCALAR")
    view = document["bufferViews"][accessor["bufferView"]]
    assert view["byteOffset"] % 4 == 0
    assert view["byteLength"] == 4 * accessor["count"]
    # Only vertex and index data have a target.
    assert "target" not in view
    start = view["byteOffset"]
    return [
        struct.unpack("<f", binary[start + 4 * i : start + 4 * i + 4])[0]
        for i in range(accessor["count"])
    ]


def test_one_key_holds_the_weights_of_all_morphs_in_their_order(tmp_path: Path) -> None:
    moving = WeightAnimation(("open", "smile"), [[0.5, 0], [1, 0.25], [0, 0.75]], [0, 0.5, 0.75])
    path = tmp_path / "a.glb"
    write_glb(path, MESH, morphs=MORPHS, morph_weights=[0, 0.125, 0], animation=moving)
    document, binary = parts(path)
    assert document["meshes"][0]["extras"]["targetNames"] == ["smile", "blink", "open"]
    (animation,) = document["animations"]
    assert animation["channels"] == [{"sampler": 0, "target": {"node": 0, "path": "weights"}}]
    assert document["nodes"][0]["mesh"] == 0
    (sampler,) = animation["samplers"]
    assert sampler["interpolation"] == "LINEAR"
    assert numbers(document, binary, sampler["input"]) == [0, 0.5, 0.75]
    keys = document["accessors"][sampler["input"]]
    assert (keys["min"], keys["max"]) == ([0], [0.75])
    assert numbers(document, binary, sampler["output"]) == [
        *(0, 0.125, 0.5),
        *(0.25, 0.125, 1),
        *(0.75, 0.125, 0),
    ]
    assert trimesh.load(path, force="mesh").vertices.shape == (4, 3)


def test_a_file_without_an_animation_has_none(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", MESH, morphs=MORPHS)
    assert "animations" not in parts(tmp_path / "a.glb")[0]


def test_what_gltf_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    with pytest.raises(UsageError, match="no morph frown; the mesh has smile, blink, open"):
        write_glb(path, MESH, morphs=MORPHS, animation=WeightAnimation(("frown",), [[1]], [0]))
    with pytest.raises(UsageError, match="the mesh has none"):
        write_glb(path, MESH, animation=WeightAnimation(("smile",), [[1]], [0]))
    for times in ([-1.0, 0.0], [86400.0, 86400.0001]):
        moving = WeightAnimation(("smile",), [[1], [0]], times)
        with pytest.raises(UsageError, match="times as float32 from 0 on"):
            write_glb(path, MESH, morphs=MORPHS, animation=moving)
    assert not path.exists()
