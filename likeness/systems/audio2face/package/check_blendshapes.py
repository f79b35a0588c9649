"""Rules of blendshape files: names, arrays, settings and pairs."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from likeness.storage.json_files import load_object
from likeness.systems.audio2face.package.blendshape_files import (
    PAIR_KEYS,
    PER_POSE_KEYS,
    STRENGTHS,
)
from likeness.systems.audio2face.package.check_network import NetworkFacts
from likeness.systems.audio2face.package.runtime_arrays import (
    RuntimeArray,
    extent_of,
    lies_as,
    read_runtime_arrays,
)
from likeness.systems.audio2face.package.violations import Report
from likeness.systems.audio2face.whole_poses import lie_at

_OTHER_SIZE = 1.5
"""Times the size of the actor's neutral from which that of the shapes has another unit: no face
opens its mouth so far."""


def check_blendshapes(
    kind: str,
    data: Path,
    config: Path,
    facts: NetworkFacts | None,
    extent: float | None,
    report: Report,
) -> None:
    """Codes ``blendshape.key``, ``.names``, ``.neutral-first``, ``.pose``, ``.dtype``, ``.size``,
    ``.shape``, ``.finite``, ``.places``, ``.scale``, ``.mask``, ``.json``, ``.config-key``,
    ``.length``, ``.active``, ``.strength``, ``.box-size``, ``.pair`` and ``.two-unpaired``; those
    of the archive besides.

    Args:
        kind: ``"skin"`` or ``"tongue"``.
        extent: the largest of the actor's neutral in ``model_data``; None where it cannot be read.
    """
    names = _check_arrays(kind, data, facts, extent, report)
    try:
        params = load_object(config).get("blendshape_params")
    except ValueError as error:
        report.error("blendshape.json", config, f"Cannot be read: {error}.")
        return
    if not isinstance(params, dict):
        report.error("blendshape.config-key", config, "Expected an object 'blendshape_params'.")
        return
    _check_params(config, params, None if names is None else len(names) - 1, report)


def _check_arrays(
    kind: str, path: Path, facts: NetworkFacts | None, extent: float | None, report: Report
) -> list[str] | None:
    archive = read_runtime_arrays(path, report)
    arrays = archive.arrays
    missing = [key for key in ("poseNames", "neutral") if key not in arrays]
    if missing:
        if archive.is_complete:
            report.error("blendshape.key", path, f"Not there: {', '.join(missing)}.")
        return None
    if not arrays["poseNames"].kind[1:].startswith("S"):
        report.error(
            "blendshape.names",
            path,
            f"'poseNames' must be bytes of fixed width, found {arrays['poseNames'].kind}.",
        )
        return None
    names = arrays["poseNames"].texts()
    if len(set(names)) != len(names):
        twice = [name for name, count in Counter(names).items() if count > 1]
        report.error("blendshape.names", path, f"Names must differ, found twice: {twice[0]:.80}.")
        return None
    if not names or names[0] != "neutral":
        report.error(
            "blendshape.neutral-first",
            path,
            f"The first of poseNames must be 'neutral', found {', '.join(names[:1]):.80}.",
        )
        return None
    lost = [name for name in names if name not in arrays]
    if lost and archive.is_complete:
        report.error("blendshape.pose", path, f"No arrays of {', '.join(lost[:20])}.")
    _check_poses(kind, path, {n: arrays[n] for n in names if n in arrays}, facts, report)
    found = extent_of(arrays["neutral"])
    if extent and found and not 1 / _OTHER_SIZE < found / extent < _OTHER_SIZE:
        report.error(
            "blendshape.scale",
            path,
            f"Expected a neutral as large as that of the actor, {extent:.4g}, found one of "
            f"{found:.4g}: the solver takes the difference of the two. Give the shapes the unit of "
            "the geometry.",
        )
    if "frontalMask" in arrays:
        _check_mask(path, arrays["frontalMask"], arrays["neutral"], report)
    return names


def _check_poses(
    kind: str,
    path: Path,
    poses: dict[str, RuntimeArray],
    facts: NetworkFacts | None,
    report: Report,
) -> None:
    wrong = [name for name, array in poses.items() if array.kind[1:] != "f4"]
    if wrong:
        report.error(
            "blendshape.dtype",
            path,
            f"Poses must be float32, found {poses[wrong[0]].kind}: {', '.join(wrong[:20])}.",
        )
        return
    neutral = poses["neutral"]
    expected = neutral.num_values
    if facts is not None:
        expected = facts.skin_size if kind == "skin" else facts.tongue_size
    others = [name for name, array in poses.items() if array.num_values != expected]
    if others:
        report.error(
            "blendshape.size",
            path,
            f"Poses must hold {expected:,} values, found {poses[others[0]].num_values:,}: "
            f"{', '.join(others[:20])}.",
        )
    turned = [name for name, array in poses.items() if not lies_as(array.shape, (-1, 3))]
    if turned and not others:
        report.error(
            "blendshape.shape",
            path,
            f"Poses must be (V, 3), found {poses[turned[0]].shape}: {', '.join(turned[:20])}.",
        )
    broken = [name for name, array in poses.items() if not np.isfinite(array.floats()).all()]
    if broken:
        report.error("blendshape.finite", path, f"Not finite: {', '.join(broken[:20])}.")
    if others or turned or broken:
        return
    still = neutral.floats()
    whole = [n for n, a in poses.items() if n != "neutral" and lie_at(a.floats(), still)]
    if whole:
        report.error(
            "blendshape.places",
            path,
            f"Poses must be differences from 'neutral', found what look like whole poses: "
            f"{', '.join(whole[:20])}. Subtract 'neutral' from them.",
        )


def _check_mask(path: Path, mask: RuntimeArray, neutral: RuntimeArray, report: Report) -> None:
    if mask.kind[1:] != "i4":
        report.error("blendshape.mask", path, f"'frontalMask' must be int32, found {mask.kind}.")
        return
    values, limit = mask.ints(), neutral.num_values // 3
    if values.size == 0 or values.min() < 0 or values.max() >= limit:
        report.error("blendshape.mask", path, f"'frontalMask' must hold vertices below {limit}.")


def _check_params(
    path: Path, params: dict[str, Any], num_poses: int | None, report: Report
) -> None:
    missing = [key for key in (*STRENGTHS, "numPoses", *PER_POSE_KEYS) if key not in params]
    if missing:
        report.error("blendshape.config-key", path, f"Not there: {', '.join(missing)}.")
    for key in STRENGTHS:
        if key in params and not _is_number(params[key], least=0.0):
            report.error(
                "blendshape.strength",
                path,
                f"'{key}' must be a number from 0 on, found {params[key]!r:.60}.",
            )
    if not _is_number(params.get("templateBBSize"), least=1.0):
        report.error(
            "blendshape.box-size",
            path,
            f"'templateBBSize' must be at least 1, found {params.get('templateBBSize')!r:.60}; "
            "without it the runtime takes 54.7.",
        )
    count = params.get("numPoses") if num_poses is None else num_poses
    wrong = [
        key
        for key in PER_POSE_KEYS
        if key in params and not _is_list(params[key], count, whole=not key.startswith("bsWeight"))
    ]
    if "numPoses" in params and params["numPoses"] != count:
        wrong.append("numPoses")
    if wrong:
        named = [key if key.startswith("bsWeight") else f"{key} (whole ones)" for key in wrong]
        report.error("blendshape.length", path, f"Expected {count} numbers of {', '.join(named)}.")
    if wrong or missing:
        return
    active = params["bsSolveActivePoses"]
    other = [flag for flag in active if flag not in (0, 1)]
    if other:
        report.error(
            "blendshape.active", path, f"A pose is active (1) or is not (0), found {other[0]}."
        )
    if not any(active):
        report.error("blendshape.active", path, "At least one pose must be active.")
    for key in PAIR_KEYS:
        _check_pairs(path, key, params[key], active, report)


def _check_pairs(path: Path, key: str, pairs: list[int], active: list[int], report: Report) -> None:
    counts = Counter(identity for identity in pairs if identity >= 0)
    odd = [identity for identity, count in counts.items() if count != 2]
    if odd:
        report.error(
            "blendshape.pair",
            path,
            f"'{key}': a pair has two poses, {odd[0]} has {counts[odd[0]]}.",
        )
    unpaired = sum(1 for is_on, identity in zip(active, pairs) if is_on and identity < 0)
    if unpaired == 2:
        report.error(
            "blendshape.two-unpaired",
            path,
            f"'{key}': exactly two active poses are unpaired, which the runtime takes for a pair.",
        )


def _is_number(value: Any, *, least: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= least


def _is_list(value: Any, count: Any, *, whole: bool) -> bool:
    if not isinstance(value, list) or len(value) != count:
        return False
    kinds = int if whole else (int, float)
    return all(
        isinstance(item, kinds) and not isinstance(item, bool) and math.isfinite(item)
        for item in value
    )
