"""What doctor looks for on behalf of the face encoder. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

from likeness.extras import Requirement, is_installed

_FLAME = ("flame2023.pkl", "flame2023_Open.pkl", "flame2020.pkl", "generic_model.pkl")


def requirements() -> list[Requirement]:
    """Optional parts and where they were looked for."""
    named = os.environ.get("FLAME_MODEL", "")
    has_flame = bool(named) and Path(named).exists()
    return [
        Requirement(
            "head model",
            "asset",
            True,
            "training and prediction with the studio's head (model.head=studio), built by code",
            "Nothing to do.",
            required=True,
        ),
        Requirement(
            "FLAME",
            "asset",
            has_flame,
            "vectors in FLAME coefficients (model.head=PATH)",
            f"Register at flame.is.tue.mpg.de, download one of {', '.join(_FLAME)} with its masks "
            "and landmark embedding, and set model.head or FLAME_MODEL to the folder.",
        ),
        Requirement(
            "onnx",
            "extra",
            all(is_installed(m) for m in ("onnx", "onnxscript", "onnxruntime")),
            "likeness export --to onnx, and detectors given as ONNX files",
            "pip install 'likeness[onnx]'",
        ),
        Requirement(
            "parquet",
            "extra",
            is_installed("pyarrow"),
            "likeness data prepare face-encoder with tables (source_format=parquet or hf-cache)",
            "pip install 'likeness[parquet]'",
        ),
    ]
