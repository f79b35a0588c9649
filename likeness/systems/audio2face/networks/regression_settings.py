"""Settings of the regression network. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from likeness.config.locations import Location
from likeness.config.schema import ConfigModel

PositiveInt = Annotated[int, Field(ge=1)]
EncoderKind = Literal["wav2vec2", "hubert", "log_mel", "tiny"]


class AutocorrelationSettings(ConfigModel):
    """The front end that hears pitch and formants as correlation of sound with itself."""

    num_lags: Annotated[int, Field(ge=16)] = 32
    """Lags, from 0 on, in samples; a multiple of 16."""
    window: PositiveInt = 640
    """Samples of one window."""
    stride: PositiveInt = 320
    """Samples between windows."""
    preemphasis: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the sample before that is taken off every sample."""
    removes_mean: bool = True
    """Take the mean off every window."""
    level_floor: Annotated[float, Field(gt=0)] | None = None
    """Divide all that the network hears at once by its root mean square, or by this where it is
    quieter, so that correlations do not follow the square of the level; null: as heard."""
    window_shape: Literal["hann", "kaiser6", "none"] = "hann"
    """Fade each window in and out, as Hann or as Kaiser with β = 6, or not."""

    @model_validator(mode="after")
    def _lags(self) -> AutocorrelationSettings:
        if self.num_lags % 16:
            raise ValueError(
                f"expected 'num_lags' to be a multiple of 16 (four convolutions halve it), found "
                f"{self.num_lags}"
            )
        if self.num_lags > self.window:
            raise ValueError("expected 'num_lags' to be at most 'window'")
        return self


class RegressionSettings(ConfigModel):
    """One window of sound and an emotion to one pose."""

    window: PositiveInt = 8320
    """Samples the network hears, at 16 kHz; the pose belongs to its middle."""
    uses_encoder: bool = True
    """Hear through the speech encoder."""
    uses_autocorrelation: bool = True
    """Hear through the autocorrelation front end."""
    encoder: EncoderKind = "log_mel"
    """wav2vec2 and hubert need published weights; log_mel is a formula; tiny learns."""
    encoder_path: Location | None = None
    """Folder or file with the weights of wav2vec2 or hubert."""
    encoder_layers: PositiveInt = 1
    """Transformer layers that are run and mixed; only for wav2vec2 and hubert."""
    encoder_width: PositiveInt | None = None
    """Features of log_mel (80) and tiny (64)."""
    freezes_encoder: bool = True
    """Keep the published weights as they are."""
    autocorrelation: AutocorrelationSettings = AutocorrelationSettings()
    formant_widths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (72, 108, 162, 243)
    """Channels of the convolutions along the lags."""
    features: PositiveInt = 256
    """Channels of each branch and of the convolutions along time."""
    head_width: PositiveInt | None = None
    """Width between the two linear maps of the skin's head; null: as many as it puts out."""
    implicit_emotion_len: PositiveInt = 16
    """Length of the learned emotion of a frame."""
    explicit_emotion_embedding: PositiveInt = 8
    """Features the named emotions are mapped to."""
    noise: Annotated[float, Field(ge=1)] = 1.4
    """Training multiplies every channel by this to the power of a normal number; 1 is no noise."""

    @model_validator(mode="after")
    def _hears_something(self) -> RegressionSettings:
        if not (self.uses_encoder or self.uses_autocorrelation):
            raise ValueError("expected at least one of 'uses_encoder' and 'uses_autocorrelation'")
        if self.uses_encoder and self.uses_autocorrelation:
            heard = (self.window - 400) // 320 + 1
            own = self.autocorrelation
            if heard != (self.window - own.window) // own.stride + 1:
                raise ValueError(
                    "expected as many steps of the encoder as windows of the autocorrelation; they "
                    "follow from 'window', 'autocorrelation.window' and 'autocorrelation.stride'"
                )
        return self
