"""Heads that jump as a whole and frames that are all alike, beside what faces do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from likeness.geometry.animation import VertexAnimation
from likeness.media.audio import write_wav
from likeness.systems.audio2face.dataset.cache_frames import SKIN_SPIKE, look_at_frames
from likeness.systems.audio2face.dataset.whole_frames import WholeFrames
from tests.systems.audio2face.dataset.recordings import FRAMES, RATE, told

FPS = 30.0
CACHE = "data/anna/cache/skin/joy_001/joy_001.npy"
SOUND = "data/anna/audio/joy_001.wav"


def speaking(frames: int = 90) -> np.ndarray:
    """A head of 24 cm (F, 200, 3); of every sixth vertex a mouth that opens, with noise."""
    rng = np.random.default_rng(0)
    rest = rng.uniform(-12, 12, (200, 3))
    moved = rest + 0.001 * rng.normal(size=(frames, 200, 3))
    opened = 0.75 + 0.75 * np.cos(2 * np.pi * 5 * np.arange(frames) / FPS)
    moved[:, ::6, 1] -= opened[:, None]
    return moved.astype(np.float32)


def whole(frames: np.ndarray) -> WholeFrames:
    return look_at_frames(VertexAnimation.of_array(frames, FPS), 1, SKIN_SPIKE).whole


def turned(degrees: float) -> Callable[[np.ndarray], np.ndarray]:
    angle = np.radians(degrees)
    about_y = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    return lambda mesh: mesh @ about_y.T


JUMPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "0.1 cm": lambda mesh: mesh + np.array([0.1, 0.0, 0.0]),
    "1 cm": lambda mesh: mesh + np.array([0.0, -1.0, 0.0]),
    "30 cm": lambda mesh: mesh + np.array([0.0, 0.0, 30.0]),
    "1 %": lambda mesh: 1.01 * mesh,
    "smaller by a fifth": lambda mesh: 0.8 * mesh,
    "1 degree": turned(1.0),
    "20 degrees": turned(20.0),
}


@pytest.mark.parametrize("jump", JUMPS.values(), ids=list(JUMPS))
def test_a_head_that_is_elsewhere_for_a_frame(jump: Callable[[np.ndarray], np.ndarray]) -> None:
    frames = speaking()
    assert whole(frames).jump is None
    frames[40] = jump(frames[40])
    found = whole(frames).jump
    assert found is not None
    assert found[0] in (40, 41)  # there or back, whichever is farther
    step = [np.linalg.norm(two - one) for one, two in zip(frames[found[0] - 1], frames[found[0]])]
    assert found[1] == pytest.approx(sorted(step)[50], rel=1e-6)  # a quarter of 200 go less far


def test_a_head_that_stays_elsewhere_jumps_where_it_goes() -> None:
    frames = speaking()
    frames[60:] += np.float32([0.0, 0.4, 0.0])
    found = whole(frames).jump
    assert found is not None
    assert found[0] == 60


def test_what_heads_and_faces_do_is_no_jump() -> None:
    """A head that nods by 3 cm, a wince of all but a fifth of the skin in one frame, one vertex
    that jumps."""
    nod, wince, spike = speaking(), speaking(), speaking()
    nod[30:60, :, 1] += 1.5 * (1 - np.cos(2 * np.pi * np.arange(30) / 30))[:, None]
    away = np.random.default_rng(1).normal(size=(160, 3))
    wince[40, :160] += 0.3 * away
    spike[40, 7] += 4.0
    assert whole(nod).jump is None
    assert whole(wince).jump is None
    assert whole(spike).jump is None


def test_stretches_of_frames_that_are_alike() -> None:
    frames = speaking()
    frames[10:14] = frames[10]
    frames[80:] = frames[80] + np.float32(1e-6)
    assert whole(frames).alike == ((10, 13), (80, 89))


def test_a_jump_and_alike_frames_across_blocks_are_those_of_one_block() -> None:
    """Blocks hold 16 MiB: of 40,000 vertices 34 frames."""
    frames = np.tile(speaking(70), (1, 200, 1))
    length = len(next(iter(VertexAnimation.of_array(frames, FPS).blocks())))
    assert 10 < length < 60
    frames[length - 3 : length + 4] = frames[length - 3]
    frames[2 * length - 1 :] += np.float32(0.5)
    found = whole(frames)
    assert found.alike == ((length - 3, length + 3),)
    assert found.jump is not None
    assert found.jump[:2] == (2 * length - 1, pytest.approx(np.sqrt(0.75), rel=0.01))


def test_a_head_that_jumps_is_told_with_its_frame(root: Path) -> None:
    frames = np.load(root / CACHE)
    frames[7] += 0.5
    np.save(root / CACHE, frames)
    found = told(root)
    assert list(found) == [("head-jump", CACHE)]
    assert "the whole face is" in found["head-jump", CACHE].message


def voice(seconds: float) -> np.ndarray:
    """So long a voice from the third frame on, and silence around it."""
    times = np.arange(round(FRAMES / FPS * RATE)) / RATE
    spoken = sum(np.sin(2 * np.pi * 120 * k * times + k) / k for k in range(1, 20))
    return 0.1 * spoken * (times >= 2 / FPS) * (times < 2 / FPS + seconds)


@pytest.mark.parametrize(
    ("frozen", "seconds", "is_told"),
    [(9, 0.3, True), (7, 0.3, True), (4, 0.3, False), (9, 0.1, False), (9, 0.0, False)],
)
def test_frames_that_are_alike_are_told_where_somebody_speaks(
    root: Path, frozen: int, seconds: float, is_told: bool
) -> None:
    frames = np.load(root / CACHE)
    frames[2 : 2 + frozen] = frames[2]
    np.save(root / CACHE, frames)
    write_wav(root / SOUND, voice(seconds) + 1e-4 * np.sin(np.arange(6400.0)), RATE)
    found = [key for key in told(root) if key[0] != "sound-silent"]
    assert found == ([("face-frozen", CACHE)] if is_told else [])
    if is_told:
        last, spoken = frozen + 1, min(frozen / FPS, 0.3)
        message = told(root)["face-frozen", CACHE].message
        assert f"frames 2 to {last} of shot 'joy_001' all alike, {spoken:.2g} s" in message
