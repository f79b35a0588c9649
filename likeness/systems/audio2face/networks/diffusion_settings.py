"""Settings of the diffusion network, of its process, its samples and its windows. Imports no torch.

Weights of the loss terms belong to the stages.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from likeness.config.locations import Location
from likeness.config.schema import ConfigModel

PositiveInt = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class DiffusionSettings(ConfigModel):
    """The network, and the space it works in."""

    space: Literal["vertices", "coefficients"] = "vertices"
    """What is denoised: all vertices, or coefficients of the PCA bases, which is far smaller. What
    goes in and out of the exported graph is the same."""
    coefficient_scale: Literal["range", "component"] = "range"
    """Unit of coefficients of skin and tongue: range: that of the component that moves most, so
    that small ones lie deep in noise; component: each has its own, and is weighed in the loss as it
    moves the face."""
    encoder: Literal["wav2vec2", "hubert", "log_mel", "tiny"] = "log_mel"
    """wav2vec2 and hubert need published weights; log_mel is a formula; tiny starts random."""
    encoder_path: Location | None = None
    """Folder or file with the weights of wav2vec2 or hubert."""
    encoder_width: PositiveInt | None = None
    """Features of log_mel (80) and tiny (64)."""
    encoder_freeze: Literal["all", "lower", "none"] = "lower"
    """What of the published weights stays: all; the convolutions and two layers; nothing."""
    context_layers: Annotated[int, Field(ge=0, le=6)] = 0
    """Convolutions over the steps of the encoder; n of them hear 20 ms · (2^n - 1) either way.
    log_mel and tiny hear 25 ms, and recurrent layers never ahead; wav2vec2 and hubert need none."""
    context_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the features of these layers that is dropped in training."""
    standardises_audio: bool = False
    """Bring each window of sound to mean 0 and variance 1 first."""
    features: Annotated[int, Field(ge=2, multiple_of=2)] = 256
    """Features of sound and of the step; the skin is embedded in as many."""
    jaw_latent: PositiveInt = 15
    """Features of the jaw."""
    tongue_latent: PositiveInt = 10
    """Features of the tongue."""
    eye_latent: PositiveInt = 4
    """Features of the eyes."""
    gru_features: PositiveInt = 256
    """Width of the recurrent layers."""
    gru_layers: PositiveInt = 2
    """Number of recurrent layers."""
    gru_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Between the recurrent layers, in training."""
    identity_embedding: PositiveInt = 32
    """Features of who speaks."""
    emotion_embedding: PositiveInt = 32
    """Features of the emotion."""


class ProcessSettings(ConfigModel):
    """How noise is added and taken away."""

    steps: Annotated[int, Field(ge=2)] = 1000
    """Levels of noise in training."""
    schedule: Literal["cosine", "linear"] = "cosine"
    """How fast noise grows."""
    inference_steps: Annotated[int, Field(ge=2)] = 2
    """Levels at run time, evenly spaced among those of training."""
    last_level_share: Fraction = 0.0
    """Share of the samples in training that are nothing but noise, as denoising begins; the others
    are drawn from all levels alike."""

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> ProcessSettings:
        if self.inference_steps > self.steps:
            raise ValueError(
                f"expected 'inference_steps' to be at most 'steps' ({self.steps}), found "
                f"{self.inference_steps}"
            )
        return self


class WindowSettings(ConfigModel):
    """Windows of sound at run time, at 16 kHz. Frames that are null follow from the frame rate."""

    window: PositiveInt = 16000
    """Samples of a window."""
    padding_left: Annotated[int, Field(ge=0)] = 16000
    """Zeros before the sound."""
    padding_right: Annotated[int, Field(ge=0)] = 16000
    """Zeros after it."""
    left: Annotated[int, Field(ge=0)] | None = None
    """Frames of a window before those that are kept."""
    centre: PositiveInt | None = None
    """Frames that are kept."""
    right: Annotated[int, Field(ge=0)] | None = None
    """Frames after them; with the window this is what has to be heard ahead."""


class DiffusionSampleSettings(ConfigModel):
    """What a training sample is."""

    fps: Annotated[float, Field(gt=0)] = 60.0
    """Frames per second of the network: 24, 25, 30, 48, 50 or 60."""
    subsegment: bool = True
    """Draw a part of each clip; else the whole clip is one sample."""
    shortest: PositiveInt = 30
    """Frames of a part, at least."""
    longest: PositiveInt = 600
    """Frames of a part, at most."""
    pitch_semitones: NonNegative = 2.0
    """Pitch is shifted by up to this either way; duration stays."""
    pitch_chance: Fraction = 0.2
    """How often."""
    hears: Literal["track", "windows"] = "track"
    """Sound reaches the encoder as one piece, or in windows as at run time, with the state carried
    from one to the next."""

    @model_validator(mode="after")
    def _ordered(self) -> DiffusionSampleSettings:
        if self.shortest > self.longest:
            raise ValueError(
                f"expected 'shortest' to be at most 'longest' ({self.longest}), found "
                f"{self.shortest}"
            )
        return self


class DiffusionTermSettings(ConfigModel):
    """Shapes of the loss terms."""

    tongue_weight: NonNegative = 0.1
    """Factor on the tongue before the comparison."""
    jaw_weight: NonNegative = 1.0
    """The same for the jaw."""
    eye_weight: NonNegative = 1.0
    """The same for the eyes, which sound hardly moves."""
    component_balance: Fraction = 1.0
    """Weight of a component is this power of its size over that of the widest of its channel: 1
    counts errors as they move the face, 0 all components alike. Only where components have units of
    their own."""
    lip_exponent: NonNegative = 10.0
    """How much more closed lips count than open ones, 1/cm."""
    up_axis: Annotated[int, Field(ge=0, le=2)] = 1
    """Axis that points up: 0 is x, 1 y, 2 z."""
    depth_axis: Annotated[int, Field(ge=0, le=2)] = 2
    """Axis that points forward."""

    @model_validator(mode="after")
    def _axes_differ(self) -> DiffusionTermSettings:
        if self.up_axis == self.depth_axis:
            raise ValueError("expected 'up_axis' and 'depth_axis' to differ")
        return self
