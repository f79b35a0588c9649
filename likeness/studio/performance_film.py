"""Films of performances: the frames of a person who talks, and a preview with sound.

Owns how curves become pictures one after the other, before a camera that stands still. Moving heads
without a picture is :mod:`likeness.studio.animation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.media.video import write_video
from likeness.seeds import Draws
from likeness.speech.timeline import Utterance
from likeness.studio.animation import head_pose, travel_of
from likeness.studio.breathing import breath_sound
from likeness.studio.camera import Camera
from likeness.studio.curves import ARKIT, TONGUE, Curves, sample
from likeness.studio.figure import Figure, Sitter
from likeness.studio.film_paint import FilmPaint
from likeness.studio.moods import neutral_expression
from likeness.studio.photograph import Photograph, eye_distance, photograph
from likeness.studio.scene import Scene
from likeness.studio.version import STUDIO_VERSION

PREVIEW_FPS = 25.0


def photograph_frames(
    sitter: Sitter, scene: Scene, size: int, frames: ArrayLike, *, supersampling: int = 2
) -> Iterator[Photograph]:
    """One photograph per frame, with everything that is true of it.

    The head turns on shoulders that sway and breathe, before a camera that stays where the scene
    puts it; grain is drawn anew for each frame.

    Args:
        sitter: who.
        scene: pose, light, background; its expression and gaze are replaced.
        size: side in pixels.
        frames: (F, 79) of :func:`likeness.studio.curves.sample`.
        supersampling: samples per pixel along each side; 1 is the cheap way for previews.
    """
    still, (place, intrinsics) = _at_rest(sitter, scene, size, size)
    away = eye_distance(still.landmarks68 + place)
    shared = FilmPaint(sitter, still, 1000.0 * away / intrinsics[0])
    for number, row in enumerate(np.asarray(frames, np.float64)):
        moment = replace(scene, pose=head_pose(row, scene.pose), seed=(scene.seed + number) % 2**31)
        yield photograph(
            sitter,
            moment,
            size,
            expression=row[ARKIT],
            tongue=row[TONGUE],
            camera=(place + travel_of(row, scene.pose), intrinsics),
            film_paint=shared,
            supersampling=supersampling,
        )


def fixed_camera(sitter: Sitter, scene: Scene, height: int, width: int) -> Camera:
    """The camera of a film: it frames the face at rest in the pose of the scene."""
    return _at_rest(sitter, scene, height, width)[1]


def _at_rest(sitter: Sitter, scene: Scene, height: int, width: int) -> tuple[Figure, Camera]:
    """The sitter at rest in the pose of the scene, and the camera that frames it."""
    still = sitter.pose(neutral_expression(), scene.pose)
    return still, scene.framing.place(still.landmarks68, still.vertices, height, width)


def audible(utterance: Utterance, curves: Curves, seed: int) -> NDArray[np.float32]:
    """The sound of an utterance (samples,) with the breaths of its performance.

    Args:
        utterance: what is said.
        curves: how; gives the inhalations.
        seed: of the performance.
    """
    draws = Draws("studio", STUDIO_VERSION, seed, "breath sound")
    breath = breath_sound(curves.events, len(utterance.audio), utterance.sample_rate, draws)
    return np.clip(utterance.audio + breath, -1.0, 1.0).astype(np.float32)


def write_preview(
    path: str | Path,
    sitter: Sitter,
    utterance: Utterance,
    curves: Curves,
    *,
    seed: int = 0,
    scene: Scene | None = None,
    size: int = 256,
    fps: float = PREVIEW_FPS,
    supersampling: int = 1,
) -> Path:
    """Films a performance with its sound as MP4: a few minutes for one of speech.

    Frame k shows (k + 0.5) / fps seconds of the sound and is on screen from k / fps on.

    Args:
        path: ending in .mp4.
        sitter: who performs.
        utterance: the sound.
        curves: the performance.
        seed: of it.
        scene: None is a plain portrait.
        size: side in pixels; an odd one gets one more.
        fps: frames a second.
        supersampling: see :func:`photograph_frames`.
    """
    chosen = scene if scene is not None else Scene.portrait(seed)
    pictures = photograph_frames(
        sitter, chosen, size, sample(curves, fps), supersampling=supersampling
    )
    return write_video(
        path,
        (picture.image for picture in pictures),
        rate=fps,
        audio=audible(utterance, curves, seed),
        sample_rate=utterance.sample_rate,
    )
