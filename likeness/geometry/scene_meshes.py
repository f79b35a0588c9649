"""Which mesh of a scene file an animation is of: files of scenes hold many, most of them still."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from likeness.errors import DataError


def moving_mesh(samples: Mapping[str, int], mesh: str | None, path: Path, *, what: str) -> str:
    """The path of the mesh that is meant.

    Args:
        samples: path of every mesh in the file to how many samples of its vertices there are.
        mesh: name or path of one; None: the only one that moves, or the only one.
        path: of the file. what: its samples are called, for errors.

    Raises:
        DataError: no such mesh, or several.
    """
    found = {
        full: count
        for full, count in samples.items()
        if mesh is None or mesh in (full, full.rsplit("/", 1)[-1])
    }
    moving = {full: count for full, count in found.items() if count > 1} or found
    if len(moving) != 1:
        raise DataError(
            f"{path}: expected one mesh with {what} over time, found "
            f"{', '.join(sorted(moving)) or 'none'}.",
            advice="Name one of them." if moving else "",
        )
    return next(iter(moving))
