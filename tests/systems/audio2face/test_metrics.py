from __future__ import annotations

import numpy as np
import pytest

from likeness.systems.audio2face import metrics
from likeness.systems.audio2face.artefacts import LipSize, Pairs


def _shots(seed: int = 0, frames: int = 12, vertices: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, frames, vertices, 3))


def _pairs(upper: list[int], lower: list[int]) -> Pairs:
    return Pairs(np.array(upper), np.array(lower))


def test_lip_vertex_error_is_the_worst_lip_vertex_of_each_frame() -> None:
    ours, true = _shots()
    lips = np.array([1, 4, 7])
    worst = [
        max(sum((ours[f, v, k] - true[f, v, k]) ** 2 for k in range(3)) for v in lips)
        for f in range(12)
    ]
    assert metrics.lip_vertex_error(ours, true, lips) == pytest.approx(np.mean(worst))
    millimetres = 10 * np.mean(np.sqrt(worst))
    assert metrics.lip_vertex_error_mm(ours, true, lips) == pytest.approx(millimetres)
    assert metrics.lip_vertex_error(true, true, lips) == 0.0


def test_mean_errors_are_loops() -> None:
    ours, true = _shots(1)
    lengths = [np.linalg.norm(ours[f, v] - true[f, v]) for f in range(12) for v in range(9)]
    assert metrics.mean_vertex_error(ours, true) == pytest.approx(10 * np.mean(lengths))
    assert metrics.mean_absolute_error(ours, true) == pytest.approx(np.mean(abs(ours - true)))


def test_lips_are_the_listed_vertices_and_what_is_near() -> None:
    neutral = np.zeros((6, 3))
    neutral[:, 0] = [0.0, 0.4, 1.0, 3.0, 3.6, 9.0]
    found = metrics.lip_vertices(neutral, _pairs([0], [3]), radius=0.5)
    assert found.tolist() == [0, 1, 3]
    size = LipSize(_pairs([5], [5]), _pairs([0], [0]))
    assert metrics.lip_vertices(neutral, None, size, radius=0.7).tolist() == [0, 1, 5]
    assert metrics.lip_vertices(neutral, None).tolist() == []


def test_the_upper_face_begins_at_the_lower_lids() -> None:
    neutral = np.array([[3, 5, 8], [-3, 5, 8], [0, 9, 9], [0, 4, 9], [0, 9, -5]], float)
    lids = _pairs([2, 2], [0, 1])
    assert metrics.upper_face_vertices(neutral, lids).tolist() == [2]
    assert metrics.upper_face_vertices(neutral, None).tolist() == [2, 4]


def test_openings_count_from_rest() -> None:
    neutral = np.zeros((4, 3))
    neutral[:2, 1] = 0.3
    skin = np.tile(neutral, (3, 1, 1))
    skin[1, 2, 1] -= 1.0
    skin[2, 3, 1] -= 2.0
    opening = metrics.lip_opening(skin, neutral, _pairs([0, 1], [2, 3]))
    assert opening == pytest.approx([0.0, 0.5, 1.0])
    assert metrics.closures(np.array([0.0, 0.19, 0.21, -1.0]), 2.0).tolist() == [
        True,
        True,
        False,
        True,
    ]


def test_levels_and_spoken_frames() -> None:
    rate, fps = 16000, 25.0
    sound = np.zeros(rate * 2)
    sound[6400:9600] = 0.5  # frames 10..14
    sound[11200:12800] = 0.1  # frames 17.5..20
    levels = metrics.frame_levels(sound, rate, 50, fps)
    assert levels[12] == pytest.approx(20 * np.log10(0.5))
    assert levels[30] == pytest.approx(-120.0)
    spoken = metrics.spoken_frames(sound, rate, 50, fps)
    assert np.flatnonzero(spoken).tolist() == list(range(10, 20))  # the pause between counts
    quiet = metrics.silent_frames(spoken, fps)
    assert np.flatnonzero(~quiet).tolist() == list(range(5, 25))
    assert not metrics.spoken_frames(np.zeros(100), rate, 4, fps).any()


def test_frames_beyond_the_sound_are_silent() -> None:
    levels = metrics.frame_levels(np.ones(640), 16000, 4, 25.0)
    assert levels == pytest.approx([0.0, -120.0, -120.0, -120.0])


def _counts_by_loops(ours: list[bool], true: list[bool], spoken: list[bool]) -> list[int]:
    def near(mask: list[bool], f: int) -> bool:
        return any(0 <= g < len(mask) and mask[g] for g in (f - 1, f, f + 1))

    frames = [f for f in range(len(true)) if spoken[f]]
    return [
        sum(true[f] and near(ours, f) for f in frames),
        sum(true[f] for f in frames),
        sum(ours[f] and near(true, f) for f in frames),
        sum(ours[f] for f in frames),
        sum(not near(true, f) and not ours[f] for f in frames),
        sum(not near(true, f) for f in frames),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_closures_are_counted_as_by_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, true, spoken = (rng.random(60) < share for share in (0.3, 0.2, 0.8))
    counts = metrics.closure_counts(ours, true, spoken)
    assert counts.tolist() == _counts_by_loops(ours.tolist(), true.tolist(), spoken.tolist())


def test_a_mouth_that_never_opens_is_worth_a_coin() -> None:
    true = np.zeros(100, bool)
    true[::10] = True
    everything = np.ones(100, bool)
    shut = metrics.closure_counts(everything, true, everything)
    assert metrics.closure_balanced_accuracy(shut) == 0.5
    gaping = metrics.closure_counts(~everything, true, everything)
    assert metrics.closure_balanced_accuracy(gaping) == 0.5
    assert metrics.closure_f1(gaping) == 0.0
    right = metrics.closure_counts(true, true, everything)
    assert metrics.closure_balanced_accuracy(right) == 1.0
    assert metrics.closure_f1(right) == 1.0


def test_a_closure_may_be_a_frame_off_but_not_two() -> None:
    true = np.zeros(40, bool)
    true[[10, 20, 30]] = True
    spoken = np.ones(40, bool)
    one, two = (metrics.closure_counts(np.roll(true, shift), true, spoken) for shift in (1, 2))
    assert metrics.closure_f1(one) == 1.0
    assert metrics.closure_f1(two) == 0.0
    assert metrics.closure_balanced_accuracy(two) == pytest.approx(0.5 * 28 / 31)


def test_no_closure_in_truth_is_no_number() -> None:
    none, spoken = np.zeros(9, bool), np.ones(9, bool)
    counts = metrics.closure_counts(none, none, spoken)
    assert np.isnan(metrics.closure_f1(counts))
    assert np.isnan(metrics.closure_balanced_accuracy(counts))


@pytest.mark.parametrize("late", [-3.0, -0.5, 0.0, 1.0, 2.25])
def test_lag_is_found_to_a_part_of_a_frame(late: float) -> None:
    times = np.arange(400) / 30.0

    def curve(t: np.ndarray) -> np.ndarray:
        return np.sin(7 * t) + np.sin(11.3 * t + 1) + np.sin(17.1 * t)

    true = [curve(times[:200]), curve(times[200:])]
    ours = [curve(times[:200] - late / 30), curve(times[200:] - late / 30)]
    assert metrics.lag_frames(ours, true) == pytest.approx(late, abs=0.1)


def test_lag_of_what_does_not_move_is_no_number() -> None:
    assert np.isnan(metrics.lag_frames([np.ones(30)], [np.sin(np.arange(30))]))


def test_dynamics_of_the_upper_face() -> None:
    neutral = np.zeros((3, 3))
    swing = np.zeros((100, 3, 3))
    swing[:, :, 1] = 0.1 * (np.arange(100) % 2)[:, None]
    upper = np.array([0, 2])
    # Distances alternate between 0 and 1 mm: a standard deviation of half a millimetre.
    assert metrics.upper_face_dynamics([swing], neutral, upper) == pytest.approx([0.5, 0.5])
    still = metrics.upper_face_dynamics_deviation([0 * swing], [swing], neutral, upper)
    assert still == pytest.approx(0.5)
    wild = metrics.upper_face_dynamics_deviation([2 * swing], [swing], neutral, upper)
    assert wild == pytest.approx(-0.5)


def test_jitter_of_a_cubic_is_its_coefficient() -> None:
    t = np.arange(10.0)
    skin = np.zeros((10, 2, 3))
    skin[:, :, 0] = (0.01 * t**3 + t**2 - 4 * t)[:, None]
    assert metrics.jitter(skin) == pytest.approx(0.01 * 6 * 10)
    assert metrics.jitter(skin[:3]) == 0.0


def test_motion_energy_looks_at_chosen_frames() -> None:
    skin = np.zeros((5, 1, 3))
    skin[:, 0, 0] = [0.0, 0.1, 0.3, 9.0, 9.0]
    frames = np.array([True, True, True, False, True])
    assert metrics.motion_energy(skin, frames) == pytest.approx((1.0 + 4.0) / 2)
    assert np.isnan(metrics.motion_energy(skin, np.zeros(5, bool)))


def _turn(axis: int, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    out = np.eye(3)
    out[i, i] = out[j, j] = np.cos(angle)
    out[i, j], out[j, i] = -np.sin(angle), np.sin(angle)
    return out


def test_jaw_angles_are_those_of_the_rotations() -> None:
    rng = np.random.default_rng(3)
    neutral = rng.normal(size=(5, 3))
    shift = np.array([0.3, -1.0, 2.0])
    turns = [_turn(0, 10.0), _turn(0, 4.0) @ _turn(1, 3.0), np.eye(3)]
    true = np.stack([neutral @ turn.T + shift - neutral for turn in turns])
    assert metrics.jaw_rotations(neutral + true, neutral) == pytest.approx(np.stack(turns))
    ours = np.stack([neutral @ (_turn(2, 2.0) @ turn).T - neutral for turn in turns])
    assert metrics.jaw_angle_error(ours, true, neutral) == pytest.approx(2.0)
    tiny = np.stack([neutral @ (_turn(2, 1e-5) @ turn).T - neutral for turn in turns])
    assert metrics.jaw_angle_error(tiny, true, neutral) == pytest.approx(1e-5, rel=1e-3)


def test_eye_angles_lie_between_lines_of_sight() -> None:
    true = np.zeros((2, 2, 2))
    ours = true.copy()
    ours[0, 0] = (5.0, 0.0)
    ours[1, 1] = (0.0, -3.0)
    assert metrics.eye_angle_error(ours, true) == pytest.approx((5 + 3) / 4)
    assert metrics.eye_angle_error(ours, ours) == pytest.approx(0.0, abs=1e-9)


def test_blendshape_residual_is_what_is_left() -> None:
    rng = np.random.default_rng(4)
    neutral, offsets = rng.normal(size=(6, 3)), rng.normal(size=(2, 6, 3))
    weights = rng.random((5, 2))
    skin = neutral + np.einsum("fp,pvk->fvk", weights, offsets)
    assert metrics.blendshape_residual(skin, neutral, offsets, weights) == pytest.approx(
        0.0, abs=1e-9
    )
    assert metrics.blendshape_residual(
        skin + np.array([0.0, 0.3, 0.4]), neutral, offsets, weights
    ) == pytest.approx(5.0)


def test_separability_is_the_mean_over_pairs_of_emotions() -> None:
    base = np.zeros((4, 3, 3))
    moves = {"neutral": (0, 0, 0), "joy": (0.1, 0, 0), "anger": (0, 0.2, 0)}
    poses = {emotion: base + np.array(move) for emotion, move in moves.items()}
    expected = np.mean([1.0, 2.0, np.sqrt(5.0)])
    assert metrics.emotion_separability(poses) == pytest.approx(expected)
