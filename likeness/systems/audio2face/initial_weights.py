"""Weights of an earlier run as the start of a new one, also for another face.

Owns which run can be a start and which of its tensors are taken. What hears is of every face. What
moves a face is of its basis, and is taken only where the basis is the same. Learned emotions are
of the frames of one dataset and are never taken.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from likeness.data.inspection import Inspection
from likeness.errors import MissingError, UsageError
from likeness.runs import selection
from likeness.runs.earlier import earlier_settings
from likeness.runs.run import Run
from likeness.systems.audio2face.artefacts import ActorArtefacts
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.networks.published_weights import check_published, load_published
from likeness.systems.audio2face.networks.regression import RegressionNetwork
from likeness.systems.audio2face.phoneme_targets import classifiers_of

logger = logging.getLogger(__name__)

_SYSTEM = "audio2face"
_FREE = {
    "regression": {"noise", "freezes_encoder", "encoder_path"},
    "diffusion": {"gru_dropout", "encoder_freeze", "encoder_path"},
}
"""Settings of a network that its weights do not depend on."""


@dataclass(frozen=True, eq=False)
class EarlierRun:
    """What a run leaves to start from.

    Attributes:
        path: of the run.
        weights: "group.parameter" to tensor; the running average where one was kept.
        state: of the system, as its checkpoint keeps it.
    """

    path: Path
    weights: Mapping[str, Tensor]
    state: Mapping[str, Any]

    @property
    def emotions(self) -> tuple[str, ...]:
        """The named emotions, in the order of their channels."""
        return tuple(self.state["emotions"])

    def has_basis(self, actor: ActorArtefacts) -> bool:
        """Whether coefficients of its first actor mean the same as those of another."""
        pairs = (
            (self.state["actor0.skin.shapes"], actor.skin.shapes),
            (self.state["actor0.tongue.shapes"], actor.tongue.shapes),
        )
        return all(np.array_equal(one.cpu().numpy(), other) for one, other in pairs)


def open_initial_run(config: AudioToFaceConfig) -> EarlierRun | None:
    """The best checkpoint of ``model.initial_run``; None where none is named.

    Raises:
        MissingError: there is no run, or no checkpoint in it.
        DataError: the checkpoint is damaged.
        UsageError: it is a run of another system, or its network is of another shape.
    """
    if config.model.initial_run is None:
        return None
    try:
        run = Run(config.model.initial_run)
    except UsageError as error:
        raise MissingError(
            f"model.initial_run is '{config.model.initial_run}': {error.message}",
            advice="Give the directory of an audio2face run, or null to start from nothing.",
        ) from error
    _check_settings(earlier_settings(run, AudioToFaceConfig, system=_SYSTEM), config, run.path)
    checkpoint = selection.find(run, "best")
    return EarlierRun(run.path, checkpoint.weights(ema=checkpoint.has_ema), checkpoint.state())


def inspect_configured(config: AudioToFaceConfig, *, begins: bool = True) -> Inspection:
    """Look at what a configuration trains on: its data, and where it begins the run it starts from.

    Raises:
        UsageError: the configuration names no data, or an earlier run that does not fit.
        MissingError: the earlier run or the published weights are not there, or no classifier is
            named for phonemes that are weighed.
        UnsafeFileError, DataError: published weights cannot be read, or are of no such network.
    """
    if not config.data.root:
        raise UsageError(
            "data.root names no dataset.",
            advice="Make one with 'likeness data make audio2face FOLDER', then add "
            "data.root=FOLDER.",
        )
    if begins:
        open_initial_run(config)
    classifiers_of(config)
    published = config.model.published_weights
    if begins and published is not None:
        if not Path(published).is_file():
            raise MissingError(
                f"model.published_weights is '{published}': there is no such file.",
                advice="Give the path of a weights.pth, or null to start from nothing.",
            )
        check_published(Path(published))
    return inspect_dataset(config.data.root)


def take_weights(
    earlier: EarlierRun, groups: Mapping[str, nn.Module], *, own: Sequence[str]
) -> None:
    """Load every tensor of ``groups`` from its namesake.

    Args:
        groups: what learns, by name.
        own: beginnings of the names of tensors that stay as they are.

    Raises:
        UsageError: a tensor that should be taken is missing or of another shape.
    """
    taken: list[str] = []
    new: list[str] = []
    for group, module in groups.items():
        for name, tensor in module.state_dict(prefix=f"{group}.").items():
            if name.startswith(tuple(own)):
                new.append(name)
                continue
            found = earlier.weights.get(name)
            if found is None or found.shape != tensor.shape:
                there = "not there" if found is None else f"{tuple(found.shape)} there"
                raise UsageError(
                    f"The weights of model.initial_run '{earlier.path}' do not fit: {name} is "
                    f"{there} and {tuple(tensor.shape)} here.",
                    advice="Give a run with the same model settings, or null to start from "
                    "nothing.",
                )
            with torch.no_grad():
                tensor.copy_(found)
            taken.append(name)
    logger.info("%d tensors come from %s, %d are new.", len(taken), earlier.path, len(new))


def start_published(network: nn.Module, path: str) -> None:
    """Start from the weights of the reference's framework; see ``load_published``."""
    head = network.phoneme_head if isinstance(network, RegressionNetwork) else None
    load_published(network, path, () if head is None else tuple(head.languages))
    logger.info("The network starts from the published weights '%s'.", path)


def take_emotions(earlier: EarlierRun, layer: nn.Linear, name: str, names: Sequence[str]) -> None:
    """Load the columns of the emotions both know into a layer that reads named emotions.

    Args:
        layer: its inputs are ``names``.
        name: of its weight in the checkpoint.
    """
    there = earlier.weights[name]
    with torch.no_grad():
        for column, emotion in enumerate(names):
            if emotion in earlier.emotions:
                layer.weight[:, column] = there[:, earlier.emotions.index(emotion)]


def _check_settings(there: AudioToFaceConfig, here: AudioToFaceConfig, path: Path) -> None:
    """Refuse a network of another shape, naming every setting that differs."""
    kind = here.model.network
    if there.model.network != kind:
        raise UsageError(
            f"model.initial_run '{path}' holds a network of the kind {there.model.network}; "
            f"model.network is {kind}.",
            advice=f"Set model.network={there.model.network}, or start from another run.",
        )
    before, now = (getattr(config.model, kind).model_dump() for config in (there, here))
    pairs = [
        (f"model.{kind}.{name}", before.get(name), value)
        for name, value in now.items()
        if name not in _FREE[kind] and before.get(name) != value
    ]
    if pairs:
        shown = ", ".join(f"{name} is {old} there and {new} here" for name, old, new in pairs)
        wanted = " ".join(f"{name}={_word(old)}" for name, old, _ in pairs)
        raise UsageError(
            f"The weights of model.initial_run '{path}' do not fit: {shown}.",
            advice=f"Set {wanted}, or start from another run.",
        )


def _word(value: object) -> str:
    return "null" if value is None else str(value).lower() if value in (True, False) else str(value)
