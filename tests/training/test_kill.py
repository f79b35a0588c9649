from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_killed_runs_end_as_uninterrupted_ones(tmp_path: Path) -> None:
    """A small version of the benchmark: ten kills of runs that save at every step."""
    output = tmp_path / "kill.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kill", "--kills", "10", "--output", str(output)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(output.read_text())
    assert result["kills"] == 10
    assert result["different_runs"] == 0
    assert result["runs"] >= 1
