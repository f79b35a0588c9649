"""Configuration of audio2face: its sections, its stages and how settings have to fit together.

Named profiles are :mod:`.profiles`. Lengths are centimetres, angles degrees. Imports no torch.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from likeness.config.locations import Location, Place
from likeness.config.schema import ConfigModel
from likeness.runs.record import TrackingSettings
from likeness.storage.store import StorageSettings
from likeness.systems.audio2face.frame_timing import TrackMode
from likeness.systems.audio2face.learning_settings import (
    AudioSettings,
    MutedSettings,
    PhonemeSettings,
    RegressionTermSettings,
    SamplingSettings,
)
from likeness.systems.audio2face.networks.diffusion_settings import (
    DiffusionSampleSettings,
    DiffusionSettings,
    DiffusionTermSettings,
    ProcessSettings,
    WindowSettings,
)
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings
from likeness.systems.audio2face.postprocessing_settings import PostprocessingSettings
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from likeness.systems.audio2face.terms import TERMS_OF
from likeness.training.settings import TrainSettings
from likeness.training.stage import Stage

NetworkType = Literal["regression", "diffusion"]
Fraction = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0)]
PositiveInt = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^\w([\w.-]*\w)?$")]

FRAME_RATES = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0)
"""Frames per second a diffusion network can be made for."""
_NEED_WEIGHTS = ("wav2vec2", "hubert")


class MutedShotSettings(ConfigModel):
    """A pose held in a silent room, as a shot of its own."""

    actor: str
    shot: str
    """Where the pose is taken."""
    frame: Annotated[int, Field(ge=0)]
    """Which frame of it."""
    num_frames: PositiveInt = 120
    """How long it is held."""
    emotion: str
    """What it is labelled with."""


class DataSettings(ConfigModel):
    """Where recordings come from, and which of them are trained on."""

    root: Location | None = None
    """Folder of the dataset, or its dataset.yaml."""
    prepared: Annotated[str, Place(is_written=True)] | None = None
    """Folder of preprocessed actors, where they are kept; null: beside the dataset."""
    actors: tuple[Name, ...] = ()
    """Who is trained on, in the order of the identities; empty: all of the dataset."""
    validation: Fraction = 0.1
    """Share of the shots held out, of every emotion, where the dataset names none."""
    zero_emotion: str | None = "neutral"
    """This emotion is all zeros to the network; null: every emotion has a channel."""
    muted_shots: tuple[MutedShotSettings, ...] = ()
    """Silent shots to add."""

    @model_validator(mode="after")
    def _once(self) -> DataSettings:
        if len(set(self.actors)) < len(self.actors):
            raise ValueError(f"'actors' names one twice: {', '.join(self.actors)}")
        return self


class LearningSettings(ConfigModel):
    """What samples are and how they are compared."""

    sampling: SamplingSettings = SamplingSettings()
    terms: RegressionTermSettings = RegressionTermSettings()
    phonemes: PhonemeSettings = PhonemeSettings()
    emotion_sigma: NonNegative = 0.01
    """Standard deviation the emotion data base begins with."""
    compact_emotions: bool = False
    """Keep only the rows of the emotion data base that clips cover."""
    segments: DiffusionSampleSettings = DiffusionSampleSettings()
    diffusion_terms: DiffusionTermSettings = DiffusionTermSettings()


class ModelSettings(ConfigModel):
    """Which network, and how large."""

    network: NetworkType = "regression"
    """regression: a window of sound to a pose, for one actor; diffusion: a second of sound to
    thirty frames, for several."""
    version: str = "0.1"
    """Of the network, for packages."""
    regression: RegressionSettings = RegressionSettings()
    diffusion: DiffusionSettings = DiffusionSettings()
    process: ProcessSettings = ProcessSettings()
    windows: WindowSettings = WindowSettings()
    initial_run: Location | None = None
    """Run whose weights training starts from."""
    published_weights: Location | None = None
    """weights.pth of NVIDIA's training framework that training starts from instead; its network
    has the same settings and encoder, and as many coefficients or vertices, actors and emotions."""

    @model_validator(mode="after")
    def _one_start(self) -> ModelSettings:
        if self.published_weights is not None and self.initial_run is not None:
            raise ValueError("'initial_run' and 'published_weights' are two starts; give one")
        return self


class EvaluationSettings(ConfigModel):
    """What is measured and shown."""

    lip_radius: NonNegative = 0.5
    """Vertices so near to a listed one are lips, cm."""
    lip_vertices: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """The vertices of the lips, instead."""
    baselines: bool = True
    """Also score mean pose, loudness, nearest training frame and ridge regression."""
    max_shots: PositiveInt | None = None
    """Evaluate at most so many shots of an actor; null takes all."""
    num_preview: Annotated[int, Field(ge=1, le=16)] = 4
    """Held-out shots shown in a preview."""
    mode: TrackMode = "offline"
    """offline: by the windows of a stream; streaming: the same frames, piece by piece; whole, of
    diffusion alone: as one window."""


class ExportSettings(ConfigModel):
    """Bundles and packages."""

    tolerance: Annotated[float, Field(gt=0)] = 1e-3
    """Largest difference of exported and trained outputs, as a fraction of the output's largest."""


class AudioToFaceConfig(ConfigModel):
    """Everything an audio2face run is made of."""

    data: DataSettings = DataSettings()
    audio: AudioSettings = AudioSettings()
    muted: MutedSettings = MutedSettings()
    preprocessing: PreprocessingSettings = PreprocessingSettings()
    model: ModelSettings = ModelSettings()
    learning: LearningSettings = LearningSettings()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    """Training stages in order."""
    train: TrainSettings = TrainSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    postprocessing: PostprocessingSettings = PostprocessingSettings()
    export: ExportSettings = ExportSettings()
    tracking: TrackingSettings = TrackingSettings()
    storage: StorageSettings = StorageSettings()

    @model_validator(mode="after")
    def _agree(self) -> AudioToFaceConfig:
        network = self.model.network
        for check in (
            self._terms,
            self._actors,
            self._weights,
            self._sequences,
            self._rates,
            self._mode,
        ):
            check(network)
        return self

    def _terms(self, network: NetworkType) -> None:
        for stage in self.stages:
            wrong = sorted(set(stage.weights) & (TERMS_OF[_other(network)] - TERMS_OF[network]))
            if wrong:
                raise ValueError(
                    f"expected terms of {network} while 'model.network' is {network}, found "
                    f"{_quoted(stage, wrong)} of {_other(network)}; there are: "
                    f"{', '.join(sorted(TERMS_OF[network]))}"
                )
            if network == "diffusion" and "emotions" in (stage.groups or {}):
                raise ValueError(
                    f"'stages.{stage.name}.groups.emotions' trains a group that only regression "
                    "has, while 'model.network' is diffusion"
                )

    def _actors(self, network: NetworkType) -> None:
        if network == "regression" and len(self.data.actors) > 1:
            raise ValueError(
                f"'model.network' is regression, which has one actor, and 'data.actors' names "
                f"{len(self.data.actors)}; expected one of them, or diffusion"
            )

    def _weights(self, network: NetworkType) -> None:
        settings = self.model.regression if network == "regression" else self.model.diffusion
        hears = network == "diffusion" or self.model.regression.uses_encoder
        if hears and settings.encoder in _NEED_WEIGHTS and settings.encoder_path is None:
            raise ValueError(
                f"'model.{network}.encoder' is {settings.encoder}, whose published weights have "
                f"to lie at 'model.{network}.encoder_path', found null; expected a path, or the "
                "encoder log_mel or tiny, which need none"
            )
        if settings.encoder_path is None:
            return
        deaf = None if hears else f"'model.{network}.uses_encoder' is false"
        if deaf is None and settings.encoder not in _NEED_WEIGHTS:
            deaf = f"'model.{network}.encoder' is {settings.encoder}, which reads none"
        if deaf is not None:
            raise ValueError(
                f"'model.{network}.encoder_path' names published weights, while {deaf}; expected "
                f"'model.{network}.encoder' to be wav2vec2 or hubert, or no path"
            )

    def _sequences(self, network: NetworkType) -> None:
        if network != "regression" or self.learning.sampling.sequence_length > 1:
            return
        moving = {"motion", "emotion_regularisation", "volume_stability", "phoneme_motion"}
        for stage in self.stages:
            asked = sorted(moving & {name for name, weight in stage.weights.items() if weight})
            if asked:
                raise ValueError(
                    f"{_quoted(stage, asked)} compare frames with their neighbours; expected "
                    "'learning.sampling.sequence_length' of at least 2, found 1"
                )

    def _rates(self, network: NetworkType) -> None:
        fps = self.learning.segments.fps
        if network == "diffusion" and fps not in FRAME_RATES:
            rates = ", ".join(f"{rate:g}" for rate in FRAME_RATES)
            raise ValueError(f"'learning.segments.fps' must be one of {rates}, found {fps:g}")

    def _mode(self, network: NetworkType) -> None:
        if network == "regression" and self.evaluation.mode == "whole":
            raise ValueError(
                "'evaluation.mode' is whole, which diffusion alone knows, while 'model.network' is "
                "regression; expected offline or streaming"
            )


def _quoted(stage: Stage, terms: list[str]) -> str:
    """The settings that weigh the terms, so that a report tells where each was written."""
    return ", ".join(f"'stages.{stage.name}.weights.{term}'" for term in terms)


def _other(network: NetworkType) -> NetworkType:
    return "diffusion" if network == "regression" else "regression"
