"""What may be wrong with the motion of jaw and eyes, one array for each shot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from likeness.data.inspection import Finding
from likeness.errors import LikenessError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.array_files import read_arrays, read_npy
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.dataset.cache_findings import length_finding
from likeness.systems.audio2face.dataset.description import CENTIMETRES, ActorFiles
from likeness.systems.audio2face.dataset.reading import checked_floats

_FIELDS = {"jaw": "jaw_animation", "eyes": "eye_animation"}
_LIKE_PLACES = 0.5
"""Of the size of the key points, how far the usual displacements are from them at most where they
are no displacements but places."""
_OPEN = 2.0
"""Displacement, cm, that no jaw has for half of a shot."""


def look_at_motion(
    channel: Literal["jaw", "eyes"],
    files: ActorFiles,
    base: Path,
    caches: Mapping[str, VertexAnimation],
    damaged: Collection[str] = (),
) -> Iterable[Finding]:
    """Faults of the arrays of a channel; a file of key points that cannot be used is one too.

    Args:
        channel: of the two that are recorded beside the caches.
        files: where its files lie, below ``base``.
        caches: of the skin, by shot.
        damaged: shots whose cache cannot be opened.
    """
    points: Floats | None = None
    shape: tuple[int | None, ...] = (2, 2)
    if channel == "jaw":
        shape = (None, 3)
        if files.jaw_neutral is not None:
            try:
                given = read_npy(base / files.jaw_neutral)
                points = checked_floats(given, shape, f"'{files.jaw_neutral}'")
                shape = points.shape
            except LikenessError as error:
                yield _unusable(files.jaw_neutral, error)
    place: str | None = getattr(files, _FIELDS[channel])
    if place is None:
        yield Finding(
            "advice",
            f"no-{channel}",
            files.skin_caches,  # says which actor
            f"There is no motion of the {channel}.",
            "It is still.",
        )
        return
    try:
        arrays, _ = read_arrays(base / place)
    except LikenessError as error:
        yield _unusable(place, error)
        return
    for shot, array in arrays.items():
        try:
            moved = checked_floats(array, (None, *shape), f"'{shot}' in '{place}'")
        except LikenessError as error:
            yield Finding("error", "array", place, error.message, "Export it again.")
            continue
        if points is not None and _are_places(moved, points, CENTIMETRES[files.unit]):
            yield Finding(
                "error",
                "jaw-places",
                place,
                f"Expected differences from the key points of the neutral jaw in '{shot}', found "
                "what look like the places of the points themselves.",
                f"Subtract '{files.jaw_neutral}' from every frame.",
            )
        cache = caches.get(shot)
        if cache is not None and len(array) != cache.num_frames:
            yield length_finding(shot, channel, len(array), cache.num_frames)
    for shot in sorted(set(caches) - set(arrays)):
        yield Finding(
            "warning",
            f"{channel}-missing-shot",
            place,
            f"Expected shot '{shot}' among its arrays, found none of this name.",
            f"The {channel} of this shot stays still; add the array if it moves.",
        )
    strays = sorted(set(arrays) - set(caches) - set(damaged))
    if strays and caches:
        yield Finding(
            "advice",
            f"{channel}-stray",
            place,
            f"{len(strays)} arrays are of shots without a cache: {', '.join(strays[:5])}.",
            "An array belongs to the shot of exactly its name.",
        )


def _unusable(place: str, error: LikenessError) -> Finding:
    return Finding("error", "array", place, error.message, error.advice or "Export it again.")


def _are_places(moved: Floats, points: Floats, scale: float) -> bool:
    """Whether (F, N, 3) are the places of key points (N, 3) and not differences from them."""
    if not len(moved):
        return False
    usual = np.median(moved, axis=0)
    size = float(np.sqrt(np.mean(points**2)))
    apart = float(np.sqrt(np.mean((usual - points) ** 2)))
    largest = scale * float(np.linalg.norm(usual, axis=1).max())
    return apart < _LIKE_PLACES * size and largest > _OPEN
