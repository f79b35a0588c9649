from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from likeness.runs.record import Recorder, read_metrics


class Listener:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.heard.append((step, dict(values)))

    def media(self, step: int, name: str, path: Path) -> None:
        self.heard.append((step, name, path))

    def close(self) -> None:
        self.heard.append("closed")


def write(path: Path, rows: list[dict[str, object]], tail: str = "") -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + tail)


def test_lines_are_complete_json(tmp_path: Path) -> None:
    path, listener = tmp_path / "metrics.jsonl", Listener()
    with Recorder(path, step=0, trackers=[listener]) as recorder:
        recorder.write(10, {"loss/total": 0.1 + 0.2, "nonfinite_ids": ["é"], "bad": float("nan")})
        recorder.media(10, {"preview/a": tmp_path / "a.png"})
        first = path.read_text()  # on its way at once, not at the end
        recorder.write(20, {"loss/total": 1})
        recorder.flush()
    lines = path.read_text().splitlines()
    assert first == lines[0] + "\n"
    row = json.loads(lines[0])
    assert list(row) == ["step", "time", "loss/total", "nonfinite_ids", "bad"]
    assert row["loss/total"] == 0.1 + 0.2
    assert row["nonfinite_ids"] == ["é"]
    assert row["bad"] is None
    assert listener.heard == [
        (10, {"loss/total": 0.1 + 0.2}),
        (10, "preview/a", tmp_path / "a.png"),
        (20, {"loss/total": 1.0}),
        "closed",
    ]


@pytest.mark.parametrize("tail", ["", '{"step": 40, "loss', '{"step": 40}', "\x00\x00"])
def test_what_lies_behind_the_checkpoint_is_dropped(tmp_path: Path, tail: str) -> None:
    """A torn last line, one without its end, and complete lines of steps that are done again."""
    path = tmp_path / "metrics.jsonl"
    write(path, [{"step": s, "x": s / 3} for s in (10, 20, 20, 30)], tail)
    with Recorder(path, step=20) as recorder:
        recorder.write(30, {"x": 10.0})
    rows = read_metrics(path)
    assert [(row["step"], row["x"]) for row in rows] == [
        (10, 10 / 3),
        (20, 20 / 3),
        (20, 20 / 3),
        (30, 10.0),
    ]


def test_an_undamaged_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step":10,"x":0.5}\n')  # other spacing than ours
    before = path.stat().st_ino
    Recorder(path, step=10).close()
    assert path.stat().st_ino == before
    assert path.read_text() == '{"step":10,"x":0.5}\n'


def test_reading_passes_a_torn_line_by(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == []
    path.write_text('{"step": 1}\nnot json\n{"step": 2}\n{"step": 3')
    assert read_metrics(path) == [{"step": 1}, {"step": 2}]
    assert "metrics.jsonl:2 is no line of metrics" in caplog.text


def test_a_line_whose_step_is_no_number_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2}\n{"step": "a", "loss": 3}\n{"step": 2, "loss": 1}\n')
    assert [row["step"] for row in read_metrics(path)] == [1, 2]
