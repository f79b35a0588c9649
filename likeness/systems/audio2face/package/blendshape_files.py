"""Blendshape files of a package: users' files brought into the form the runtime reads.

Files of common export scripts have unicode names, float64 or int64 arrays, no "neutral" among
their names or not in front, and pairs the runtime misreads; copied as they are they fail there
without a word.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.runs.files import write_json
from likeness.systems.audio2face.artefacts import Blendshapes, Floats
from likeness.systems.audio2face.package.runtime_arrays import write_runtime_arrays

STRENGTHS = (
    "strengthL2regularization",
    "strengthL1regularization",
    "strengthTemporalSmoothing",
    "strengthSymmetry",
)
PAIR_KEYS = ("bsSolveCancelPoses", "bsSolveSymmetryPoses")
PER_POSE_KEYS = ("bsSolveActivePoses", *PAIR_KEYS, "bsWeightMultipliers", "bsWeightOffsets")
FILLER = "unusedPose"
"""Poses without offsets that keep the runtime from pairing two unpaired ones."""


@dataclass(frozen=True)
class Rewritten:
    """Blendshapes in the runtime's form, and what was changed about them."""

    blendshapes: Blendshapes
    changes: tuple[str, ...]


def diagonal(neutral: np.ndarray) -> float:
    """Diagonal of the bounding box of (V, 3), which templateBBSize is held against."""
    return float(np.linalg.norm(np.ptp(np.asarray(neutral, np.float64), axis=0)))


def blendshapes_of_arrays(
    arrays: Mapping[str, np.ndarray], config: Mapping[str, Any], where: str = "blendshapes"
) -> Rewritten:
    """Blendshapes of the arrays of a user's npz file and of its settings.

    Args:
        arrays: ``poseNames``, ``neutral``, one (V, 3) of offsets a name, perhaps ``frontalMask``.
        config: the document of the settings, with or without its outer ``blendshape_params``.
        where: names the file in errors.

    Raises:
        DataError: a pose or a setting is missing, or one of another size or not finite.
    """
    changes = []
    if "poseNames" not in arrays or "neutral" not in arrays:
        raise DataError(f"{where} needs poseNames and neutral, found {', '.join(arrays)[:300]}.")
    raw = np.asarray(arrays["poseNames"]).ravel()
    if raw.dtype.kind != "S":
        changes.append("poseNames are bytes now")
    names = [n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in raw.tolist()]
    place = names.index("neutral") if "neutral" in names else None
    if place != 0:
        changes.append("'neutral' is the first of poseNames now")
    poses = [name for name in names if name != "neutral"]
    neutral = _offsets(arrays, "neutral", None, where, changes)
    offsets = [_offsets(arrays, name, neutral.shape, where, changes) for name in poses]
    mask = arrays.get("frontalMask")
    if mask is not None:
        mask = np.asarray(mask).ravel()
        if mask.dtype.kind not in "iu" or (
            mask.size and not 0 <= mask.min() <= mask.max() < len(neutral)
        ):
            raise DataError(f"{where}: frontalMask must hold vertices below {len(neutral)}.")
        if mask.dtype != np.int32:
            changes.append("frontalMask is int32 now")
        mask = mask.astype(np.int32) if mask.size else None
    settings = _settings(config, len(poses), place, where, changes)
    shapes = Blendshapes(
        tuple(poses),
        neutral,
        np.stack(offsets) if offsets else np.zeros((0, *neutral.shape), np.float32),
        settings,
        mask,
    )
    return Rewritten(shapes, tuple(dict.fromkeys(changes)))


def for_runtime(blendshapes: Blendshapes) -> Rewritten:
    """The same shapes with settings the runtime cannot misread.

    A pair of one becomes unpaired, templateBBSize is always there, and where exactly two active
    poses are unpaired, which the runtime takes for a pair, poses without offsets are added.

    Raises:
        DataError: no active pose, a pair of more than two, or settings of another length.
    """
    changes: list[str] = []
    settings = _settings(blendshapes.settings, len(blendshapes.names), None, "blendshapes", changes)
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


def write_blendshapes(
    data_path: Path, config_path: Path, blendshapes: Blendshapes, *, rig_version: str = ""
) -> None:
    """Write both files as the runtime reads them; see :func:`for_runtime`."""
    arrays: dict[str, np.ndarray | str] = {
        "poseNames": np.array([b"neutral", *(name.encode() for name in blendshapes.names)]),
        "neutral": blendshapes.neutral,
    }
    arrays |= dict(zip(blendshapes.names, blendshapes.offsets))
    if blendshapes.frontal_mask is not None:
        arrays["frontalMask"] = blendshapes.frontal_mask
    if rig_version:
        arrays["rig_version"] = rig_version
    write_runtime_arrays(data_path, arrays)
    write_json(config_path, {"blendshape_params": dict(blendshapes.settings)})


def _num_unpaired(settings: Mapping[str, Any], key: str) -> int:
    pairs = zip(settings["bsSolveActivePoses"], settings[key])
    return sum(1 for active, identity in pairs if active and identity < 0)


def _offsets(
    arrays: Mapping[str, np.ndarray],
    name: str,
    shape: tuple[int, ...] | None,
    where: str,
    changes: list[str],
) -> Floats:
    if name not in arrays:
        raise DataError(f"{where}: poseNames has '{name}', but there is no array of that name.")
    array = np.asarray(arrays[name])
    if array.ndim == 1 and array.size % 3 == 0:
        array = array.reshape(-1, 3)
    if array.dtype.kind != "f" or array.ndim != 2 or array.shape[1] != 3 or not array.size:
        raise DataError(
            f"{where}: '{name}' must be real (V, 3), found {array.dtype} {array.shape}."
        )
    if shape is not None and array.shape != shape:
        raise DataError(f"{where}: '{name}' has the shape {array.shape}, neutral has {shape}.")
    if not np.isfinite(array).all():
        raise DataError(f"{where}: '{name}' holds values that are not finite.")
    if array.dtype != np.float32:
        changes.append("arrays are float32 now")
    return np.ascontiguousarray(array, np.float32)


def _settings(
    config: Mapping[str, Any], num_poses: int, neutral: int | None, where: str, changes: list[str]
) -> dict[str, Any]:
    """Settings with one entry for each pose; one too many is that of the neutral."""
    inner = config.get("blendshape_params", config)
    if not isinstance(inner, Mapping):
        raise DataError(f"{where}: blendshape_params must be an object, found {inner!r:.60}.")
    given = dict(inner)
    missing = [key for key in (*STRENGTHS, *PER_POSE_KEYS) if key not in given]
    if missing:
        raise DataError(f"{where}: the settings have no {', '.join(missing)}.")
    for key in STRENGTHS:
        value = given[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise DataError(f"{where}: {key} must be a number from 0 on, found {value!r:.60}.")
        given[key] = float(value)
    for key in PER_POSE_KEYS:
        values = list(given[key]) if isinstance(given[key], list | tuple) else []
        if len(values) == num_poses + 1 and neutral is not None:
            del values[neutral]
            changes.append("settings have no entry of the neutral any more")
        if len(values) != num_poses:
            raise DataError(f"{where}: {key} needs {num_poses} entries, found {len(values)}.")
        kind = float if key.startswith("bsWeight") else int
        try:
            values = [kind(value) for value in values]
            is_finite = all(map(math.isfinite, values))
        except (TypeError, ValueError, OverflowError):
            is_finite = False
        if not is_finite:
            raise DataError(f"{where}: {key} must hold finite numbers, found {values!r:.80}.")
        given[key] = values
    if given.get("numPoses") not in (None, num_poses):
        changes.append("numPoses counts the poses without the neutral")
    given["numPoses"] = num_poses
    if given.get("templateBBSize") is not None:
        if isinstance(given["templateBBSize"], bool | str):
            raise DataError(f"{where}: templateBBSize must be a number.")
        given["templateBBSize"] = float(given["templateBBSize"])
    return given
