"""What the two kinds of networks have in common for the loop: a few functions each.

Owns the protocol only. ``regression_learner.py`` and ``diffusion_learner.py`` are the two stories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from likeness.data.source import Sample, Source
from likeness.systems.audio2face.cast import Cast
from likeness.systems.audio2face.face_predictor import SpeechToFace
from likeness.systems.audio2face.initial_weights import EarlierRun
from likeness.systems.audio2face.recordings import Recordings
from likeness.systems.audio2face.shots import Clip
from likeness.training.system import Batch, StepContext


class Learner(Protocol):
    """A network of some actors, and how it learns."""

    loss_terms: frozenset[str]
    """Every term it can give."""

    cast: Cast
    """Whom it is of."""

    def source(self, recordings: Recordings, clips: Sequence[Clip], *, training: bool) -> Source:
        """Samples of these clips; muted shots only in training."""

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Samples to a batch."""

    def begin(self, source: Source) -> None:
        """What a new network takes from the data before it learns: the scale of its output."""

    def start_from(self, earlier: EarlierRun, source: Source) -> None:
        """Take what an earlier run knows of any face, and from the samples what it cannot."""

    def groups(self) -> Mapping[str, nn.Module]:
        """What learns, by name."""

    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        """The terms that are active; a term an actor has no lists for is 0."""

    def predictor(self, weights: Mapping[str, Tensor] | None) -> SpeechToFace:
        """A predictor of its own copy of the weights, in eval mode."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps besides weights and actors."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` gave."""
