"""The network of a predictor as the graph of a runtime: in a unit and a precision, with its proof.

Owns names and axes of what goes in and out, and how far a graph of less than float32 may be from
the trained network.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from likeness.errors import UsageError
from likeness.export.bundle import Bundle, Port, write_bundle
from likeness.export.half import to_half
from likeness.export.int8 import products_in, quantise
from likeness.export.onnx import export_module
from likeness.models.onnx_model import OnnxModel
from likeness.models.speech_encoders import SpeechEncoder
from likeness.seeds import rng_of
from likeness.systems.audio2face.audio import SAMPLE_RATE
from likeness.systems.audio2face.diffusion_learner import DiffusionPredictor
from likeness.systems.audio2face.face_predictor import SpeechToFace
from likeness.systems.audio2face.networks.autocorrelation import Autocorrelation
from likeness.systems.audio2face.networks.regression import RegressionGraph
from likeness.systems.audio2face.package.network_info import DiffusionShape, RegressionShape
from likeness.systems.audio2face.package.writing import network_shape
from likeness.systems.audio2face.regression_learner import RegressionPredictor
from likeness.systems.audio2face.streaming import (
    GRAPH_DYNAMIC,
    GRAPH_OUTPUTS,
    StreamingGraph,
    graph_examples,
)

GRAPH = "network.onnx"
Precision = Literal["float32", "float16"]
Unit = Literal["cm", "mm", "m"]
UNITS_PER_CM: Mapping[Unit, float] = {"cm": 1.0, "mm": 10.0, "m": 0.01}

HALF_TOLERANCE = 10 * 2.0**-11
"""A value passes about a hundred roundings on its way (layers, and frames of recurrent ones), each
of up to 2^-11 of itself in a format of 11 bits; independent ones add up as their square root."""
INT8_TOLERANCE = 12 * 2.0**-8
"""The same of 12 transformer layers of six products, each with two roundings to 2^-8 of a range."""

_STREAMS = (1, 3)
_MEANINGS = {
    "input": "sound around the middle of the frame",
    "emotion": "learned emotion, then one value for each named emotion",
    "window": "a second of sound",
    "identity": "one-hot of the actor",
    "input_latents": "states of the window before; zeros at first",
    "noise": "unit normal; the last slice is where denoising starts",
    "result": "coefficients of skin and tongue, jaw in {unit}, eyes in degrees",
    "prediction": "displacements of skin, tongue and jaw in {unit}, eyes in degrees",
    "output_latents": "states for the next window",
}


class _Scaled(nn.Module):
    """Values (…, D) times a factor of each."""

    factors: Tensor

    def __init__(self, factors: Tensor) -> None:
        super().__init__()
        self.register_buffer("factors", factors)

    def forward(self, values: Tensor) -> Tensor:
        return values * self.factors


class _RegressionInUnit(nn.Module):
    """A :class:`RegressionGraph` whose jaw is in another unit."""

    def __init__(self, graph: RegressionGraph, factors: Tensor) -> None:
        super().__init__()
        self.cm, self.unit = graph, _Scaled(factors)

    def forward(self, input: Tensor, emotion: Tensor) -> Tensor:
        """As the graph's."""
        return cast(Tensor, self.unit(self.cm(input, emotion)))


class _DiffusionInUnit(nn.Module):
    """A :class:`StreamingGraph` whose lengths are in another unit."""

    def __init__(self, graph: StreamingGraph, factors: Tensor) -> None:
        super().__init__()
        self.cm, self.unit = graph, _Scaled(factors)

    def forward(
        self,
        window: Tensor,
        identity: Tensor,
        emotion: Tensor,
        input_latents: Tensor,
        noise: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """As the graph's."""
        moved, states = self.cm(window, identity, emotion, input_latents, noise)
        return self.unit(moved), states


def write_graph(
    module: nn.Module,
    examples: Mapping[str, Tensor],
    path: Path,
    *,
    outputs: Sequence[str],
    dynamic: Mapping[str, Mapping[int, str]],
    precision: Precision,
    int8_encoder: bool,
) -> None:
    """:func:`likeness.export.onnx.export_module` of a network of speech in a lower format.

    Args:
        precision: of weights and computation; what goes in and out is float32.
        int8_encoder: whether products of the speech encoder have INT8 weights.
    """
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):  # the weight is what is exported
            parametrize.remove_parametrizations(part, "weight")
    export_module(module, examples, path, outputs=outputs, dynamic=dynamic)

    def named(*kinds: type[nn.Module]) -> list[str]:
        return [name for name, part in module.named_modules() if isinstance(part, kinds)]

    products = products_in(path, named(SpeechEncoder)) if int8_encoder else []
    if precision == "float16":
        # The products that correlate a window sum hundreds of squares. The unit is applied to what
        # goes out as float32, where metres keep all their digits.
        to_half(path, keep=named(Autocorrelation, _Scaled), keep_nodes=products)
    if int8_encoder:
        quantise(path, products)


class ExportedGraph:
    """The network of a predictor as a graph, and how to call both.

    Args:
        predictor: trained.
        unit: of the lengths that come out. Coefficients and eyes have none.
        precision: of weights and computation; what goes in and out is float32.
        int8_encoder: whether products of the speech encoder have INT8 weights.

    Attributes:
        shape: sizes of the network.
        outputs: names of what comes out.
        dynamic: axes that may change, by the names of the inputs.

    Raises:
        UsageError: there are no weights of a speech encoder.
    """

    def __init__(
        self,
        predictor: SpeechToFace,
        *,
        unit: Unit = "cm",
        precision: Precision = "float32",
        int8_encoder: bool = False,
    ) -> None:
        self.predictor, self.unit = predictor, unit
        self.precision, self.int8_encoder = precision, int8_encoder
        actors = predictor.cast.identities.actors
        shape = network_shape(predictor.network_type, actors)
        self.outputs: tuple[str, ...]
        if isinstance(predictor, RegressionPredictor):
            settings = predictor.network.settings
            self._graph: nn.Module = RegressionGraph(copy.deepcopy(predictor.network).cpu().eval())
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
            self._graph = copy.deepcopy(graph).cpu().eval()
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
        if int8_encoder and not any(any(True for _ in own.parameters()) for own in self._encoders):
            raise UsageError(
                "int8_encoder=true rounds the weights of the speech encoder, and this network has "
                "none: log-mel is a formula, and the autocorrelation is one.",
                advice="Leave int8_encoder out; precision=float16 halves the file.",
            )

    @property
    def _encoders(self) -> list[SpeechEncoder]:
        return [part for part in self._graph.modules() if isinstance(part, SpeechEncoder)]

    @property
    def tolerance(self) -> float:
        """How far the graph may be from the network for its formats alone, as a share."""
        half = HALF_TOLERANCE if self.precision == "float16" else 0.0
        return half + (INT8_TOLERANCE if self.int8_encoder else 0.0)

    def examples(self, streams: int) -> dict[str, torch.Tensor]:
        """Inputs by name, the same every time."""
        if isinstance(self._graph, StreamingGraph):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(streams)
                return graph_examples(self._graph, streams)
        rng = rng_of("audio2face export", streams)
        shape = cast(RegressionShape, self.shape)
        length = shape.implicit_length + len(self.predictor.cast.labels.names)
        values = {
            "input": 0.1 * rng.normal(size=(streams, 1, shape.buffer_length)),
            "emotion": 0.1 * rng.normal(size=(streams, 1, length)),
        }
        return {k: torch.from_numpy(v.astype(np.float32)) for k, v in values.items()}

    def write(self, path: Path) -> None:
        """The graph as a file."""
        write_graph(
            self._module(),
            self.examples(2),
            path,
            outputs=self.outputs,
            dynamic=self.dynamic,
            precision=self.precision,
            int8_encoder=self.int8_encoder,
        )

    def run(self, **inputs: Any) -> Mapping[str, Any]:
        """The network in training form, on the same inputs."""
        with torch.inference_mode():
            found = self._graph(*(torch.as_tensor(inputs[name]) for name in self.dynamic))
        first, *others = (found,) if isinstance(found, torch.Tensor) else found
        return dict(zip(self.outputs, (first * self._factors(), *others), strict=True))

    def bundle(self, folder: Path, *, tolerance: float, **options: Any) -> Bundle:
        """:func:`write_bundle` with the proof that graph and network are one.

        Args:
            tolerance: of a graph in float32; that of a lower format is its own.
        """
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
                    _MEANINGS[key].format(unit=self.unit),
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
            tolerance=max(tolerance, self.tolerance),
            **options,
        )

    def _factors(self) -> Tensor:
        """(D,) units per cm of the lengths, 1 of what has none."""
        shape, factor = self.shape, UNITS_PER_CM[self.unit]
        still = (
            shape.num_shapes_skin + shape.num_shapes_tongue
            if isinstance(shape, RegressionShape)
            else 0
        )
        factors = torch.ones(shape.result_size)
        factors[still : shape.result_size - shape.eyes_size] = factor
        return factors

    def _module(self) -> nn.Module:
        """What is exported."""
        if self.unit == "cm":
            return self._graph
        if isinstance(self._graph, StreamingGraph):
            return _DiffusionInUnit(self._graph, self._factors()).eval()
        return _RegressionInUnit(cast(RegressionGraph, self._graph), self._factors()).eval()
