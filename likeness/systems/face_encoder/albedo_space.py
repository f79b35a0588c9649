"""The albedo space a configuration names: opening it, and what tells it from others.

The readers are in ``likeness.geometry``, the studio's own space in ``likeness.studio``; which
pixels it colours is ``render.py``.
"""

from __future__ import annotations

from pathlib import Path

from likeness.errors import MissingError, UsageError
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.texture_space import (
    TEXTURE_FILES,
    TextureSpace,
    load_texture_space,
    synthetic_texture_space,
)
from likeness.storage.files import sha256_of
from likeness.systems.face_encoder.layout import VectorLayout

_TEXTURE_SIZE = 128
_SYNTHETIC = "synthetic-1"
"""Name and version of the space without a file; the version grows when its colours change."""


def open_albedo_space(name: str, num_components: int) -> TextureSpace:
    """The space called "studio" or "synthetic", or of a file whose name tells its kind.

    Raises:
        UsageError: more components than the space has.
        MissingError, DataError: as ``load_texture_space``.
    """
    if name == "studio":
        from likeness.studio.albedo_space import NUM_ALBEDO, albedo_space

        if num_components > NUM_ALBEDO:
            raise UsageError(
                f"The studio's albedo space has {NUM_ALBEDO} components; {num_components} were "
                "asked for.",
                advice=f"Set model.num_albedo to at most {NUM_ALBEDO}.",
            )
        space = albedo_space()
        return TextureSpace(space.kind, space.mean, space.basis[..., :num_components])
    if name == "synthetic":
        return synthetic_texture_space(num_components=num_components)
    if not Path(name).is_file():
        raise MissingError(
            f"The albedo space '{name}' was not found.",
            advice="Set model.albedo to 'studio' or 'synthetic', which need no file, or to the "
            f"path of your copy of {', '.join(TEXTURE_FILES.values())}.",
        )
    stem = Path(name).name.lower()
    kind = "flame" if "texture" in stem else "albedomm" if "albedomodel" in stem else "bfm"
    return load_texture_space(name, kind, num_components=num_components, size=_TEXTURE_SIZE)


def unfit_reason(name: str, asset: HeadAsset) -> str | None:
    """Why the space cannot colour this head, as half a sentence; None where it can.

    The studio's space is painted on the studio's own chart: on another head eyes would lie where
    that chart has something else.
    """
    if asset.uv is None or asset.uv_faces is None:
        return f"the head '{asset.name}' has no texture coordinates"
    if name == "studio" and asset.metadata.get("source") != "studio":
        return f"the head '{asset.name}' has another chart than the studio's albedo space"
    return None


def check_fits_head(name: str, asset: HeadAsset) -> None:
    """Refuse a file of an albedo space for a head it cannot colour; the named spaces draw it grey.

    Raises:
        UsageError: the head has no texture coordinates.
    """
    reason = unfit_reason(name, asset)
    if reason is not None and name not in ("studio", "synthetic"):
        raise UsageError(
            f"model.albedo is '{name}', but {reason}.",
            advice="Use a head with UV coordinates, or set model.num_albedo to 0.",
        )


def reads_albedo(layout: VectorLayout, asset: HeadAsset, name: str) -> bool:
    """Whether the layout has albedo codes and the head the coordinates to put their space on."""
    has_codes = "face.albedo" in layout and layout.segment("face.albedo").dim > 0
    return has_codes and unfit_reason(name, asset) is None


def albedo_fingerprint(name: str) -> str:
    """What tells albedo spaces apart: SHA-256 of the file, or name and version of one without.

    Empty where the file is not on this machine: a trained encoder predicts without it.
    """
    if name == "studio":
        from likeness.studio.albedo_space import ALBEDO_FINGERPRINT

        return ALBEDO_FINGERPRINT
    if name == "synthetic":
        return _SYNTHETIC
    if not Path(name).is_file():
        return ""
    return sha256_of(Path(name))
