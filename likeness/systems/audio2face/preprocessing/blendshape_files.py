"""Blendshapes of an actor beside its artefacts, in the form that the runtime of packages reads.

Arrays are stored, float32 and in C order, names are bytes with "neutral" first, vertex indices
int32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.errors import DataError
from likeness.geometry.array_files import read_arrays, write_arrays
from likeness.systems.audio2face.artefacts import Blendshapes
from likeness.systems.audio2face.preprocessing.shot_files import read_json, write_json

NEUTRAL = "neutral"
_NAMES, _MASK = "poseNames", "frontalMask"


def write_blendshapes(shapes_path: Path, settings_path: Path, blendshapes: Blendshapes) -> None:
    """Write the shapes (.npz) and the settings of the solver (.json)."""
    arrays = {
        _NAMES: np.array([NEUTRAL, *blendshapes.names], dtype=np.bytes_),
        NEUTRAL: blendshapes.neutral.astype("<f4"),
    }
    arrays |= {n: o.astype("<f4") for n, o in zip(blendshapes.names, blendshapes.offsets)}
    if blendshapes.frontal_mask is not None:
        arrays[_MASK] = blendshapes.frontal_mask.astype("<i4")
    write_arrays(shapes_path, arrays, {})
    write_json(settings_path, {"blendshape_params": dict(blendshapes.settings)})


def read_blendshapes(shapes_path: Path, settings_path: Path) -> Blendshapes | None:
    """What :func:`write_blendshapes` or the reference wrote; None unless both files are there.

    Names may be bytes or text, numbers of any width, "neutral" first among the names or left out.

    Raises:
        DataError: keys that are missing, shapes that do not fit together, numbers that are none.
    """
    if not (shapes_path.is_file() and settings_path.is_file()):
        return None
    arrays, _ = read_arrays(shapes_path)
    if not {_NAMES, NEUTRAL} <= arrays.keys():
        raise DataError(f"{shapes_path}: expected '{_NAMES}' and '{NEUTRAL}' among its arrays.")
    neutral = arrays[NEUTRAL].astype(np.float32)
    names = tuple(
        name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        for name in arrays[_NAMES].ravel().tolist()
    )
    names = tuple(name for name in names if name != NEUTRAL)
    wrong = [n for n in names if n not in arrays or arrays[n].shape != neutral.shape]
    if neutral.ndim != 2 or neutral.shape[1] != 3 or wrong or not names:
        raise DataError(
            f"{shapes_path}: expected a neutral (V, 3) and one array of its shape for every name, "
            f"found a neutral {neutral.shape} and none for {', '.join(wrong[:5]) or 'any name'}."
        )
    broken = [n for n in (NEUTRAL, *names) if not np.isfinite(arrays[n]).all()]
    if broken:
        raise DataError(f"{shapes_path}: not finite are {', '.join(broken[:5])}.")
    mask = arrays.get(_MASK)
    if mask is not None and (mask.size == 0 or mask.min() < 0 or mask.max() >= len(neutral)):
        raise DataError(
            f"{shapes_path}: expected vertices below {len(neutral)} in '{_MASK}', found "
            f"{'none' if mask.size == 0 else f'{mask.min()} to {mask.max()}'}."
        )
    settings = read_json(settings_path)
    if not isinstance(settings, dict) or not isinstance(settings.get("blendshape_params"), dict):
        raise DataError(f"{settings_path}: expected an object 'blendshape_params'.")
    return Blendshapes(
        names=names,
        neutral=neutral,
        offsets=np.stack([arrays[name].astype(np.float32) for name in names]),
        settings=settings["blendshape_params"],
        frontal_mask=None if mask is None else mask.astype(np.int32),
    )
