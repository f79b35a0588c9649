"""How a training process ends: signals, and a second process on the same run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from likeness.errors import UsageError
from likeness.runs import selection
from likeness.runs.checkpoint import checkpoints
from tests.toy_system.comparison import new_run
from tests.toy_system.system import (
    ToyConfig,
    toy_settings,
)
from tests.training.cases import fit

ROOT = Path(__file__).resolve().parents[2]


_SCRIPT = """
import sys
from pathlib import Path
from likeness.runs.run import Run
from likeness.training import trainer
from tests.toy_system.system import *
import time

class Slow(ToySystem):
    def losses(self, batch, context):
        print("step", context.step, flush=True)
        time.sleep(float(sys.argv[3]))
        return super().losses(batch, context)

settings = toy_settings(save_every=1000, workers=int(sys.argv[2]))
stages = [Stage(name="only", steps=1000, weights={"fit": 1.0})]
system = Slow(ToyConfig(), toy_system().placement)
outcome = trainer.fit(system, toy_plan(settings, stages), Run(Path(sys.argv[1])), settings)
sys.exit(130 if outcome.status == "stopped" else 0)
"""


def _started(run: Any, workers: int, seconds: float = 0.05) -> subprocess.Popen[str]:
    """A training process that is in its third step; every step takes some seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(run.path), str(workers), str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "step 2\n":
            return process
    raise AssertionError("the process ended before its third step")


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGTERM, 2), (signal.SIGINT, 0)], ids=["term", "int"]
)
def test_a_signal_to_the_whole_group_finishes_the_step_and_saves(
    tmp_path: Path, number: int, workers: int
) -> None:
    run = new_run(tmp_path)
    process = _started(run, workers)
    os.killpg(process.pid, number)
    assert process.wait(20) == 130
    status = run.status
    assert status.status == "stopped"
    assert 3 <= status.step < 10
    assert [c.step for c in checkpoints(run)] == [status.step]
    selection.find(run)  # verifies the hashes


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    process = _started(run, 0, seconds=1.5)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT
    assert checkpoints(run) == []
    assert run.status.status == "running"
    assert run.status.is_abandoned


def test_one_run_is_trained_by_one_process(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    process = _started(run, 0)
    try:
        with pytest.raises(UsageError, match=f"is being trained by process {process.pid}"):
            fit(run, ToyConfig(), toy_settings(), resume=True)
    finally:
        process.kill()
        process.wait()
    assert run.status.is_abandoned
