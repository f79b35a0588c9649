"""Animation files by their suffix, and the cache of a shot in a folder.

Read and written are .npy, .pc2 and Maya's .xml. Read only are USD, Alembic and glTF, the first two
through optional packages, and folders of numbered .obj files.
"""

from __future__ import annotations

from pathlib import Path

from likeness.errors import MissingError, UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.animation_alembic import read_alembic_animation
from likeness.geometry.animation_gltf import read_gltf_animation
from likeness.geometry.animation_obj import is_obj_sequence, read_obj_sequence
from likeness.geometry.animation_usd import read_usd_animation
from likeness.geometry.maya_cache import read_maya_cache
from likeness.geometry.maya_cache_write import write_maya_cache
from likeness.geometry.point_cache_npy import read_npy_cache, write_npy_cache
from likeness.geometry.point_cache_pc2 import read_pc2_cache, write_pc2_cache

WRITTEN_SUFFIXES = (".npy", ".xml", ".pc2")
_USD_SUFFIXES = (".usd", ".usdc", ".usda")
_GLTF_SUFFIXES = (".glb", ".gltf")
CACHE_SUFFIXES = (*WRITTEN_SUFFIXES, *_USD_SUFFIXES, ".abc", *_GLTF_SUFFIXES)
"""In the order in which the cache of a shot is looked for; a folder of .obj files comes last."""


def read_animation(path: str | Path, fps: float, *, channel: str | None = None) -> VertexAnimation:
    """An animation of any format, read when its frames are asked for.

    Args:
        path: .npy, .pc2, the .xml file of a Maya cache, USD, .abc, glTF or a folder of .obj files.
        fps: frames per second. A Maya cache, USD and Alembic know their own and must agree; glTF is
            sampled at it.
        channel: which mesh of a Maya cache that holds several; other formats are one mesh.

    Raises:
        MissingError, DataError, UnsafeFileError: see the readers of the formats.
        UsageError: another suffix.
    """
    path = Path(path)
    if path.suffix == ".npy":
        return read_npy_cache(path, fps)
    if path.suffix == ".pc2":
        return read_pc2_cache(path, fps)
    if path.suffix == ".xml":
        return read_maya_cache(path, channel=channel, declared_fps=fps)
    if path.suffix in _USD_SUFFIXES:
        return read_usd_animation(path, fps)
    if path.suffix == ".abc":
        return read_alembic_animation(path, fps)
    if path.suffix in _GLTF_SUFFIXES:
        return read_gltf_animation(path, fps)
    if path.is_dir():
        return read_obj_sequence(path, fps)
    raise UsageError(
        f"An animation is a {', '.join(CACHE_SUFFIXES)} file or a folder of .obj files, not {path}."
    )


def write_animation(path: str | Path, animation: VertexAnimation) -> None:
    """Write .npy, .pc2 or a Maya cache in one file (.xml and .mc), by the suffix of ``path``."""
    path = Path(path)
    if path.suffix == ".npy":
        write_npy_cache(path, animation)
    elif path.suffix == ".pc2":
        write_pc2_cache(path, animation)
    elif path.suffix == ".xml":
        write_maya_cache(path, animation)
    else:
        raise UsageError(f"An animation is written as {', '.join(WRITTEN_SUFFIXES)}, not {path}.")


def find_cache(root: str | Path, shot: str) -> Path:
    """The cache of a shot below a folder.

    Looked for are ``<root>/<shot>/<shot>`` and then ``<root>/<shot>``, each with the suffixes of
    :data:`CACHE_SUFFIXES` in their order, and then a folder ``<root>/<shot>`` of numbered .obj
    files. The name is taken as it is: no character in it stands for others.

    Raises:
        MissingError: there is none.
        UsageError: a name that is none of a file: empty, with a separator or with a dot first.
    """
    root = Path(root)
    if not _is_shot_name(shot):
        raise UsageError(f"{shot!r} is no name of a shot: it must be the name of a file.")
    for folder in (root / shot, root):
        for suffix in CACHE_SUFFIXES:
            path = folder / f"{shot}{suffix}"
            if path.is_file():
                return path
    if is_obj_sequence(root / shot):
        return root / shot
    raise MissingError(
        f"Shot {shot!r} has no cache in {root}: expected {shot}/{shot} or {shot} with "
        f"{', '.join(CACHE_SUFFIXES)}, or a folder {shot} of numbered .obj files."
    )


def list_shots(root: str | Path) -> list[str]:
    """The names of all shots that :func:`find_cache` finds, sorted; dot files and the rest ignored.

    Raises:
        MissingError: there is no such folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise MissingError(f"There is no folder {root}.")
    shots = set()
    for entry in root.iterdir():
        if not _is_shot_name(entry.name):
            continue
        if entry.is_dir():
            is_cache = any((entry / f"{entry.name}{s}").is_file() for s in CACHE_SUFFIXES)
            if is_cache or is_obj_sequence(entry):
                shots.add(entry.name)
        elif entry.suffix in CACHE_SUFFIXES and entry.is_file():
            shots.add(entry.stem)
    return sorted(shots)


def _is_shot_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and not any(sign in name for sign in "/\\\0")
