"""Weights of wav2vec 2.0 and HuBERT in files of three families, by the names of ``transformers``.

Owns the names: ``transformers`` itself, torchaudio and fairseq call the same tensors
differently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from likeness.errors import MissingError
from likeness.models.weight_files import read_tensors

FILE_NAMES = ("model.safetensors", "pytorch_model.bin", "model.pt", "weights.pth")
"""Looked for in a folder, in this order."""

# Tasks on top of the encoder and parts that only pretraining uses.
_LEFT_OUT = re.compile(
    r"^(lm_head|quantizer|project_q|project_hid|final_proj|label_embs_concat|aux|readout|"
    r"encoder\.readout|mask_generator|proj)\b"
)
_PREFIX = re.compile(r"^(module|model|wav2vec2|hubert|w2v_encoder\.w2v_model|w2v_model)\.")

_TORCHAUDIO = (
    (r"encoder\.feature_projection\.", "feature_projection."),
    (r"encoder\.transformer\.", "encoder."),
)
_FAIRSEQ = (
    (r"feature_extractor\.conv_layers\.(\d+)\.0\.", r"feature_extractor.conv_layers.\1.conv."),
    # A group norm in the first layer of the base networks, layer norms in the large ones.
    (r"feature_extractor\.conv_layers\.(\d+)\.2\.(1\.)?",
     r"feature_extractor.conv_layers.\1.layer_norm."),
    (r"post_extract_proj\.", "feature_projection.projection."),
    (r"layer_norm\.", "feature_projection.layer_norm."),
    (r"mask_emb$", "masked_spec_embed"),
    (r"encoder\.pos_conv\.0\.", "encoder.pos_conv_embed.conv."),
    (r"encoder\.layers\.(\d+)\.self_attn_layer_norm\.", r"encoder.layers.\1.layer_norm."),
    (r"encoder\.layers\.(\d+)\.self_attn\.", r"encoder.layers.\1.attention."),
    (r"encoder\.layers\.(\d+)\.fc1\.", r"encoder.layers.\1.feed_forward.intermediate_dense."),
    (r"encoder\.layers\.(\d+)\.fc2\.", r"encoder.layers.\1.feed_forward.output_dense."),
)  # fmt: skip
_WEIGHT_NORM = (
    (r"(encoder\.pos_conv_embed\.conv)\.weight_g$", r"\1.parametrizations.weight.original0"),
    (r"(encoder\.pos_conv_embed\.conv)\.weight_v$", r"\1.parametrizations.weight.original1"),
)


def where_to_get(kind: str) -> str:
    """Where the weights of a published encoder come from, a sentence or two."""
    name = "facebook/wav2vec2-base" if kind == "wav2vec2" else "facebook/hubert-base-ls960"
    return (
        f"Get '{name}' (config.json and model.safetensors) from huggingface.co on a machine with "
        "access and give its folder; or choose log_mel or tiny, which need no file."
    )


def find_weights(path: Path, advice: str) -> Path:
    """The file of weights: ``path`` itself, or one of ``FILE_NAMES`` in it.

    Raises:
        MissingError: there is none; the message lists what was looked for.
    """
    if path.is_file():
        return path
    if path.is_dir():
        for name in FILE_NAMES:
            if (path / name).is_file():
                return path / name
        looked = f"'{path}' holds none of {', '.join(FILE_NAMES)}"
    else:
        looked = f"there is nothing at '{path}'"
    raise MissingError(f"Weights of a speech encoder were expected, but {looked}.", advice=advice)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by the names of ``transformers``, without prefix.

    Raises:
        UnsafeFileError, DataError: as :func:`.weight_files.read_tensors`.
    """
    return named_like_transformers(read_tensors(path))


def named_like_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's tensors of a state dict of any of the three families, renamed.

    Prefixes of wrappers are dropped, and so are heads and what only pretraining uses.
    """
    plain = {_without_prefix(name): tensor for name, tensor in weights.items()}
    rules: tuple[tuple[str, str], ...] = ()
    if any(name.startswith("encoder.transformer.") for name in plain):
        rules = _TORCHAUDIO
    elif "post_extract_proj.weight" in plain:
        rules = _FAIRSEQ
    named = {}
    for name, tensor in plain.items():
        if not _LEFT_OUT.match(name):
            named[_renamed(_renamed(name, rules), _WEIGHT_NORM)] = tensor
    return named


def _without_prefix(name: str) -> str:
    while _PREFIX.match(name):
        name = _PREFIX.sub("", name)
    return name


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        changed, count = re.subn(f"^{pattern}", replacement, name)
        if count:
            return changed
    return name
