"""Every rule of a package: one change to a good one, and exactly that violation."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.systems import Partial
from likeness.systems.audio2face.package import check_graph as check_graph_module
from likeness.systems.audio2face.package.checking import check_package
from likeness.systems.audio2face.package.commands import check_package as verb
from likeness.systems.audio2face.package.network_info import shape_of as shape_of_info
from tests.systems.audio2face.package.changes import (
    DATA,
    EMO,
    SKIN,
    Change,
    arrays,
    cut,
    document,
    gone,
    second_number_as_unicode,
    text,
    weights,
)
from tests.systems.audio2face.package.packages import good_package
from tests.systems.audio2face.package.rule_breaks import DIFFUSION, REGRESSION


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Without hashes, as others write them: what a change breaks besides them is told alone."""
    root = tmp_path_factory.mktemp("packages")
    found = {kind: good_package(root / kind, kind) for kind in ("regression", "diffusion")}
    for folder in found.values():
        (folder / "provenance.json").unlink()
    return found


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
        (
            "regression",
            "emotion.overlap",
            arrays(EMO, emo_spec_start=lambda a: a - (a > 0).astype(np.int32)),
        ),
        ("regression", "emotion.overlap", arrays(EMO, emo_spec_start=lambda a: 0 * a)),
        ("regression", "data.extra-key", arrays(DATA, blink_keys=np.zeros(9, np.float32))),
        (
            "diffusion",
            "info.timing",
            document("network_info.json", "audio_params", "padding_left", to=1000),
        ),
        (
            "diffusion",
            "info.timing",
            document("network_info.json", "audio_params", "padding_right", to=0),
        ),
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


def test_shots_out_of_order_that_share_no_row_are_told_as_that_alone(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "package"
    shutil.copytree(packages["regression"], folder)
    arrays(EMO, emo_spec_start=lambda a: a[::-1].copy(), emo_spec_size=lambda a: a[::-1].copy())(
        folder
    )
    assert [v.code for v in check_package(folder)] == ["network.engine-missing", "emotion.order"]


@pytest.mark.parametrize(
    ("name", "array", "code"),
    [(DATA, "shapes_mean_skin", "data.finite"), (SKIN, "neutral", "blendshape.finite")],
)
def test_a_neutral_of_infinite_numbers_has_no_size_to_compare(
    packages: dict[str, Path], name: str, array: str, code: str, tmp_path: Path
) -> None:
    """NumPy warned of a subtraction, in the midst of what the verb says."""
    change = arrays(name, **{array: lambda a: np.full_like(a, np.inf)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert errors_after(packages["regression"], change, tmp_path) == [code]


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
    with pytest.raises(UsageError, match="no folder"):
        check_package(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["regression", "diffusion"])
@pytest.mark.parametrize("name", ["network.onnx", "network_info.json", "bs_skin_ada.npz"])
def test_a_changed_file_is_not_the_one_that_was_exported(
    kind: str, name: str, tmp_path: Path
) -> None:
    folder = good_package(tmp_path / "package", kind)
    assert [v.code for v in check_package(folder)] == ["network.engine-missing"]
    before = (folder / name).read_bytes()
    changed = bytearray(before)
    changed[-1] = ord(" ") if name.endswith(".json") else changed[-1] ^ 1
    (folder / name).write_bytes(changed)
    told = {v.code: v for v in check_package(folder)}
    assert told["provenance.hash"].path == name
    assert told["provenance.hash"].severity == "error"
    for content in (before, changed):
        assert f"{hashlib.sha256(content).hexdigest()[:12]}…" in told["provenance.hash"].message


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("provenance.missing", gone("a2e_mapping.json")),
        ("provenance.json", text("provenance.json", "{")),
        ("provenance.json", document("provenance.json", "sha256", to=["network.onnx"])),
        ("provenance.json", document("provenance.json", "sha256", "../network.onnx", to="0" * 64)),
        ("provenance.json", document("provenance.json", "sha256", "network.onnx", to="0" * 63)),
        ("provenance.hash", document("provenance.json", "sha256", "network.onnx", to="0" * 64)),
    ],
)
def test_hashes_that_cannot_be_held_against_files(
    code: str, change: Change, tmp_path: Path
) -> None:
    folder = good_package(tmp_path / "package")
    change(folder)
    assert [v.code for v in check_package(folder) if v.severity == "error"] == [code]


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
    here = Path(__file__)
    files = (here, here.with_name("rule_breaks.py"))
    tests = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [c for c in sorted(codes) if f'"{c}"' not in tests] == []
