from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.errors import DataError, LikenessError, MissingError, UnsafeFileError, UsageError
from likeness.systems.audio2face.artefacts import ActorArtefacts
from likeness.systems.audio2face.preprocessing.artefact_files import read_artefacts, with_recordings
from likeness.systems.audio2face.preprocessing.preparation import preprocess
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from tests.systems.audio2face.preprocessing.recorded import complete, minimal

SETTINGS = PreprocessingSettings(similarity_radius=0.5, tongue_radius=0.5)
OURS = ("report.json", "configs/preparation.json", "deploy/clips.csv", "deploy/vertex_lists.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "bo"
    preprocess(complete(), SETTINGS, folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bo"))


def assert_same(first: Any, second: Any, where: str = "") -> None:
    """Equal, array by array."""
    if isinstance(first, np.ndarray):
        np.testing.assert_array_equal(first, second, err_msg=where)
        assert first.dtype == second.dtype, where
    elif hasattr(first, "__dataclass_fields__"):
        for item in fields(first):
            name = item.name
            assert_same(getattr(first, name), getattr(second, name), f"{where}.{name}")
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            assert_same(first[key], second[key], f"{where}[{key}]")
    else:
        assert first == second, where


def as_reference(folder: Path) -> None:
    """What is not the reference's goes; archives become compressed float64, names unicode."""
    for name in OURS:
        (folder / name).unlink()
    shutil.rmtree(folder / "xform")
    for path in folder.rglob("*.npz"):
        with np.load(path) as archive:
            arrays: dict[str, np.ndarray] = {
                name: np.asfortranarray(archive[name].astype(np.float64))
                if archive[name].dtype.kind == "f"
                else archive[name].astype(str)
                for name in archive
                if name != "frontalMask"
            }
            if "frontalMask" in archive:
                arrays["frontalMask"] = archive["frontalMask"].astype(np.int64)
        np.savez_compressed(path, **arrays)


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite an .npz or a .json file."""
    if path.suffix == ".npz":
        with np.load(path) as archive:
            values: dict[str, Any] = {name: archive[name] for name in archive}
        edit(values)
        np.savez(path, **values)
    else:
        values = json.loads(path.read_text())
        edit(values)
        path.write_text(json.dumps(values))


def test_what_is_read_is_what_was_made(made: Path) -> None:
    actor, found = complete(), read_artefacts(made)
    assert (found.actor, found.fps, found.shots) == ("bo", 30.0, actor.shots)
    for name in (
        "jaw_neutral",
        "jaw",
        "eyes",
        "lip_open_delta",
        "eye_close_delta",
        "blink_keys",
        "saccades",
        "lip_distance",
        "lip_size",
        "eye_distance",
        "blendshapes",
        "tongue_blendshapes",
    ):
        assert_same(getattr(found, name), getattr(actor, name), name)
    np.testing.assert_array_equal(found.skin.mean, actor.skin_neutral)
    np.testing.assert_array_equal(found.neutral_skin, actor.skin_neutral_inference)


def test_a_folder_of_the_reference_gives_the_same(made: Path, folder: Path) -> None:
    as_reference(folder)
    plain = read_artefacts(folder)
    assert plain.jaw == plain.eyes == {}
    assert plain.lip_distance is plain.lip_size is plain.eye_distance is None
    assert_same(with_recordings(plain, complete()), read_artefacts(made))


def test_a_minimal_folder_of_the_reference_has_a_placeholder(tmp_path: Path) -> None:
    expected = preprocess(minimal(), SETTINGS, tmp_path / "bo")
    as_reference(tmp_path / "bo")
    found = read_artefacts(tmp_path / "bo")
    assert found.tongue.is_placeholder
    assert_same(found, expected)


def test_defect_15_the_neutral_of_packages_changes_no_normalisation(tmp_path: Path) -> None:
    with_it = preprocess(complete(), SETTINGS, tmp_path / "with")
    plain = complete(skin_neutral_inference=None, tongue_neutral_inference=None)
    without = preprocess(plain, SETTINGS, tmp_path / "without")
    assert with_it.normalisation == without.normalisation
    means = [np.load(tmp_path / f / "deploy/mean_geometry.npy") for f in ("with", "without")]
    np.testing.assert_array_equal(*means)
    with np.load(tmp_path / "with/deploy/network_data.npz") as data:
        for part, neutral in (
            ("skin", complete().skin_neutral_inference),
            ("tongue", complete().tongue_neutral_inference),
        ):
            np.testing.assert_array_equal(data[f"shapes_mean_{part}"], neutral)
            np.testing.assert_array_equal(data[f"neutral_{part}"], neutral)
    with np.load(tmp_path / "with/pca/skin/skin_pca_shapes.npz") as shapes:
        np.testing.assert_array_equal(shapes["shapes_mean"], complete().skin_neutral)


def test_defect_15_a_folder_of_the_reference_is_put_right(made: Path, folder: Path) -> None:
    actor = complete(transform_scale={"skin": 2.0})
    right = preprocess(actor, SETTINGS, folder.parent / "right")
    as_reference(folder)

    def swap(info: dict[str, Any]) -> None:
        """As the reference writes it: of the neutral of the package."""
        for channel, half, neutral in (
            ("skin", 2.0, actor.skin_neutral_inference),
            ("tongue", 1.0, actor.tongue_neutral_inference),
        ):
            centre = neutral.mean(axis=0)
            info[f"translate_{channel}"] = centre.tolist()
            info[f"scale_{channel}"] = float(np.abs(neutral - centre).max() / half)

    change(folder / "deploy/data_info.json", swap)
    with pytest.warns(UserWarning, match="made of the training neutral again"):
        found = read_artefacts(folder)
    for channel in ("skin", "tongue"):
        expected = right.normalisation[channel]
        assert found.normalisation[channel].scale == pytest.approx(expected.scale, rel=1e-5)
        np.testing.assert_allclose(
            found.normalisation[channel].translate, expected.translate, atol=1e-5
        )


def test_defect_18_wide_numbers_become_float32(folder: Path) -> None:
    as_reference(folder)
    found = read_artefacts(folder)
    for array in (found.saccades, found.blink_keys, found.skin.shapes, found.jaw_neutral):
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
    wide = complete(saccades=np.ones((5000, 2)), blink_keys=np.linspace(0, 1, 7))
    preprocess(wide, SETTINGS, folder.parent / "wide")
    with np.load(folder.parent / "wide/deploy/network_data.npz") as data:
        assert {name: data[name].dtype for name in data} == dict.fromkeys(data, np.dtype("<f4"))


def test_defect_20_a_shot_without_jaw_and_eyes_is_still(tmp_path: Path) -> None:
    actor = complete()
    part = complete(
        jaw={"shot0": actor.jaw["shot0"]}, eyes={"shot1": actor.eyes["shot1"], "other": 0}
    )
    part.eyes.pop("other")  # type: ignore[attr-defined]
    found = preprocess(part, SETTINGS, tmp_path / "bo")
    assert found.jaw.keys() == {"shot0"}
    assert found.eyes.keys() == {"shot1"}


def _remove(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda values: values.pop(name)


def _put(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda values: values.update({name: value})


FAULTS = {
    "pca/skin/skin_pca_shapes.npz": [
        (_remove("shapes_mean"), "lacks shapes_mean"),
        (_put("shapes_mean", np.zeros((29, 3))), r"found \(\d+, 30, 3\) and \(29, 3\)"),
        (_put("shapes_matrix", np.full((6, 30, 3), np.inf)), "not finite"),
        (_put("shapes_matrix", np.array(["a"])), "expected numbers"),
    ],
    "pca/skin/skin_pca_coeffs_all.npz": [
        (_remove("shot1"), "lacks shots of .*: shot1"),
        (_put("shot1", np.zeros((33, 2))), "shot 'shot1': expected shape"),
        (_put("shot1", np.zeros((32, 6))), "shot 'shot1': expected shape"),
        (_put("shot1", np.full((33, 6), np.nan)), "'shot1' has numbers that are not finite"),
    ],
    "deploy/network_data.npz": [
        (_remove("blink_keys"), "lacks blink_keys"),
        (_put("neutral_skin", np.zeros((31, 3))), "'neutral_skin' of shape"),
        (_put("saccade_rot_matrix", np.zeros((0, 2))), "'saccade_rot_matrix' of shape"),
    ],
    "deploy/data_info.json": [
        (_put("num_shapes_skin", 999), "'num_shapes_skin' to be 7, found 999"),
        (_remove("scale_jaw"), "'scale_jaw', found .* None"),
        (_put("scale_skin", 0.0), "above 0 'scale_skin'"),
        (_put("translate_eye", [0, 0, 0]), "2 numbers 'translate_eye'"),
    ],
    "deploy/vertex_lists.json": [(_put("lip_dist", {"upper": [1]}), "holds no vertex lists")],
    "configs/actor_info.json": [(_put("actor_name", "eve"), "of the actor 'eve'")],
    "deploy/bs_skin_bo.npz": [
        (_remove("jawOpen"), "no array of that name"),
        (_remove("poseNames"), "expected poseNames"),
    ],
    "deploy/bs_skin_config_bo.json": [
        (_remove("blendshape_params"), "the settings have no strength")
    ],
    "xform/jaw_keypoints_cache_all.npz": [(_put("shot0", np.zeros((40, 4, 3))), "shot 'shot0'")],
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name, faults in FAULTS.items() for i in range(len(faults))]
)
def test_arrays_that_do_not_fit_together_are_named(folder: Path, name: str, number: int) -> None:
    edit, message = FAULTS[name][number]
    change(folder / name, edit)
    with pytest.raises(DataError, match=message) as caught:
        read_artefacts(folder)
    assert Path(name).name in caught.value.message


@pytest.mark.parametrize(
    "name", ["pca/skin/skin_pca_shapes.npz", "deploy/data_info.json", "deploy/shots.json"]
)
def test_a_file_that_is_missing_or_cut_is_named(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(LikenessError, match=Path(name).name):
        read_artefacts(folder)
    (folder / name).unlink()
    with pytest.raises(MissingError, match=Path(name).name):
        read_artefacts(folder)


def test_defect_21_pickles_are_refused(folder: Path) -> None:
    path = folder / "deploy/network_data.npz"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive}
    arrays["blink_keys"] = np.array([{"a": 1}], dtype=object)
    np.savez(path, allow_pickle=True, **arrays)
    with pytest.raises(UnsafeFileError, match="needs a pickle"):
        read_artefacts(folder)


def test_files_can_be_read_from_elsewhere(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "info.json"
    (folder / "deploy/data_info.json").rename(elsewhere)
    change(elsewhere, _put("scale_jaw", 4.0))
    found = read_artefacts(folder, replaced={"data_info": elsewhere})
    assert found.normalisation["jaw"].scale == 4.0
    with pytest.raises(UsageError, match="called nonsense"):
        read_artefacts(folder, replaced={"nonsense": elsewhere})


def test_mean_geometry_of_what_is_read_is_the_written_one(made: Path) -> None:
    from likeness.systems.audio2face.preprocessing.normalisation import mean_geometry_of

    found: ActorArtefacts = read_artefacts(made)
    written = np.load(made / "deploy/mean_geometry.npy")
    np.testing.assert_array_equal(mean_geometry_of(found), written)
