"""Photographs of a person together: how they are drawn, and what their shapes must agree on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from likeness.errors import UsageError
from tests.systems.face_encoder.asking import answering, batch_of, losses
from tests.systems.face_encoder.toy import (
    CROP_SIZE,
    SMALL_LAYOUT,
    build_system,
    context_with,
    random_vector,
)


def test_shape_consistency_is_the_comparisons_again_with_the_other_photographs_shape(system):
    batch = batch_of(system)
    assert batch["person"].tolist() == [0, 0, 1, 1]
    vector = random_vector(SMALL_LAYOUT, 3, 4)
    answering(system, vector)
    weights = {"landmark": 0.7, "photometric": 2.0, "supervised": 1.5, "reg_shape": 9.0}
    terms = system.losses(batch, context_with(system, {**weights, "shape_consistency": 1.0}))
    exchanged = vector.clone()
    exchanged[:, SMALL_LAYOUT.slice("face.shape")] = vector[
        [1, 0, 3, 2], SMALL_LAYOUT.slice("face.shape")
    ]
    answering(system, exchanged)
    again = losses(system, batch, "landmark", "photometric", "supervised")
    expected = sum(weights[name] * value for name, value in again.items())
    assert terms["shape_consistency"].item() == pytest.approx(expected, rel=1e-5)
    direct = sum(weights[name] * terms[name].item() for name in again)
    assert expected != pytest.approx(direct, rel=1e-4)


def test_shape_consistency_counts_photographs_with_a_partner_only(system, monkeypatch):
    batch = batch_of(system)
    batch["person"] = torch.tensor([4, 5, 4, 6])
    vector = random_vector(SMALL_LAYOUT, 3, 4)
    answering(system, vector)
    terms = system.losses(batch, context_with(system, {"landmark": 1.0, "shape_consistency": 1.0}))
    pair = {k: v[[0, 2]] if isinstance(v, Tensor) else [v[0], v[2]] for k, v in batch.items()}
    swapped = vector[[0, 2]].clone()
    shape = SMALL_LAYOUT.slice("face.shape")
    swapped[:, shape] = vector[[2, 0], shape]
    answering(system, swapped)
    expected = losses(system, pair, "landmark")["landmark"]
    assert terms["shape_consistency"].item() == pytest.approx(expected, rel=1e-5)
    batch["person"] = torch.tensor([1, 2, 3, 4])
    answering(system, vector)
    seen = []
    drawn = system.decoder.landmarks
    monkeypatch.setattr(
        system.decoder, "landmarks", lambda v, *a, **k: seen.append(len(v)) or drawn(v, *a, **k)
    )
    terms = system.losses(batch, context_with(system, {"landmark": 1.0, "shape_consistency": 1.0}))
    assert terms["shape_consistency"].item() == 0
    assert seen == [4]  # nothing is decoded again


def test_shape_consistency_moves_the_shape_by_the_other_photograph(system):
    """The gradient of a photograph's shape comes from its partner's points alone."""
    batch = batch_of(system, 2)
    answer = answering(system, random_vector(SMALL_LAYOUT, 3, 2))
    batch["landmark_weights"][1] = 0  # the second photograph says nothing
    context = context_with(system, {"landmark": 1.0, "shape_consistency": 1.0})
    system.losses(batch, context)["shape_consistency"].backward()
    moved = answer.vector.grad[:, SMALL_LAYOUT.slice("face.shape")].abs().sum(dim=1)
    assert moved[0] == 0
    assert moved[1] > 0


def test_photographs_of_a_person_come_together_where_that_is_asked_for(toy_folder, dataset):
    system = build_system(toy_folder, dataset, "data.photos_per_person=2", "data.repeat=3")
    source = system.sources("train")["photographs"]
    assert len(source) == 2 * 3  # two persons with two photographs each, three times
    batch = system.collate([source.draw(i, np.random.default_rng(i)) for i in range(4)])
    assert batch["image"].shape == (8, 3, CROP_SIZE, CROP_SIZE)
    assert batch["person"].reshape(4, 2).tolist() == [[0, 0], [1, 1]] * 2
    assert all(len(set(batch["id"][i : i + 2])) == 2 for i in (0, 2, 4, 6))
    assert system.sources("validation")["photographs"][0]["id"] == "p2_0"
    assert system.mean_landmarks is not None


def test_scores_are_of_photographs_also_where_training_takes_groups(toy_folder, dataset, tmp_path):
    system = build_system(toy_folder, dataset, "data.photos_per_person=2")
    source = system.sources("train")["photographs"]
    scores = system.evaluate(system.predictor(), source, tmp_path)
    assert scores["nme_68_box"].count == 4


def test_groups_need_a_person_with_as_many_photographs(toy_folder, dataset):
    system = build_system(toy_folder, dataset, "data.photos_per_person=3")
    with pytest.raises(UsageError, match="has more than 2 photographs") as caught:
        system.sources("train")
    assert "at most 2" in caught.value.advice


def test_groups_need_persons(toy_folder, dataset, tmp_path):
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    (data / "identity.csv").unlink()
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    text = "".join(json.dumps({**row, "person": None}) + "\n" for row in rows)
    (data / "index.jsonl").write_text(text)
    system = build_system(toy_folder, data, "data.photos_per_person=2")
    with pytest.raises(UsageError, match="names no persons"):
        system.sources("train")
