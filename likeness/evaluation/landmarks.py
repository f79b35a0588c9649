"""How well landmarks are found: normalised mean error, its curve, regions and yaw.

Errors are fractions of a length of the true face: ``"eyes"`` is the distance of the outer eye
corners (points 36 and 45), ``"box"`` is sqrt(width * height) of the box around the true points. The
eye distance shrinks as the head turns, so over a range of yaw only ``"box"`` compares; every score
names its length. Drawing is :mod:`likeness.media.drawing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np

from likeness.evaluation.protocol import Direction, Score, Scores
from likeness.geometry.landmarks import OUTER_EYE_CORNERS, REGIONS_68

Length = Literal["eyes", "box"]

POINT_SETS: dict[str, tuple[int, ...]] = {
    "68": tuple(range(68)),
    "51": tuple(range(17, 68)),
    **REGIONS_68,
}
"""All points, all without the jaw, and the regions, by name."""
LIMIT = 0.08
"""The error from which a face counts as failed, and the end of the curve whose area is reported."""
YAW_EDGES = (0.0, 30.0, 60.0, 90.0)
_UNITS: dict[Length, str] = {"eyes": "% of eye distance", "box": "% of box size"}


def face_length(truth: np.ndarray, length: Length) -> np.ndarray:
    """The length errors are divided by, (N,), of true points (N, 68, 2) (any count for "box")."""
    if length == "eyes":
        if truth.shape[1] != 68:
            raise ValueError(f"the eye distance needs 68 points, found {truth.shape[1]}")
        right, left = OUTER_EYE_CORNERS
        return np.linalg.norm(truth[:, right] - truth[:, left], axis=-1)
    extent = truth.max(axis=1) - truth.min(axis=1)
    return np.sqrt(extent[:, 0] * extent[:, 1])


def landmark_errors(
    predicted: np.ndarray,
    truth: np.ndarray,
    *,
    length: Length = "eyes",
    points: Sequence[int] | None = None,
) -> np.ndarray:
    """Mean point error of each face as a fraction of its length: (N,).

    Args:
        predicted, truth: (N, P, 2) in the same pixels.
        points: which points count; None for all. The length always comes from all true points.

    Raises:
        ValueError: shapes differ, a value is not finite, or a true face has no extent.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if predicted.shape != truth.shape or truth.ndim != 3 or truth.shape[2] != 2:
        raise ValueError(f"expected two (N, P, 2) arrays, found {predicted.shape}, {truth.shape}")
    if not (np.isfinite(predicted).all() and np.isfinite(truth).all()):
        raise ValueError("landmarks must be finite; count faces that were not found on their own")
    scale = face_length(truth, length)
    if (scale <= 0).any():
        raise ValueError(f"true face {int(np.argmin(scale))} has no extent")
    distances = np.linalg.norm(predicted - truth, axis=-1)
    chosen = distances if points is None else distances[:, list(points)]
    return chosen.mean(axis=1) / scale


def area_under_curve(errors: np.ndarray, limit: float = LIMIT) -> float:
    """Area under the cumulative error curve up to ``limit``, as a share of the full area, [0, 1].

    The curve is a staircase, so its area is exact: a face of error e adds ``1 - e / limit``.
    """
    return float(np.clip(1.0 - np.asarray(errors) / limit, 0.0, 1.0).mean())


def failure_rate(errors: np.ndarray, limit: float = LIMIT) -> float:
    """Share of faces with an error above ``limit``."""
    return float((np.asarray(errors) > limit).mean())


def cumulative_curve(
    errors: np.ndarray, *, limit: float = LIMIT, num_steps: int = 161
) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds from 0 to ``limit`` and the share of faces at or below each."""
    thresholds = np.linspace(0.0, limit, num_steps)
    ordered = np.sort(np.asarray(errors))
    return thresholds, np.searchsorted(ordered, thresholds, side="right") / len(ordered)


def yaw_bins(yaw: np.ndarray, edges: Sequence[float] = YAW_EDGES) -> list[tuple[str, np.ndarray]]:
    """Faces by absolute yaw: a name such as "30-60" and a mask (N,) for each bin, all bins.

    Args:
        yaw: (N,) degrees. The last bin includes its upper edge.
    """
    size = np.abs(np.asarray(yaw, np.float64))
    bins = []
    for low, high in pairwise(edges):
        below = size <= high if high == edges[-1] else size < high
        bins.append((f"{low:g}-{high:g}", (size >= low) & below))
    return bins


def landmark_scores(
    predicted: np.ndarray,
    truth: np.ndarray,
    *,
    baseline: np.ndarray | None = None,
    baseline_name: str = "mean face",
    yaw: np.ndarray | None = None,
    point_sets: Mapping[str, Sequence[int]] = POINT_SETS,
    known: np.ndarray | None = None,
    num_missed: int = 0,
    limit: float = LIMIT,
) -> Scores:
    """The full set of landmark scores of 68-point predictions.

    For both lengths: the mean error in percent of every point set, the area under the curve and the
    failure rate of all points; with ``yaw`` also the mean error by box size in bins with faces.
    Regions come last.

    Args:
        predicted, truth: (N, 68, 2) pixels.
        baseline: (N, 68, 2) what a method that knows nothing predicts; scored beside.
        yaw: (N,) degrees.
        num_missed: faces that were not found and so are not among ``predicted``. Their error has no
            size: they are in no mean, but each is a failure, and adds nothing to the area under the
            curve; the baseline misses them too.
        known: (68,) which points the truth has, if not all. The others count nowhere, not in the
            curve and not in the size of the box; a set with one of them is left out.
    """
    counted: list[int] | None = None
    if known is not None and not known.all():
        counted = np.flatnonzero(known).tolist()
        point_sets = {name: ids for name, ids in point_sets.items() if known[list(ids)].all()}
        # At the middle of the others they change no box.
        truth = np.where(known[:, None], truth, truth[:, known].mean(axis=1, keepdims=True))
    rows: list[Score] = []

    def add(
        name: str,
        measure: Callable[[np.ndarray], float],
        length: Length,
        *,
        unit: str = "",
        direction: Direction = "lower",
        points: Sequence[int] | None = counted,
        faces: np.ndarray | None = None,
        missed: int = 0,
    ) -> None:
        count = (len(truth) if faces is None else int(faces.sum())) + missed
        if not count:
            return

        def value(guess: np.ndarray) -> float:
            errors = landmark_errors(guess, truth, length=length, points=points)
            errors = errors if faces is None else errors[faces]
            return measure(np.concatenate([errors, np.full(missed, np.inf)]))

        rows.append(
            Score(
                name=name,
                value=value(predicted),
                unit=unit,
                direction=direction,
                count=count,
                baseline=None if baseline is None else value(baseline),
                baseline_name="" if baseline is None else baseline_name,
            )
        )

    def add_sets(names: Sequence[str]) -> None:
        for length, unit in _UNITS.items():
            for name in names:
                add(f"nme_{name}_{length}", _percent, length, unit=unit, points=point_sets[name])

    regions = [name for name in point_sets if name in REGIONS_68]
    add_sets([name for name in point_sets if name not in regions])
    for length in _UNITS:
        area, failed = partial(area_under_curve, limit=limit), partial(failure_rate, limit=limit)
        add(f"auc_{length}", area, length, direction="higher", missed=num_missed)
        add(f"failure_{length}", failed, length, missed=num_missed)
    for name, faces in yaw_bins(yaw) if yaw is not None else ():
        if faces.any():
            add(f"nme_box_yaw_{name}", _percent, "box", unit=_UNITS["box"], faces=faces)
    add_sets(regions)
    return Scores(rows)


def _percent(errors: np.ndarray) -> float:
    return 100.0 * float(errors.mean())
