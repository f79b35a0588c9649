"""Pictures of predictions: the validation grid, overlays, turntables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from likeness.data.source import Sample
from likeness.geometry.rotations import axis_angle_to_matrix, matrix_to_rotation_6d
from likeness.media.drawing import BLUE, RED, draw_grid, draw_landmarks
from likeness.media.image import resize, save_image
from likeness.systems.face_encoder.decode import Decoder, to_pixels
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.render import Renderer

_CELL = 192
_TITLES = ("photo, true points", "geometry, predicted", "textured overlay", "difference")


def preview_grid(
    predictor: FacePredictor, renderer: Renderer, samples: Sequence[Sample], folder: Path
) -> list[Path]:
    """One row per sample: photo with true points, geometry with predicted, render, difference."""
    images = np.stack([sample["image"] for sample in samples])
    out = predictor(image=images)
    vectors = torch.from_numpy(out["vector"]).to(predictor.device)
    photos = torch.from_numpy(images).to(predictor.device)
    photos = torch.nn.functional.interpolate(photos, (_CELL, _CELL), mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        geometry = renderer.geometry(vectors, _CELL)
        drawn = renderer(vectors, _CELL)
        face = drawn.face * drawn.alpha
        overlay = face * drawn.image.clamp(0, 1) + (1 - face) * photos
        difference = (overlay - photos).abs()
    rows = []
    for number, sample in enumerate(samples):
        photo = _array(photos[number])
        truth = to_pixels(sample["landmarks"], _CELL)[sample["landmark_weights"] > 0]
        predicted = to_pixels(out["landmarks"][number], _CELL)
        rows.append(
            [
                draw_landmarks(photo, truth, RED),
                draw_landmarks(_array(geometry[number]), predicted, BLUE),
                _array(overlay[number]),
                np.clip(3 * _array(difference[number]), 0, 1),
            ]
        )
    path = folder / "grid.png"
    save_image(path, draw_grid(rows, titles=_TITLES, cell=(_CELL, _CELL)))
    return [path]


def overlay(photo: np.ndarray, points: np.ndarray, *, side: int = 768) -> np.ndarray:
    """The photograph, at most ``side`` pixels, with predicted points (68, 2) drawn."""
    zoom = min(1.0, side / max(photo.shape[:2]))
    if zoom < 1:
        photo = resize(photo, (round(photo.shape[0] * zoom), round(photo.shape[1] * zoom)))
    return draw_landmarks(photo, points * zoom, BLUE)


def turntable(
    decoder: Decoder, renderer: Renderer, vector: np.ndarray, *, frames: int, size: int
) -> Iterator[np.ndarray]:
    """Grey views (size, size, 3) of a head without pose, all around."""
    parts = {k: v.copy() for k, v in decoder.layout.split(vector[None]).items()}
    for name in ("pose.neck", "pose.transl"):
        if name in parts:
            parts[name][:] = 0
    if "camera" in parts:
        parts["camera"][:] = (5.5, 0.0, 0.0)
    for frame in range(frames):
        yaw = 2 * np.pi * frame / frames
        yield _array(renderer.geometry(torch.from_numpy(_turned(decoder, parts, yaw)), size)[0])


def _turned(decoder: Decoder, parts: dict[str, np.ndarray], yaw: float) -> np.ndarray:
    axis_angle = torch.tensor([[0.0, yaw, 0.0]], dtype=torch.float32)
    if "pose.global" in parts:
        parts["pose.global"] = matrix_to_rotation_6d(axis_angle_to_matrix(axis_angle)).numpy()
    else:
        parts["pose.global_axis_angle"] = axis_angle.numpy()
    return decoder.layout.join(parts)


def view(
    renderer: Renderer, vector: np.ndarray, *, yaw: float, pitch: float, size: int
) -> np.ndarray:
    """The head without its own pose from yaw and pitch in radians: (size, size, 3)."""
    decoder = renderer.decoder
    parts = {k: v.copy() for k, v in decoder.layout.split(vector[None]).items()}
    turn = axis_angle_to_matrix(torch.tensor([[pitch, 0.0, 0.0]])) @ axis_angle_to_matrix(
        torch.tensor([[0.0, yaw, 0.0]])
    )
    parts["pose.global"] = matrix_to_rotation_6d(turn).numpy()
    if "pose.neck" in parts:
        parts["pose.neck"][:] = 0
    if "camera" in parts:
        parts["camera"][:] = (5.5, 0.0, 0.0)
    return _array(renderer.geometry(torch.from_numpy(decoder.layout.join(parts)), size)[0])


def _array(image: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.detach().cpu().numpy().transpose(1, 2, 0))
