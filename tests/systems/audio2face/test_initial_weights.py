"""A run of one face as the start of another: what is taken, what is fitted, what is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness import workflow
from likeness.errors import DataError, MissingError, UsageError
from likeness.runs.run import Run
from likeness.runs.selection import find
from likeness.systems.audio2face.cast import Cast
from likeness.systems.audio2face.dataset.contract import ClipRecords
from likeness.systems.audio2face.dataset.live_link import prepare_live_link
from likeness.systems.audio2face.diffusion_learner import DiffusionLearner
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.initial_weights import EarlierRun
from likeness.systems.audio2face.profiles import PROFILES
from likeness.systems.audio2face.regression_items import EmotionLabels
from likeness.systems.audio2face.system import AudioToFace
from likeness.training.system import Placement
from tests.systems.audio2face.dataset.test_live_link import put
from tests.systems.audio2face.diffusion_cases import make_actor

FEATURES = "model.regression.features=12"
SMALL = ("model.regression.encoder_width=16", "train.steps=2",
         "train.batch_size=4", "train.preview_every=0", "train.device=cpu")  # fmt: skip


def _dataset(folder: Path, person: int, emotions: str, seconds: float = 1.5) -> Path:
    for name in emotions.split(","):
        put(folder / "takes", f"{name}_1", seconds)
    prepare_live_link(
        str(folder / "takes"), str(folder / "set"),
        person=person, vertices=150, emotions=emotions, consent="Nobody.", workers=1,
    )  # fmt: skip
    return folder / "set"


def _trained(folder: Path, root: Path, *overrides: str) -> Run:
    return workflow.train(
        "audio2face", profile="smoke", runs=folder / "runs",
        overrides=[FEATURES, *SMALL, f"data.root={root}", *overrides],
    )  # fmt: skip


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("earlier")
    root = _dataset(folder, 1, "neutral,anger,joy")
    return _trained(folder, root, f"storage.cache_folder={folder}")


def test_published_weights_are_a_start(earlier: Run, tmp_path: Path) -> None:
    """The tensors of a run, written by the names of the reference's framework, come back."""
    root = earlier.path.parents[2] / "set"
    own = {n.removeprefix("network."): t for n, t in find(earlier).weights().items()}
    path, published = tmp_path / "weights.pth", {}
    for name, tensor in own.items():
        for theirs, ours in (
            ("w2v_feature_coeffs", "encoder_branch.shares"),
            ("w2v_linear_mapping.", "encoder_branch.projection."),
            ("linear_explicit_emo.", "explicit."),
            ("time5.", "articulation.last."),
            *((f"freq{i + 1}.", f"formants.layers.{i}.") for i in range(5)),
            *((f"time{i + 1}.", f"articulation.layers.{i}.") for i in range(4)),
            *((f"linear_skin_jaw_eyes{i + 1}.", f"heads.face.{i}.") for i in range(2)),
            *((f"linear_tongue{i + 1}.", f"heads.tongue.{i}.") for i in range(2)),
        ):
            if name.startswith(ours):
                along = name.startswith("articulation.layers.") and name.endswith("weight")
                published[name.replace(ours, theirs, 1)] = tensor[..., None] if along else tensor
    torch.save(published, path)
    words = (f"model.published_weights={path}", "train.learning_rate=1e-12", "train.seed=5")
    run = _trained(tmp_path, root, *words)
    new = find(run).weights()
    for name, tensor in own.items():
        if f"network.{name}" in new and not name.startswith(("output_", "encoder_branch.encoder")):
            torch.testing.assert_close(new[f"network.{name}"], tensor, atol=1e-6, rtol=0)
    with pytest.raises(MissingError, match=r"model\.published_weights is 'gone\.pth'"):
        _trained(tmp_path, root, "model.published_weights=gone.pth")
    with pytest.raises(UsageError, match="two starts"):
        _trained(tmp_path, root, *words, f"model.initial_run={earlier.path}")


def test_files_that_are_no_published_weights_leave_no_run(earlier: Run, tmp_path: Path) -> None:
    """They were read once there was a run directory, and each try left one; a trial run of the
    plan passed."""
    text, other = tmp_path / "text.pth", tmp_path / "other.pth"
    text.write_text("system: audio2face\n")
    torch.save({"conv1.weight": torch.ones(3)}, other)
    for path, told in ((text, "is not a plain state dict"), (other, "such as conv1.weight")):
        with pytest.raises(DataError, match=told):
            _trained(tmp_path, earlier.path.parents[2] / "set", f"model.published_weights={path}")
    assert not (tmp_path / "runs").exists()


def test_phonemes_need_a_classifier_before_there_is_a_run(earlier: Run, tmp_path: Path) -> None:
    words = ("learning.phonemes.languages=[en]", "stages.train.weights.phoneme=0.1")
    with pytest.raises(MissingError, match="of the language en") as caught:
        _trained(tmp_path, earlier.path.parents[2] / "set", *words)
    assert "learning.phonemes.models.en" in caught.value.advice
    assert not (tmp_path / "runs").exists()


def test_ears_are_taken_and_heads_are_fitted(earlier: Run, tmp_path: Path) -> None:
    root = _dataset(tmp_path, 2, "neutral,joy", 2.5)
    still = "train.learning_rate=1e-12"
    run = _trained(tmp_path, root, f"model.initial_run={earlier.path}", still)
    old, new = find(earlier).weights(ema=True), find(run).weights()
    ears = [k for k in old if not k.startswith(("network.heads", "network.output", "emotions"))]
    ears.remove("network.explicit.weight")
    assert len(ears) > 8
    for name in ears:
        assert torch.allclose(old[name], new[name], atol=1e-6), name
    assert find(earlier).state()["emotions"] == ["anger", "joy"]
    column = old["network.explicit.weight"][:, 1:]
    assert torch.allclose(new["network.explicit.weight"], column, atol=1e-6)
    held = new["emotions.weight"].mean(0)
    away = torch.linalg.vector_norm(old["emotions.weight"] - held, dim=1)
    assert away.min() < 0.05  # of one frame, and drawn around it
    model = workflow.Predictor.from_run(run).model
    sound = np.random.default_rng(0).normal(size=40000).astype(np.float32) * 0.1
    assert np.isfinite(model(audio=sound)["skin"]).all()


def test_the_same_basis_keeps_its_heads(earlier: Run, tmp_path: Path) -> None:
    root = workflow.configuration_of(earlier).config.data.root
    still = ("train.learning_rate=1e-12", f"storage.cache_folder={tmp_path}")
    run = _trained(tmp_path, root, f"model.initial_run={earlier.path}", *still)
    old, new = find(earlier).weights(ema=True), find(run).weights()
    for name in (k for k in old if k.startswith(("network.heads", "network.output"))):
        assert torch.allclose(old[name], new[name], atol=1e-6), name


@pytest.mark.parametrize(
    ("profile", "override", "words"),
    [
        ("smoke", ["model.regression.features=16"], "features is 12 there and 16 here"),
        ("studio-diffusion", [], "of the kind regression"),
    ],
)
def test_another_network_is_refused_before_there_is_a_run(
    earlier: Run, tmp_path: Path, profile: str, override: list[str], words: str
) -> None:
    root = workflow.configuration_of(earlier).config.data.root
    with pytest.raises(UsageError, match=words):
        workflow.train(
            "audio2face", profile=profile, runs=tmp_path / "runs",
            overrides=[*SMALL, f"data.root={root}", f"model.initial_run={earlier.path}", *override],
        )  # fmt: skip
    assert not (tmp_path / "runs").exists()


def test_a_missing_run_is_told_with_the_setting(earlier: Run, tmp_path: Path) -> None:
    root = workflow.configuration_of(earlier).config.data.root
    with pytest.raises(UsageError, match=r"model\.initial_run \(command line\): .*nowhere"):
        _trained(tmp_path, Path(root), "model.initial_run=nowhere")


def _diffusion(name: str, components: int, emotions: tuple[str, ...]) -> DiffusionLearner:
    config = PROFILES["studio-diffusion"]().replace(
        model={"diffusion": {"features": 16, "gru_features": 12, "encoder": "tiny"}}
    )
    cast = Cast(
        Identities((make_actor(name, skin_components=components),)),
        EmotionLabels(emotions, None),
        "neutral",
    )
    return DiffusionLearner(config, cast, device=torch.device("cpu"))


def test_diffusion_keeps_its_memory_for_another_face() -> None:
    torch.manual_seed(0)
    old, same = (_diffusion("ada", 6, ("joy", "neutral")) for _ in range(2))
    other = _diffusion("bob", 4, ("anger", "joy"))
    actor, weights = old.cast.identities.actors[0], old.network.state_dict(prefix="network.")
    state = {"actors": ["ada"], "emotions": ["joy", "neutral"]} | {
        f"actor0.{k}": torch.from_numpy(v)
        for k, v in (("skin.shapes", actor.skin.shapes), ("tongue.shapes", actor.tongue.shapes))
    }
    earlier = EarlierRun(Path("old"), weights, state)
    new = {k: v.clone() for k, v in other.network.state_dict(prefix="network.").items()}
    other.start_from(earlier, ClipRecords((), {}))
    found = other.network.state_dict(prefix="network.")
    for name in ("network.gru.weight_ih_l0", "network.heads.last.2.weight", "network.audio.weight"):
        assert torch.equal(found[name], weights[name])
    for name in ("network.heads.last.0.weight", "network.geometry.skin.weight"):
        assert torch.equal(found[name], new[name])
    emotion = "network.emotion.weight"
    assert torch.equal(found[emotion][:, 1], weights[emotion][:, 0])
    assert torch.equal(found[emotion][:, 0], new[emotion][:, 0])
    same.start_from(earlier, ClipRecords((), {}))
    found = same.network.state_dict(prefix="network.")
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def test_adapting_without_an_earlier_run_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    for profile, is_told in (("adapt", True), ("studio", False)):
        config = workflow.configure("audio2face", profile=profile, environ={}).config
        with caplog.at_level(logging.WARNING):
            AudioToFace(config, Placement(torch.device("cpu"))).initialise()
        assert ("model.initial_run names none" in caplog.text) is is_told
        caplog.clear()
