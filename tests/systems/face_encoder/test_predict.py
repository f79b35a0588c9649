"""Photographs in, files out: what is written, under which name, and what happens without a face."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from likeness.errors import DataError, UsageError
from likeness.geometry.mesh_obj import read_obj
from likeness.media.image import save_image
from likeness.systems.face_encoder.predict import FORMATS, predict
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.record import PersonRecord
from tests.disks import full_disk
from tests.systems.face_encoder.toy import build_system


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
                "obj": str(out / "p0_0.obj"),
                "glb": str(out / "p0_0.glb"),
                "turntable": str(out / "p0_0.turntable.gif"),
            },
        }
    ]
    records = [PersonRecord.load(rows[0]["files"][k]) for k in ("npz", "safetensors", "json")]
    assert len({record.vector.tobytes() for record in records}) == 1
    assert records[0].source == "p0_0.png"
    with Image.open(rows[0]["files"]["turntable"]) as movie:
        assert movie.n_frames == 3
        frames = []
        for number in range(3):
            movie.seek(number)
            frames.append(np.asarray(movie.convert("L")))
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 1  # it turns
    with Image.open(rows[0]["files"]["overlay"]) as overlay:
        width, height = Image.open(photos / "p0_0.png").size
        assert overlay.size == (width + height, height)  # the whole picture, then the face


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
    primitive = document["meshes"][0]["primitives"][0]
    assert len(primitive["targets"]) == 52
    names = document["meshes"][0]["extras"]["targetNames"]
    assert len(names) == len(set(names)) == 52


def test_a_folder_gives_a_row_for_every_photograph(predictor, photos):
    rows = run(predictor, photos, [str(photos)], format="json")
    assert [Path(row["input"]).name for row in rows] == ["p0_0.png", "p1_0.png"]
    assert all(Path(row["files"]["json"]).is_file() for row in rows)


def test_photographs_of_one_name_do_not_overwrite_each_other(predictor, photos):
    other = photos.parent / "other"
    other.mkdir()
    (other / "p0_0.png").write_bytes((photos / "p1_0.png").read_bytes())
    inputs = [str(photos / "p0_0.png"), str(other / "p0_0.png")]
    rows = run(predictor, photos, inputs, format="npz")
    names = [Path(row["files"]["npz"]).name for row in rows]
    assert names == ["p0_0.person.npz", "p0_0-2.person.npz"]


def test_a_photograph_without_a_face_gives_a_row_with_its_error(predictor, photos):
    save_image(photos / "wall.png", np.full((40, 40, 3), 0.5, np.float32))
    (photos / "broken.png").write_bytes(b"no picture")
    rows = {Path(r["input"]).name: r for r in run(predictor, photos, [str(photos)], format="npz")}
    assert "recorded faces of 'wall'" in rows["wall.png"]["error"]
    assert "not a picture" in rows["broken.png"]["error"]
    assert "files" in rows["p0_0.png"]


def test_no_face_in_any_photograph_is_a_data_error(predictor, tmp_path):
    save_image(tmp_path / "a.png", np.full((60, 60, 3), 0.5, np.float32))
    save_image(tmp_path / "b.png", np.full((60, 60, 3), 0.2, np.float32))
    with pytest.raises(DataError, match="None of 2 photographs could be encoded") as caught:
        predict(predictor, [str(tmp_path)], tmp_path / "out")
    assert caught.value.exit_code == 4
    assert "No face was found in a.png" in caught.value.message


def test_wrong_formats_and_inputs_are_refused_before_any_work(predictor, photos):
    with pytest.raises(UsageError, match=r"Unknown format \['stl'\]; there are: npz"):
        run(predictor, photos, [str(photos)], format="npz,stl")
    with pytest.raises(UsageError, match="Unknown format"):
        run(predictor, photos, [str(photos)], format="")
    with pytest.raises(DataError, match="there is nothing"):
        run(predictor, photos, [str(photos / "nowhere.png")])
    empty = photos.parent / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="found none"):
        run(predictor, photos, [str(empty)])
    assert not (photos.parent / "out").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_leaves_no_half_of_a_file(predictor, photos, tmp_path, format):
    with full_disk(tmp_path / "out") as disk:
        with pytest.raises(UsageError, match="No space left on device"):
            run(predictor, photos, [str(photos / "p0_0.png")], format=format, frames=2)
        assert [path.name for path in disk.iterdir()] == ["filler"]
