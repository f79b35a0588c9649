"""Worker processes: their order, their errors, Ctrl-C at any moment, scripts that they import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from likeness.data.workers import beside, in_order
from likeness.errors import DataError, UsageError
from tests.data.scripts import ROOT, interrupted_importing, started


def doubled(number: int) -> int:
    time.sleep(0.05 if number % 3 == 0 else 0.0)  # the first of three is the last to be done
    return 2 * number


def leaves(number: int) -> int:
    if number == 3:
        os._exit(1)
    return number


def is_killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def advised(number: int) -> None:
    raise DataError("this is wrong", advice="do that")


def very_slow(number: int) -> int:
    time.sleep(60)
    return number


def tell_pid(path: Path) -> None:
    (path.parent / "writing").write_text(str(os.getpid()))
    os.replace(path.parent / "writing", path)


def threads(_: int) -> list[int]:
    import torch

    return [torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_process_computes_with_one_thread(workers, monkeypatch):
    """Whatever this machine would take: else values depend on how many cores summed them."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threadpool_limits(limits=2):
        for found in in_order(threads, [0, 1, 2, 3], workers):
            assert set(found) == {1}
    assert os.environ["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize("workers", [1, 3])
def test_values_come_in_the_order_of_their_tasks(workers):
    assert list(in_order(doubled, list(range(40)), workers)) == [2 * n for n in range(40)]


def test_a_lost_worker_is_explained():
    with pytest.raises(UsageError, match="was killed") as caught:
        list(in_order(is_killed, list(range(8)), workers=2))
    assert "out of memory" in caught.value.advice
    assert "fewer --workers" in caught.value.advice
    with pytest.raises(UsageError, match="ended without an answer") as caught:
        list(in_order(leaves, list(range(8)), workers=2))
    assert "The lines above" in caught.value.advice
    assert "memory" not in caught.value.advice


def test_fewer_than_no_workers_are_refused():
    with pytest.raises(UsageError, match="at least 0"):
        list(in_order(doubled, [1, 2], workers=-1))


def test_errors_of_workers_arrive_whole():
    with pytest.raises(DataError) as caught:
        list(in_order(advised, [1, 2], workers=2))
    assert (caught.value.message, caught.value.advice) == ("this is wrong", "do that")


def test_a_function_runs_beside_a_block_in_a_process_of_its_own(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with beside(partial(tell_pid, told)):
        deadline = time.monotonic() + 60
        while not told.is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        pid = int(told.read_text())  # while the block still runs
    assert pid != os.getpid()


def test_an_error_beside_a_block_arrives_whole():
    with pytest.raises(DataError) as caught, beside(partial(advised, 1)):
        pass
    assert (caught.value.message, caught.value.advice) == ("this is wrong", "do that")


def test_a_process_lost_beside_a_block_is_explained():
    killed = partial(is_killed, 3)
    with pytest.raises(UsageError, match="One of 1 worker processes was killed"), beside(killed):
        pass


def test_a_block_that_fails_waits_for_nothing_beside_it():
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError), beside(partial(very_slow, 1)):
        raise ZeroDivisionError
    assert time.monotonic() - began < 30  # the process beside it sleeps for 60


_SLOW_START = """
import os, time
from tests.data.test_workers import doubled
from likeness.data.workers import in_order
if __name__ == "__mp_main__":
    os.write(1, b"importing\\n")
    time.sleep(1.0)
if __name__ == "__main__":
    try:
        list(in_order(doubled, list(range(8)), 2))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_ctrl_c_while_workers_start_is_the_parents_alone(tmp_path: Path) -> None:
    """The signal goes to the whole group, as a terminal sends it."""
    output, errors, status = interrupted_importing(tmp_path / "script.py", _SLOW_START)
    assert errors == ""
    assert output.splitlines()[-1] == "interrupted"
    assert status == 0


_INTERRUPTED_START = """
import os, signal
from multiprocessing.process import BaseProcess
from tests.data.test_workers import doubled
from likeness.data.workers import in_order
if __name__ == "__main__":
    start = BaseProcess.start
    def interrupted(process):
        os.killpg(0, signal.SIGINT)
        start(process)
        print(process.is_alive(), flush=True)
    BaseProcess.start = interrupted
    try:
        list(in_order(doubled, list(range(8)), 2))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_ctrl_c_while_a_worker_is_being_started_waits_until_it_is(tmp_path: Path) -> None:
    process = started(tmp_path / "script.py", _INTERRUPTED_START)
    output, errors = process.communicate(timeout=30)
    assert errors == ""
    assert output.splitlines() == ["True", "interrupted"]
    assert process.returncode == 0


_TWICE = """
import logging
from tests.data.test_workers import very_slow
from likeness.data.workers import in_order
from likeness.notices import NOTICE
if __name__ == "__main__":
    logging.basicConfig(level=NOTICE)
    print("started", flush=True)
    list(in_order(very_slow, [0, 1, 2, 3], 2))
"""


def test_a_second_ctrl_c_does_not_wait_for_the_workers(tmp_path: Path) -> None:
    """Both signals go to the whole group, as a terminal sends them."""
    process = started(tmp_path / "script.py", _TWICE)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(4.0)  # the workers are at their first pieces
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.4)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=15)
    assert process.returncode in (1, -signal.SIGINT)
    assert "KeyboardInterrupt" in errors
    assert "Finishing what 2 processes have begun; Ctrl-C again stops at once." in errors
    deadline = time.monotonic() + 10
    while (left := _has_members(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


_WITHOUT_GUARD = """
import likeness
likeness.make_data("face-encoder", "one", people=1, photos=1, size=64, workers=1)
likeness.make_data("face-encoder", "two", people=4, photos=1, size=64, workers=2)
"""


def test_a_script_without_a_guard_is_told_so_first(tmp_path: Path) -> None:
    """Its workers would make the same datasets; the parent alone says what is wrong."""
    script = tmp_path / "script.py"
    script.write_text(_WITHOUT_GUARD)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    said = f"likeness.errors.UsageError: Expected {script} to make its calls under 'if __name__"
    assert next(line for line in done.stderr.splitlines() if "Error: " in line).startswith(said)
    assert done.stderr.count("Traceback") == 1
    assert "memory" not in done.stderr
