"""Reading a preprocessed actor: what was written here, or by the reference's preprocessing.

Archives may be compressed and numbers of any width; objects that need a pickle are refused. Every
array is checked against the others before anything is trained on it. A folder of the reference has
no animations of jaw and eyes and no vertex lists: :func:`with_recordings` takes those from the
dataset.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.array_files import read_arrays
from likeness.storage.json_files import read_json
from likeness.systems.audio2face.artefacts import (
    CHANNELS,
    ActorArtefacts,
    Basis,
    Floats,
    LipSize,
    Normalisation,
    Pairs,
)
from likeness.systems.audio2face.preprocessing import layout
from likeness.systems.audio2face.preprocessing.actor_parts import check_vertex_lists
from likeness.systems.audio2face.preprocessing.blendshape_files import read_blendshapes
from likeness.systems.audio2face.preprocessing.shot_files import read_shots
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Shot

_LIPS = ("upper_lip", "lower_lip")


def read_artefacts(
    folder: str | Path, *, replaced: Mapping[str, str | Path] | None = None
) -> ActorArtefacts:
    """The artefacts in a folder.

    Args:
        folder: of one actor, as :func:`preprocess` or the reference wrote it.
        replaced: files to read in place of the folder's, by the names of ``layout.REPLACEABLE``.

    Raises:
        MissingError: a file that must be there is not.
        DataError: arrays or numbers that are missing or do not fit together; the file is named.
        UnsafeFileError: an array that needs a pickle.
        UsageError: an unknown name in ``replaced``.
    """
    folder = Path(folder)
    files = _files(folder, replaced or {})
    shots = read_shots(files["shots"])
    placeholders = _placeholders(folder)
    skin = _read_basis(files["skin_shapes"], files["skin_coefficients"], shots, placeholders)
    tongue = _read_basis(files["tongue_shapes"], files["tongue_coefficients"], shots, placeholders)
    if skin.is_placeholder:
        raise DataError(f"{files['skin_coefficients']} has no shot.")
    lacking = [shot.name for shot in shots if shot.name not in skin.coefficients]
    if lacking:
        raise DataError(
            f"{files['skin_coefficients']} lacks shots of {files['shots']}: "
            f"{', '.join(lacking[:10])}."
        )
    data = _network_data(folder / layout.NETWORK_DATA, skin, tongue)
    jaw_neutral = data["neutral_jaw"]
    lists = _vertex_lists(folder / layout.VERTEX_LISTS)
    actor = _actor(folder, shots)
    transforms = _per_shot(folder / layout.TONGUE_TRANSFORMS, shots, (3, 4))
    artefacts = ActorArtefacts(
        actor=actor,
        fps=shots[0].fps,
        shots=shots,
        skin=skin,
        tongue=tongue,
        jaw_neutral=jaw_neutral,
        jaw=_per_shot(folder / layout.JAW, shots, jaw_neutral.shape),
        eyes=_per_shot(folder / layout.EYES, shots, (2, 2)),
        neutral_skin=data["neutral_skin"],
        neutral_tongue=data["neutral_tongue"],
        lip_open_delta=data["lip_open_pose_delta"],
        eye_close_delta=data["eye_close_pose_delta"],
        blink_keys=data["blink_keys"],
        saccades=data["saccade_rot_matrix"],
        normalisation=_normalisation(files["data_info"], skin, tongue, data),
        lip_distance=lists[0],
        lip_size=lists[1],
        eye_distance=lists[2],
        blendshapes=_blendshapes(folder, "skin", actor),
        tongue_blendshapes=_blendshapes(folder, "tongue", actor),
        tongue_transforms=transforms,
    )
    check_vertex_lists(artefacts, len(skin.mean))
    return artefacts


def with_recordings(artefacts: ActorArtefacts, actor: RecordedActor) -> ActorArtefacts:
    """Artefacts with jaw, eyes and vertex lists of the dataset they were made of.

    For folders that the reference's preprocessing wrote. Shots without jaw or eyes are still.

    Raises:
        DataError: a recording shorter than its shot, or of other sizes; vertices that are not
            there.
    """
    check_vertex_lists(actor, len(artefacts.skin.mean))
    shots = artefacts.shots
    return replace(
        artefacts,
        jaw=_fitting("jaw", actor.jaw, shots, artefacts.jaw_neutral.shape),
        eyes=_fitting("eyes", actor.eyes, shots, (2, 2)),
        lip_distance=actor.lip_distance,
        lip_size=actor.lip_size,
        eye_distance=actor.eye_distance,
        blendshapes=artefacts.blendshapes or actor.blendshapes,
        tongue_blendshapes=artefacts.tongue_blendshapes or actor.tongue_blendshapes,
    )


def floats_of(path: Path, *, needed: Sequence[str] = ()) -> dict[str, Floats]:
    """All arrays of an .npz file as float32 in C order.

    Raises:
        MissingError: there is no such file.
        DataError: a missing name, text, or numbers that are not finite.
    """
    arrays, texts = read_arrays(path)
    lacking = [name for name in needed if name not in arrays]
    if lacking:
        raise DataError(f"{path} lacks {', '.join(lacking)}; it has {', '.join(arrays) or 'none'}.")
    for name in texts:
        raise DataError(f"{path}: expected numbers in '{name}', found text.")
    out = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise DataError(f"{path}: expected numbers in '{name}', found {array.dtype}.")
        out[name] = np.ascontiguousarray(array, np.float32)
        if not np.isfinite(out[name]).all():
            raise DataError(f"{path}: '{name}' has numbers that are not finite.")
    return out


def _files(folder: Path, replaced: Mapping[str, str | Path]) -> dict[str, Path]:
    unknown = sorted(replaced.keys() - layout.REPLACEABLE.keys())
    if unknown:
        raise UsageError(
            f"No file of an actor is called {', '.join(unknown)}; there are "
            f"{', '.join(layout.REPLACEABLE)}."
        )
    if not folder.is_dir():
        raise MissingError(f"There is no folder {folder}.")
    return {
        name: Path(replaced.get(name, folder / usual)) for name, usual in layout.REPLACEABLE.items()
    }


def _placeholders(folder: Path) -> set[str] | None:
    """Files that hold zeros for a missing part; None where nobody wrote it down."""
    path = folder / layout.FINISHED
    if not path.is_file():
        return None
    noted = read_json(path)
    names = noted.get("placeholders") if isinstance(noted, dict) else None
    if not isinstance(names, list):
        raise DataError(f"{path}: expected a list 'placeholders'.")
    return {str(folder / name) for name in names}


def _read_basis(
    shapes_path: Path,
    coefficients_path: Path,
    shots: tuple[Shot, ...],
    placeholders: set[str] | None,
) -> Basis:
    arrays = floats_of(shapes_path, needed=("shapes_matrix", "shapes_mean"))
    shapes, mean = arrays["shapes_matrix"], arrays["shapes_mean"]
    if shapes.ndim != 3 or shapes.shape[2] != 3 or mean.shape != shapes.shape[1:]:
        raise DataError(
            f"{shapes_path}: expected shapes_matrix (K, V, 3) and shapes_mean (V, 3), found "
            f"{shapes.shape} and {mean.shape}."
        )
    given = floats_of(coefficients_path)
    is_placeholder = given.keys() == {layout.PLACEHOLDER}
    if placeholders is not None:
        is_placeholder = str(coefficients_path) in placeholders
    if is_placeholder:
        return Basis(shapes, mean, {}, is_placeholder=True)
    coefficients = _fitting(str(coefficients_path), given, shots, (len(shapes),), exact=True)
    return Basis(shapes, mean, coefficients)


def _fitting(
    where: str,
    arrays: Mapping[str, Floats],
    shots: tuple[Shot, ...],
    size: tuple[int, ...],
    *,
    exact: bool = False,
) -> dict[str, Floats]:
    """The arrays of the shots there are, checked and cut to the shots' lengths."""
    out = {}
    for shot in shots:
        if shot.name not in arrays:
            continue
        array = arrays[shot.name]
        fits = array.ndim == len(size) + 1 and array.shape[1:] == size
        enough = fits and len(array) >= shot.num_frames
        if not enough or (exact and len(array) != shot.num_frames):
            raise DataError(
                f"{where}, shot '{shot.name}': expected shape {(shot.num_frames, *size)}, found "
                f"{array.shape}."
            )
        out[shot.name] = array[: shot.num_frames]
    return out


def _per_shot(path: Path, shots: tuple[Shot, ...], size: tuple[int, ...]) -> dict[str, Floats]:
    if not path.is_file():
        return {}
    return _fitting(str(path), floats_of(path), shots, size)


def _network_data(path: Path, skin: Basis, tongue: Basis) -> dict[str, Floats]:
    shapes: dict[str, tuple[int | None, ...]] = {
        "neutral_skin": skin.mean.shape,
        "lip_open_pose_delta": skin.mean.shape,
        "eye_close_pose_delta": skin.mean.shape,
        "neutral_tongue": tongue.mean.shape,
        "neutral_jaw": (None, 3),
        "blink_keys": (None,),
        "saccade_rot_matrix": (None, 2),
    }
    data = floats_of(path, needed=tuple(shapes))
    for name, shape in shapes.items():
        found = data[name].shape
        fits = len(found) == len(shape) and all(
            n > 0 if want is None else n == want for n, want in zip(found, shape)
        )
        if not fits:
            expected = tuple("n" if want is None else want for want in shape)
            raise DataError(f"{path}: expected '{name}' of shape {expected}, found {found}.")
    return data


def _normalisation(
    path: Path, skin: Basis, tongue: Basis, data: Mapping[str, Floats]
) -> dict[str, Normalisation]:
    info = read_json(path)
    if not isinstance(info, dict):
        raise DataError(f"{path}: expected an object, found {type(info).__name__}.")
    sizes = {
        "num_shapes_skin": skin.shapes.shape[0],
        "num_verts_skin": skin.shapes.shape[1],
        "num_shapes_tongue": tongue.shapes.shape[0],
        "num_verts_tongue": tongue.shapes.shape[1],
        "num_keypoints_jaw": len(data["neutral_jaw"]),
        "num_angles_eye": 2,
    }
    for name, size in sizes.items():
        if info.get(name) != size:
            raise DataError(f"{path}: expected '{name}' to be {size}, found {info.get(name)!r}.")
    out = {channel: _channel(info, channel, path) for channel in CHANNELS}
    for channel, basis in (("skin", skin), ("tongue", tongue)):
        out[channel] = _of_training(out[channel], channel, basis.mean, data[f"neutral_{channel}"])
    return out


def _channel(info: Mapping[str, Any], channel: str, path: Path) -> Normalisation:
    translate, scale = info.get(f"translate_{channel}"), info.get(f"scale_{channel}")
    axes = 2 if channel == "eye" else 3
    try:
        values = np.array(translate, np.float64)
        good = values.shape == (axes,) and bool(np.isfinite(values).all())
        if good and isinstance(scale, (int, float)) and 0 < scale < float("inf"):
            return Normalisation(tuple(values.tolist()), float(scale))
    except (TypeError, ValueError):
        pass
    raise DataError(
        f"{path}: expected {axes} numbers 'translate_{channel}' and a number above 0 "
        f"'scale_{channel}', found {translate!r:.100} and {scale!r:.100}."
    )


def _of_training(
    given: Normalisation, channel: str, training: Floats, deployed: Floats
) -> Normalisation:
    """The normalisation about the training neutral, also where a file has the package's.

    The reference takes the neutral of the package, if there is one, which cancels it.
    """
    centres = [neutral.mean(axis=0, dtype=np.float64) for neutral in (training, deployed)]
    near = [np.allclose(c, given.translate, atol=1e-4 * given.scale) for c in centres]
    if near[0] or not near[1]:
        return given
    reach = [np.abs(n - c).max() for n, c in zip((training, deployed), centres)]
    warnings.warn(
        f"The normalisation of the {channel} was made of the neutral of the package; it is made of "
        "the training neutral again.",
        stacklevel=4,
    )
    return Normalisation(tuple(centres[0].tolist()), float(given.scale * reach[0] / reach[1]))


def _actor(folder: Path, shots: tuple[Shot, ...]) -> str:
    path = folder / layout.ACTOR_INFO
    names = {shot.actor for shot in shots}
    rates = {shot.fps for shot in shots}
    if len(names) > 1 or len(rates) > 1:
        raise DataError(
            f"{folder / layout.SHOTS}: expected one actor and one frame rate, found "
            f"{', '.join(sorted(names))} at {', '.join(f'{r:g}' for r in sorted(rates))}."
        )
    noted = _optional_json(path).get("actor_name", shots[0].actor)
    if noted != shots[0].actor:
        raise DataError(f"{path} is of the actor {noted!r}, the shots are of '{shots[0].actor}'.")
    return shots[0].actor


def _optional_json(path: Path) -> dict[str, Any]:
    value = read_json(path) if path.is_file() else {}
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected an object, found {type(value).__name__}.")
    return value


def _vertex_lists(path: Path) -> tuple[Pairs | None, LipSize | None, Pairs | None]:
    """Lip distance, lip size and eye distance; None where there is none."""
    lists = _optional_json(path)
    try:
        size = lists.get("lip_size")
        lips = [] if size is None else [_pairs(size[k], "top", "bottom") for k in _LIPS]
        lip_size = LipSize(*[pairs for pairs in lips if pairs is not None]) if lips else None
        return _pairs(lists.get("lip_dist")), lip_size, _pairs(lists.get("eye_dist"))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} holds no vertex lists: {error!r}.") from error


def _pairs(value: Any, upper: str = "upper", lower: str = "lower") -> Pairs | None:
    if value is None:
        return None
    return Pairs(np.array(value[upper], np.int64), np.array(value[lower], np.int64))


def _blendshapes(folder: Path, part: str, actor: str) -> Any:
    shapes, settings = layout.blendshape_files(part, actor)
    return read_blendshapes(folder / shapes, folder / settings)
