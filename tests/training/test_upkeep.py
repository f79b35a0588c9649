from __future__ import annotations

from pathlib import Path

import pytest

from likeness.storage.opening import open_store
from likeness.storage.store import StorageSettings
from likeness.training import upkeep
from likeness.training.upkeep import Upkeep
from tests.toy_system.comparison import new_run
from tests.toy_system.system import toy_settings


def test_a_running_run_is_told_of_every_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(upkeep.time, "monotonic", lambda: now[0])
    run = new_run(tmp_path)
    kept = Upkeep(run, toy_settings(), total_steps=9, store=None, is_first=True)
    seen = []
    for step, seconds in ((1, 0.0), (2, 9.0), (3, 1.5), (4, 9.9), (5, 0.2)):
        now[0] += seconds
        kept.tell_now_and_then(step)
        seen.append(run.status.step)
    assert seen == [1, 1, 3, 3, 5]
    kept.tell("finished", 9, reason="enough")
    status = run.status
    assert (status.status, status.step, status.total_steps) == ("finished", 9, 9)
    assert status.reason == "enough"


def test_other_processes_leave_the_directory_alone(tmp_path: Path) -> None:
    run, store = new_run(tmp_path), open_store(tmp_path / "copy", settings=StorageSettings())
    before = run.status_path.read_bytes()
    half = run.checkpoints_path / ".step-00000001.part"
    half.mkdir(parents=True)
    other = Upkeep(run, toy_settings(), total_steps=9, store=store, is_first=False)
    other.tell("running", 1)
    other.tidy()
    other.copy(must_succeed=True)
    assert run.status_path.read_bytes() == before
    assert half.is_dir()
    assert not (tmp_path / "copy").exists()
