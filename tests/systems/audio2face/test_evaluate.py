from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from likeness import workflow
from likeness.errors import DataError
from likeness.evaluation.protocol import Score, Scores
from likeness.runs.run import Run
from likeness.systems.audio2face import evaluate
from likeness.systems.audio2face.baselines import MeanPose, SpokenShot
from likeness.systems.audio2face.blendshape_solving import solve
from likeness.systems.audio2face.evaluate import _joined
from likeness.systems.audio2face.system import AudioToFace


def test_scores_stand_beside_the_mean_pose_and_each_shot_has_its_own(
    regression_run: Run,
) -> None:
    found = workflow.evaluate(regression_run, split="validation")
    scores = found.scores
    assert scores["lip_vertex_error"].baseline_name == "mean pose"
    assert [s.name for s in scores if s.unit == "ratio" and "over" in s.name] == [
        "lip_vertex_error_over_mean_pose",
        "lip_vertex_error_over_loudness_jaw",
        "lip_vertex_error_over_nearest_frame",
        "lip_vertex_error_over_ridge",
    ]
    error = scores["lip_vertex_error"]
    ratio = scores["lip_vertex_error_over_mean_pose"].value
    assert error.baseline is not None
    assert ratio == pytest.approx(error.value / error.baseline)
    rows = json.loads((found.folder / "shots_anna.json").read_text())
    assert list(rows) == ["joy_002"]
    own = {row["name"]: row["value"] for row in rows["joy_002"]}
    assert own["mean_vertex_error"] == pytest.approx(scores["mean_vertex_error"].value)


def test_baselines_are_fitted_once_in_a_run(
    regression_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []

    def counted(shots: Sequence[SpokenShot]) -> MeanPose:
        fitted.append(len(shots))
        return MeanPose.fit(shots)

    monkeypatch.setattr(evaluate, "BASELINES", {"mean pose": counted})
    opened = workflow.Predictor.with_data(regression_run)
    source = opened.system.sources("validation")["speech"]
    first, second = (
        opened.system.evaluate(opened.model, source, tmp_path / name) for name in ("a", "b")
    )
    assert len(fitted) == 1
    assert fitted[0] > 0
    assert first.to_list() == second.to_list()
    assert first["lip_vertex_error"].baseline_name == "mean pose"


def test_emotions_and_blendshapes_are_measured_over_a_second(
    regression_run: Run, small_dataset: Path
) -> None:
    import soundfile

    opened = workflow.Predictor.with_data(regression_run)
    source = opened.system.sources("validation")["speech"]
    scores = opened.system.evaluate(opened.model, source, small_dataset.parent / "scored")
    sound = soundfile.read(small_dataset / "data/anna/audio/joy_002.wav", dtype="float32")[0]
    model, faces = opened.model, []
    for name in ("neutral", "joy"):
        faces.append(model(audio=sound[:16000], emotion=name)["skin"])
    distances = [
        10 * np.linalg.norm(one[frame, vertex] - other[frame, vertex])
        for i, one in enumerate(faces)
        for other in faces[:i]
        for frame in range(len(one))
        for vertex in range(one.shape[1])
    ]
    apart = scores["emotion_separability"]
    assert apart.value == pytest.approx(np.mean(distances), rel=1e-4)
    assert (apart.unit, apart.direction, apart.count) == ("mm", "higher", len(faces[0]))
    shapes = model.artefacts(None).blendshapes
    assert shapes is not None
    moved = model(audio=sound, emotion="joy")["skin"] + model.artefacts(None).skin.mean
    moved = moved[: round(model.fps)]
    weights = solve(moved, shapes)
    left = moved - shapes.neutral - np.einsum("fp,pvc->fvc", weights, shapes.offsets)
    expected = 10 * np.sqrt((left**2).sum(2).mean())
    residual = scores["blendshape_residual"]
    assert residual.value == pytest.approx(expected, rel=1e-4)
    assert residual.baseline_name == "recorded face"


def test_the_mean_vertex_error_is_that_of_a_plain_loop(
    regression_run: Run, small_dataset: Path
) -> None:
    import soundfile

    model = workflow.Predictor.from_run(regression_run, device="cpu").model
    folder = small_dataset / "data" / "anna"
    truth = np.load(folder / "cache/skin/joy_002/joy_002.npy")
    sound = soundfile.read(folder / "audio/joy_002.wav", dtype="float32")[0]
    moved = model(audio=sound, emotion="joy")["skin"] + model.artefacts(None).skin.mean
    total = 0.0
    for frame in range(len(truth)):
        for vertex in range(truth.shape[1]):
            total += float(np.linalg.norm(moved[frame, vertex] - truth[frame, vertex]))
    expected = 10 * total / (len(truth) * truth.shape[1])  # mm
    scores = workflow.evaluate(regression_run, split="validation").scores
    assert scores["mean_vertex_error"].value == pytest.approx(expected, rel=1e-4)


def test_several_actors_count_by_their_frames(diffusion_run: Run) -> None:
    found = workflow.evaluate(diffusion_run, split="validation")
    each = [
        {
            row["name"]: row["value"]
            for row in json.loads((found.folder / f"shots_{name}.json").read_text())["joy_002"]
        }
        for name in ("anna", "ben")
    ]
    for name in ("mean_vertex_error", "mae_jaw", "mae_tongue"):
        mean = (each[0][name] + each[1][name]) / 2  # as many frames
        assert found.scores[name].value == pytest.approx(mean)


def test_joined_scores_are_weighted_and_none_is_lost() -> None:
    one = Scores([Score("a", 1.0, "mm", "lower", 10, 2.0, "mean pose")])
    two = Scores(
        [
            Score("a", 4.0, "mm", "lower", 20, 5.0, "mean pose"),
            Score("tongue", 7.0, "mm", "lower", 5, 8.0, "mean pose"),
        ]
    )
    joined = _joined([one, two])
    assert joined["a"].value == pytest.approx(3.0)
    assert joined["a"].baseline == pytest.approx(4.0)
    assert joined["a"].count == 30
    assert joined["tongue"].value == 7.0
    without = _joined([one, Scores([Score("a", 4.0, "mm", "lower", 20)])])["a"]
    assert (without.value, without.baseline, without.baseline_name) == (3.0, None, "")


def test_an_actor_for_testing_alone_is_scored_without_baselines(
    small_dataset: Path, tmp_path: Path
) -> None:
    import shutil

    from tests.systems.audio2face.small_runs import trained

    root = tmp_path / "data"
    shutil.copytree(small_dataset, root)
    description = root / "dataset.yaml"
    text = description.read_text()
    assert "['anna::joy_002', 'ben::joy_002']" in text
    more = "['anna::joy_002', 'ben::joy_001', 'ben::joy_002', 'ben::neutral_000']"
    description.write_text(text.replace("['anna::joy_002', 'ben::joy_002']", more))
    run = trained(root, tmp_path, profile="studio-diffusion")
    scores = workflow.evaluate(run, split="validation").scores
    assert scores["mean_vertex_error"].count == 4 * 12
    assert scores["mean_vertex_error"].baseline is None


def test_a_split_without_shots_says_so(regression_run: Run) -> None:
    with pytest.raises(DataError, match="no samples of the split 'test'") as told:
        workflow.evaluate(regression_run, split="test")
    assert told.value.advice is not None
    assert "Choose --split validation or --split train" in told.value.advice


def test_previews_are_spread_over_the_actors(diffusion_run: Run, tmp_path: Path) -> None:
    from likeness.media.image import load_image

    found = workflow.Predictor.with_data(diffusion_run)
    assert isinstance(found.system, AudioToFace)
    made = found.system.preview(found.model, tmp_path, 0)
    assert [path.name for path in made] == ["anna_joy_002.png", "ben_joy_002.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name for path in made]
    picture = np.asarray(load_image(made[0]))
    assert picture.shape[:2] == (2 * (20 + 160), 8 * 160)
    assert picture.std() > 0
