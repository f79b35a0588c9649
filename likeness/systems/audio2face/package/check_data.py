"""Rules of the files of an actor: settings, geometry and the emotion data base."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from likeness.storage.json_files import load_object
from likeness.systems.audio2face.package.check_network import NetworkFacts
from likeness.systems.audio2face.package.model_files import DATA_KEYS
from likeness.systems.audio2face.package.network_info import RegressionShape
from likeness.systems.audio2face.package.runtime_arrays import (
    RuntimeArray,
    extent_of,
    lies_as,
    read_runtime_arrays,
)
from likeness.systems.audio2face.package.violations import Report
from likeness.systems.audio2face.postprocessing_settings import POSTPROCESSING_KEYS, setting_range
from likeness.systems.audio2face.whole_poses import lie_at

_NUM_SACCADES = 5000


def check_config(
    path: Path, emotions: dict[str, int] | None, is_diffusion: bool, report: Report
) -> None:
    """Codes ``config.json``, ``config.key``, ``config.type``, ``config.range``,
    ``config.source-shot`` and ``config.source-frame``.

    Args:
        emotions: shot to number of rows of the emotion data base; None where it cannot be read.
    """
    try:
        document = load_object(path)
    except ValueError as error:
        report.error("config.json", path, f"Cannot be read: {error}.")
        return
    config = document.get("config")
    if not isinstance(config, dict):
        report.error("config.key", path, "Expected an object 'config'.")
        return
    wanted = POSTPROCESSING_KEYS if is_diffusion else (*POSTPROCESSING_KEYS, *_SOURCE)
    missing = [key for key in wanted if key not in config]
    if missing:
        report.error("config.key", path, f"The runtime reads {', '.join(missing)}; not there.")
    for key in POSTPROCESSING_KEYS:
        if key in config:
            _check_setting(path, key, config[key], report)
    if not is_diffusion:
        _check_source(path, config, emotions, report)


_SOURCE = ("source_shot", "source_frame")


def _check_setting(path: Path, key: str, value: Any, report: Report) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or (key == "eye_saccade_seed" and value % 1):
        kind = "a whole number" if key == "eye_saccade_seed" else "a number"
        report.error("config.type", path, f"'{key}' must be {kind}, found {value!r:.60}.")
        return
    limits = setting_range(key)
    if limits is not None and not limits[0] <= value <= limits[1]:
        report.error(
            "config.range", path, f"'{key}' must be {limits[0]:g} to {limits[1]:g}, found {value}."
        )


def _check_source(
    path: Path, config: dict[str, Any], emotions: dict[str, int] | None, report: Report
) -> None:
    shot, frame = config.get("source_shot"), config.get("source_frame")
    if "source_shot" in config and not isinstance(shot, str):
        report.error("config.type", path, f"'source_shot' must be a text, found {shot!r:.60}.")
        return
    is_frame = isinstance(frame, int) and not isinstance(frame, bool)
    if "source_frame" in config and not is_frame:
        report.error(
            "config.type", path, f"'source_frame' must be a whole number, found {frame!r:.60}."
        )
        return
    if emotions is None or not isinstance(shot, str):
        return
    if shot not in emotions:
        report.error("config.source-shot", path, f"The emotion data base has no shot '{shot:.80}'.")
    elif isinstance(frame, int) and not 0 <= frame < emotions[shot]:
        report.error(
            "config.source-frame",
            path,
            f"Shot '{shot:.80}' has frames 0 to {emotions[shot] - 1}, found {frame}.",
        )


def check_data(
    path: Path, facts: NetworkFacts | None, is_diffusion: bool, report: Report
) -> dict[str, float]:
    """How large the neutrals of ``"skin"`` and ``"tongue"`` are, of those that can be read: their
    largest extent in the unit of the package.

    Codes ``data.key``, ``data.dtype``, ``data.size``, ``data.shape``, ``data.finite``,
    ``data.extent``, ``data.places`` and the warnings ``data.extra-key`` and ``data.saccade-rows``;
    those of the archive besides.
    """
    archive = read_runtime_arrays(path, report)
    wanted = DATA_KEYS["diffusion" if is_diffusion else "regression"]
    missing = [key for key in wanted if key not in archive.arrays]
    if missing and archive.is_complete:
        report.error("data.key", path, f"The runtime reads {', '.join(missing)}; not there.")
    extra = [key for key in archive.arrays if key not in wanted]
    if extra:
        report.warn(
            "data.extra-key",
            path,
            f"The runtime's conformance tests want no more than they read: {', '.join(extra)}.",
        )
    shapes = _data_shapes(facts) if facts is not None else {}
    for key in wanted:
        if key in archive.arrays:
            _check_array(path, key, archive.arrays[key], shapes.get(key), report)
    start = "neutral" if is_diffusion else "shapes_mean"
    neutrals = {part: archive.arrays.get(f"{start}_{part}") for part in ("skin", "tongue")}
    for key in ("lip_open_pose_delta", "eye_close_pose_delta"):
        if key in archive.arrays:
            _check_difference(path, key, archive.arrays[key], neutrals["skin"], report)
    return {part: size for part, given in neutrals.items() if (size := extent_of(given))}


def _data_shapes(facts: NetworkFacts) -> dict[str, tuple[int, ...]]:
    skin, tongue = (facts.skin_size // 3, 3), (facts.tongue_size // 3, 3)
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(
        ("neutral_skin", "shapes_mean_skin", "lip_open_pose_delta", "eye_close_pose_delta"), skin
    )
    shapes |= dict.fromkeys(("neutral_tongue", "shapes_mean_tongue"), tongue)
    if isinstance(facts.shape, RegressionShape):
        shapes["shapes_matrix_skin"] = (facts.shape.num_shapes_skin, *skin)
        shapes["shapes_matrix_tongue"] = (facts.shape.num_shapes_tongue, *tongue)
    return shapes | {"neutral_jaw": (facts.shape.jaw_size // 3, 3), "saccade_rot_matrix": (-1, 2)}


def _check_array(
    path: Path, key: str, array: RuntimeArray, shape: tuple[int, ...] | None, report: Report
) -> None:
    if not _is_kind(array, "f4"):
        report.error(
            "data.dtype",
            path,
            f"'{key}' must be float32, found {array.kind}: its bytes would be taken for float32.",
        )
        return
    size = None if shape is None or -1 in shape else math.prod(shape)
    if size is not None and array.num_values != size:
        report.error(
            "data.size", path, f"'{key}' must hold {size:,} values, found {array.num_values:,}."
        )
        return
    if shape is not None and array.num_values and not lies_as(array.shape, shape):
        axes = ", ".join("rows" if length < 0 else str(length) for length in shape)
        report.error(
            "data.shape",
            path,
            f"'{key}' must be ({axes}), found {array.shape}: the runtime takes its values in the "
            "order of the file, each for another.",
        )
        return
    values = array.floats()
    if array.kind[0] != ">" and not np.isfinite(values).all():
        report.error("data.finite", path, f"'{key}' holds values that are not finite.")
        return
    if key == "saccade_rot_matrix":
        if values.size == 0 or values.size % 2:
            report.error(
                "data.size", path, f"'{key}' must hold rows of 2, found {values.size} values."
            )
        elif values.size < 2 * _NUM_SACCADES:
            report.warn(
                "data.saccade-rows",
                path,
                f"'{key}' has {values.size // 2} rows; seeds go up to {_NUM_SACCADES - 1}.",
            )
    elif key in ("neutral_skin", "shapes_mean_skin") and not np.ptp(values.reshape(-1, 3)[:, 1]):
        report.error("data.extent", path, f"'{key}' has no height, so its mask would be no number.")


def _check_difference(
    path: Path, key: str, delta: RuntimeArray, neutral: RuntimeArray | None, report: Report
) -> None:
    if neutral is None or not all(_is_kind(array, "f4") for array in (delta, neutral)):
        return
    found, still = delta.floats(), neutral.floats()
    is_known = found.size == still.size and np.isfinite(found).all() and np.isfinite(still).all()
    if is_known and lie_at(found, still):
        report.error(
            "data.places",
            path,
            f"'{key}' must be a difference from the neutral of the skin, found what looks like a "
            "whole pose. Subtract the neutral from it.",
        )


def check_emotions(path: Path, facts: NetworkFacts | None, report: Report) -> dict[str, int] | None:
    """Shot to number of rows. Codes ``emotion.key``, ``emotion.dtype``, ``emotion.rank``,
    ``emotion.columns``, ``emotion.finite``, ``emotion.count``, ``emotion.order``,
    ``emotion.range``, ``emotion.legacy`` and the warning ``emotion.overlap``; those of the archive
    besides.
    """
    with open(path, "rb") as file:
        start = file.read(4)
    if start[:2] != b"PK":
        report.error(
            "emotion.legacy",
            path,
            "Expected an .npz file, found another, perhaps the older binary form, which the "
            "runtime does not read.",
        )
        return None
    archive = read_runtime_arrays(path, report)
    kinds = {"emo_db": "f4", "emo_spec_names": "S", "emo_spec_start": "i4", "emo_spec_size": "i4"}
    missing = [key for key in kinds if key not in archive.arrays]
    if missing:
        if archive.is_complete:
            report.error("emotion.key", path, f"The runtime reads {', '.join(missing)}; not there.")
        return None
    arrays = archive.arrays
    wrong = [key for key, kind in kinds.items() if not _is_kind(arrays[key], kind)]
    if wrong:
        found = ", ".join(f"'{key}' is {arrays[key].kind}, not {kinds[key]}" for key in wrong)
        report.error("emotion.dtype", path, f"Bytes are taken as they are, but {found}.")
        return None
    shape = arrays["emo_db"].shape
    if len(shape) != 2:
        report.error("emotion.rank", path, f"'emo_db' must have two axes, found {shape}.")
        return None
    if facts is not None and isinstance(facts.shape, RegressionShape):
        length = facts.shape.implicit_length
        if shape[1] != length:
            report.error(
                "emotion.columns", path, f"'emo_db' must have {length} columns, found {shape[1]}."
            )
    if not np.isfinite(arrays["emo_db"].floats()).all():
        report.error("emotion.finite", path, "'emo_db' holds values that are not finite.")
    names = arrays["emo_spec_names"].texts()
    starts, sizes = arrays["emo_spec_start"].ints(), arrays["emo_spec_size"].ints()
    if not len(names) == len(starts) == len(sizes) or len(set(names)) != len(names) or not names:
        report.error(
            "emotion.count",
            path,
            f"Expected different names with a start and a size each, found {len(set(names))}, "
            f"{len(starts)} and {len(sizes)}.",
        )
        return None
    in_order = bool((np.diff(starts) >= 0).all())
    if not in_order:
        report.error("emotion.order", path, "The shots must be in the order of their first rows.")
    ends = starts.astype(np.int64) + sizes
    if (starts < 0).any() or (sizes < 1).any() or ends.max() > shape[0]:
        report.error(
            "emotion.range",
            path,
            f"Shots must lie in the {shape[0]} rows, found up to {ends.max()}.",
        )
    elif in_order and (shared := np.flatnonzero(starts[1:] < ends[:-1])).size:
        # In their order, a shot that reaches into any later one reaches into the next.
        one, two = int(shared[0]), int(shared[0]) + 1
        report.warn(
            "emotion.overlap",
            path,
            f"A row belongs to a frame of one shot, but '{names[two]:.80}' begins at row "
            f"{starts[two]} and '{names[one]:.80}' ends before {ends[one]}: one of them has the "
            "emotions of the other. Export the package again.",
        )
    return dict(zip(names, sizes.tolist()))


def _is_kind(array: RuntimeArray, kind: str) -> bool:
    return array.kind[1:].startswith(kind) if kind == "S" else array.kind[1:] == kind
