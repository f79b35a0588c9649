"""Heads from files that speech can move: which reader, and which face."""

from __future__ import annotations

import logging
from pathlib import Path

from likeness.geometry.head_asset import HeadAsset, load_head
from likeness.geometry.ict_assets import is_ict, load_ict
from likeness.geometry.morph_gltf import read_gltf_morphs
from likeness.systems.audio2face.morph_face import MorphFace, MorphHead
from likeness.systems.audio2face.studio_faces import AssetFace, SpeakingFace

_LOG = logging.getLogger(__name__)
_GLTF = (".glb", ".gltf")


def open_speaking_head(path: str | Path) -> HeadAsset | MorphHead:
    """ICT-FaceKit's head, one saved by this project, or a glTF file with ARKit morph targets.

    Raises:
        MissingError, DataError, UnsafeFileError: it cannot be read, or lacks the shapes needed.
    """
    if Path(path).suffix.lower() in _GLTF:
        head = MorphHead.of_mesh(Path(path).name, read_gltf_morphs(path))
    else:
        asset = load_ict(path) if is_ict(path) else load_head(path)
        if asset.landmarks68 is not None:
            return asset
        head = MorphHead.of_asset(asset)
    if head.missing:
        _LOG.warning(
            "The head '%s' lacks %d of the 52 ARKit shapes, which move nothing: %s.",
            head.name,
            len(head.missing),
            ", ".join(head.missing),
        )
    return head


def face_of(head: HeadAsset | MorphHead, seed: int | None) -> SpeakingFace:
    """Its face.

    Args:
        seed: of the identity, where the head has several; None: the head as it is.
    """
    return AssetFace(head, seed) if isinstance(head, HeadAsset) else MorphFace(head)
