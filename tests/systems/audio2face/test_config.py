from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from likeness.assembly import configure
from likeness.config.faults import ConfigError
from likeness.config.resolve import resolve
from likeness.errors import LikenessError
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.profiles import PROFILES
from likeness.systems.audio2face.terms import GROUP_NAMES, LOSS_TERMS, TERMS_OF


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_whole_and_survives_its_saved_form(name: str) -> None:
    config = PROFILES[name]()
    assert AudioToFaceConfig.model_validate(config.model_dump(mode="json")) == config
    for stage in config.stages:
        assert set(stage.weights) <= TERMS_OF[config.model.network]
        assert set(stage.groups or ()) <= GROUP_NAMES


def test_the_default_is_the_published_regression() -> None:
    config = PROFILES["default"]()
    assert config == PROFILES["regression"]()
    assert config.train.learning_rate == 2e-4
    assert config.train.batch_size == 32
    assert config.stages[0].schedule.final_factor == pytest.approx(0.994**50, abs=1e-4)
    assert PROFILES["diffusion"]().train.accumulation == 4


def test_reading_a_configuration_needs_no_torch() -> None:
    code = (
        "import sys, likeness.systems.audio2face.profiles as p; [f() for f in p.PROFILES.values()]"
        "; import likeness.systems.audio2face.reference_import; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def _changed(profile: str, **changes: Any) -> AudioToFaceConfig:
    return PROFILES[profile]().replace(**changes)


@pytest.mark.parametrize(
    ("profile", "changes", "words"),
    [
        (
            "regression",
            {"stages": [{"name": "a", "steps": 1, "weights": {"mse": 1, "velocity": 1}}]},
            "'model.network' is regression, found 'stages.a.weights.velocity' of diffusion",
        ),
        (
            "diffusion",
            {"stages": [{"name": "a", "steps": 1, "weights": {"mse": 1, "diffusion": 1}}]},
            "found 'stages.a.weights.mse' of regression",
        ),
        (
            "diffusion",
            {
                "stages": [
                    {
                        "name": "a",
                        "steps": 1,
                        "weights": {"diffusion": 1},
                        "groups": {"emotions": 1},
                    }
                ]
            },
            "'stages.a.groups.emotions' trains a group",
        ),
        ("regression", {"data": {"actors": ("ann", "bob")}}, "'data.actors' names 2"),
        (
            "regression",
            {"model": {"regression": {"encoder": "wav2vec2"}}},
            "'model.regression.encoder_path', found null",
        ),
        (
            "diffusion",
            {"model": {"diffusion": {"encoder": "hubert"}}},
            "'model.diffusion.encoder_path', found null",
        ),
        (
            "regression",
            {"model": {"regression": {"encoder_path": "w2v"}}},
            "'model.regression.encoder' is log_mel, which reads none",
        ),
        (
            "diffusion",
            {"model": {"diffusion": {"encoder": "tiny", "encoder_path": "hubert"}}},
            "'model.diffusion.encoder' is tiny, which reads none",
        ),
        (
            "regression",
            {"learning": {"sampling": {"sequence_length": 1}}},
            "'stages.train.weights.motion', 'stages.train.weights.volume_stability' compare frames",
        ),
        ("diffusion", {"data": {"actors": ("ann", "ann")}}, "'actors' names one twice: ann, ann"),
        (
            "diffusion",
            {"learning": {"segments": {"shortest": 90, "longest": 60}}},
            "'shortest' to be at most 'longest'",
        ),
        ("regression", {"train": {"batch_size": 0}}, "greater than or equal to 1"),
        ("regression", {"model": {"network": "gan"}}, "'regression' or 'diffusion'"),
    ],
)
def test_settings_in_conflict_are_named(profile: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _changed(profile, **changes)
    assert words in str(caught.value)


def test_an_encoder_with_a_path_or_without_need_of_one_is_fine() -> None:
    _changed("regression", model={"regression": {"encoder": "wav2vec2", "encoder_path": "w2v"}})
    _changed("regression", model={"regression": {"encoder": "tiny"}})
    _changed("regression", model={"regression": {"encoder": "wav2vec2", "uses_encoder": False}})
    _changed("diffusion", data={"actors": ("ann", "bob")})


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 48.0, 50.0, 60.0])
def test_defect_11_usual_frame_rates_are_taken(fps: float) -> None:
    assert _changed("diffusion", learning={"segments": {"fps": fps}}).learning.segments.fps == fps


@pytest.mark.parametrize("fps", [10.0, 29.97, 59.94, 61.0])
def test_defect_11_other_frame_rates_are_refused_not_rounded(fps: float) -> None:
    with pytest.raises(ValidationError, match="fps"):
        _changed("diffusion", learning={"segments": {"fps": fps}})


@pytest.mark.parametrize("size", [1, 64])
@pytest.mark.parametrize("network", ["regression", "diffusion"])
def test_any_batch_size_is_taken(network: str, size: int) -> None:
    assert _changed(network, train={"batch_size": size}).train.batch_size == size


def test_defect_12_a_term_that_is_off_has_no_weight_or_none() -> None:
    """Row 12: None switches a term off in the reference and stops its diffusion training."""
    weights = {"diffusion": 1.0, "lip_distance": 0.0}
    config = _changed("diffusion", stages=[{"name": "a", "steps": 2, "weights": weights}])
    assert config.stages[0].weights_at(0.5) == weights


def test_a_report_names_both_settings_in_conflict() -> None:
    with pytest.raises(LikenessError) as caught:
        resolve(
            AudioToFaceConfig,
            system="audio2face",
            profiles=PROFILES,
            profile="regression",
            overrides=["model.regression.encoder=wav2vec2"],
            environ={},
        )
    assert "model.regression.encoder" in str(caught.value)
    assert "encoder_path" in str(caught.value)


def test_every_term_belongs_to_a_network() -> None:
    assert TERMS_OF["regression"] | TERMS_OF["diffusion"] == LOSS_TERMS
    assert TERMS_OF["regression"] & TERMS_OF["diffusion"] == {"lip_distance"}


@pytest.mark.parametrize("term", sorted(TERMS_OF["regression"] - TERMS_OF["diffusion"]))
def test_defect_12_terms_diffusion_does_not_have_are_refused_not_ignored(term: str) -> None:
    """The sizes of lips, motion and emotion weights are options of the reference without effect."""
    stages = [{"name": "a", "steps": 1, "weights": {"diffusion": 1.0, term: 1.0}}]
    with pytest.raises(ValidationError, match=f"found 'stages.a.weights.{term}' of regression"):
        _changed("diffusion", stages=stages)


def test_a_conflict_of_terms_and_network_names_where_both_were_written() -> None:
    with pytest.raises(ConfigError) as caught:
        configure(
            "audio2face",
            profile="regression",
            overrides=["stages.0.weights.velocity=1"],
            environ={"LIKENESS_TRAIN__SEED": "3"},
        )
    told = str(caught.value)
    assert "model.network = 'regression' (default)" in told
    assert ".weights.velocity = 1 (command line)" in told


def test_two_starts_name_where_both_were_written() -> None:
    with pytest.raises(ConfigError) as caught:
        configure(
            "audio2face",
            profile="regression",
            overrides=["model.initial_run=a"],
            environ={"LIKENESS_MODEL__PUBLISHED_WEIGHTS": "b"},
        )
    (fault,) = caught.value.faults
    assert str(fault) == (
        "model (command line): 'initial_run' and 'published_weights' are two starts; give one"
        "\n      model.initial_run = 'a' (command line)"
        "\n      model.published_weights = 'b' (environment LIKENESS_MODEL__PUBLISHED_WEIGHTS)"
    )
