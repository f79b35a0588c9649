"""Speech encoders: steps, formulas, published sizes, what is frozen, and no network."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.errors import MissingError, UsageError
from likeness.models.speech_choice import build_encoder
from likeness.models.speech_encoders import LogMel, TinyEncoder, num_steps
from likeness.models.speech_transformers import Positions

TINY_SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}


def _folder(path: Path, kind: str) -> Path:
    import transformers

    torch.manual_seed(3)
    if kind == "wav2vec2":
        config = transformers.Wav2Vec2Config(**TINY_SHAPE, vocab_size=5)
        transformers.Wav2Vec2ForCTC(config).save_pretrained(path)
    else:
        config = transformers.HubertConfig(**TINY_SHAPE)
        transformers.HubertModel(config).save_pretrained(path)
    return path


def _learning(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def _size(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_published_sizes_to_the_last_weight() -> None:
    with torch.device("meta"):
        first = build_encoder("wav2vec2", num_layers=1, with_weights=False)
        hubert = build_encoder("hubert", freeze="lower", with_weights=False)
    assert (_size(first), _learning(first)) == (16_404_352, 0)
    assert (_size(hubert), _size(hubert) - _learning(hubert)) == (94_371_712, 18_771_200)
    assert (hubert.width, hubert.num_layers, first.num_layers) == (768, 12, 1)


@pytest.mark.parametrize("samples", [400, 719, 720, 8320, 16000])
def test_all_encoders_give_the_same_steps(tmp_path: Path, samples: int) -> None:
    audio = torch.randn(2, samples) * 0.1
    expected = (samples - 400) // 320 + 1
    assert num_steps(samples) == expected
    encoders = [
        LogMel(20),
        TinyEncoder(8),
        build_encoder("wav2vec2", _folder(tmp_path / "w", "wav2vec2"), 2),
        build_encoder("hubert", _folder(tmp_path / "h", "hubert")),
    ]
    for encoder, (layers, width) in zip(encoders, [(1, 20), (1, 8), (2, 32), (3, 32)]):
        assert encoder(audio).shape == (2, layers, expected, width)
        assert (encoder.num_layers, encoder.width) == (layers, width)


def test_windows_of_16000_and_8320_samples_have_the_published_steps() -> None:
    assert (num_steps(16000), num_steps(8320)) == (49, 25)
    with pytest.raises(UsageError, match="400 samples at least, got 399"):
        num_steps(399)


def test_log_mel_is_the_formula() -> None:
    """Against a fast Fourier transform of each window and triangles by interpolation."""
    rng = np.random.default_rng(0)
    audio = rng.normal(0, 0.1, 2000).astype(np.float32)
    encoder = LogMel(40)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 42)
    edges = 700 * (10 ** (mel / 2595) - 1)
    frequency = np.arange(257) * 16000 / 512
    expected = np.empty((6, 40))
    for step in range(6):
        power = np.abs(np.fft.rfft(audio[320 * step : 320 * step + 400] * hann, 512)) ** 2
        for band in range(40):
            triangle = np.interp(frequency, edges[band : band + 3], [0, 1, 0], left=0, right=0)
            expected[step, band] = np.log10(triangle @ power + 1e-7) / 2 + 2
    found = encoder(torch.from_numpy(audio)[None])[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert np.allclose(encoder(torch.zeros(1, 400)).numpy(), -1.5)
    assert _size(encoder) == 0
    with pytest.raises(UsageError, match="too many"):
        LogMel(400)


def test_tiny_hears_exactly_its_400_samples() -> None:
    torch.manual_seed(0)
    encoder = TinyEncoder(64)
    audio = torch.randn(1, 1040) * 0.1
    audio.requires_grad_()
    encoder(audio)[0, 0, 1].sum().backward()
    assert audio.grad is not None
    heard = audio.grad[0].nonzero().flatten()
    assert (int(heard.min()), int(heard.max())) == (320, 719)
    assert _learning(encoder) == _size(encoder) == 2 * 64 * 400 + 2 * (64 * 64 + 64)


def test_tiny_begins_with_a_filter_bank_on_the_mel_scale() -> None:
    encoder = TinyEncoder(32)
    spectrum = np.abs(np.fft.rfft(encoder.filters.weight.detach().numpy()[:, 0], 16000))
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 34)[1:-1]
    expected = 700 * (10 ** (mel / 2595) - 1)
    peaks = spectrum.argmax(1)
    # The lowest have hardly a period under their bell, the highest is folded at 8 kHz.
    np.testing.assert_allclose(peaks[3:31], expected[3:31], atol=25)
    np.testing.assert_allclose(peaks[35:63], expected[3:31], atol=25)


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert"])
def test_frozen_parts_stay_in_eval_mode(tmp_path: Path, kind: str) -> None:
    """The published code leaves the frozen encoder in training mode, so its dropout is noise."""
    encoder = build_encoder(kind, _folder(tmp_path, kind)).train()
    audio = torch.randn(2, 1200) * 0.1
    assert torch.equal(encoder(audio), encoder(audio))
    assert not any(part.training for part in encoder.model.modules())
    assert _learning(encoder) == 0


def test_lower_layers_are_frozen_and_the_rest_learns(tmp_path: Path) -> None:
    encoder = build_encoder("hubert", _folder(tmp_path, "hubert"), freeze="lower").train()
    model = encoder.model
    for part in (model.feature_extractor, model.feature_projection, *model.encoder.layers[:2]):
        assert not part.training
        assert _learning(part) == 0
    assert model.encoder.layers[2].training
    assert _learning(model.encoder.layers[2]) == _size(model.encoder.layers[2])
    encoder(torch.randn(2, 8320) * 0.1).square().mean().backward()
    assert model.encoder.layers[2].layer_norm.weight.grad is not None
    assert _learning(build_encoder("hubert", tmp_path, freeze="none")) == _size(encoder)


def test_hidden_states_are_those_of_the_library(tmp_path: Path) -> None:
    import transformers

    folder = _folder(tmp_path, "wav2vec2")
    audio = torch.randn(2, 2000) * 0.1
    model = transformers.Wav2Vec2Model.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        states = model(audio, output_hidden_states=True).hidden_states
        for layers in (1, 3):
            found = build_encoder("wav2vec2", folder, layers)(audio)
            # The library puts no final norm after post-norm layers, so early ones are the same.
            torch.testing.assert_close(found, torch.stack(states[1 : layers + 1], 1))


def test_a_missing_file_says_where_to_get_it_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for path in (None, tmp_path, tmp_path / "nowhere", "facebook/hubert-base-ls960"):
        with pytest.raises(MissingError) as caught:
            build_encoder("hubert", path)
        assert "facebook/hubert-base-ls960" in caught.value.advice
        assert "log_mel" in caught.value.advice
    with pytest.raises(MissingError, match=r"holds none of model\.safetensors"):
        build_encoder("wav2vec2", tmp_path)


def test_refuses_what_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no speech encoder 'whisper'"):
        build_encoder("whisper")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="1 to 3 layers to give, not 4"):
        build_encoder("hubert", _folder(tmp_path, "hubert"), 4)


@pytest.mark.parametrize("kernel", [8, 7])
def test_positions_of_few_steps_are_those_of_the_library(kernel: int) -> None:
    """Taps that only meet the zeros around the steps are left out, and nothing else."""
    transformers = pytest.importorskip("transformers")
    from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2PositionalConvEmbedding

    config = transformers.Wav2Vec2Config(
        hidden_size=12, num_conv_pos_embeddings=kernel, num_conv_pos_embedding_groups=3
    )
    torch.manual_seed(0)
    whole = Wav2Vec2PositionalConvEmbedding(config).double()
    with torch.no_grad():
        whole.conv.parametrizations.weight.original0.uniform_(0.5, 2.0)
        whole.conv.bias.uniform_(-1.0, 1.0)
    short = Positions(whole)
    assert short.state_dict().keys() == whole.state_dict().keys()
    for steps in range(1, kernel + 4):
        hidden = torch.randn(2, steps, 12, dtype=torch.float64)
        torch.testing.assert_close(short(hidden), whole(hidden), atol=1e-12, rtol=1e-12)
    short(torch.randn(2, 3, 12, dtype=torch.float64)).sum().backward()
    found = whole.conv.parametrizations.weight.original1.grad.abs().sum((0, 1))
    middle = kernel // 2
    assert (found > 0).nonzero().flatten().tolist() == list(range(middle - 2, middle + 3))
