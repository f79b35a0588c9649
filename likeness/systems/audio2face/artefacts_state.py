"""An actor in a checkpoint: what prediction, packages and a resumed run need of the preprocessing.

Owns the way from :class:`ActorArtefacts` to JSON values and tensors and back. The recordings
themselves (coefficients, jaw and eyes by shot) stay with the dataset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.systems.audio2face.artefacts import (
    ActorArtefacts,
    Basis,
    Blendshapes,
    LipSize,
    Normalisation,
    Pairs,
)
from likeness.systems.audio2face.shots import Shot

_ARRAYS = (
    "jaw_neutral",
    "neutral_skin",
    "neutral_tongue",
    "lip_open_delta",
    "eye_close_delta",
    "blink_keys",
    "saccades",
)
_BASES = ("skin", "tongue")
_FACES = ("skin_faces", "tongue_faces")
_BLENDSHAPES = ("blendshapes", "tongue_blendshapes")


def state_of(actor: ActorArtefacts) -> dict[str, Any]:
    """JSON values and tensors by name, as a checkpoint keeps them."""
    state: dict[str, Any] = {
        "actor": actor.actor,
        "fps": actor.fps,
        "shots": [asdict(shot) for shot in actor.shots],
        "normalisation": {name: asdict(value) for name, value in actor.normalisation.items()},
        "placeholders": [name for name in _BASES if getattr(actor, name).is_placeholder],
        "fingerprint": fingerprint_of(actor),
    }
    state |= {name: _tensor(getattr(actor, name)) for name in _ARRAYS}
    for name in _BASES:
        basis: Basis = getattr(actor, name)
        state |= {
            f"{name}.shapes": _tensor(basis.shapes),
            f"{name}.mean": _tensor(basis.mean),
            f"{name}.sizes": _tensor(basis.component_sizes),
        }
    for name, indices in _lists(actor).items():
        state[name] = torch.from_numpy(np.array(indices, np.int64))
    for name in _FACES:
        faces = getattr(actor, name)
        if faces is not None:
            state[name] = torch.from_numpy(np.array(faces, np.int64))
    for name in _BLENDSHAPES:
        shapes: Blendshapes | None = getattr(actor, name)
        if shapes is None:
            continue
        state[f"{name}.names"] = list(shapes.names)
        state[f"{name}.settings"] = dict(shapes.settings)
        state[f"{name}.neutral"] = _tensor(shapes.neutral)
        state[f"{name}.offsets"] = _tensor(shapes.offsets)
        if shapes.frontal_mask is not None:
            state[f"{name}.frontal_mask"] = torch.from_numpy(np.array(shapes.frontal_mask))
        if shapes.rig_version:
            state[f"{name}.rig_version"] = shapes.rig_version
    return state


def actor_from_state(state: Mapping[str, Any]) -> ActorArtefacts:
    """The actor again, without its recordings.

    Raises:
        DataError: something is missing, or the arrays are not those of the fingerprint.
    """
    try:
        actor = _actor_from_state(state)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"The actor in this checkpoint cannot be read: {error!r}.") from error
    if fingerprint_of(actor) != state["fingerprint"]:
        raise DataError(f"The arrays of actor '{actor.actor}' in this checkpoint were changed.")
    return actor


def fingerprint_of(actor: ActorArtefacts) -> str:
    """A hash of what a trained network depends on: bases, neutrals of training, normalisation."""
    digest = hashlib.sha256()
    for name in _BASES:
        basis: Basis = getattr(actor, name)
        for array in (basis.shapes, basis.mean):
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    digest.update(repr(sorted((k, asdict(v)) for k, v in actor.normalisation.items())).encode())
    digest.update(repr((actor.actor, actor.fps, [asdict(s) for s in actor.shots])).encode())
    return digest.hexdigest()


def _actor_from_state(state: Mapping[str, Any]) -> ActorArtefacts:
    arrays: dict[str, Any] = {name: _array(state[name]) for name in _ARRAYS}
    bases: dict[str, Any] = {
        name: Basis(
            _array(state[f"{name}.shapes"]),
            _array(state[f"{name}.mean"]),
            {},
            is_placeholder=name in state["placeholders"],
            recorded_sizes=_array(state[f"{name}.sizes"]),
        )
        for name in _BASES
    }
    blendshapes: dict[str, Any] = {
        name: Blendshapes(
            tuple(state[f"{name}.names"]),
            _array(state[f"{name}.neutral"]),
            _array(state[f"{name}.offsets"]),
            dict(state[f"{name}.settings"]),
            _indices(state, f"{name}.frontal_mask", np.int32),
            state.get(f"{name}.rig_version", ""),
        )
        for name in _BLENDSHAPES
        if f"{name}.names" in state
    }
    upper_lip, lower_lip = (_pairs(state, f"lip_size.{lip}") for lip in ("upper_lip", "lower_lip"))
    return ActorArtefacts(
        actor=state["actor"],
        fps=float(state["fps"]),
        shots=tuple(Shot(**shot) for shot in state["shots"]),
        **bases,
        **arrays,
        jaw={},
        eyes={},
        normalisation={
            name: Normalisation(tuple(value["translate"]), float(value["scale"]))
            for name, value in state["normalisation"].items()
        },
        lip_distance=_pairs(state, "lip_distance"),
        lip_size=LipSize(upper_lip, lower_lip) if upper_lip and lower_lip else None,
        eye_distance=_pairs(state, "eye_distance"),
        skin_faces=_indices(state, "skin_faces", np.int64),
        tongue_faces=_indices(state, "tongue_faces", np.int64),
        **blendshapes,
    )


def _lists(actor: ActorArtefacts) -> dict[str, NDArray[np.int64]]:
    pairs = {"lip_distance": actor.lip_distance, "eye_distance": actor.eye_distance}
    if actor.lip_size is not None:
        pairs["lip_size.upper_lip"] = actor.lip_size.upper_lip
        pairs["lip_size.lower_lip"] = actor.lip_size.lower_lip
    return {
        f"{name}.{side}": getattr(pair, side)
        for name, pair in pairs.items()
        if pair is not None
        for side in ("upper", "lower")
    }


def _pairs(state: Mapping[str, Any], name: str) -> Pairs | None:
    upper = _indices(state, f"{name}.upper", np.int64)
    lower = _indices(state, f"{name}.lower", np.int64)
    return Pairs(upper, lower) if upper is not None and lower is not None else None


def _indices(state: Mapping[str, Any], name: str, dtype: Any) -> NDArray[Any] | None:
    return state[name].cpu().numpy().astype(dtype) if name in state else None


def _tensor(array: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float32))


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.array(tensor.cpu().numpy(), np.float32)
