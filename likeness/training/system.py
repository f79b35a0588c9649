"""The waist between the loop and a system: a batch and a context go in, named loss terms come out.

Owns the protocol only: it imports no model, loss or dataset, and the loop knows nothing else of a
system.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from likeness.data.source import Sample, Source

if TYPE_CHECKING:
    from likeness.evaluation.protocol import Scores
    from likeness.training.stage import Stage

Batch = dict[str, Any]
"""Tensors by name (and lists of identifiers). Each system documents its own as a TypedDict."""


@dataclass(frozen=True)
class Placement:
    """Where a system lives and in which precision its frozen parts are kept."""

    device: torch.device
    base_dtype: torch.dtype = torch.float32
    """Storage of frozen weights; trainable weights are always float32."""


@dataclass(frozen=True)
class StepContext:
    """What one micro-batch of one step may know. All randomness in ``losses`` comes from here."""

    step: int
    """Optimiser steps done before this one, counted from 0 over the whole run."""
    stage: Stage
    weights: Mapping[str, float]
    """Weight of every term at this step, ramps resolved; absent terms are 0."""
    device: torch.device
    generator: torch.Generator
    """Seeded by (run seed, step, micro-batch over all processes); lives on ``device``."""
    progress: float = 0.0
    """Share of the run's steps that are done, 0 to 1: what a term that fades goes by."""
    log: Callable[[str, float | Tensor], None] = field(default=lambda name, value: None)
    """Record a value beside the loss terms; averaged over the logging interval."""
    gather: Callable[[Tensor], Tensor] = field(default=lambda tensor: tensor)
    """Concatenate over ranks along dimension 0; the gradient is kept for the local part."""

    def active(self, term: str) -> bool:
        """Whether the term counts at this step. A system skips the work of a term that does not."""
        return self.weights.get(term, 0.0) != 0.0


class Predictor(Protocol):
    """One trained model, ready to use: previews, evaluation, the CLI and export all call it."""

    def __call__(self, **inputs: Any) -> Mapping[str, Any]: ...


class System(ABC):
    """One way to model a person. Not a module: no frozen base is wrapped or saved by accident.

    Built from its own configuration and a :class:`Placement`, and nothing else.
    """

    loss_terms: ClassVar[frozenset[str]]
    """Every name ``losses`` can return; stage weights are checked against it at once."""

    group_names: ClassVar[frozenset[str] | None] = None
    """Every group ``trainable`` can give, so that stages are checked before anything is loaded;
    None: they are known once the system is built."""

    def __init__(self, config: Any, placement: Placement) -> None:
        self.config, self.placement = config, placement

    @abstractmethod
    def sources(self, split: str) -> Mapping[str, Source]:
        """Named sources of a split ("train", "validation", "test")."""

    @abstractmethod
    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Samples to one batch of CPU tensors. Runs in worker processes."""

    @abstractmethod
    def trainable(self) -> Mapping[str, nn.Module]:
        """Group name to module. Only these learn, and only these are checkpointed.

        A parameter of theirs that does not require a gradient at the start never will. The loop
        puts the groups a stage trains in train mode and the others in eval mode; a module that must
        stay in eval mode (a frozen norm) overrides ``train``.
        """

    @abstractmethod
    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        """Term name to unweighted scalar, a mean over the batch. The whole method is here.

        A term whose weight is 0 (``context.active(term)`` is False) may be left out.
        """

    @abstractmethod
    def predictor(self, weights: Mapping[str, Tensor] | None = None) -> Predictor:
        """A predictor with the given weights ("group.parameter" to tensor), else the current ones.

        The returned predictor owns a copy in eval mode: training on does not change it.
        """

    @abstractmethod
    def evaluate(self, predictor: Predictor, source: Source, folder: Path) -> Scores:
        """Score a predictor, each score beside its baseline; pictures go to ``folder``."""

    def preview(self, predictor: Predictor, folder: Path, step: int) -> list[Path]:
        """A few files to look at, from fixed held-out samples."""
        return []

    def describe(self, folder: Path) -> list[Path]:
        """A few files of text about what it predicts, written once a run."""
        return []

    def state(self) -> dict[str, Any]:
        """What inference needs besides weights: JSON values and tensors by name.

        On resume and at inference it comes from the checkpoint, never from the dataset at hand.
        """
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027 -- no state by default
        """Take back what :meth:`state` gave. Raises UsageError if it is another model's."""

    def initialise(self) -> None:  # noqa: B027 -- random weights by default
        """Load the weights a new run starts from. Not called with a checkpoint at hand."""

    def prepare(self, workspace: Path) -> None:  # noqa: B027 -- nothing by default
        """Compute inputs that never change (features, latents); keyed by fingerprints."""
