"""How far an animated face is from a recorded one: plain functions of arrays.

Skin is (F, V, 3) in centimetres, y up and z forward; jaw (F, N, 3) differences of key points;
eyes (F, 2, 2) degrees, right and left, pitch and yaw. Both arrays of a pair have equal shapes.
Errors of places are told in millimetres. Which of them make a report is :mod:`.scoring`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from likeness.systems.audio2face.artefacts import LipSize, Pairs

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]

MM = 10.0
"""Millimetres in a centimetre."""
CLOSED = 0.1
"""Share of the largest opening below which a mouth counts as closed."""
_LOUD = 35.0  # dB below the loudest frame that still counts as speech
_PAUSE = 0.3  # seconds; shorter silences belong to the speech around: closures of stops
_QUIET = 0.2  # seconds around speech in which a face still moves
_LIP_RADIUS = 0.5
_UPPER_SHARE = 0.6  # of the height, for heads without lids


def lip_vertices(
    neutral: Array,
    lip_distance: Pairs | None,
    lip_size: LipSize | None = None,
    *,
    radius: float = _LIP_RADIUS,
) -> NDArray[np.int64]:
    """The listed vertices of the lips and all within ``radius`` centimetres of one; sorted.

    Args:
        neutral: (V, 3).
    """
    pairs = [] if lip_distance is None else [lip_distance]
    pairs += [] if lip_size is None else [lip_size.upper_lip, lip_size.lower_lip]
    listed = np.unique(np.concatenate([np.zeros(0, np.int64), *(_both(pair) for pair in pairs)]))
    near = np.zeros(len(neutral), bool)
    for vertex in listed:
        near |= np.linalg.norm(neutral - neutral[vertex], axis=1) <= radius
    return np.flatnonzero(near)


def _both(pair: Pairs) -> NDArray[np.int64]:
    return np.concatenate([pair.upper, pair.lower]).astype(np.int64)


def upper_face_vertices(neutral: Array, eye_distance: Pairs | None) -> NDArray[np.int64]:
    """Vertices above the lower lids and in front; of the upper 40 % where no lids are known."""
    if eye_distance is None:
        low, high = neutral[:, 1].min(), neutral[:, 1].max()
        return np.flatnonzero(neutral[:, 1] > low + _UPPER_SHARE * (high - low))
    lids = neutral[eye_distance.lower[:2]]
    depth = float(np.linalg.norm(lids[1] - lids[0]))
    front = neutral[:, 2] > lids[:, 2].mean() - depth
    return np.flatnonzero(front & (neutral[:, 1] > lids[:, 1].min()))


def lip_vertex_error(predicted: Array, truth: Array, lips: NDArray[np.integer]) -> float:
    """Mean over frames of the largest squared distance of a lip vertex, square centimetres.

    Richard et al., "MeshTalk", 2021.
    """
    return float((_lip_distances(predicted, truth, lips) ** 2).mean())


def lip_vertex_error_mm(predicted: Array, truth: Array, lips: NDArray[np.integer]) -> float:
    """Mean over frames of the largest distance of a lip vertex, millimetres."""
    return MM * float(_lip_distances(predicted, truth, lips).mean())


def _lip_distances(predicted: Array, truth: Array, lips: NDArray[np.integer]) -> Array:
    return np.linalg.norm(predicted[:, lips] - truth[:, lips], axis=2).max(axis=1)


def mean_vertex_error(predicted: Array, truth: Array) -> float:
    """Mean distance over frames and vertices, millimetres."""
    return MM * float(np.linalg.norm(predicted - truth, axis=2).mean())


def mean_absolute_error(predicted: Array, truth: Array) -> float:
    """Mean over everything, in the unit of the arrays."""
    return float(np.abs(np.asarray(predicted, np.float64) - truth).mean())


def lip_opening(skin: Array, neutral: Array, pairs: Pairs) -> Array:
    """(F,) how much higher the upper lip is over the lower than at rest, mean of the pairs, cm."""
    rest = neutral[pairs.upper, 1] - neutral[pairs.lower, 1]
    return np.asarray((skin[:, pairs.upper, 1] - skin[:, pairs.lower, 1] - rest).mean(axis=1))


def spoken_frames(sound: Array, rate: int, num_frames: int, fps: float) -> Mask:
    """(F,) whether speech sounds in or around a frame.

    A frame is loud within 35 dB of the loudest one; silences below 0.3 s between loud frames count
    as spoken, since lips are shut in them.

    Args:
        sound: (samples,) mono.
    """
    loud = frame_levels(sound, rate, num_frames, fps)
    loud_frames = np.flatnonzero(loud > max(loud.max(initial=-120.0) - _LOUD, -60.0))
    mask = np.zeros(num_frames, bool)
    mask[loud_frames] = True
    for first, last in pairwise(loud_frames):
        if last - first <= _PAUSE * fps:
            mask[first:last] = True
    return mask


def silent_frames(spoken: Mask, fps: float) -> Mask:
    """(F,) frames farther than 0.2 s from every spoken one."""
    return ~within(spoken, round(_QUIET * fps))


def frame_levels(sound: Array, rate: int, num_frames: int, fps: float) -> Array:
    """(F,) root mean square of the sound of each frame in dB below full scale; -120 for none."""
    edges = np.round(np.arange(num_frames + 1) * rate / fps).astype(np.int64)
    energy = np.concatenate([[0.0], np.cumsum(np.asarray(sound, np.float64) ** 2)])
    edges = np.minimum(edges, len(sound))
    count = np.maximum(np.diff(edges), 1)
    power = np.diff(energy[edges]) / count
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-12)))


def within(mask: Mask, reach: int) -> Mask:
    """(F,) frames at most ``reach`` away from one in ``mask``."""
    out = mask.copy()
    for step in range(1, min(reach, len(mask)) + 1):
        out[step:] |= mask[:-step]
        out[:-step] |= mask[step:]
    return out


def opening_range(openings: Sequence[Array]) -> float:
    """The 99th percentile of true openings over all shots, cm: what "wide open" is."""
    return float(np.percentile(np.concatenate([np.asarray(o) for o in openings]), 99.0))


def closures(opening: Array, wide: float) -> Mask:
    """(F,) frames with closed lips: opened by less than a tenth of ``wide``."""
    return np.asarray(opening < CLOSED * wide)


def closure_counts(
    predicted: Mask, truth: Mask, spoken: Mask, *, tolerance: int = 1
) -> NDArray[np.int64]:
    """Counts (6,) over spoken frames: closed and found, closed; predicted closed and right,
    predicted closed; open and not closed, open. Add those of several shots.

    A closed frame is found by a predicted closure within ``tolerance`` frames; a predicted closure
    is right within as many of a true one. Frames that near to a true closure do not count as open:
    lips are on their way there.
    """
    near = within(truth, tolerance)
    found = within(predicted, tolerance) & truth & spoken
    right, is_open = near & predicted & spoken, ~near & spoken
    numbers = (found, truth & spoken, right, predicted & spoken, is_open & ~predicted, is_open)
    return np.array([int(mask.sum()) for mask in numbers])


def closure_f1(counts: NDArray[np.integer]) -> float:
    """Harmonic mean of precision and recall of :func:`closure_counts`; NaN without closures."""
    found, closed, right, asserted = (int(n) for n in counts[:4])
    if closed == 0:
        return float("nan")
    recall, precision = found / closed, right / asserted if asserted else 0.0
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def closure_balanced_accuracy(counts: NDArray[np.integer]) -> float:
    """Mean of the shares of closed frames found and of open frames left open; NaN without either.

    A mouth that never opens, or never closes, has 0.5.
    """
    found, closed, _, _, kept, is_open = (int(n) for n in counts)
    if closed == 0 or is_open == 0:
        return float("nan")
    return 0.5 * (found / closed + kept / is_open)


def lag_frames(predicted: Sequence[Array], truth: Sequence[Array], *, longest: int = 15) -> float:
    """Frames by which predictions come late, pooled over shots; negative where they come early.

    The peak of the sum of their cross-correlations without means, placed between frames by a
    parabola. NaN where nothing moves.

    Args:
        predicted, truth: curves (F,), shot by shot.
        longest: lags looked at.
    """
    total = np.zeros(2 * longest + 1)
    for one, other in zip(predicted, truth, strict=True):
        a, b = (np.asarray(curve, np.float64) - np.mean(curve) for curve in (one, other))
        for place, lag in enumerate(range(-longest, longest + 1)):
            if abs(lag) < len(a):
                late, early = (a[lag:], b[: len(b) - lag]) if lag >= 0 else (a[:lag], b[-lag:])
                total[place] += float(late @ early)
    if not total.max() > 0:
        return float("nan")
    peak = int(total.argmax())
    if peak in (0, 2 * longest):
        return float(peak - longest)
    left, middle, right = total[peak - 1 : peak + 2]
    return float(peak - longest + 0.5 * (left - right) / (left - 2 * middle + right))


def upper_face_dynamics(skin: Sequence[Array], neutral: Array, upper: NDArray[np.integer]) -> Array:
    """(U,) standard deviation over all frames of each vertex's distance from rest, millimetres."""
    away = [np.linalg.norm(s[:, upper] - neutral[upper], axis=2) for s in skin]
    return MM * np.asarray(np.concatenate(away).std(axis=0))


def upper_face_dynamics_deviation(
    predicted: Sequence[Array],
    truth: Sequence[Array],
    neutral: Array,
    upper: NDArray[np.integer],
) -> float:
    """How much more the upper face moved in truth, mean over its vertices, millimetres; signed.

    Xing et al., "CodeTalker", 2023, with distances that are not squared.
    """
    moved = upper_face_dynamics(truth, neutral, upper)
    return float((moved - upper_face_dynamics(predicted, neutral, upper)).mean())


def jitter(skin: Array) -> float:
    """Mean length of the third difference over frames, millimetres per frame³; 0 below 4 frames."""
    if len(skin) < 4:
        return 0.0
    return MM * float(np.linalg.norm(np.diff(skin, n=3, axis=0), axis=2).mean())


def motion_energy(skin: Array, frames: Mask) -> float:
    """Mean squared step of a vertex between two frames that are both in ``frames``, mm².

    NaN where there are none.
    """
    steps = frames[1:] & frames[:-1]
    if not steps.any():
        return float("nan")
    moved = MM * np.diff(skin, axis=0)[steps]
    return float((moved**2).sum(axis=2).mean())


def jaw_angle_error(predicted: Array, truth: Array, neutral: Array) -> float:
    """Mean angle in degrees between the rotations of two jaws, from their key points.

    Args:
        predicted, truth: (F, N, 3) differences from ``neutral``.
        neutral: (N, 3), not on one line.
    """
    one, other = (jaw_rotations(neutral + jaw, neutral) for jaw in (predicted, truth))
    return float(np.degrees(rotation_angles(one @ np.swapaxes(other, 1, 2))).mean())


def jaw_rotations(points: Array, neutral: Array) -> Array:
    """Rotations (F, 3, 3) that take ``neutral`` (N, 3) nearest to ``points`` (F, N, 3).

    Kabsch, "A solution for the best rotation to relate two sets of vectors", 1976.
    """
    centred = np.asarray(points, np.float64) - np.mean(points, axis=1, keepdims=True)
    rest = np.asarray(neutral, np.float64) - np.mean(neutral, axis=0)
    u, _, vt = np.linalg.svd(np.einsum("nd,fne->fde", rest, centred))
    signs = np.ones((len(centred), 3))
    signs[:, 2] = np.sign(np.linalg.det(u @ vt))
    return np.asarray(np.swapaxes(vt, 1, 2) @ (signs[:, :, None] * np.swapaxes(u, 1, 2)))


def rotation_angles(rotations: Array) -> Array:
    """(F,) radians of rotations (F, 3, 3); exact also for small ones."""
    sines = np.stack(
        [rotations[:, i, j] - rotations[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))], axis=1
    )
    return np.arctan2(np.linalg.norm(sines, axis=1), np.trace(rotations, axis1=1, axis2=2) - 1.0)


def eye_angle_error(predicted: Array, truth: Array) -> float:
    """Mean angle in degrees between lines of sight of (F, 2, 2) pitch and yaw."""
    dots = (_sight(predicted) * _sight(truth)).sum(axis=-1)
    crosses = np.linalg.norm(np.cross(_sight(predicted), _sight(truth)), axis=-1)
    return float(np.degrees(np.arctan2(crosses, dots)).mean())


def _sight(eyes: Array) -> Array:
    pitch, yaw = np.radians(np.moveaxis(np.asarray(eyes, np.float64), -1, 0))
    return np.stack(
        [np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=-1
    )


def blendshape_residual(skin: Array, neutral: Array, offsets: Array, weights: Array) -> float:
    """Root mean square over frames and vertices of what blend shapes leave, millimetres.

    Args:
        offsets: (P, V, 3).
        weights: (F, P).
    """
    left = skin - neutral - np.tensordot(weights, offsets, axes=1)
    return MM * float(np.sqrt((left**2).sum(axis=2).mean()))


def emotion_separability(poses: Mapping[str, Array]) -> float:
    """Mean distance of vertices between each two emotions on the same sound, millimetres.

    Args:
        poses: emotion to (F, V, 3); at least two.
    """
    pairs = list(combinations(poses, 2))
    return float(np.mean([mean_vertex_error(poses[one], poses[other]) for one, other in pairs]))
