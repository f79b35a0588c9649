"""Faults of studio photographs: inspection reports each, where it was put, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.systems.face_encoder.data import CONTRACT, FaceWriter
from likeness.systems.face_encoder.studio_faults import FAULTS, FAULTS_FILE, put_faults

SIDE = 96


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eighteen noise pictures of six people, five of them for training."""
    rng = np.random.default_rng(0)
    turns = np.linspace(0.0, 2.0 * np.pi, 68, endpoint=False)
    points = 48.0 + 30.0 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    points[36:42] = np.array([35.0, 40.0]) + rng.uniform(-2, 2, (6, 2))
    points[42:48] = np.array([60.0, 40.0]) + rng.uniform(-2, 2, (6, 2))
    folder = tmp_path / "set"
    head = {"name": "noise", "fingerprint": "0" * 64}
    provenance = {"source": "test", "consent": "noise"}
    with FaceWriter(str(folder), head=head, provenance=provenance) as writer:
        for number in range(18):
            writer.write(
                {
                    "id": f"{number:02d}",
                    "image": rng.random((SIDE, SIDE, 3)).astype(np.float32),
                    "landmarks": points,
                    "mask": np.zeros((SIDE, SIDE), np.uint8),
                    "truth": {
                        "shape": np.zeros(9, np.float32),
                        "head_rotation": np.eye(3, dtype=np.float32),
                    },
                    "person": str(number // 3),
                    "split": "validation" if number >= 15 else "train",
                }
            )
    return folder


def _reported(root: Path) -> set[tuple[str, str]]:
    """(path, code) of all findings but the one that photographs are few."""
    found = CONTRACT.inspect(str(root)).findings
    return {(one.path, one.code) for one in found if one.code != "few-photographs"}


def test_inspection_reports_exactly_what_was_put_in(root):
    assert _reported(root) == set()
    put_faults(root, [f"{number:02d}" for number in range(15)], list(FAULTS))
    rows = json.loads((root / FAULTS_FILE).read_text())
    assert [row["code"] for row in rows] == list(FAULTS)
    assert _reported(root) == {(row["path"], row["code"]) for row in rows}


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_alone_is_reported_alone(root, code):
    put_faults(root, ["04"], [code])
    (row,) = json.loads((root / FAULTS_FILE).read_text())
    assert "04" in row["path"]
    assert _reported(root) == {(row["path"], code)}


def test_unknown_faults_and_too_few_photographs_are_refused(root):
    with pytest.raises(UsageError, match="no fault moustache"):
        put_faults(root, ["00"], ["moustache"])
    with pytest.raises(UsageError, match="2 faults need as many photographs; 1 are"):
        put_faults(root, ["00"], ["image-turned", "truth-length"])
    assert not (root / FAULTS_FILE).exists()
