"""Weights of the published regression network (``weights.pth`` of Audio2Face-3D's training) by the
names of ours.

Owns the table of names. The tensors are the same, but that kernels along time have a further axis
of length 1 there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from likeness.errors import DataError, MissingError
from likeness.models.speech_weights import named_like_transformers, read_tensors

_ENCODER = "w2v."
_TABLE = (
    (r"w2v_feature_coeffs$", "encoder_branch.shares"),
    (r"w2v_linear_mapping\.", "encoder_branch.projection."),
    (r"linear_explicit_emo\.", "explicit."),
    (r"time5\.", "articulation.last."),
    *((rf"freq{i + 1}\.", f"formants.layers.{i}.") for i in range(5)),
    *((rf"time{i + 1}\.", f"articulation.layers.{i}.") for i in range(4)),
    *((rf"phoneme_conv{i + 1}\.", f"phoneme_head.layers.{i}.") for i in range(2)),
    *((rf"linear_skin_jaw_eyes{i + 1}\.", f"heads.face.{i}.") for i in range(2)),
    *((rf"linear_tongue{i + 1}\.", f"heads.tongue.{i}.") for i in range(2)),
)
_ALONG_TIME = re.compile(r"(articulation|phoneme_head)\.layers\.\d\.weight$")


def named_like_ours(
    weights: Mapping[str, Tensor], languages: Sequence[str] = ()
) -> dict[str, Tensor]:
    """A published state dict by our names.

    Args:
        weights: of the published network.
        languages: of its phonemes, in the order it was trained with; without them, what tells
            phonemes apart is left out.
    """
    encoder = {
        name.removeprefix(_ENCODER): tensor
        for name, tensor in weights.items()
        if name.startswith(_ENCODER)
    }
    named = {
        f"encoder_branch.encoder.model.{name}": tensor
        for name, tensor in named_like_transformers(encoder).items()
    }
    for name, tensor in weights.items():
        regressor = re.match(r"phoneme_regressors\.(\d+)\.(.+)", name)
        if regressor and int(regressor[1]) < len(languages):
            language = languages[int(regressor[1])]
            named[f"phoneme_head.languages.{language}.{regressor[2]}"] = tensor
        for pattern, ours in _TABLE:
            changed, count = re.subn(f"^{pattern}", ours, name)
            if count and (languages or not changed.startswith("phoneme_head")):
                named[changed] = tensor.squeeze(-1) if _ALONG_TIME.match(changed) else tensor
    return named


def load_published(network: nn.Module, path: str | Path, languages: Sequence[str] = ()) -> None:
    """Start a network of the published shape from published weights.

    Raises:
        MissingError: there is no such file.
        UnsafeFileError, DataError: the file cannot be read, or is of another network; the message
            names the first tensors that differ.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingError(f"Published weights were expected at '{path}'; there is no such file.")
    found, own = named_like_ours(read_tensors(path), languages), network.state_dict()
    needed = [name for name in own if not name.startswith("output_")]
    wrong = [f"{name} is missing" for name in needed if name not in found]
    wrong += [f"{name} has no place" for name in found if name not in own]
    wrong += [
        f"{name} has shape {tuple(found[name].shape)}, expected {tuple(own[name].shape)}"
        for name in needed
        if name in found and found[name].shape != own[name].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
        raise DataError(
            f"The weights in '{path}' are of another network: {'; '.join(wrong[:4])}{more}.",
            advice="Use the published settings, the same number of coefficients and emotions, and "
            "the languages it was trained with.",
        )
    network.load_state_dict(found, strict=False)
