"""Blendshape files of a package: an actor's shapes brought into the form the runtime reads.

Pairs the runtime misreads fail there without a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.runs.files import write_json
from likeness.systems.audio2face.artefacts import Blendshapes, Floats
from likeness.systems.audio2face.package.runtime_arrays import write_runtime_arrays
from likeness.systems.audio2face.preprocessing.blendshape_files import (
    PAIR_KEYS,
    PER_POSE_KEYS,
    STRENGTHS,
    Rewritten,
    checked_settings,
)

FILLER = "unusedPose"
"""Poses without offsets that keep the runtime from pairing two unpaired ones."""


def diagonal(neutral: np.ndarray) -> float:
    """Diagonal of the bounding box of (V, 3), which templateBBSize is held against."""
    return float(np.linalg.norm(np.ptp(np.asarray(neutral, np.float64), axis=0)))


def for_runtime(blendshapes: Blendshapes) -> Rewritten:
    """The same shapes with settings the runtime cannot misread.

    A pair of one becomes unpaired, templateBBSize is always there, and where exactly two active
    poses are unpaired, which the runtime takes for a pair, poses without offsets are added.

    Raises:
        DataError: no active pose, a pair of more than two, or settings of another length.
    """
    changes: list[str] = []
    settings = checked_settings(
        blendshapes.settings, len(blendshapes.names), None, "blendshapes", changes
    )
    if not any(settings["bsSolveActivePoses"]):
        raise DataError("Blendshapes need an active pose at least, found none.")
    size = settings.get("templateBBSize")
    if size is None:
        settings["templateBBSize"] = max(1.0, diagonal(blendshapes.neutral))
        changes.append("templateBBSize is the size of the neutral")
    elif size < 1:
        raise DataError(f"templateBBSize must be at least 1, found {size}.")
    for key in PAIR_KEYS:
        counts = Counter(identity for identity in settings[key] if identity >= 0)
        many = [identity for identity, count in counts.items() if count > 2]
        if many:
            raise DataError(f"{key}: a pair has two poses, {many[0]} has {counts[many[0]]}.")
        single = {identity for identity, count in counts.items() if count == 1}
        if single:
            changes.append(f"{key}: pairs of one pose are unpaired now")
        settings[key] = [-1 if i < 0 or i in single else i for i in settings[key]]
    names, offsets = list(blendshapes.names), list(blendshapes.offsets)
    while any(_num_unpaired(settings, key) == 2 for key in PAIR_KEYS):
        names.append(f"{FILLER}{len(names)}")
        offsets.append(np.zeros_like(blendshapes.neutral))
        for key, value in zip(PER_POSE_KEYS, (1, -1, -1, 0.0, 0.0)):
            settings[key] = [*settings[key], value]
        settings["numPoses"] = len(names)
        changes.append("a pose without offsets keeps two unpaired poses from being a pair")
    return Rewritten(
        replace(blendshapes, names=tuple(names), offsets=np.stack(offsets), settings=settings),
        tuple(dict.fromkeys(changes)),
    )


def minimal_tongue(neutral: Floats) -> Blendshapes:
    """The least tongue the runtime's solver takes: one pose that moves nothing."""
    settings: dict[str, object] = dict.fromkeys(STRENGTHS, 0.0)
    settings["strengthL2regularization"] = 1.0
    settings |= {"numPoses": 1, "templateBBSize": max(1.0, diagonal(neutral))}
    settings |= {key: [value] for key, value in zip(PER_POSE_KEYS, (1, -1, -1, 0.0, 0.0))}
    return Blendshapes((FILLER,), neutral, np.zeros((1, *neutral.shape), np.float32), settings)


def write_blendshapes(data_path: Path, config_path: Path, blendshapes: Blendshapes) -> None:
    """Write both files as the runtime reads them; see :func:`for_runtime`."""
    arrays: dict[str, np.ndarray | str] = {
        "poseNames": np.array([b"neutral", *(name.encode() for name in blendshapes.names)]),
        "neutral": blendshapes.neutral,
    }
    arrays |= dict(zip(blendshapes.names, blendshapes.offsets))
    if blendshapes.frontal_mask is not None:
        arrays["frontalMask"] = blendshapes.frontal_mask
    if blendshapes.rig_version:
        arrays["rig_version"] = blendshapes.rig_version
    write_runtime_arrays(data_path, arrays)
    write_json(config_path, {"blendshape_params": dict(blendshapes.settings)})


def _num_unpaired(settings: Mapping[str, Any], key: str) -> int:
    pairs = zip(settings["bsSolveActivePoses"], settings[key])
    return sum(1 for active, identity in pairs if active and identity < 0)
