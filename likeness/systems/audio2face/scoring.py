"""The report of how well a model animates held-out shots, beside what anybody could have answered.

Owns which metrics are told, over which frames, and how baselines stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from likeness.evaluation.protocol import Direction, Score, Scores
from likeness.systems.audio2face import metrics
from likeness.systems.audio2face.artefacts import ActorArtefacts, Pairs
from likeness.systems.audio2face.metrics import Array, Mask


class Motion(Protocol):
    """What is compared: frames of one shot, recorded or predicted; centimetres and degrees."""

    @property
    def skin(self) -> Array:
        """(F, V, 3)."""
        ...

    @property
    def tongue(self) -> Array | None:
        """(F, Vt, 3)."""
        ...

    @property
    def jaw(self) -> Array | None:
        """(F, N, 3) differences from the neutral key points."""
        ...

    @property
    def eyes(self) -> Array | None:
        """(F, 2, 2) degrees."""
        ...


@dataclass(frozen=True, eq=False)
class FaceRegions:
    """Where to look on a face.

    Attributes:
        neutral: (V, 3).
        lips: vertices of the lips.
        upper: vertices of the upper face.
        lip_pairs: across the mouth; None: nothing is said of openings and closures.
        jaw_neutral: (N, 3).
    """

    neutral: Array
    lips: NDArray[np.int64]
    upper: NDArray[np.int64]
    lip_pairs: Pairs | None = None
    jaw_neutral: Array | None = None

    @classmethod
    def of(cls, actor: ActorArtefacts, lips: Sequence[int] | None = None) -> FaceRegions:
        """Of a preprocessed actor; ``lips`` replaces the vertices around the listed ones."""
        neutral = np.asarray(actor.skin.mean)
        found = metrics.lip_vertices(neutral, actor.lip_distance, actor.lip_size)
        if lips is not None:
            found = np.asarray(lips, np.int64)
        upper = metrics.upper_face_vertices(neutral, actor.eye_distance)
        return cls(neutral, found, upper, actor.lip_distance, actor.jaw_neutral)


@dataclass(frozen=True)
class _Measured:
    name: str
    value: float
    unit: str
    direction: Direction
    count: int


def score_shots(
    predicted: Mapping[str, Motion],
    truth: Mapping[str, Motion],
    *,
    face: FaceRegions,
    spoken: Mapping[str, Mask],
    fps: float,
    baselines: Mapping[str, Mapping[str, Motion]] | None = None,
) -> Scores:
    """Scores of predicted shots, means weighted by frames.

    The first baseline stands beside every score; for the others there is a ratio of errors of the
    lips, ``lip_vertex_error_over_<baseline>``. A shot is compared over the frames both have.

    Args:
        predicted, truth: shot name to its frames; the same names.
        spoken: shot name to (F,) of :func:`.metrics.spoken_frames`.
        fps: frames per second.
        baselines: name to predictions of the same shots.

    Raises:
        ValueError: names or topologies differ, or there is no shot.
    """
    if not truth or set(predicted) != set(truth):
        raise ValueError(
            f"expected predictions of the shots {sorted(truth)}, found {sorted(predicted)}"
        )
    ours = _measured(predicted, truth, face, spoken, fps)
    others = {
        name: {row.name: row for row in _measured(motions, truth, face, spoken, fps)}
        for name, motions in (baselines or {}).items()
    }
    first = next(iter(others), "")
    rows = []
    for row in ours:
        beside = others[first].get(row.name) if first else None
        rows.append(
            Score(
                row.name, row.value, row.unit, row.direction, row.count,
                baseline=None if beside is None else beside.value,
                baseline_name=first if beside is not None else "",
            )
        )  # fmt: skip
    values = {row.name: row for row in ours}
    for name, measured in others.items():
        error, other = values.get("lip_vertex_error"), measured.get("lip_vertex_error")
        if error is not None and other is not None and other.value > 0:
            ratio = error.value / other.value
            slug = f"lip_vertex_error_over_{name.replace(' ', '_')}"
            rows.append(Score(slug, ratio, "ratio", "lower", error.count, 1.0, name))
    return Scores(rows)


def _measured(
    predicted: Mapping[str, Motion],
    truth: Mapping[str, Motion],
    face: FaceRegions,
    spoken: Mapping[str, Mask],
    fps: float,
) -> list[_Measured]:
    """Everything that can be measured; what is not a number is left out."""
    pairs = [_Pair.of(predicted[name], truth[name], spoken[name]) for name in truth]
    frames = sum(pair.count for pair in pairs)

    def mean(name: str, unit: str, values: Sequence[tuple[float, int]]) -> Iterator[_Measured]:
        known = [(value, weight) for value, weight in values if not isnan(value) and weight]
        total = sum(weight for _, weight in known)
        if total:
            value = sum(value * weight for value, weight in known) / total
            yield _Measured(name, value, unit, "lower", total)

    found: list[_Measured] = []
    if len(face.lips):
        squared = [(metrics.lip_vertex_error(p.skin, p.true, face.lips), p.count) for p in pairs]
        plain = [(metrics.lip_vertex_error_mm(p.skin, p.true, face.lips), p.count) for p in pairs]
        found += mean("lip_vertex_error", "cm²", squared)
        found += mean("lip_vertex_error_mm", "mm", plain)
    errors = [(metrics.mean_vertex_error(p.skin, p.true), p.count) for p in pairs]
    found += mean("mean_vertex_error", "mm", errors)
    for channel, unit in (("skin", "cm"), ("tongue", "cm"), ("jaw", "cm"), ("eyes", "degrees")):
        both = [(p.channel(channel), p.count) for p in pairs]
        values = [(metrics.mean_absolute_error(*two), n) for two, n in both if two is not None]
        found += mean(f"mae_{channel}", unit, values)
    found += _closure_scores(pairs, face)
    if len(face.upper):
        deviation = metrics.upper_face_dynamics_deviation(
            [p.skin for p in pairs], [p.true for p in pairs], face.neutral, face.upper
        )
        found.append(_Measured("upper_face_dynamics", abs(deviation), "mm", "lower", frames))
    found += mean("jitter", "mm/frame³", [(metrics.jitter(p.skin), p.count) for p in pairs])
    quiet = [metrics.silent_frames(p.spoken, fps) for p in pairs]
    energies = [
        (metrics.motion_energy(p.skin, q), int(q.sum())) for p, q in zip(pairs, quiet, strict=True)
    ]
    found += mean("silence_motion", "mm²", energies)
    if face.jaw_neutral is not None and np.ptp(face.jaw_neutral, axis=0).any():
        jaws = [(p.channel("jaw"), p.count) for p in pairs]
        found += mean(
            "jaw_angle_error",
            "degrees",
            [(metrics.jaw_angle_error(*two, face.jaw_neutral), n) for two, n in jaws if two],
        )
    eyes = [(p.channel("eyes"), p.count) for p in pairs]
    found += mean(
        "eye_angle_error", "degrees", [(metrics.eye_angle_error(*two), n) for two, n in eyes if two]
    )
    return [row for row in found if isfinite(row.value)]


def _closure_scores(pairs: Sequence[_Pair], face: FaceRegions) -> Iterator[_Measured]:
    lips = face.lip_pairs
    if lips is None:
        return
    openings = [
        (
            metrics.lip_opening(p.skin, face.neutral, lips),
            metrics.lip_opening(p.true, face.neutral, lips),
        )
        for p in pairs
    ]
    wide = metrics.opening_range([true for _, true in openings])
    counts = np.sum(
        [
            metrics.closure_counts(
                metrics.closures(ours, wide), metrics.closures(true, wide), pair.spoken
            )
            for pair, (ours, true) in zip(pairs, openings, strict=True)
        ],
        axis=0,
    )
    spoken = int(sum(pair.spoken.sum() for pair in pairs))
    yield _Measured("lip_closure_f1", metrics.closure_f1(counts), "share", "higher", spoken)
    yield _Measured(
        "lip_closure_balanced_accuracy",
        metrics.closure_balanced_accuracy(counts),
        "share",
        "higher",
        spoken,
    )
    lag = metrics.lag_frames([ours for ours, _ in openings], [true for _, true in openings])
    frames = sum(pair.count for pair in pairs)
    yield _Measured("lip_lag", abs(lag), "frames", "lower", frames)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Prediction and truth of a shot, equally long."""

    predicted: Motion
    truth: Motion
    spoken: Mask
    count: int

    @classmethod
    def of(cls, predicted: Motion, truth: Motion, spoken: Mask) -> _Pair:
        if predicted.skin.shape[1:] != truth.skin.shape[1:]:
            raise ValueError(
                f"a face of {truth.skin.shape[1]} vertices was predicted with "
                f"{predicted.skin.shape[1]}"
            )
        count = min(len(predicted.skin), len(truth.skin))
        return cls(predicted, truth, spoken[:count], count)

    @property
    def skin(self) -> Array:
        return self.predicted.skin[: self.count]

    @property
    def true(self) -> Array:
        return self.truth.skin[: self.count]

    def channel(self, name: str) -> tuple[Array, Array] | None:
        """Both sides of a channel, None where one has none."""
        ours, true = getattr(self.predicted, name), getattr(self.truth, name)
        if ours is None or true is None:
            return None
        return ours[: self.count], true[: self.count]
