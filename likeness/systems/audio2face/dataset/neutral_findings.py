"""What may be wrong with a neutral: its unit, and its size and order of vertices beside caches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.data.inspection import Finding
from likeness.errors import LikenessError
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.dataset.cache_findings import (
    OTHER_PLACE,
    OTHER_SIZE,
    far_vertex,
    farthest_vertex,
    order_finding,
    size_finding,
)
from likeness.systems.audio2face.dataset.description import CENTIMETRES, ActorFiles
from likeness.systems.audio2face.dataset.frame_findings import exchanged_vertices
from likeness.systems.audio2face.dataset.reading import cache_of
from likeness.systems.audio2face.dataset.vertex_order import VertexPlaces

_HEAD_HEIGHT = (15.0, 35.0)
"""Of a head, cm: what the unit is guessed by."""
_FACE_TO_BUST = (12.5, 60.0)
"""Heights, cm, that are no ground for a warning: from a face alone to a head on shoulders."""
_EXPORT = "Export it from the mesh of the caches."


def look_at_unit(files: ActorFiles, skin: NDArray[np.float32]) -> Iterable[Finding]:
    """Whether a skin at rest (V, 3), cm by the unit of the files, has the size of a head."""
    height, depth = float(np.ptp(skin[:, 1])), float(np.ptp(skin[:, 2]))
    low, high = _HEAD_HEIGHT
    if _FACE_TO_BUST[0] <= height <= _FACE_TO_BUST[1]:
        return
    place = files.skin_neutral or files.skin_caches
    if low <= depth <= high and height < _FACE_TO_BUST[1]:
        yield Finding(
            "warning",
            "unit",
            place,
            f"Expected a head {low:g} to {high:g} cm high along y, found {height:.4g} cm, and "
            f"{depth:.4g} cm along z: it looks as if z points up.",
            "Export all files with y up and z to the front.",
        )
        return
    own = CENTIMETRES[files.unit]
    fits = [unit for unit, cm in CENTIMETRES.items() if low <= height / own * cm <= high]
    hint = f"Write 'unit: {fits[0]}' for the actor." if fits else "Write the 'unit' of the files."
    yield Finding(
        "warning",
        "unit",
        place,
        f"Expected a head {low:g} to {high:g} cm high, found {height:.4g} cm with the unit "
        f"'{files.unit}'{': the lengths look like ' + fits[0] if fits else ''}.",
        hint,
    )


def look_beside_caches(
    place: str, still: Floats, caches: Mapping[str, VertexAnimation]
) -> Iterable[Finding]:
    """A neutral (V, 3), cm, of another size or order of vertices than the caches would be none."""
    frames = [a.read(0, 1)[0] for a in caches.values() if a.num_vertices == len(still)]
    sizes = [float(np.ptp(frame, axis=0).max()) for frame in frames]
    usual = [np.argsort(sizes, kind="stable")[len(sizes) // 2]] if sizes else []
    if not usual or not np.isfinite(sizes[usual[0]]) or sizes[usual[0]] <= 0:
        return  # told with the caches
    frame, expected = frames[usual[0]], sizes[usual[0]]
    extent = float(np.ptp(still, axis=0).max())
    if not 1 / OTHER_SIZE < extent / expected < OTHER_SIZE:
        yield size_finding(place, "the caches", extent / expected, "the ones or the others")
        return
    vertex, share = farthest_vertex(frame, still)
    if share > OTHER_PLACE:
        yield order_finding(place, "caches", far_vertex(vertex, share * extent), _EXPORT)
    else:
        yield from look_at_exchanged_vertices(place, "caches", still, frames)


def look_beside_tongues(
    files: ActorFiles, base: Path, still: Floats, shots: Iterable[str]
) -> Iterable[Finding]:
    """The neutral of a tongue (V, 3), cm, of another mesh than its caches have."""
    frames: list[Floats] = []
    for shot in shots:
        try:
            frames.append(cache_of(base, shot, files, "tongue").read(0, 1)[0])
        except LikenessError:
            continue  # told with the caches
    place = str(files.tongue_neutral)
    if frames and len(frames[0]) != len(still):
        yield Finding(
            "error",
            "array",
            place,
            f"Expected {len(frames[0])} vertices as in the tongue's caches, found {len(still)}.",
            _EXPORT,
        )
        return
    whole = [frame for frame in frames if frame.shape == still.shape]
    yield from look_at_exchanged_vertices(place, "caches", still, whole)


def look_at_exchanged_vertices(
    place: str, others: str, still: Floats, frames: Sequence[NDArray[np.floating]]
) -> Iterable[Finding]:
    """Vertices of a mesh that lie at each other's places in half of the frames or more; one cache
    among several is told by the others."""
    known, whole = VertexPlaces(still), [f for f in frames if np.isfinite(f).all()]
    found = [vertices for frame in whole if (vertices := known.exchanged([frame]))]
    if found and 2 * len(found) >= len(whole):
        yield order_finding(place, others, exchanged_vertices(found[0]), _EXPORT)
