from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness import workflow
from likeness.errors import UsageError
from likeness.runs.run import Run
from likeness.systems.audio2face.regression_learner import RegressionPredictor
from tests.systems.audio2face.small_runs import trained


@pytest.fixture
def predictor(regression_run: Run) -> RegressionPredictor:
    found = workflow.Predictor.from_run(regression_run, device="cpu").model
    assert isinstance(found, RegressionPredictor)
    return found


def with_source(
    predictor: RegressionPredictor, shot: str | None, frame: int | None
) -> RegressionPredictor:
    predictor.postprocessing = predictor.postprocessing.replace(
        source_shot=shot, source_frame=frame
    )
    return predictor


def test_unset_it_is_the_most_usual_row_of_a_neutral_shot(predictor: RegressionPredictor) -> None:
    shot, frame = predictor.source_frame()
    assert shot == "neutral_000"
    place = predictor.rows.shot(shot)
    own = predictor.vectors[place.start : place.start + place.size].astype(np.float64)
    distances = [float(((row - own.mean(0)) ** 2).sum()) for row in own]
    assert frame == int(np.argmin(distances))


def test_a_shot_without_a_frame_is_held_at_its_first(predictor: RegressionPredictor) -> None:
    assert with_source(predictor, "joy_001", None).source_frame() == ("joy_001", 0)
    assert with_source(predictor, "joy_001", 5).source_frame() == ("joy_001", 5)


def test_rows_that_are_not_there_are_named(predictor: RegressionPredictor) -> None:
    with pytest.raises(UsageError, match="no shot 'anger_9'"):
        with_source(predictor, "anger_9", 0).session()
    with pytest.raises(UsageError, match=r"'joy_001' has 12 rows .* no row 12"):
        with_source(predictor, "joy_001", 12).session()


def test_a_shot_that_was_never_learned_is_told_with_those_that_were(
    predictor: RegressionPredictor, caplog: pytest.LogCaptureFixture
) -> None:
    """joy_002 is held out: its rows are what they were drawn as."""
    with_source(predictor, "joy_001", 3).session()
    assert caplog.text == ""
    assert with_source(predictor, "joy_002", 3).source_frame() == ("joy_002", 3)
    assert "found frame 3 of shot 'joy_002', which is not trained on" in caplog.text
    assert "Shots with learned emotions: 'joy_001', 'neutral_000'." in caplog.text


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (["source_shot=joy_002"], "frame 0 of shot 'joy_002', which is not trained on"),
        (["source_shot=joy_001", "source_frame=12"], "'joy_001' has 12 rows"),
        (["source_shot=sorrow"], "no shot 'sorrow'"),
    ],
)
def test_an_emotion_to_hold_that_is_never_learned_is_refused_before_training(
    small_dataset: Path, tmp_path: Path, held: list[str], message: str
) -> None:
    settings = [f"postprocessing.{setting}" for setting in held]
    with pytest.raises(UsageError, match=message):
        trained(small_dataset, tmp_path, "data.actors=[anna]", *settings)
    assert not list(tmp_path.rglob("checkpoints/*"))


def test_the_row_that_is_held_matters(predictor: RegressionPredictor) -> None:
    sound = np.zeros(8000, np.float32)
    predictor.vectors[predictor.rows.shot("joy_001").start] += 3.0
    one = with_source(predictor, "joy_001", 0)(audio=sound)["skin"]
    two = with_source(predictor, "joy_001", 1)(audio=sound)["skin"]
    assert np.abs(one - two).max() > 0


def test_defect_06_regression_predicts_in_python_and_on_a_cpu(
    predictor: RegressionPredictor,
) -> None:
    assert next(predictor.network.parameters()).device.type == "cpu"
    assert np.isfinite(predictor(audio=np.zeros(16000, np.float32))["skin"]).all()
