"""How the regression network learns: a window of speech and what the frame felt to its pose.

The terms are ``regression_terms.py``, samples ``regression_items.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from likeness.data.source import Sample, Source
from likeness.errors import UsageError
from likeness.runs.checkpoint import group_of
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.audio import SAMPLE_RATE, TrackCache
from likeness.systems.audio2face.cast import Cast
from likeness.systems.audio2face.channel_layout import ChannelLayout
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.face_predictor import Emotion, SpeechToFace
from likeness.systems.audio2face.fitted_heads import fit_heads
from likeness.systems.audio2face.frame_timing import EmotionTrack, TimingMode
from likeness.systems.audio2face.implicit_emotions import (
    ImplicitEmotions,
    RowTable,
    muted_names,
    representative,
)
from likeness.systems.audio2face.initial_weights import (
    EarlierRun,
    take_emotions,
    take_weights,
)
from likeness.systems.audio2face.losses import r2
from likeness.systems.audio2face.networks.regression import RegressionNetwork
from likeness.systems.audio2face.phonemes import Phonemes
from likeness.systems.audio2face.recordings import Recordings
from likeness.systems.audio2face.regression_items import RegressionItems
from likeness.systems.audio2face.regression_session import RegressionSession
from likeness.systems.audio2face.regression_terms import (
    RegressionTerms,
    collate_regression,
    r2_without_implicit,
    regress,
)
from likeness.systems.audio2face.running_normaliser import annealed_exponent
from likeness.systems.audio2face.shots import Clip, MutedShot
from likeness.systems.audio2face.terms import REGRESSION_TERMS
from likeness.training.groups import frozen_copy
from likeness.training.system import Batch, StepContext

logger = logging.getLogger(__name__)

_MUTED_STEP = 50
"""Steps between two looks at what sound alone tells: a second pass through the network."""


class RegressionLearner:
    """The network of one actor, its learned emotions and its terms.

    Args:
        config: of the run.
        cast: the actor and the emotions.
        rows: of the emotion data base.
        phonemes: language to number of phonemes and the place of silence among them.
        device: to be on.
    """

    loss_terms = REGRESSION_TERMS

    def __init__(
        self,
        config: AudioToFaceConfig,
        cast: Cast,
        rows: RowTable,
        *,
        phonemes: Phonemes | None,
        device: torch.device,
    ) -> None:
        self.config, self.cast, self.rows = config, cast, rows
        self.phonemes, self.device = phonemes, device
        settings = config.model.regression
        layout = ChannelLayout.of(self.actor)
        self.network = RegressionNetwork(
            settings,
            layout.skin,
            layout.tongue,
            layout.jaw,
            layout.eye,
            len(cast.labels.names),
            phonemes=None if phonemes is None else phonemes.vocabularies,
        ).to(device)
        self.emotions = ImplicitEmotions(
            rows.num_rows, settings.implicit_emotion_len, config.learning.emotion_sigma
        ).to(device)
        silence = {}
        if phonemes is not None:
            silence = {name: phonemes.silence(name) for name in phonemes.vocabularies}
        self.terms = RegressionTerms(self.actor, config.learning.terms, silence=silence).to(device)

    @property
    def actor(self) -> ActorArtefacts:
        """The only one."""
        return self.cast.identities.actors[0]

    @staticmethod
    def rows_of(config: AudioToFaceConfig, recordings: Recordings, cast: Cast) -> RowTable:
        """A row for every frame of every shot and muted shot, or of those that are in clips.

        Raises:
            UsageError: the emotion to hold is not there, or no clip to train on has its frame.
        """
        actor = cast.identities.actors[0]
        muted = [shot for shot in recordings.muted if shot.actor == actor.actor]
        table = RowTable.of(actor.shots, muted)
        names = muted_names(muted, taken=[shot.name for shot in actor.shots])
        if config.learning.compact_emotions:
            table = table.compacted(recordings.clips("all"), keep=names)
        table = table.trained_on(recordings.clips("train"), keep=names)
        held = config.postprocessing
        if held.source_shot is not None:
            fault = table.not_learned(held.source_shot, held.source_frame or 0)
            if fault:
                raise UsageError(fault, advice="Change postprocessing.source_shot or source_frame.")
        return table

    def source(self, recordings: Recordings, clips: Sequence[Clip], *, training: bool) -> Source:
        config, audio = self.config, self.config.audio
        muted: Sequence[MutedShot] = recordings.muted if training else ()
        folder = recordings.actors[self.actor.actor].audio
        return RegressionItems(
            recordings.artefacts[self.actor.actor],
            clips,
            TrackCache(folder, audio.method, audio.keeps_decoded),
            self.rows,
            self.cast.labels,
            sampling=config.learning.sampling,
            audio=audio,
            muted=muted,
            muted_settings=config.muted,
            neutral=recordings.default_emotion,
            window=config.model.regression.window,
            steps=self.network.steps,
            phonemes=self.phonemes,
        )

    def collate(self, samples: Sequence[Sample]) -> Batch:
        return collate_regression(samples)

    def begin(self, source: Source) -> None:
        assert isinstance(source, RegressionItems)
        targets = source.all_targets().astype(np.float64)
        mean, scale = (torch.from_numpy(v) for v in (targets.mean(0), targets.std(0)))
        self.network.set_output_statistics(
            mean.float().to(self.device), scale.float().to(self.device)
        )

    def start_from(self, earlier: EarlierRun, source: Source) -> None:
        """Ears of the earlier run; heads of it too where the basis is the same, else fitted.

        Learned emotions begin around the one that the earlier run predicts with.
        """
        assert isinstance(source, RegressionItems)
        same = earlier.has_basis(self.actor)
        heads = () if same else ("network.heads.", "network.output_")
        explicit = "network.explicit.weight"
        take_weights(
            earlier, self.groups(), own=(*heads, explicit, "network.phoneme_head.", "emotions.")
        )
        take_emotions(earlier, self.network.explicit, explicit, self.cast.labels.names)
        held = held_emotion(earlier)
        with torch.no_grad():
            self.emotions.weight += held.to(self.device)
        if not same:
            strength = fit_heads(self.network, self.terms, source, held)
            logger.info("Heads are fitted to %d samples, strength %.3g.", len(source), strength)

    def groups(self) -> Mapping[str, nn.Module]:
        return {"network": self.network, "emotions": self.emotions}

    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        self.terms.normalisers.begin(context.step)
        says = context.active("phoneme") or context.active("phoneme_motion")
        out = regress(self.network, self.emotions, batch, with_phonemes=says)
        with torch.autocast(context.device.type, enabled=False):
            prediction = out.prediction.float()
            found = self.terms(
                prediction,
                batch,
                out.implicit.float(),
                logits={name: logits.float() for name, logits in out.logits.items()},
                exponent=annealed_exponent(context.progress),
                active=context.active,
                gather=context.gather,
            )
            context.log("r2", r2(prediction.detach(), batch["target"]))
            if context.step % _MUTED_STEP == 0:
                context.log("r2_emo_zero", r2_without_implicit(self.network, batch))
        zero = prediction.sum() * 0
        return {name: found.get(name, zero) for name in self.loss_terms if context.active(name)}

    def predictor(self, weights: Mapping[str, Tensor] | None) -> RegressionPredictor:
        return RegressionPredictor(
            frozen_copy(self.network, weights, "network"),
            frozen_copy(self.emotions, weights, "emotions").weight.cpu().numpy(),
            self.rows,
            self.cast,
            config=self.config,
        )

    def state(self) -> dict[str, Any]:
        self.terms.normalisers.end_step()
        sizes = self.terms.normalisers.state_dict()
        return {"rows": self.rows.to_json(), **{f"sizes.{k}": v for k, v in sizes.items()}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        if state["rows"] != self.rows.to_json():
            raise UsageError(
                "The run's emotion data base has other shots than the dataset at hand.",
                advice="Resume with the dataset and the clips the run began with.",
            )
        self.terms.normalisers.load_state_dict(group_of(state, "sizes"))


def held_emotion(earlier: EarlierRun) -> Tensor:
    """(length,) the learned emotion that an earlier run of regression holds unless told another."""
    rows, state = RowTable.from_json(earlier.state["learner.rows"]), earlier.state
    known = {row.name for row in rows.shots}
    default = [
        shot["name"]
        for shot in state["actor0.shots"]
        if shot["emotion"] == state["default_emotion"]
    ]
    vectors = earlier.weights["emotions.weight"]
    name, place = representative(rows, vectors, [shot for shot in default if shot in known])
    return vectors[rows.shot(name).start + place].detach().clone().cpu()


class RegressionPredictor(SpeechToFace):
    """Windows of speech to poses of the one actor.

    Args:
        network: in eval mode.
        vectors: (rows, 16) of the emotion data base.
        rows: which row belongs to which frame.
    """

    network_type = "regression"

    def __init__(
        self,
        network: RegressionNetwork,
        vectors: Floats,
        rows: RowTable,
        cast: Cast,
        *,
        config: AudioToFaceConfig,
    ) -> None:
        super().__init__(cast, config=config, fps=cast.identities.actors[0].fps)
        self.network, self.vectors, self.rows = network, vectors, rows

    def source_frame(self) -> tuple[str, int]:
        """Shot and frame whose learned emotion is held: as set, else the most usual neutral one."""
        settings = self.postprocessing
        if settings.source_shot is not None:
            shot, frame = settings.source_shot, settings.source_frame or 0
            if fault := self.rows.not_learned(shot, frame):
                logger.warning("%s", fault)
            return shot, frame
        neutral = [
            shot.name
            for shot in self.identities.actors[0].shots
            if shot.emotion == self.cast.default_emotion
            and shot.name in {row.name for row in self.rows.shots}
        ]
        return representative(self.rows, torch.from_numpy(self.vectors), neutral)

    def session(
        self,
        actor: str | None = None,
        emotion: Emotion | None = None,
        *,
        seed: int = 0,
        timing: TimingMode = "centre",
    ) -> RegressionSession:
        held = self.rows.held_row(*self.source_frame())
        track: EmotionTrack = self.emotion_track(emotion)
        return RegressionSession(
            self.network,
            self.artefacts(actor),
            self.vectors[held],
            track,
            fps=self.fps,
            timing=timing,
        )

    @property
    def look_ahead(self) -> tuple[float, float]:
        seconds = self.network.settings.window / 2 / SAMPLE_RATE
        return seconds, seconds
