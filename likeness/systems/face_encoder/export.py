"""The encoder as an ONNX bundle that has proved it equals the trained one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from likeness.export.bundle import Bundle, Port, write_bundle
from likeness.export.onnx import export_module
from likeness.models.onnx_model import OnnxModel
from likeness.seeds import rng_of
from likeness.systems.face_encoder.predictor import FacePredictor

_SAMPLES = 3


def export_onnx(
    predictor: FacePredictor,
    folder: Path,
    *,
    source_run: str = "",
    checkpoint_sha256: str = "",
    state: dict[str, Any] | None = None,
    tolerance: float = 1e-3,
) -> Bundle:
    """Write ``encoder.onnx``: image (batch, 3, S, S) in [0, 1] to vector (batch, D).

    Meshes come from the vector by the head model, which is not part of the bundle.

    Raises:
        DataError: the exported encoder differs from the trained one by more than ``tolerance``.
    """
    size = predictor.image_size
    layout = predictor.decoder.layout
    module = copy.deepcopy(predictor.network).cpu().eval()
    rng = rng_of("face-encoder export", size)
    samples = []
    for number in range(_SAMPLES):
        # Smooth pictures, as photographs are: noise alone would leave most of the network idle.
        coarse = torch.from_numpy(rng.random((number + 1, 3, 8, 8), dtype=np.float32))
        smooth = nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
        samples.append({"image": smooth.numpy()})

    def write_model(target: Path) -> None:
        example = {"image": torch.rand(2, 3, size, size)}
        export_module(
            module,
            example,
            target / "encoder.onnx",
            outputs=["vector"],
            dynamic={"image": {0: "batch"}},
        )

    return write_bundle(
        folder,
        system="face-encoder",
        target="onnx",
        write_model=write_model,
        inputs=[
            Port(
                "image",
                ("batch", 3, size, size),
                "float32",
                f"RGB crop around the face, {predictor.crop_scale} times the landmark box",
                (0.0, 1.0),
            )
        ],
        outputs=[
            Port("vector", ("batch", layout.dim), "float32", f"vector of layout {layout.name}")
        ],
        state={**(state or {}), "layout": layout.to_json(), "crop_scale": predictor.crop_scale},
        source_run=source_run,
        checkpoint_sha256=checkpoint_sha256,
        reference=lambda **inputs: {"vector": predictor(**inputs)["vector"]},
        exported=lambda target: OnnxModel(target / "encoder.onnx"),
        samples=samples,
        tolerance=tolerance,
    )
