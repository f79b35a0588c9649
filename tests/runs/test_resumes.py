from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from likeness.runs.resumes import note_resume, threads_before
from likeness.runs.run import Run


def run_with(folder: Path, first: int, *resumes: tuple[int, int]) -> Run:
    """A run that began with so many threads; resumes are a step and threads."""
    environment: dict[str, Any] = {"device": {"type": "cpu", "threads": first}}
    run = Run.create(folder, "toy", "threads", "system: toy\n", environment=environment)
    for step, threads in resumes:
        note_resume(run, {"device": {"type": "cpu", "threads": threads}}, step=step)
    return run


@pytest.mark.parametrize(
    ("resumes", "step", "expected"),
    [
        ((), 10, [2]),
        ((), 0, []),  # nothing is done yet
        (((5, 4),), 10, [2, 4]),
        (((5, 4), (5, 2)), 10, [2]),  # it was killed before it saved a step
        (((5, 4), (8, 2)), 10, [2, 4]),
        (((5, 4), (8, 2), (3, 2)), 10, [2]),  # it went back behind them
        (((0, 4),), 10, [4]),  # the first was killed before it saved a step
        (((10, 4),), 10, [2]),
    ],
)
def test_the_threads_of_the_steps_that_are_left_count(
    tmp_path: Path, resumes: tuple[tuple[int, int], ...], step: int, expected: list[int]
) -> None:
    found = threads_before(run_with(tmp_path, 2, *resumes), step)
    assert sorted(found) == sorted(expected)


def test_a_damaged_record_is_left_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_with(tmp_path, 2)
    place = run.path / "environment.json"
    place.write_text("{broken")
    note_resume(run, {"python": "3"}, step=4)
    assert place.read_text() == "{broken"
    assert "environment.json is not JSON" in caplog.text
    assert threads_before(run, 4) == []


def test_a_record_that_is_gone_begins_anew(tmp_path: Path) -> None:
    run = run_with(tmp_path, 2)
    (run.path / "environment.json").unlink()
    note_resume(run, {"python": "3"}, step=4)
    (entry,) = json.loads((run.path / "environment.json").read_text())["resumed"]
    assert (entry["step"], entry["python"]) == (4, "3")
