"""A preprocessed actor as files with the reference's names, keys and shapes.

Numbers are float32 in C order and arrays stored as they are, which is what the runtime of packages
can read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from likeness.geometry.array_files import write_arrays
from likeness.replacement import replacing
from likeness.systems.audio2face.artefacts import CHANNELS, ActorArtefacts, Basis, LipSize, Pairs
from likeness.systems.audio2face.preprocessing import layout
from likeness.systems.audio2face.preprocessing.blendshape_files import write_blendshapes
from likeness.systems.audio2face.preprocessing.normalisation import mean_geometry_of
from likeness.systems.audio2face.preprocessing.shot_files import (
    write_clips,
    write_clips_template,
    write_json,
    write_shots,
)
from likeness.systems.audio2face.shots import Clip


def write_artefacts(folder: Path, artefacts: ActorArtefacts, clips: Sequence[Clip]) -> None:
    """Write all files of an actor below a folder.

    ``read_artefacts`` reads them again. Which folder counts as finished is the business of the
    caller.
    """
    _write_basis(folder, artefacts.skin, layout.SKIN_SHAPES, layout.SKIN_COEFFICIENTS)
    _write_basis(folder, artefacts.tongue, layout.TONGUE_SHAPES, layout.TONGUE_COEFFICIENTS)
    if artefacts.tongue_transforms:
        write_floats(folder / layout.TONGUE_TRANSFORMS, artefacts.tongue_transforms)
    write_floats(folder / layout.NETWORK_DATA, network_data(artefacts))
    write_json(folder / layout.DATA_INFO, data_info(artefacts))
    write_shots(folder / layout.SHOTS, artefacts.shots)
    write_clips(folder / layout.CLIPS, clips)
    write_clips_template(folder / layout.CLIPS_TEMPLATE, clips)
    with replacing(folder / layout.MEAN_GEOMETRY) as temporary, open(temporary, "wb") as file:
        np.save(file, mean_geometry_of(artefacts).astype("<f4"), allow_pickle=False)
    write_json(folder / layout.VERTEX_LISTS, _vertex_lists(artefacts))
    write_floats(folder / layout.JAW, artefacts.jaw)
    write_floats(folder / layout.EYES, artefacts.eyes)
    for part, shapes in (
        ("skin", artefacts.blendshapes),
        ("tongue", artefacts.tongue_blendshapes),
    ):
        if shapes is not None:
            shapes_file, settings_file = layout.blendshape_files(part, artefacts.actor)
            write_blendshapes(folder / shapes_file, folder / settings_file, shapes)


def network_data(artefacts: ActorArtefacts) -> dict[str, np.ndarray]:
    """What a package needs of an actor, by the reference's keys: the neutrals are the package's."""
    return {
        "shapes_matrix_skin": artefacts.skin.shapes,
        "shapes_mean_skin": artefacts.neutral_skin,
        "neutral_skin": artefacts.neutral_skin,
        "lip_open_pose_delta": artefacts.lip_open_delta,
        "eye_close_pose_delta": artefacts.eye_close_delta,
        "shapes_matrix_tongue": artefacts.tongue.shapes,
        "shapes_mean_tongue": artefacts.neutral_tongue,
        "neutral_tongue": artefacts.neutral_tongue,
        "neutral_jaw": artefacts.jaw_neutral,
        "blink_keys": artefacts.blink_keys,
        "saccade_rot_matrix": artefacts.saccades,
    }


def data_info(artefacts: ActorArtefacts) -> dict[str, Any]:
    """Sizes of the channels and their normalisation."""
    info: dict[str, Any] = {
        "num_shapes_skin": artefacts.skin.shapes.shape[0],
        "num_verts_skin": artefacts.skin.shapes.shape[1],
        "num_shapes_tongue": artefacts.tongue.shapes.shape[0],
        "num_verts_tongue": artefacts.tongue.shapes.shape[1],
        "num_keypoints_jaw": len(artefacts.jaw_neutral),
        "num_angles_eye": 2,
    }
    for channel in CHANNELS:
        normalisation = artefacts.normalisation[channel]
        info[f"translate_{channel}"] = list(normalisation.translate)
        info[f"scale_{channel}"] = normalisation.scale
    return info


def write_floats(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Arrays of an .npz file as little-endian float32 in C order, stored."""
    write_arrays(path, {name: array.astype("<f4") for name, array in arrays.items()}, {})


def _write_basis(folder: Path, basis: Basis, shapes: str, coefficients: str) -> None:
    write_floats(folder / shapes, {"shapes_matrix": basis.shapes, "shapes_mean": basis.mean})
    arrays = basis.coefficients
    if basis.is_placeholder:
        arrays = {layout.PLACEHOLDER: np.zeros((1, len(basis.shapes)), np.float32)}
    write_floats(folder / coefficients, arrays)


def _vertex_lists(artefacts: ActorArtefacts) -> dict[str, Any]:
    """The schemas of datasets, null where there is none."""

    def pairs(value: Pairs | None, upper: str = "upper", lower: str = "lower") -> Any:
        if value is None:
            return None
        return {upper: value.upper.tolist(), lower: value.lower.tolist()}

    def lips(value: LipSize | None) -> Any:
        if value is None:
            return None
        return {
            "upper_lip": pairs(value.upper_lip, "top", "bottom"),
            "lower_lip": pairs(value.lower_lip, "top", "bottom"),
        }

    return {
        "lip_dist": pairs(artefacts.lip_distance),
        "lip_size": lips(artefacts.lip_size),
        "eye_dist": pairs(artefacts.eye_distance),
    }
