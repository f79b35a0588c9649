"""Settings of what the regression network learns from and by. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from likeness.config.locations import Location
from likeness.config.schema import ConfigModel

NonNegative = Annotated[float, Field(ge=0)]
PositiveInt = Annotated[int, Field(ge=1)]


class AudioSettings(ConfigModel):
    """How sound is read and changed."""

    method: Literal["w2v", "nva2f"] = "w2v"
    """w2v keeps the level of a recording; nva2f divides by its peak."""
    gain_decibels: NonNegative = 12.0
    """Training draws a gain between minus and plus this for each sample, so that the network
    hears speech at any level."""
    keeps_decoded: bool = True
    """Keep decoded recordings in memory."""


class MutedSettings(ConfigModel):
    """What a face does in a silent room."""

    skin_is_neutral: bool = True
    """Skin coefficients are 0 in muted shots of the neutral emotion."""
    tongue_is_neutral: bool = False
    """Tongue coefficients are 0 in muted shots."""
    noise: Literal["gauss", "mic"] | None = "mic"
    """White noise, noise of a microphone, or silence."""
    noise_scale: NonNegative = 0.1
    """Factor on the noise."""
    noise_local_range: tuple[NonNegative, NonNegative] | None = (0.0, 1.0)
    """A further factor drawn for each sample."""


class SamplingSettings(ConfigModel):
    """How clips become samples."""

    sequence_length: PositiveInt = 2
    """Consecutive frames of a sample; terms about motion need 2."""
    sequence_stride: PositiveInt = 1
    """Frames between the samples of a clip."""
    timeshift: NonNegative = 1.0
    """Training moves each sample by up to half of this, in frames, either way."""


class RegressionTermSettings(ConfigModel):
    """Shapes of the loss terms. Their weights belong to the stages."""

    channel_weights: Mapping[Literal["skin", "tongue", "jaw", "eye"], NonNegative] = {}
    """Channel to a factor on its predictions and targets in mse and motion; others count 1. Skin
    coefficients grow with the number of vertices and angles do not: on a small mesh the eyes, which
    sound does not move, would otherwise be most of what is learned."""
    removes_closed_eyes: bool = True
    """Do not learn from samples with closed eyes: nobody hears a blink."""
    eye_threshold: float = 0.35
    """Mean height between the lids, cm, at or below which eyes are closed."""
    lip_exponent: NonNegative = 1.0
    """How much more closed lips count than open ones, 1/cm."""
    lip_distance_weights: Mapping[str, NonNegative] | None = None
    """Emotion to weight of its samples in the distance of the lips; others count 1."""
    lip_size_weights: Mapping[str, NonNegative] | None = None
    """The same for the size of the lips."""
    volume_exponent: NonNegative = 5000.0
    """How fast stillness stops to count as sound grows louder."""
    silence_weight: NonNegative = 1.0
    """Weight of silence among the phonemes."""
    up_axis: Annotated[int, Field(ge=0, le=2)] = 1
    """Axis that points up: 0 is x, 1 y, 2 z."""


class PhonemeSettings(ConfigModel):
    """What is said at every step, as a further target. Off without languages."""

    languages: tuple[str, ...] = ()
    """Of the clips to learn phonemes from."""
    models: Mapping[str, Location] = {}
    """Language to a folder with a frame classifier of phonemes."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Divides the classifier's logits: above 1 makes targets softer."""

    @model_validator(mode="after")
    def _languages_once(self) -> PhonemeSettings:
        if len(set(self.languages)) != len(self.languages):
            raise ValueError(f"expected every language once in 'languages', found {self.languages}")
        return self
