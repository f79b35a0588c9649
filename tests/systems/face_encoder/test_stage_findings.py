"""Stages that learn from the truth, and data without one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from likeness import workflow
from likeness.errors import DataError
from tests.systems.face_encoder.inspecting import found
from tests.systems.face_encoder.toy import SMALL_MODEL


@pytest.fixture
def words(dataset: Path, toy_folder: Path, tmp_path: Path) -> list[str]:
    """Settings that train on a copy of the dataset whose photographs for training have no truth."""
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    for line in (data / "index.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["split"] == "train":
            (data / "truth" / f"{row['id']}.npz").unlink()
    return [f"model.head={toy_folder}", f"data.root={data}", *SMALL_MODEL]


def _planned(words: list[str], *stages: str) -> workflow.Planned:
    overrides = [*words, *stages]
    return workflow.plan_training("face-encoder", profile="smoke", overrides=overrides)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("{supervised: 1}", "supervised"),
        ("{reg_shape: 1, supervised_shape: {start: 0.1, end: 1}}", "supervised_shape"),
        ("{supervised: 1, shape_consistency: 1, landmark: 0}", "supervised"),
    ],
)
def test_a_stage_of_the_truth_alone_is_refused_on_data_without_one(
    words: list[str], weights: str, told: str
) -> None:
    """It trained to the end with a loss of 0."""
    with pytest.raises(DataError) as caught:
        _planned(words, f"stages.0.weights={weights}")
    (name,) = {
        stage.name
        for stage in workflow.configure("face-encoder", profile="smoke").config.stages[:1]
    }
    assert (
        f"Stage '{name}' learns from the truth alone ({told}), and no photograph of the split "
        in caught.value.message
    )
    assert f"stages.{name}.weights.landmark=1" in caught.value.message
    assert "See all findings" not in caught.value.advice


def test_a_stage_of_the_truth_and_landmarks_is_warned_of_on_data_without_one(
    words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    only = ("stages.1.steps=0", "stages.2.steps=0")
    planned = _planned(words, "stages.0.weights={landmark: 1, supervised: 1}", *only)
    (finding,) = found(planned.inspection, "no-truth")
    assert finding.severity == "warning"
    assert finding.message.startswith("supervised of stage '")
    assert finding.message in [record.getMessage() for record in caplog.records]
    assert not found(
        _planned(words, "stages.0.weights={landmark: 1}", *only).inspection, "no-truth"
    )


def test_a_stage_of_the_truth_alone_learns_from_data_with_one(
    dataset: Path, toy_folder: Path
) -> None:
    words = [f"model.head={toy_folder}", f"data.root={dataset}", *SMALL_MODEL]
    planned = _planned(words, "stages.0.weights={supervised: 1}")
    assert not found(planned.inspection, "no-truth")
