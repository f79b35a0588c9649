from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likeness.errors import MissingError
from likeness.runs.record import Recorder, TrackingSettings
from likeness.runs.run import Run
from likeness.runs.trackers import open_trackers

CONFIG = {"system": "toy", "train": {"steps": 9, "learning_rate": 0.5, "betas": [0.9, 0.99]}}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, "toy", "run", "system: toy\n")


def fill(run: Run, settings: TrackingSettings, *, step: int = 0) -> None:
    pixels = np.zeros((5, 7, 3), np.uint8)
    pixels[2, 3] = (255, 128, 0)
    Image.fromarray(pixels).save(run.path / "face.png")
    (run.path / "words.txt").write_text("hello <b>")
    (run.path / "voice.wav").write_bytes(b"no tracker shows this")
    trackers = open_trackers(run, settings, step=step, config=CONFIG)
    with Recorder(run.metrics_path, step=step, trackers=trackers) as recorder:
        recorder.write(step + 1, {"loss/total": 0.5, "names": ["not a number"]})
        recorder.write(step + 2, {"loss/total": 0.25})
        names = ("face.png", "words.txt", "voice.wav")
        recorder.media(step + 2, {f"preview/{name}": run.path / name for name in names})


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """Records of a LevelDB log (log_format.md of LevelDB): blocks of 32 KiB, each fragment with a
    checksum, a length and whether it is whole (1), first (2), middle (3) or last (4). The file of
    Weights & Biases has 7 bytes of its own in front, which count in the first block."""
    position, parts = 7, b""
    while position < len(data) + 7:
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position - 7)
        parts += data[position : position + length]
        position += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


def test_nothing_is_opened_by_default(run: Run) -> None:
    assert open_trackers(run, TrackingSettings(), step=0, config=CONFIG) == []


def test_tensorboard_reads_back(run: Run) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    fill(run, TrackingSettings(tensorboard=True))
    events = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    scalars = [(event.step, event.value) for event in events.Scalars("loss/total")]
    assert scalars == [(1, 0.5), (2, 0.25)]
    image = events.Images("preview/face.png")[0]
    assert (image.step, image.height, image.width) == (2, 5, 7)
    text = events.Tensors("preview/words.txt/text_summary")[0]
    assert tensor_util.make_ndarray(text.tensor_proto).item() == b"hello <b>"
    assert "preview/voice.wav" not in str(events.Tags())
    from tensorboard.plugins.hparams import plugin_data_pb2

    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert settings["train.learning_rate"].number_value == 0.5
    assert settings["train.betas"].string_value == "[0.9, 0.99]"


def test_tensorboard_hides_the_steps_done_again(run: Run) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fill(run, TrackingSettings(tensorboard=True))
    fill(run, TrackingSettings(tensorboard=True), step=1)
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/total")] == [1, 2, 3]


def test_weights_and_biases_offline_reads_back(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_DIR", str(tmp_path))  # the run's folder wins
    fill(run, TrackingSettings(wandb="offline", wandb_project="faces"))
    files = list((run.path / "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 1
    deadline, records = time.monotonic() + 20, []
    while not any(record.HasField("exit") for record in records):
        assert time.monotonic() < deadline
        time.sleep(0.05)  # the service flushes the file a moment after finish() returns
        data = files[0].read_bytes()[7:]
        records = [wandb_internal_pb2.Record.FromString(part) for part in leveldb_records(data)]
    rows: list[dict[str, Any]] = []
    settings: dict[str, Any] = {}
    project = ""
    for record in records:
        if record.HasField("run"):
            project = record.run.project or project
            settings |= {u.key: json.loads(u.value_json) for u in record.run.config.update}
        if record.HasField("history"):
            items = record.history.item
            rows.append({(i.key or i.nested_key[0]): json.loads(i.value_json) for i in items})
    losses = [(row["step"], row["loss/total"]) for row in rows if "loss/total" in row]
    assert losses == [(1, 0.5), (2, 0.25)]
    assert project == "faces"
    assert settings["train.steps"] == 9
    keys = {key for row in rows for key in row}
    assert {"preview/face.png", "preview/words.txt"} <= keys
    assert "preview/voice.wav" not in keys


@pytest.mark.parametrize(
    ("module", "settings", "extra"),
    [
        ("tensorboard", TrackingSettings(tensorboard=True), "likeness[tensorboard]"),
        ("wandb", TrackingSettings(wandb="offline"), "likeness[wandb]"),
    ],
)
def test_a_missing_extra_is_named(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    settings: TrackingSettings,
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingError, match=f"'{module}' is needed to mirror") as caught:
        open_trackers(run, settings, step=0, config=CONFIG)
    assert extra in caught.value.advice
