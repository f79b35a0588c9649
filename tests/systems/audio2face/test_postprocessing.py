"""Post-processing against plain formulas and the golden numbers; streaming equals whole takes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.systems.audio2face.frame_timing import (
    EmotionTrack,
    num_frames_of,
    window_centre,
)
from likeness.systems.audio2face.postprocessing import (
    FaceMotion,
    FaceState,
    SkinMotion,
    blink_offsets,
    expand,
    face_mask,
    jaw_transform,
    move_eyes,
    move_jaw,
    move_tongue,
    saccade_row,
    smoothing_share,
)
from likeness.systems.audio2face.postprocessing_settings import (
    DIFFUSION_DEFAULTS,
    REGRESSION_DEFAULTS,
    PostprocessingSettings,
    setting_range,
)
from tests.systems.audio2face.package.packages import VT, K, V, random_actor

SMOOTH = REGRESSION_DEFAULTS.replace(upper_face_smoothing=0.05, lower_face_smoothing=0.02)


def test_golden_numbers_of_smoothing_and_mask() -> None:
    assert smoothing_share(1 / 60, 0.0023) == pytest.approx(0.993414, abs=1e-6)
    assert smoothing_share(1 / 30, 0.1) == pytest.approx(0.206299, abs=1e-6)
    assert smoothing_share(1 / 30, 0.0) == 1.0
    heights = np.array([[0, 0, 0], [0, 0.61, 0], [0, 1, 0]])
    assert face_mask(heights, 0.6, 0.0085)[1] == pytest.approx(0.235687, abs=1e-6)
    with pytest.raises(DataError, match="different heights"):
        face_mask(np.zeros((4, 3)), 0.6, 0.1)


def test_skin_is_the_formula_written_out() -> None:
    actor = random_actor()
    rng = np.random.default_rng(1)
    deltas = rng.normal(0, 1, (7, V, 3)).astype(np.float32)
    blinks = np.linspace(0, 1, 7)
    s = SMOOTH
    y = actor.neutral_skin[:, 1].astype(float)
    out = SkinMotion(actor, s, 60.0).run(deltas, blinks)
    memory: dict[tuple[str, int, int], float] = {}
    for frame in range(7):
        for v in range(V):
            relative = (y[v] - y.min()) / (y.max() - y.min())
            mask = 1 / (1 + math.exp(-(s.face_mask_level - relative) / s.face_mask_softness))
            for axis in range(3):
                p = s.skin_strength * deltas[frame, v, axis]
                p += actor.eye_close_delta[v, axis] * (
                    -s.eyelid_open_offset + blinks[frame] * s.blink_strength
                )
                p += actor.lip_open_delta[v, axis] * s.lip_open_offset
                parts = {}
                for name, half in (("u", s.upper_face_smoothing), ("l", s.lower_face_smoothing)):
                    alpha = 1 - 0.5 ** ((1 / 60) / half)
                    first = memory.get((name + "1", v, axis), p)
                    second = memory.get((name + "2", v, axis), p)
                    first += (p - first) * alpha
                    second += (first - second) * alpha
                    memory[name + "1", v, axis], memory[name + "2", v, axis] = first, second
                    parts[name] = second
                expected = (
                    actor.neutral_skin[v, axis]
                    + parts["u"] * s.upper_face_strength * (1 - mask)
                    + parts["l"] * s.lower_face_strength * mask
                )
                assert out[frame, v, axis] == pytest.approx(expected, abs=2e-5)


def test_without_smoothing_the_pose_passes() -> None:
    actor = random_actor()
    still = PostprocessingSettings(
        **{key: 0.0 for key in PostprocessingSettings.model_fields if key.endswith("_offset")},
        upper_face_smoothing=0, lower_face_smoothing=0, lower_face_strength=1, skin_strength=1,
    )  # fmt: skip
    deltas = np.random.default_rng(0).normal(0, 1, (3, V, 3)).astype(np.float32)
    out = SkinMotion(actor, still, 30.0).run(deltas)
    np.testing.assert_allclose(out, actor.neutral_skin + deltas, atol=2e-6)


def test_a_stream_equals_the_whole_take() -> None:
    actor = random_actor()
    rng = np.random.default_rng(2)
    skin, tongue = rng.normal(0, 1, (9, V, 3)), rng.normal(0, 1, (9, VT, 3))
    jaw, eyes = rng.normal(0, 0.2, (9, 5, 3)), rng.normal(0, 3, (9, 2, 2))
    blinks = blink_offsets(actor.blink_keys, [0.05], 9, 50.0)
    motion = FaceMotion(actor, SMOOTH, 50.0)
    whole = list(motion.run(skin, tongue, jaw, eyes, blinks))
    skin_alone = SkinMotion(actor, SMOOTH, 50.0).run(skin.astype(np.float32), blinks)
    tongue_alone = move_tongue(actor.neutral_tongue, tongue, SMOOTH)
    eyes_alone = move_eyes(eyes, actor.saccades, SMOOTH, 50.0)
    state = FaceState()
    for frame in range(9):
        state, posed = motion.step(
            state, skin[frame], tongue[frame], jaw[frame], eyes[frame], float(blinks[frame])
        )
        for name in ("skin", "tongue", "jaw", "jaw_transform", "eyes"):
            np.testing.assert_array_equal(getattr(posed, name), getattr(whole[frame], name))
        np.testing.assert_array_equal(posed.skin, skin_alone[frame])
        np.testing.assert_array_equal(posed.tongue, tongue_alone[frame])
        np.testing.assert_array_equal(posed.eyes, eyes_alone[frame])
    # An earlier state is still what it was: states are values.
    again, _ = motion.step(FaceState(), skin[0], tongue[0], jaw[0], eyes[0])
    assert again.frame == 1


def test_tongue_and_jaw_are_moved_and_offset() -> None:
    neutral, delta = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    settings = REGRESSION_DEFAULTS
    np.testing.assert_allclose(move_tongue(neutral, delta, settings)[0], [1.5, 1.7, 1.2], rtol=1e-6)
    np.testing.assert_allclose(move_jaw(neutral, delta, settings)[0], [1.3, 1.2, 1.55], rtol=1e-6)


def test_the_jaw_turns_rigidly() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(0, 2, (5, 3)).astype(np.float32)
    angle = 0.3
    turn = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)],
                     [0, math.sin(angle), math.cos(angle)]])  # fmt: skip
    moved = points @ turn.T + [0.1, -1, 0.4]
    transform = jaw_transform(points, moved)
    np.testing.assert_allclose(transform[:3, :3], turn, atol=1e-6)
    np.testing.assert_allclose(transform[:3, 3], [0.1, -1, 0.4], atol=1e-5)
    # A mirrored jaw is still turned, never mirrored.
    mirrored = jaw_transform(points, points * [-1, 1, 1])
    assert np.linalg.det(mirrored[:3, :3]) == pytest.approx(1)
    without = jaw_transform(np.zeros((5, 3), np.float32), np.ones((5, 3), np.float32))
    np.testing.assert_array_equal(without[:3], np.eye(4)[:3] + [[0, 0, 0, 1]] * 3)


def test_eyes_jump_thirty_times_a_second() -> None:
    assert [saccade_row(7, frame, 60.0, 5000) for frame in range(5)] == [7, 7, 8, 8, 9]
    assert saccade_row(4999, 3, 30.0, 5000) == 2
    assert [saccade_row(0, frame, 24.0, 100) for frame in (0, 4, 5)] == [0, 5, 6]
    saccades = np.arange(10.0).reshape(5, 2)
    settings = REGRESSION_DEFAULTS.replace(eye_saccade_seed=1, eyeballs_strength=2.0)
    angles = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    turned = move_eyes(angles, saccades, settings, 30.0)
    np.testing.assert_allclose(
        turned[0], [[2 + 0.9 * 2, 4 - 2 + 0.9 * 3], [6 + 0.9 * 2, 8 + 2 + 0.9 * 3]], rtol=1e-6
    )


def test_blinks_play_their_keys() -> None:
    keys = np.array([0, 0.5, 1, 0.5, 0])
    offsets = blink_offsets(keys, [2 / 30], 9, 30.0)
    np.testing.assert_allclose(offsets, [0, 0, 0, 0.5, 1, 0.5, 0, 0, 0], atol=1e-6)
    twice = blink_offsets(keys, [0.0, 1 / 60], 6, 60.0)
    np.testing.assert_allclose(twice, [0, 0.25, 0.5, 0.75, 1, 1], atol=1e-6)


def test_coefficients_expand_without_the_mean() -> None:
    actor = random_actor()
    weights = np.random.default_rng(0).normal(0, 1, (3, K))
    expected = np.einsum("fk,kvx->fvx", weights, actor.skin.shapes)
    np.testing.assert_allclose(expand(weights, actor.skin.shapes), expected, atol=1e-5)


def test_defect_15_frames_lie_where_training_puts_them() -> None:
    """Half a frame between training and the runtime is made up for by default."""
    assert [window_centre(frame, 16000, 30.0) for frame in range(3)] == [267, 800, 1333]
    assert [window_centre(frame, 16000, 30.0, "runtime") for frame in range(3)] == [0, 533, 1066]
    assert num_frames_of(16000, 16000, 30.0) == 30
    assert num_frames_of(16001, 16000, 30.0) == 31
    assert num_frames_of(0, 16000, 30.0) == 0
    with pytest.raises(UsageError, match="centre or runtime"):
        window_centre(0, 16000, 30.0, "middle")  # type: ignore[arg-type]


def test_emotions_change_linearly_and_hold_at_the_ends() -> None:
    track = EmotionTrack(np.array([1.0, 2.0]), np.array([[0, 1], [1, 0]]))
    np.testing.assert_allclose(track.at(np.array([0.0, 1.25, 9.0])), [[0, 1], [0.25, 0.75], [1, 0]])
    assert EmotionTrack.constant([0.5]).at(np.zeros(2)).tolist() == [[0.5], [0.5]]
    with pytest.raises(UsageError, match="must rise"):
        EmotionTrack(np.array([1.0, 1.0]), np.zeros((2, 1)))
    with pytest.raises(UsageError, match="a vector for each time"):
        EmotionTrack(np.array([1.0]), np.zeros((2, 1)))


def test_settings_know_the_ranges_of_the_runtime() -> None:
    assert setting_range("tongue_strength") == (0.0, 3.0)
    assert setting_range("face_mask_softness") == (0.001, 0.5)
    assert setting_range("input_strength") is None
    assert DIFFUSION_DEFAULTS.face_mask_level == 0.6
    with pytest.raises(ValueError, match="less than or equal"):
        PostprocessingSettings(upper_face_smoothing=0.2)
