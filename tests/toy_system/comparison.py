"""What two runs of the toy system must have in common to count as equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from likeness.runs import selection
from likeness.runs.record import read_metrics
from likeness.runs.run import Run

MEASURED = {"time", "samples_per_second", "data_wait_fraction", "memory_gigabytes"}


def new_run(folder: Path, name: str = "toy") -> Run:
    return Run.create(folder, "toy", name, "system: toy\n")


def facts(run: Run) -> dict[str, Any]:
    """Everything a run ends with that does not depend on the clock."""
    last = selection.find(run)
    rows = read_metrics(run.metrics_path)
    return {
        "weights": last.weights(),
        "ema": last.weights(ema=True),
        "optimizer": last.optimizer(),
        "state": last.state(),
        "metrics": [{k: v for k, v in row.items() if k not in MEASURED} for row in rows],
        "samples": last.progress.samples_seen,
        "updates": last.progress.updates,
    }


def assert_equal(found: Any, expected: Any, path: str = "") -> None:
    """Exact equality of nested dicts, lists, tensors and numbers."""
    assert type(found) is type(expected), path
    if isinstance(expected, dict):
        assert list(found) == list(expected), path
        for key in expected:
            assert_equal(found[key], expected[key], f"{path}/{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_equal(one, other, f"{path}[{index}]")
    elif isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype, path
        assert torch.equal(found, expected), path
    else:
        assert found == expected, path
