"""audio2face as the loop sees it: which actors there are, and which of two networks learns them.

How each network learns is ``regression_learner.py`` and ``diffusion_learner.py``. Actors come from
the dataset of a new run and from the checkpoint ever after: preprocessing is part of the model.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from likeness.data.contract import Split
from likeness.data.source import Sample, Source
from likeness.errors import UsageError
from likeness.evaluation.protocol import Scores
from likeness.runs.checkpoint import group_of
from likeness.seeds import seed_of
from likeness.systems.audio2face.artefacts_state import (
    actor_from_state,
    fingerprint_of,
    state_of,
)
from likeness.systems.audio2face.cast import Cast
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.dataset.contract import ClipRecords
from likeness.systems.audio2face.diffusion_learner import DiffusionLearner
from likeness.systems.audio2face.evaluate import FittedBaselines, evaluate_shots, shown_shots
from likeness.systems.audio2face.face_predictor import SpeechToFace
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.implicit_emotions import RowTable
from likeness.systems.audio2face.initial_weights import open_initial_run, start_published
from likeness.systems.audio2face.learner import Learner
from likeness.systems.audio2face.phoneme_targets import phonemes_of
from likeness.systems.audio2face.profiles import ADAPT
from likeness.systems.audio2face.recordings import Recordings, open_recordings
from likeness.systems.audio2face.regression_items import EmotionLabels
from likeness.systems.audio2face.regression_learner import RegressionLearner
from likeness.systems.audio2face.switched_off import switched_off
from likeness.systems.audio2face.terms import GROUP_NAMES, LOSS_TERMS, TERMS_OF
from likeness.training.system import Batch, Placement, Predictor, StepContext, System

_ACTOR = "actor"
logger = logging.getLogger(__name__)


class AudioToFace(System):
    """Speech to skin, tongue, jaw and eyes; see :mod:`likeness.systems.audio2face.config`."""

    config: AudioToFaceConfig

    group_names = GROUP_NAMES
    loss_terms = LOSS_TERMS

    def __init__(self, config: AudioToFaceConfig, placement: Placement) -> None:
        super().__init__(config, placement)
        # Of an instance only the terms of its network can be had.
        self.loss_terms = TERMS_OF[config.model.network]  # type: ignore[misc]
        self._recordings: Recordings | None = None
        self._baselines: FittedBaselines | None = None
        self._learner: Learner | None = None
        self._sources: dict[str, Source] = {}
        self._is_new = True

    @property
    def recordings(self) -> Recordings:
        """Of the dataset, preprocessed on first use."""
        if self._recordings is None:
            found = open_recordings(self.config)
            if self._learner is not None:
                _check_meshes(self._learner.cast, found)
            self._recordings = found
        return self._recordings

    @property
    def learner(self) -> Learner:
        """The network, made for the actors of the checkpoint, else of the dataset."""
        if self._learner is None:
            recordings = self.recordings
            cast = Cast(
                Identities(tuple(recordings.artefacts.values())),
                EmotionLabels.of(recordings.emotions, self.config.data.zero_emotion),
                recordings.default_emotion,
            )
            rows = None
            if self.config.model.network == "regression":
                rows = RegressionLearner.rows_of(self.config, recordings, cast)
            for sentence in switched_off(self.config, cast.identities.actors):
                logger.warning("%s", sentence)
            self._learner = self._learner_of(cast, rows)
        return self._learner

    def _learner_of(self, cast: Cast, rows: RowTable | None) -> Learner:
        device = self.placement.device
        # Made when the actors are known, so the seed of the weights is set here once more.
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed_of(self.config.train.seed, "weights"))
            if rows is None:
                return DiffusionLearner(self.config, cast, device=device)
            phonemes = phonemes_of(self.config)
            return RegressionLearner(self.config, cast, rows, phonemes=phonemes, device=device)

    def sources(self, split: str) -> Mapping[str, Source]:
        if split not in self._sources:
            recordings = self.recordings
            clips = recordings.clips(cast(Split, split))
            if clips or split == "train":
                source = self.learner.source(recordings, clips, training=split == "train")
            else:
                source = ClipRecords((), {})
            self._sources[split] = source
            if split == "train" and self._is_new:
                self.learner.begin(source)
        return {"speech": self._sources[split]}

    def collate(self, samples: Sequence[Sample]) -> Batch:
        return self.learner.collate(samples)

    def trainable(self) -> Mapping[str, nn.Module]:
        return self.learner.groups()

    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        return self.learner.losses(batch, context)

    def predictor(self, weights: Mapping[str, Tensor] | None = None) -> SpeechToFace:
        return self.learner.predictor(weights)

    def evaluate(self, predictor: Predictor, source: Source, folder: Path) -> Scores:
        split = next((name for name, own in self._sources.items() if own is source), "validation")
        speaker = cast(SpeechToFace, predictor)
        if self._baselines is None:
            self._baselines = FittedBaselines(self.recordings, speaker.fps)
        return evaluate_shots(
            speaker,
            self.recordings,
            cast(Split, split),
            self.config.evaluation,
            folder,
            self._baselines,
        )

    def preview(self, predictor: Predictor, folder: Path, step: int) -> list[Path]:
        return shown_shots(
            cast(SpeechToFace, predictor),
            self.recordings,
            self.config.evaluation,
            folder,
        )

    def initialise(self) -> None:
        earlier = open_initial_run(self.config)
        if earlier is None and any(stage.name == ADAPT for stage in self.config.stages):
            logger.warning(
                "The stage '%s' goes on from a run of the profile studio, and model.initial_run "
                "names none: it would be %s steps from random weights. Set model.initial_run.",
                ADAPT,
                sum(stage.steps or 0 for stage in self.config.stages),
            )
        if earlier is not None:
            self.learner.start_from(earlier, self.sources("train")["speech"])
        if self.config.model.published_weights is not None:
            start_published(self.learner.groups()["network"], self.config.model.published_weights)

    def state(self) -> dict[str, Any]:
        learner = self.learner
        cast = learner.cast
        state: dict[str, Any] = {
            "network": self.config.model.network,
            "actors": list(cast.identities.names),
            "emotions": list(cast.labels.names),
            "zero_emotion": cast.labels.zero,
            "default_emotion": cast.default_emotion,
        }
        for number, actor in enumerate(cast.identities.actors):
            state |= {f"{_ACTOR}{number}.{k}": v for k, v in state_of(actor).items()}
        return {**state, **{f"learner.{k}": v for k, v in learner.state().items()}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        if state.get("network") != self.config.model.network:
            raise UsageError(
                f"The run holds a network of the kind {state.get('network')}, the configuration "
                f"asks for {self.config.model.network}."
            )
        actors = tuple(
            actor_from_state(group_of(state, f"{_ACTOR}{number}"))
            for number in range(len(state["actors"]))
        )
        cast = Cast(
            Identities(actors),
            EmotionLabels(tuple(state["emotions"]), state["zero_emotion"]),
            state["default_emotion"],
        )
        own = group_of(state, "learner")
        self._is_new = False
        if self._learner is None:
            rows = RowTable.from_json(own["rows"]) if "rows" in own else None
            self._learner = self._learner_of(cast, rows)
        else:
            self._check_same(cast)
        self._learner.load_state(own)

    def _check_same(self, cast: Cast) -> None:
        """The dataset at hand is preprocessed as the run's was. Raises UsageError."""
        own = self.learner.cast
        found, wanted = (
            [fingerprint_of(actor) for actor in one.identities.actors] for one in (own, cast)
        )
        labels = own.labels == cast.labels and own.default_emotion == cast.default_emotion
        if found != wanted or not labels:
            raise UsageError(
                "The dataset at hand gives other bases, shots or emotions than those the run began "
                f"with (actors {', '.join(cast.identities.names)}): a network cannot change them.",
                advice="Resume with the dataset and the preprocessing settings of the run.",
            )


def _check_meshes(cast: Cast, recordings: Recordings) -> None:
    """Recordings to score a checkpoint on show its actors on its meshes. Raises UsageError."""
    for name, actor in cast.identities.by_name.items():
        found = recordings.artefacts.get(name)
        if found is not None and found.skin.mean.shape != actor.skin.mean.shape:
            raise UsageError(
                f"The skin of '{name}' has {len(found.skin.mean)} vertices in the dataset at hand, "
                f"and {len(actor.skin.mean)} in the run.",
                advice="Evaluate with recordings of the mesh the run was trained on.",
            )
