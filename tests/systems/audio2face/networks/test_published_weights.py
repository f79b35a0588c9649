"""Published weights by our names: every tensor arrives, and other networks are refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.models.speech_choice import build_encoder
from likeness.models.speech_transformers import Freeze
from likeness.systems.audio2face.networks.diffusion import DiffusionNetwork
from likeness.systems.audio2face.networks.diffusion_parts import ChannelSizes
from likeness.systems.audio2face.networks.diffusion_settings import DiffusionSettings
from likeness.systems.audio2face.networks.published_weights import load_published
from likeness.systems.audio2face.networks.regression import RegressionNetwork
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings

SETTINGS = RegressionSettings(uses_encoder=False)
_SMALL = {
    "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
"""Widths of a tiny speech encoder."""


def _published(skin: int, tongue: int, emotions: int) -> dict[str, Tensor]:
    """A state dict as published, without the wav2vec branch."""
    torch.manual_seed(0)
    rigid = skin + 19
    shapes: dict[str, tuple[int, ...]] = {
        "freq1": (72, 1, 1, 3), "freq2": (108, 72, 1, 3), "freq3": (162, 108, 1, 3),
        "freq4": (243, 162, 1, 3), "freq5": (256, 243, 1, 2),
        "time1": (256, 256, 3, 1), "time2": (256, 280, 3, 1), "time3": (256, 280, 3, 1),
        "time4": (256, 280, 3, 1), "time5": (256, 560),
        "linear_skin_jaw_eyes1": (rigid, 280), "linear_skin_jaw_eyes2": (rigid, rigid),
        "linear_tongue1": (tongue, 280), "linear_tongue2": (tongue, tongue),
        "linear_explicit_emo": (8, emotions),
    }  # fmt: skip
    weights = {}
    for name, shape in shapes.items():
        weights[f"{name}.weight"] = torch.randn(shape) / math.sqrt(math.prod(shape[1:]))
        weights[f"{name}.bias"] = torch.randn(shape[0]) * 0.1
    return weights


def _by_published_names(w: dict[str, Tensor], correlation: Tensor, emotion: Tensor) -> Tensor:
    """The network by the published tensors: one window (1, 1, 25, 32), one emotion (19,)."""

    def relu(x: Tensor) -> Tensor:
        return x.clamp(min=0) * math.sqrt(2)

    def linear(name: str, x: Tensor) -> Tensor:
        return w[f"{name}.weight"] @ x + w[f"{name}.bias"]

    x = correlation
    for i in range(1, 6):
        stride, padding = ((1, 2), (0, 1)) if i < 5 else ((1, 1), (0, 0))
        x = relu(nn.functional.conv2d(x, w[f"freq{i}.weight"], w[f"freq{i}.bias"], stride, padding))
    joined = torch.cat([emotion[:16], linear("linear_explicit_emo", emotion[16:])])
    for i in range(1, 5):
        x = relu(nn.functional.conv2d(x, w[f"time{i}.weight"], w[f"time{i}.bias"], (2, 1), (1, 0)))
        x = torch.cat([x, joined.reshape(1, -1, 1, 1).expand(1, -1, x.shape[2], 1)], 1)
    x = torch.cat([relu(linear("time5", x.flatten())), joined])
    face = linear("linear_skin_jaw_eyes2", linear("linear_skin_jaw_eyes1", x))
    tongue = linear("linear_tongue2", linear("linear_tongue1", x))
    return torch.cat([face[:-19], tongue, face[-19:]])


def test_published_weights_give_the_published_result(tmp_path: Path) -> None:
    weights = _published(7, 3, 3)
    torch.save({**weights, "autocorr.window": torch.zeros(640)}, tmp_path / "weights.pth")
    network = RegressionNetwork(SETTINGS, 7, 3, num_emotions=3).eval()
    load_published(network, tmp_path / "weights.pth")
    audio, emotion = torch.randn(1, 1, 8320) * 0.1, torch.randn(1, 1, 19)
    assert network.correlation is not None
    with torch.no_grad():
        found = network(audio, emotion)[0, 0]
        correlation = network.correlation(audio[0])[:, None]
        expected = _by_published_names(weights, correlation, emotion[0, 0])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_encoder_and_phonemes_arrive_in_their_places(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.Wav2Vec2Config(num_hidden_layers=1, **_SMALL)
    config.save_pretrained(tmp_path)
    settings = RegressionSettings(encoder="wav2vec2", encoder_path=str(tmp_path))

    def build() -> RegressionNetwork:
        return RegressionNetwork(
            settings, 7, 3, num_emotions=3, phonemes={"en": 4, "zh": 6}, with_weights=False
        )

    network = build()
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights = _published(7, 3, 3)
    weights["time1.weight"] = torch.randn(256, 512, 3, 1)
    weights |= {
        "w2v_feature_coeffs": torch.randn(1),
        "w2v_linear_mapping.weight": torch.randn(256, 16),
        "w2v_linear_mapping.bias": torch.randn(256),
        "phoneme_regressors.0.weight": torch.randn(4, 256),
        "phoneme_regressors.0.bias": torch.randn(4),
        "phoneme_regressors.1.weight": torch.randn(6, 256),
        "phoneme_regressors.1.bias": torch.randn(6),
    }
    for i in (1, 2):
        weights[f"phoneme_conv{i}.weight"] = torch.randn(256, 256, 3, 1)
        weights[f"phoneme_conv{i}.bias"] = torch.randn(256)
    prefix = "encoder_branch.encoder.model."
    for name, tensor in own.items():
        if name.startswith(prefix):
            plain = name.removeprefix(prefix)
            for ours, theirs in (
                ("feature_projection.", "encoder.feature_projection."),
                ("encoder.", "encoder.transformer."),
            ):
                if plain.startswith(ours):
                    plain = plain.replace(ours, theirs, 1)
                    break
            plain = plain.replace("parametrizations.weight.original0", "weight_g")
            plain = plain.replace("parametrizations.weight.original1", "weight_v")
            weights[f"w2v.{plain}"] = torch.randn_like(tensor)
    torch.save(weights, tmp_path / "weights.pth")
    load_published(network, tmp_path / "weights.pth", ("en", "zh"))
    loaded = network.state_dict()
    unchanged = [name for name in own if torch.equal(loaded[name], own[name])]
    assert unchanged == ["output_mean", "output_scale"]
    key = "encoder.layers.0.attention.k_proj.weight"
    theirs = "w2v.encoder.transformer.layers.0.attention.k_proj.weight"
    assert torch.equal(loaded[prefix + key], weights[theirs])
    assert torch.equal(
        loaded["phoneme_head.languages.zh.weight"], weights["phoneme_regressors.1.weight"]
    )
    with pytest.raises(DataError, match=r"phoneme_head\.\S+ is missing"):
        load_published(build(), tmp_path / "weights.pth")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(_published(7, 3, 3), tmp_path / "weights.pth")
    other = RegressionNetwork(SETTINGS, 8, 3, num_emotions=3)
    with pytest.raises(DataError, match=r"heads\.face\.0\.weight has shape \(26, 280\)"):
        load_published(other, tmp_path / "weights.pth")
    with pytest.raises(MissingError, match="no such file"):
        load_published(other, tmp_path / "gone.pth")


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


def test_a_stored_pickle_is_not_executed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"time1.weight": _Evil()}, tmp_path / "weights.pth")
    with pytest.raises(UnsafeFileError):
        load_published(nn.Linear(1, 1), tmp_path / "weights.pth")
    assert capsys.readouterr().out == ""


SIZES, ACTORS, EMOTIONS = ChannelSizes(21, 15), 2, 3


def _published_diffusion(encoder: nn.Module) -> dict[str, Tensor]:
    """A state dict as published, of the default widths on an encoder of 16."""
    torch.manual_seed(1)
    inner = {"skin": (21, 512), "tongue": (15, 20), "jaw": (15, 30), "eye": (4, 8)}
    hidden = {"skin": 512, "tongue": 512, "jaw": 128, "eye": 128}
    embedding = "geometry_embedding"
    shapes: dict[str, tuple[int, ...]] = {
        "proj_hubert": (256, 16), "proj_time.0": (256, 1000),
        f"{embedding}.final.0": (570, 570), f"{embedding}.final.2": (285, 570),
    }  # fmt: skip
    for channel, (size, width) in inner.items():
        shapes[f"{embedding}.{channel}_embedding.0"] = (width, size)
        second = (1, 1, 9) if channel in ("skin", "tongue") else (width, width)
        shapes[f"{embedding}.{channel}_embedding.{1 if len(second) == 3 else 2}"] = second
        shapes[f"final_layer_{channel}.0"] = (hidden[channel], 256)
        shapes[f"final_layer_{channel}.2"] = (size, hidden[channel])
    weights = {f"audio_model.{name}": tensor for name, tensor in encoder.state_dict().items()}
    for name, shape in shapes.items():
        weights[f"{name}.weight"] = torch.randn(shape) / math.sqrt(math.prod(shape[1:]))
        weights[f"{name}.bias"] = torch.randn(shape[0]) * 0.1
    weights["embed_actor.weight"] = torch.randn(32, ACTORS)
    weights["embed_emo_vector.weight"] = torch.randn(32, EMOTIONS)
    recurrent = nn.GRU(861, 256, 2, batch_first=True)
    return weights | {f"gru.{name}": tensor for name, tensor in recurrent.state_dict().items()}


def _diffusion_by_published_names(
    w: dict[str, Tensor], encoded: Tensor, noisy: Tensor, time: int, actor: int, emotion: Tensor
) -> Tensor:
    """The network by the published tensors: frames (T, D) of an encoder's steps (n, 16)."""

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    frames, parts = len(noisy), []
    places = np.linspace(0, len(encoded) - 1, frames)
    columns = [np.interp(places, range(len(encoded)), column) for column in encoded.T.numpy()]
    heard = linear("proj_hubert", torch.tensor(np.stack(columns, 1), dtype=torch.float32))
    for channel, x in zip(("skin", "tongue", "jaw", "eye"), noisy.split(SIZES.each, 1)):
        name = f"geometry_embedding.{channel}_embedding"
        x = linear(f"{name}.0", x)
        if channel in ("skin", "tongue"):
            kernel, bias = w[f"{name}.1.weight"], w[f"{name}.1.bias"]
            x = nn.functional.conv1d(x[:, None], kernel, bias, padding=4)[:, 0]
        else:
            x = linear(f"{name}.2", x.relu())
        parts.append(x.relu())
    final = "geometry_embedding.final"
    geometry = linear(f"{final}.2", linear(f"{final}.0", torch.cat(parts, 1)).relu())
    when = nn.functional.mish(w["proj_time.0.weight"][:, time] + w["proj_time.0.bias"])
    who, felt = w["embed_actor.weight"][:, actor], w["embed_emo_vector.weight"] @ emotion
    held = [x.expand(frames, -1) for x in (who, when, felt)]
    recurrent = nn.GRU(861, 256, 2, batch_first=True)
    recurrent.load_state_dict({n[4:]: t for n, t in w.items() if n.startswith("gru.")})
    features = recurrent(torch.cat([heard, geometry, *held], 1)[None])[0][0]
    heads = [
        linear(f"final_layer_{c}.2", linear(f"final_layer_{c}.0", features).relu())
        for c in ("skin", "tongue", "jaw", "eye")
    ]
    return torch.cat(heads, 1)


@pytest.mark.parametrize("freeze", ["lower", "all"])
def test_published_weights_of_diffusion_give_the_published_result(
    tmp_path: Path, freeze: Freeze
) -> None:
    """Also where nothing of the encoder learns, so that nothing hides steps of it."""
    transformers = pytest.importorskip("transformers")
    config = transformers.HubertConfig(num_hidden_layers=3, **_SMALL)
    config.save_pretrained(tmp_path)
    encoder = transformers.HubertModel(config).eval()
    weights = _published_diffusion(encoder)
    torch.save(weights, tmp_path / "weights.pth")
    neutral = torch.randn(ACTORS, SIZES.total)
    network = DiffusionNetwork(
        DiffusionSettings(),
        build_encoder("hubert", tmp_path, freeze=freeze, with_weights=False),
        SIZES,
        fps=60.0,
        num_identities=ACTORS,
        num_emotions=EMOTIONS,
        mean_geometry=neutral,
    ).eval()
    load_published(network, tmp_path / "weights.pth")
    audio, noisy = torch.randn(1, 16000) * 0.1, torch.randn(1, 60, SIZES.total)
    emotion, identity = torch.rand(1, EMOTIONS), torch.eye(ACTORS)[1:]
    with torch.no_grad():
        found, _ = network(noisy, torch.tensor([500]), audio, identity, emotion)
        encoded = encoder(audio).last_hidden_state[0]
        moved = _diffusion_by_published_names(weights, encoded, noisy[0], 500, 1, emotion[0])
    torch.testing.assert_close(found[0], moved + neutral[1], atol=1e-5, rtol=1e-5)
    del weights["gru.bias_hh_l1"]
    torch.save(weights, tmp_path / "fewer.pth")
    with pytest.raises(DataError, match=r"of another network: gru\.bias_hh_l1 is missing"):
        load_published(network, tmp_path / "fewer.pth")
