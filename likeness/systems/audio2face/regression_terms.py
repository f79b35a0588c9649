"""What the regression network learns by: a batch and a prediction to named terms.

Owns which part of a prediction each term compares. The formulas are ``losses.py``; weights are the
loop's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from likeness.data.source import Sample
from likeness.systems.audio2face import losses
from likeness.systems.audio2face.artefacts import ActorArtefacts
from likeness.systems.audio2face.channel_layout import ChannelLayout
from likeness.systems.audio2face.implicit_emotions import ImplicitEmotions
from likeness.systems.audio2face.learning_settings import RegressionTermSettings
from likeness.systems.audio2face.networks.regression import RegressionNetwork
from likeness.systems.audio2face.running_normaliser import Normalisers
from likeness.systems.audio2face.vertex_gaps import CoefficientGaps

NORMALISED_TERMS = ("mse", "motion", "emotion_regularisation", "phoneme", "phoneme_motion")
"""Divided by their running size, and annealed."""
REGRESSION_TERMS = (*NORMALISED_TERMS, "lip_distance", "lip_size", "volume_stability")


class RegressionBatch(TypedDict):
    """B samples of :class:`~likeness.systems.audio2face.regression_items.RegressionItems`."""

    audio: Tensor  # (B, S, window)
    target: Tensor  # (B, S, D)
    named: Tensor  # (B, E)
    rows: Tensor  # (B, S) int64
    volume: Tensor  # (B,)
    phonemes: Tensor  # (B, S, T, P); only when they are learned
    emotion: list[str]
    language: list[str]
    id: list[str]


def collate_regression(samples: Sequence[Sample]) -> dict[str, Any]:
    """A :class:`RegressionBatch` of samples."""
    batch: dict[str, Any] = {
        name: [str(sample[name]) for sample in samples] for name in ("id", "emotion", "language")
    }
    for name in ("audio", "target", "named", "rows", "volume", "phonemes"):
        if name in samples[0]:
            batch[name] = torch.from_numpy(np.stack([sample[name] for sample in samples]))
    return batch


class RegressionTerms(nn.Module):
    """The terms of one actor. Its only state is the running size of the normalised terms.

    Args:
        artefacts: of the actor; a term whose vertex list is missing cannot be had.
        settings: shapes of the terms.
        silence: language to the column of silence, where phonemes are learned.
        unit: cm per unit of the artefacts.
    """

    factors: Tensor

    def __init__(
        self,
        artefacts: ActorArtefacts,
        settings: RegressionTermSettings,
        *,
        silence: Mapping[str, int] | None = None,
        unit: float = 1.0,
    ) -> None:
        super().__init__()
        self.settings, self.layout = settings, ChannelLayout.of(artefacts)
        self.normalisers = Normalisers(NORMALISED_TERMS)
        self._silence = dict(silence or {})
        factors = torch.ones(self.layout.size)
        for channel, factor in settings.channel_weights.items():
            factors[self.layout.slices[channel]] = factor
        self.register_buffer("factors", factors, persistent=False)

        def gaps(pairs: Any) -> CoefficientGaps | None:
            if pairs is None:
                return None
            return CoefficientGaps(artefacts.skin, pairs, up=settings.up_axis, unit=unit)

        self.lips = gaps(artefacts.lip_distance)
        size = artefacts.lip_size
        self.upper_lip = gaps(size.upper_lip if size else None)
        self.lower_lip = gaps(size.lower_lip if size else None)
        self.lids = gaps(artefacts.eye_distance if settings.removes_closed_eyes else None)

    @property
    def available(self) -> frozenset[str]:
        """Names of the terms that the artefacts and the languages allow."""
        off = set()
        if self.lips is None:
            off.add("lip_distance")
        if self.upper_lip is None:
            off.add("lip_size")
        if not self._silence:
            off |= {"phoneme", "phoneme_motion"}
        return frozenset(REGRESSION_TERMS) - off

    def open_eyed(self, target: Tensor) -> Tensor:
        """(B,) True for the samples that are learned from; all of them without a list of lids."""
        if self.lids is None:
            return torch.ones(len(target), dtype=torch.bool, device=target.device)
        skin = target[..., self.layout.slices["skin"]]
        return losses.eyes_open(self.lids(skin), self.settings.eye_threshold)

    def forward(
        self,
        prediction: Tensor,
        batch: Mapping[str, Any],
        implicit: Tensor,
        *,
        logits: Mapping[str, Tensor] | None = None,
        exponent: float = 1.0,
        active: Callable[[str], bool] = lambda name: True,
        gather: Callable[[Tensor], Tensor] = lambda tensor: tensor,
    ) -> dict[str, Tensor]:
        """Term name to scalar: n(l)^``exponent`` of the normalised terms, l of the others.

        Samples with closed eyes neither count nor are counted; a batch of nothing else gives 0.

        Args:
            prediction: (B, S, D).
            batch: a :class:`RegressionBatch`.
            implicit: (B, S, length) learned emotions.
            logits: of :meth:`RegressionNetwork.with_phonemes`.
            exponent: :func:`~likeness.systems.audio2face.running_normaliser.annealed_exponent`.
            active: whether a term counts now.
            gather: of all processes, for the running size of the normalised terms.
        """
        wanted = {name for name in self.available if active(name)}
        if prediction.shape[1] < 2:
            wanted -= {"motion", "emotion_regularisation", "volume_stability", "phoneme_motion"}
        plain: dict[str, Tensor] = {}
        keep = self.open_eyed(batch["target"])
        if keep.any():
            plain |= self._pose_terms(wanted, prediction, batch, keep)
        if "emotion_regularisation" in wanted:
            plain["emotion_regularisation"] = losses.motion_ratio(implicit)
        if logits and any(language in logits for language in batch["language"]):
            plain |= self._phoneme_terms(wanted, logits, batch)
        zero = prediction.sum() * 0 + implicit.sum() * 0
        terms = dict.fromkeys(sorted(wanted), zero)
        for name, value in plain.items():
            normalised = name in NORMALISED_TERMS
            terms[name] = self.normalisers(name, value, exponent) if normalised else value
        self.normalisers.end_micro_batch(gather, prediction.device)
        return terms

    def _pose_terms(
        self, wanted: set[str], prediction: Tensor, batch: Mapping[str, Any], keep: Tensor
    ) -> dict[str, Tensor]:
        found, target = prediction[keep], batch["target"][keep]
        columns, own = self.layout.slices, self.settings
        terms: dict[str, Tensor] = {}
        weighted, true_weighted = found * self.factors, target * self.factors
        if "mse" in wanted:
            terms["mse"] = losses.mean_square(weighted, true_weighted)
        if "motion" in wanted:
            terms["motion"] = losses.motion(weighted, true_weighted)
        skin, true_skin = found[..., columns["skin"]], target[..., columns["skin"]]
        if "lip_distance" in wanted and self.lips is not None:
            weights = _weights(batch["emotion"], own.lip_distance_weights, target, keep)
            terms["lip_distance"] = losses.lip_distance(
                self.lips(skin), self.lips(true_skin), own.lip_exponent, weights
            )
        if "lip_size" in wanted and self.upper_lip is not None and self.lower_lip is not None:
            weights = _weights(batch["emotion"], own.lip_size_weights, target, keep)
            terms["lip_size"] = losses.lip_size(
                (self.upper_lip(skin), self.lower_lip(skin)),
                (self.upper_lip(true_skin), self.lower_lip(true_skin)),
                weights,
            )
        if "volume_stability" in wanted:
            heard = found[..., : columns["eye"].start]
            terms["volume_stability"] = losses.volume_stability(
                heard, batch["volume"][keep], own.volume_exponent
            )
        return terms

    def _phoneme_terms(
        self, wanted: set[str], logits: Mapping[str, Tensor], batch: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        targets, languages = batch["phonemes"], batch["language"]
        terms: dict[str, Tensor] = {}
        if "phoneme" in wanted:
            class_weights = {}
            for language, values in logits.items():
                weights = values.new_ones(values.shape[-1])
                weights[self._silence[language]] = self.settings.silence_weight
                class_weights[language] = weights
            terms["phoneme"] = losses.phoneme_cross_entropy(
                logits, targets, languages, class_weights
            )
        if "phoneme_motion" in wanted:
            terms["phoneme_motion"] = losses.phoneme_motion(logits, targets, languages)
        return terms


def _weights(
    emotions: Sequence[str], table: Mapping[str, float] | None, like: Tensor, keep: Tensor
) -> Tensor | None:
    if table is None:
        return None
    weights = torch.tensor([table.get(name, 1.0) for name in emotions], device=like.device)
    return weights.to(like.dtype)[keep]


@dataclass(frozen=True)
class RegressionOutput:
    """What one pass through the network gives.

    Attributes:
        prediction: (B, S, D).
        implicit: (B, S, length).
        logits: language to (B, S, T, P).
    """

    prediction: Tensor
    implicit: Tensor
    logits: Mapping[str, Tensor]


def regress(
    network: RegressionNetwork,
    emotions: ImplicitEmotions,
    batch: Mapping[str, Any],
    *,
    with_phonemes: bool = False,
) -> RegressionOutput:
    """The network on a batch, with the learned emotion of each frame."""
    implicit = emotions(batch["rows"])
    joined = torch.cat([implicit, _repeated(batch["named"], implicit)], -1)
    if with_phonemes:
        prediction, logits = network.with_phonemes(batch["audio"], joined)
        return RegressionOutput(prediction, implicit, logits)
    return RegressionOutput(network(batch["audio"], joined), implicit, {})


@torch.no_grad()
def r2_without_implicit(network: RegressionNetwork, batch: Mapping[str, Any]) -> Tensor:
    """r² on a batch with the learned emotions zeroed and without noise: what sound alone tells."""
    items, frames = batch["rows"].shape
    implicit = batch["named"].new_zeros(items, frames, network.settings.implicit_emotion_len)
    was_training = network.training
    network.eval()
    try:
        joined = torch.cat([implicit, _repeated(batch["named"], implicit)], -1)
        return losses.r2(network(batch["audio"], joined), batch["target"])
    finally:
        network.train(was_training)


def _repeated(named: Tensor, implicit: Tensor) -> Tensor:
    return named.unsqueeze(1).expand(-1, implicit.shape[1], -1)
