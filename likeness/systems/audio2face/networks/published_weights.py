"""Weights of the published networks (``weights.pth`` of Audio2Face-3D's training) by the names of
ours.

Owns the table of names, which both networks share: no name is in both. The tensors are the same,
but that regression's kernels along time have a further axis of length 1 there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from likeness.errors import DataError, MissingError, first_few
from likeness.models.speech_weights import named_like_transformers
from likeness.models.weight_files import read_tensors

_ENCODERS = {"w2v.": "encoder_branch.encoder.model.", "audio_model.": "encoder.model."}
_CHANNELS = ("skin", "tongue", "jaw", "eye")
_REGRESSION = (
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
_DIFFUSION = (
    (r"proj_hubert\.", "audio."),
    (r"proj_time\.0\.", "time."),
    (r"embed_actor\.", "identity."),
    (r"embed_emo_vector\.", "emotion."),
    (r"gru\.", "gru."),
    (r"geometry_embedding\.(skin|tongue|jaw|eye)_embedding\.0\.", r"geometry.\1."),
    (r"geometry_embedding\.(skin|tongue)_embedding\.1\.", r"geometry.\1_smoothing."),
    (r"geometry_embedding\.(jaw|eye)_embedding\.2\.", r"geometry.\1_second."),
    (r"geometry_embedding\.final\.0\.", "geometry.mix."),
    (r"geometry_embedding\.final\.2\.", "geometry.reduce."),
    *((rf"final_layer_{c}\.0\.", f"heads.hidden.{i}.") for i, c in enumerate(_CHANNELS)),
    *((rf"final_layer_{c}\.2\.", f"heads.last.{i}.") for i, c in enumerate(_CHANNELS)),
)
_TABLE = (*_REGRESSION, *_DIFFUSION)
_HIDDEN = "masked_spec_embed"
"""What hides steps in training; an encoder that stays as it is has no place for it."""
_ALONG_TIME = re.compile(r"(articulation|phoneme_head)\.layers\.\d\.weight$")


def named_like_ours(
    weights: Mapping[str, Tensor], languages: Sequence[str] = ()
) -> dict[str, Tensor]:
    """A published state dict by our names.

    Args:
        weights: of a published network.
        languages: of its phonemes, in the order it was trained with; without them, what tells
            phonemes apart is left out.
    """
    named: dict[str, Tensor] = {}
    for theirs, own in _ENCODERS.items():
        encoder = {n.removeprefix(theirs): t for n, t in weights.items() if n.startswith(theirs)}
        named |= {own + name: t for name, t in named_like_transformers(encoder).items()}
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


def check_published(path: Path) -> None:
    """Read published weights to the end, before anything is made that would start from them.

    Whether they fit is told where the network is known, see :func:`load_published`.

    Raises:
        UnsafeFileError, DataError: the file cannot be read, or has no tensor by a name of theirs.
    """
    found = read_tensors(path)
    if not named_like_ours(found):
        raise DataError(
            f"'{path}' holds no weights of a published network: none of its {len(found)} tensors, "
            f"such as {first_few(sorted(found), 2)}, has a name of theirs.",
            advice="Give the weights.pth of Audio2Face-3D's training, or null to start from "
            "nothing.",
        )


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
    wrong += [
        f"{name} has no place" for name in found if name not in own and not name.endswith(_HIDDEN)
    ]
    wrong += [
        f"{name} has shape {tuple(found[name].shape)}, expected {tuple(own[name].shape)}"
        for name in needed
        if name in found and found[name].shape != own[name].shape
    ]
    if wrong:
        raise DataError(
            f"The weights in '{path}' are of another network: {first_few(wrong, 4, between='; ')}.",
            advice="Use the settings it was trained with, and as many coefficients or vertices, "
            "actors, emotions and languages of phonemes.",
        )
    network.load_state_dict(found, strict=False)
