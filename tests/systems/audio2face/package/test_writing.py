"""Packages as they are written: key sets, types, units, defaults, partial blendshapes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError, UsageError
from likeness.systems.audio2face.artefacts import ActorArtefacts
from likeness.systems.audio2face.artefacts_state import actor_from_state, state_of
from likeness.systems.audio2face.package.blendshape_files import (
    FILLER,
    for_runtime,
)
from likeness.systems.audio2face.package.check_data import check_emotions
from likeness.systems.audio2face.package.checking import check_package
from likeness.systems.audio2face.package.emotion_database import (
    EmotionDatabase,
    write_emotion_database,
)
from likeness.systems.audio2face.package.emotion_mapping import emotion_mapping
from likeness.systems.audio2face.package.model_files import ALL_DATA_KEYS, DATA_KEYS
from likeness.systems.audio2face.package.network_info import (
    DiffusionShape,
    RegressionShape,
    network_emotions,
    network_inputs,
    timing_faults,
    trt_info,
)
from likeness.systems.audio2face.package.runtime_arrays import (
    read_runtime_arrays,
    write_runtime_arrays,
)
from likeness.systems.audio2face.package.violations import Report
from likeness.systems.audio2face.postprocessing_settings import (
    DIFFUSION_DEFAULTS,
    POSTPROCESSING_KEYS,
)
from likeness.systems.audio2face.preprocessing.blendshape_files import (
    blendshapes_of_arrays,
    read_blendshapes,
)
from likeness.systems.audio2face.preprocessing.blendshape_files import (
    write_blendshapes as write_shapes,
)
from tests.systems.audio2face.package.packages import (
    good_package,
    random_actor,
    random_database,
    random_shapes,
    shape_settings,
)


@pytest.mark.parametrize("kind", ["regression", "diffusion"])
def test_defect_18_data_keys_are_those_of_the_type(tmp_path: Path, kind: str) -> None:
    folder = good_package(tmp_path / "p", kind)
    name = "model_data.npz" if kind == "regression" else "model_data_bo.npz"
    with np.load(folder / name) as file:
        assert set(file) == set(DATA_KEYS[kind])
        assert {file[key].dtype for key in file} == {np.dtype("<f4")}
    full = good_package(tmp_path / "full", kind, full_data=True)
    with np.load(full / name) as file:
        assert set(file) == set(ALL_DATA_KEYS)
        assert len(file) == 11


def test_defect_18_trt_info_of_regression_has_defaults(tmp_path: Path) -> None:
    folder = good_package(tmp_path / "p")
    info = json.loads((folder / "trt_info.json").read_text())
    assert info["defaults"] == {"MAX_BATCH_SIZE": 8, "OPT_BATCH_SIZE": 3}
    assert info["trt_build_param"]["batch"] == [
        "--minShapes=input:1x1x8320,emotion:1x1x18",
        "--maxShapes=input:{MAX_BATCH_SIZE}x1x8320,emotion:{MAX_BATCH_SIZE}x1x18",
        "--optShapes=input:{OPT_BATCH_SIZE}x1x8320,emotion:{OPT_BATCH_SIZE}x1x18",
    ]


def test_trt_shapes_of_diffusion() -> None:
    shape = DiffusionShape(72006, 16806)
    assert shape.result_size == 88831
    arguments = trt_info(network_inputs(shape, 3, 10))["trt_build_param"]["batch"]
    assert arguments[0] == (
        "--minShapes=window:1x16000,identity:1x3,emotion:1x30x10,input_latents:2x2x1x256,"
        "noise:1x3x60x88831"
    )


def test_defect_18_there_is_always_an_emotion() -> None:
    assert network_emotions(["neutral"], "neutral", "neutral") == (["neutral"], [0.0])
    assert network_emotions(["a", "neutral", "b"], "neutral", "b") == (["a", "b"], [0.0, 1.0])
    assert network_emotions(["a", "b"], None, "a") == (["a", "b"], [1.0, 0.0])
    with pytest.raises(UsageError, match="default emotion"):
        network_emotions(["a"], None, "b")


def test_defect_18_saccades_are_float32_whatever_was_recorded(tmp_path: Path) -> None:
    actor = random_actor()
    assert actor.saccades.dtype == np.float64
    folder = good_package(tmp_path / "p", artefacts=[actor])
    with np.load(folder / "model_data.npz") as file:
        assert file["saccade_rot_matrix"].dtype == np.float32


def test_defect_18_skin_only_blendshapes_get_a_tongue(tmp_path: Path) -> None:
    actor = replace(random_actor(), tongue_blendshapes=None)
    folder = good_package(tmp_path / "p", artefacts=[actor])
    with np.load(folder / "bs_tongue_ada.npz") as file:
        assert file["poseNames"].tolist() == [b"neutral", FILLER.encode()]
        assert not file[FILLER].any()
        np.testing.assert_array_equal(file["neutral"], actor.neutral_tongue)
    params = json.loads((folder / "bs_tongue_config_ada.json").read_text())["blendshape_params"]
    assert params["bsSolveActivePoses"] == [1]
    assert params["bsWeightMultipliers"] == [0.0]
    assert params["strengthL2regularization"] > 0
    size = np.linalg.norm(np.ptp(actor.neutral_tongue, axis=0))
    assert params["templateBBSize"] == pytest.approx(max(1.0, size), rel=1e-6)


def test_blendshapes_without_a_tongue_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    actor = random_actor()
    actor = replace(
        actor, tongue_blendshapes=None, tongue=replace(actor.tongue, is_placeholder=True)
    )
    folder = good_package(tmp_path / "p", artefacts=[actor])
    assert "blendshapePaths" not in json.loads((folder / "model.json").read_text())
    assert "has no tongue" in (folder / "README.md").read_text()


def test_the_config_has_24_keys_and_a_source_in_range(tmp_path: Path) -> None:
    assert len(POSTPROCESSING_KEYS) == 24
    folder = good_package(tmp_path / "p")
    config = json.loads((folder / "model_config.json").read_text())["config"]
    assert set(config) == {*POSTPROCESSING_KEYS, "source_shot", "source_frame"}
    assert (config["source_shot"], config["source_frame"]) == ("c_neutral", 2)
    with pytest.raises(UsageError, match="no shot 'nobody'"):
        good_package(tmp_path / "q", source=("nobody", 0))
    assert not (tmp_path / "q").exists()


def test_defaults_of_diffusion_are_the_gentle_ones() -> None:
    gentle = DIFFUSION_DEFAULTS
    assert (gentle.upper_face_smoothing, gentle.lower_face_smoothing) == (0.001, 0.006)
    assert (gentle.tongue_strength, gentle.saccade_strength) == (1.3, 0.6)
    offsets = [getattr(gentle, key) for key in POSTPROCESSING_KEYS if key.endswith("_offset")]
    assert offsets == [0.0] * 10


def test_another_unit_scales_lengths_alone(tmp_path: Path) -> None:
    folder = good_package(tmp_path / "p", units_per_cm=10.0)
    actor = random_actor()
    with np.load(folder / "model_data.npz") as file:
        np.testing.assert_allclose(file["shapes_matrix_skin"], actor.skin.shapes * 10, rtol=1e-6)
        np.testing.assert_allclose(file["neutral_jaw"], actor.jaw_neutral * 10, rtol=1e-6)
        np.testing.assert_allclose(file["saccade_rot_matrix"], actor.saccades, rtol=1e-6)
    config = json.loads((folder / "model_config.json").read_text())["config"]
    assert config["lower_teeth_depth_offset"] == pytest.approx(2.5)
    assert config["left_eye_rot_y_offset"] == 2.0
    params = json.loads((folder / "bs_skin_config_ada.json").read_text())["blendshape_params"]
    assert params["templateBBSize"] == 200.0
    assert "shapes weigh 100 times as much" in (folder / "README.md").read_text()


def with_whole_poses() -> ActorArtefacts:
    """An actor whose blendshapes are no differences from their neutral."""
    actor = random_actor()
    shapes = actor.blendshapes
    assert shapes is not None
    return replace(actor, blendshapes=replace(shapes, offsets=shapes.offsets + shapes.neutral))


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"emotions": [], "default_emotion": []}, UsageError, "an emotion"),
        ({"default_emotion": [0.0]}, UsageError, "a default value for each"),
        ({"emotion_database": None}, UsageError, "emotion data base"),
        ({"onnx_path": "/nowhere.onnx"}, MissingError, "no exported network"),
        ({"artefacts": [random_actor("a/b")]}, UsageError, "no name of an actor"),
        ({"emotions": ["joy"], "default_emotion": [0.0]}, DataError, "onnx.axis"),
        ({"emotion_database": random_database(8)}, DataError, "emotion.columns"),
        ({"artefacts": [with_whole_poses()]}, DataError, "blendshape.places bs_skin_ada.npz"),
    ],
)
def test_parts_that_do_not_fit_leave_no_folder(
    tmp_path: Path, changes: dict[str, object], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        good_package(tmp_path / "p", **changes)
    assert not (tmp_path / "p").exists()


def test_defect_20_actors_of_different_sizes_are_reported(tmp_path: Path) -> None:
    small = random_actor("bo")
    small = replace(small, neutral_skin=small.neutral_skin[:-1])
    with pytest.raises(UsageError, match="bo has 29"):
        good_package(tmp_path / "p", "diffusion", artefacts=[random_actor(), small])


def test_defect_18_files_of_export_scripts_are_rewritten(tmp_path: Path) -> None:
    """Unicode names without "neutral", float64, int64 mask, settings that count the neutral."""
    rng = np.random.default_rng(0)
    arrays = {
        "poseNames": np.array(["one", "neutral", "two"]),
        "neutral": rng.normal(0, 5, (9, 3)),
        "one": rng.normal(0, 1, (9, 3)).astype(np.float32),
        "two": rng.normal(0, 1, 27),
        "frontalMask": np.arange(4),
        "rig_version": np.array("1.0"),
    }
    settings = shape_settings(3, bsWeightMultipliers=[1.0, 9.0, 2.0])
    rewritten = blendshapes_of_arrays(arrays, {"blendshape_params": settings})
    assert rewritten.blendshapes.names == ("one", "two")
    assert rewritten.blendshapes.settings["bsWeightMultipliers"] == [1.0, 2.0]
    assert rewritten.blendshapes.settings["numPoses"] == 2
    assert rewritten.blendshapes.rig_version == "1.0"
    assert len(rewritten.changes) == 7
    np.testing.assert_allclose(rewritten.blendshapes.offsets[1], arrays["two"].reshape(9, 3))
    actor = replace(random_actor(), blendshapes=None)
    wide = random_shapes(len(actor.neutral_skin), 2)  # two active unpaired poses
    wide = replace(wide, neutral=actor.neutral_skin)
    folder = good_package(tmp_path / "p", artefacts=[replace(actor, blendshapes=wide)])
    assert [v.code for v in check_package(folder)] == ["network.engine-missing"]
    assert "keeps two unpaired poses" in (folder / "README.md").read_text()


@pytest.mark.parametrize("units", [1.0, 10.0])
@pytest.mark.parametrize("given", [np.array("rig 3.2"), np.array([b"rig 3.2"]), np.array(3.2)])
def test_the_rig_version_of_a_users_file_reaches_the_package(
    tmp_path: Path, given: np.ndarray, units: float
) -> None:
    """Through a dataset's file, artefacts, a checkpoint and the runtime's form; as bytes."""
    actor = random_actor()
    assert actor.blendshapes is not None
    shapes = dict(zip(actor.blendshapes.names, actor.blendshapes.offsets))
    names = np.array(["neutral", *shapes])
    arrays = {"poseNames": names, "neutral": actor.neutral_skin, **shapes, "rig_version": given}
    np.savez(tmp_path / "user.npz", **arrays)
    (tmp_path / "user.json").write_text(json.dumps(shape_settings(5)))
    read = read_blendshapes(tmp_path / "user.npz", tmp_path / "user.json")
    assert read is not None
    write_shapes(tmp_path / "again.npz", tmp_path / "again.json", read)
    kept = read_blendshapes(tmp_path / "again.npz", tmp_path / "again.json")
    back = actor_from_state(state_of(replace(actor, blendshapes=kept)))
    folder = good_package(tmp_path / "p", artefacts=[back], units_per_cm=units)
    with np.load(folder / "bs_skin_ada.npz", allow_pickle=False) as file:
        assert file["rig_version"].dtype.kind == "S"
        assert file["rig_version"].item() == (b"3.2" if given.dtype.kind == "f" else b"rig 3.2")
    with np.load(folder / "bs_tongue_ada.npz", allow_pickle=False) as file:
        assert "rig_version" not in file
    assert [v.code for v in check_package(folder)] == ["network.engine-missing"]


def test_a_rig_version_that_is_none_is_refused() -> None:
    shapes = random_shapes(9, 2)
    arrays = {"poseNames": np.array([b"neutral"]), "neutral": shapes.neutral}
    with pytest.raises(DataError, match=r"rig_version must be one text, found float64 of .*2, 2"):
        blendshapes_of_arrays({**arrays, "rig_version": np.ones((2, 2))}, shape_settings(0))


def test_filling_up_never_ends_at_two_unpaired() -> None:
    shapes = random_shapes(9, 5)
    settings = shape_settings(
        5, bsSolveCancelPoses=[0, 0, 1, -1, 1], bsSolveSymmetryPoses=[-1, -1, 3, 3, 7]
    )
    settings["bsSolveActivePoses"] = [1, 1, 1, 1, 0]
    filled = for_runtime(replace(shapes, settings=settings)).blendshapes
    for key in ("bsSolveCancelPoses", "bsSolveSymmetryPoses"):
        pairs = zip(filled.settings["bsSolveActivePoses"], filled.settings[key])
        assert sum(1 for active, pair in pairs if active and pair < 0) != 2
    with pytest.raises(DataError, match="active pose"):
        for_runtime(replace(shapes, settings=shape_settings(5, bsSolveActivePoses=[0] * 5)))
    with pytest.raises(DataError, match="a pair has two"):
        for_runtime(replace(shapes, settings=shape_settings(5, bsSolveCancelPoses=[1] * 5)))


def test_the_emotion_data_base_is_written_by_the_names_of_the_runtime(tmp_path: Path) -> None:
    database = random_database()
    write_emotion_database(tmp_path / "db.npz", database)
    with np.load(tmp_path / "db.npz", allow_pickle=False) as again:
        assert tuple(name.decode() for name in again["emo_spec_names"]) == database.names
        np.testing.assert_array_equal(again["emo_db"], database.vectors)
        np.testing.assert_array_equal(again["emo_spec_start"], database.starts)
        np.testing.assert_array_equal(again["emo_spec_size"], database.sizes)
    with pytest.raises(DataError, match="in order"):
        EmotionDatabase(database.vectors, ("a", "b"), np.array([6, 0]), np.array([6, 6]))


def test_defect_21_no_pickle_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "db.npz", emo_db=np.array([{}], object))
    report = Report(tmp_path)
    assert check_emotions(tmp_path / "db.npz", None, report) is None
    assert [found.code for found in report.found] == ["npz.pickle"]


def test_arrays_come_back_as_the_runtime_sees_them(tmp_path: Path) -> None:
    given = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.array([1, -2]),
        "c": "1.0",
        "names": np.array(["x", "longer"]),
        "last": np.zeros((0, 2)),
    }
    write_runtime_arrays(tmp_path / "a.npz", given)
    report = Report(tmp_path)
    archive = read_runtime_arrays(tmp_path / "a.npz", report)
    assert report.found == []
    assert archive.is_complete
    assert archive.arrays["a"].floats().tolist() == [0, 1, 2, 3, 4, 5]
    assert archive.arrays["b"].ints().tolist() == [1, -2]
    assert archive.arrays["c"].texts() == ["1.0"]
    assert archive.arrays["names"].texts() == ["x", "longer"]
    assert archive.arrays["last"].num_values == 0
    # float64 that slipped in is read as twice as many floats, and not the same.
    np.savez(tmp_path / "b.npz", a=np.arange(3.0))
    wrong = read_runtime_arrays(tmp_path / "b.npz", report).arrays["a"]
    assert wrong.floats().size == 6
    with pytest.raises(UsageError, match="32 bits"):
        write_runtime_arrays(tmp_path / "c.npz", {"a": np.array([2**40])})


def test_timing_of_the_thirty_fps_settings() -> None:
    """Row 16: 7/15/8 puts frames between samples, 6/15/9 does not."""
    (fault,) = timing_faults(DiffusionShape(9, 9, left=7, center=15, right=8))
    assert "the first kept frame of a window lies at 3733.3 samples" in fault
    long = DiffusionShape(
        9, 9, left=15, center=30, right=15, buffer_length=16384, padding_left=16384
    )
    assert timing_faults(long) == ["the frame rate is 58.5938"]
    late, _ = timing_faults(replace(long, padding_left=16000))
    assert "late by 110.9 samples" in late  # 59 frames of 16384 / 60 samples are 16110.9
    assert timing_faults(DiffusionShape(9, 9, left=6, center=15, right=9)) == []
    assert timing_faults(DiffusionShape(9, 9)) == []


def test_sizes_of_the_released_regression_model() -> None:
    assert RegressionShape(272, 61520, 10, 5602).result_size == 301
    assert RegressionShape(140, 61520, 10, 5602).result_size == 169


def test_the_mapping_of_a_recogniser_finds_synonyms() -> None:
    mapping = emotion_mapping(["amazement", "anger", "joy", "grief", "sadness"], [0.0] * 5)
    assert mapping["output_emotion_length"] == 5
    assert mapping["emotion_correspondence"] == {
        "angry": 1, "disgust": -1, "fear": -1, "happy": 2, "neutral": -1, "sad": 4,
    }  # fmt: skip
