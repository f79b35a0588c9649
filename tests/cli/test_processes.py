"""Processes that train from the command line: ended by signals, started and lost together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from likeness.runs.record import read_metrics
from likeness.runs.run import Run
from tests.cli.conftest import Command, environment
from tests.training.two_processes import free_port, launched


def test_ctrl_c_saves_and_a_resume_finishes(
    folder: Path, installed: Path, data: Path, likeness: Command
) -> None:
    """Exit code 130 after a clean save; two signals are not needed."""
    command = [
        *(sys.executable, "-m", "likeness", "train", "toy", "data.root=data", "--json"),
        *("train.steps=100000", "train.evaluate_every=0", "train.save_every=0"),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment(installed), text=True
    )
    path = _running(folder / "runs" / "toy")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    document = json.loads(out)
    assert document["status"] == "stopped"
    run = Run(path)
    assert run.status.status == "stopped"
    step = document["step"]
    assert 0 < step < 100000
    assert run.checkpoint_folder(step).is_dir()
    rows = read_metrics(run.metrics_path)
    assert rows[-1]["step"] <= step


def test_a_process_whose_other_is_killed_says_so(folder: Path, installed: Path, data: Path) -> None:
    port = free_port()
    command = [
        *(sys.executable, "-m", "likeness", "train", "toy", "data.root=data"),
        *("train.steps=100000", "train.evaluate_every=0"),
    ]
    both = [
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=environment(installed) | launched(rank, port),
        )
        for rank in range(2)
    ]  # fmt: skip
    path = _running(folder / "runs" / "toy")
    both[1].kill()
    _, told = both[0].communicate(timeout=60)
    both[1].communicate()
    assert both[0].returncode == 1
    assert "Another process of this training ended" in told
    assert f"likeness resume runs/toy/{path.name}" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wait_for_other_processes_is_told_and_can_be_ended(
    folder: Path, installed: Path, data: Path, number: int
) -> None:
    """As with a launcher's variables left in a shell: nobody else ever comes."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "likeness", "train", "toy", "data.root=data"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=environment(installed) | launched(0, port),
    )  # fmt: skip
    assert process.stderr is not None
    told = next(line for line in process.stderr if "waits" in line)
    assert f"Process 0 waits for the others of 2 to come to 127.0.0.1:{port}" in told
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not list((folder / "runs").glob("toy/*"))


def _running(folder: Path) -> Path:
    """Wait until a run below the folder has recorded something."""
    for _ in range(600):
        for path in folder.glob("*/metrics.jsonl"):
            if path.stat().st_size > 0:
                return path.parent
        time.sleep(0.1)
    raise AssertionError("the run did not start")


def test_other_processes_of_a_launch_stay_silent(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    words = ("train", "toy", "--profile", "smoke", "data.root=data", "--dry-run")
    result = likeness(*words, "--json")
    assert (result.code, result.out) == (0, "")


@pytest.mark.slow
def test_two_processes_train_one_run(folder: Path, installed: Path, data: Path) -> None:
    done: Any = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("--standalone", "-m", "likeness"),
            *("train", "toy", "--profile", "smoke", "data.root=data", "train.steps=4", "--json"),
        ],
        capture_output=True,
        text=True,
        env=environment(installed),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["status"], document["step"]) == ("finished", 4)
    assert len(list(Path("runs/toy").iterdir())) == 1
