"""Vertices that change places within a take, told from all that a face does."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.dataset.cache_frames import SKIN_SPIKE, look_at_frames
from likeness.systems.audio2face.dataset.frame_findings import look_at_frame_faults

FPS = 30.0


def mouth(frames: int = 60) -> np.ndarray:
    """A sheet of 24 cm, (F, 625, 3), whose lower half drops by up to 1.5 cm five times a second."""
    x, y = np.meshgrid(np.linspace(-12, 12, 25), np.linspace(-12, 12, 25))
    still = np.stack([x, y, 0.05 * (x**2 + y**2)], axis=-1).reshape(-1, 3)
    opened = 0.75 + 0.75 * np.cos(2 * np.pi * 5 * np.arange(frames) / FPS)
    moved = np.repeat(still[None], frames, axis=0)
    moved[:, :, 1] -= opened[:, None] * np.clip(-still[:, 1] / 12, 0, 1)
    return moved.astype(np.float32)


def findings(frames: np.ndarray) -> list[tuple[str, str, str]]:
    look = look_at_frames(VertexAnimation.of_array(frames, FPS), 1, SKIN_SPIKE)
    return [(f.severity, f.code, f.message) for f in look_at_frame_faults(look, "cache")]


def test_a_mouth_that_speaks_has_none() -> None:
    assert findings(mouth()) == []


@pytest.mark.parametrize("vertices", [[100, 300], [312, 313], [500, 10, 87]])
@pytest.mark.parametrize("frame", [1, 31, 59])
def test_vertices_exchanged_from_a_frame_on(vertices: list[int], frame: int) -> None:
    frames = mouth()
    frames[frame:, vertices] = frames[frame:, np.roll(vertices, 1)]
    named = ", ".join(str(vertex) for vertex in sorted(vertices))
    assert findings(frames) == [
        (
            "error",
            "vertex-order",
            f"Expected one order of vertices in all frames; from frame {frame} on vertices "
            f"{named} lie at each other's places in frame {frame - 1}.",
        )
    ]


def test_a_fold_that_shuts_in_a_frame_and_opens_again_is_no_exchange() -> None:
    """Lids of a fast blink: their vertices pass each other between two frames, and come back."""
    frames = mouth()
    frames[31:34, [312, 313]] = frames[31:34, [313, 312]]
    assert findings(frames) == []
    frames[31:] = mouth()[31:]
    frames[31:, [312, 313]] = frames[31:, [313, 312]]
    assert [code for _, code, _ in findings(frames)] == ["vertex-order"]


def test_a_vertex_that_jumps_and_stays_while_those_around_it_do() -> None:
    frames = mouth()
    frames[31:, 312, 2] += 4.0
    ((severity, code, message),) = findings(frames)
    assert (severity, code) == ("error", "vertex-jump")
    assert "From frame 31 on vertex 312 is 4 cm from where it was in frame 30" in message


def test_a_part_that_moves_at_once_is_no_jump() -> None:
    """A tracker that finds the jaw again: quick, and no fault of a vertex."""
    frames = mouth()
    frames[31:, :100, 1] -= 3.0
    assert findings(frames) == []


def test_a_spike_is_no_jump() -> None:
    frames = mouth()
    frames[31, 312, 2] += 4.0
    assert [code for _, code, _ in findings(frames)] == ["vertex-spike"]


def test_a_change_between_two_blocks_is_seen() -> None:
    """Blocks hold 16 MiB: of 40,000 vertices 34 frames."""
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.uniform(-12, 12, (1, 40_000, 3)).astype(np.float32), 70, axis=0)
    length = len(next(iter(VertexAnimation.of_array(frames, FPS).blocks())))
    assert 2 < length < 60
    for frame in (length - 1, length, length + 1):
        changed = frames.copy()
        changed[frame:, [5, 9]] = changed[frame:, [9, 5]]
        look = look_at_frames(VertexAnimation.of_array(changed, FPS), 1, SKIN_SPIKE)
        assert look.exchanged == (frame, [5, 9])
