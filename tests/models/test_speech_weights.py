"""Weights of speech encoders by the names of three libraries, and files that are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.models.speech_choice import build_encoder
from likeness.models.speech_encoders import SpeechEncoder
from likeness.models.speech_weights import named_like_transformers, read_weights

SHAPE = {
    "model_type": "wav2vec2",
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
# Names of one layer: transformers, torchaudio, fairseq.
NAMES = """
feature_extractor.conv_layers.0.conv.weight | = | feature_extractor.conv_layers.0.0.weight
feature_extractor.conv_layers.0.layer_norm.weight | = | feature_extractor.conv_layers.0.2.weight
feature_extractor.conv_layers.0.layer_norm.bias | = | feature_extractor.conv_layers.0.2.bias
feature_extractor.conv_layers.6.conv.weight | = | feature_extractor.conv_layers.6.0.weight
feature_projection.layer_norm.weight | encoder.feature_projection.layer_norm.weight | layer_norm.weight
feature_projection.layer_norm.bias | encoder.feature_projection.layer_norm.bias | layer_norm.bias
feature_projection.projection.weight | encoder.feature_projection.projection.weight | post_extract_proj.weight
feature_projection.projection.bias | encoder.feature_projection.projection.bias | post_extract_proj.bias
encoder.pos_conv_embed.conv.bias | encoder.transformer.pos_conv_embed.conv.bias | encoder.pos_conv.0.bias
encoder.pos_conv_embed.conv.parametrizations.weight.original0 | encoder.transformer.pos_conv_embed.conv.weight_g | encoder.pos_conv.0.weight_g
encoder.pos_conv_embed.conv.parametrizations.weight.original1 | encoder.transformer.pos_conv_embed.conv.weight_v | encoder.pos_conv.0.weight_v
encoder.layer_norm.weight | encoder.transformer.layer_norm.weight | encoder.layer_norm.weight
encoder.layer_norm.bias | encoder.transformer.layer_norm.bias | encoder.layer_norm.bias
encoder.layers.0.attention.k_proj.weight | encoder.transformer.layers.0.attention.k_proj.weight | encoder.layers.0.self_attn.k_proj.weight
encoder.layers.0.attention.out_proj.bias | encoder.transformer.layers.0.attention.out_proj.bias | encoder.layers.0.self_attn.out_proj.bias
encoder.layers.0.layer_norm.weight | encoder.transformer.layers.0.layer_norm.weight | encoder.layers.0.self_attn_layer_norm.weight
encoder.layers.0.feed_forward.intermediate_dense.weight | encoder.transformer.layers.0.feed_forward.intermediate_dense.weight | encoder.layers.0.fc1.weight
encoder.layers.0.feed_forward.output_dense.bias | encoder.transformer.layers.0.feed_forward.output_dense.bias | encoder.layers.0.fc2.bias
encoder.layers.0.final_layer_norm.weight | encoder.transformer.layers.0.final_layer_norm.weight | encoder.layers.0.final_layer_norm.weight
"""  # noqa: E501
ROWS = [tuple(cell.strip() for cell in line.split("|")) for line in NAMES.strip().splitlines()]


def _like(name: str, column: int) -> str:
    """The name in another library: by the table, other convolutions and projections alike."""
    for row in ROWS:
        target = row[0] if row[column] == "=" else row[column]
        if row[0] == name:
            return target
    for row in ROWS:
        target = row[0] if row[column] == "=" else row[column]
        ours, number = re.sub(r"layers\.\d", "layers.N", row[0]), re.search(r"layers\.(\d)", name)
        if ours == re.sub(r"layers\.\d", "layers.N", name) and number:
            return re.sub(r"layers\.\d", f"layers.{number[1]}", target)
    for swap in (("q_proj", "k_proj"), ("v_proj", "k_proj"), (".bias", ".weight"),
                 (".weight", ".bias")):  # fmt: skip
        if swap[0] in name:
            for row in ROWS:
                if row[0] == name.replace(*swap):
                    target = row[0] if row[column] == "=" else row[column]
                    return target.replace(swap[1], swap[0])
    if "proj.bias" in name:
        return _like(name.replace(".bias", ".weight"), column).replace(".weight", ".bias")
    raise AssertionError(name)


def _config(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(SHAPE))


def _weights(folder: Path) -> dict[str, Tensor]:
    _config(folder)
    encoder = build_encoder("wav2vec2", folder, with_weights=False)
    torch.manual_seed(1)
    return {
        name.removeprefix("model."): torch.randn_like(tensor) * 0.2
        for name, tensor in encoder.state_dict().items()
    }


def _heard(encoder: SpeechEncoder) -> Tensor:
    return encoder(torch.sin(torch.arange(1600) * 0.1)[None] * 0.2)


@pytest.mark.parametrize("column", [1, 2], ids=["torchaudio", "fairseq"])
def test_other_libraries_names_give_the_same_network(tmp_path: Path, column: int) -> None:
    own = _weights(tmp_path)
    save_file(own, tmp_path / "model.safetensors")
    expected = _heard(build_encoder("wav2vec2", tmp_path))
    renamed = {_like(name, column): tensor for name, tensor in own.items()}
    assert len(renamed) == len(own)
    assert set(renamed) != set(own)
    extras = {"aux.weight": torch.zeros(2), "quantizer.vars": torch.zeros(2)}
    other = tmp_path / "other"
    _config(other)
    torch.save({"model": {**renamed, **extras}}, other / "model.pt")
    assert torch.equal(_heard(build_encoder("wav2vec2", other)), expected)
    assert set(named_like_transformers({**renamed, **extras})) == set(own)


def test_prefixes_and_older_names_of_the_library(tmp_path: Path) -> None:
    own = _weights(tmp_path)
    old = {
        "wav2vec2."
        + name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in own.items()
    }
    assert "wav2vec2.encoder.pos_conv_embed.conv.weight_g" in old
    torch.save({**old, "lm_head.weight": torch.zeros(3)}, tmp_path / "pytorch_model.bin")
    loaded = build_encoder("wav2vec2", tmp_path).state_dict()
    assert all(torch.equal(loaded["model." + name], tensor) for name, tensor in own.items())


def test_a_single_file_without_configuration_is_the_base_network(tmp_path: Path) -> None:
    file = tmp_path / "small.safetensors"
    save_file(_weights(tmp_path / "elsewhere"), file)
    with pytest.raises(DataError, match=r"do not fit the encoder: .*expected") as caught:
        build_encoder("wav2vec2", file, 1)
    assert "config.json" in caught.value.advice


def test_missing_tensors_are_named(tmp_path: Path) -> None:
    own = _weights(tmp_path)
    own.pop("encoder.layer_norm.bias")
    save_file(own, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match=r"encoder\.layer_norm\.bias is missing"):
        build_encoder("wav2vec2", tmp_path)


def test_another_kind_of_network_is_refused(tmp_path: Path) -> None:
    save_file(_weights(tmp_path), tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="should describe a 'hubert' and describes 'wav2vec2'"):
        build_encoder("hubert", tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps({**SHAPE, "conv_stride": [5, 2, 2, 2, 2, 2, 1]})
    )
    with pytest.raises(DataError, match="not 20 ms apart"):
        build_encoder("wav2vec2", tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match="no readable JSON"):
        build_encoder("wav2vec2", tmp_path)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


def test_pickles_are_read_without_running_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"model": _Evil()}, tmp_path / "model.pt")
    with pytest.raises(UnsafeFileError, match="would run code"):
        read_weights(tmp_path / "model.pt")
    assert capsys.readouterr().out == ""


def test_files_that_hold_no_weights(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a readable file of weights"):
        read_weights(tmp_path / "a.safetensors")
    torch.save([1, 2], tmp_path / "b.pt")
    with pytest.raises(DataError, match="found a list"):
        read_weights(tmp_path / "b.pt")
    torch.save({"epoch": 3, "x": torch.zeros(1)}, tmp_path / "c.pt")
    with pytest.raises(DataError, match="other values as well"):
        read_weights(tmp_path / "c.pt")
    (tmp_path / "d.pt").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises((DataError, UnsafeFileError)):
        read_weights(tmp_path / "d.pt")
    with pytest.raises(MissingError):
        build_encoder("wav2vec2", tmp_path / "missing.pt")
