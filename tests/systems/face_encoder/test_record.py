"""Records of persons: exact round trips, reading without torch, merging, distances, meshes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.array_files import read_arrays
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.toy_flame import make_toy_flame
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.layout import deca236, eidolon227, head_v1, smirk361
from likeness.systems.face_encoder.record import PersonRecord, distance, merge
from tests.systems.face_encoder.toy import NUM_SHAPE, SMALL_LAYOUT, random_vector


def record_of(head: HeadAsset, seed: int, **changes: object) -> PersonRecord:
    values = {
        "vector": random_vector(SMALL_LAYOUT, seed)[0].numpy(),
        "layout": SMALL_LAYOUT,
        "head_name": head.name,
        "head_fingerprint": head.fingerprint,
        "encoder_fingerprint": "e" * 64,
        "crop_matrix": np.array([[0.1, 0.2, 3.3], [-0.2, 0.1, 1 / 3]], np.float32),
        "image_size": 224,
        "valid": {"face.shape": True, "face.albedo": False},
        "landmarks": np.random.default_rng(seed).uniform(0, 500, (68, 2)).astype(np.float32),
        "source": f"photo {seed} \u00fc.jpg",
    }
    return PersonRecord(**(values | changes))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".json"])
def test_round_trip_is_exact_to_the_last_bit(toy_head, tmp_path, suffix):
    first = record_of(toy_head, 1)
    again = PersonRecord.load(first.save(tmp_path / "deep" / f"a.person{suffix}"))
    assert again.vector.dtype == np.float32
    assert again.vector.tobytes() == first.vector.tobytes()
    assert again.crop_matrix.tobytes() == first.crop_matrix.tobytes()
    assert again.landmarks.tobytes() == first.landmarks.tobytes()
    for name in ("layout", "head_name", "head_fingerprint", "encoder_fingerprint", "image_size",
                 "valid", "source"):  # fmt: skip
        assert getattr(again, name) == getattr(first, name), name
    bare = record_of(toy_head, 2, landmarks=None)
    assert PersonRecord.load(bare.save(tmp_path / f"b{suffix}")).landmarks is None


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".json"])
def test_a_record_keeps_the_camera_of_its_encoder(toy_head, tmp_path, suffix):
    for camera in ("weak_perspective", "fov12", "fov30"):
        path = record_of(toy_head, 1, camera=camera).save(tmp_path / f"{camera}{suffix}")
        assert PersonRecord.load(path).camera == camera


def test_a_record_without_a_camera_has_the_usual_one_of_its_layout(toy_head, tmp_path):
    for layout, usual in ((SMALL_LAYOUT, "weak_perspective"), (eidolon227(), "fov12")):
        vector = np.zeros(layout.dim, np.float32)
        path = record_of(toy_head, 1, layout=layout, vector=vector).save(tmp_path / "a.json")
        data = json.loads(path.read_text(encoding="utf-8"))
        del data["camera"]
        path.write_text(json.dumps(data), encoding="utf-8")
        assert PersonRecord.load(path).camera == usual
    path.write_text(json.dumps({**data, "camera": "fisheye"}), encoding="utf-8")
    with pytest.raises(DataError, match=r"cameras weak_perspective, fov12, fov30, found 'fisheye'"):
        PersonRecord.load(path)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".json"])
def test_a_record_keeps_the_fingerprint_of_its_albedo_space(toy_head, tmp_path, suffix):
    path = record_of(toy_head, 1, albedo_fingerprint="a" * 64).save(tmp_path / f"a{suffix}")
    assert PersonRecord.load(path).albedo_fingerprint == "a" * 64
    texts = json.loads(path.read_text()) if suffix == ".json" else read_arrays(path)[1]
    assert texts["albedo_sha256"] == "a" * 64


def test_records_of_different_albedo_spaces_are_not_merged(toy_head):
    first, second = (record_of(toy_head, 1, albedo_fingerprint=c * 64) for c in "ab")
    with pytest.raises(UsageError, match="different albedo spaces"):
        merge([first, second])
    merge([first, record_of(toy_head, 2)])  # made before the fingerprint was kept


def test_json_is_for_other_programs(toy_head, tmp_path):
    record_of(toy_head, 1).save(tmp_path / "a.json")
    data = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert len(data["vector"]) == SMALL_LAYOUT.dim
    assert [s["name"] for s in data["layout"]["segments"]] == list(SMALL_LAYOUT.names)
    assert data["valid"] == {"face.shape": True, "face.albedo": False}


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".json"])
def test_a_record_is_read_and_posed_without_torch(toy_head, tmp_path, suffix):
    """The machine that only looks at a person needs no network library."""
    path = record_of(toy_head, 3).save(tmp_path / f"a{suffix}")
    toy_head.save(tmp_path / "head.npz")
    code = (
        "import sys\n"
        "from likeness.systems.face_encoder.record import PersonRecord, merge, distance\n"
        "from likeness.geometry.head_asset import load_head\n"
        f"record = PersonRecord.load({str(path)!r})\n"
        f"asset = load_head({str(tmp_path / 'head.npz')!r})\n"
        "mesh = record.to_mesh(asset)\n"
        "merge([record, record.edit({'face.shape': 0})])\n"
        "assert distance(record, record, space='vertex', asset=asset) == 0\n"
        "print(len(mesh.vertices), 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(toy_head.num_vertices), "False"]


def test_meshes_equal_those_of_the_network_side(toy_head, decoder):
    vector = random_vector(SMALL_LAYOUT, 5)
    record = record_of(toy_head, 0, vector=vector[0].numpy())
    mesh = record.to_mesh(toy_head)
    with torch.no_grad():
        expected = decoder.mesh(vector).vertices[0].numpy()
    np.testing.assert_allclose(mesh.vertices, expected, atol=2e-6)
    np.testing.assert_array_equal(mesh.faces, toy_head.faces)
    assert mesh.uv is not None


def test_a_neutral_mesh_keeps_the_identity_alone(toy_head):
    record = record_of(toy_head, 5)
    code = record.split()["face.shape"]
    expected = toy_head.template + toy_head.shape_basis[:, :, :NUM_SHAPE] @ code
    np.testing.assert_allclose(record.to_mesh(toy_head, neutral=True).vertices, expected, atol=1e-6)


@pytest.mark.parametrize("make", [deca236, smirk361], ids=["deca236", "smirk361"])
def test_meshes_of_layouts_with_axis_angle_poses(toy_head, make):
    layout = make()
    rng = np.random.default_rng(4)
    vector = np.zeros(layout.dim, np.float32)
    turn = rng.normal(0, 0.5, 3).astype(np.float32)
    vector[layout.slice("pose.global_axis_angle")] = turn
    vector[layout.slice("face.shape")][:5] = rng.normal(0, 1, 5)
    record = record_of(toy_head, 0, vector=vector, layout=layout)
    neutral = record.to_mesh(toy_head, neutral=True).vertices
    centre = toy_head.joint_regressor[0] @ neutral
    expected = (neutral - centre) @ Rotation.from_rotvec(turn).as_matrix().T + centre
    np.testing.assert_allclose(record.to_mesh(toy_head).vertices, expected, atol=1e-5)
    with torch.no_grad():
        decoded = Decoder(toy_head, layout, "weak_perspective").mesh(torch.from_numpy(vector[None]))
    np.testing.assert_allclose(decoded.vertices[0], expected, atol=1e-5)


def test_editing_replaces_whole_segments_in_a_copy(toy_head):
    record = record_of(toy_head, 6)
    before = record.vector.copy()
    edited = record.edit({"face.expression": 0, "camera": [5.0, 0.1, 0.2]})
    parts, old = edited.split(), record.split()
    assert not parts["face.expression"].any()
    assert parts["camera"].tolist() == pytest.approx([5.0, 0.1, 0.2])
    for name in set(SMALL_LAYOUT.names) - {"face.expression", "camera"}:
        np.testing.assert_array_equal(parts[name], old[name])
    np.testing.assert_array_equal(record.vector, before)
    with pytest.raises(UsageError, match=r"no segment 'face\.nose'"):
        record.edit({"face.nose": 1})
    with pytest.raises(UsageError, match=r"'camera', or 3, found an array of shape \(2,\)"):
        record.edit({"camera": [1.0, 2.0]})
    for value in ("a", {"a": 1}, [1, [2], 3]):
        with pytest.raises(UsageError, match="Expected numbers for 'camera', found "):
            record.edit({"camera": value})


@pytest.mark.parametrize(("count", "average"), [(2, np.mean), (4, np.mean), (5, np.median)])
def test_merging_averages_who_and_keeps_how_and_view_of_the_first(toy_head, count, average):
    records = [record_of(toy_head, seed) for seed in range(count)]
    merged = merge(records).split()
    for segment in SMALL_LAYOUT.segments:
        stack = np.stack([record.split()[segment.name] for record in records])
        if segment.name in ("face.shape", "face.albedo"):
            np.testing.assert_allclose(merged[segment.name], average(stack, axis=0), rtol=1e-5)
        else:
            np.testing.assert_array_equal(merged[segment.name], stack[0])
    assert merge(records).source.count("photo") == count


def test_the_median_of_five_photographs_ignores_one_failure(toy_head):
    good = record_of(toy_head, 1)
    wrong = good.edit({"face.shape": 50})
    np.testing.assert_array_equal(merge([good, good, wrong, good, good]).vector, good.vector)


def test_records_that_do_not_belong_together_are_not_merged(toy_head):
    first = record_of(toy_head, 1)
    with pytest.raises(UsageError, match="at least one"):
        merge([])
    with pytest.raises(UsageError, match="cannot be merged"):
        merge([first, record_of(toy_head, 2, head_fingerprint="0" * 64)])
    other = head_v1(shape=NUM_SHAPE, expression=5, albedo=4)
    zeros = np.zeros(other.dim, np.float32)
    with pytest.raises(UsageError, match="cannot be merged"):
        merge([first, record_of(toy_head, 2, layout=other, vector=zeros)])
    with pytest.raises(UsageError, match="cannot be compared"):
        distance(first, record_of(toy_head, 2, layout=other, vector=zeros))


def test_distances_against_loops(toy_head):
    first, second = record_of(toy_head, 1), record_of(toy_head, 2)
    codes = [record.split()["face.shape"] for record in (first, second)]
    squares = sum((a - b) ** 2 for a, b in zip(*codes)) / NUM_SHAPE
    assert distance(first, second) == pytest.approx(squares**0.5, rel=1e-5)
    total = 0.0
    for vertex in range(toy_head.num_vertices):
        gap = toy_head.shape_basis[vertex, :, :NUM_SHAPE] @ (codes[0] - codes[1])
        total += np.sqrt((gap**2).sum())
    expected = 1000 * total / toy_head.num_vertices
    found = distance(first, second, space="vertex", asset=toy_head)
    assert found == pytest.approx(expected, rel=1e-4)
    assert distance(first, first.edit({"face.expression": 3.0})) == 0  # how is not who
    with pytest.raises(UsageError, match="needs the head model"):
        distance(first, second, space="vertex")


def test_the_head_of_another_model_is_refused(toy_head, tmp_path):
    from likeness.geometry.flame_assets import load_flame

    make_toy_flame(tmp_path, subdivisions=2, seed=9)
    with pytest.raises(UsageError, match="belongs to the head model") as caught:
        record_of(toy_head, 1).to_mesh(load_flame(tmp_path))
    assert toy_head.fingerprint[:12] in caught.value.message


@pytest.mark.parametrize(
    "vector",
    [np.zeros(7), np.zeros((1, SMALL_LAYOUT.dim)), np.full(SMALL_LAYOUT.dim, np.nan)],
    ids=["short", "batch", "nan"],
)
def test_vectors_that_are_none_are_refused(toy_head, vector):
    with pytest.raises(DataError, match=f"needs {SMALL_LAYOUT.dim} finite numbers"):
        record_of(toy_head, 1, vector=vector)


def test_numbers_that_are_none_are_named_by_their_segment(toy_head, tmp_path):
    path = record_of(toy_head, 1).save(tmp_path / "person.json")
    kept = json.loads(path.read_text())
    start = SMALL_LAYOUT.slice("face.expression").start
    kept["vector"][start + 1] = float("nan")
    path.write_text(json.dumps(kept))
    with pytest.raises(DataError) as caught:
        PersonRecord.load(path)
    assert caught.value.message == (
        f"The person record at '{path}' is damaged: A vector of layout '{SMALL_LAYOUT.name}' needs "
        f"{SMALL_LAYOUT.dim} finite numbers, found NaN or infinity in face.expression."
    )


def test_vectors_are_kept_as_32_bit_whatever_they_came_as(toy_head):
    wide = random_vector(SMALL_LAYOUT, 1)[0].numpy().astype(np.float64)[::-1][::-1]
    assert record_of(toy_head, 1, vector=wide).vector.dtype == np.float32


def test_files_that_are_no_records_are_data_errors(toy_head, tmp_path):
    def load(name: str) -> PersonRecord:
        return PersonRecord.load(tmp_path / name)

    with pytest.raises(MissingError):
        load("nowhere.npz")
    with pytest.raises(MissingError):
        load("nowhere.json")
    np.savez(tmp_path / "other.npz", vector=np.zeros(3))
    with pytest.raises(DataError, match=r"lacks \['layout', 'model_sha256'\]"):
        load("other.npz")
    for name, content in (("a.npz", b"x"), ("b.safetensors", b"x"), ("c.json", b"[1, 2]"),
                          ("d.json", b"{"), ("e.json", b'{"vector": ["a"]}')):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError):
            load(name)
    path = record_of(toy_head, 1).save(tmp_path / "f.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    for key, value in (("layout", {"segments": 3}), ("vector", data["vector"][:-1]),
                       ("image_size", "large"), ("valid", "no JSON")):  # fmt: skip
        path.write_text(json.dumps({**data, key: value}), encoding="utf-8")
        with pytest.raises(DataError, match="is damaged"):
            load("f.json")


def test_unknown_endings_are_refused(toy_head, tmp_path):
    with pytest.raises(UsageError, match=r"cannot be written as 'a\.csv'"):
        record_of(toy_head, 1).save(tmp_path / "a.csv")
    assert not list(Path(tmp_path).iterdir())


def test_a_head_with_fewer_columns_reads_its_own(toy_head):
    """The columns in use are part of what a coefficient means; a cut head is another head."""
    record = record_of(toy_head, 1)
    cut = toy_head.reduced(num_shape=3, num_expression=2)
    with pytest.raises(UsageError, match="belongs to"):
        record.to_mesh(cut)
    own = replace(record, head_fingerprint=cut.fingerprint)
    code = record.split()["face.shape"][:3]
    expected = toy_head.template + toy_head.shape_basis[:, :, :3] @ code
    np.testing.assert_allclose(own.to_mesh(cut, neutral=True).vertices, expected, atol=1e-6)
