"""Opening the head model a configuration names, and the vertex sets the system reads from it.

Owns the choice of reader; the readers themselves are in ``likeness.geometry`` and the studio.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.errors import MissingError
from likeness.geometry.head_asset import HeadAsset, load_head

_LOOKED_FOR = (
    "a head asset saved by this project (.npz or .safetensors), a FLAME model (.pkl or .npz, or a "
    "folder with flame2023.pkl, generic_model.pkl, …), or ICT-FaceKit (ict_face.npz or its folder "
    "of .obj files)"
)


def open_head(name: str) -> HeadAsset:
    """The head model called "studio", or at a path.

    Raises:
        MissingError: there is nothing at the path; the message lists what was looked for.
        DataError: the file is damaged or unsafe.
    """
    if name == "studio":
        from likeness.studio.anatomy import head_asset

        return head_asset()
    path = Path(name)
    if not path.exists():
        raise MissingError(
            f"The head model '{name}' was not found. Expected {_LOOKED_FOR}.",
            advice="Set model.head to 'studio', which needs no file, or to the path of your copy.",
        )
    from likeness.geometry.flame_assets import is_flame, load_flame
    from likeness.geometry.ict_assets import is_ict, load_ict

    if is_ict(path):
        return load_ict(path)
    if is_flame(path):
        return load_flame(path)
    return load_head(path)


def face_vertices(asset: HeadAsset, limit: int | None = None) -> np.ndarray:
    """Ids of the face region: skin of the face, without eyeballs; evenly thinned to ``limit``."""
    ids = asset.masks.get("face")
    if ids is None:
        ids = np.arange(asset.num_vertices)
    for name in ("left_eyeball", "right_eyeball"):
        if name in asset.masks:
            ids = np.setdiff1d(ids, asset.masks[name])
    if limit is not None and len(ids) > limit:
        ids = ids[np.linspace(0, len(ids) - 1, limit).round().astype(int)]
    return ids
