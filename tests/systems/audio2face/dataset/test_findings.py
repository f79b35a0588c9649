from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from likeness.errors import DataError
from likeness.systems.audio2face.dataset.contract import CONTRACT
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.studio import make
from likeness.systems.audio2face.studio_faults import FAULTS, FAULTS_FILE
from tests.systems.audio2face.dataset.recordings import (
    ANNA,
    FRAMES,
    USUAL,
    found,
    told,
    write_recordings,
)

ROOT = Path(__file__).resolve().parents[4]


def cache(root: Path, shot: str = "joy_001") -> tuple[Path, np.ndarray]:
    path = root / ANNA / "cache/skin" / shot / f"{shot}.npy"
    return path, np.load(path)


def change(path: Path, how: Callable[[dict[str, np.ndarray]], None]) -> None:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    how(arrays)
    np.savez(path, **arrays)


def test_a_good_dataset_is_counted_and_clean(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set")
    inspection = inspect_dataset(root)
    assert {f.code for f in inspection.findings} == USUAL
    assert inspection.counts == {
        "actors": 2,
        "shots": 6,
        "frames": 6 * FRAMES,
        "seconds": 2,
        "recordings": 12,
    }


def test_a_cache_that_is_cut_is_an_error(root: Path) -> None:
    path, _ = cache(root)
    path.write_bytes(path.read_bytes()[:-100])
    finding = found(root)["cache-damaged"]
    assert finding.severity == "error"
    assert finding.path == f"{ANNA}/cache/skin/joy_001/joy_001.npy"


def test_another_topology_is_an_error(root: Path) -> None:
    path, frames = cache(root)
    np.save(path, frames[:, :-1])
    assert "Expected 30 vertices as in the other shots, found 29" in found(root)["topology"].message


def test_a_frame_with_nan_is_named(root: Path) -> None:
    path, frames = cache(root)
    frames[7, 3, 1] = np.nan
    np.save(path, frames)
    assert "Frame 7" in found(root)["not-finite"].message


def test_a_head_that_turns_is_told_from_a_face_that_moves(root: Path) -> None:
    path, frames = cache(root)
    turns = Rotation.from_rotvec(np.linspace(0, 0.2, FRAMES)[:, None] * [0.0, 1.0, 0.0])
    turned = np.stack([turn.apply(frame) for turn, frame in zip(turns, frames)])
    np.save(path, (turned + np.array([0.5, 0, 0])).astype(np.float32))
    finding = found(root)["head-motion"]
    assert finding.path.endswith("joy_001.npy")
    assert finding.severity == "warning"


def test_lengths_that_look_like_metres_are_never_changed_silently(root: Path) -> None:
    for path in [*root.rglob("cache/skin/*/*.npy"), root / ANNA / "geom/skin/neutral_pose.npy"]:
        np.save(path, np.load(path) / 100)
    finding = found(root)["unit"]
    assert "look like m" in finding.message
    assert "unit: m" in finding.advice


def test_defect_20_shots_and_keys_of_the_jaw_file_are_matched(root: Path) -> None:
    def rename(arrays: dict[str, np.ndarray]) -> None:
        arrays["joy_1"] = arrays.pop("joy_001")
        arrays["joy_002"] = arrays["joy_002"][:-2]

    change(root / ANNA / "xform/jaw_keypoints_cache_all.npz", rename)
    findings = found(root)
    assert "'joy_001'" in findings["jaw-missing-shot"].message
    assert "joy_1" in findings["jaw-stray"].message
    assert "found 10" in findings["length"].message


def test_an_actor_without_tongue_is_advice_and_half_a_tongue_a_warning(root: Path) -> None:
    (root / "dataset.yaml").write_text(
        "".join(
            line
            for line in (root / "dataset.yaml").read_text().splitlines(keepends=True)
            if "tongue_rigid_list" not in line
        )
    )
    assert found(root)["tongue-skipped"].severity == "warning"
    text = (root / "dataset.yaml").read_text().splitlines(keepends=True)
    (root / "dataset.yaml").write_text("".join(line for line in text if "tongue" not in line))
    missing = found(root)["no-tongue"]
    assert (missing.severity, missing.path) == ("advice", "data/anna/cache/skin")


def test_lists_are_checked_against_the_mesh_and_the_neutral(root: Path) -> None:
    lips = root / ANNA / "geom/skin/lip_dist_vertex_list.json"
    lips.write_text(json.dumps({"upper": [15, 16], "lower": [10, 11]}))
    assert "2 of 2" in found(root)["list-order"].message
    lips.write_text(json.dumps({"upper": [10, 30], "lower": [15, 16]}))
    assert "below 30, found 30" in found(root)["list"].message


def test_defect_08_emotions_are_whole_words_of_the_name(root: Path) -> None:
    for old, new in (("joy_001", "joy_neutral_001"), ("joy_002", "joyful_002")):
        folder = root / ANNA / "cache/skin"
        (folder / old / f"{old}.npy").rename(folder / old / f"{new}.npy")
        (folder / old).rename(folder / new)
    findings = found(root)
    assert findings["emotion-ambiguous"].path == "joy_neutral_001"
    assert "neutral and joy; the first is taken" in findings["emotion-ambiguous"].message
    assert "'joyful'" in findings["emotion-unknown"].message


def test_neutrals_of_blendshapes_must_be_the_actors(root: Path) -> None:
    def move(arrays: dict[str, np.ndarray]) -> None:
        arrays["neutral"] = arrays["neutral"] + np.float32(0.5)

    change(root / ANNA / "bs_data/bs_skin.npz", move)
    assert "0.87 cm" in found(root)["blendshapes-neutral"].message


def test_blendshapes_that_no_solver_takes_are_an_error(root: Path) -> None:
    shapes, settings = (root / ANNA / f"bs_data/bs_skin{end}" for end in (".npz", "_config.json"))
    before, document = shapes.read_bytes(), json.loads(settings.read_text())
    document["blendshape_params"]["bsWeightOffsets"].pop()
    settings.write_text(json.dumps(document))
    assert "bsWeightOffsets needs 2 entries, found 1" in found(root)["blendshapes"].message
    document["blendshape_params"]["bsWeightOffsets"].append(0.0)
    settings.write_text(json.dumps(document))
    assert "blendshapes" not in found(root)

    def broken(arrays: dict[str, np.ndarray]) -> None:
        arrays["jawOpen"][3] = np.nan

    def masked(arrays: dict[str, np.ndarray]) -> None:
        arrays["frontalMask"] = np.array([0, 30], np.int32)

    for how, message in (
        (broken, "'jawOpen' holds values that are not finite"),
        (masked, "frontalMask must hold vertices below 30"),
    ):
        shapes.write_bytes(before)
        change(shapes, how)
        assert message in found(root)["blendshapes"].message


def test_two_languages_are_told(root: Path) -> None:
    text = (root / "dataset.yaml").read_text()
    (root / "dataset.yaml").write_text(text + "clips: clips.jsonl\n")
    rows = [{"shot": "joy_001", "language": "zh"}, {"shot": "neutral_000"}]
    (root / "clips.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert "en, zh" in found(root)["languages"].message


def test_a_cache_of_another_name_than_its_folder_is_told(root: Path) -> None:
    folder = root / "data/anna/cache/skin"
    (folder / "joy_003").mkdir()
    (folder / "joy_003/joy_001.npy").write_bytes((folder / "joy_001/joy_001.npy").read_bytes())
    finding = told(root)["cache-name", "data/anna/cache/skin/joy_003"]
    assert finding.severity == "warning"
    assert "to be joy_003.npy, found joy_001.npy" in finding.message


@pytest.mark.parametrize("place", ["joy_003/joy_003.npy", "joy_003.npy"])
def test_a_folder_by_the_name_of_a_cache_is_told(root: Path, place: str) -> None:
    """It was said to be expected joy_003.npy and found joy_003.npy, or nothing was said."""
    (root / ANNA / "cache/skin" / place).mkdir(parents=True)
    assert [(code, path) for code, path in told(root)] == [
        ("cache-name", f"{ANNA}/cache/skin/{place}")
    ]
    finding = told(root)["cache-name", f"{ANNA}/cache/skin/{place}"]
    assert finding.message == "Expected a cache in a file joy_003.npy, found a folder of that name."


def test_a_folder_by_the_name_of_another_file_is_told(root: Path) -> None:
    for name in ("audio/joy_001.wav", "geom/skin/neutral_pose.npy"):
        (root / ANNA / name).unlink()
        (root / ANNA / name).mkdir()
    findings = told(root)
    for code, name in (
        ("sound", "audio/joy_001.wav"),
        ("array", "geom/skin/neutral_pose.npy"),
    ):
        assert "found a folder" in findings[code, f"{ANNA}/{name}"].message


def test_a_pickled_array_is_refused_and_not_opened(root: Path) -> None:
    path = root / ANNA / "geom/skin/neutral_pose.npy"
    np.save(path, np.array([print], dtype=object), allow_pickle=True)
    assert found(root)["array"].severity == "error"


def test_without_provenance_consent_is_asked_for(root: Path) -> None:
    (root / "provenance.json").unlink()
    assert "recordings" in found(root)["no-provenance"].message


def test_all_findings_of_one_kind_are_kept(root: Path) -> None:
    """What shows them shortens; ``--json`` says that it lists them all."""
    for number in range(100):
        (root / ANNA / "audio" / f"stray_{number}.wav").write_bytes(b"")
    inspection = inspect_dataset(root)
    strays = [f for f in inspection.findings if f.code == "sound-stray"]
    assert {f.path for f in strays} == {f"{ANNA}/audio/stray_{n}.wav" for n in range(100)}
    assert len(strays) == 100


def test_one_shot_in_another_unit_is_told_from_an_actor_in_one(root: Path) -> None:
    path, frames = cache(root)
    np.save(path, frames / 100)
    inspection = inspect_dataset(root)
    told = [(f.code, f.path) for f in inspection.findings if f.code not in USUAL]
    assert told == [("unit", f"{ANNA}/cache/skin/joy_001/joy_001.npy")]


def test_caches_in_another_unit_than_the_neutral_are_an_error(root: Path) -> None:
    for path in root.rglob("cache/skin/*/*.npy"):
        np.save(path, np.load(path) / 100)
    finding = found(root)["unit"]
    assert finding.severity == "error"
    assert "one 100 times that size" in finding.message
    assert finding.path.endswith("neutral_pose.npy")


def test_vertices_in_another_order_are_an_error(root: Path) -> None:
    order = np.random.default_rng(0).permutation(30)
    path, frames = cache(root)
    np.save(path, frames[:, order])
    inspection = inspect_dataset(root)
    told = [(f.code, f.path) for f in inspection.findings if f.severity == "error"]
    assert told == [("vertex-order", f"{ANNA}/cache/skin/joy_001/joy_001.npy")]
    np.save(path, frames)
    neutral = root / ANNA / "geom/skin/neutral_pose.npy"
    np.save(neutral, np.load(neutral)[order])
    assert found(root)["vertex-order"].path.endswith("neutral_pose.npy")


def test_absurd_coordinates_are_an_error(root: Path) -> None:
    path, frames = cache(root)
    frames[5, 0, 0] = 3e38
    np.save(path, frames)
    assert "Frame 5" in found(root)["not-finite"].message


def test_shots_held_out_by_a_name_that_is_none_are_an_error(root: Path) -> None:
    text = (root / "dataset.yaml").read_text().split("validation:")[0]
    (root / "dataset.yaml").write_text(text + "validation: [joy_001, jyo_002]\n")
    finding = found(root)["held-out"]
    assert finding.severity == "error"
    assert "found jyo_002, which no actor has" in finding.message
    with pytest.raises(DataError, match="jyo_002"):
        CONTRACT.open(str(root), "train")
    (root / "dataset.yaml").write_text(text + "test: ['anna::joy_001', joy_002, neutral_000]\n")
    assert found(root)["held-out"].severity == "warning"


def test_key_points_of_the_jaw_are_those_of_its_neutral(root: Path) -> None:
    path = root / ANNA / "xform/jaw_keypoints_neutral.npy"
    np.save(path, np.load(path)[:-1])
    assert "(any, 4, 3)" in found(root)["array"].message


def test_a_vertex_far_away_in_one_frame_is_an_error(root: Path) -> None:
    path, frames = cache(root)
    extent = float(np.ptp(frames[0], axis=0).max())
    frames[7, 11, 1] += 3 * extent
    np.save(path, frames)
    finding = found(root)["vertex-stray"]
    assert finding.severity == "error"
    assert finding.path.endswith("joy_001.npy")
    assert "In frame 7 vertex 11 lies at" in finding.message
    frames[7, 11, 1] -= 2.5 * extent  # half a face away: not told
    np.save(path, frames)
    assert "vertex-stray" not in found(root)


def test_a_missing_frame_rate_is_told_once_and_as_what_it_is(root: Path) -> None:
    """Folders alone, without a dataset.yaml, say none with caches but Maya's."""
    (root / "dataset.yaml").unlink()
    told = [f for f in inspect_dataset(root).findings if f.severity == "error"]
    finding = next(f for f in told if f.code == "fps-missing" and f.path.endswith("skin"))
    assert "3 caches have, of joy_001, joy_002, neutral_000." in finding.message
    assert "'fps'" in finding.advice
    assert "cache-damaged" not in {f.code for f in told}
    assert len([f for f in told if f.path == finding.path]) == 1


def test_places_of_the_jaw_are_told_from_differences(root: Path) -> None:
    at = root / ANNA / "xform/jaw_keypoints_neutral.npy"
    still = np.load(at) + np.array([0.0, -4.0, 6.0], np.float32)
    np.save(at, still)
    assert found(root) == {}

    def shift(arrays: dict[str, np.ndarray]) -> None:
        arrays["joy_001"] += still

    path = root / ANNA / "xform/jaw_keypoints_cache_all.npz"
    change(path, shift)
    told = found(root)
    assert set(told) == {"jaw-places"}
    assert "in 'joy_001'" in told["jaw-places"].message
    assert "Subtract" in told["jaw-places"].advice
    change(path, lambda arrays: arrays.update({"joy_001": arrays["joy_001"] - still}))
    assert found(root) == {}


def test_a_tongue_whose_files_are_not_there_is_skipped(root: Path) -> None:
    (root / ANNA / "geom/tongue/neutral_pose.npy").unlink()
    assert found(root)["tongue-skipped"].severity == "warning"
    assert not CONTRACT.open(str(root), "all").actors["anna"].tongue


def test_a_rigid_part_needs_different_vertices(root: Path) -> None:
    (root / ANNA / "geom/tongue/rigid_vertex_list.json").write_text("[3, 3, 3, 3]")
    assert "4 or more different vertices" in found(root)["list"].message


def test_a_provenance_without_consent_is_told(root: Path) -> None:
    (root / "provenance.json").write_text('{"source": "a studio", "consent": " "}')
    assert "actors agreed, found no consent." in found(root)["no-consent"].message


def test_faults_of_the_studio_are_reported_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "set"
    options = {"people": 1, "shots": 14, "voices": False, "backend": "formant", "workers": 1}
    make(str(root), faults=",".join(FAULTS), **options)  # type: ignore[arg-type]
    expected = {(row["code"], row["path"]) for row in json.loads((root / FAULTS_FILE).read_text())}
    findings = [f for f in inspect_dataset(root).findings if f.severity != "advice"]
    assert {(f.code, f.path) for f in findings} == expected
    assert len(findings) == len(FAULTS)


def test_a_mesh_of_another_topology_is_an_error_and_none_is_advice(root: Path) -> None:
    mesh = root / ANNA / "geom/skin/mesh.obj"
    mesh.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    told = found(root)
    assert set(told) == {"mesh"}
    assert told["mesh"].severity == "error"
    assert "expected 30 vertices as in the caches, found 3" in told["mesh"].message
    text = (root / "dataset.yaml").read_text()
    (root / "dataset.yaml").write_text(
        "\n".join(line for line in text.splitlines() if "skin_mesh" not in line)
    )
    told = found(root)
    assert set(told) == {"mesh-missing"}
    assert told["mesh-missing"].severity == "advice"


def test_the_page_on_data_names_every_code() -> None:
    page = (ROOT / "docs" / "audio2face.md").read_text(encoding="utf-8")
    codes = set()
    for path in (ROOT / "likeness/systems/audio2face/dataset").glob("*_findings.py"):
        for first, code in re.findall(
            r'"(error|warning|advice)",\s*f?"([a-z{}-]+)"', path.read_text(encoding="utf-8")
        ):
            assert first
            channels = ("jaw", "eyes") if "{channel}" in code else ("",)
            codes |= {code.replace("{channel}", channel) for channel in channels}
    assert len(codes) > 30
    assert {code for code in codes if f"`{code}`" not in page} == set()
