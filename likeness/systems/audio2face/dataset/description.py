"""Where the files of a dataset lie: ``dataset.yaml``, or the conventional folders without one.

Owns the description and how it is found. Paths are relative to the folder of the description. Names
of the Audio2Face-3D training framework stand in parentheses. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from likeness.config.faults import Fault, validation_faults
from likeness.config.keys import known_keys
from likeness.config.locations import Location
from likeness.config.overrides import Origin
from likeness.config.schema import ConfigModel
from likeness.config.text import file_text, read_yaml, write_yaml
from likeness.errors import DataError

DESCRIPTION = "dataset.yaml"
NAME_PATTERN = r"^\w([\w.-]*\w)?$"


def _checked_name(name: str) -> str:
    if ".." in name:
        raise ValueError("a name must not hold '..'")
    return name


Name = Annotated[str, Field(pattern=NAME_PATTERN), AfterValidator(_checked_name)]
Positive = Annotated[float, Field(gt=0)]
Unit = Literal["cm", "m", "mm", "in"]

CENTIMETRES: Mapping[Unit, float] = {"cm": 1.0, "m": 100.0, "mm": 0.1, "in": 2.54}
"""Centimetres in a unit."""

_CONVENTION: Mapping[str, str] = {
    "audio": "audio",
    "skin_caches": "cache/skin",
    "tongue_caches": "cache/tongue",
    "skin_neutral": "geom/skin/neutral_pose.npy",
    "skin_mesh": "geom/skin/mesh.obj",
    "lip_open_delta": "geom/skin/lip_open_pose_delta.npy",
    "eye_close_delta": "geom/skin/eye_close_pose_delta.npy",
    "lip_distance_list": "geom/skin/lip_dist_vertex_list.json",
    "lip_size_list": "geom/skin/lip_size_vertex_list.json",
    "eye_distance_list": "geom/skin/eye_dist_vertex_list.json",
    "tongue_neutral": "geom/tongue/neutral_pose.npy",
    "tongue_mesh": "geom/tongue/mesh.obj",
    "tongue_rigid_list": "geom/tongue/rigid_vertex_list.json",
    "jaw_neutral": "xform/jaw_keypoints_neutral.npy",
    "jaw_animation": "xform/jaw_keypoints_cache_all.npz",
    "eye_animation": "xform/eye_rotations_all.npz",
    "blink_keys": "xform/eye_blink_keys.npy",
    "saccades": "xform/eye_saccade_rotations.npy",
    "blendshapes": "bs_data/bs_skin.npz",
    "blendshape_settings": "bs_data/bs_skin_config.json",
    "tongue_blendshapes": "bs_data/bs_tongue.npz",
    "tongue_blendshape_settings": "bs_data/bs_tongue_config.json",
}
"""Field of :class:`ActorFiles` to where the file lies in the folder of an actor."""


class TransformScale(ConfigModel):
    """Half-range that normalised values aim at, by channel (TRANSFORM_SCALE)."""

    skin: Positive = 1.0
    tongue: Positive = 1.0
    jaw: Positive = 1.0
    eye: Positive = 1.0


class ActorFiles(ConfigModel):
    """Where the recordings of one actor lie; what there is not is null."""

    audio: Location
    """Folder of the sounds (AUDIO_ROOT)."""
    skin_caches: Location
    """Folder of the skin's caches (SKIN_CACHE_ROOT)."""
    skin_channel: str | None = None
    """Which mesh of a Maya cache is the skin, where its files hold several; null: the only one."""
    fps: Positive | None = None
    """Frames per second of all caches; null: Maya caches say it (CACHE_FPS)."""
    unit: Unit = "cm"
    """Of all lengths in the files."""
    skin_neutral: Location | None = None
    """.npy (V, 3) (SKIN_NEUTRAL_FPATH)."""
    skin_neutral_inference: Location | None = None
    """The neutral put into packages (SKIN_NEUTRAL_INFERENCE_FPATH)."""
    skin_mesh: Location | None = None
    """.obj, .ply or .npz of the skin, for its triangles: films, pictures and scenes need them."""
    lip_open_delta: Location | None = None
    """.npy (V, 3) (SKIN_LIP_OPEN_POSE_DELTA_FPATH)."""
    eye_close_delta: Location | None = None
    """.npy (V, 3) (SKIN_EYE_CLOSE_POSE_DELTA_FPATH)."""
    lip_distance_list: Location | None = None
    """.json (SKIN_LIP_DIST_VERTEX_LIST_FPATH)."""
    lip_size_list: Location | None = None
    """.json (SKIN_LIP_SIZE_VERTEX_LIST_FPATH)."""
    eye_distance_list: Location | None = None
    """.json (SKIN_EYE_DIST_VERTEX_LIST_FPATH)."""
    tongue_caches: Location | None = None
    """Folder of the tongue's caches (TONGUE_CACHE_ROOT)."""
    tongue_channel: str | None = None
    """The same of the tongue; with it, both may lie in one Maya cache."""
    tongue_neutral: Location | None = None
    """.npy (Vt, 3) (TONGUE_NEUTRAL_FPATH)."""
    tongue_neutral_inference: Location | None = None
    """The neutral put into packages (TONGUE_NEUTRAL_INFERENCE_FPATH)."""
    tongue_mesh: Location | None = None
    """The same of the tongue."""
    tongue_rigid_list: Location | None = None
    """.json (TONGUE_RIGID_VERTEX_LIST_FPATH)."""
    jaw_neutral: Location | None = None
    """.npy (N, 3) (JAW_KEYPOINTS_NEUTRAL_FPATH)."""
    jaw_animation: Location | None = None
    """.npz of (F, N, 3) by shot (JAW_ANIM_DATA_FPATH)."""
    eye_animation: Location | None = None
    """.npz of (F, 2, 2) by shot, degrees (EYE_ANIM_DATA_FPATH)."""
    blink_keys: Location | None = None
    """.npy (P,) (EYE_BLINK_KEYS_FPATH)."""
    saccades: Location | None = None
    """.npy (M, 2), degrees (EYE_SACCADE_ROTATIONS_FPATH)."""
    blendshapes: Location | None = None
    """.npz of the skin's poses (BLENDSHAPE_SKIN_FPATH)."""
    blendshape_settings: Location | None = None
    """.json of their solver (BLENDSHAPE_SKIN_CONFIG_FPATH)."""
    tongue_blendshapes: Location | None = None
    """.npz of the tongue's poses (BLENDSHAPE_TONGUE_FPATH)."""
    tongue_blendshape_settings: Location | None = None
    """.json of their solver (BLENDSHAPE_TONGUE_CONFIG_FPATH)."""
    transform_scale: TransformScale = TransformScale()
    """Half-range that normalised values aim at (TRANSFORM_SCALE)."""


class DatasetDescription(ConfigModel):
    """A dataset: its actors, its emotions, and what is held out."""

    actors: Annotated[Mapping[Name, ActorFiles], Field(min_length=1)]
    """By name, in the order of the identities (ACTOR_NAMES)."""
    emotions: Annotated[tuple[str, ...], Field(min_length=1)] = ("neutral",)
    """The emotion vocabulary; its order numbers them (SHOT_EMOTION_NAMES)."""
    default_emotion: str = "neutral"
    """Of shots whose name says none (DEFAULT_SHOT_EMOTION_NAME)."""
    shot_emotions: Mapping[str, Mapping[str, str]] = {}
    """Actor to shot to emotion, where the name does not say it (SHOT_EMOTION_MAP)."""
    clips: Location | None = None
    """CSV or JSONL of the parts to train on (CLIPS); null: every shot with all its recordings."""
    language: str = "en"
    """Of clips that say none."""
    validation: tuple[str, ...] = ()
    """Shots held out, as ``shot`` or ``actor::shot``."""
    test: tuple[str, ...] = ()
    """Shots never looked at in training, likewise."""

    @model_validator(mode="after")
    def _emotions_are_known(self) -> DatasetDescription:
        twice = sorted({e for e in self.emotions if self.emotions.count(e) > 1})
        if twice:
            raise ValueError(f"'emotions' names {', '.join(twice)} more than once")
        used = {e for shots in self.shot_emotions.values() for e in shots.values()}
        unknown = sorted({self.default_emotion, *used} - set(self.emotions))
        if unknown:
            raise ValueError(
                f"'emotions' must hold every emotion that is used, {', '.join(unknown)} "
                f"{'is' if len(unknown) == 1 else 'are'} missing"
            )
        strangers = sorted(set(self.shot_emotions) - set(self.actors))
        if strangers:
            raise ValueError(f"'shot_emotions' names the unknown actor {', '.join(strangers)}")
        both = sorted(set(self.validation) & set(self.test))
        if both:
            raise ValueError(f"'validation' and 'test' both hold out {', '.join(both)}")
        return self


def read_description(root: str | Path) -> tuple[DatasetDescription, Path]:
    """The description of a dataset, and the folder its paths begin at.

    Args:
        root: a folder with ``dataset.yaml``; such a file of any name; or a folder in the
            conventional layout: of one actor (``audio`` and ``cache/skin`` in it), or of several
            side by side or in ``data``.

    Raises:
        DataError: there is nothing of the kind, or the file has faults (all are named).
    """
    root = Path(root)
    file = root if root.is_file() else root / DESCRIPTION
    if file.is_file():
        return _parsed(file), file.parent
    if not root.is_dir():
        raise DataError(
            f"Expected a dataset of speaking actors at '{root}', found nothing there.",
            advice="Make one with 'likeness data make audio2face OUT', or from recordings with "
            "'likeness data prepare audio2face IN OUT'.",
        )
    return _conventional(root), root


def write_description(folder: Path, description: DatasetDescription) -> Path:
    """``dataset.yaml`` with what is not the default."""
    path = folder / DESCRIPTION
    path.write_text(write_yaml(description.model_dump(mode="json", exclude_defaults=True)))
    return path


def conventional_files(
    folder: Path, base: Path, fps: float | None = None, unit: Unit = "cm"
) -> ActorFiles:
    """The files of an actor that lie where the convention puts them.

    Args:
        folder: of the actor.
        base: what the paths are to be relative to.
        fps: frames per second of the caches, where it is known.
        unit: of the lengths.
    """
    found: dict[str, Any] = {
        field: (folder / place).relative_to(base).as_posix()
        for field, place in _CONVENTION.items()
        if (folder / place).exists() or field in ("audio", "skin_caches")
    }
    return ActorFiles(**found, fps=fps, unit=unit)


def is_name(name: str) -> bool:
    """Whether an actor may be called so: letters, digits, ``_``, ``.`` and ``-``, no ``..``."""
    return re.fullmatch(NAME_PATTERN, name) is not None and ".." not in name


def conventional_place(field: str) -> str:
    """Where a file of an actor lies by convention, e.g. ``xform/eye_blink_keys.npy``."""
    return _CONVENTION[field]


def _parsed(file: Path) -> DatasetDescription:
    try:
        found = read_yaml(file_text(file), name=str(file)).values
    except OSError as error:
        raise DataError(f"'{file}' cannot be read: {error}.") from error
    values = found if isinstance(found, dict) else {}
    try:
        return DatasetDescription.model_validate(values)
    except ValidationError as error:
        faults = faults_of_description(error, values, str(file))
        lines = "\n".join(f"  {fault.key}: {fault.message}" for fault in faults)
        raise DataError(f"'{file}' describes no dataset:\n{lines}") from error


def faults_of_description(
    error: ValidationError, values: Mapping[str, Any], file: str
) -> list[Fault]:
    """The faults of values that describe no dataset, each of them of a file."""
    known = known_keys(DatasetDescription, values)
    return validation_faults(error, values, lambda key: Origin("file", file), known)


def _conventional(root: Path) -> DatasetDescription:
    if _is_actor(root):
        return DatasetDescription(actors={_actor_name(root): conventional_files(root, root)})
    for holder in (root / "data", root):
        folders = sorted(p for p in holder.iterdir() if _is_actor(p)) if holder.is_dir() else []
        if folders:
            return DatasetDescription(
                actors={folder.name: conventional_files(folder, root) for folder in folders}
            )
    raise DataError(
        f"Expected {DESCRIPTION}, or the folders audio and cache/skin of an actor, in '{root}'; "
        "found neither.",
        advice="Make one with 'likeness data make audio2face FOLDER', or say in "
        f"{DESCRIPTION} where the files of every actor lie.",
    )


def _is_actor(folder: Path) -> bool:
    return not folder.name.startswith(".") and (folder / _CONVENTION["skin_caches"]).is_dir()


def _actor_name(folder: Path) -> str:
    name = folder.resolve().name
    return name if is_name(name) else "actor"
