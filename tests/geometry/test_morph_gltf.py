"""Morph targets of glTF files by ARKit's names, however exporters spell and place them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.errors import DataError, MissingError
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_glb import write_glb
from likeness.geometry.morph_gltf import read_gltf_morphs
from likeness.geometry.weight_animation import arkit_name

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)
FACES = np.array([[0, 1, 2], [2, 1, 3]])
RNG = np.random.default_rng(0)
OPEN, BLINK = RNG.normal(size=(2, 4, 3)).astype(np.float32)


def written(path: Path, morphs: dict[str, np.ndarray], mesh: Mesh | None = None) -> Path:
    write_glb(path, mesh or Mesh(VERTICES, FACES), morphs=morphs)
    return path


def changed(path: Path, how: Callable[[dict[str, Any]], None]) -> None:
    """The JSON of a GLB, changed."""
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    document = json.loads(data[20 : 20 + length])
    how(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    head = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON")
    path.write_bytes(head + text + rest)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("jawOpen", "jawOpen"),
        ("JawOpen", "jawOpen"),
        ("Eye Blink Left", "eyeBlinkLeft"),
        ("eyeBlink_R", "eyeBlinkRight"),
        ("blendShape1.mouthSmile_L", "mouthSmileLeft"),
        ("browInnerUp_L", "browInnerUp"),
        ("Smile", None),
        ("eyeBlink", None),
    ],
)
def test_names_as_programs_spell_them(name: str, shape: str | None) -> None:
    assert arkit_name(name) == shape


def test_shapes_and_halves_of_shapes_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.glb",
        {"JawOpen": OPEN, "browInnerUp_L": BLINK, "browInnerUp_R": OPEN, "Wink": BLINK},
    )
    found = read_gltf_morphs(path)
    np.testing.assert_array_equal(found.vertices, VERTICES)
    np.testing.assert_array_equal(found.faces, FACES)
    assert set(found.offsets) == {"jawOpen", "browInnerUp"}
    np.testing.assert_allclose(found.offsets["jawOpen"], OPEN)
    np.testing.assert_allclose(found.offsets["browInnerUp"], BLINK + OPEN, atol=1e-6)


def test_vertices_doubled_at_seams_are_one_again(tmp_path: Path) -> None:
    """Two triangles with UV of their own: six vertices in the file."""
    seams = Mesh(
        VERTICES,
        FACES,
        uv=RNG.random((6, 2)).astype(np.float32),
        uv_faces=np.arange(6).reshape(2, 3),
    )
    path = written(tmp_path / "a.glb", {"jawOpen": OPEN}, seams)
    found = read_gltf_morphs(path)
    assert len(found.vertices) == 4
    np.testing.assert_array_equal(found.vertices[found.faces], VERTICES[FACES])
    np.testing.assert_allclose(found.offsets["jawOpen"][found.faces], OPEN[FACES])


def test_nodes_place_their_mesh(tmp_path: Path) -> None:
    """Centimetres below a node that scales, turned a quarter around y by its parent."""
    path = written(tmp_path / "a.glb", {"jawOpen": 100 * OPEN}, Mesh(100 * VERTICES, FACES))

    def place(document: dict[str, Any]) -> None:
        index = next(i for i, node in enumerate(document["nodes"]) if "mesh" in node)
        document["nodes"][index] |= {"scale": [0.01] * 3, "translation": [0, 1, 0]}
        half = np.sqrt(0.5)
        document["nodes"].append({"children": [index], "rotation": [0, half, 0, half]})

    changed(path, place)
    found = read_gltf_morphs(path)
    turned = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    np.testing.assert_allclose(
        found.vertices, (VERTICES + np.array([0, 1, 0])) @ turned.T, atol=1e-6
    )
    np.testing.assert_allclose(found.offsets["jawOpen"], OPEN @ turned.T, atol=1e-6)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has Smile, Wink") as told:
        read_gltf_morphs(written(tmp_path / "a.glb", {"Smile": OPEN, "Wink": BLINK}))
    assert "extras.targetNames" in str(told.value.advice)
    with pytest.raises(DataError, match="it has none with a name"):
        read_gltf_morphs(written(tmp_path / "b.glb", {}))
    with pytest.raises(MissingError):
        read_gltf_morphs(tmp_path / "c.glb")
    path = written(tmp_path / "d.glb", {"jawOpen": OPEN})
    changed(path, lambda d: d["meshes"][0]["extras"]["targetNames"].append("more"))
    with pytest.raises(DataError, match="2 names of 1 morph targets"):
        read_gltf_morphs(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="not glTF"):
        read_gltf_morphs(path)
