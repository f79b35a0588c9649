from __future__ import annotations

from pathlib import Path

from likeness.report.contents import read_contents
from likeness.report.sections import environment, verdict
from tests.report.example_run import ENVIRONMENT, example_run


def test_a_baseline_next_to_nothing_makes_no_percents() -> None:
    row = {"name": "jitter", "value": 0.19, "baseline": 1.5e-9, "direction": "lower"}
    assert "%" not in verdict(row)
    assert "worse" in verdict(row)
    assert "+900 %" in verdict({**row, "baseline": 0.019})


def test_each_resume_is_told_with_its_command_and_a_revision_that_differs(tmp_path: Path) -> None:
    run = example_run(tmp_path, steps=10)
    other = {"revision": "fedcba9876543210", "dirty": False, "changed_files": []}
    entry = {"time": "2026-11-21T12:00:00+00:00", "step": 700, "code": ENVIRONMENT["code"]}
    resumed = [
        {**entry, "command": "likeness resume <run>"},
        {**entry, "step": 900, "code": other, "command": "likeness resume run train.steps=9"},
    ]
    run.write("environment", {**ENVIRONMENT, "resumed": resumed})
    page = environment(read_contents(run))
    before, _, told = page.partition("<h3>Resumed</h3>")
    assert "0123456789ab</code> with local changes" in before
    assert told.count("2026-11-21T12:00:00+00:00") == 2
    assert "<code>likeness resume &lt;run&gt;</code>" in told
    assert "0123456789ab" not in told
    assert "<code>fedcba987654</code>" in told
    run.write("environment", ENVIRONMENT)
    assert "Resumed" not in environment(read_contents(run))
