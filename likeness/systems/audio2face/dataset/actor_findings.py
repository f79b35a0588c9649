"""What may be wrong beside the shots, in order: which files of an actor are there and can be read.

What neutrals say beside the caches is :mod:`.neutral_findings`, lists of vertices
:mod:`.list_findings`, jaw and eyes :mod:`.motion_findings`, blendshapes :mod:`.pose_findings`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.inspection import Finding
from likeness.errors import LikenessError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.array_files import read_npy
from likeness.geometry.mesh_files import read_mesh
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.dataset.description import CENTIMETRES, ActorFiles
from likeness.systems.audio2face.dataset.list_findings import look_at_lists, look_at_rigid_list
from likeness.systems.audio2face.dataset.motion_findings import look_at_motion, look_at_saccades
from likeness.systems.audio2face.dataset.neutral_findings import (
    look_at_exchanged_vertices,
    look_at_unit,
    look_beside_caches,
    look_beside_tongues,
)
from likeness.systems.audio2face.dataset.pose_findings import look_at_blendshapes, places_finding
from likeness.systems.audio2face.dataset.reading import checked_floats, triangles_of
from likeness.systems.audio2face.whole_poses import lie_at

_OVERSHOOT = 0.25
"""Of a blink: lids that are pressed together or opened wide."""


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
    look = _Look(files, base, caches)
    look.neutral()
    look.tongue()
    look.meshes()
    look.findings += look_at_lists(files, base, look.skin, caches, moved or {})
    for channel in ("jaw", "eyes"):
        look.findings += look_at_motion(channel, files, base, caches, damaged, moved or {})
    look.blink()
    look.saccades()
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
    ) -> None:
        self.files, self.base, self.caches = files, base, caches
        self.findings: list[Finding] = []
        self.scale = CENTIMETRES[files.unit]
        self.skin: Floats | None = None
        """(V, 3) the neutral, else the first frame there is; cm."""
        self.still_tongue: Floats | None = None

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

    def saccades(self) -> None:
        """Jumps of the gaze, whatever head makes them."""
        jumps = self.array("saccades", (None, 2))
        if jumps is not None and jumps.size:
            self.findings += look_at_saccades(str(self.files.saccades), jumps)

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
                still, place = found * np.float32(self.scale), getattr(self.files, field)
                self.findings += look_beside_caches(place, still, self.caches)
            elif found is not None and self._is_pose(found):
                place = getattr(self.files, field)
                self.findings.append(places_finding(place, f"in '{field}'", "'skin_neutral'"))
        if self.skin is not None and np.isfinite(self.skin).all():
            self.findings += look_at_unit(self.files, self.skin)

    def _is_pose(self, delta: Floats) -> bool:
        """Whether a difference (V, 3) from the neutral is none but the pose itself."""
        still = self.skin
        return still is not None and len(delta) == len(still) and lie_at(delta * self.scale, still)

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
            self.findings += look_beside_tongues(
                self.files, self.base, self.still_tongue, self.caches
            )
        count = None if found is None else len(found)
        self.findings += look_at_rigid_list(self.files, self.base, count)

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
                self.findings += look_at_exchanged_vertices(place, "neutral", still, [given])
        if self.files.skin_mesh is None:
            self.say(
                "advice",
                "mesh-missing",
                "",
                "There is no 'skin_mesh': films, scenes and shaded pictures cannot be made.",
                "Export the face at rest as an OBJ file.",
            )
