"""Validation, fingerprint and files of head assets."""

from __future__ import annotations

import json

import numpy as np
import pytest

from likeness.errors import DataError, MissingError
from likeness.geometry.head_asset import LandmarkEmbedding, load_head
from tests.geometry.random_head import random_head


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_round_trip_keeps_every_field(tmp_path, suffix) -> None:
    asset = random_head(dtype=np.float32)
    path = tmp_path / f"head{suffix}"
    asset.save(path)
    loaded = load_head(path)
    for name in [
        "template",
        "faces",
        "shape_basis",
        "expression_basis",
        "pose_basis",
        "joint_regressor",
        "weights",
        "parents",
        "mediapipe_indices",
        "uv_faces",
    ]:
        assert np.array_equal(getattr(loaded, name), getattr(asset, name)), name
        assert getattr(loaded, name).dtype == getattr(asset, name).dtype, name
    np.testing.assert_allclose(loaded.uv, asset.uv, atol=1e-7)
    np.testing.assert_allclose(loaded.eyelids, asset.eyelids, atol=1e-9)
    for name in (
        "landmarks68",
        "landmarks51",
        "landmarks_extra",
        "contour",
        "landmarks_mediapipe",
    ):
        assert np.array_equal(getattr(loaded, name).triangles, getattr(asset, name).triangles)
        np.testing.assert_allclose(
            getattr(loaded, name).barycentric, getattr(asset, name).barycentric, atol=1e-7
        )
    assert loaded.name == asset.name
    assert loaded.joint_names == asset.joint_names
    assert loaded.expression_names == asset.expression_names
    assert {k: v.tolist() for k, v in loaded.masks.items()} == {
        "face": list(range(10)),
        "neck": [11, 12],
    }
    assert loaded.metadata == {"unit": "metre"}
    assert loaded.fingerprint == asset.fingerprint
    assert not list(tmp_path.glob(".*"))


def test_file_has_flame_names_and_types(tmp_path) -> None:
    random_head().save(tmp_path / "head.npz")
    with np.load(tmp_path / "head.npz", allow_pickle=False) as file:
        assert file["v_template"].dtype == np.float32
        assert file["shapedirs"].shape == (40, 3, 10)
        assert file["posedirs"].shape == (40, 3, 36)
        assert file["f"].dtype == np.int32
        assert file["kintree_table"].dtype == np.int64
        assert file["kintree_table"].tolist() == [[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]
        assert str(file["format_version"]) == "1"
        assert json.loads(str(file["head"]))["num_expression"] == 4


def test_fingerprint_follows_the_model_and_not_its_annotations() -> None:
    base = random_head()
    assert base.fingerprint == random_head(dtype=np.float64).fingerprint
    assert base.fingerprint == random_head(masks={}, uv=None, uv_faces=None).fingerprint
    template = base.template.copy()
    template[3, 1] += 1e-6
    assert base.fingerprint != random_head(template=template).fingerprint
    assert base.fingerprint != base.reduced(num_shape=5, num_expression=4).fingerprint
    assert len(base.fingerprint) == 64


def test_fingerprint_survives_a_double_precision_file(tmp_path) -> None:
    asset = random_head(dtype=np.float64)
    asset.save(tmp_path / "head.npz")
    assert load_head(tmp_path / "head.npz").fingerprint == asset.fingerprint


def test_arrays_cannot_be_changed_and_the_callers_stay_writable() -> None:
    template = np.zeros((40, 3))
    asset = random_head(template=template)
    with pytest.raises(ValueError, match="read-only"):
        asset.template[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        asset.landmarks68.triangles[0] = 1
    template[0] = 0


def test_inner_landmarks_come_from_the_68() -> None:
    asset = random_head()
    assert np.array_equal(asset.landmarks51.triangles, asset.landmarks68.triangles[17:])


@pytest.mark.parametrize("joints", [1, 3])
def test_any_number_of_joints(joints, tmp_path) -> None:
    weights = np.full((40, joints), 1 / joints)
    asset = random_head(
        weights=weights,
        pose_basis=np.zeros((40, 3, 9 * (joints - 1))),
        joint_regressor=np.full((joints, 40), 1 / 40),
        parents=np.arange(joints) - 1,
        joint_names=tuple(f"joint{i}" for i in range(joints)),
    )
    asset.save(tmp_path / "head.npz")
    assert load_head(tmp_path / "head.npz").num_joints == joints


def negative_weights() -> np.ndarray:
    """Rows still sum to 1."""
    weights = np.full((40, 5), 0.2)
    weights[9, :2] += (-5.0, 5.0)
    return weights


def bad_weights() -> np.ndarray:
    weights = np.full((40, 5), 0.2)
    weights[7] = 0.3
    return weights


def not_finite(*shape: int) -> np.ndarray:
    array = np.zeros(shape)
    array.flat[5] = np.nan
    return array


WEIGHTS_OF_2 = np.full((3, 3), 2 / 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"template": np.zeros((40, 2))}, "template .* must be \\(V, 3\\)"),
        ({"faces": np.zeros((4, 4), int)}, "'faces' .* \\(any, 3\\)"),
        ({"faces": np.array([[0, 1, 40]]), "uv": None, "uv_faces": None}, "number 40.* 40 vert"),
        ({"faces": np.array([[0, 1, -1]]), "uv": None, "uv_faces": None}, "number -1"),
        ({"shape_basis": np.zeros((41, 3, 6))}, "'shape_basis' .* \\(40, 3, any\\)"),
        ({"shape_basis": not_finite(40, 3, 6)}, "'shape_basis' .* 1 non-finite"),
        ({"template": not_finite(40, 3)}, "'template' .* 1 non-finite"),
        ({"weights": bad_weights()}, "vertex 7 .* sum to 1.5"),
        ({"weights": negative_weights()}, "weight of vertex 9 .* is -4.8"),
        ({"parents": np.array([-1, 0, 3, 1, 1])}, "Joint 2 .'jaw'. .* parent 3"),
        ({"parents": np.array([0, 0, 1, 1, 1])}, "Joint 0 .* must be the root"),
        ({"parents": np.array([-1, 0, 1, 1, 4294967295])}, "parent 4294967295"),
        ({"pose_basis": np.zeros((40, 3, 35))}, "'pose_basis' .* \\(40, 3, 36\\)"),
        ({"joint_names": ("a", "b")}, "5 joints but 2 joint names"),
        ({"expression_names": ("smile",)}, "4 expression columns but 1 names"),
        ({"uv_faces": None}, "not both"),
        ({"masks": {"face": np.array([40])}}, "mask 'face' .* number 40"),
        (
            {"landmarks68": LandmarkEmbedding(np.zeros(67, int), np.full((67, 3), 1 / 3))},
            "'landmarks68' .* 68 points, found shape \\(67,\\)",
        ),
        (
            {"landmarks_extra": LandmarkEmbedding(np.array([80, 0, 0]), np.full((3, 3), 1 / 3))},
            "number 80.* 80 triangles",
        ),
        (
            {"landmarks_extra": LandmarkEmbedding(np.zeros(3, int), WEIGHTS_OF_2)},
            "'landmarks_extra' .* do not sum to 1",
        ),
        ({"mediapipe_indices": np.arange(104)}, "105 MediaPipe points .* \\(104,\\)"),
    ],
)
def test_defects_are_named(changes, message) -> None:
    with pytest.raises(DataError, match=message):
        random_head(**changes)


def test_missing_damaged_and_foreign_files(tmp_path) -> None:
    with pytest.raises(MissingError, match="no file"):
        load_head(tmp_path / "nothing.npz")
    path = tmp_path / "head.npz"
    random_head().save(path)
    data = path.read_bytes()
    (tmp_path / "short.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="is not a readable"):
        load_head(tmp_path / "short.npz")
    flipped = bytearray(data)
    flipped[len(data) // 3] ^= 0xFF
    (tmp_path / "flipped.npz").write_bytes(bytes(flipped))
    with pytest.raises(DataError):
        load_head(tmp_path / "flipped.npz")
    np.savez(tmp_path / "foreign.npz", something=np.zeros(3))
    with pytest.raises(DataError, match=r"no 'head' description.*something"):
        load_head(tmp_path / "foreign.npz")
    (tmp_path / "bad.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0notjson!")
    with pytest.raises(DataError, match="is not a readable"):
        load_head(tmp_path / "bad.safetensors")


def edited(tmp_path, **changes):
    path = tmp_path / "head.npz"
    random_head().save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays |= changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_tampered_numbers_do_not_pass(tmp_path) -> None:
    path = edited(tmp_path, v_template=np.zeros((40, 3), np.float32))
    with pytest.raises(DataError, match="does not hold what was saved"):
        load_head(path)


def test_incomplete_and_newer_files_say_so(tmp_path) -> None:
    with pytest.raises(DataError, match="'weights' is missing"):
        load_head(edited(tmp_path, weights=None))
    head = json.dumps({"format_version": 2})
    with pytest.raises(DataError, match="head format 2; this version reads 1"):
        load_head(edited(tmp_path, head=np.array(head)))
    with pytest.raises(DataError, match="6 shape and 4 expression columns"):
        load_head(edited(tmp_path, shapedirs=np.zeros((40, 3, 11), np.float32)))
