"""What may be wrong beside the shots: neutrals, vertex lists, jaw, eyes, blendshapes, the unit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.data.inspection import Finding
from likeness.errors import LikenessError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.array_files import read_npy
from likeness.geometry.mesh_files import read_mesh
from likeness.systems.audio2face.artefacts import Floats, Pairs
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
from likeness.systems.audio2face.dataset.motion_findings import look_at_motion
from likeness.systems.audio2face.dataset.pose_findings import (
    lie_at,
    look_at_blendshapes,
    places_finding,
)
from likeness.systems.audio2face.dataset.reading import cache_of, checked_floats, triangles_of
from likeness.systems.audio2face.dataset.vertex_lists import read_lip_size, read_pairs, read_rigid
from likeness.systems.audio2face.dataset.vertex_order import VertexPlaces

_HEAD_HEIGHT = (15.0, 35.0)
"""Of a head, cm: what the unit is guessed by."""
_FACE_TO_BUST = (12.5, 60.0)
"""Heights, cm, that are no ground for a warning: from a face alone to a head on shoulders."""

_OVERSHOOT = 0.25
"""Of a blink: lids that are pressed together or opened wide."""
_SHOTS, _FRAMES = 12, 24
"""Looked at for a mouth that opens, and frames of each."""


def look_at_actor(
    files: ActorFiles,
    base: Path,
    caches: Mapping[str, VertexAnimation],
    damaged: Collection[str] = (),
    moved: Mapping[str, float] | None = None,
) -> list[Finding]:
    """Everything of an actor but its caches and sounds; see :func:`look_at_caches`.

    Args:
        moved: how far the skin moves in a shot, cm.
    """
    look = _Look(files, base, caches, moved or {})
    look.neutral()
    look.tongue()
    look.meshes()
    look.lists()
    for channel in ("jaw", "eyes"):
        look.findings += look_at_motion(channel, files, base, caches, damaged, moved or {})
    look.blink()
    look.array("saccades", (None, 2))
    for part, still in (("skin", look.skin), ("tongue", look.still_tongue)):
        look.findings += look_at_blendshapes(part, files, base, still)
    return look.findings


class _Look:
    """One pass over the files of an actor."""

    def __init__(
        self,
        files: ActorFiles,
        base: Path,
        caches: Mapping[str, VertexAnimation],
        whole: Collection[str],
    ) -> None:
        self.files, self.base, self.caches = files, base, caches
        self.findings: list[Finding] = []
        self.scale = CENTIMETRES[files.unit]
        self.skin: Floats | None = None
        """(V, 3) the neutral, else the first frame there is; cm."""
        self.still_tongue: Floats | None = None
        self._whole = whole
        """Shots without a fault in a frame."""

    @property
    def frames(self) -> Iterable[Floats]:
        """(V, 3) some of the skin, of whole shots of the mesh of the neutral; cm."""
        shots = sorted(self._whole)
        for shot in shots[:: -(-len(shots) // _SHOTS) or 1]:
            cache = self.caches[shot]
            if self.skin is not None and cache.num_vertices == len(self.skin):
                for frame in np.unique(np.linspace(0, cache.num_frames - 1, _FRAMES, dtype=int)):
                    yield cache.read(int(frame), int(frame) + 1)[0]

    def say(self, severity: Any, code: str, path: str, message: str, advice: str) -> None:
        self.findings.append(Finding(severity, code, path, message, advice))

    def array(self, field: str, shape: tuple[int | None, ...]) -> Floats | None:
        """The array of a field, or None with a finding where it cannot be used."""
        place = getattr(self.files, field)
        if place is None:
            return None
        try:
            return checked_floats(read_npy(self.base / place), shape, f"'{place}'")
        except LikenessError as error:
            self.say("error", "array", place, error.message, error.advice or "Export it again.")
            return None

    def blink(self) -> None:
        """How far lids are closed over one blink; a share, not percent or degrees."""
        keys = self.array("blink_keys", (None,))
        if (
            keys is not None
            and len(keys)
            and (keys.min() < -_OVERSHOOT or keys.max() > 1 + _OVERSHOOT)
        ):
            self.say(
                "warning",
                "blink-range",
                str(self.files.blink_keys),
                f"Expected keys from 0, open, to 1, closed; found {keys.min():.3g} to "
                f"{keys.max():.3g}.",
                "Divide them by what a closed eye has.",
            )

    def neutral(self) -> None:
        given = self.array("skin_neutral", (None, 3))
        sizes = {animation.num_vertices for animation in self.caches.values()}
        if given is not None:
            self.skin = given * np.float32(self.scale)
        elif self.caches:
            self.skin = next(iter(self.caches.values())).read(0, 1)[0]
        if self.files.skin_neutral is None:
            self.say(
                "advice",
                "neutral-missing",
                "",
                "There is no neutral pose: the mean of the chosen poses takes its place.",
                "Export the face at rest as 'skin_neutral'.",
            )
        for field in (
            "skin_neutral",
            "skin_neutral_inference",
            "lip_open_delta",
            "eye_close_delta",
        ):
            found = given if field == "skin_neutral" else self.array(field, (None, 3))
            if found is not None and sizes and len(found) not in sizes:
                self.say(
                    "error",
                    "array",
                    getattr(self.files, field),
                    f"Expected {max(sizes)} vertices as in the caches, found {len(found)}.",
                    "Export it from the mesh of the caches.",
                )
            elif found is not None and not field.endswith("_delta"):
                self._beside_caches(field, found * np.float32(self.scale))
            elif found is not None and self._is_pose(found):
                place = getattr(self.files, field)
                self.findings.append(places_finding(place, f"in '{field}'", "'skin_neutral'"))
        if self.skin is not None and np.isfinite(self.skin).all():
            self._unit(self.skin)

    def _is_pose(self, delta: Floats) -> bool:
        """Whether a difference (V, 3) from the neutral is none but the pose itself."""
        still = self.skin
        return still is not None and len(delta) == len(still) and lie_at(delta * self.scale, still)

    def _beside_caches(self, field: str, still: Floats) -> None:
        """A neutral of another size or order of vertices than the caches would be no neutral."""
        frames = [a.read(0, 1)[0] for a in self.caches.values() if a.num_vertices == len(still)]
        sizes = [float(np.ptp(frame, axis=0).max()) for frame in frames]
        usual = [np.argsort(sizes, kind="stable")[len(sizes) // 2]] if sizes else []
        if not usual or not np.isfinite(sizes[usual[0]]) or sizes[usual[0]] <= 0:
            return  # told with the caches
        frame, expected = frames[usual[0]], sizes[usual[0]]
        extent, place = float(np.ptp(still, axis=0).max()), getattr(self.files, field)
        if not 1 / OTHER_SIZE < extent / expected < OTHER_SIZE:
            self.findings.append(
                size_finding(place, "the caches", extent / expected, "the ones or the others")
            )
            return
        vertex, share = farthest_vertex(frame, still)
        if share > OTHER_PLACE:
            self._other_order(place, "caches", far_vertex(vertex, share * extent))
        else:
            self._exchanged(place, "caches", still, frames)

    def _exchanged(
        self, place: str, others: str, still: Floats, frames: Sequence[NDArray[np.floating]]
    ) -> None:
        """Vertices of a mesh that lie at each other's places in half of the frames or more; one
        cache among several is told by the others."""
        known, whole = VertexPlaces(still), [f for f in frames if np.isfinite(f).all()]
        found = [vertices for frame in whole if (vertices := known.exchanged([frame]))]
        if found and 2 * len(found) >= len(whole):
            self._other_order(place, others, exchanged_vertices(found[0]))

    def _other_order(self, place: str, others: str, what: str) -> None:
        advice = "Export it from the mesh of the caches."
        self.findings.append(order_finding(place, others, what, advice))

    def _unit(self, skin: NDArray[np.float32]) -> None:
        height = float(np.ptp(skin[:, 1]))
        low, high = _HEAD_HEIGHT
        if _FACE_TO_BUST[0] <= height <= _FACE_TO_BUST[1]:
            return
        if low <= np.ptp(skin[:, 2]) <= high and height < _FACE_TO_BUST[1]:
            self.say(
                "warning",
                "unit",
                self.files.skin_neutral or self.files.skin_caches,
                f"Expected a head {low:g} to {high:g} cm high along y, found {height:.4g} cm, and "
                f"{np.ptp(skin[:, 2]):.4g} cm along z: it looks as if z points up.",
                "Export all files with y up and z to the front.",
            )
            return
        fits = [u for u, cm in CENTIMETRES.items() if low <= height / self.scale * cm <= high]
        hint = (
            f"Write 'unit: {fits[0]}' for the actor." if fits else "Write the 'unit' of the files."
        )
        self.say(
            "warning",
            "unit",
            self.files.skin_neutral or self.files.skin_caches,
            f"Expected a head {low:g} to {high:g} cm high, found {height:.4g} cm with the unit "
            f"'{self.files.unit}'{': the lengths look like ' + fits[0] if fits else ''}.",
            hint,
        )

    def tongue(self) -> None:
        fields = ("tongue_caches", "tongue_neutral", "tongue_rigid_list")
        given = [field for field in fields if getattr(self.files, field) is not None]
        there = [field for field in given if (self.base / getattr(self.files, field)).exists()]
        if given and len(there) < len(fields):
            missing = ", ".join(sorted(set(fields) - set(there)))
            self.say(
                "warning",
                "tongue-skipped",
                getattr(self.files, given[0]),
                f"Expected caches, neutral and rigid vertices of the tongue; {missing} is missing.",
                "The tongue is left out without all three.",
            )
            return
        if not given:
            where = self.files.skin_caches  # says which actor
            self.say("advice", "no-tongue", where, "There is no tongue.", "The channel stays zero.")
        found = self.array("tongue_neutral", (None, 3))
        self.still_tongue = None if found is None else found * np.float32(self.scale)
        if self.files.tongue_caches is not None and self.still_tongue is not None:
            self._tongue_beside_caches(self.base / self.files.tongue_caches, self.still_tongue)
        self._list("tongue_rigid_list", read_rigid, None if found is None else len(found))

    def _tongue_beside_caches(self, root: Path, still: Floats) -> None:
        frames: list[Floats] = []
        for shot in self.caches:
            try:
                frames.append(cache_of(root, shot, self.files).read(0, 1)[0])
            except LikenessError:
                continue  # told with the caches
        if frames and len(frames[0]) != len(still):
            self.say(
                "error",
                "array",
                str(self.files.tongue_neutral),
                f"Expected {len(frames[0])} vertices as in the tongue's caches, found "
                f"{len(still)}.",
                "Export it from the mesh of the caches.",
            )
            return
        whole = [frame for frame in frames if frame.shape == still.shape]
        self._exchanged(str(self.files.tongue_neutral), "caches", still, whole)

    def meshes(self) -> None:
        """The triangles of skin and tongue, which pictures need and training does not."""
        for field, still in (("skin_mesh", self.skin), ("tongue_mesh", self.still_tongue)):
            place = getattr(self.files, field)
            if place is None or still is None:
                continue
            try:
                triangles_of(self.base / place, len(still))
                given = read_mesh(self.base / place).vertices
            except LikenessError as error:
                self.say("error", "mesh", place, error.message, error.advice or "Export it again.")
                continue
            if np.isfinite(still).all() and np.isfinite(given).all():
                self._exchanged(place, "neutral", still, [given])
        if self.files.skin_mesh is None:
            self.say(
                "advice",
                "mesh-missing",
                "",
                "There is no 'skin_mesh': films, scenes and shaded pictures cannot be made.",
                "Export the face at rest as an OBJ file.",
            )

    def lists(self) -> None:
        count = None if self.skin is None else len(self.skin)
        lips = self._list("lip_distance_list", read_pairs, count)
        lids = self._list("eye_distance_list", read_pairs, count)
        size = self._list("lip_size_list", read_lip_size, count)
        for field, pairs in (
            ("lip_distance_list", lips),
            ("eye_distance_list", lids),
            ("lip_size_list", None if size is None else size.upper_lip),
            ("lip_size_list", None if size is None else size.lower_lip),
        ):
            if isinstance(pairs, Pairs) and self.skin is not None:
                below = _widest(pairs, chain([self.skin], self.frames)) < -1e-3
                if below.any():
                    self.say(
                        "warning",
                        "list-order",
                        getattr(self.files, field),
                        f"Expected the upper vertex of each pair above the lower one where they "
                        f"are farthest apart, found {int(below.sum())} of {len(below)} below it.",
                        "Check the list, and that y points up.",
                    )
        if isinstance(lids, Pairs) and self.skin is not None:
            self._two_eyes(lids, self.skin)
        for field, what in (
            ("lip_distance_list", "the lip distance"),
            ("lip_size_list", "the lip size"),
            ("eye_distance_list", "closed eyes and the upper face"),
        ):
            if getattr(self.files, field) is None:
                self.say(
                    "advice",
                    "list-missing",
                    "",
                    f"There is no '{field}': what looks at {what} is off.",
                    "Name a few vertices; the documentation says how.",
                )

    def _two_eyes(self, lids: Pairs, skin: Floats) -> None:
        """The first two pairs say where the eyes are: one on either side of the face."""
        middle = (skin[:, 0].min() + skin[:, 0].max()) / 2
        sides = skin[lids.upper[:2], 0] + skin[lids.lower[:2], 0] > 2 * middle
        if len(sides) < 2 or sides[0] == sides[1]:
            self.say(
                "warning",
                "list-eyes",
                str(self.files.eye_distance_list),
                "Expected the first two pairs on different eyes, found "
                f"{'one pair' if len(sides) < 2 else 'both on one side of the face'}.",
                "Name a pair of each eye first: closed eyes and the upper face are told by them.",
            )

    def _list(self, field: str, reader: Callable[[Path], Any], count: int | None) -> Any:
        place = getattr(self.files, field)
        if place is None:
            return None
        try:
            found = reader(self.base / place)
        except LikenessError as error:
            self.say("error", "list", place, error.message, "Correct the list.")
            return None
        highest = max(int(array.max()) for array in _indices(found))
        if count is not None and highest >= count:
            self.say(
                "error",
                "list",
                place,
                f"Expected vertices below {count}, found {highest}.",
                "Make the list on the mesh of the caches.",
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
