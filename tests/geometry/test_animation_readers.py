"""USD, Alembic, glTF and OBJ sequences read back: numbers, rates, and files that lie."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.geometry.animation import FrameRateError, VertexAnimation
from likeness.geometry.animation_files import find_cache, list_shots, read_animation
from likeness.geometry.animation_gltf import read_gltf_animation
from likeness.geometry.animation_obj import read_obj_sequence
from likeness.geometry.animation_usda import write_usda_points
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_glb import write_glb
from likeness.geometry.mesh_obj import write_obj
from likeness.geometry.weight_animation import WeightAnimation

RNG = np.random.default_rng(0)
MESH = Mesh(RNG.normal(0, 1, (6, 3)), np.array([[0, 1, 2], [3, 4, 5]]))
FRAMES = RNG.normal(0, 1, (5, 6, 3)).astype(np.float32)


def test_usd_gives_back_points_and_rate(tmp_path: Path) -> None:
    pytest.importorskip("pxr.Usd")
    path = tmp_path / "head.usda"
    write_usda_points(path, MESH, VertexAnimation.of_array(FRAMES, 29.97, start=0.5))
    read = read_animation(path, 29.97)
    np.testing.assert_array_equal(read.read(), FRAMES)
    np.testing.assert_array_equal(read.part(2, 4).read(), FRAMES[2:4])
    assert (read.fps, read.num_vertices) == (29.97, 6)
    assert read.start == pytest.approx(0.5, abs=1e-6)
    with pytest.raises(FrameRateError, match=r"29\.97 frames a second, 25 were declared"):
        read_animation(path, 25)


def test_binary_usd_with_z_up_is_turned(tmp_path: Path) -> None:
    usd, geometry = pytest.importorskip("pxr.Usd"), pytest.importorskip("pxr.UsdGeom")
    from likeness.geometry.animation_usd import read_usd_animation

    path = tmp_path / "head.usdc"
    stage = usd.Stage.CreateNew(str(path))
    geometry.SetStageUpAxis(stage, "Z")
    stage.SetTimeCodesPerSecond(24)
    for name, codes in (("still", [0]), ("face", range(5)), ("other", range(5))):
        points = geometry.Mesh.Define(stage, f"/root/{name}").CreatePointsAttr()
        for code in codes:
            points.Set(FRAMES[code], code)
    stage.Save()
    with pytest.raises(DataError, match="/root/face, /root/other"):
        read_usd_animation(path)
    read = read_usd_animation(path, mesh="face")
    assert read.fps == pytest.approx(24)
    x, y, z = np.moveaxis(FRAMES, -1, 0)
    np.testing.assert_array_equal(read.read(), np.stack([x, z, -y], axis=-1))
    assert read_usd_animation(path, 30, mesh="still").num_frames == 1


def test_damaged_usd_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("pxr.Usd")
    path = tmp_path / "head.usda"
    path.write_text("#usda 1.0\ndef Mesh {{{")
    with pytest.raises(DataError, match="not a readable USD stage"):
        read_animation(path, 30)
    write_usda_points(path, MESH, VertexAnimation.of_array(FRAMES, 30))
    text = path.read_text().replace("        2: [", "        2.5: [")
    path.write_text(text)
    with pytest.raises(DataError, match="even times"):
        read_animation(path, 30)


@pytest.mark.parametrize(("ending", "module"), [("usd", "pxr.Usd"), ("abc", "alembic3d.Abc")])
def test_without_its_package_a_format_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, module: str
) -> None:
    path = tmp_path / f"head.{ending}"
    path.write_bytes(b"Ogawa and more")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingError, match=module) as caught:
        read_animation(path, 30)
    extra = {"usd": "usd", "abc": "alembic"}[ending]
    assert f"likeness[{extra}]" in str(caught.value)


def test_alembic_gives_back_positions(tmp_path: Path) -> None:
    library = pytest.importorskip("alembic3d.Abc")
    geometry = pytest.importorskip("alembic3d.AbcGeom")
    core, imath = pytest.importorskip("alembic3d.AbcCoreAbstract"), pytest.importorskip("imath")
    path = tmp_path / "head.abc"
    top = library.OArchive(str(path))
    sampling = top.addTimeSampling(core.TimeSampling(1 / 24, 1.0))
    mesh = geometry.OPolyMesh(top.getTop(), "head", sampling)
    schema, indices, counts = mesh.getSchema(), imath.IntArray(6), imath.IntArray(2)
    for corner in range(6):
        indices[corner] = corner
    counts[0] = counts[1] = 3
    for frame in FRAMES:
        points = imath.V3fArray(6)
        for vertex in range(6):
            points[vertex] = imath.V3f(*frame[vertex].tolist())
        schema.set(geometry.OPolyMeshSchemaSample(points, indices, counts))
    del schema, mesh, top  # closes the file
    read = read_animation(path, 24)
    np.testing.assert_array_equal(read.read(), FRAMES)
    np.testing.assert_array_equal(read.part(1, 3).read(1, 2), FRAMES[2:3])
    assert read.start == pytest.approx(1.0)
    with pytest.raises(FrameRateError, match="24 frames a second"):
        read_animation(path, 25)


def test_what_is_no_alembic_archive_never_reaches_the_library(tmp_path: Path) -> None:
    path = tmp_path / "head.abc"
    path.write_bytes(b"solid nonsense")
    with pytest.raises(DataError, match="not an Alembic archive"):
        read_animation(path, 30)


def morphing(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A file whose weights move at 10 keys a second; the targets and the weights."""
    targets = RNG.normal(0, 1, (2, 6, 3)).astype(np.float32)
    weights = np.array([[0, 1], [1, 0], [0.5, 0.5]], np.float32)
    animation = WeightAnimation(("a", "b"), weights, np.array([0.0, 0.1, 0.2]))
    write_glb(path, MESH, morphs=dict(zip("ab", targets)), animation=animation)
    return targets, weights


def test_glb_gives_the_vertices_of_its_morphs(tmp_path: Path) -> None:
    targets, weights = morphing(tmp_path / "head.glb")
    read = read_animation(tmp_path / "head.glb", 20)
    between = np.stack([weights[0], weights[:2].mean(0), weights[1], weights[1:].mean(0),
                        weights[2]])  # fmt: skip
    expected = MESH.vertices + np.einsum("fk,kvx->fvx", between, targets)
    np.testing.assert_allclose(read.read(), expected, atol=1e-5)
    np.testing.assert_allclose(read.part(3, 5).read(), expected[3:], atol=1e-5)


def as_gltf(path: Path, uri: str | None) -> dict:
    """The .glb as a document with its data beside it or inside."""
    import base64

    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    document, binary = json.loads(data[20 : 20 + length]), data[28 + length :]
    if uri is None:
        uri = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    else:
        (path.parent / uri).write_bytes(binary)
    document["buffers"][0]["uri"] = uri
    return document


def test_gltf_reads_what_is_beside_it_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    folder.mkdir()
    morphing(folder / "head.glb")
    expected = read_gltf_animation(folder / "head.glb", 10).read()
    path = folder / "head.gltf"
    for uri in (None, "data.bin"):
        path.write_text(json.dumps(as_gltf(folder / "head.glb", uri)))
        np.testing.assert_array_equal(read_animation(path, 10).read(), expected)
    path.write_text(json.dumps(as_gltf(folder / "head.glb", "../data.bin")))
    with pytest.raises(UnsafeFileError, match="outside"):
        read_gltf_animation(path, 10)


def test_gltf_steps_and_splines(tmp_path: Path) -> None:
    morphing(tmp_path / "head.glb")
    document = as_gltf(tmp_path / "head.glb", None)
    path = tmp_path / "head.gltf"
    document["animations"][0]["samplers"][0]["interpolation"] = "STEP"
    path.write_text(json.dumps(document))
    read = read_gltf_animation(path, 20).read()
    np.testing.assert_array_equal(read[0], read[1])
    assert np.abs(read[1] - read[2]).max() > 0.1


@pytest.mark.parametrize(
    ("spoil", "error", "match"),
    [
        (lambda d: d.pop("animations"), DataError, "no animation"),
        (lambda d: d["accessors"][0].update(count=10**9), UnsafeFileError, "asks for"),
        (lambda d: d["accessors"][0].update(sparse={}), DataError, "sparse"),
        (lambda d: d["accessors"][0].update(count=-4), DataError, "no place"),
        (lambda d: d["meshes"][0]["primitives"][0].pop("targets"), DataError, "targets"),
        (lambda d: d["animations"][0]["channels"][0].update(sampler=9), DataError, "IndexError"),
    ],
)
def test_gltf_that_lies_is_refused(
    tmp_path: Path, spoil: object, error: type[Exception], match: str
) -> None:
    morphing(tmp_path / "head.glb")
    document = as_gltf(tmp_path / "head.glb", None)
    spoil(document)  # type: ignore[operator]
    path = tmp_path / "bad.gltf"
    path.write_text(json.dumps(document))
    with pytest.raises(error, match=match):
        read_gltf_animation(path, 30)


def test_obj_files_follow_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "hello"
    folder.mkdir(parents=True)
    for frame in range(5):
        write_obj(folder / f"hello.{frame + 8}.obj", Mesh(FRAMES[frame], MESH.faces))
    (folder / "notes.txt").write_text("not a frame")
    assert list_shots(tmp_path / "cache") == ["hello"]
    found = find_cache(tmp_path / "cache", "hello")
    assert found == folder
    read = read_animation(found, 25)
    np.testing.assert_array_equal(read.read(), FRAMES)  # 8, 9, 10, 11, 12 and not 10, 11, 12, 8, 9
    np.testing.assert_array_equal(read.part(1, 3).read(), FRAMES[1:3])
    (folder / "hello.10.obj").unlink()
    with pytest.raises(DataError, match="no file has number 10"):
        read_obj_sequence(folder, 25)
    write_obj(folder / "hello.10.obj", Mesh(FRAMES[0][:4], MESH.faces[:1]))
    with pytest.raises(DataError, match="expected 6 vertices"):
        read_obj_sequence(folder, 25).read()
    (folder / "other1.obj").write_text("v 0 0 0\n")
    with pytest.raises(DataError, match="of one name"):
        read_obj_sequence(folder, 25)


def test_a_point_cache_is_found_before_a_scene(tmp_path: Path) -> None:
    for name in ("s.pc2", "s.usd", "s.glb"):
        (tmp_path / name).write_bytes(b"")
    assert find_cache(tmp_path, "s").name == "s.pc2"
    (tmp_path / "s.pc2").unlink()
    assert find_cache(tmp_path, "s").name == "s.usd"
