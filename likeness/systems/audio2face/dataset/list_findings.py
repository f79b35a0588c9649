"""What may be wrong with lists of vertices: lips, lids, and the part of a tongue that is rigid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.data.inspection import Finding
from likeness.errors import LikenessError
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.artefacts import Floats, Pairs
from likeness.systems.audio2face.dataset.description import ActorFiles
from likeness.systems.audio2face.dataset.vertex_lists import read_lip_size, read_pairs, read_rigid

_SHOTS, _FRAMES = 12, 24
"""Looked at for a mouth that opens, and frames of each."""


def look_at_lists(
    files: ActorFiles,
    base: Path,
    still: Floats | None,
    caches: Mapping[str, VertexAnimation],
    whole: Collection[str],
) -> list[Finding]:
    """Faults of the lists of the skin.

    Args:
        files: of the actor, below ``base``.
        still: (V, 3) the skin at rest, cm; None where it is not known.
        caches: of the skin, by shot.
        whole: shots without a fault in a frame.
    """
    findings: list[Finding] = []
    count = None if still is None else len(still)
    lips = _read("lip_distance_list", read_pairs, files, base, count, findings)
    lids = _read("eye_distance_list", read_pairs, files, base, count, findings)
    size = _read("lip_size_list", read_lip_size, files, base, count, findings)
    for field, pairs in (
        ("lip_distance_list", lips),
        ("eye_distance_list", lids),
        ("lip_size_list", None if size is None else size.upper_lip),
        ("lip_size_list", None if size is None else size.lower_lip),
    ):
        if isinstance(pairs, Pairs) and still is not None:
            shown = chain([still], _frames(caches, whole, len(still)))
            below = _widest(pairs, shown) < -1e-3
            if below.any():
                findings.append(
                    Finding(
                        "warning",
                        "list-order",
                        getattr(files, field),
                        f"Expected the upper vertex of each pair above the lower one where they "
                        f"are farthest apart, found {int(below.sum())} of {len(below)} below it.",
                        "Check the list, and that y points up.",
                    )
                )
    if isinstance(lids, Pairs) and still is not None:
        findings += _two_eyes(lids, still, str(files.eye_distance_list))
    for field, what in (
        ("lip_distance_list", "the lip distance"),
        ("lip_size_list", "the lip size"),
        ("eye_distance_list", "closed eyes and the upper face"),
    ):
        if getattr(files, field) is None:
            findings.append(
                Finding(
                    "advice",
                    "list-missing",
                    "",
                    f"There is no '{field}': what looks at {what} is off.",
                    "Name a few vertices; the documentation says how.",
                )
            )
    return findings


def look_at_rigid_list(files: ActorFiles, base: Path, count: int | None) -> list[Finding]:
    """Faults of the list of a tongue of so many vertices; None where that is not known."""
    findings: list[Finding] = []
    _read("tongue_rigid_list", read_rigid, files, base, count, findings)
    return findings


def _frames(
    caches: Mapping[str, VertexAnimation], whole: Collection[str], count: int
) -> Iterable[Floats]:
    """(V, 3) some of the skin, of whole shots of the mesh of the neutral; cm."""
    shots = sorted(whole)
    for shot in shots[:: -(-len(shots) // _SHOTS) or 1]:
        cache = caches[shot]
        if cache.num_vertices == count:
            for frame in np.unique(np.linspace(0, cache.num_frames - 1, _FRAMES, dtype=int)):
                yield cache.read(int(frame), int(frame) + 1)[0]


def _two_eyes(lids: Pairs, skin: Floats, place: str) -> Iterable[Finding]:
    """The first two pairs say where the eyes are: one on either side of the face."""
    middle = (skin[:, 0].min() + skin[:, 0].max()) / 2
    sides = skin[lids.upper[:2], 0] + skin[lids.lower[:2], 0] > 2 * middle
    if len(sides) < 2 or sides[0] == sides[1]:
        yield Finding(
            "warning",
            "list-eyes",
            place,
            "Expected the first two pairs on different eyes, found "
            f"{'one pair' if len(sides) < 2 else 'both on one side of the face'}.",
            "Name a pair of each eye first: closed eyes and the upper face are told by them.",
        )


def _read(
    field: str,
    reader: Callable[[Path], Any],
    files: ActorFiles,
    base: Path,
    count: int | None,
    findings: list[Finding],
) -> Any:
    """The list of a field, or None with a finding where it cannot be used."""
    place = getattr(files, field)
    if place is None:
        return None
    try:
        found = reader(base / place)
    except LikenessError as error:
        findings.append(Finding("error", "list", place, error.message, "Correct the list."))
        return None
    highest = max(int(array.max()) for array in _indices(found))
    if count is not None and highest >= count:
        findings.append(
            Finding(
                "error",
                "list",
                place,
                f"Expected vertices below {count}, found {highest}.",
                "Make the list on the mesh of the caches.",
            )
        )
        return None
    return found


def _widest(pairs: Pairs, frames: Iterable[Floats]) -> Floats:
    """(P,) how far the upper vertex is above the lower one, cm, in the frame (V, 3) where they are
    farthest from one height: closed lips and lids overlap, and open ones tell which is which."""
    gaps = np.stack([frame[pairs.upper, 1] - frame[pairs.lower, 1] for frame in frames])
    return np.take_along_axis(gaps, np.abs(gaps).argmax(axis=0)[None], axis=0)[0]


def _indices(found: Any) -> Iterable[NDArray[np.int64]]:
    if isinstance(found, np.ndarray):
        return [found]
    if isinstance(found, Pairs):
        return [found.upper, found.lower]
    return [*_indices(found.upper_lip), *_indices(found.lower_lip)]
