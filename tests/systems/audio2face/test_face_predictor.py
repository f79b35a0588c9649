from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness import workflow
from likeness.errors import DivergedError, UsageError
from likeness.runs.run import Run
from likeness.systems.audio2face.face_predictor import SpeechToFace
from likeness.systems.audio2face.frame_timing import EmotionTrack

SOUND = (0.1 * np.random.default_rng(5).normal(size=16_000)).astype(np.float32)


@pytest.fixture(scope="module")
def predictor(regression_run: Run) -> SpeechToFace:
    found = workflow.Predictor.from_run(regression_run, device="cpu").model
    assert isinstance(found, SpeechToFace)
    return found


def test_the_channels_of_an_answer(predictor: SpeechToFace) -> None:
    found = predictor(audio=SOUND)
    shapes = {name: np.shape(value) for name, value in found.items()}
    assert shapes == {
        "skin": (30, 30, 3),
        "tongue": (30, 9, 3),
        "jaw": (30, 5, 3),
        "eyes": (30, 2, 2),
        "fps": (),
    }
    assert found["fps"] == 30.0


def test_weights_beyond_what_numbers_hold_are_told_of(regression_run: Run) -> None:
    diverged = workflow.Predictor.from_run(regression_run, device="cpu").model
    with torch.no_grad():
        for parameter in diverged.network.parameters():
            parameter.fill_(1e30)
    with pytest.raises(DivergedError, match=r"The answer of the model \(frames\) is not finite"):
        diverged(audio=SOUND)


def test_stream_and_track_are_one(predictor: SpeechToFace) -> None:
    track, stream = (predictor(audio=SOUND, mode=m) for m in ("offline", "streaming"))
    for name in ("skin", "tongue", "jaw", "eyes"):
        np.testing.assert_allclose(track[name], stream[name], atol=1e-5)


def test_an_emotion_by_name_is_its_vector_and_a_track_that_holds_it(
    predictor: SpeechToFace,
) -> None:
    """Of neutral and joy, neutral is all zeros: one value."""
    assert predictor.cast.labels.names == ("joy",)
    named = predictor(audio=SOUND, emotion="joy")["skin"]
    track = EmotionTrack(np.array([0.0, 9.0]), np.ones((2, 1), np.float32))
    for same in ([1.0], track):
        np.testing.assert_array_equal(named, predictor(audio=SOUND, emotion=same)["skin"])
    neutral = predictor(audio=SOUND)["skin"]
    np.testing.assert_array_equal(neutral, predictor(audio=SOUND, emotion="neutral")["skin"])
    assert np.abs(named - neutral).max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"actor": "carla"}, "no actor 'carla'"),
        ({"emotion": "anger"}, "anger"),
        ({"emotion": [1.0, 2.0]}, r"An emotion has 1 values \(joy\), found 2"),
        ({"mode": "backwards"}, "offline, streaming or whole, not 'backwards'"),
        ({"mode": "whole"}, "regression hears every frame by itself"),
        ({"speed": 2}, "found audio, speed"),
    ],
)
def test_what_there_is_not_is_named(
    predictor: SpeechToFace, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        predictor(audio=SOUND, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (np.zeros(0), r"mono samples .* found the shape \(0,\)"),
        (np.zeros((2, 9)), r"mono samples .* found the shape \(2, 9\)"),
        (np.array([0.0, np.nan]), "finite samples, found nan at 1"),
    ],
)
def test_sound_that_is_none(predictor: SpeechToFace, sound: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        predictor(audio=sound)
    with pytest.raises(UsageError, match="found nothing"):
        predictor()


def test_a_performance_moves_the_neutral_face(predictor: SpeechToFace) -> None:
    actor = predictor.artefacts(None)
    found = predictor(audio=SOUND)
    shown = predictor.performance(SOUND)
    assert shown.num_frames == 30
    np.testing.assert_array_equal(shown.sound, SOUND)
    np.testing.assert_allclose(shown.skin, actor.neutral_skin + found["skin"], atol=1e-4)
    np.testing.assert_allclose(shown.jaw, found["jaw"], atol=1e-4)
