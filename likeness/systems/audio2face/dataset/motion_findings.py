"""What may be wrong with the motion of jaw and eyes, one array for each shot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
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
from likeness.systems.audio2face.whole_poses import lie_at

_FIELDS = {"jaw": "jaw_animation", "eyes": "eye_animation"}
_OPEN = 2.0
"""Displacement, cm, that no jaw has for half of a shot."""
_FARTHEST_JAW = 10.0
"""Displacement, cm, that no jaw has: the widest mouths open by seven."""
_STIFF = 1 / 40
"""Of the motion of the skin; less of a jaw is none. Of one in metres it is a hundredth, of a face
that speaks a third or more."""
_FARTHEST_EYE = 90.0
"""Degrees that no eye turns by: the muscles reach 50."""
_RADIANS = 1.0
"""The largest angle of all shots: in degrees an eye that fixates moves as much, in radians no eye
turns farther."""


def look_at_motion(
    channel: Literal["jaw", "eyes"],
    files: ActorFiles,
    base: Path,
    caches: Mapping[str, VertexAnimation],
    damaged: Collection[str] = (),
    skin_moved: Mapping[str, float] = MappingProxyType({}),
) -> Iterable[Finding]:
    """Faults of the arrays of a channel; a file of key points that cannot be used is one too.

    Args:
        channel: of the two that are recorded beside the caches.
        files: where its files lie, below ``base``.
        caches: of the skin, by shot.
        damaged: shots whose cache cannot be opened.
        skin_moved: how far a vertex of the skin gets in a shot, cm.
    """
    reached: dict[str, float] = {}
    points: Floats | None = None
    scale = CENTIMETRES[files.unit]
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
        if channel == "jaw" and points is not None and _are_places(moved, points, scale):
            yield Finding(
                "error",
                "jaw-places",
                place,
                f"Expected differences from the key points of the neutral jaw in '{shot}', found "
                "what look like the places of the points themselves.",
                f"Subtract '{files.jaw_neutral}' from every frame.",
            )
        elif channel == "jaw":
            reached[shot] = scale * float(np.linalg.norm(moved, axis=-1).max())
        else:
            reached[shot] = float(np.abs(moved).max())
        cache = caches.get(shot)
        if cache is not None and len(array) != cache.num_frames:
            yield length_finding(shot, channel, len(array), cache.num_frames)
    yield from (
        _jaw_unit(place, reached, skin_moved) if channel == "jaw" else _eye_turns(place, reached)
    )
    for shot in sorted(set(caches) - set(arrays)):
        yield Finding(
            "warning",
            f"{channel}-missing-shot",
            place,
            f"Expected shot '{shot}' among its arrays, found none of this name.",
            f"The {channel} of this shot will not move; add the array if it should.",
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
    largest = scale * float(np.linalg.norm(usual, axis=1).max())
    return lie_at(usual, points) and largest > _OPEN


def _jaw_unit(
    place: str, reached: Mapping[str, float], moved: Mapping[str, float]
) -> Iterable[Finding]:
    """Key points that move in another unit than the skin.

    Args:
        reached: shot to the largest displacement of a key point, cm. moved: of the skin.
    """
    far = {shot: length for shot, length in reached.items() if length > _FARTHEST_JAW}
    advice = "All lengths of an actor have one unit; export them again in it."
    if far:
        shot, length = max(far.items(), key=lambda item: item[1])
        yield Finding(
            "error",
            "jaw-unit",
            place,
            f"Expected differences as far as a jaw gets, found {length:.3g} cm in '{shot}'.",
            advice,
        )
        return
    both = sorted(set(reached) & set(moved))
    if not both:
        return
    jaw = float(np.median([reached[shot] for shot in both]))
    skin = float(np.median([moved[shot] for shot in both]))
    if 0 < jaw < _STIFF * skin:
        yield Finding(
            "warning",
            "jaw-unit",
            place,
            f"Expected a jaw that moves with the face, found differences up to {jaw:.2g} cm where "
            f"the skin moves by {skin:.2g} cm: the unit looks like another.",
            advice,
        )


def look_at_saccades(place: str, jumps: Floats) -> Iterable[Finding]:
    """Jumps of the gaze (M, 2) in another unit than degrees. All zeros are none, and no fault."""
    angle = float(np.abs(jumps).max())
    expected = f"Expected jumps of the gaze in degrees, the largest of {_RADIANS:g} to "
    expected += f"{_FARTHEST_EYE:g}; found {jumps.min():.3g} to {jumps.max():.3g}"
    if angle > _FARTHEST_EYE:
        advice = "Export them as x (pitch) and y (yaw) in degrees."
        yield Finding("error", "saccades-range", place, f"{expected}.", advice)
    elif 0 < angle < _RADIANS:
        yield Finding(
            "warning",
            "saccades-range",
            place,
            f"{expected}: they look like radians.",
            "Multiply them by 180 / pi: eyes of the package hardly jump with these.",
        )


def _eye_turns(place: str, turned: Mapping[str, float]) -> Iterable[Finding]:
    """Angles no eye has, and such as only radians are.

    Args:
        turned: shot to its largest angle, degrees.
    """
    if not turned:
        return
    shot, angle = max(turned.items(), key=lambda item: item[1])
    if angle > _FARTHEST_EYE:
        yield Finding(
            "error",
            "eyes-range",
            place,
            f"Expected degrees that an eye can turn by, found {angle:.4g} in '{shot}'.",
            "Export the rotations of the eyes in their sockets, x (pitch) and y (yaw), in degrees.",
        )
    elif 0 < angle < _RADIANS:
        yield Finding(
            "warning",
            "eyes-range",
            place,
            f"Expected degrees, found no angle above {angle:.2g} in any shot: they look like "
            "radians.",
            "Multiply them by 180 / pi, unless the eyes do stare.",
        )
