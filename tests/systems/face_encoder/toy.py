"""Small heads, vectors, photographs and systems the tests of the face encoder share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likeness.assembly import build, configure
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.rotations import euler_to_matrix, matrix_to_rotation_6d
from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.layout import VectorLayout, head_v1
from likeness.systems.face_encoder.render import Renderer
from likeness.systems.face_encoder.system import FaceEncoder
from likeness.training.stage import Plan
from likeness.training.system import StepContext

NUM_SHAPE, NUM_EXPRESSION, NUM_ALBEDO = 12, 6, 4
SMALL_LAYOUT = head_v1(shape=NUM_SHAPE, expression=NUM_EXPRESSION, albedo=NUM_ALBEDO)
PHOTO_SIZE, CROP_SIZE = 72, 48
SMALL_MODEL = (
    "model.backbone=tiny",
    f"model.image_size={CROP_SIZE}",
    "model.hidden=16",
    f"model.num_shape={NUM_SHAPE}",
    f"model.num_expression={NUM_EXPRESSION}",
    f"model.num_albedo={NUM_ALBEDO}",
    "model.albedo=synthetic",
)


def mean_vector(layout: VectorLayout, count: int = 1) -> Tensor:
    """Vectors (count, D) of the layout's initial values: the mean face, frontal."""
    parts = [
        torch.tensor(segment.bias or (0.0,) * segment.dim, dtype=torch.float32)
        for segment in layout.segments
    ]
    return torch.cat(parts).repeat(count, 1)


def random_vector(layout: VectorLayout, seed: int, count: int = 1) -> Tensor:
    """Plausible vectors (count, D): a shape, an expression, a pose, a shifted camera, a colour."""
    rng = np.random.default_rng(seed)
    vector = mean_vector(layout, count)

    def put(name: str, value: np.ndarray) -> None:
        if name in layout:
            vector[:, layout.slice(name)] = torch.tensor(value, dtype=torch.float32)

    def normal(name: str, scale: float) -> None:
        if name in layout:
            put(name, rng.normal(0, scale, (count, layout.segment(name).dim)))

    normal("face.shape", 1.0)
    normal("face.expression", 0.5)
    normal("face.albedo", 0.5)
    normal("pose.neck", 0.05)
    normal("pose.eyes", 0.05)
    normal("pose.jaw", 0.0)
    put("face.eyelid", rng.uniform(0, 0.5, (count, 2)))
    put("pose.jaw", np.column_stack([rng.uniform(0, 0.2, count), np.zeros((count, 2))]))
    angles = torch.tensor(rng.normal(0, (0.1, 0.25, 0.1), (count, 3)), dtype=torch.float32)
    put("pose.global", matrix_to_rotation_6d(euler_to_matrix(angles)).numpy())
    shift = rng.normal(0, 0.005, (count, 2))
    put("camera", np.column_stack([rng.uniform(6, 7.5, count), shift]))
    return vector


def draw(decoder: Decoder, vector: Tensor, size: int, seed: int = 0) -> dict[str, np.ndarray]:
    """One photograph of a vector (1, D): the head before a sloping background, with its truth.

    ``image`` (size, size, 3), ``landmarks`` (68, 2) pixels, ``mask`` (size, size) of classes.
    """
    layout = decoder.layout
    renderer = Renderer(decoder, "synthetic", layout.segment("face.albedo").dim)
    with torch.no_grad():
        drawn = renderer(vector, size)
        points = decoder.landmarks(vector)[0]
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 1, size)[:, None, None] * rng.uniform(-0.4, 0.4, 3)
    background = (rng.uniform(0.4, 0.6, 3) + slope + np.zeros((size, size, 1))).astype(np.float32)
    alpha = drawn.alpha[0].numpy().transpose(1, 2, 0)
    image = drawn.image[0].numpy().transpose(1, 2, 0).clip(0, 1)
    return {
        "image": alpha * image + (1 - alpha) * background,
        "landmarks": (points.numpy() + 1) * size / 2,
        "mask": (alpha[..., 0] > 0.5).astype(np.uint8),
    }


def write_dataset(
    folder: Path, head: HeadAsset, *, people: int = 4, photos: int = 2, truth: bool = True
) -> Path:
    """A native dataset of toy heads: two people for training, then one validation and one test."""
    decoder = Decoder(head, SMALL_LAYOUT, "weak_perspective")
    described = {"name": head.name, "fingerprint": head.fingerprint} if truth else None
    splits = {people - 1: "test", people - 2: "validation"}
    with CONTRACT.writer(
        str(folder), head=described, provenance={"source": "toy", "consent": "noise"}
    ) as writer:
        for person in range(people):
            shape = random_vector(SMALL_LAYOUT, 100 + person)[:, :NUM_SHAPE]
            for number in range(photos):
                vector = random_vector(SMALL_LAYOUT, 1000 + 10 * person + number)
                vector[:, :NUM_SHAPE] = shape
                sample: dict[str, Any] = draw(decoder, vector, PHOTO_SIZE, seed=person)
                sample |= {
                    "id": f"p{person}_{number}",
                    "person": f"p{person}",
                    "split": splits.get(person, "train"),
                }
                if truth:
                    sample["truth"] = {
                        "shape": shape[0].numpy(),
                        "head_rotation": decoder.head_rotation(vector)[0].numpy(),
                    }
                writer.write(sample)
    return folder


def build_system(
    head: Path, data: Path | None = None, *overrides: str, profile: str = "smoke"
) -> FaceEncoder:
    """A tiny system on a toy head. ``overrides`` may replace what makes it tiny."""
    words = dict(word.split("=", 1) for word in (f"model.head={head}", *SMALL_MODEL, *overrides))
    if data is not None:
        words["data.root"] = str(data)
    lines = [f"{key}={value}" for key, value in words.items()]
    resolved = configure("face-encoder", profile=profile, overrides=lines, environ={})
    system = build(resolved, device=torch.device("cpu"))
    assert isinstance(system, FaceEncoder)
    return system


def context_with(system: FaceEncoder, weights: Mapping[str, float]) -> StepContext:
    """The context of a step of the first stage with other weights."""
    plan = Plan.build(system.config.stages, samples_per_epoch=8, batch_size=4)
    stage = plan.at(0).stage.replace(weights=dict(weights))
    generator = torch.Generator().manual_seed(0)
    return StepContext(0, stage, weights, torch.device("cpu"), generator)
