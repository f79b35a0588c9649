"""Weights and files a run starts from, and whether they fit its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from likeness.errors import MissingError, UsageError
from likeness.models.resnet import build_trunk, load_pretrained
from likeness.runs import selection
from likeness.runs.earlier import earlier_settings
from likeness.runs.run import Run
from likeness.systems.face_encoder.albedo_space import (
    albedo_fingerprint,
    check_fits_head,
    open_albedo_space,
    reads_albedo,
)
from likeness.systems.face_encoder.config import FaceEncoderConfig
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.layout import VectorLayout, layout_of

if TYPE_CHECKING:
    from likeness.geometry.head_asset import HeadAsset

_SYSTEM = "face-encoder"
_SHAPING = ("backbone", "pooling", "hidden", "layout")
"""Settings of the model that decide the shapes of its weights by themselves."""
_COLUMNS = {
    "num_shape": "face.shape",
    "num_expression": "face.expression",
    "num_albedo": "face.albedo",
}
"""Settings that do so together with the head model, and the segment each sizes."""


def initial_weights(path: str | Path) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
    """Weights ("group.parameter") and state of a run's best checkpoint; the average if it has one.

    Raises:
        UsageError: there is no run.
        MissingError: there is no checkpoint in it.
    """
    checkpoint = selection.find(Run(path), "best")
    return checkpoint.weights(ema=checkpoint.has_ema), checkpoint.state()


def check_initial_run(config: FaceEncoderConfig) -> None:
    """The run of ``model.initial_run`` is there and its weights fit this configuration.

    Raises:
        UsageError: it is no run of this system, or was trained with other settings; both are named.
        MissingError: no run there, or no checkpoint in it.
    """
    model = config.model
    if model.initial_run is None:
        return
    try:
        run = Run(model.initial_run)
    except UsageError as error:
        raise MissingError(
            f"model.initial_run is '{model.initial_run}': {error.message}",
            advice="Give the directory of a face-encoder run, or null to start from nothing.",
        ) from error
    earlier = earlier_settings(run, FaceEncoderConfig, system=_SYSTEM).model
    differing = [name for name in _SHAPING if getattr(earlier, name) != getattr(model, name)]
    if not differing:
        state, head = selection.find(run, "best").state(), open_head(model.head)
        before, now = VectorLayout.from_json(state["layout"]), layout_of(model, head)
        differing = [
            setting
            for setting, segment in _COLUMNS.items()
            if _dim(before, segment) != _dim(now, segment)
        ]
        is_other = state["head_fingerprint"] != head.fingerprint
        if is_other and (differing or not config.data.allow_model_mismatch):
            differing.insert(0, "head")
        if not differing and reads_albedo(now, head, model.albedo):
            check_albedo(state, config=config, albedo=albedo_fingerprint(model.albedo))
    # Settings first: columns that follow from another head model are no fault of their own.
    asked = [name for name in differing if getattr(earlier, name) != getattr(model, name)]
    if asked:
        told = ", ".join(
            f"model.{name} is {_word(getattr(earlier, name))} there and "
            f"{_word(getattr(model, name))} here"
            for name in asked
        )
        wanted = " ".join(f"model.{name}={_word(getattr(earlier, name))}" for name in asked)
        remedy = f"Set {wanted}"
    elif differing:
        told = f"the head model at model.head={model.head} is another one now"
        remedy = "Put the head model of that run there"
    if differing:
        raise UsageError(
            f"The weights of model.initial_run '{model.initial_run}' do not fit: {told}.",
            advice=f"{remedy}, or start from another run.",
        )


def check_files(config: FaceEncoderConfig) -> None:
    """The files of ``model.pretrained`` and ``model.albedo`` are there, whole, and fit.

    They are read to the end, as training would: a file can be told sound in no other way.

    Raises:
        MissingError: there is no such file.
        UnsafeFileError: reading it would run code.
        DataError: it is damaged, or something else.
        UsageError: it does not fit the trunk, the head model or the number of albedo columns.
    """
    model = config.model
    if model.pretrained is not None:
        load_pretrained(build_trunk(model.backbone), model.pretrained)
    if model.albedo == "synthetic" or not model.num_albedo:
        return
    head = open_head(model.head)
    layout = layout_of(model, head)
    num_albedo = _dim(layout, "face.albedo")
    if num_albedo:
        check_fits_head(model.albedo, head)
    if reads_albedo(layout, head, model.albedo):
        open_albedo_space(model.albedo, num_albedo)


def check_state(
    state: Mapping[str, Any],
    *,
    config: FaceEncoderConfig,
    layout: VectorLayout,
    head: HeadAsset,
    albedo: str,
) -> None:
    """The state of a checkpoint belongs to this layout, head model and albedo space.

    Args:
        albedo: fingerprint of the configured albedo space.

    Raises:
        UsageError: it does not; ``data.allow_model_mismatch`` lets all but the layout differ.
    """
    found = f"{state['head_name']} ({state['head_fingerprint'][:12]})"
    wanted = f"{head.name} ({head.fingerprint[:12]})"
    is_other_head = state["head_fingerprint"] != head.fingerprint
    if state["layout_fingerprint"] != layout.fingerprint:
        advice = "Keep model.layout and the column counts of the run the checkpoint is from."
        if is_other_head:  # a layout follows from its head, whose file may have been replaced
            raise UsageError(
                f"The checkpoint holds vectors of the head model {found}, but model.head "
                f"'{config.model.head}' is {wanted}, and vectors are laid out otherwise there.",
                advice=f"Put the head that it was trained with where model.head says. {advice}",
            )
        raise UsageError(
            "The checkpoint holds vectors of another layout than the configuration describes.",
            advice=advice,
        )
    if is_other_head and not config.data.allow_model_mismatch:
        advice = (
            "Set model.head to the file used in training, or write 'allow_model_mismatch: true' "
            "under data in the configuration if you know that the two agree."
        )
        if state["head_name"] == head.name == "studio":
            advice = (
                "The studio of this version of likeness has another head. Use the version that "
                "trained the checkpoint (environment.json of its run says which), or train anew."
            )
        raise UsageError(
            f"The checkpoint was trained with the head model {found}, but model.head "
            f"'{config.model.head}' is {wanted}; their coefficients mean different things.",
            advice=advice,
        )
    check_albedo(state, config=config, albedo=albedo)


def check_albedo(state: Mapping[str, Any], *, config: FaceEncoderConfig, albedo: str) -> None:
    """The state's albedo codes are of the albedo space with this fingerprint.

    Checkpoints made before it was kept, and spaces whose file is not here, are not compared.

    Raises:
        UsageError: they are of another one, without ``data.allow_model_mismatch``.
    """
    found = state.get("albedo_fingerprint", "")
    if found and albedo and found != albedo and not config.data.allow_model_mismatch:
        raise UsageError(
            f"The checkpoint was trained with another albedo space ({found[:12]}) than "
            f"model.albedo '{config.model.albedo}' ({albedo[:12]}); their codes mean different "
            "colours.",
            advice="Set model.albedo to the file used in training, or set "
            "data.allow_model_mismatch=true if the colours may be learned anew.",
        )


def _dim(layout: VectorLayout, name: str) -> int:
    return layout.segment(name).dim if name in layout else 0


def _word(value: object) -> str:
    return "null" if value is None else str(value)
