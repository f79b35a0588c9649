"""People are told of kernels that are compiled, and of none that are found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from likeness import compiling
from likeness.compiling import when_compiling
from likeness.data.workers import in_order

KERNEL = """
import sys
from numba import njit
from likeness.compiling import when_compiling

@njit(cache=True)
def inner(x):
    return x + 1

@njit(cache=True)
def outer(x):
    return 2 * inner(x)

if __name__ == "__main__":
    told = []
    with when_compiling(lambda: told.append(1), patience=float(sys.argv[1])):
        assert outer(3) == 8
    print(len(told))
"""


def test_kernels_are_told_of_once_and_only_where_none_are_kept(tmp_path: Path) -> None:
    """The first ``data make`` on a machine was silent for minutes."""
    script = tmp_path / "kernel.py"
    script.write_text(KERNEL)
    environ = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(tmp_path / "kept"),
        "PYTHONPATH": str(Path(compiling.__file__).parents[1]),
    }

    def told() -> int:
        command = [sys.executable, str(script), "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
        return int(done.stdout)

    assert told() == 1  # of two kernels
    assert told() == 0
    shutil.rmtree(tmp_path / "kept")
    assert told() == 1


def compiled(number: int) -> int:
    """A kernel that is kept nowhere."""

    @numba.njit
    def twice(x: Any) -> Any:
        return 2 * x

    return int(twice(number))


def test_a_moment_is_not_told_of() -> None:
    told: list[int] = []
    with when_compiling(lambda: told.append(1), patience=3600.0):
        assert compiled(2) == 4
    assert told == []
    with when_compiling(lambda: told.append(1), patience=0.0):
        assert compiled(3) == 6
    assert told == [1]
    assert compiled(4) == 8
    assert told == [1]  # not outside


@pytest.mark.parametrize(("patience", "lines"), [(0.0, 1), (3600.0, 0)])
def test_workers_tell_through_their_parent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, patience: float, lines: int
) -> None:
    monkeypatch.setattr(compiling, "PATIENCE", patience)
    with caplog.at_level("INFO", logger="likeness"):
        assert list(in_order(compiled, [1, 2, 3, 4], workers=2)) == [2, 4, 6, 8]
    assert [record.getMessage() for record in caplog.records].count(compiling.COMPILING) == lines
