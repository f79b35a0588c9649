from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from likeness.errors import DataError
from likeness.runs.run import Run
from likeness.runs.status import Status


def new_run(root: Path) -> Run:
    return Run.create(root, "face-encoder", "first", "train: {}\n")


def test_status_names_its_process(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.set_status("running", step=7, total_steps=9)
    status = run.status
    assert (status.status, status.step, status.total_steps) == ("running", 7, 9)
    assert (status.pid, status.host) == (os.getpid(), socket.gethostname())
    assert status.is_alive
    assert not status.is_abandoned
    run.set_status("failed", step=8, error="ValueError: no")
    assert run.status.error == "ValueError: no"
    assert not run.status.is_alive


def test_a_dead_process_is_recognised(tmp_path: Path) -> None:
    code = "import sys; from likeness.runs.run import Run; Run(sys.argv[1]).set_status('running')"
    run = new_run(tmp_path)
    subprocess.run(
        [sys.executable, "-c", code, str(run.path)],
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert run.status.is_abandoned
    with run.held():
        pass


def test_a_reused_process_number_and_another_host_are_not_it() -> None:
    own = {"status": "running", "pid": os.getpid(), "host": socket.gethostname()}
    assert not Status(**own, process_start=1).is_alive
    elsewhere = Status(status="running", pid=os.getpid(), host="elsewhere")
    assert not elsewhere.is_alive
    assert not elsewhere.is_abandoned  # nobody here can tell


def test_status_is_never_seen_half_written(tmp_path: Path) -> None:
    """A reader that polls while another process writes always gets whole JSON."""
    run = new_run(tmp_path)
    code = (
        "import sys\nfrom likeness.runs.run import Run\nrun = Run(sys.argv[1])\n"
        "for step in range(150): run.set_status('running', step=step, error='x' * step * 40)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], cwd=Path(__file__).resolve().parents[2]
    )
    seen = set()
    while writer.poll() is None:
        status = run.status
        assert len(status.error) == status.step * 40
        seen.add(status.step)
    assert writer.returncode == 0
    assert len(seen) > 1
    assert not [path for path in run.path.iterdir() if path.suffix == ".part"]


def test_a_run_whose_process_died_before_it_trained_is_abandoned(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    assert not run.status.is_abandoned
    code = "import sys; from likeness.runs.run import Run; Run(sys.argv[1]).set_status('planned')"
    subprocess.run(
        [sys.executable, "-c", code, str(run.path)],
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert run.status.is_abandoned


@pytest.mark.parametrize("values", [{"status": 5}, {"status": "running", "step": "x"}, {"x": 1}])
def test_a_status_of_the_wrong_types_is_named(tmp_path: Path, values: dict[str, Any]) -> None:
    run = new_run(tmp_path)
    run.status_path.write_text(json.dumps(values))
    with pytest.raises(DataError, match=r"status\.json is not a status") as caught:
        _ = run.status
    assert "pydantic" not in caught.value.message
    wrong = "step" if "step" in values else next(iter(values))
    assert re.search(rf"this version: .*\b{wrong}\b", caught.value.message)
