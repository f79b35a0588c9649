"""Trained networks as ONNX bundles, and as packages for the runtime of Audio2Face-3D.

Either is kept only if its graph equals the trained network in ONNX Runtime, on one stream and on
three.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from likeness.export.bundle import Bundle, Port, write_bundle
from likeness.export.onnx import export_module
from likeness.models.onnx_model import OnnxModel
from likeness.seeds import rng_of
from likeness.systems.audio2face.audio import SAMPLE_RATE
from likeness.systems.audio2face.diffusion_learner import DiffusionPredictor
from likeness.systems.audio2face.face_predictor import SpeechToFace
from likeness.systems.audio2face.networks.regression import RegressionGraph
from likeness.systems.audio2face.package.emotion_database import EmotionDatabase
from likeness.systems.audio2face.package.network_info import DiffusionShape, RegressionShape
from likeness.systems.audio2face.package.writing import network_shape, write_package
from likeness.systems.audio2face.regression_learner import RegressionPredictor
from likeness.systems.audio2face.streaming import GRAPH_DYNAMIC, GRAPH_OUTPUTS, graph_examples

GRAPH = "network.onnx"
_STREAMS = (1, 3)
_MEANINGS = {
    "input": "sound around the middle of the frame",
    "emotion": "learned emotion, then one value for each named emotion",
    "window": "a second of sound",
    "identity": "one-hot of the actor",
    "input_latents": "states of the window before; zeros at first",
    "noise": "unit normal; the last slice is where denoising starts",
    "result": "coefficients of skin and tongue, jaw in cm, eyes in degrees",
    "prediction": "displacements of skin, tongue and jaw in cm, eyes in degrees",
    "output_latents": "states for the next window",
}


def export_onnx(
    predictor: SpeechToFace,
    folder: Path,
    *,
    source_run: str = "",
    checkpoint_sha256: str = "",
    state: dict[str, Any] | None = None,
    tolerance: float = 1e-3,
) -> Bundle:
    """Write ``network.onnx`` with the names, ranks and axes of the runtime, and the actors beside.

    Raises:
        DataError: the graph differs from the trained network by more than ``tolerance``.
    """
    graph = _Graph(predictor)
    return graph.bundle(
        folder,
        target="onnx",
        write_model=lambda target: graph.write(target / GRAPH),
        state={**(state or {}), "fps": predictor.fps},
        source_run=source_run,
        checkpoint_sha256=checkpoint_sha256,
        tolerance=tolerance,
    )


def export_package(
    predictor: SpeechToFace,
    folder: Path,
    *,
    source_run: str = "",
    checkpoint_sha256: str = "",
    state: dict[str, Any] | None = None,
    tolerance: float = 1e-3,
) -> Bundle:
    """Write a package that the runtime's reader accepts: graph, data, settings and blendshapes.

    Raises:
        DataError: it breaks a rule of the runtime, or its graph differs from the trained network.
    """
    graph, cast_of = _Graph(predictor), predictor.cast
    actors = cast_of.identities.actors
    database = None
    neutral = [s.name for s in actors[0].shots if s.emotion == cast_of.default_emotion]
    if isinstance(predictor, RegressionPredictor):
        rows = predictor.rows.shots
        database = EmotionDatabase(
            predictor.vectors,
            tuple(row.name for row in rows),
            np.array([row.start for row in rows], np.int32),
            np.array([row.size for row in rows], np.int32),
        )
        named = {row.name for row in rows}
        neutral = [shot for shot in neutral if shot in named]

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
                neutral_shots=neutral,
                shape=graph.shape,
                version=predictor.version,
                provenance={"run": source_run, "checkpoint_sha256": checkpoint_sha256},
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
    )


class _Graph:
    """The network of a predictor as a graph, and how to call both."""

    def __init__(self, predictor: SpeechToFace) -> None:
        self.predictor = predictor
        actors = predictor.cast.identities.actors
        shape = network_shape(predictor.network_type, actors)
        self.module: nn.Module
        self.outputs: tuple[str, ...]
        if isinstance(predictor, RegressionPredictor):
            settings = predictor.network.settings
            self.module = RegressionGraph(copy.deepcopy(predictor.network).cpu().eval())
            self.outputs, self.dynamic = (
                ("result",),
                {"input": {0: "batch_size"}, "emotion": {0: "batch_size"}},
            )
            own = cast(RegressionShape, shape)
            self.shape: RegressionShape | DiffusionShape = RegressionShape(
                own.num_shapes_skin,
                own.num_verts_skin,
                own.num_shapes_tongue,
                own.num_verts_tongue,
                jaw_size=own.jaw_size,
                implicit_length=settings.implicit_emotion_len,
                buffer_length=settings.window,
                buffer_offset=settings.window // 2,
            )
        else:
            graph = cast(DiffusionPredictor, predictor).graph
            self.module = copy.deepcopy(graph).cpu().eval()
            self.outputs, self.dynamic = GRAPH_OUTPUTS, GRAPH_DYNAMIC
            skin = cast(DiffusionShape, shape)
            levels, layers, width = graph.state_shape
            plan = graph.plan
            self.shape = DiffusionShape(
                skin.skin_size,
                skin.tongue_size,
                jaw_size=skin.jaw_size,
                num_steps=levels,
                num_gru_layers=layers,
                gru_size=width,
                left=plan.left,
                center=plan.centre,
                right=plan.right,
                buffer_length=plan.window,
                padding_left=plan.padding_left,
                padding_right=plan.padding_right,
            )

    def examples(self, streams: int) -> dict[str, torch.Tensor]:
        """Inputs by name, the same every time."""
        if isinstance(self.module, RegressionGraph):
            rng = rng_of("audio2face export", streams)
            shape = cast(RegressionShape, self.shape)
            length = shape.implicit_length + len(self.predictor.cast.labels.names)
            values = {
                "input": 0.1 * rng.normal(size=(streams, 1, shape.buffer_length)),
                "emotion": 0.1 * rng.normal(size=(streams, 1, length)),
            }
            return {k: torch.from_numpy(v.astype(np.float32)) for k, v in values.items()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(streams)
            return graph_examples(cast(Any, self.module), streams)

    def write(self, path: Path) -> None:
        """The graph as a file."""
        export_module(
            self.module, self.examples(2), path, outputs=list(self.outputs), dynamic=self.dynamic
        )

    def run(self, **inputs: Any) -> Mapping[str, Any]:
        """The network in training form, on the same inputs."""
        with torch.inference_mode():
            found = self.module(*(torch.as_tensor(inputs[name]) for name in self.dynamic))
        values = (found,) if isinstance(found, torch.Tensor) else found
        return dict(zip(self.outputs, values, strict=True))

    def bundle(self, folder: Path, **options: Any) -> Bundle:
        """:func:`write_bundle` with the proof that graph and network are one."""
        samples = [{k: v.numpy() for k, v in self.examples(n).items()} for n in _STREAMS]
        answers = self.run(**samples[0])

        def ports(
            values: Mapping[str, Any], dynamic: Mapping[str, Mapping[int, str]]
        ) -> list[Port]:
            return [
                Port(
                    key,
                    tuple(
                        dynamic.get(key, {}).get(axis, int(size))
                        for axis, size in enumerate(np.shape(value))
                    ),
                    "float32",
                    _MEANINGS[key],
                    rate=SAMPLE_RATE if key in ("input", "window") else None,
                )
                for key, value in values.items()
            ]

        ends = {name: {0: "batch_size"} for name in self.outputs}
        if "output_latents" in ends:
            ends["output_latents"] = {2: "batch_size"}
        return write_bundle(
            folder,
            system="audio2face",
            inputs=ports(samples[0], self.dynamic),
            outputs=ports(answers, ends),
            reference=self.run,
            exported=lambda target: OnnxModel(target / GRAPH),
            samples=samples,
            **options,
        )
