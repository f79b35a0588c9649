"""Heads from files that speech can move: which reader, and which face."""

from __future__ import annotations

import logging
from pathlib import Path

from likeness.errors import MissingError, UsageError
from likeness.geometry.head_asset import HeadAsset, load_head
from likeness.geometry.ict_assets import is_ict, load_ict
from likeness.geometry.morph_gltf import read_gltf_morphs
from likeness.systems.audio2face.morph_face import MorphFace, MorphHead
from likeness.systems.audio2face.studio_faces import AssetFace, SpeakingFace

_LOG = logging.getLogger(__name__)
_GLTF = (".glb", ".gltf")
_ARRAYS = (".npz", ".safetensors")


def open_speaking_head(path: str | Path) -> HeadAsset | MorphHead:
    """ICT-FaceKit's head, one saved by this project, or a glTF file with ARKit morph targets.

    Raises:
        UsageError: a file of a kind that no head is in.
        MissingError, DataError, UnsafeFileError: it cannot be read, or lacks the shapes needed.
    """
    if not Path(path).exists():
        raise MissingError(
            f"Expected a head at '{path}', but there is nothing.",
            advice="Give the path of a file, or leave the option 'head' out for the studio's.",
        )
    if not is_ict(path) and Path(path).suffix.lower() not in (*_GLTF, *_ARRAYS):
        raise UsageError(
            f"Expected a head with ARKit shapes, found '{path}'.",
            advice="A head is a .glb or .gltf file with morph targets, ICT-FaceKit's .npz, or an "
            ".npz or .safetensors file saved by this project.",
        )
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
