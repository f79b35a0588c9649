"""The speech encoders by name. Nothing is ever downloaded.

The encoders themselves are ``speech_encoders.py`` and ``speech_transformers.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from likeness.errors import MissingError, UsageError
from likeness.models.speech_encoders import LogMel, SpeechEncoder, TinyEncoder
from likeness.models.speech_transformers import Freeze, build_transformer
from likeness.models.speech_weights import where_to_get

Kind = Literal["wav2vec2", "hubert", "log_mel", "tiny"]


def build_encoder(
    kind: Kind,
    path: str | Path | None = None,
    num_layers: int | None = None,
    *,
    width: int | None = None,
    freeze: Freeze = "all",
    with_weights: bool = True,
) -> SpeechEncoder:
    """An encoder by its name.

    Args:
        kind: ``wav2vec2`` and ``hubert`` are the published base networks, read from ``path``;
            ``log_mel`` is a formula; ``tiny`` is a learned filter bank.
        path: folder or file with the weights of ``wav2vec2`` and ``hubert``.
        num_layers: transformer layers that are run and given; None: all. Only for those two.
        width: features of ``log_mel`` and ``tiny``; None: 80 and 64.
        freeze: of the published networks: ``all``; ``lower``, which leaves the layers from the
            third on to learn; or ``none``.
        with_weights: False leaves the published networks random and needs no ``path``: for weights
            that come from a checkpoint.

    Raises:
        MissingError: no weights at ``path``, or none given; or the extra is not installed.
        DataError, UnsafeFileError: the weights cannot be read or do not fit.
        UsageError: no such encoder or number of layers.
    """
    if kind == "log_mel":
        return LogMel(width or 80)
    if kind == "tiny":
        return TinyEncoder(width or 64)
    if kind not in ("wav2vec2", "hubert"):
        raise UsageError(
            f"There is no speech encoder '{kind}'.",
            advice="Choose wav2vec2, hubert, log_mel or tiny.",
        )
    if with_weights and path is None:
        raise MissingError(
            f"The speech encoder '{kind}' needs its published weights, and no path is set.",
            advice=where_to_get(kind),
        )
    return build_transformer(
        kind, path, num_layers=num_layers, freeze=freeze, with_weights=with_weights
    )
