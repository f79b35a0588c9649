"""Animation files by their suffix: .npy, .pc2 and Maya's .xml; the cache of a shot in a folder."""

from __future__ import annotations

from pathlib import Path

from likeness.errors import MissingError, UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.maya_cache import read_maya_cache
from likeness.geometry.maya_cache_write import write_maya_cache
from likeness.geometry.point_cache_npy import read_npy_cache, write_npy_cache
from likeness.geometry.point_cache_pc2 import read_pc2_cache, write_pc2_cache

CACHE_SUFFIXES = (".npy", ".xml", ".pc2")
"""In the order in which the cache of a shot is looked for."""


def read_animation(path: str | Path, fps: float) -> VertexAnimation:
    """An animation of any of the three formats, read when its frames are asked for.

    Args:
        path: .npy, .pc2 or the .xml file of a Maya cache.
        fps: frames per second. A Maya cache knows its own and must agree.

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
        return read_maya_cache(path, declared_fps=fps)
    raise _unknown(path)


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
        raise _unknown(path)


def find_cache(root: str | Path, shot: str) -> Path:
    """The cache of a shot below a folder.

    Looked for are ``<root>/<shot>/<shot>`` and then ``<root>/<shot>``, each with .npy, .xml and
    .pc2 in this order. The name is taken as it is: no character in it stands for others.

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
    raise MissingError(
        f"Shot {shot!r} has no cache in {root}: expected {shot}/{shot} or {shot} with "
        f"{', '.join(CACHE_SUFFIXES)}."
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
            if any((entry / f"{entry.name}{suffix}").is_file() for suffix in CACHE_SUFFIXES):
                shots.add(entry.name)
        elif entry.suffix in CACHE_SUFFIXES and entry.is_file():
            shots.add(entry.stem)
    return sorted(shots)


def _is_shot_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and not any(sign in name for sign in "/\\\0")


def _unknown(path: Path) -> UsageError:
    return UsageError(f"An animation is a {', '.join(CACHE_SUFFIXES)} file, not {path}.")
