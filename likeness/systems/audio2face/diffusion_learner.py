"""How the diffusion network learns: noisy frames, speech and identity to clean frames.

The terms are ``diffusion_terms.py``, samples ``diffusion_items.py``; run time is ``streaming.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from likeness.data.source import Sample, Source
from likeness.diffusion.process import DiffusionProcess
from likeness.errors import UsageError
from likeness.models.speech_choice import build_encoder
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.audio import TrackCache
from likeness.systems.audio2face.cast import Cast
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.diffusion_items import DiffusionItems, collate_diffusion
from likeness.systems.audio2face.diffusion_terms import DiffusionTerms, predicted
from likeness.systems.audio2face.face_predictor import Emotion, SpeechToFace
from likeness.systems.audio2face.frame_timing import TimingMode
from likeness.systems.audio2face.geometry_space import GeometrySpace, build_space
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.initial_weights import (
    EarlierRun,
    take_emotions,
    take_weights,
)
from likeness.systems.audio2face.networks.diffusion import DiffusionNetwork
from likeness.systems.audio2face.recordings import Recordings
from likeness.systems.audio2face.shots import Clip, MutedShot
from likeness.systems.audio2face.streaming import StreamingGraph
from likeness.systems.audio2face.streaming_plan import StreamingPlan
from likeness.systems.audio2face.streaming_session import Noise, StreamingSession, whole_track
from likeness.systems.audio2face.terms import DIFFUSION_TERMS
from likeness.training.groups import frozen_copy
from likeness.training.system import Batch, StepContext

_LOG = logging.getLogger(__name__)
_OF_THE_FACE = (
    "network.identity.",
    "network.geometry.skin.",
    "network.geometry.tongue.",
    "network.heads.last.0.",
    "network.heads.last.1.",
)
"""Beginnings of the names of weights whose meaning or size follows from who the actors are."""


class DiffusionLearner:
    """The network of all actors, the space it works in and its terms.

    Args:
        config: of the run.
        cast: the actors and the emotions.
        device: to be on.
    """

    loss_terms = DIFFUSION_TERMS

    def __init__(
        self,
        config: AudioToFaceConfig,
        cast: Cast,
        *,
        device: torch.device,
    ) -> None:
        self.config, self.cast = config, cast
        settings, process = config.model.diffusion, config.model.process
        self.fps = config.learning.segments.fps
        self.plan = StreamingPlan.of(config.model.windows, self.fps)
        space = build_space(settings.space, cast.identities, settings.coefficient_scale)
        self.space = space.to(device)
        remark = self.plan.noise_remark(process.inference_steps, space.vertex_sizes.total)
        if remark is not None:
            _LOG.warning("%s", remark)
        self.process = DiffusionProcess.of(process.schedule, process.steps)
        encoder = build_encoder(
            settings.encoder,
            settings.encoder_path,
            width=settings.encoder_width,
            freeze=settings.encoder_freeze,
        )
        self.network = DiffusionNetwork(
            settings,
            encoder,
            self.space.sizes,
            fps=self.fps,
            num_identities=len(cast.identities.actors),
            num_emotions=len(cast.labels.names),
            steps=process.steps,
            mean_geometry=self.space.mean_geometry,
        ).to(device)
        self.terms = DiffusionTerms(cast.identities, self.space, config.learning.diffusion_terms)
        self.terms.to(device)

    def source(self, recordings: Recordings, clips: Sequence[Clip], *, training: bool) -> Source:
        config, audio = self.config, self.config.audio
        muted: Sequence[MutedShot] = recordings.muted if training else ()
        return DiffusionItems(
            Identities(tuple(recordings.artefacts.values())),
            clips,
            {
                name: TrackCache(actor.audio, audio.method, audio.keeps_decoded)
                for name, actor in recordings.actors.items()
            },
            self.cast.labels,
            sampling=config.learning.segments,
            audio=audio,
            plan=self.plan,
            muted=muted,
            muted_settings=config.muted,
            neutral=recordings.default_emotion,
        )

    def collate(self, samples: Sequence[Sample]) -> Batch:
        return collate_diffusion(samples)

    def begin(self, source: Source) -> None:
        """Nothing: spaces are normalised by preprocessing."""

    def start_from(self, earlier: EarlierRun, source: Source) -> None:
        """Ears and memory of the earlier run, and all of it but emotions for the same actors."""
        identities = self.cast.identities
        same = earlier.state["actors"] == list(identities.names)
        same = same and earlier.has_basis(identities.actors[0])
        own = () if same else _OF_THE_FACE
        take_weights(earlier, self.groups(), own=(*own, "network.emotion."))
        take_emotions(
            earlier, self.network.emotion, "network.emotion.weight", self.cast.labels.names
        )

    def groups(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        prediction = predicted(
            self.network,
            self.space,
            self.process,
            self.plan,
            batch,
            context.generator,
            last_level_share=self.config.model.process.last_level_share,
        )
        with torch.autocast(context.device.type, enabled=False):
            found = self.terms(prediction.float(), batch, active=context.active)
        zero = prediction.sum() * 0
        return {name: found.get(name, zero) for name in self.loss_terms if context.active(name)}

    def predictor(self, weights: Mapping[str, Tensor] | None) -> DiffusionPredictor:
        return DiffusionPredictor(
            frozen_copy(self.network, weights, "network"),
            self.space,
            self.process.respaced(self.config.model.process.inference_steps),
            self.plan,
            self.cast,
            config=self.config,
        )

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Nothing: all of it is weights and actors."""


class DiffusionPredictor(SpeechToFace):
    """Windows of speech to displacements of any of the actors.

    Args:
        network: in eval mode.
        space: that it works in.
        process: the levels of run time.
        plan: of the windows.
    """

    network_type = "diffusion"

    def __init__(
        self,
        network: DiffusionNetwork,
        space: GeometrySpace,
        process: DiffusionProcess,
        plan: StreamingPlan,
        cast: Cast,
        *,
        config: AudioToFaceConfig,
    ) -> None:
        super().__init__(cast, config=config, fps=float(plan.fps))
        self.network, self.space, self.process, self.plan = network, space, process, plan

    @cached_property
    def graph(self) -> StreamingGraph:
        """One window, as it is exported."""
        return StreamingGraph(self.network, self.space, self.process, self.plan)

    def session(
        self,
        actor: str | None = None,
        emotion: Emotion | None = None,
        *,
        seed: int = 0,
        timing: TimingMode = "centre",
    ) -> StreamingSession:
        if timing != "centre":
            raise UsageError(
                "Windows of diffusion have one timing, which is the runtime's; found "
                f"{timing!r:.40}.",
                advice="Leave the timing out.",
            )
        own = self.artefacts(actor)
        return StreamingSession(
            self.graph,
            self.identities.one_hot(own.actor),
            self.emotion_track(emotion).at,
            Noise(seed),
        )

    @property
    def look_ahead(self) -> tuple[float, float]:
        return self.plan.look_ahead

    def whole(
        self, audio: Floats, actor: str | None, emotion: Emotion | None, *, seed: int
    ) -> Floats:
        own = self.artefacts(actor)
        return whole_track(
            self.graph,
            audio,
            self.identities.one_hot(own.actor),
            self.emotion_track(emotion).at,
            seed,
        )
