"""Photographs that change after a run began are looked at again when it goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from likeness import inspecting
from likeness.assembly import configure
from likeness.config.resolve import Resolved
from likeness.data.inspection import Inspection
from likeness.errors import DataError, MissingError
from likeness.inspecting import inspect_changed, inspect_configured
from likeness.runs.run import Run
from tests.systems.face_encoder.toy import SMALL_MODEL


@pytest.fixture
def resolved(data: Path, toy_folder: Path) -> Resolved:
    words = (*SMALL_MODEL, f"model.head={toy_folder}", f"data.root={data}")
    return configure("face-encoder", profile="smoke", overrides=words, environ={})


@pytest.fixture
def run(tmp_path: Path, resolved: Resolved) -> Run:
    seen = inspect_configured(resolved).to_dict()
    return Run.create(tmp_path / "runs", "face-encoder", "x", "system: x\n", inspection=seen)


@pytest.fixture
def again(run: Run, resolved: Resolved) -> Callable[[], Inspection | None]:
    """What a resume with the settings of the run finds."""
    return lambda: inspect_changed(run, resolved, resolved)


def test_data_as_they_were_are_not_looked_at(again, run, data, tmp_path, monkeypatch):
    """What a look leaves, what is hidden, and runs among the data are no change."""
    monkeypatch.setattr(inspecting, "inspect_configured", pytest.fail)
    for file in data.rglob("*.png"):
        file.read_bytes()
    (data / ".DS_Store").write_bytes(b"a file manager was here")
    (data / ".thumbnails").mkdir()
    (data / ".thumbnails" / "p0_0.png").write_bytes(b"x")
    shutil.copytree(run.path, data / "runs" / "face-encoder" / run.name)
    assert again() is None


def test_a_file_written_over_with_one_of_its_size_is_looked_at(again, data, caplog):
    path = data / "landmarks" / "p1_0.npy"
    size = path.stat().st_size
    np.save(path, np.full((68, 2), np.nan, np.float32))
    assert path.stat().st_size == size
    with pytest.raises(DataError, match=r"landmarks/p1_0\.npy"):
        again()
    assert "'landmarks/p1_0.npy' was written last" in caplog.text


def test_a_file_that_is_gone_is_told(again, data, caplog):
    (data / "landmarks" / "p2_1.npy").unlink()
    with pytest.raises(DataError, match="p2_1"):
        again()
    files = sum(path.is_file() for path in data.rglob("*"))
    assert f"{files + 1} then, {files} now" in caplog.text


def test_sound_data_that_were_written_again_are_told_once(again, run, data, caplog):
    os.utime(data / "images" / "p0_0.png")
    found = again()
    assert found is not None
    assert found.ok
    assert "'images/p0_0.png' was written last" in caplog.text
    run.write("inspection", found.to_dict())
    assert again() is None


def test_landmarks_elsewhere_count_too(data, toy_folder, tmp_path):
    shutil.move(data / "landmarks", tmp_path / "points")
    places = (f"data.root={data / 'images'}", f"data.landmarks={tmp_path / 'points'}")
    words = (*SMALL_MODEL, f"model.head={toy_folder}", *places)
    resolved = configure("face-encoder", profile="smoke", overrides=words, environ={})
    seen = inspect_configured(resolved).to_dict()
    run = Run.create(tmp_path, "face-encoder", "x", "system: x\n", inspection=seen)
    assert inspect_changed(run, resolved, resolved) is None
    (tmp_path / "points" / "p0_0.npy").unlink()
    with pytest.raises(DataError, match="p0_0"):
        inspect_changed(run, resolved, resolved)


@pytest.mark.parametrize("note", [None, "garbage", "{}", '{"stamps": 3}'])
def test_a_run_that_does_not_tell_is_looked_at(again, run, note):
    path = run.path / "inspection.json"
    path.unlink() if note is None else path.write_text(note)
    found = again()
    assert found is not None
    assert found.stamps["data.root"]["files"] > 30


def test_what_a_run_began_with_is_not_needed_to_go_on(run, resolved, data, tmp_path):
    """The data came from another machine with other times, the earlier run did not come."""
    os.utime(data / "images" / "p0_0.png")
    config = resolved.config.replace(model={"initial_run": str(tmp_path / "left there")})
    later = Resolved(resolved.system, resolved.profile, config, {})
    with pytest.raises(MissingError, match="left there"):
        inspect_changed(run, later, later)  # it has no checkpoint, and begins anew
    run.checkpoint_folder(5).mkdir(parents=True)
    (run.checkpoint_folder(5) / "progress.json").write_text("{}")
    found = inspect_changed(run, later, later)
    assert found is not None
    assert found.ok
