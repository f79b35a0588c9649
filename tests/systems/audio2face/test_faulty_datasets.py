"""Training on recordings with faults: a clear error or a finding each, never a wrong model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from likeness import datasets, workflow
from likeness.errors import DataError
from likeness.geometry.array_files import read_arrays
from tests.systems.audio2face.dataset.recordings import write_recordings
from tests.systems.audio2face.small_runs import settings_of, trained


def anna(root: Path) -> Path:
    return root / "data" / "anna"


def skin_of(root: Path, shot: str = "joy_001") -> Path:
    return anna(root) / "cache" / "skin" / shot / f"{shot}.npy"


def nan_frame(root: Path) -> None:
    frames = np.load(skin_of(root))
    frames[5] = np.nan
    np.save(skin_of(root), frames)


def cut_cache(root: Path) -> None:
    skin_of(root).write_bytes(skin_of(root).read_bytes()[:900])


def garbage_sound(root: Path) -> None:
    (anna(root) / "audio" / "joy_001.wav").write_bytes(b"RIFF" + bytes(range(200)))


def other_mesh(root: Path) -> None:
    (anna(root) / "geom" / "skin" / "mesh.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")


def broken_mesh(root: Path) -> None:
    (anna(root) / "geom" / "skin" / "mesh.obj").write_text("v 0 0\n")


def list_beyond(root: Path) -> None:
    path = anna(root) / "geom" / "skin" / "lip_dist_vertex_list.json"
    path.write_text(path.read_text().replace("10", "9999"))


def longer_sound(root: Path) -> None:
    path = anna(root) / "audio" / "joy_001.wav"
    sound, rate = soundfile.read(path)
    soundfile.write(path, np.concatenate([sound, sound]), rate)


ERRORS: dict[Callable[[Path], None], str] = {
    nan_frame: "joy_001",
    cut_cache: "joy_001",
    garbage_sound: "joy_001.wav",
    longer_sound: "Expected the length of shot 'joy_001', 0.40 s",
    other_mesh: "expected 30 vertices as in the caches",
    broken_mesh: "mesh.obj",
    list_beyond: "lip_dist_vertex_list.json",
}


@pytest.mark.parametrize("fault", ERRORS, ids=lambda fault: fault.__name__)
def test_a_fault_is_a_finding_and_stops_training(
    fault: Callable[[Path], None], tmp_path: Path
) -> None:
    root = write_recordings(tmp_path / "data", names=("anna",))
    fault(root)
    inspection = datasets.inspect_data("audio2face", root)
    told = [f"{f.path} {f.message}" for f in inspection.findings if f.severity == "error"]
    assert any(ERRORS[fault] in text for text in told), told
    with pytest.raises(DataError) as raised:
        trained(root, tmp_path)
    assert ERRORS[fault] in raised.value.message
    assert not (tmp_path / "runs").exists()


def keys_of_jaw_missing(root: Path) -> None:
    path = anna(root) / "xform" / "jaw_keypoints_cache_all.npz"
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != "joy_001"}
    np.savez(path, **kept)


def no_tongue(root: Path) -> None:
    description = root / "dataset.yaml"
    lines = description.read_text().splitlines(keepends=True)
    description.write_text("".join(line for line in lines if "tongue" not in line))


FOUND: dict[Callable[[Path], None], str] = {
    keys_of_jaw_missing: "Expected shot 'joy_001' among its arrays",
    no_tongue: "There is no tongue",
}


@pytest.mark.parametrize("profile", ["smoke", "studio-diffusion"])
@pytest.mark.parametrize("fault", FOUND, ids=lambda fault: fault.__name__)
def test_what_can_be_trained_on_is_told_and_trained_on(
    fault: Callable[[Path], None], profile: str, tmp_path: Path
) -> None:
    root = write_recordings(tmp_path / "data", names=("anna",))
    fault(root)
    run = trained(root, tmp_path, profile=profile)
    assert run.status.status == "finished"
    told = json.loads((run.path / "inspection.json").read_text())["findings"]
    assert any(FOUND[fault] in f"{f['path']} {f['message']}" for f in told), told
    model = workflow.Predictor.from_run(run, device="cpu").model
    shown = model.performance(np.zeros(8000, np.float32))
    assert np.isfinite(shown.skin).all()
    assert (shown.tongue is None) == (fault is no_tongue)


def test_defect_14_two_languages_are_trained_on_together(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "data", names=("anna",))
    rows = ["actor,shot,first,last,language,audio"]
    rows += ["anna,neutral_000,0,11,en,neutral_000.wav", "anna,joy_001,0,11,zh,joy_001.wav"]
    rows += ["anna,joy_002,0,11,en,joy_002.wav"]
    (root / "clips.csv").write_text("\n".join(rows) + "\n")
    with open(root / "dataset.yaml", "a") as file:
        file.write("clips: clips.csv\n")
    inspection = datasets.inspect_data("audio2face", root)
    assert "languages" in [finding.code for finding in inspection.findings], inspection.to_json()
    assert trained(root, tmp_path).status.status == "finished"


def test_a_damaged_preparation_is_made_again_and_not_trained_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_recordings(tmp_path / "data", names=("anna",))
    trained(root, tmp_path)
    shapes = sorted((tmp_path / "cache").rglob("*.npz"), key=lambda p: p.stat().st_size)[-1]
    whole = read_arrays(shapes)[0]
    shapes.write_bytes(shapes.read_bytes()[:-200])
    run = workflow.train(
        "audio2face", profile="smoke", overrides=settings_of(root, tmp_path), runs=tmp_path
    )
    assert run.status.status == "finished"
    assert shapes.name in caplog.text
    again = read_arrays(shapes)[0]
    assert whole.keys() == again.keys()
    assert all(np.array_equal(whole[name], again[name]) for name in whole)
