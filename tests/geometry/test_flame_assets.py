"""FLAME files: a toy set in the published formats, its variants and its defects."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
import torch

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.flame_assets import (
    convert_flame,
    is_flame,
    load_flame,
    read_masks,
)
from likeness.geometry.head import MorphableHead
from likeness.geometry.head_asset import load_head
from likeness.geometry.restricted_pickle import UnsafePickleError


def raw_model(folder) -> dict:
    with open(folder / "generic_model.pkl", "rb") as file:
        return pickle.load(file, encoding="latin1")


def rewrite(folder, protocol: int = 2, drop: tuple[str, ...] = (), **changes) -> None:
    content = {k: v for k, v in (raw_model(folder) | changes).items() if k not in drop}
    with open(folder / "generic_model.pkl", "wb") as file:
        pickle.dump(content, file, protocol=protocol)


def test_every_array_of_the_model_is_read(original, toy) -> None:
    raw = raw_model(original)
    np.testing.assert_array_equal(toy.template, raw["v_template"])
    np.testing.assert_array_equal(toy.faces, raw["f"])
    np.testing.assert_array_equal(toy.shape_basis, raw["shapedirs"][:, :, :300])
    np.testing.assert_array_equal(toy.expression_basis, raw["shapedirs"][:, :, 300:])
    np.testing.assert_array_equal(toy.pose_basis, raw["posedirs"])
    np.testing.assert_array_equal(toy.joint_regressor, raw["J_regressor"].toarray())
    np.testing.assert_array_equal(toy.weights, raw["weights"])
    assert raw["kintree_table"].dtype == np.uint32
    assert raw["kintree_table"][0, 0] == 4294967295
    assert toy.parents.tolist() == [-1, 0, 1, 1, 1]
    assert toy.joint_names == ("root", "neck", "jaw", "left_eye", "right_eye")
    np.testing.assert_allclose(toy.joints, raw["J"], atol=1e-15)


def test_expression_columns_are_300_and_up(original, toy) -> None:
    raw = raw_model(original)
    head = MorphableHead(toy, dtype=torch.float64)
    for k in (0, 7, 99):
        expression = torch.zeros(1, 100, dtype=torch.float64)
        expression[0, k] = 1
        moved = head({"expression": expression}).vertices[0].numpy() - raw["v_template"]
        np.testing.assert_allclose(moved, raw["shapedirs"][:, :, 300 + k], atol=1e-15)


@pytest.mark.parametrize("protocol", range(6))
def test_all_protocols(folder, toy, protocol) -> None:
    rewrite(folder, protocol)
    assert load_flame(folder).fingerprint == toy.fingerprint


def test_annotations_beside_the_model(original, toy) -> None:
    combined = np.load(original / "landmark_embedding.npy", allow_pickle=True).item()
    np.testing.assert_array_equal(toy.landmarks68.triangles, combined["full_lmk_faces_idx"][0])
    np.testing.assert_array_equal(toy.landmarks51.triangles, combined["static_lmk_faces_idx"])
    np.testing.assert_array_equal(toy.contour.triangles, combined["dynamic_lmk_faces_idx"])
    assert toy.uv_faces.shape == toy.faces.shape
    assert len(toy.uv) > toy.num_vertices - 84
    np.testing.assert_array_equal(toy.eyelids[0], np.load(original / "l_eyelid.npy"))
    np.testing.assert_array_equal(toy.eyelids[1], np.load(original / "r_eyelid.npy"))
    with open(original / "FLAME_masks.pkl", "rb") as file:
        masks = pickle.load(file, encoding="latin1")
    for name, ids in masks.items():
        np.testing.assert_array_equal(toy.masks[name], ids)
    assert set(toy.masks["ears"]) == set(masks["left_ear"]) | set(masks["right_ear"])
    assert set(toy.masks["hair"]) == set(masks["scalp"]) - set(masks["face"]) - set(masks["neck"])
    assert set(toy.masks["skin_face"]) == set(masks["face"]) - set(toy.masks["eyeballs"])


def test_separate_embeddings_equal_the_combined_one(folder, toy) -> None:
    (folder / "landmark_embedding.npy").unlink()
    other = load_flame(folder)
    np.testing.assert_array_equal(other.landmarks51.triangles, toy.landmarks51.triangles)
    np.testing.assert_array_equal(other.contour.triangles, toy.contour.triangles)
    # Without a full embedding the fixed 68 points are the frontal contour and the static points.
    np.testing.assert_array_equal(other.landmarks68.triangles, toy.landmarks68.triangles)
    (folder / "flame_dynamic_embedding.npy").unlink()
    static_only = load_flame(folder)
    assert static_only.landmarks68 is None
    assert MorphableHead(static_only)({}).landmarks51.shape == (1, 51, 3)


def test_embedding_with_eyes_carries_the_extra_points(folder, toy) -> None:
    content = np.load(folder / "landmark_embedding.npy", allow_pickle=True).item()
    for key in ("static", "full"):
        for part in ("faces_idx", "bary_coords"):
            name = f"{key}_lmk_{part}"
            array = np.asarray(content[name])
            axis = 1 if key == "full" else 0
            content[name] = np.concatenate([array, array.take([3, 9], axis=axis)], axis=axis)
    np.save(folder / "landmark_embedding.npy", content, allow_pickle=True)
    other = load_flame(folder)
    assert len(other.landmarks_extra) == 2
    np.testing.assert_array_equal(other.landmarks51.triangles, toy.landmarks51.triangles)
    np.testing.assert_array_equal(other.landmarks68.triangles, toy.landmarks68.triangles)
    assert MorphableHead(other)({}).landmarks_extra.shape == (1, 2, 3)


def test_mediapipe_embedding(folder) -> None:
    rng = np.random.default_rng(0)
    triangles, indices = rng.integers(0, 320, 105), rng.permutation(478)[:105]
    weights = rng.dirichlet(np.ones(3), 105)
    np.savez(
        folder / "mediapipe_landmark_embedding.npz",
        lmk_face_idx=triangles.astype(np.uint32),
        lmk_b_coords=weights,
        landmark_indices=indices,
    )
    asset = load_flame(folder)
    np.testing.assert_array_equal(asset.landmarks_mediapipe.triangles, triangles)
    np.testing.assert_array_equal(asset.mediapipe_indices, indices)
    assert MorphableHead(asset)({}).landmarks_mediapipe.shape == (1, 105, 3)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_conversion_keeps_everything(folder, toy, suffix) -> None:
    target = folder / f"converted{suffix}"
    convert_flame(folder, target)
    back = load_head(target)
    assert back.fingerprint == toy.fingerprint
    assert back.metadata["source_sha256"] == toy.metadata["source_sha256"]
    assert set(back.masks) == set(toy.masks)
    np.testing.assert_array_equal(back.contour.triangles, toy.contour.triangles)
    assert back.template.dtype == np.float32
    assert not is_flame(target)
    assert load_flame(target).fingerprint == toy.fingerprint
    if suffix == ".npz":
        with np.load(target, allow_pickle=False) as file:
            assert str(file["source_sha256"]) == toy.metadata["source_sha256"]
            assert str(file["format_version"]) == "1"
            assert file["J_regressor"].shape == (5, toy.num_vertices)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_foreign_npz_with_flame_names(folder, toy, suffix) -> None:
    raw = raw_model(folder)
    arrays = {
        key: np.ascontiguousarray(value.toarray() if key == "J_regressor" else value)
        for key, value in raw.items()
        if not isinstance(value, str)
    }
    (folder / "generic_model.pkl").unlink()
    if suffix == ".npz":
        np.savez(folder / "generic_model.npz", **arrays)
    else:
        from safetensors.numpy import save_file

        save_file(arrays, folder / "generic_model.safetensors")
    assert is_flame(folder)
    assert is_flame(folder / f"generic_model{suffix}")
    assert load_flame(folder).fingerprint == toy.fingerprint


def test_twenty_columns_are_ten_and_ten(folder) -> None:
    rewrite(folder, shapedirs=raw_model(folder)["shapedirs"][:, :, :20])
    asset = load_flame(folder)
    assert (asset.num_shape, asset.num_expression) == (10, 10)


def test_transposed_pose_correctives(folder, toy) -> None:
    flat = raw_model(folder)["posedirs"].reshape(-1, 36).T
    rewrite(folder, posedirs=np.ascontiguousarray(flat))
    np.testing.assert_array_equal(load_flame(folder).pose_basis, toy.pose_basis)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapedirs": np.zeros((246, 3, 150))}, r"\(246, 3, 150\); expected 400 columns"),
        ({"f": np.array([[0, 1, 246]], np.uint32)}, "are not the 1 of the model"),
        ({"weights": np.full((246, 5), 0.3)}, "sum to 1.5"),
        ({"kintree_table": np.zeros((5,), np.uint32)}, r"\(5,\), expected \(2, joints\)"),
        ({"v_template": np.full((246, 3), np.nan)}, "non-finite"),
        ({"posedirs": np.zeros((246, 3, 35))}, "'pose_basis'"),
        ({"weights": "none"}, "'weights' .* should be numbers"),
        (
            {"kintree_table": np.array([[2**32 - 1, 0, 3, 1, 1], range(5)], np.uint32)},
            "Joint 2 .*parent 3",
        ),
    ],
)
def test_defects_are_named(folder, changes, message) -> None:
    rewrite(folder, **changes)
    with pytest.raises(DataError, match=message):
        load_flame(folder)


def test_triangles_that_name_no_vertex(folder) -> None:
    (folder / "head_template.obj").unlink()
    (folder / "FLAME_texture.npz").unlink()
    rewrite(folder, f=np.array([[0, 1, 246]], np.uint32))
    with pytest.raises(DataError, match="number 246, but there are 246 vertices"):
        load_flame(folder)


def test_missing_keys_are_listed(folder) -> None:
    rewrite(folder, drop=("posedirs", "f"))
    with pytest.raises(DataError, match="lacks f, posedirs; found v_template, shapedirs"):
        load_flame(folder)


def test_code_in_the_model_file_does_not_run(folder, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr("os.system", lambda command: calls.append(command))
    (folder / "generic_model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UnsafePickleError, match=r"asks for 'os\.system'"):
        load_flame(folder)
    assert calls == []


def test_finding_the_model(folder, tmp_path) -> None:
    with pytest.raises(MissingError, match=r"no FLAME model in[\s\S]*flame2023\*"):
        load_flame(tmp_path)
    with pytest.raises(MissingError, match="There is no folder"):
        load_flame(tmp_path / "nowhere.pkl")
    assert not is_flame(tmp_path)
    assert not is_flame(folder / "l_eyelid.npy")
    with pytest.raises(UsageError, match="not a FLAME model"):
        load_flame(folder / "l_eyelid.npy")
    shutil.copy(folder / "generic_model.pkl", folder / "FLAME2023_Open.pkl")
    with pytest.raises(
        UsageError, match=r"several FLAME models.*FLAME2023_Open\.pkl, generic_model"
    ):
        load_flame(folder)
    assert load_flame(folder / "FLAME2023_Open.pkl").name == "FLAME2023_Open"


def test_a_converted_file_goes_before_the_pickle(folder, toy) -> None:
    convert_flame(folder, folder / "generic_model.npz")
    (folder / "generic_model.pkl").write_bytes(b"no longer read")
    assert load_flame(folder).fingerprint == toy.fingerprint


def test_template_of_another_model_is_refused(folder) -> None:
    text = (folder / "head_template.obj").read_text().splitlines()
    first = next(i for i, line in enumerate(text) if line.startswith("f "))
    text[first], text[first + 1] = text[first + 1], text[first]
    (folder / "head_template.obj").write_text("\n".join(text))
    with pytest.raises(DataError, match="do not belong together"):
        load_flame(folder)


def test_uv_from_the_texture_file(folder, toy) -> None:
    (folder / "head_template.obj").unlink()
    other = load_flame(folder)
    np.testing.assert_array_equal(other.uv_faces, toy.uv_faces)
    np.testing.assert_allclose(other.uv, toy.uv, atol=1e-8)


def test_masks_in_npz_and_wrong_ones(folder, tmp_path, toy) -> None:
    np.savez(tmp_path / "masks.npz", face=np.arange(5))
    assert read_masks(tmp_path / "masks.npz")["face"].tolist() == [0, 1, 2, 3, 4]
    with open(tmp_path / "masks.pkl", "wb") as file:
        pickle.dump({"face": np.zeros(3)}, file, 0)
    with pytest.raises(DataError, match=r"'face' .* should be a list of vertex ids"):
        read_masks(tmp_path / "masks.pkl")


def test_wrong_embeddings_are_named(folder) -> None:
    content = np.load(folder / "landmark_embedding.npy", allow_pickle=True).item()
    short = content | {
        key: value[:40] for key, value in content.items() if key.startswith("static")
    }
    np.save(folder / "landmark_embedding.npy", short, allow_pickle=True)
    with pytest.raises(DataError, match=r"static embedding .* shape \(40,\), expected the 51"):
        load_flame(folder)
    np.save(folder / "landmark_embedding.npy", {"a": 1}, allow_pickle=True)
    with pytest.raises(DataError, match="lacks static_lmk_bary_coords, static_lmk_faces_idx"):
        load_flame(folder)
    np.save(folder / "landmark_embedding.npy", [1, 2], allow_pickle=True)
    with pytest.raises(DataError, match="object"):
        load_flame(folder)
