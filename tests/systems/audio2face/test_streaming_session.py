"""Sessions: the same frames however the sound arrives, the same noise every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.errors import DataError, UsageError
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.streaming_session import (
    Noise,
    StreamingSession,
    whole_track,
)
from tests.systems.audio2face.diffusion_cases import CountingEncoder, make_actor, make_graph

EMOTION = np.array([0.3, 0.7], np.float32)


def stream_track(session: StreamingSession, samples: np.ndarray) -> np.ndarray:
    """(F, 3V + 3Vt + jaw + eye) of a whole track through a fresh session."""
    return np.stack([frame.values for frame in [*session.push(samples), *session.finish()]])


def _identities() -> Identities:
    return Identities((make_actor("ada"), make_actor("bob", skin_components=4)))


def _sound(seconds: float = 1.7) -> np.ndarray:
    return (0.2 * np.random.default_rng(1).normal(size=int(seconds * 16000))).astype(np.float32)


@pytest.mark.parametrize("fps", [24, 25, 30, 48, 50, 60])
@pytest.mark.parametrize("pieces", [1, 777, 8000])
def test_pieces_give_the_same_frames_as_the_whole(fps: int, pieces: int) -> None:
    graph, who = make_graph(_identities(), fps=fps), _identities().one_hot("bob")
    sound = _sound(0.9)
    whole = stream_track(StreamingSession(graph, who, EMOTION), sound)
    session, frames = StreamingSession(graph, who, EMOTION), []
    step = pieces if pieces > 1 else len(sound)
    for start in range(0, len(sound), step):
        frames += session.push(sound[start : start + step])
    frames += session.finish()
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert np.array_equal(np.stack([frame.values for frame in frames]), whole)
    assert len(whole) == -(-len(sound) * fps // 16000)


def test_frames_come_as_soon_as_their_window_is_complete() -> None:
    session = StreamingSession(make_graph(_identities()), np.eye(2)[0], EMOTION)
    sound = _sound(2)
    # The second window, -8000 to 8000, holds frames -15 to 14.
    assert len(session.push(sound[:7999])) == 0
    assert len(session.push(sound[7999:8000])) == 15
    assert len(session.push(sound[8000:16000])) == 30
    assert len(session.push(np.zeros(0, np.float32))) == 0


def test_session_equals_the_graph_window_by_window() -> None:
    graph, sound = make_graph(_identities()), _sound(1)
    noise = np.random.default_rng(2).normal(size=(1, 3, 60, 70)).astype(np.float32)
    found = stream_track(StreamingSession(graph, np.eye(2)[1], EMOTION, Noise(array=noise)), sound)
    padded = torch.from_numpy(np.pad(sound, (16000, 16000)))
    latents, blocks = torch.zeros(2, 2, 1, 12), []
    with torch.no_grad():
        for number in range(5):
            prediction, latents = graph(
                padded[None, number * 8000 : number * 8000 + 16000],
                torch.eye(2)[1:],
                torch.from_numpy(EMOTION).expand(1, 30, 2),
                latents,
                torch.from_numpy(noise),
            )
            blocks.append(prediction[0, 15:45])
    wanted = torch.cat(blocks)[45:105].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("drawn", ["once", "window"])
def test_the_same_seed_gives_the_same_animation(drawn: str) -> None:
    graph, sound = make_graph(_identities(), "coefficients"), _sound(1)

    def run(seed: int) -> np.ndarray:
        noise = Noise(seed=seed, drawn=drawn)  # type: ignore[arg-type]
        return stream_track(StreamingSession(graph, np.eye(2)[0], EMOTION, noise), sound)

    assert np.array_equal(run(1), run(1))
    assert np.abs(run(1) - run(2)).max() > 1e-5


def test_noise_per_window_differs_after_the_first() -> None:
    graph, sound = make_graph(_identities()), _sound(1)
    once = stream_track(StreamingSession(graph, np.eye(2)[0], EMOTION, Noise(drawn="once")), sound)
    each = stream_track(
        StreamingSession(graph, np.eye(2)[0], EMOTION, Noise(drawn="window")), sound
    )
    assert np.abs(once - each).max() > 1e-5


def test_sound_is_encoded_once_per_window_and_surplus_windows_are_left_out() -> None:
    """Defect 19: once per denoising step, and frames that are cut off were computed."""
    encoder = CountingEncoder()
    graph = make_graph(_identities(), encoder=encoder)
    encoder.calls = 0
    stream_track(StreamingSession(graph, np.eye(2)[0], EMOTION), _sound(1))
    assert encoder.calls == 4


def test_emotion_may_change_from_frame_to_frame() -> None:
    graph, sound = make_graph(_identities()), _sound(1)
    later = lambda times: np.where((times < 0.5)[:, None], EMOTION, [1.0, 0.0])  # noqa: E731
    steady = stream_track(StreamingSession(graph, np.eye(2)[0], EMOTION), sound)
    changed = stream_track(StreamingSession(graph, np.eye(2)[0], later), sound)
    assert np.array_equal(steady[:30], changed[:30])
    assert np.abs(steady[30:] - changed[30:]).max() > 1e-4


def test_one_identity_decides_both_style_and_face() -> None:
    """Defect 17: the style of one actor came out with the scale of another."""
    graph, sound = make_graph(_identities()), _sound(0.5)
    for layer in graph.network.heads.last:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    for actor in ("ada", "bob"):
        session = StreamingSession(graph, _identities().one_hot(actor), EMOTION)
        assert np.abs(stream_track(session, sound)).max() < 1e-5


def test_frames_know_their_channels() -> None:
    session = StreamingSession(make_graph(_identities()), np.eye(2)[0], EMOTION)
    frame = session.push(_sound(1))[3]
    assert frame.skin.shape == (12, 3)
    assert frame.tongue.shape == (5, 3)
    assert frame.jaw.shape == (5, 3)
    assert frame.eyes.shape == (2, 2)
    assert frame.time == pytest.approx(3 / 60)


def test_a_whole_track_in_one_piece() -> None:
    """Defect 17: without a mode inference crashed; both are plain functions."""
    graph, sound = make_graph(_identities(), "coefficients"), _sound(3)
    found = whole_track(graph, sound, np.eye(2)[0], EMOTION)
    assert found.shape == (180, 70)
    assert np.array_equal(found, whole_track(graph, sound, np.eye(2)[0], EMOTION))
    with pytest.raises(DataError, match="100 samples is shorter than a frame"):
        whole_track(graph, sound[:100], np.eye(2)[0], EMOTION)


def test_wrong_use_is_refused() -> None:
    graph = make_graph(_identities())
    with pytest.raises(UsageError, match="knows 2 actors"):
        StreamingSession(graph, np.ones(3), EMOTION)
    with pytest.raises(UsageError, match=r"\(3, 60, 70\)"):
        StreamingSession(graph, np.eye(2)[0], EMOTION, Noise(array=np.zeros((3, 30, 70))))
    session = StreamingSession(graph, np.eye(2)[0], np.ones(5))
    with pytest.raises(UsageError, match=r"\(30, 2\), found \(30, 5\)"):
        session.push(_sound(1))
    session = StreamingSession(graph, np.eye(2)[0], EMOTION)
    with pytest.raises(UsageError, match="found inf at 1, and so in 2 of 3"):
        session.push(np.array([0.0, np.inf, np.nan]))
    with pytest.raises(UsageError, match="of the kind int16"):
        session.push(np.ones(160, np.int16))
    assert session.push(np.zeros(0, np.int16)) == []
    assert session.finish() == []
    with pytest.raises(UsageError, match="finished"):
        session.push(_sound(1))
