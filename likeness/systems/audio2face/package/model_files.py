"""``model.json``, ``model_config*.json`` and ``model_data*.npz``: names, keys and contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from likeness.systems.audio2face.artefacts import ActorArtefacts
from likeness.systems.audio2face.package.network_info import NetworkType
from likeness.systems.audio2face.postprocessing_settings import (
    POSTPROCESSING_KEYS,
    PostprocessingSettings,
)

_SHARED_KEYS = ("neutral_jaw", "lip_open_pose_delta", "eye_close_pose_delta", "saccade_rot_matrix")
DATA_KEYS: Mapping[str, tuple[str, ...]] = {
    "regression": (
        "shapes_matrix_skin",
        "shapes_mean_skin",
        "shapes_matrix_tongue",
        "shapes_mean_tongue",
        *_SHARED_KEYS,
    ),
    "diffusion": ("neutral_skin", "neutral_tongue", *_SHARED_KEYS),
}
"""Arrays of ``model_data``, exactly these; the runtime's conformance tests want no others."""

ALL_DATA_KEYS = (
    *DATA_KEYS["regression"],
    "neutral_skin",
    "neutral_tongue",
    "blink_keys",
)
"""What the reference writes for both types."""

_NUM_SACCADES = 5000
_LENGTH_SETTINGS = (
    "lower_teeth_height_offset",
    "lower_teeth_depth_offset",
    "tongue_height_offset",
    "tongue_depth_offset",
)


def data_arrays(
    artefacts: ActorArtefacts,
    network_type: NetworkType,
    *,
    full_data: bool = False,
    units_per_cm: float = 1.0,
) -> dict[str, np.ndarray]:
    """The arrays of ``model_data`` of one actor.

    Args:
        full_data: all eleven of the reference instead of those of the type.
        units_per_cm: 10 for a package in millimetres; angles and blinks stay what they are.
    """
    saccades = artefacts.saccades
    every: dict[str, np.ndarray] = {
        "shapes_matrix_skin": artefacts.skin.shapes * units_per_cm,
        "shapes_mean_skin": artefacts.neutral_skin * units_per_cm,
        "neutral_skin": artefacts.neutral_skin * units_per_cm,
        "lip_open_pose_delta": artefacts.lip_open_delta * units_per_cm,
        "eye_close_pose_delta": artefacts.eye_close_delta * units_per_cm,
        "shapes_matrix_tongue": artefacts.tongue.shapes * units_per_cm,
        "shapes_mean_tongue": artefacts.neutral_tongue * units_per_cm,
        "neutral_tongue": artefacts.neutral_tongue * units_per_cm,
        "neutral_jaw": artefacts.jaw_neutral * units_per_cm,
        "blink_keys": artefacts.blink_keys,
        "saccade_rot_matrix": saccades if len(saccades) else np.zeros((_NUM_SACCADES, 2)),
    }
    keys = ALL_DATA_KEYS if full_data else DATA_KEYS[network_type]
    return {key: every[key] for key in keys}


def config_document(
    settings: PostprocessingSettings, source: tuple[str, int] | None, units_per_cm: float = 1.0
) -> dict[str, Any]:
    """The document of ``model_config``.

    Args:
        settings: of one actor.
        source: shot and frame of the emotion data base, of regression packages.
        units_per_cm: of the package; offsets that are lengths are in its unit.

    Raises:
        pydantic.ValidationError: an offset in that unit is beyond the runtime's range.
    """
    if units_per_cm != 1.0:
        scaled = {key: getattr(settings, key) * units_per_cm for key in _LENGTH_SETTINGS}
        settings = settings.replace(**scaled)
    config = {key: getattr(settings, key) for key in POSTPROCESSING_KEYS}
    if source is not None:
        config |= {"source_shot": source[0], "source_frame": source[1]}
    return {"config": config}


def model_document(
    network_type: NetworkType, identities: Sequence[str], *, has_blendshapes: bool
) -> dict[str, Any]:
    """The document of ``model.json``; all paths are beside it."""
    document: dict[str, Any] = {
        "networkInfoPath": "network_info.json",
        "networkPath": "network.trt",
    }
    shapes = [
        {
            kind: {
                "config": blendshape_names(kind, identity)[1],
                "data": blendshape_names(kind, identity)[0],
            }
            for kind in ("skin", "tongue")
        }
        for identity in identities
    ]
    if network_type == "regression":
        document |= {
            "modelConfigPath": "model_config.json",
            "modelDataPath": "model_data.npz",
            "emotionDatabasePath": "implicit_emo_db.npz",
        }
        return document | ({"blendshapePaths": shapes[0]} if has_blendshapes else {})
    document |= {
        "modelConfigPaths": [f"model_config_{identity}.json" for identity in identities],
        "modelDataPaths": [f"model_data_{identity}.npz" for identity in identities],
    }
    return document | ({"blendshapePaths": shapes} if has_blendshapes else {})


def blendshape_names(kind: str, actor: str) -> tuple[str, str]:
    """Names of the data and of the settings of ``skin`` or ``tongue`` shapes."""
    return f"bs_{kind}_{actor}.npz", f"bs_{kind}_config_{actor}.json"
