"""The regression network: published sizes, a plain second way to compute it, export."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from likeness.errors import UsageError
from likeness.export.onnx import export_module
from likeness.systems.audio2face.networks.regression import RegressionGraph, RegressionNetwork
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings

SMALL = RegressionSettings(
    encoder="log_mel", encoder_width=20, formant_widths=(4, 6, 8, 10), features=12
)


def _sizes(module: nn.Module) -> tuple[int, int]:
    learning = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return learning, sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("skin", "learning", "total"), [(272, 1_868_979, 18_273_331), (140, 1_772_355, 18_176_707)]
)
def test_published_sizes_to_the_last_weight(skin: int, learning: int, total: int) -> None:
    with torch.device("meta"):
        network = RegressionNetwork(
            RegressionSettings(encoder="wav2vec2"), skin, 10, num_emotions=10, with_weights=False
        )
    assert _sizes(network) == (learning, total)
    assert (network.output_size, network.steps) == (skin + 10 + 19, 25)


def test_phoneme_head_adds_two_convolutions_and_a_map_for_each_language() -> None:
    with torch.device("meta"):
        settings = RegressionSettings(encoder="wav2vec2")
        plain = RegressionNetwork(settings, 5, 2, num_emotions=2, with_weights=False)
        full = RegressionNetwork(
            settings, 5, 2, num_emotions=2, with_weights=False, phonemes={"en": 42, "zh": 63}
        )
    added = 2 * (256 * 256 * 3 + 256) + 257 * (42 + 63)
    assert _sizes(full)[0] - _sizes(plain)[0] == added


def _by_hand(network: RegressionNetwork, audio: Tensor, emotion: Tensor) -> Tensor:
    """One window (window,) and one emotion through two-dimensional kernels, channels first."""
    branch, correlation, formants = (
        network.encoder_branch, network.correlation, network.formants,
    )  # fmt: skip
    assert branch is not None
    assert correlation is not None
    assert formants is not None
    layers = branch.encoder(audio[None])[0]
    mixed = sum(share * layer for share, layer in zip(branch.shares / branch.shares.sum(), layers))
    heard = torch.relu(mixed @ branch.projection.weight.T + branch.projection.bias).T[
        None, ..., None
    ]
    x = correlation(audio[None])[:, None]
    for number, layer in enumerate(formants.layers):
        stride, padding = ((1, 1), (0, 0)) if number == 4 else ((1, 2), (0, 1))
        x = nn.functional.conv2d(x, layer.weight, layer.bias, stride, padding)
        x = x.clamp(min=0) * math.sqrt(2)
    x = torch.cat([heard, x], 1)
    joined = torch.cat([emotion[:16], network.explicit(emotion[16:])])
    for layer in network.articulation.layers:
        x = nn.functional.conv2d(x, layer.weight[..., None], layer.bias, (2, 1), (1, 0))
        x = x.clamp(min=0) * math.sqrt(2)
        x = torch.cat([x, joined.reshape(1, -1, 1, 1).expand(1, -1, x.shape[2], 1)], 1)
    last = network.articulation.last
    x = (last.weight @ x.flatten() + last.bias).clamp(min=0) * math.sqrt(2)
    x = torch.cat([x, joined])
    face, tongue = network.heads.face(x), network.heads.tongue(x)
    skin = network.heads.num_skin
    return torch.cat([face[:skin], tongue, face[skin:]])


def test_equals_a_second_way_to_compute_it() -> None:
    torch.manual_seed(0)
    network = RegressionNetwork(SMALL, 7, 3, num_emotions=2).eval()
    audio, emotion = torch.randn(2, 3, 8320) * 0.1, torch.randn(2, 3, 18)
    with torch.no_grad():
        found = network(audio, emotion)
        assert found.shape == (2, 3, 7 + 3 + 19)
        for b in range(2):
            for s in range(3):
                expected = _by_hand(network, audio[b, s], emotion[b, s])
                torch.testing.assert_close(found[b, s], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("encoder", ["log_mel", "tiny"])
def test_batches_of_1_and_64_learn_with_every_weight(batch: int, encoder: str) -> None:
    settings = SMALL.replace(encoder=encoder)
    network = RegressionNetwork(settings, 4, 2, num_emotions=1, phonemes={"en": 5}).train()
    pose, logits = network.with_phonemes(torch.randn(batch, 2, 8320), torch.randn(batch, 2, 17))
    assert pose.shape == (batch, 2, 25)
    assert logits["en"].shape == (batch, 2, 25, 5)
    (pose.square().mean() + logits["en"].square().mean()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize("switched_off", ["uses_encoder", "uses_autocorrelation"])
def test_either_branch_works_alone(switched_off: str) -> None:
    network = RegressionNetwork(SMALL.replace(**{switched_off: False}), 4, 2, num_emotions=1)
    assert network(torch.randn(1, 1, 8320), torch.randn(1, 1, 17)).shape == (1, 1, 25)
    with pytest.raises(ValidationError, match="at least one"):
        RegressionSettings(uses_encoder=False, uses_autocorrelation=False)


def test_output_statistics_scale_the_result() -> None:
    network = RegressionNetwork(SMALL, 4, 2, num_emotions=1).eval()
    audio, emotion = torch.randn(1, 1, 8320), torch.randn(1, 1, 17)
    with torch.no_grad():
        plain = network(audio, emotion)
        scale = torch.arange(25.0)
        network.set_output_statistics(torch.full((25,), 3.0), scale)
        expected = plain * torch.where(scale > 0, scale, torch.tensor(1.0)) + 3.0
        torch.testing.assert_close(network(audio, emotion), expected)


def test_no_emotion_gives_runtimes_an_empty_input_and_is_refused() -> None:
    with pytest.raises(UsageError, match="an emotion at least"):
        RegressionNetwork(SMALL, 4, 2, num_emotions=0)
    with pytest.raises(UsageError, match="switched off"):
        RegressionNetwork(
            SMALL.replace(uses_encoder=False), 4, 2, num_emotions=1, phonemes={"en": 3}
        )


def test_windows_that_the_branches_divide_differently_are_refused() -> None:
    with pytest.raises(ValidationError, match="as many steps of the encoder"):
        RegressionSettings(window=8320, autocorrelation={"stride": 160})


def _published_folder(folder: Path) -> str:
    transformers = pytest.importorskip("transformers")
    config = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        conv_dim=[8] * 7, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    torch.manual_seed(1)
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    return str(folder)


def test_a_checkpoint_holds_the_published_weights_and_needs_no_file(tmp_path: Path) -> None:
    settings = SMALL.replace(
        encoder="wav2vec2", encoder_path=_published_folder(tmp_path), encoder_layers=2
    )
    network = RegressionNetwork(settings, 4, 2, num_emotions=1).eval()
    assert network.encoder_branch is not None
    assert _sizes(network.encoder_branch.encoder)[0] == 0
    # The folder still says what the shape is; its weights are not read.
    (tmp_path / "model.safetensors").unlink()
    other = RegressionNetwork(settings, 4, 2, num_emotions=1, with_weights=False).eval()
    other.load_state_dict(network.state_dict())
    audio, emotion = torch.randn(1, 1, 8320) * 0.1, torch.randn(1, 1, 17)
    with torch.no_grad():
        assert torch.equal(network(audio, emotion), other(audio, emotion))


@pytest.mark.parametrize("encoder", ["log_mel", "tiny", "wav2vec2"])
def test_exported_graph_needs_no_level_and_equals_the_network(tmp_path: Path, encoder: str) -> None:
    """The published training divides one branch by the peak and leaves the graph without it."""
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    settings = SMALL.replace(encoder=encoder)
    if encoder == "tiny":
        settings = settings.replace(autocorrelation={"level_floor": 0.004})
    if encoder == "wav2vec2":
        settings = settings.replace(encoder_path=_published_folder(tmp_path), encoder_layers=2)
    network = RegressionNetwork(settings, 5, 2, num_emotions=1).eval()
    network.set_output_statistics(torch.randn(26), torch.rand(26))
    path = export_module(
        RegressionGraph(network),
        {"input": torch.randn(2, 1, 8320), "emotion": torch.randn(2, 1, 17)},
        tmp_path / "network.onnx",
        outputs=["result"],
        dynamic={"input": {0: "batch_size"}, "emotion": {0: "batch_size"}},
    )
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shapes = {i.name: i.shape for i in session.get_inputs()}
    assert shapes == {"input": ["batch_size", 1, 8320], "emotion": ["batch_size", 1, 17]}
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("result", ["batch_size", 1, 26])]
    for batch in (1, 3):
        for gain in (0.1, 1.3):
            audio, emotion = torch.randn(batch, 1, 8320) * gain, torch.randn(batch, 1, 17)
            with torch.no_grad():
                expected = network(audio, emotion).numpy()
            found = session.run(None, {"input": audio.numpy(), "emotion": emotion.numpy()})[0]
            assert np.abs(found - expected).max() <= 1e-4 * np.ptp(expected)
