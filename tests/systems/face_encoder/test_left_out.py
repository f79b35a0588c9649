"""What a preparation left out is said again whenever somebody looks at the dataset."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.prepare import prepare
from tests.systems.face_encoder.inspecting import found, only


@pytest.fixture
def prepared(tmp_path: Path, dataset: Path) -> Path:
    """Two of its photographs have landmarks that cannot be used."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in (dataset / "images").iterdir():
        shutil.copy(path, photos)
        shutil.copy(dataset / "landmarks" / f"{path.stem}.npy", photos)
    for name in ("p1_0", "p2_1"):
        np.save(photos / f"{name}.npy", np.zeros((3, 2)))
    out = tmp_path / "out"
    inspection = prepare(str(photos), str(out), person_from="_", workers=1)
    assert [f.path for f in found(inspection, "left-out")] == ["p1_0.png", "p2_1.png"]
    assert inspection.counts["left_out"] == 2
    return out


def test_inspect_says_what_prepare_left_out(prepared: Path) -> None:
    notice = only(prepared, "left-out", "advice")
    (first, _) = json.loads((prepared / "skipped.json").read_text())
    assert notice.path == "skipped.json"
    assert notice.message == (
        "2 files were left out when this was prepared: the first is 'p1_0.png': " + first["reason"]
    )
    rows = [first]
    (prepared / "skipped.json").write_text(json.dumps(rows))
    assert only(prepared, "left-out", "advice").message.startswith("A file was left out when")


@pytest.mark.parametrize("text", ["[", "{}", '["p1_0.png"]', '[{"file": "a.png"}]'])
def test_a_damaged_list_is_named(prepared: Path, text: str) -> None:
    (prepared / "skipped.json").write_text(text)
    finding = only(prepared, "left-out-unreadable", "warning")
    assert finding.path == "skipped.json"
    assert "Expected a list of" in finding.message


def test_nothing_is_said_where_nothing_was_left_out(prepared: Path) -> None:
    (prepared / "skipped.json").write_text("[]")
    assert found(CONTRACT.inspect(str(prepared)), "left-out") == []
