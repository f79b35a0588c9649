"""Blendshapes of an actor beside its artefacts, written in the form the runtime of packages reads.

Arrays are stored, float32 and in C order, names are bytes with "neutral" first, vertex indices
int32.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.geometry.array_files import read_arrays, write_arrays
from likeness.storage.json_files import read_json
from likeness.systems.audio2face.artefacts import Blendshapes, Floats
from likeness.systems.audio2face.preprocessing.shot_files import write_json

STRENGTHS = (
    "strengthL2regularization",
    "strengthL1regularization",
    "strengthTemporalSmoothing",
    "strengthSymmetry",
)
PAIR_KEYS = ("bsSolveCancelPoses", "bsSolveSymmetryPoses")
PER_POSE_KEYS = ("bsSolveActivePoses", *PAIR_KEYS, "bsWeightMultipliers", "bsWeightOffsets")
NEUTRAL = "neutral"
_NAMES, _MASK, _VERSION = "poseNames", "frontalMask", "rig_version"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rewritten:
    """Blendshapes in the runtime's form, and what was changed about them."""

    blendshapes: Blendshapes
    changes: tuple[str, ...]


def write_blendshapes(shapes_path: Path, settings_path: Path, blendshapes: Blendshapes) -> None:
    """Write the shapes (.npz) and the settings of the solver (.json)."""
    arrays = {
        _NAMES: np.array([NEUTRAL, *blendshapes.names], dtype=np.bytes_),
        NEUTRAL: blendshapes.neutral.astype("<f4"),
    }
    arrays |= {n: o.astype("<f4") for n, o in zip(blendshapes.names, blendshapes.offsets)}
    if blendshapes.frontal_mask is not None:
        arrays[_MASK] = blendshapes.frontal_mask.astype("<i4")
    if blendshapes.rig_version:
        arrays[_VERSION] = np.array(blendshapes.rig_version.encode())
    write_arrays(shapes_path, arrays, {})
    write_json(settings_path, {"blendshape_params": dict(blendshapes.settings)})


def read_blendshapes(shapes_path: Path, settings_path: Path) -> Blendshapes | None:
    """What :func:`write_blendshapes`, the reference or an export script wrote; None unless both
    files are there.

    Export scripts write names as text, wide numbers, flat poses, and "neutral" anywhere among the
    names, with settings for it or without; copied as they are into a package, such files fail there
    without a word.

    Raises:
        DataError: keys that are missing, shapes that do not fit together, numbers that are none.
    """
    if not (shapes_path.is_file() and settings_path.is_file()):
        return None
    arrays, texts = read_arrays(shapes_path)
    config = read_json(settings_path)
    if not isinstance(config, dict):
        raise DataError(f"{settings_path}: expected an object of settings.")
    arrays |= {name: np.array(text) for name, text in texts.items()}
    found = blendshapes_of_arrays(arrays, config, shapes_path.name, settings_path.name)
    if found.changes:
        logger.info("%s: %s.", shapes_path, "; ".join(found.changes))
    return found.blendshapes


def blendshapes_of_arrays(
    arrays: Mapping[str, np.ndarray],
    config: Mapping[str, Any],
    where: str = "blendshapes",
    settings_where: str = "their settings",
) -> Rewritten:
    """Blendshapes of the arrays of a user's npz file and of its settings.

    Args:
        arrays: ``poseNames``, ``neutral``, one (V, 3) of offsets a name, perhaps ``frontalMask``
            and ``rig_version``.
        config: the document of the settings, with or without its outer ``blendshape_params``.
        where, settings_where: name the files in errors.

    Raises:
        DataError: a pose or a setting is missing, or one of another size or not finite.
    """
    changes = []
    if "poseNames" not in arrays or "neutral" not in arrays:
        raise DataError(
            f"{where}: expected poseNames and neutral, found {', '.join(arrays)[:300]}."
        )
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
    mask = arrays.get(_MASK)
    if mask is not None:
        mask = np.asarray(mask).ravel()
        if mask.dtype.kind not in "iu" or (
            mask.size and not 0 <= mask.min() <= mask.max() < len(neutral)
        ):
            raise DataError(f"{where}: frontalMask must hold vertices below {len(neutral)}.")
        if mask.dtype != np.int32:
            changes.append("frontalMask is int32 now")
        mask = mask.astype(np.int32) if mask.size else None
    settings = checked_settings(config, len(poses), place, settings_where, changes)
    shapes = Blendshapes(
        tuple(poses),
        neutral,
        np.stack(offsets) if offsets else np.zeros((0, *neutral.shape), np.float32),
        settings,
        mask,
        _rig_version(arrays, where, changes),
    )
    return Rewritten(shapes, tuple(dict.fromkeys(changes)))


def _rig_version(arrays: Mapping[str, np.ndarray], where: str, changes: list[str]) -> str:
    if _VERSION not in arrays:
        return ""
    array = np.asarray(arrays[_VERSION])
    if array.size != 1:
        raise DataError(
            f"{where}: {_VERSION} must be one text, found {array.dtype} of shape {array.shape}."
        )
    if array.dtype.kind != "S":
        changes.append(f"{_VERSION} is bytes now")
    value = array.item()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def checked_settings(
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
    if given.get("numPoses") not in (None, num_poses, num_poses + 1):
        raise DataError(
            f"{where}: numPoses says {given['numPoses']!r:.60}, there are {num_poses} poses beside "
            "the neutral."
        )
    if given.get("numPoses") == num_poses + 1:
        changes.append("numPoses counts the poses without the neutral")
    given["numPoses"] = num_poses
    if given.get("templateBBSize") is not None:
        if isinstance(given["templateBBSize"], bool | str):
            raise DataError(f"{where}: templateBBSize must be a number.")
        given["templateBBSize"] = float(given["templateBBSize"])
    return given


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
