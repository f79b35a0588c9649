"""``network_info.json`` and ``trt_info.json``: what a network takes and gives, and how to build it.

Both follow the Audio2Face-3D SDK. Numbers are of one network; actors are its identities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from likeness.errors import UsageError
from likeness.systems.audio2face.streaming_plan import StreamingPlan

NetworkType = Literal["regression", "diffusion"]


@dataclass(frozen=True)
class RegressionShape:
    """Sizes of a regression network.

    Attributes:
        num_shapes_skin: K. num_verts_skin: V.
        num_shapes_tongue: Kt. num_verts_tongue: Vt.
        implicit_length: values of a row of the emotion data base.
        buffer_length: samples of a window. buffer_offset: of its middle.
    """

    num_shapes_skin: int
    num_verts_skin: int
    num_shapes_tongue: int
    num_verts_tongue: int
    jaw_size: int = 15
    eyes_size: int = 4
    implicit_length: int = 16
    buffer_length: int = 8320
    buffer_offset: int = 4160
    sample_rate: int = 16_000

    @property
    def result_size(self) -> int:
        """Values of a frame: K + Kt + jaw + eyes."""
        return self.num_shapes_skin + self.num_shapes_tongue + self.jaw_size + self.eyes_size


@dataclass(frozen=True)
class DiffusionShape:
    """Sizes of a diffusion network.

    Attributes:
        skin_size: 3 V. tongue_size: 3 Vt.
        num_steps: denoising steps in the graph.
        left, center, right: frames of a window that are dropped, kept, dropped.
        buffer_length: samples of a window; as many are padded on either side.
    """

    skin_size: int
    tongue_size: int
    jaw_size: int = 15
    eyes_size: int = 4
    num_steps: int = 2
    num_gru_layers: int = 2
    gru_size: int = 256
    left: int = 15
    center: int = 30
    right: int = 15
    buffer_length: int = 16_000
    padding_left: int = 16_000
    padding_right: int = 16_000
    sample_rate: int = 16_000

    @property
    def num_frames(self) -> int:
        """Frames of a window."""
        return self.left + self.center + self.right

    @property
    def result_size(self) -> int:
        """Values of a frame, D."""
        return self.skin_size + self.tongue_size + self.jaw_size + self.eyes_size

    @property
    def noise_size(self) -> int:
        """Values of the noise of a window; the runtime wants an even number."""
        return (self.num_steps + 1) * self.num_frames * self.result_size


def network_emotions(
    names: Sequence[str], zero_emotion: str | None, default: str
) -> tuple[list[str], list[float]]:
    """The emotions a network is told, and the default vector.

    The emotion of the zero vector is left out. At least one is kept: a network without any has
    inputs of size 0, which the runtime cannot use.

    Args:
        names: emotion vocabulary, in order.
        zero_emotion: which of them is the zero vector; None for none.
        default: whose vector is the default.

    Raises:
        UsageError: no names, or a default that is not among them.
    """
    if not names or default not in names:
        raise UsageError(
            f"The default emotion must be one of the vocabulary ({', '.join(names) or 'empty'}), "
            f"found '{default}'."
        )
    kept = [name for name in names if name != zero_emotion]
    if not kept:
        return [names[0]], [0.0]
    return kept, [float(name == default) for name in kept]


def network_info(
    shape: RegressionShape | DiffusionShape,
    *,
    identities: Sequence[str],
    emotions: Sequence[str],
    default_emotion: Sequence[float],
    version: str = "0.1",
) -> dict[str, Any]:
    """The document of ``network_info.json``.

    Raises:
        UsageError: no emotion or identity, a default of another length, several identities of a
            regression network, or an odd noise size.
    """
    if not emotions or not identities or len(emotions) != len(default_emotion):
        raise UsageError(
            "A network needs an identity, an emotion and a default value for each emotion; found "
            f"{len(identities)}, {len(emotions)} and {len(default_emotion)}."
        )
    is_regression = isinstance(shape, RegressionShape)
    if is_regression and len(identities) != 1:
        raise UsageError(f"A regression network has one actor, found {len(identities)}.")
    if isinstance(shape, DiffusionShape) and shape.noise_size % 2:
        raise UsageError(
            f"The runtime needs an even number of noise values, found {shape.num_steps + 1} x "
            f"{shape.num_frames} frames x {shape.result_size} values.",
            advice="Change the number of steps or of frames so that their product is even.",
        )
    params: dict[str, Any]
    if isinstance(shape, RegressionShape):
        params = {
            "implicit_emotion_len": shape.implicit_length,
            "explicit_emotions": list(emotions),
            "default_emotion": [float(v) for v in default_emotion],
            "identities": list(identities),
            "num_shapes_skin": shape.num_shapes_skin,
            "num_verts_skin": shape.num_verts_skin,
            "num_shapes_tongue": shape.num_shapes_tongue,
            "num_verts_tongue": shape.num_verts_tongue,
            "result_jaw_size": shape.jaw_size,
            "result_eyes_size": shape.eyes_size,
        }
        audio = {"buffer_len": shape.buffer_length, "buffer_ofs": shape.buffer_offset}
    else:
        params = {
            "emotions": list(emotions),
            "default_emotion": [float(v) for v in default_emotion],
            "identities": list(identities),
            "skin_size": shape.skin_size,
            "tongue_size": shape.tongue_size,
            "jaw_size": shape.jaw_size,
            "eyes_size": shape.eyes_size,
            "num_diffusion_steps": shape.num_steps,
            "num_gru_layers": shape.num_gru_layers,
            "gru_latent_dim": shape.gru_size,
            "num_frames_left_truncate": shape.left,
            "num_frames_right_truncate": shape.right,
            "num_frames_center": shape.center,
        }
        audio = {
            "buffer_len": shape.buffer_length,
            "padding_left": shape.padding_left,
            "padding_right": shape.padding_right,
        }
    return {
        "id": {
            "type": "regression" if is_regression else "diffusion",
            "actor": identities[0] if len(identities) == 1 else "multi",
            "version": version,
            "output": "geometry",
        },
        "params": params,
        "audio_params": {**audio, "samplerate": shape.sample_rate},
    }


def network_inputs(
    shape: RegressionShape | DiffusionShape, num_identities: int, num_emotions: int
) -> dict[str, tuple[int | None, ...]]:
    """Inputs of the exported graph by name; None is the axis of the batch."""
    if isinstance(shape, RegressionShape):
        return {
            "input": (None, 1, shape.buffer_length),
            "emotion": (None, 1, shape.implicit_length + num_emotions),
        }
    return {
        "window": (None, shape.buffer_length),
        "identity": (None, num_identities),
        "emotion": (None, shape.center, num_emotions),
        "input_latents": (shape.num_steps, shape.num_gru_layers, None, shape.gru_size),
        "noise": (None, shape.num_steps + 1, shape.num_frames, shape.result_size),
    }


def network_outputs(shape: RegressionShape | DiffusionShape) -> dict[str, tuple[int | None, ...]]:
    """Outputs of the exported graph by name; None is the axis of the batch."""
    if isinstance(shape, RegressionShape):
        return {"result": (None, 1, shape.result_size)}
    return {
        "prediction": (None, shape.num_frames, shape.result_size),
        "output_latents": (shape.num_steps, shape.num_gru_layers, None, shape.gru_size),
    }


def trt_info(
    inputs: dict[str, tuple[int | None, ...]],
    *,
    strongly_typed: bool = False,
    max_batch: int = 8,
    optimal_batch: int = 3,
) -> dict[str, Any]:
    """The document of ``trt_info.json``: arguments of ``trtexec`` for a network of these inputs.

    ``defaults`` are always there: the runtime's converter fails on the fields without them.

    Args:
        strongly_typed: the engine computes in the types of the graph. Left to itself, trtexec takes
            a graph for one of float32, and refuses what is in half precision.
    """

    def shapes(batch: str) -> str:
        sizes = (
            f"{name}:" + "x".join(batch if size is None else str(size) for size in shape)
            for name, shape in inputs.items()
        )
        return ",".join(sizes)

    return {
        "trt_build_param": {
            "cuda_in_graphics": ["--memPoolSize=tacticSharedMem:0.046875"],
            "batch": [
                f"--minShapes={shapes('1')}",
                f"--maxShapes={shapes('{MAX_BATCH_SIZE}')}",
                f"--optShapes={shapes('{OPT_BATCH_SIZE}')}",
                *(["--stronglyTyped"] if strongly_typed else []),
            ],
        },
        "defaults": {"MAX_BATCH_SIZE": max_batch, "OPT_BATCH_SIZE": optimal_batch},
        "estimated_trt_builder_time": 150,
    }


def shape_of(info: dict[str, Any]) -> RegressionShape | DiffusionShape:
    """The sizes a document of :func:`network_info` names.

    Raises:
        KeyError, TypeError, ValueError: a value is missing or no number.
    """
    params, audio = info["params"], info["audio_params"]
    if info["id"]["type"] == "regression":
        return RegressionShape(
            num_shapes_skin=_count(params, "num_shapes_skin"),
            num_verts_skin=_count(params, "num_verts_skin"),
            num_shapes_tongue=_count(params, "num_shapes_tongue"),
            num_verts_tongue=_count(params, "num_verts_tongue"),
            jaw_size=_count(params, "result_jaw_size"),
            eyes_size=_count(params, "result_eyes_size"),
            implicit_length=_count(params, "implicit_emotion_len"),
            buffer_length=_count(audio, "buffer_len"),
            buffer_offset=_count(audio, "buffer_ofs", least=0),
            sample_rate=_count(audio, "samplerate"),
        )
    return DiffusionShape(
        skin_size=_count(params, "skin_size"),
        tongue_size=_count(params, "tongue_size"),
        jaw_size=_count(params, "jaw_size"),
        eyes_size=_count(params, "eyes_size"),
        num_steps=_count(params, "num_diffusion_steps"),
        num_gru_layers=_count(params, "num_gru_layers"),
        gru_size=_count(params, "gru_latent_dim"),
        left=_count(params, "num_frames_left_truncate", least=0),
        center=_count(params, "num_frames_center"),
        right=_count(params, "num_frames_right_truncate", least=0),
        buffer_length=_count(audio, "buffer_len"),
        padding_left=_count(audio, "padding_left", least=0),
        padding_right=_count(audio, "padding_right", least=0),
        sample_rate=_count(audio, "samplerate"),
    )


def timing_faults(shape: DiffusionShape) -> list[str]:
    """Settings at which the runtime's whole-sample arithmetic is not exact, as sentences."""
    rate = Fraction(shape.num_frames * shape.sample_rate, shape.buffer_length)
    plan = StreamingPlan(
        shape.buffer_length, shape.padding_left, shape.padding_right,
        shape.left, shape.center, shape.right, rate,
    )  # fmt: skip
    own = [] if rate.denominator == 1 else [f"the frame rate is {float(rate):g}"]
    return [*plan.faults, *own]


def _count(values: dict[str, Any], key: str, least: int = 1) -> int:
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"'{key}' must be a whole number, found {value!r:.60}")
    if value < least:
        raise ValueError(f"'{key}' must be at least {least}, found {value}")
    return value
