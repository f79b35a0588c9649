"""Pictures of predictions: the validation grid, overlays, turntables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from likeness.data.source import Sample
from likeness.geometry.affine import apply_affine
from likeness.geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_rotation_6d,
)
from likeness.media.drawing import BLUE, RED, draw_grid, draw_landmarks
from likeness.media.image import crop, resize, save_image, to_array
from likeness.systems.face_encoder.decode import showing_translation, to_pixels
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.record import PersonRecord
from likeness.systems.face_encoder.render import Renderer

_CELL = 192
_SHOWING_CAMERA = (5.5, 0.0, 0.0)  # the whole head with air around it
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
        textured = textured_overlay(renderer, vectors, photos)
        difference = (textured - photos).abs()
    rows = []
    for number, sample in enumerate(samples):
        photo = to_array(photos[number])
        truth = to_pixels(sample["landmarks"], _CELL)[sample["landmark_weights"] > 0]
        predicted = to_pixels(out["landmarks"][number], _CELL)
        rows.append(
            [
                draw_landmarks(photo, truth, RED),
                draw_landmarks(to_array(geometry[number]), predicted, BLUE),
                to_array(textured[number]),
                np.clip(3 * to_array(difference[number]), 0, 1),
            ]
        )
    path = folder / "grid.png"
    save_image(path, draw_grid(rows, titles=_TITLES, cell=(_CELL, _CELL)))
    return [path]


def overlay(
    photo: np.ndarray, record: PersonRecord, renderer: Renderer, *, side: int = 512
) -> np.ndarray:
    """What was predicted of a photograph (H, W, 3), in panels of ``side`` pixels with titles.

    The photograph, whole; close up, its predicted points; the predicted head in grey over it; and
    where the renderer has an albedo space, the face in its predicted colours and light.
    """
    assert record.landmarks is not None
    zoom = side / record.image_size
    matrix = zoom * np.asarray(record.crop_matrix, np.float64)
    close = crop(photo, matrix, (side, side))
    vector = torch.from_numpy(record.vector[None]).to(renderer.region.device)
    fine = 2 * side  # two samples a pixel each way, so that edges are smooth
    large = torch.from_numpy(resize(close, (fine, fine)).transpose(2, 0, 1)[None])
    large = large.to(renderer.region.device)
    panels = {
        "photo": photo,
        "points, predicted": draw_landmarks(close, apply_affine(matrix, record.landmarks), BLUE),
        "geometry": resize(to_array(renderer.geometry(vector, fine, large)[0]), (side, side)),
    }
    if renderer.albedo is not None:
        textured = to_array(textured_overlay(renderer, vector, large)[0])
        panels["textured overlay"] = resize(textured, (side, side))
    return draw_grid([list(panels.values())], titles=list(panels), cell=(side, side))


@torch.no_grad()
def textured_overlay(
    renderer: Renderer, vectors: torch.Tensor, photos: torch.Tensor
) -> torch.Tensor:
    """The predicted faces of vectors (B, D) drawn into their crops (B, 3, S, S)."""
    drawn = renderer(vectors, photos.shape[-1])
    face = drawn.face * drawn.alpha
    over: torch.Tensor = face * drawn.image.clamp(0, 1) + (1 - face) * photos
    return over


def turntable(
    renderer: Renderer, vector: np.ndarray, *, frames: int, size: int
) -> Iterator[np.ndarray]:
    """Grey views (size, size, 3) of a head without its own pose, all around."""
    for frame in range(frames):
        yield view(renderer, vector, yaw=2 * np.pi * frame / frames, pitch=0.0, size=size)


def view(
    renderer: Renderer, vector: np.ndarray, *, yaw: float, pitch: float, size: int
) -> np.ndarray:
    """The head without its own pose from yaw and pitch in radians: (size, size, 3)."""
    layout = renderer.decoder.layout
    parts = {name: part.copy() for name, part in layout.split(vector[None]).items()}
    about_x, about_y = torch.tensor([[pitch, 0.0, 0.0]]), torch.tensor([[0.0, yaw, 0.0]])
    turn = axis_angle_to_matrix(about_x) @ axis_angle_to_matrix(about_y)
    changes = {
        "pose.global": matrix_to_rotation_6d(turn).numpy(),
        "pose.global_axis_angle": matrix_to_axis_angle(turn).numpy(),
        "pose.neck": 0.0,
        "pose.transl": showing_translation(renderer.decoder.camera),
        "camera": _SHOWING_CAMERA,
    }
    for name, value in changes.items():
        if name in parts:
            parts[name][:] = value
    posed = torch.from_numpy(layout.join(parts)).to(renderer.region.device)
    return to_array(renderer.geometry(posed, size)[0])
