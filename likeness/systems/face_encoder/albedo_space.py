"""The albedo space a configuration names: opening it, and what tells it from others.

The readers are in ``likeness.geometry``; which pixels it colours is ``render.py``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.texture_space import (
    TextureSpace,
    load_texture_space,
    synthetic_texture_space,
)
from likeness.systems.face_encoder.layout import VectorLayout

_TEXTURE_SIZE = 128
_SYNTHETIC = "synthetic-1"
"""Name and version of the space without a file; the version grows when its colours change."""


def open_albedo_space(name: str, num_components: int) -> TextureSpace:
    """The space called "synthetic", or of a file whose name tells its kind."""
    if name == "synthetic":
        return synthetic_texture_space(num_components=num_components)
    stem = Path(name).name.lower()
    kind = "flame" if "texture" in stem else "albedomm" if "albedomodel" in stem else "bfm"
    return load_texture_space(name, kind, num_components=num_components, size=_TEXTURE_SIZE)


def reads_albedo(layout: VectorLayout, asset: HeadAsset) -> bool:
    """Whether the layout has albedo codes and the head the coordinates to put them on."""
    has_codes = "face.albedo" in layout and layout.segment("face.albedo").dim > 0
    return has_codes and asset.uv is not None and asset.uv_faces is not None


def albedo_fingerprint(name: str) -> str:
    """What tells albedo spaces apart: SHA-256 of the file, or the synthetic one's name and version.

    Empty where the file is not on this machine: a trained encoder predicts without it.
    """
    if name == "synthetic":
        return _SYNTHETIC
    if not Path(name).is_file():
        return ""
    with open(name, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
