"""wav2vec 2.0 (Baevski et al., 2020, arXiv:2006.11477) and HuBERT (Hsu et al., 2021,
arXiv:2106.07447) as speech encoders, through ``transformers``.

Owns their shapes, what of them learns, and that frozen parts never drop anything. Files are
``speech_weights.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import is_parametrized

from likeness.errors import DataError, UsageError, first_few
from likeness.extras import require
from likeness.models.speech_encoders import SpeechEncoder, num_steps
from likeness.models.speech_weights import find_weights, read_weights, where_to_get

Freeze = Literal["all", "lower", "none"]

_LOWER_LAYERS = 2
"""Transformer layers that ``freeze="lower"`` keeps, beside the convolutions and the projection."""


class SpeechTransformer(SpeechEncoder):
    """Hidden states of the first transformer layers of a published network.

    Args:
        model: a ``Wav2Vec2Model`` or a ``HubertModel`` with as many layers as are given.
        freeze: see :func:`likeness.models.speech_choice.build_encoder`.
    """

    def __init__(self, model: nn.Module, freeze: Freeze) -> None:
        super().__init__()
        config: Any = model.config
        self.width, self.num_layers = int(config.hidden_size), int(config.num_hidden_layers)
        self.model = model
        self._frozen = _frozen_parts(model, freeze)
        for part in self._frozen:
            part.requires_grad_(False)
        self.train(self.training)

    def forward(self, audio: Tensor) -> Tensor:
        num_steps(audio.shape[-1])
        states = self.model(audio, output_hidden_states=True, return_dict=True).hidden_states
        # The first is what enters the transformer.
        return torch.stack(states[1:], dim=1)

    def train(self, mode: bool = True) -> SpeechTransformer:
        """As usual, but frozen parts stay in eval mode: their dropout would only be noise."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self


class Positions(nn.Module):
    """Where a step lies among the others: a convolution over them, of half a second either way and
    more.

    Stands for the one of ``transformers``, with its tensors under their names. Of few steps, most
    of the kernel lies on the zeros around them: that part is neither made nor multiplied, and the
    result is the same.

    Args:
        whole: ``pos_conv_embed`` of an encoder; the norm of its weight is taken for each tap.
    """

    def __init__(self, whole: Any) -> None:
        super().__init__()
        self.conv, self.padding, self.activation = whole.conv, whole.padding, whole.activation

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, steps, width) of (B, steps, width)."""
        steps, x, conv = hidden.shape[1], hidden.transpose(1, 2), self.conv
        middle = conv.kernel_size[0] // 2
        if steps > middle:
            return self.activation(self.padding(conv(x))).transpose(1, 2)
        taps = slice(middle - steps + 1, middle + steps)
        sizes, directions = (
            getattr(conv.parametrizations.weight, f"original{i}")[..., taps] for i in (0, 1)
        )
        # By rows that lie together: ``vector_norm`` over the first axes takes three times as long.
        rows = directions.reshape(-1, directions.shape[-1])
        weight = (rows * (sizes.flatten() / rows.square().sum(0).sqrt())).reshape(directions.shape)
        x = functional.conv1d(x, weight, conv.bias, padding=steps - 1, groups=conv.groups)
        return self.activation(x).transpose(1, 2)


def _frozen_parts(model: Any, freeze: Freeze) -> list[nn.Module]:
    if freeze == "none":
        return []
    if freeze == "all":
        return [model]
    lower = model.encoder.layers[:_LOWER_LAYERS]
    return [model.feature_extractor, model.feature_projection, *lower]


def build_transformer(
    kind: str,
    path: str | Path | None,
    *,
    num_layers: int | None,
    freeze: Freeze,
    with_weights: bool,
) -> SpeechTransformer:
    """See :func:`likeness.models.speech_choice.build_encoder`."""
    library = require("transformers", extra="speech", purpose=f"run the speech encoder '{kind}'")
    file = None
    if with_weights and path is not None:
        file = find_weights(Path(path).expanduser(), where_to_get(kind))
    settings = _settings(kind, Path(path).expanduser() if path is not None else None)
    most = int(settings.get("num_hidden_layers", 12))
    wanted = most if num_layers is None else num_layers
    if not 1 <= wanted <= most:
        raise UsageError(f"'{kind}' has 1 to {most} layers to give, not {wanted}.")
    # Masking needs a trained vector for what is hidden; a frozen encoder never masks.
    masks = {} if freeze != "all" else {"mask_time_prob": 0.0, "mask_feature_prob": 0.0}
    settings |= {"num_hidden_layers": wanted, "attn_implementation": "eager", **masks}
    if kind == "wav2vec2":
        model = library.Wav2Vec2Model(library.Wav2Vec2Config(**settings))
    else:
        model = library.HubertModel(library.HubertConfig(**settings))
    if is_parametrized(model.encoder.pos_conv_embed.conv):  # some have a batch norm instead
        model.encoder.pos_conv_embed = Positions(model.encoder.pos_conv_embed)
    if file is not None:
        _load(model, file)
    return SpeechTransformer(model, freeze)


def _settings(kind: str, path: Path | None) -> dict[str, Any]:
    """What the ``config.json`` beside the weights says; the base network's where there is none."""
    if path is None:
        return {}
    file = (path if path.is_dir() else path.parent) / "config.json"
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"'{file}' is no readable JSON: {error}.") from error
    model = found.get("model_type", kind) if isinstance(found, dict) else None
    if model != kind:
        raise DataError(
            f"'{file}' should describe a '{kind}' and describes '{model}'.",
            advice="Name the encoder that belongs to the weights.",
        )
    if found.get("conv_stride", [5, 2, 2, 2, 2, 2, 2]) != [5, 2, 2, 2, 2, 2, 2]:
        raise DataError(f"'{file}' describes an encoder whose steps are not 20 ms apart.")
    return {k: v for k, v in found.items() if k not in ("architectures", "dtype", "torch_dtype")}


def _load(model: nn.Module, file: Path) -> None:
    found, own = read_weights(file), model.state_dict()
    wrong = [f"{name} is missing" for name in own if name not in found and _is_needed(name)]
    wrong += [
        f"{name} has shape {tuple(found[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if wrong:
        raise DataError(
            f"The weights in '{file}' do not fit the encoder: {first_few(wrong, 4, between='; ')}.",
            advice="Give the weights of the base network, or a folder with its config.json.",
        )
    # Layers beyond those that are run are left out.
    kept = {name: tensor.float() for name, tensor in found.items() if name in own}
    model.load_state_dict(kept, strict=False)


def _is_needed(name: str) -> bool:
    # Some published files leave the vector out that masking puts in.
    return name != "masked_spec_embed"
