"""Opening the head model a configuration names, and the vertex sets the system reads from it.

Owns the choice of reader; the readers themselves are in ``likeness.geometry`` and the studio.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.errors import MissingError, UsageError
from likeness.geometry.head_asset import HeadAsset, load_head

_LOOKED_FOR = (
    "a head asset saved by this project (.npz or .safetensors), a FLAME model (.pkl or .npz, or a "
    "folder with flame2023.pkl, generic_model.pkl, …), or ICT-FaceKit (ict_face.npz or its folder "
    "of .obj files)"
)


def open_head(name: str) -> HeadAsset:
    """The head model called "studio", or at a path.

    Raises:
        MissingError: there is no head at the path; the message lists what was looked for.
        UsageError: a folder with several ICT-FaceKit heads, which have to be told apart by name.
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
    if path.is_dir():
        return load_ict(_only_ict_file(path))
    return load_head(path)


def _only_ict_file(folder: Path) -> Path:
    from likeness.geometry.ict_assets import is_ict

    found = [entry for entry in sorted(folder.glob("*.npz")) if is_ict(entry)]
    if not found:
        raise MissingError(
            f"There is no head model in the folder '{folder}'. Expected {_LOOKED_FOR}.",
            advice="Name the file of the head model, or use 'studio', which needs no file.",
        )
    if len(found) > 1:
        raise UsageError(
            f"There are several head models in the folder '{folder}': "
            f"{', '.join(entry.name for entry in found)}.",
            advice=f"Their coefficients are not interchangeable; name the file, as in {found[0]}.",
        )
    return found[0]


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
