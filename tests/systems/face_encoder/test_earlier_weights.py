"""Training that starts from the weights of an earlier run, and what does not fit of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness import workflow
from likeness.assembly import configure
from likeness.errors import MissingError, UsageError
from likeness.geometry.toy_flame import make_toy_flame
from likeness.runs import selection
from likeness.runs.checkpoint import group_of
from likeness.systems.face_encoder.findings import inspect_configured
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.weights import check_initial_run
from tests.systems.face_encoder.small_runs import train
from tests.systems.face_encoder.toy import SMALL_MODEL, build_system


def test_training_continues_from_an_earlier_run_with_its_own_mean_face(
    trained, toy_folder, dataset, tmp_path
):
    other = Path(shutil.copytree(dataset, tmp_path / "data"))
    for path in (other / "landmarks").iterdir():
        np.save(path, (np.load(path) - 36) * [0.8, 1.0] + 36)
    system = build_system(
        toy_folder, other, f"model.initial_run={trained.path}", "model.landmark_offsets=true"
    )
    system.sources("train")
    own = system.mean_landmarks.copy()
    system.initialise()
    weights = group_of(selection.find(trained).weights(), "encoder")
    for name, value in system.network.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert system.offsets.weight.abs().max() == 0  # a group the earlier run did not have
    np.testing.assert_array_equal(system.mean_landmarks, own)
    earlier = selection.find(trained).state()["mean_landmarks"].numpy()
    assert np.abs(earlier - own).max() > 0.01


def test_an_earlier_run_of_another_layout_is_refused(trained, toy_folder, dataset):
    system = build_system(
        toy_folder, dataset, f"model.initial_run={trained.path}", "model.num_shape=11"
    )
    with pytest.raises(UsageError, match="another layout"):
        system.initialise()


@pytest.mark.parametrize(
    "word", ["model.hidden=24", "model.pooling=average", "model.num_shape=11", "model.num_albedo=0"]
)
def test_weights_of_another_size_are_refused_by_setting_before_a_run_exists(
    trained, toy_folder, dataset, tmp_path, word
):
    """They ended in torch's list of sizes, as a defect of the program, in a run directory."""
    setting, value = word.split("=")
    with pytest.raises(UsageError) as caught:
        train(toy_folder, dataset, tmp_path / "runs", f"model.initial_run={trained.path}", word)
    assert f"{setting} is " in caught.value.message
    assert f"and {value} here" in caught.value.message
    assert f"Set {setting}=" in caught.value.advice
    assert not (tmp_path / "runs").exists()


def test_weights_for_another_head_are_refused_before_a_run_exists(trained, dataset, tmp_path):
    make_toy_flame(tmp_path / "other", subdivisions=3, seed=5)
    words = (f"model.initial_run={trained.path}", "data.landmarks=" + str(dataset / "landmarks"))
    with pytest.raises(UsageError, match=r"model\.head is .* there and .* here"):
        train(tmp_path / "other", dataset / "images", tmp_path / "runs", *words)
    assert not (tmp_path / "runs").exists()


def test_columns_that_follow_from_another_head_are_not_told_as_settings(
    toy_folder, dataset, tmp_path
):
    """They were told as "None there and None here", and to be set to what they are."""
    own = ("model.num_shape=null", "model.num_expression=null")
    first = train(toy_folder, dataset, tmp_path / "first", *own, steps=1)
    words = [*own, "model.head=studio", f"model.initial_run={first.path}"]
    small = dict(word.split("=", 1) for word in (*SMALL_MODEL, *words))
    overrides = [f"{key}={value}" for key, value in small.items()]
    config = configure("face-encoder", profile="smoke", overrides=overrides).config
    asset = open_head(str(toy_folder))
    fewer = tmp_path / "fewer.npz"
    replace(asset, shape_basis=asset.shape_basis[..., :20]).save(fewer)
    for head, is_allowed in (("studio", False), (fewer, False), (fewer, True)):
        here = config.replace(model={"head": str(head)}, data={"allow_model_mismatch": is_allowed})
        with pytest.raises(UsageError) as caught:
            check_initial_run(here)
        told = f"do not fit: model.head is {toy_folder} there and {head} here."
        assert told in caught.value.message
        assert caught.value.advice == f"Set model.head={toy_folder}, or start from another run."


def test_weights_for_another_albedo_space_are_refused_before_a_run_exists(
    trained, toy_folder, dataset, tmp_path
):
    words = (
        f"model.initial_run={trained.path}",
        f"model.albedo={toy_folder / 'FLAME_texture.npz'}",
    )
    with pytest.raises(UsageError, match=r"another albedo space \(synthetic-1\)"):
        train(toy_folder, dataset, tmp_path / "runs", *words)
    assert not (tmp_path / "runs").exists()


def test_a_run_is_not_resumed_with_another_albedo_file(toy_folder, dataset, tmp_path):
    albedo = Path(shutil.copy(toy_folder / "FLAME_texture.npz", tmp_path))
    run = train(toy_folder, dataset, tmp_path / "runs", f"model.albedo={albedo}")
    albedo.write_bytes((toy_folder / "FLAME_texture.npz").read_bytes() + b" ")
    with pytest.raises(UsageError, match="their codes mean different colours"):
        workflow.resume(run.path, overrides=["train.steps=4"])
    shutil.copy(toy_folder / "FLAME_texture.npz", albedo)
    workflow.resume(run.path, overrides=["train.steps=4"])
    assert selection.find(run, "latest").step == 4


def test_a_missing_or_foreign_earlier_run_is_refused_before_a_run_exists(
    trained, toy_folder, dataset, tmp_path
):
    foreign = Path(shutil.copytree(trained.path, tmp_path / "foreign"))
    text = (foreign / "config.yaml").read_text().replace("system: face-encoder", "system: dance")
    (foreign / "config.yaml").write_text(text)
    empty = Path(shutil.copytree(trained.path, tmp_path / "empty"))
    shutil.rmtree(empty / "checkpoints")
    for path, kind, message in (
        (tmp_path / "nowhere", UsageError, r"model.initial_run \(command line\): .*nowhere"),
        (foreign, UsageError, "is a run of dance; expected one of face-encoder"),
        (empty, MissingError, "its checkpoints are gone"),
    ):
        with pytest.raises(kind, match=message) as caught:
            train(toy_folder, dataset, tmp_path / "runs", f"model.initial_run={path}")
        assert caught.value.advice
    assert not (tmp_path / "runs").exists()


def test_what_is_meant_to_continue_an_encoder_says_when_there_is_none(
    trained, toy_folder, dataset, caplog
):
    """A warning before training, in the run's inspection too; not an error."""
    settings = (*SMALL_MODEL, f"model.head={toy_folder}", f"data.root={dataset}")
    started = f"model.initial_run={trained.path}"
    for profile, words, wanted in (("real", (), 1), ("real", (started,), 0), ("fast", (), 0)):
        caplog.clear()
        words = (*settings, *words)
        resolved = workflow.configure("face-encoder", profile=profile, overrides=words)
        inspection = inspect_configured(resolved.config)
        notes = [f for f in inspection.findings if f.code == "no-initial-run"]
        assert [note.severity for note in notes] == ["warning"] * wanted
        lines = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert sum("model.initial_run is not set" in line for line in lines) == wanted
        assert inspection.ok
