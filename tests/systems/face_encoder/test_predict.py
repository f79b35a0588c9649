"""Photographs in, files out: what is written, under which name, and what happens without a face."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from scipy.spatial.transform import Rotation

from likeness.errors import DataError, UsageError
from likeness.geometry.mesh_obj import read_obj
from likeness.geometry.texture_space import synthetic_texture_space
from likeness.media.image import save_image
from likeness.systems.face_encoder.meshes import write_mesh
from likeness.systems.face_encoder.predict import FORMATS, predict
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.record import PersonRecord
from tests.disks import full_disk
from tests.systems.face_encoder.toy import SMALL_LAYOUT, build_system, random_vector


@pytest.fixture(scope="module")
def predictor(toy_folder: Path) -> FacePredictor:
    return build_system(toy_folder).predictor()


@pytest.fixture
def photos(tmp_path: Path, dataset: Path) -> Path:
    """Two photographs, their recorded faces beside them, and one picture nobody recorded."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("p0_0", "p1_0"):
        (folder / f"{name}.png").write_bytes((dataset / "images" / f"{name}.png").read_bytes())
        points = np.load(dataset / "landmarks" / f"{name}.npy")
        np.save(folder / f"{name}.npy", points)
    return folder


def run(predictor: FacePredictor, photos: Path, inputs: list[str], **options: object) -> list[dict]:
    out = photos.parent / "out"
    return predict(predictor, inputs, out, detector="file", weights=str(photos), **options)


def test_every_format_is_written_under_its_name(predictor, photos):
    rows = run(predictor, photos, [str(photos / "p0_0.png")], format=",".join(FORMATS), frames=3)
    out = photos.parent / "out"
    assert rows == [
        {
            "input": str(photos / "p0_0.png"),
            "files": {
                "npz": str(out / "p0_0.person.npz"),
                "safetensors": str(out / "p0_0.person.safetensors"),
                "json": str(out / "p0_0.person.json"),
                "overlay": str(out / "p0_0.overlay.png"),
                "ascii": str(out / "p0_0.landmarks.txt"),
                "obj": str(out / "p0_0.obj"),
                "glb": str(out / "p0_0.glb"),
                "turntable": str(out / "p0_0.turntable.gif"),
            },
            "texture": "albedo space 'synthetic'",
        }
    ]
    records = [PersonRecord.load(rows[0]["files"][k]) for k in ("npz", "safetensors", "json")]
    assert len({record.vector.tobytes() for record in records}) == 1
    assert records[0].source == "p0_0.png"
    plot = Path(rows[0]["files"]["ascii"]).read_text().splitlines()
    assert len(plot) == 20
    assert max(map(len, plot)) <= 40
    assert set("".join(plot)) == set(" .-+ox")
    # Brows above eyes above lips, in a face that is not stretched.
    heights = [np.mean([n for n, line in enumerate(plot) if mark in line]) for mark in "-ox"]
    assert heights == sorted(heights)
    with Image.open(rows[0]["files"]["turntable"]) as movie:
        assert movie.n_frames == 3
        frames = []
        for number in range(3):
            movie.seek(number)
            frames.append(np.asarray(movie.convert("L")))
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 1  # it turns
    with Image.open(rows[0]["files"]["overlay"]) as overlay:
        gap, title, side = 6, 30, 512
        # The photograph, its points, the geometry, the textured face.
        assert overlay.size == (gap + 4 * (side + gap), 2 * gap + title + side)
        pixels = np.asarray(overlay.convert("RGB"))[gap + title : -gap].astype(int)
    panels = [pixels[:, gap + n * (side + gap) :][:, :side] for n in range(4)]
    ink = (panels[1][..., 2] - panels[1][..., 0] > 100).mean()
    assert 0.005 < ink < 0.2  # blue points and the lines between them
    middle = slice(side // 2 - 40, side // 2 + 40)
    grey = panels[2][middle, middle]
    assert np.ptp(grey, axis=2).max() <= 2  # the head covers the photograph's middle
    assert np.ptp(panels[3][middle, middle], axis=2).max() > 20  # skin is not grey


def test_the_obj_faces_forward_with_expression_and_texture_coordinates(predictor, photos):
    row = run(predictor, photos, [str(photos / "p0_0.png")], format="obj,npz")[0]
    asset = predictor.decoder.asset
    mesh = read_obj(row["files"]["obj"])
    assert mesh.vertices.shape == (asset.num_vertices, 3)
    assert mesh.uv is not None
    assert mesh.uv.shape == asset.uv.shape
    np.testing.assert_array_equal(mesh.faces, asset.faces)
    text = Path(row["files"]["obj"]).read_text().splitlines()
    assert sum(line.startswith("v ") for line in text) == asset.num_vertices
    # Benchmarks' readers take three numbers in a line of a vertex, no colours.
    assert {len(line.split()) for line in text if line.startswith("v ")} == {4}
    record = PersonRecord.load(row["files"]["npz"])
    facing = {"pose.global": [1, 0, 0, 0, 1, 0], "pose.neck": 0}
    expected = record.edit(facing).to_mesh(asset).vertices
    np.testing.assert_allclose(mesh.vertices, expected, atol=1e-5)


def glb_json(path: str) -> dict:
    """The JSON chunk of a GLB file: header of 12 bytes, then length, type, content."""
    data = Path(path).read_bytes()
    assert data[:4] == b"glTF"
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length])


def test_the_glb_is_read_by_another_library(predictor, photos):
    row = run(predictor, photos, [str(photos / "p0_0.png")], format="glb,npz")[0]
    asset = predictor.decoder.asset
    scene = trimesh.load(row["files"]["glb"])
    (geometry,) = scene.geometry.values()
    record = PersonRecord.load(row["files"]["npz"])
    neutral = record.to_mesh(asset, neutral=True)
    low, high = neutral.vertices.min(axis=0), neutral.vertices.max(axis=0)
    np.testing.assert_allclose(geometry.bounds, [low, high], atol=1e-6)
    assert len(geometry.faces) == asset.num_faces
    document = glb_json(row["files"]["glb"])
    assert len(document["skins"][0]["joints"]) == asset.num_joints
    body = document["meshes"][0]
    names = body["extras"]["targetNames"]
    assert len(names) == len(set(names)) == len(body["weights"])
    assert len(body["primitives"][0]["targets"]) == len(names)
    assert names[:2] == ["expression000", "expression001"]


@pytest.fixture
def person(toy_head) -> PersonRecord:
    """A face with an expression, half-closed lids, an open jaw, turned head and eyes."""
    vector = random_vector(SMALL_LAYOUT, 5)[0].numpy()
    return PersonRecord(vector, SMALL_LAYOUT, toy_head.name, toy_head.fingerprint)


def shown(path: Path) -> np.ndarray:
    """Vertices a viewer shows of a GLB: morphs by their weights, then the skin by its joints."""
    data = path.read_bytes()
    document = glb_json(str(path))
    start = 20 + struct.unpack_from("<I", data, 12)[0] + 8

    def array(index: int) -> np.ndarray:
        entry = document["accessors"][index]
        view = document["bufferViews"][entry["bufferView"]]
        width = {"VEC3": 3, "VEC4": 4, "MAT4": 16}[entry["type"]]
        kind = {5126: "<f4", 5123: "<u2"}[entry["componentType"]]
        offset, count = start + view["byteOffset"], entry["count"] * width
        return np.frombuffer(data, kind, count, offset).reshape(-1, width).astype(np.float64)

    (body,), (skin,) = document["meshes"], document["skins"]
    (primitive,) = body["primitives"]
    points = array(primitive["attributes"]["POSITION"])
    for target, weight in zip(primitive["targets"], body["weights"], strict=True):
        points = points + weight * array(target["POSITION"])
    inverse = array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    parent = {c: n for n, node in enumerate(document["nodes"]) for c in node.get("children", ())}

    def world(number: int) -> np.ndarray:
        node, own = document["nodes"][number], np.eye(4)
        own[:3, :3] = Rotation.from_quat(node["rotation"]).as_matrix()
        own[:3, 3] = node["translation"]
        return world(parent[number]) @ own if number in parent else own

    matrices = np.stack([world(joint) for joint in skin["joints"]]) @ inverse
    joints = array(primitive["attributes"]["JOINTS_0"]).astype(int)
    weights = array(primitive["attributes"]["WEIGHTS_0"])
    blended = np.einsum("vk,vkab->vab", weights, matrices[joints])
    return np.einsum("vab,vb->va", blended, np.column_stack([points, np.ones(len(points))]))[:, :3]


def test_the_glb_shows_the_photographs_expression_and_pose(person, toy_head, tmp_path):
    """Its weights were all 0 and its joints at rest: the expression was in the OBJ alone. Later it
    lacked the pose correctives, 4.5 mm under the chin of an open mouth."""
    # What glTF has no place for is left out: joints that move with an expression.
    basis = toy_head.expression_basis
    still = basis - np.einsum("jv,vce->jce", toy_head.joint_regressor, basis)[0]
    pushed = np.random.default_rng(0).normal(0, 0.05, toy_head.pose_basis.shape)  # metres
    head = replace(toy_head, pose_basis=pushed, expression_basis=still)
    record = replace(person, head_fingerprint=head.fingerprint)
    write_mesh(tmp_path / "a.glb", record, head)
    expected = record.to_mesh(head)
    neutral = record.to_mesh(head, neutral=True)
    corners = np.unique(np.stack([head.faces.ravel(), head.uv_faces.ravel()], 1), axis=0)[:, 0]
    gaps = np.linalg.norm(shown(tmp_path / "a.glb") - expected.vertices[corners], axis=1)
    moved = np.linalg.norm(expected.vertices - neutral.vertices, axis=1)
    assert moved.max() > 0.01
    assert gaps.max() < 0.05 * moved.max()


def test_meshes_carry_the_predicted_albedo(toy_folder, photos):
    """OBJ and GLB had texture coordinates and nothing to put there."""
    predictor = build_system(toy_folder).predictor()
    with torch.no_grad():
        predictor.network.head[3].bias[SMALL_LAYOUT.slice("face.albedo")] = torch.tensor(
            [2.0, -1.0, 0.5, 1.0]
        )
    row = run(predictor, photos, [str(photos / "p0_0.png")], format="npz,obj,glb")[0]
    code = PersonRecord.load(row["files"]["npz"]).split()["face.albedo"]
    space = synthetic_texture_space(num_components=4)
    expected = np.clip(space.mean + space.basis @ code, 0, 1)
    assert np.abs(expected - space.mean).max() > 0.1
    obj = Path(row["files"]["obj"])
    np.testing.assert_allclose(read_obj(obj).texture, expected, atol=0.51 / 255)
    assert obj.with_suffix(".mtl").is_file()
    (geometry,) = trimesh.load(row["files"]["glb"]).geometry.values()
    picture = np.asarray(geometry.visual.material.baseColorTexture.convert("RGB")) / 255
    np.testing.assert_allclose(picture, expected, atol=0.51 / 255)
    # The folder of the photographs may be the output: they must not become textures.
    before = (photos / "p0_0.png").read_bytes()
    predict(
        predictor, [str(photos / "p0_0.png")], photos, format="obj", detector="file",
        weights=str(photos),
    )  # fmt: skip
    assert (photos / "p0_0.png").read_bytes() == before


def test_a_mesh_without_texture_says_why(toy_folder, photos, tmp_path):
    one = [str(photos / "p0_0.png")]
    bare = build_system(toy_folder, None, "model.num_albedo=0").predictor()
    row = run(bare, photos, one, format="obj,glb")[0]
    assert row["texture"].startswith("none: the layout")
    assert not Path(row["files"]["obj"]).with_suffix(".mtl").exists()
    assert "images" not in glb_json(row["files"]["glb"])
    moved = build_system(toy_folder).predictor()
    moved.albedo = str(tmp_path / "FLAME_texture.npz")
    row = run(moved, photos, one, format="obj")[0]
    assert "is not on this machine" in row["texture"]
    assert "texture" not in run(moved, photos, one, format="npz")[0]


def test_a_folder_gives_a_row_for_every_photograph(predictor, photos):
    rows = run(predictor, photos, [str(photos)], format="json")
    assert [Path(row["input"]).name for row in rows] == ["p0_0.png", "p1_0.png"]
    assert all(Path(row["files"]["json"]).is_file() for row in rows)


def test_folders_of_persons_are_looked_into_as_prepare_does(predictor, photos):
    """A file is named by its folder too; what an earlier call wrote among them is no input."""
    album = photos.parent / "album"
    for person, name in (("anna", "p0_0"), ("ben", "p1_0")):
        (album / person).mkdir(parents=True)
        (album / person / f"{name}.png").write_bytes((photos / f"{name}.png").read_bytes())
    (album / "ben" / "gone.jpg").symlink_to("nowhere.jpg")
    chosen = {"detector": "file", "weights": str(photos), "format": "overlay,json"}
    for _ in range(2):
        rows = predict(predictor, [str(album)], album / "out", **chosen)
        assert [Path(row["input"]).relative_to(album).as_posix() for row in rows] == [
            "ben/gone.jpg",
            "anna/p0_0.png",
            "ben/p1_0.png",
        ]
        assert "it is a link to 'nowhere.jpg', which is not there" in rows[0]["error"]
    assert sorted(path.name for path in (album / "out").iterdir()) == [
        "anna__p0_0.manifest.json",
        "anna__p0_0.overlay.png",
        "anna__p0_0.person.json",
        "ben__p1_0.manifest.json",
        "ben__p1_0.overlay.png",
        "ben__p1_0.person.json",
    ]


def test_photographs_of_one_name_do_not_overwrite_each_other(predictor, photos):
    other = photos.parent / "other"
    other.mkdir()
    (other / "p0_0.png").write_bytes((photos / "p1_0.png").read_bytes())
    inputs = [str(photos / "p0_0.png"), str(other / "p0_0.png")]
    rows = run(predictor, photos, inputs, format="npz")
    names = [Path(row["files"]["npz"]).name for row in rows]
    assert names == ["p0_0.person.npz", "p0_0-2.person.npz"]


def test_another_photograph_of_an_earlier_call_is_not_written_over(predictor, photos):
    """The same photograph, also moved, replaces its own files."""
    other = photos.parent / "other"
    other.mkdir()
    (other / "p0_0.png").write_bytes((photos / "p1_0.png").read_bytes())
    made, seen = [], {}
    for folder in (photos, other, other, photos):
        (row,) = run(predictor, photos, [str(folder / "p0_0.png")], format="json")
        path = Path(row["files"]["json"])
        made.append(path.name)
        assert seen.setdefault(path.name, path.read_bytes()) == path.read_bytes()
    assert made == ["p0_0.person.json", "p0_0-2.person.json", "p0_0-2.person.json", made[0]]
    assert len(set(seen.values())) == 2


def test_the_manifest_says_of_which_photograph_the_files_are(predictor, photos):
    """It names the texture beside a mesh too, and the files of a later call."""
    photo, out = photos / "p0_0.png", photos.parent / "out"
    for formats in ("obj,ascii", "npz"):
        run(predictor, photos, [str(photo)], format=formats)
    manifest = json.loads((out / "p0_0.manifest.json").read_text())
    files = manifest.pop("files")
    assert manifest == {
        "photograph": "p0_0.png",
        "photograph_sha256": hashlib.sha256(photo.read_bytes()).hexdigest(),
        "network_sha256": predictor.fingerprint,
        "detector": "file",
        "detector_weights": "photos",
    }
    assert {path.name for path in out.iterdir()} == {*files, "p0_0.manifest.json"}
    assert {name.removeprefix("p0_0.") for name in files} == {
        *("obj", "mtl", "texture.png", "landmarks.txt", "person.npz"),
    }
    for name, entry in files.items():
        assert entry == {"sha256": hashlib.sha256((out / name).read_bytes()).hexdigest()}


def test_a_photograph_without_a_face_gives_a_row_with_its_error(predictor, photos):
    save_image(photos / "wall.png", np.full((40, 40, 3), 0.5, np.float32))
    (photos / "broken.png").write_bytes(b"no picture")
    rows = {Path(r["input"]).name: r for r in run(predictor, photos, [str(photos)], format="npz")}
    assert "recorded faces of 'wall'" in rows["wall.png"]["error"]
    assert "not a picture" in rows["broken.png"]["error"]
    assert "files" in rows["p0_0.png"]


def test_a_damaged_file_is_named_once_with_what_helps_it(predictor, photos, caplog):
    broken = photos / "broken.png"
    broken.write_bytes(b"no picture")
    rows = run(predictor, photos, [str(broken), str(photos / "p0_0.png")], format="npz")
    assert ["error" in row for row in rows] == [True, False]
    (record,) = caplog.records
    assert record.getMessage().count("broken.png") == 1
    assert "Convert it to PNG or JPEG" in record.getMessage()
    caplog.clear()
    with pytest.raises(DataError, match=r"^\S+broken\.png is not a picture") as caught:
        run(predictor, photos, [str(broken)], format="npz")
    assert not caplog.records
    assert "Convert it to PNG or JPEG" in caught.value.advice
    assert "face" not in caught.value.advice


def test_no_face_in_any_photograph_is_a_data_error(predictor, tmp_path):
    save_image(tmp_path / "a.png", np.full((60, 60, 3), 0.5, np.float32))
    save_image(tmp_path / "b.png", np.full((60, 60, 3), 0.2, np.float32))
    with pytest.raises(DataError, match="None of 2 photographs could be encoded") as caught:
        predict(predictor, [str(tmp_path)], tmp_path / "out")
    assert caught.value.exit_code == 4
    assert "No face was found in a.png" in caught.value.message


def test_wrong_formats_and_inputs_are_refused_before_any_work(predictor, photos):
    with pytest.raises(UsageError, match="There is no format stl, ply2") as caught:
        run(predictor, photos, [str(photos)], format="npz,stl,ply2")
    assert caught.value.advice.startswith("There are: npz, ")
    with pytest.raises(UsageError, match="No format is named"):
        run(predictor, photos, [str(photos)], format="")
    with pytest.raises(DataError, match="there is nothing"):
        run(predictor, photos, [str(photos / "nowhere.png")])
    empty = photos.parent / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="found none"):
        run(predictor, photos, [str(empty)])
    assert not (photos.parent / "out").exists()


def test_a_folder_without_photographs_keeps_no_other_input_from_being_read(predictor, photos):
    empty = photos.parent / "empty"
    empty.mkdir()
    found = run(predictor, photos, [str(empty), str(photos)], format="json")
    failed = [row for row in found if "error" in row]
    assert [row["input"] for row in failed] == [str(empty)]
    assert "a folder without photographs" in failed[0]["error"]
    assert len(found) > 1


@pytest.mark.parametrize(
    ("format", "free"), [*((format, 0) for format in FORMATS), (",".join(FORMATS), 40_000)]
)
def test_a_full_disk_leaves_nothing_of_a_photograph(predictor, photos, tmp_path, format, free):
    with full_disk(tmp_path / "out", free=free) as disk:
        with pytest.raises(UsageError, match="No space left on device"):
            run(predictor, photos, [str(photos / "p0_0.png")], format=format, frames=2)
        assert [path.name for path in disk.iterdir()] == ["filler"]
