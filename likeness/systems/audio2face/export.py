"""Trained networks as ONNX bundles, and as packages for the runtime of Audio2Face-3D.

Either is kept only if its graph equals the trained network in ONNX Runtime, on one stream and on
three.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from likeness.export.bundle import Bundle
from likeness.systems.audio2face.exported_graph import (
    GRAPH,
    UNITS_PER_CM,
    ExportedGraph,
    Precision,
    Unit,
)
from likeness.systems.audio2face.face_predictor import SpeechToFace
from likeness.systems.audio2face.package.emotion_database import EmotionDatabase
from likeness.systems.audio2face.package.writing import write_package
from likeness.systems.audio2face.regression_learner import RegressionPredictor

_Precision = Annotated[
    Precision, Field(description="of weights and computation; inputs and outputs stay float32")
]
_Int8Encoder = Annotated[
    bool, Field(description="INT8 weights in the matrix products of the speech encoder")
]
_Unit = Annotated[Unit, Field(description="of the geometry of the package and of its graph")]
_FullData = Annotated[
    bool, Field(description="all eleven arrays of the reference in model_data, not those read")
]


def export_onnx(
    predictor: SpeechToFace,
    folder: Path,
    *,
    source_run: str = "",
    checkpoint_sha256: str = "",
    state: dict[str, Any] | None = None,
    tolerance: float = 1e-3,
    precision: _Precision = "float32",
    int8_encoder: _Int8Encoder = False,
) -> Bundle:
    """Write ``network.onnx`` with the names, ranks and axes of the runtime, and the actors beside.

    Args:
        tolerance: of a graph in float32; lower formats have their own.
        precision: of weights and computation; what goes in and out is float32.
        int8_encoder: whether the products of the speech encoder have INT8 weights. TensorRT, which
            builds the engine of a package, knows no such products.

    Raises:
        DataError: the graph differs from the trained network by more than its tolerance, or a
            weight is beyond the range of half precision.
        UsageError: INT8 weights of an encoder that has none.
    """
    graph = ExportedGraph(predictor, precision=precision, int8_encoder=int8_encoder)
    return graph.bundle(
        folder,
        target="onnx",
        write_model=lambda target: graph.write(target / GRAPH),
        state={**(state or {}), "fps": predictor.fps},
        source_run=source_run,
        checkpoint_sha256=checkpoint_sha256,
        tolerance=tolerance,
        options={"precision": precision, "int8_encoder": int8_encoder},
    )


def export_package(
    predictor: SpeechToFace,
    folder: Path,
    *,
    source_run: str = "",
    checkpoint_sha256: str = "",
    state: dict[str, Any] | None = None,
    tolerance: float = 1e-3,
    precision: _Precision = "float32",
    unit: _Unit = "cm",
    full_data: _FullData = False,
) -> Bundle:
    """Write a package that the runtime's reader accepts: graph, data, settings and blendshapes.

    Args:
        tolerance: of a graph in float32; half precision has its own.
        precision: of weights and computation; what goes in and out is float32.
        unit: of the geometry, of offsets that are lengths and of what the graph gives.
        full_data: write all eleven arrays of the reference.

    Raises:
        DataError: it breaks a rule of the runtime, or its graph differs from the trained network.
        UsageError: an offset of the post-processing is out of the runtime's range in that unit.
    """
    graph, cast_of = ExportedGraph(predictor, unit=unit, precision=precision), predictor.cast
    options = {"precision": precision, "unit": unit, "full_data": full_data}
    actors = cast_of.identities.actors
    database, source = None, None
    if isinstance(predictor, RegressionPredictor):
        rows = predictor.rows.shots
        database = EmotionDatabase(
            predictor.vectors,
            tuple(row.name for row in rows),
            np.array([row.start for row in rows], np.int32),
            np.array([row.size for row in rows], np.int32),
        )
        source = predictor.source_frame()

    def write_model(target: Path) -> None:
        with TemporaryDirectory() as place:
            graph.write(Path(place) / GRAPH)
            write_package(
                target,
                network_type=predictor.network_type,
                artefacts=actors,
                emotions=cast_of.labels.names,
                default_emotion=[float(v) for v in cast_of.labels.vector(cast_of.default_emotion)],
                post=predictor.postprocessing,
                onnx_path=Path(place) / GRAPH,
                emotion_database=database,
                source=source,
                shape=graph.shape,
                version=predictor.version,
                full_data=full_data,
                units_per_cm=UNITS_PER_CM[unit],
                strongly_typed=precision != "float32",
                provenance={
                    "run": source_run,
                    "checkpoint_sha256": checkpoint_sha256,
                    "options": options,
                },
            )

    return graph.bundle(
        folder,
        target="package",
        write_model=write_model,
        state={
            "actors": list(cast_of.identities.names),
            "emotions": list(cast_of.labels.names),
            "fps": predictor.fps,
        },
        source_run=source_run,
        checkpoint_sha256=checkpoint_sha256,
        tolerance=tolerance,
        options=options,
    )
