from __future__ import annotations

import warnings

import numpy as np
import pytest

from likeness import workflow
from likeness.errors import UsageError
from likeness.runs.run import Run
from likeness.systems.audio2face.frame_timing import EmotionTrack
from likeness.systems.audio2face.regression_learner import RegressionPredictor
from likeness.systems.audio2face.regression_session import RegressionSession

SOUND = (0.1 * np.random.default_rng(3).normal(size=30_000)).astype(np.float32)


@pytest.fixture(scope="module")
def predictor(regression_run: Run) -> RegressionPredictor:
    found = workflow.Predictor.from_run(regression_run, device="cpu").model
    assert isinstance(found, RegressionPredictor)
    return found


def session_at(predictor: RegressionPredictor, fps: float, **options: object) -> RegressionSession:
    return RegressionSession(
        predictor.network,
        predictor.artefacts(None),
        predictor.vectors[0],
        options.pop("emotion", predictor.emotion_track(None)),  # type: ignore[arg-type]
        fps=fps,
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("fps", [12.5, 24.0, 30.0, 60.0])
def test_a_stream_in_odd_pieces_equals_the_track_in_one(
    predictor: RegressionPredictor, fps: float
) -> None:
    whole = session_at(predictor, fps)
    frames = [*whole.push(SOUND), *whole.finish()]
    assert len(frames) == -(-len(SOUND) * fps // 16000)
    stream, at, parts = session_at(predictor, fps), 0, []
    for size in [1, 0, 7, 4159, 4160, 1, 8321, 333] * 2:
        parts += stream.push(SOUND[at : at + size])
        at = min(at + size, len(SOUND))
    parts += [*stream.push(SOUND[at:]), *stream.finish()]
    assert [frame.index for frame in parts] == [frame.index for frame in frames]
    np.testing.assert_allclose(
        [frame.values for frame in parts], [frame.values for frame in frames], atol=1e-5
    )


def test_a_window_that_begins_one_sample_before_the_sound_is_heard_from_there(
    predictor: RegressionPredictor,
) -> None:
    """Frame 7 of this rate alone, whose middle is at sample 4159 of a half window of 4160."""
    import torch

    fps = 7.5 * 16000 / 4159
    session = session_at(predictor, fps)
    session.push(SOUND[: 4159 + 4159])
    (frame,) = session.push(SOUND[4159 + 4159 : 4159 + 4160])
    assert frame.index == 7
    window = torch.from_numpy(np.concatenate([[np.float32(0)], SOUND[:8319]]))
    felt = np.concatenate([predictor.vectors[0], predictor.emotion_track(None).vectors[0]])
    row = predictor.network(window[None, None], torch.from_numpy(felt)[None, None])[0, 0]
    shapes = np.asarray(predictor.artefacts(None).skin.shapes)
    expected = np.einsum("k,kvc->vc", row[: len(shapes)].detach().numpy(), shapes)
    np.testing.assert_allclose(frame.skin, expected, atol=1e-5)


@pytest.mark.parametrize("timing", ["centre", "runtime"])
def test_defect_15_a_frame_hears_the_window_around_its_moment(
    predictor: RegressionPredictor, timing: str
) -> None:
    """Against the windows cut by hand, one at a time."""
    import torch

    session = session_at(predictor, 30.0, timing=timing)
    frames = [*session.push(SOUND), *session.finish()]
    assert len(frames) == -(-len(SOUND) * 30 // 16000)
    half = predictor.network.settings.window // 2
    padded = np.pad(SOUND, half + 8000)
    actor = predictor.artefacts(None)
    felt = np.concatenate([predictor.vectors[0], predictor.emotion_track(None).vectors[0]])
    for frame in (0, 20, len(frames) - 1):
        centre = frame * 16000 // 30 if timing == "runtime" else round((frame + 0.5) * 16000 / 30)
        start = centre + 8000
        window = torch.from_numpy(padded[start : start + 2 * half].copy())
        row = predictor.network(window[None, None], torch.from_numpy(felt)[None, None])[0, 0]
        expected = np.einsum(
            "k,kvc->vc", row[: len(actor.skin.shapes)].numpy(), np.asarray(actor.skin.shapes)
        )
        np.testing.assert_allclose(frames[frame].skin, expected, atol=1e-5)


def test_frames_come_half_a_window_after_their_moment(predictor: RegressionPredictor) -> None:
    session = session_at(predictor, 30.0)
    assert session.look_ahead == pytest.approx(0.26)
    first = round(16000 / 60)  # middle of frame 0
    assert session.push(SOUND[: first + 4159]) == []
    assert [f.index for f in session.push(SOUND[first + 4159 : first + 4160])] == [0]


def test_bases_that_may_not_be_written_are_shared_without_a_word(
    predictor: RegressionPredictor,
) -> None:
    """Torch warned of each of them, in the middle of a training's output."""
    shapes = predictor.artefacts(None).skin.shapes
    was = shapes.flags.writeable
    shapes.flags.writeable = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            session = session_at(predictor, 30.0)
    finally:
        shapes.flags.writeable = was
    assert session._skin.data_ptr() == shapes.ctypes.data


def test_emotions_may_change_over_time(predictor: RegressionPredictor) -> None:
    track = EmotionTrack(np.array([0.0, 1.0]), np.array([[0.0], [4.0]], np.float32))
    session = session_at(predictor, 30.0, emotion=track)
    moving = [*session.push(SOUND), *session.finish()]
    for frame in (0, 15, 45):
        still = session_at(
            predictor, 30.0, emotion=EmotionTrack.constant(track.at([frame / 30])[0])
        )
        held = [*still.push(SOUND), *still.finish()]
        np.testing.assert_allclose(moving[frame].values, held[frame].values, atol=1e-5)
    assert np.abs(moving[45].values - moving[0].values).max() > 0


def test_wrong_use_is_refused(predictor: RegressionPredictor) -> None:
    session = session_at(predictor, 30.0)
    with pytest.raises(UsageError, match=r"mono samples \(n,\), and got the shape \(2, 4\)"):
        session.push(np.zeros((2, 4), np.float32))
    with pytest.raises(UsageError, match="found nan at 2, and so in 1 of 3"):
        session.push(np.array([0, 0, np.nan], np.float32))
    assert session.finish() == []
    with pytest.raises(UsageError, match="finished"):
        session.push(np.zeros(1, np.float32))
