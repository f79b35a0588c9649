"""What a face-encoder system keeps, takes back, refuses and starts from."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.errors import UsageError
from likeness.geometry.toy_flame import make_toy_flame
from likeness.systems.face_encoder import system as module
from likeness.systems.face_encoder.weights import check_state
from tests.systems.face_encoder.toy import (
    SMALL_LAYOUT,
    build_system,
)


def test_previews_show_held_out_photographs(system, tmp_path, monkeypatch):
    """The ancestor showed the last training batch as validation."""
    shown = []
    monkeypatch.setattr(
        module, "preview_grid", lambda p, r, samples, folder: shown.extend(s["id"] for s in samples)
    )
    system.preview(system.predictor(), tmp_path, 0)
    assert shown == ["p2_0", "p2_1"]


def test_repetition_is_for_training_only(toy_folder, dataset):
    system = build_system(toy_folder, dataset, "data.repeat=5")
    assert len(system.sources("train")["photographs"]) == 20
    assert len(system.sources("validation")["photographs"]) == 2


def test_the_state_says_what_the_vector_means(system):
    system.sources("train")
    state = system.state()
    assert state["layout_fingerprint"] == SMALL_LAYOUT.fingerprint
    assert state["head_fingerprint"] == system.head.fingerprint
    np.testing.assert_array_equal(state["mean_landmarks"].numpy(), system.mean_landmarks)
    system.load_state(state)


def test_the_mean_face_comes_from_the_state_and_not_from_the_dataset(toy_folder, dataset):
    trained, resumed = (build_system(toy_folder, dataset) for _ in range(2))
    trained.sources("train")
    state = trained.state()
    state["mean_landmarks"] = torch.full((68, 2), 0.25)
    resumed.load_state(state)
    resumed.sources("train")
    np.testing.assert_array_equal(resumed.predictor().mean_landmarks, np.full((68, 2), 0.25))


def test_another_layout_or_head_is_refused(system, toy_folder, dataset, tmp_path):
    """Coefficients are not interchangeable between head models."""
    system.sources("train")
    state = system.state()
    other = build_system(toy_folder, dataset, "model.num_shape=11")
    with pytest.raises(UsageError, match="another layout"):
        other.load_state(state)
    # A file that was replaced by a head with other columns: the configuration is as it was.
    with pytest.raises(UsageError, match="laid out otherwise there") as caught:
        check_state(
            {**state, "head_fingerprint": 64 * "0"},
            config=other.config,
            layout=other.layout,
            head=other.head,
            albedo="",
        )
    assert "vectors of the head model " in caught.value.message
    assert f"({12 * '0'})" in caught.value.message
    assert other.head.fingerprint[:12] in caught.value.message
    assert "Put the head that it was trained with" in caught.value.advice
    make_toy_flame(tmp_path, subdivisions=3, seed=4)
    other = build_system(tmp_path, None)
    with pytest.raises(UsageError, match="their coefficients mean different things") as caught:
        other.load_state(state)
    assert system.head.fingerprint[:12] in caught.value.message
    assert "Set model.head" in caught.value.advice
    own = replace(other.head, name="studio")
    with pytest.raises(UsageError, match="their coefficients mean different things") as caught:
        check_state(
            {**state, "head_name": "studio"},
            config=other.config,
            layout=other.layout,
            head=own,
            albedo="",
        )
    assert "The studio of this version of likeness has another head" in caught.value.advice
    allowed = build_system(tmp_path, None, "data.allow_model_mismatch=true")
    allowed.load_state(state)
    assert allowed.mean_landmarks is not None


def test_another_albedo_space_is_refused(toy_folder, tmp_path):
    """Albedo codes are not interchangeable between spaces, not even between files of one name."""
    first = Path(shutil.copy(toy_folder / "FLAME_texture.npz", tmp_path / "FLAME_texture.npz"))
    system = build_system(toy_folder, None, f"model.albedo={first}")
    state = system.state()
    assert state["albedo_fingerprint"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert system.predictor().albedo_fingerprint == state["albedo_fingerprint"]
    with np.load(first) as file:
        arrays = dict(file)
    np.savez(first, **{**arrays, "tex_dir": -arrays["tex_dir"]})
    for albedo in (str(first), "synthetic"):
        with pytest.raises(UsageError, match="their codes mean different colours") as caught:
            build_system(toy_folder, None, f"model.albedo={albedo}").load_state(state)
        assert state["albedo_fingerprint"][:12] in caught.value.message
        words = (f"model.albedo={albedo}", "data.allow_model_mismatch=true")
        build_system(toy_folder, None, *words).load_state(state)


def test_checkpoints_without_an_albedo_fingerprint_and_absent_files_are_read(toy_folder, tmp_path):
    system = build_system(toy_folder, None)
    state = system.state()
    assert state["albedo_fingerprint"] == "synthetic-1"
    absent = build_system(toy_folder, None, f"model.albedo={tmp_path / 'FLAME_texture.npz'}")
    assert absent.state()["albedo_fingerprint"] == ""
    absent.load_state({**state, "albedo_fingerprint": "a" * 64})
    assert absent.predictor().albedo_fingerprint == "a" * 64
    del state["albedo_fingerprint"]
    system.load_state(state)
    assert build_system(toy_folder, None, "model.num_albedo=0").state()["albedo_fingerprint"] == ""


def test_what_cannot_work_is_refused_when_it_is_built(toy_folder, tmp_path):
    with pytest.raises(UsageError, match="reads 'camera', which layout 'eidolon227'"):
        build_system(toy_folder, None, "model.layout=eidolon227")
    make_toy_flame(tmp_path, subdivisions=2)
    from likeness.geometry.flame_assets import load_flame

    load_flame(tmp_path).reduced(num_shape=20, num_expression=5).save(tmp_path / "small.npz")
    with pytest.raises(UsageError, match=r"has 100 columns of face\.shape, the head model only 20"):
        build_system(tmp_path / "small.npz", None, "model.layout=deca236")
    words = ["model.num_shape=null", "model.num_expression=null"]
    layout = build_system(tmp_path / "small.npz", None, *words).layout
    assert (layout.segment("face.shape").dim, layout.segment("face.expression").dim) == (20, 5)
    system = build_system(toy_folder, None)
    with pytest.raises(UsageError, match=r"data\.root is not set"):
        system.sources("train")


def test_training_starts_from_pretrained_weights(toy_folder, tmp_path):
    trunk = build_system(toy_folder, None).network.backbone.state_dict()
    changed = {k: v + 1 if v.is_floating_point() else v for k, v in trunk.items()}
    torch.save(changed, tmp_path / "trunk.pth")
    system = build_system(toy_folder, None, f"model.pretrained={tmp_path / 'trunk.pth'}")
    assert torch.equal(system.network.backbone.conv1.weight, trunk["conv1.weight"])
    system.initialise()
    for name, value in system.network.backbone.state_dict().items():
        assert torch.equal(value, changed[name]), name
