"""What may be wrong with poses given as differences from a neutral: blendshapes above all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from likeness.data.inspection import Finding
from likeness.errors import LikenessError, first_few
from likeness.systems.audio2face.artefacts import Blendshapes, Floats
from likeness.systems.audio2face.blendshape_solving import BlendshapeSolver
from likeness.systems.audio2face.dataset.description import CENTIMETRES, ActorFiles
from likeness.systems.audio2face.preprocessing.blendshape_files import read_blendshapes
from likeness.systems.audio2face.whole_poses import lie_at

_NEUTRALS_DIFFER = 0.1
"""Between the neutral of the blendshapes and that of the skin, cm."""
_LEAST_SEEN = 1 / 8
"""Weight, of 1, that a solver gives a pose at least in the frame it appears in; rigs of the usual
strengths for their number of vertices give 0.2 or more to each."""


def places_finding(place: str, what: str, neutral: str) -> Finding:
    """Poses where differences belong.

    Args:
        place: the file. what: where in it. neutral: what has to be subtracted.
    """
    return Finding(
        "error",
        "delta-places",
        place,
        f"Expected differences from the neutral {what}, found what look like whole poses.",
        f"Subtract {neutral} from every pose.",
    )


def look_at_blendshapes(
    part: Literal["skin", "tongue"], files: ActorFiles, base: Path, still: Floats | None
) -> Iterable[Finding]:
    """Faults of the blendshapes of a part and of the settings of their solver.

    Args:
        files: of the actor, below ``base``.
        still: (V, 3) the part at rest, cm; None where it is not known.
    """
    shapes_at, settings_at = (
        (files.blendshapes, files.blendshape_settings)
        if part == "skin"
        else (files.tongue_blendshapes, files.tongue_blendshape_settings)
    )
    if shapes_at is None or settings_at is None:
        if (given := shapes_at or settings_at) is not None:
            yield Finding(
                "warning",
                "blendshapes-skipped",
                given,
                f"Expected blendshapes of the {part} and their settings, found one of them.",
                "Both are needed in a package.",
            )
        return
    try:
        found = read_blendshapes(base / shapes_at, base / settings_at)
    except LikenessError as error:
        yield Finding("error", "blendshapes", shapes_at, error.message, "Export them again.")
        return
    if found is None:
        yield Finding(
            "error", "blendshapes", shapes_at, "The files are not there.", "Correct their paths."
        )
        return
    try:
        yield from _look_at_strengths(found, settings_at)
    except LikenessError as error:
        yield Finding("error", "blendshapes", settings_at, error.message, "Export them again.")
    whole = [n for n, o in zip(found.names, found.offsets) if lie_at(o, found.neutral)]
    if whole:
        named = first_few([f"'{name}'" for name in whole], 1, others="others")
        yield places_finding(shapes_at, f"in {named}", "'neutral'")
    if still is None:
        return
    if found.neutral.shape != still.shape:
        yield Finding(
            "error",
            "blendshapes",
            shapes_at,
            f"Expected {len(still)} vertices as in the neutral, found {len(found.neutral)}.",
            "Export them from the mesh of the caches.",
        )
        return
    scale = CENTIMETRES[files.unit]
    apart = float(np.linalg.norm(found.neutral * scale - still, axis=1).max())
    if apart > _NEUTRALS_DIFFER:
        yield Finding(
            "warning",
            "blendshapes-neutral",
            shapes_at,
            f"Expected the neutral pose of the actor, found one {apart:.2f} cm from it.",
            "Weights are solved from the neutral of the shapes; use the same pose.",
        )


def _look_at_strengths(shapes: Blendshapes, settings_at: str) -> Iterable[Finding]:
    """Poses that the solver does not see: its strengths are weighed against a sum over vertices,
    and those of a large mesh are too much for a small one.

    Raises:
        DataError: settings the solver does not take.
    """
    solver = BlendshapeSolver(shapes)
    settings: dict[str, Any] = dict(shapes.settings)
    pairs, weak = settings["bsSolveSymmetryPoses"], {}
    for pose, name in enumerate(shapes.names):
        multiplier = settings["bsWeightMultipliers"][pose]
        if not settings["bsSolveActivePoses"][pose] or not multiplier:
            continue
        seen_with = [n for n, pair in enumerate(pairs) if n == pose or pair == pairs[pose] >= 0]
        if not shapes.offsets[pose].any():
            continue
        posed = shapes.neutral + shapes.offsets[seen_with].sum(axis=0)
        _, weights = solver.step(solver.start(), posed)
        found = float(weights[pose] - settings["bsWeightOffsets"][pose]) / multiplier
        if found < _LEAST_SEEN:
            weak[name] = found
    if weak:
        least = min(weak, key=lambda name: weak[name])
        named = first_few([f"'{name}'" for name in weak], 3)
        yield Finding(
            "warning",
            "blendshapes-weak",
            settings_at,
            f"Expected a weight near 1 of a pose that is shown at 1, found less than "
            f"{_LEAST_SEEN:g} of {named} in the frame they appear in, least {weak[least]:.2g} of "
            f"'{least}'.",
            "The strengths of the solver are too large for so few vertices: multiply them by the "
            "number of these over that of the mesh they were chosen for.",
        )
