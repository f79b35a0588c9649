"""Every rule of a package: one change to a good one, and exactly that violation."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from likeness.errors import MissingError
from likeness.systems import Partial
from likeness.systems.audio2face.package import check_graph as check_graph_module
from likeness.systems.audio2face.package.checking import check_package
from likeness.systems.audio2face.package.commands import check_package as verb
from likeness.systems.audio2face.package.network_info import shape_of as shape_of_info
from tests.systems.audio2face.package.changes import (
    CONFIG,
    DATA,
    EMO,
    SKIN,
    SKIN_CONFIG,
    Change,
    arrays,
    cut,
    document,
    external_weights,
    flat,
    flipped_value,
    gone,
    graph,
    hidden_tail,
    nan_at_first,
    renamed,
    second_number_as_unicode,
    text,
    transposed,
    version_2_header,
    void,
    weights,
    with_objects,
)
from tests.systems.audio2face.package.packages import good_package


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("packages")
    return {kind: good_package(root / kind, kind) for kind in ("regression", "diffusion")}


REGRESSION: list[tuple[str, Change]] = [
    ("model.missing", gone("model.json")),
    ("model.json", text("model.json", "{")),
    ("model.json", text("model.json", "[1]")),
    ("model.key", document("model.json", "modelConfigPath", to=...)),
    ("model.key", document("model.json", "modelDataPath", to=3)),
    ("model.key", document("model.json", "networkPath", to=...)),
    ("model.key", document("model.json", "blendshapePaths", to="x")),
    ("model.path", gone(CONFIG)),
    ("model.path", gone(DATA)),
    ("model.path", gone(SKIN)),
    ("model.path-outside", document("model.json", "modelDataPath", to="../model_data.npz")),
    ("model.path-outside", document("model.json", "modelConfigPath", to="a/../../b.json")),
    ("network.missing", gone("network.onnx")),
    ("trt.missing", gone("trt_info.json")),
    ("trt.json", text("trt_info.json", "no")),
    ("trt.key", document("trt_info.json", "trt_build_param", to=...)),
    ("trt.defaults", document("trt_info.json", "defaults", to=...)),
    ("trt.defaults", document("trt_info.json", "defaults", to={"MAX_BATCH_SIZE": 8})),
    ("trt.defaults", document("trt_info.json", "defaults", "MAX_BATCH_SIZE", to=0)),
    ("trt.shapes", document("trt_info.json", "trt_build_param", "batch", 0, to="--minShapes=a:1")),
    (
        "trt.shapes",
        document("trt_info.json", "trt_build_param", "batch", 0,
                 to="--minShapes=input:1x1x8320,emotion:1x1x99"),
    ),
    ("trt.shapes", document("trt_info.json", "defaults", "OPT_BATCH_SIZE", to=99)),
    ("trt.shapes", document("trt_info.json", "trt_build_param", "batch", 0, to=...)),
    ("info.json", text("network_info.json", "")),
    ("info.type", document("network_info.json", "id", "type", to="gan")),
    ("info.output", document("network_info.json", "id", "output", to="weights")),
    ("info.key", document("network_info.json", "id", "actor", to=...)),
    ("info.key", document("network_info.json", "id", "version", to=...)),
    ("info.key", document("network_info.json", "params", "num_verts_skin", to=...)),
    ("info.key", document("network_info.json", "params", "num_shapes_skin", to=True)),
    ("info.key", document("network_info.json", "audio_params", "samplerate", to=0)),
    ("info.sample-rate", document("network_info.json", "audio_params", "samplerate", to=44100)),
    ("info.buffer", document("network_info.json", "audio_params", "buffer_ofs", to=8321)),
    ("info.identities", document("network_info.json", "params", "identities", to=[])),
    ("info.identities", document("network_info.json", "params", "identities", to=["ada", "bo"])),
    ("info.identities", document("network_info.json", "params", "identities", to="ada")),
    ("info.emotions", document("network_info.json", "params", "explicit_emotions", to=[])),
    ("info.default-emotion", document("network_info.json", "params", "default_emotion", to=[0])),
    ("onnx.unreadable", text("network.onnx", "not a graph at all")),
    ("onnx.opset", graph(lambda i, o: None, opset=13)),
    ("onnx.external", external_weights),
    ("onnx.inputs", graph(lambda i, o: i.update(sound=i.pop("input")))),
    ("onnx.outputs", graph(lambda i, o: o.update(more=(None, 1)))),
    ("onnx.type", graph(lambda i, o: None, kind=onnx.TensorProto.DOUBLE)),
    ("onnx.rank", graph(lambda i, o: i.update(input=(None, 8320)))),
    ("onnx.axis", graph(lambda i, o: i.update(input=(None, "sequence", 8320)))),
    ("onnx.axis", graph(lambda i, o: o.update(result=(None, 1, 7)))),
    ("onnx.finite", weights(np.array([0.5, np.nan], np.float32))),
    ("onnx.finite", weights(np.array([0.5, np.inf, 0.0], np.float16))),
    ("onnx.finite", weights(np.array(np.nan), constant=True)),
    ("config.json", text(CONFIG, "{]")),
    ("config.key", document(CONFIG, "config", to=[])),
    ("config.key", document(CONFIG, "config", "tongue_strength", to=...)),
    ("config.key", document(CONFIG, "config", "source_shot", to=...)),
    ("config.type", document(CONFIG, "config", "skin_strength", to="1")),
    ("config.type", document(CONFIG, "config", "skin_strength", to=True)),
    ("config.type", document(CONFIG, "config", "eye_saccade_seed", to=1.5)),
    ("config.type", document(CONFIG, "config", "source_frame", to="0")),
    ("config.range", document(CONFIG, "config", "tongue_strength", to=3.1)),
    ("config.range", document(CONFIG, "config", "face_mask_softness", to=0)),
    ("config.range", document(CONFIG, "config", "eye_saccade_seed", to=5000)),
    ("config.source-shot", document(CONFIG, "config", "source_shot", to="d_neutral")),
    ("config.source-frame", document(CONFIG, "config", "source_frame", to=6)),
    ("npz.unreadable", text(DATA, "PK but nothing more than that, to be honest")),
    ("npz.unreadable", text(DATA, "")),
    ("npz.unreadable", cut(DATA, 0.999)),
    ("npz.fortran", arrays(DATA, shapes_mean_skin=np.asfortranarray)),
    ("npz.big-endian", arrays(DATA, neutral_jaw=lambda a: a.astype(">f4"))),
    ("npz.header", version_2_header),
    ("npz.pickle", with_objects),
    ("npz.dropped", hidden_tail),
    ("npz.damaged", flipped_value),
    ("data.key", arrays(DATA, lip_open_pose_delta=...)),
    ("data.dtype", arrays(DATA, saccade_rot_matrix=lambda a: a.astype(np.float64))),
    ("data.dtype", arrays(DATA, shapes_mean_tongue=lambda a: a.astype(np.float16))),
    ("data.size", arrays(DATA, neutral_jaw=lambda a: a[:4])),
    ("data.size", arrays(DATA, shapes_matrix_skin=lambda a: a[:3])),
    ("data.size", arrays(DATA, eye_close_pose_delta=lambda a: a[:-1])),
    ("data.size", arrays(DATA, saccade_rot_matrix=lambda a: a[:0])),
    ("data.shape", arrays(DATA, shapes_matrix_skin=transposed(1, 2, 0))),
    ("data.shape", arrays(DATA, shapes_mean_tongue=transposed(1, 0))),
    ("data.shape", arrays(DATA, saccade_rot_matrix=transposed(1, 0))),
    ("data.shape", arrays(DATA, saccade_rot_matrix=np.zeros((5000, 3), np.float32))),
    ("data.finite", arrays(DATA, shapes_mean_skin=nan_at_first)),
    ("data.extent", arrays(DATA, shapes_mean_skin=flat)),
    ("emotion.legacy", lambda folder: void((folder / EMO).write_bytes(b"\3\0\0\0" * 9))),
    ("emotion.key", arrays(EMO, emo_spec_size=...)),
    ("emotion.dtype", arrays(EMO, emo_spec_start=lambda a: a.astype(np.int64))),
    ("emotion.dtype", arrays(EMO, emo_db=lambda a: a.astype(np.float64))),
    ("emotion.rank", arrays(EMO, emo_db=lambda a: a.ravel())),
    ("emotion.columns", arrays(EMO, emo_db=lambda a: a[:, :15])),
    ("emotion.finite", arrays(EMO, emo_db=nan_at_first)),
    ("emotion.count", arrays(EMO, emo_spec_size=lambda a: a[:2])),
    (
        "emotion.order",
        arrays(EMO, emo_spec_start=lambda a: a[[1, 0, 2]], emo_spec_names=lambda a: a[[1, 0, 2]]),
    ),
    ("emotion.range", arrays(EMO, emo_db=lambda a: a[:-1])),
    ("blendshape.incomplete", document("model.json", "blendshapePaths", "tongue", to=...)),
    ("model.key", document("model.json", "blendshapePaths", "skin", to="x")),
    ("blendshape.key", arrays(SKIN, neutral=...)),
    ("blendshape.names", arrays(SKIN, poseNames=lambda a: np.arange(len(a), dtype=np.int32))),
    ("blendshape.names", arrays(SKIN, poseNames=lambda a: a[[0, 1, 1, 2, 3, 4]])),
    ("blendshape.neutral-first", arrays(SKIN, poseNames=renamed)),
    ("blendshape.neutral-first", arrays(SKIN, poseNames=lambda a: a[[1, 0, 2, 3, 4, 5]])),
    ("blendshape.pose", arrays(SKIN, pose2=...)),
    ("blendshape.dtype", arrays(SKIN, pose2=lambda a: a.astype(np.float64))),
    ("blendshape.size", arrays(SKIN, pose2=lambda a: a[:-1])),
    ("blendshape.shape", arrays(SKIN, pose2=transposed(1, 0))),
    ("blendshape.finite", arrays(SKIN, pose2=nan_at_first)),
    ("blendshape.mask", arrays(SKIN, frontalMask=lambda a: a.astype(np.int64))),
    ("blendshape.mask", arrays(SKIN, frontalMask=lambda a: a + 1000)),
    ("blendshape.json", text(SKIN_CONFIG, "")),
    ("blendshape.config-key", document(SKIN_CONFIG, "blendshape_params", to=...)),
    ("blendshape.config-key", document(SKIN_CONFIG, "blendshape_params", "numPoses", to=...)),
    (
        "blendshape.length",
        document(SKIN_CONFIG, "blendshape_params", "bsWeightOffsets", to=[0.0] * 4),
    ),
    ("blendshape.length", document(SKIN_CONFIG, "blendshape_params", "numPoses", to=6)),
    (
        "blendshape.active",
        document(SKIN_CONFIG, "blendshape_params", "bsSolveActivePoses", to=[0] * 5),
    ),
    (
        "blendshape.active",
        document(SKIN_CONFIG, "blendshape_params", "bsSolveActivePoses", to=[2, 1, 1, 1, 1]),
    ),
    (
        "blendshape.strength",
        document(SKIN_CONFIG, "blendshape_params", "strengthSymmetry", to=-1),
    ),
    ("blendshape.box-size", document(SKIN_CONFIG, "blendshape_params", "templateBBSize", to=0.5)),
    ("blendshape.box-size", document(SKIN_CONFIG, "blendshape_params", "templateBBSize", to=...)),
    (
        "blendshape.pair",
        document(SKIN_CONFIG, "blendshape_params", "bsSolveCancelPoses", to=[0, -1, -1, -1, -1]),
    ),
    (
        "blendshape.pair",
        document(SKIN_CONFIG, "blendshape_params", "bsSolveCancelPoses", to=[0, 0, 0, 0, -1]),
    ),
    (
        "blendshape.two-unpaired",
        document(SKIN_CONFIG, "blendshape_params", "bsSolveActivePoses", to=[1, 1, 0, 0, 0]),
    ),
]  # fmt: skip

DIFFUSION: list[tuple[str, Change]] = [
    ("model.count", document("model.json", "modelDataPaths", 1, to=...)),
    ("model.count", document("model.json", "blendshapePaths", 1, to=...)),
    ("model.key", document("model.json", "modelConfigPaths", to="model_config_ada.json")),
    ("info.identities", document("network_info.json", "params", "identities", to=[])),
    ("info.identities", document("network_info.json", "params", "identities", to=["ada", "ada"])),
    ("info.emotions", document("network_info.json", "params", "emotions", to=[])),
    ("data.key", arrays("model_data_bo.npz", neutral_tongue=...)),
    ("data.extent", arrays("model_data_bo.npz", neutral_skin=flat)),
    ("config.key", document("model_config_bo.json", "config", "input_strength", to=...)),
    ("onnx.inputs", graph(lambda i, o: i.pop("identity"))),
    ("onnx.axis", graph(lambda i, o: i.update(identity=(None, 3)))),
    ("onnx.axis", graph(lambda i, o: i.update(noise=(None, "steps", *i["noise"][2:])))),
]


def errors_after(package: Path, change: Change, tmp_path: Path) -> list[str]:
    folder = tmp_path / "package"
    shutil.copytree(package, folder)
    change(folder)
    return [v.code for v in check_package(folder) if v.severity == "error"]


@pytest.mark.parametrize("kind", ["regression", "diffusion"])
def test_a_good_package_only_lacks_its_engine(packages: dict[str, Path], kind: str) -> None:
    found = check_package(packages[kind])
    assert [(v.code, v.severity) for v in found] == [("network.engine-missing", "warning")]


@pytest.mark.parametrize(
    ("code", "change"), REGRESSION, ids=[f"{i}-{c}" for i, (c, _) in enumerate(REGRESSION)]
)
def test_each_rule_of_a_regression_package(
    packages: dict[str, Path], code: str, change: Change, tmp_path: Path
) -> None:
    # Counts of rows are part of the trt arguments, so sizes are changed where nothing depends.
    assert set(errors_after(packages["regression"], change, tmp_path)) == {code}


@pytest.mark.parametrize(
    ("code", "change"), DIFFUSION, ids=[f"{i}-{c}" for i, (c, _) in enumerate(DIFFUSION)]
)
def test_each_rule_of_a_diffusion_package(
    packages: dict[str, Path], code: str, change: Change, tmp_path: Path
) -> None:
    assert set(errors_after(packages["diffusion"], change, tmp_path)) == {code}


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("npz.deflated", arrays(DATA, np.savez_compressed)),
        ("npz.unicode", second_number_as_unicode),
        ("npz.truncated", cut(DATA, 0.5)),
    ],
)
def test_what_stops_the_reader_is_named_with_all_it_does_not_reach(
    packages: dict[str, Path], code: str, change: Change, tmp_path: Path
) -> None:
    found = errors_after(packages["regression"], change, tmp_path)
    assert found[0] == code
    assert set(found) <= {code, "npz.dropped"}


def test_unicode_pose_names_hide_all_that_follow(packages: dict[str, Path], tmp_path: Path) -> None:
    """Row 18: a runtime that reads such a file silently has no poses."""
    folder = tmp_path / "package"
    shutil.copytree(packages["regression"], folder)
    arrays(SKIN, poseNames=lambda a: a.astype("U"))(folder)
    found = {v.code: v.message for v in check_package(folder) if v.severity == "error"}
    assert set(found) == {"npz.unicode", "npz.dropped"}
    assert "'neutral', 'pose0'" in found["npz.dropped"]


@pytest.mark.parametrize(
    ("kind", "code", "change"),
    [
        ("regression", "data.saccade-rows", arrays(DATA, saccade_rot_matrix=lambda a: a[:50])),
        ("regression", "data.extra-key", arrays(DATA, blink_keys=np.zeros(9, np.float32))),
        ("diffusion", "info.actor", document("network_info.json", "id", "actor", to="ada")),
    ],
)
def test_what_the_runtime_bears_is_a_warning(
    packages: dict[str, Path], kind: str, code: str, change: Change, tmp_path: Path
) -> None:
    folder = tmp_path / "package"
    shutil.copytree(packages[kind], folder)
    change(folder)
    found = [(v.code, v.severity) for v in check_package(folder)]
    assert sorted(found) == sorted([("network.engine-missing", "warning"), (code, "warning")])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            document("network_info.json", "params", "identities", to=...),
            id="regression without identities, as released",
        ),
        pytest.param(
            arrays(
                DATA,
                shapes_matrix_skin=lambda a: a.reshape(len(a), -1),
                shapes_mean_skin=np.ravel,
                neutral_jaw=lambda a: a[None],
                saccade_rot_matrix=np.ravel,
            ),
            id="axes that are merged",
        ),
        pytest.param(
            weights(np.array([0.0, -np.inf], np.float32)), id="mask of attention in the graph"
        ),
    ],
)
def test_what_changes_no_value_breaks_no_rule(
    packages: dict[str, Path], change: Change, tmp_path: Path
) -> None:
    folder = tmp_path / "package"
    shutil.copytree(packages["regression"], folder)
    change(folder)
    assert [v.code for v in check_package(folder)] == ["network.engine-missing"]


def test_odd_noise_and_uneven_timing(packages: dict[str, Path], tmp_path: Path) -> None:
    """Row 16: the reference's 30 fps setting, and a noise tensor of odd size."""
    folder = tmp_path / "package"
    shutil.copytree(packages["diffusion"], folder)
    path = folder / "network_info.json"
    info = json.loads(path.read_text())
    info["params"] |= {"num_frames_left_truncate": 7, "num_frames_center": 15,
                       "num_frames_right_truncate": 8}  # fmt: skip
    path.write_text(json.dumps(info))
    assert "info.timing" in [v.code for v in check_package(folder)]
    info["params"]["num_frames_right_truncate"] = 7  # 3 x 29 frames x an odd number
    info["params"]["skin_size"] += 1
    path.write_text(json.dumps(info))
    assert shape_of_info(info).noise_size % 2 == 1  # type: ignore[union-attr]
    assert "info.noise-odd" in [v.code for v in check_package(folder)]


def test_a_built_package_needs_no_graph(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "package"
    shutil.copytree(packages["regression"], folder)
    (folder / "network.trt").write_bytes(b"engine")
    gone("network.onnx", "trt_info.json")(folder)
    assert check_package(folder) == []


def test_absolute_paths_are_read(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "package"
    shutil.copytree(packages["regression"], folder)
    elsewhere = tmp_path / "elsewhere.npz"
    shutil.move(folder / DATA, elsewhere)
    document("model.json", "modelDataPath", to=str(elsewhere))(folder)
    assert [v.code for v in check_package(folder)] == ["network.engine-missing"]
    before = elsewhere.read_bytes()
    arrays(DATA)  # nothing is written there
    assert elsewhere.read_bytes() == before


def test_without_onnx_the_graph_is_said_to_be_unchecked(
    packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_graph_module, "is_installed", lambda name: False)
    codes = [v.code for v in check_package(packages["regression"])]
    assert codes == ["network.engine-missing", "onnx.unchecked"]


def test_a_bomb_is_not_unpacked(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "package"
    shutil.copytree(packages["regression"], folder)
    with zipfile.ZipFile(folder / DATA, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("shapes_mean_skin.npy", b"\0" * 50_000_000)
    codes = {v.code for v in check_package(folder) if v.severity == "error"}
    assert codes == {"npz.deflated"}


def test_the_verb_is_partial_where_rules_are_broken(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    good = verb(packages["regression"])
    assert good["valid"]
    assert not isinstance(good, Partial)
    folder = tmp_path / "package"
    shutil.copytree(packages["regression"], folder)
    gone(DATA)(folder)
    bad = verb(folder)
    assert isinstance(bad, Partial)
    assert [v["code"] for v in bad["violations"]] == ["model.path"]
    with pytest.raises(MissingError, match="no folder"):
        check_package(tmp_path / "nowhere")


def test_sizes_of_eyes_and_jaw(packages: dict[str, Path], tmp_path: Path) -> None:
    """Everything else disagrees with such a size too."""
    change = document("network_info.json", "params", "result_eyes_size", to=6)
    assert "info.eyes-size" in errors_after(packages["regression"], change, tmp_path / "a")
    change = document("network_info.json", "params", "result_jaw_size", to=16)
    assert "info.jaw-size" in errors_after(packages["regression"], change, tmp_path / "b")


def test_every_code_is_tested_and_documented() -> None:
    root = Path(__file__).parents[4]
    code = re.compile(r'\.(?:error|warn)\(\s*"([a-z]+\.[a-z-]+)"')
    sources = (root / "likeness/systems/audio2face/package").glob("*.py")
    codes = {c for path in sources for c in code.findall(path.read_text(encoding="utf-8"))}
    codes |= {"model.missing", "model.json", "onnx.inputs", "onnx.outputs"}  # given by a variable
    page = (root / "docs/audio2face-package.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.split("## Codes")[1].splitlines() if "|" in line]
    assert codes == set(re.findall(r"[a-z]+\.[a-z-]+", " ".join(rows)))
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [c for c in sorted(codes) if f'"{c}"' not in tests] == []
