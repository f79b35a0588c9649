"""Training through the whole house: what a run keeps, starts from, and refuses."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness import workflow
from likeness.errors import LikenessError, MissingError, UnsafeFileError, UsageError
from likeness.models.resnet import build_trunk
from likeness.runs import selection
from likeness.runs.checkpoint import group_of
from likeness.runs.record import read_metrics
from likeness.systems.face_encoder.layouts import read_folder
from likeness.systems.face_encoder.prepare import prepare
from likeness.systems.face_encoder.trained import predictor_of
from tests.systems.face_encoder.small_runs import QUIET, train
from tests.systems.face_encoder.toy import (
    CROP_SIZE,
    SMALL_LAYOUT,
    SMALL_MODEL,
    build_system,
    context_with,
)


def test_a_frozen_backbone_stays_as_it_was_in_ten_steps_of_a_run(toy_folder, dataset, tmp_path):
    """Weights and running statistics of the norms; only what learns is in the optimiser."""
    words = ("model.freeze=backbone", "model.pooling=average")
    run = train(toy_folder, dataset, tmp_path, *words, steps=10)
    start = build_system(toy_folder, dataset, *words).network.state_dict()
    end = group_of(selection.find(run).weights(), "encoder")
    assert set(end) == set(start)
    moved = {name for name in start if not torch.equal(start[name], end[name])}
    assert moved == {"head.0.weight", "head.0.bias", "head.3.weight", "head.3.bias"}
    moments = torch.load(
        selection.find(run).path / "optimizer.pt", map_location="cpu", weights_only=True
    )
    assert sum("exp_avg" in str(key) for key in _flattened(moments)) == 2 * 4  # and exp_avg_sq


def test_a_backbone_frozen_for_a_stage_stands_still_and_learns_in_the_next(
    toy_folder, dataset, tmp_path
):
    """Weights and statistics, with weight decay too; afterwards both move again."""
    stages = ("stages.0.steps=3", "stages.1.steps=3", "stages.2.steps=1")
    words = ("stages.0.freeze_backbone=true", "train.weight_decay=0.5", "train.save_every=1",
             "train.keep_checkpoints=20", *stages)  # fmt: skip
    run = train(toy_folder, dataset, tmp_path, *words, steps=7)
    start = build_system(toy_folder, dataset).network.state_dict()
    still, later = (group_of(selection.find(run, step).weights(), "encoder") for step in (3, 6))
    moved = {name for name in start if not torch.equal(start[name], still[name])}
    assert moved
    assert not any(name.startswith("backbone.") for name in moved)
    again = {name for name in start if not torch.equal(still[name], later[name])}
    assert {name for name in start if "running_mean" in name} <= again
    assert any(name.startswith("backbone.") and name.endswith("weight") for name in again)


def _flattened(value: object, key: str = "") -> list[str]:
    if isinstance(value, dict):
        return [k for name, part in value.items() for k in _flattened(part, f"{key}/{name}")]
    if isinstance(value, (list, tuple)):
        return [k for n, part in enumerate(value) for k in _flattened(part, f"{key}/{n}")]
    return [key] if isinstance(value, torch.Tensor) else []


def test_a_run_alone_gives_its_predictor(trained, dataset):
    predictor = predictor_of(trained.path)
    vector = predictor(image=np.full((1, 3, CROP_SIZE, CROP_SIZE), 0.5, np.float32))["vector"]
    assert vector.shape == (1, SMALL_LAYOUT.dim)
    weights = group_of(selection.find(trained).weights(), "encoder")
    assert torch.equal(predictor.network.head[3].bias, weights["head.3.bias"])
    assert predictor.mean_landmarks is not None


def test_terms_that_do_not_exist_are_an_error_before_anything_is_opened(toy_folder, tmp_path):
    """A missing weight of the ancestor was 1, silently active; here it is 0, unknown an error."""
    with pytest.raises(UsageError, match="pixel"):
        train(toy_folder, tmp_path / "nowhere", tmp_path, "stages.0.weights.pixel=1")


def test_a_dataset_without_validation_trains_and_says_what_is_missing(
    toy_folder, dataset, tmp_path
):
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    text = "".join(json.dumps({**row, "split": "train"}) + "\n" for row in rows)
    (data / "index.jsonl").write_text(text)
    run = train(toy_folder, data, tmp_path / "runs", "train.preview_every=1")
    assert run.status.status == "finished"
    codes = {finding["code"] for finding in run.read("inspection")["findings"]}
    assert "no-validation" in codes
    with pytest.raises(UsageError, match="no validation samples"):
        train(toy_folder, data, tmp_path / "other", "train.evaluate_every=1")


def test_previews_are_grids_of_held_out_photographs(toy_folder, dataset, tmp_path):
    run = train(toy_folder, dataset, tmp_path, "train.preview_every=2")
    grids = sorted(run.path.glob("previews/*/grid.png"))
    assert [path.parent.name for path in grids] == ["step-00000000", "step-00000002"]


def test_groups_of_photographs_train_through_the_loop(toy_folder, dataset, tmp_path):
    words = ("data.photos_per_person=2", "stages.0.weights.shape_consistency=1")
    run = train(toy_folder, dataset, tmp_path, *words, "train.log_every=1")
    rows = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert min(row["loss/shape_consistency"] for row in rows if "loss/total" in row) > 0


def test_a_trained_encoder_finds_landmarks_for_new_photographs(trained, dataset, tmp_path):
    """``landmarks=run:PATH`` makes a dataset of photographs that have no landmarks."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("p0_0", "p1_0"):
        shutil.copy(dataset / "images" / f"{name}.png", photos)
    points = np.load(dataset / "landmarks" / "p0_0.npy")
    low, high = points.min(axis=0), points.max(axis=0)
    faces = tmp_path / "faces"
    faces.mkdir()
    box = [float(v) for v in (*low, *high)]
    (faces / "p0_0.json").write_text(json.dumps([{"box": box, "score": 0.9}]))
    (faces / "p1_0.json").write_text("[]")
    inspection = prepare(
        str(photos), str(tmp_path / "out"), landmarks=f"run:{trained.path}", detector="file",
        weights=str(faces),
    )  # fmt: skip
    assert [e.id for e in read_folder(tmp_path / "out").entries] == ["p0_0"]
    assert inspection.counts["left_out"] == 1
    found = np.load(tmp_path / "out" / "landmarks" / "p0_0.npy")
    # Two steps of training: about the mean face, in the right place and size.
    assert np.abs(found.mean(axis=0) - points.mean(axis=0)).max() < 0.4 * (high - low).max()
    assert 0.3 < np.ptp(found[:, 0]) / (high - low)[0] < 2


def test_a_run_records_the_parts_of_the_vector_and_shows_grids_and_texts(
    toy_folder, dataset, tmp_path
):
    words = ("train.log_every=1", "train.preview_every=1", "train.evaluate_every=2",
             "tracking.tensorboard=true", "evaluation.num_preview=1", "stages.0.steps=1",
             "stages.1.steps=1", "stages.2.steps=1")  # fmt: skip
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    run = train(toy_folder, dataset, tmp_path, *words, steps=3)
    rows = read_metrics(run.metrics_path)
    names = {name for row in rows for name in row}
    parts = [part for part in SMALL_LAYOUT.names if SMALL_LAYOUT.segment(part).dim]
    wanted = {f"param_stats/{part}/{kind}" for part in parts for kind in ("mean", "std", "absmax")}
    assert {name for name in names if name.startswith("param_stats/")} == wanted
    assert "score/photo_l1" in names
    events = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    tags = events.Tags()
    assert wanted | {"score/photo_l1", "stage"} <= set(tags["scalars"])
    assert set(tags["images"]) == {f"val/stage_{stage}/grid" for stage in range(3)}
    assert [image.step for image in events.Images("val/stage_0/grid")] == [0, 1]
    assert [image.step for image in events.Images("val/stage_2/grid")] == [3]

    def text(name: str) -> str:
        (event,) = events.Tensors(f"text/{name}/text_summary")
        return tensor_util.make_ndarray(event.tensor_proto).item().decode()

    assert text("config") == f"```\n{run.config_yaml.rstrip()}\n```"
    assert text("layout") == f"```\n{SMALL_LAYOUT.to_json()}\n```"


def test_the_statistics_are_those_of_the_predicted_vectors(toy_folder, dataset):
    system = build_system(toy_folder, dataset)
    source = system.sources("train")["photographs"]
    batch = system.collate([source[i] for i in range(3)])
    found = {}
    context = replace(context_with(system, {"landmark": 1.0}), log=found.__setitem__)
    system.network.eval()
    system.losses(batch, context)
    vector = system.network(batch["image"], False).detach().numpy().astype(np.float64)
    for name, part in system.layout.split(vector).items():
        if part.size:
            assert float(found[f"param_stats/{name}/mean"]) == pytest.approx(part.mean(), abs=1e-6)
            assert float(found[f"param_stats/{name}/std"]) == pytest.approx(part.std(), abs=1e-6)
            assert float(found[f"param_stats/{name}/absmax"]) == pytest.approx(abs(part).max())


def test_a_run_that_diverges_stops_after_ten_steps_and_names_the_samples(
    toy_folder, dataset, tmp_path
):
    """All stages run, drawing too: nothing in them trips over a head that is no number."""
    words = ("train.clip_norm=0", "stages.1.learning_rate=1e30", "stages.0.steps=1")
    with pytest.raises(LikenessError, match="10 steps in a row was not finite") as caught:
        train(toy_folder, dataset, tmp_path, *words, steps=30)
    assert "lower the learning rate" in caught.value.advice
    (run,) = (tmp_path / "face-encoder").iterdir()
    log = (run / "log.txt").read_text()
    assert log.count("not finite, update skipped; samples: p") == 10


class _Hostile:
    """Pickled, it is code that leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize(
    ("setting", "content", "error", "match"),
    [
        ("model.pretrained", None, MissingError, "model.pretrained"),
        ("model.pretrained", "hostile", UnsafeFileError, "safetensors"),
        ("model.pretrained", "other", UsageError, "model.backbone"),
        ("model.albedo", None, MissingError, "model.albedo"),
        ("model.albedo", "hostile", LikenessError, ""),
        ("model.albedo", "narrow", UsageError, "at most 2"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_files_that_cannot_be_used_are_refused_before_there_is_a_run(
    toy_folder, dataset, tmp_path, setting, content, error, match, dry
):
    path = tmp_path / ("weights.pth" if setting == "model.pretrained" else "FLAME_texture.npz")
    if content == "hostile":
        path.write_bytes(pickle.dumps(_Hostile(tmp_path / "ran")))
    elif content == "other":
        torch.save(build_trunk("resnet18").state_dict(), path)
    elif content == "narrow":
        np.savez(path, mean=np.zeros((8, 8, 3)), tex_dir=np.zeros((8, 8, 3, 2)))
    words = dict(word.split("=", 1) for word in (*SMALL_MODEL, *QUIET))
    words |= {"model.head": str(toy_folder), "data.root": str(dataset), setting: str(path)}
    overrides = [f"{key}={value}" for key, value in words.items()]
    begin = workflow.plan_training if dry else partial(workflow.train, runs=tmp_path)
    with pytest.raises(error) as caught:
        begin("face-encoder", profile="smoke", overrides=overrides)
    assert caught.value.advice
    assert match in caught.value.advice
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "face-encoder").exists()
