from __future__ import annotations

import errno
import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from likeness.errors import DataError, MissingError, UsageError
from likeness.runs.run import Run, step_name
from tests.disks import full_disk


def new(root: Path, **options: Any) -> Run:
    return Run.create(root, "face-encoder", "first", "train:\n  steps: 3\n", **options)


def test_a_new_run_has_its_descriptions(tmp_path: Path) -> None:
    run = new(tmp_path, plan={"total_steps": 3}, provenance={"train.steps": "file"})
    assert run.path.parent == tmp_path / "face-encoder"
    assert re.fullmatch(r"first-\d{6}-\d{6}", run.name)
    assert run.config_yaml == "train:\n  steps: 3\n"
    again = Run(run.path)
    assert again.read("plan") == {"total_steps": 3}
    assert again.read("provenance") == {"train.steps": "file"}
    assert again.read("environment") == again.read("inspection") == {}
    again.write("environment", {"python": "3.11"})
    assert json.loads((run.path / "environment.json").read_text()) == {"python": "3.11"}
    assert again.status.status == "planned"


def test_places(tmp_path: Path) -> None:
    run = new(tmp_path)
    assert step_name(1000) == "step-00001000"
    assert run.preview_folder(1000) == run.path / "previews" / "step-00001000"
    assert run.evaluation_folder(5) == run.path / "evaluation" / "step-00000005"
    assert run.export_folder("onnx") == run.path / "exports" / "onnx"
    assert run.preview_steps() == run.evaluation_steps() == []
    for step in (1000, 5):
        run.preview_folder(step).mkdir(parents=True)
        run.evaluation_folder(step).mkdir(parents=True)
    (run.path / "previews" / "notes").mkdir()
    (run.evaluation_folder(5) / "scores.json").write_text("[]")
    assert run.preview_steps() == [5, 1000]
    assert run.evaluation_steps() == [5]  # only complete ones


def test_an_existing_directory_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda pattern: "260102-030405")
    run = new(tmp_path)
    (run.path / "mine.txt").write_text("kept")
    with pytest.raises(UsageError, match=r"first-260102-030405 exists already") as caught:
        new(tmp_path)
    assert "--name" in caught.value.advice
    assert (run.path / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b"])
def test_names_that_are_no_folder_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a folder name"):
        Run.create(tmp_path, "toy", name, "")
    assert list(tmp_path.iterdir()) == []


def test_missing_runs_list_what_there_is(tmp_path: Path) -> None:
    run = new(tmp_path)
    with pytest.raises(UsageError, match="There is no run at") as caught:
        Run(run.path.parent / "frist")
    assert str(run.path) in caught.value.advice
    with pytest.raises(UsageError, match=r"is not a run: looked for config\.yaml"):
        Run(run.path.parent)
    (run.path / "plan.json").unlink()
    with pytest.raises(MissingError, match=r"Expected .*plan\.json, which holds the plan"):
        run.read("plan")


def test_damaged_descriptions_are_named(tmp_path: Path) -> None:
    run = new(tmp_path)
    (run.path / "plan.json").write_text("{")
    with pytest.raises(DataError, match=r"plan\.json is not JSON"):
        run.read("plan")
    (run.path / "plan.json").write_text("[]")
    with pytest.raises(DataError, match="should hold a JSON object, found list"):
        run.read("plan")
    run.status_path.write_text('{"status": "running", "mood": "good"}')
    with pytest.raises(DataError, match="newer version"):
        _ = run.status


def test_log_file_takes_what_the_package_logs(tmp_path: Path) -> None:
    run = new(tmp_path)
    with run.log_to_file():
        logging.getLogger("likeness.training").info("step %d", 3)
        logging.getLogger("elsewhere").warning("not ours")
    logging.getLogger("likeness.training").warning("after")
    text = run.log_path.read_text()
    assert "INFO likeness.training: step 3" in text
    assert "not ours" not in text
    assert "after" not in text


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "whatever the permissions"),
        (errno.EACCES, "permission"),
    ],
)
def test_a_disk_that_refuses_gives_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    run = new(tmp_path)
    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(UsageError) as caught:
        run.set_status("running")
    assert advice in caught.value.advice
    assert run.status.status == "planned"
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UsageError, match="Cannot create the run"):
        new(tmp_path / "other")


def test_importing_runs_needs_no_torch() -> None:
    modules = "run, checkpoint, selection, record, trackers, environment, mirror, files"
    code = f"import sys; from likeness.runs import {modules}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.stdout.strip() == "False"


def _started(code: str, run: Run) -> tuple[subprocess.Popen[str], str]:
    """Another process with a run as its argument, and the first line it says."""
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    return other, other.stdout.readline()


def test_only_one_process_holds_a_run(tmp_path: Path) -> None:
    """Also when both ask at the same moment; the lock goes with a killed process."""
    run = new(tmp_path)
    code = (
        "import sys, time; from likeness.runs.run import Run\n"
        "with Run(sys.argv[1]).held():\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    other, said = _started(code, run)
    assert said == "held\n"
    with pytest.raises(UsageError, match="is being trained by process"), run.held():
        pass
    other.kill()
    other.wait()
    with run.held(), run.held():  # not twice by the same object
        pass
    with Run(run.path).held():  # given back
        pass


def test_a_fork_that_outlives_a_killed_process_does_not_hold_the_run(tmp_path: Path) -> None:
    """As workers that load data do by seconds: resuming was refused in the dead process's name."""
    run = new(tmp_path)
    code = (
        "import multiprocessing, os, sys, time; from likeness.runs.run import Run\n"
        "def work():\n"
        "    print(os.getpid(), flush=True); time.sleep(60)\n"  # it has let go of the lock by now
        "with Run(sys.argv[1]).held():\n"
        "    multiprocessing.get_context('fork').Process(target=work).start(); time.sleep(60)"
    )
    other, said = _started(code, run)
    fork = int(said)
    try:
        with pytest.raises(UsageError, match="is being trained by process"), run.held():
            pass  # while the parent lives, whatever its fork has closed
        other.kill()
        other.wait()
        os.kill(fork, 0)  # it is there still
        with run.held():
            pass
    finally:
        os.kill(fork, signal.SIGKILL)


def test_a_run_killed_while_it_was_made_is_none(tmp_path: Path) -> None:
    """After whatever file the kill came: no run, or one with everything that describes it."""
    code = """
import os, sys
from likeness.runs.run import Run

real, left = os.replace, int(sys.argv[2])

def replace(source, target):
    global left
    if left == 0:
        os._exit(9)
    left -= 1
    real(source, target)

os.replace = replace
Run.create(sys.argv[1], "toy", "run", "system: toy\\n")
"""
    seen = set()
    for count in range(8):
        root = tmp_path / str(count)
        done = subprocess.run(
            [sys.executable, "-c", code, str(root), str(count)],
            cwd=Path(__file__).resolve().parents[2],
        )
        (folder,) = (root / "toy").iterdir()
        if done.returncode == 9:
            with pytest.raises(UsageError, match=r"is (not a|no whole) run") as caught:
                Run(folder)
            if (folder / "status.json").is_file():
                assert "killed while it was being made" in caught.value.message
                assert caught.value.advice == "Delete the folder, and begin again."
        else:
            assert Run(folder).status.status == "planned"
        seen.add(done.returncode)
    assert seen == {9, 0}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_a_run_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """An empty folder stayed, which was no run."""
    (tmp_path / "there").mkdir()

    def refuse(*arguments: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("likeness.runs.run.write_text", refuse)
        for root in ("there", "new"):
            with pytest.raises((KeyboardInterrupt, UsageError)):
                new(tmp_path / root / "runs")
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]
    run = new(tmp_path / "there")
    assert list(run.path.parent.iterdir()) == [run.path]


def test_a_log_that_a_full_disk_does_not_take_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with full_disk(tmp_path / "full", free=200_000) as disk:
        run = new(disk)
        with run.log_to_file():
            log = logging.getLogger("likeness.somewhere")
            log.warning("first")
            with pytest.raises(OSError, match="No space left"):
                (disk / "filler2").write_bytes(bytes(300_000))
            for _ in range(10):
                log.warning("x" * 5000)
        assert "first" in run.log_path.read_text()
    assert "Logging error" not in capsys.readouterr().err
