"""The reference's configuration as ours: a document of settings, the dataset's description, clips.

Owns how values change on the way: which of them differ from a profile, units of counting, lists
that become files. Names are :mod:`.reference_names`, reading is :mod:`.reference_config`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from likeness.config.faults import ConfigError
from likeness.config.resolve import resolve
from likeness.config.text import write_yaml
from likeness.errors import UsageError
from likeness.runs.files import write_text
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.dataset.description import (
    DatasetDescription,
    faults_of_description,
)
from likeness.systems.audio2face.preprocessing.shot_files import write_clips
from likeness.systems.audio2face.profiles import PROFILES
from likeness.systems.audio2face.reference_config import (
    ReferenceConfig,
    read_reference,
    refusal,
)
from likeness.systems.audio2face.reference_names import (
    DATASET,
    STAGE,
    WEIGHTS,
    base_leaves,
    counterpart,
)
from likeness.systems.audio2face.shots import Clip

_CONTAINER = "/datasets/"
"""Where the reference's container keeps datasets."""
_ENCODERS = {"regression": "wav2vec2", "diffusion": "hubert"}
_CHANCES = ("train/AUGMENT/pitch_shift/p", "train/AUGMENT/timeshift")
"""What is 0 where an augmentation is removed."""
_TONGUE_SHAPE = "preproc/DEFAULT_TONGUE_PCA_SHAPE"


@dataclass(frozen=True)
class Imported:
    """A configuration of the reference in our words.

    Attributes:
        profile: the profile it is laid over.
        settings: nested settings that differ from the profile.
        dataset: what ``dataset.yaml`` says.
        clips: what is trained on; empty: those of the dataset.
        origins: our key to ``config_<file>.py:<line>`` or ``"base"``, for every setting.
        notes: what is left out, and why.
    """

    profile: str
    settings: Mapping[str, Any]
    dataset: Mapping[str, Any]
    clips: tuple[Clip, ...]
    origins: Mapping[str, str]
    notes: tuple[str, ...]


def import_config(
    folder: Annotated[Path, typer.Argument(help="Directory with config_dataset.py and others.")],
    out: Annotated[Path, typer.Option("--out", help="File of settings to write, .yaml.")],
    datasets: Annotated[
        Path | None,
        typer.Option(
            "--datasets",
            envvar="A2F_DATASETS_ROOT",
            help="What stands for /datasets of the reference.",
        ),
    ] = None,
) -> dict[str, Any]:
    """Write a configuration of the reference as ``out``, with its dataset and clips beside it.

    The files are ``NAME.yaml`` for ``--config``, ``NAME.dataset.yaml`` and, where clips are listed,
    ``NAME.clips.csv``.

    Raises:
        MissingError, UsageError: the directory cannot be used, or a file exists already.
    """
    out = Path(out).resolve()
    if out.suffix not in (".yaml", ".yml"):
        raise UsageError(f"Expected an output ending in .yaml, found '{out}'.")
    places = {name: out.with_name(f"{out.stem}.{name}") for name in ("dataset.yaml", "clips.csv")}
    for path in (out, *places.values()):
        if path.exists():
            raise UsageError(f"'{path}' exists already.", advice="Choose another name.")
    if not Path(folder).is_dir():
        raise UsageError(
            f"There is no folder {folder}.",
            advice="Give the directory that holds config_dataset.py and others.",
        )
    reference = read_reference(folder)
    found = convert(reference, datasets=datasets)
    root = {"root": str(places["dataset.yaml"])}
    settings = {**found.settings, "data": {**root, **found.settings.get("data", {})}}
    dataset = dict(found.dataset)
    if found.clips:
        dataset["clips"] = places["clips.csv"].name
    document = write_yaml({"profile": found.profile, **settings})
    _check_settings(document, found.origins)
    described = _described(dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    files = [out, places["dataset.yaml"]]
    write_text(
        places["dataset.yaml"], write_yaml(described.model_dump(mode="json", exclude_defaults=True))
    )
    if found.clips:
        write_clips(places["clips.csv"], found.clips)
        files.append(places["clips.csv"])
    write_text(out, document)
    return {
        "files": [str(path) for path in files],
        "network": reference.network_type,
        "actors": list(reference.actors),
        "clips": len(found.clips),
        "settings": [{"key": key, "origin": origin} for key, origin in found.origins.items()],
        "notes": list(found.notes),
    }


def _check_settings(document: str, origins: Mapping[str, str]) -> None:
    """Refuse values that our settings do not allow, each with the place it comes from.

    Raises:
        UsageError: there are some.
    """
    with TemporaryDirectory() as place:
        file = Path(place) / "settings.yaml"
        write_text(file, document)
        try:
            resolve(
                AudioToFaceConfig, system="audio2face", profiles=PROFILES, files=[file], environ={}
            )
        except ConfigError as error:
            lines = [
                f"{origins.get(fault.key, 'the configuration')}: {fault.key}: {fault.message}"
                for fault in error.faults
            ]
            raise UsageError(
                "The configuration of the reference has values out of range:\n" + "\n".join(lines),
                advice="Correct these values in the configuration directory.",
            ) from error


def _described(dataset: Mapping[str, Any]) -> DatasetDescription:
    """The description that values give.

    Raises:
        UsageError: they give none.
    """
    try:
        return DatasetDescription.model_validate(dataset)
    except ValidationError as error:
        faults = faults_of_description(error, dataset, "config_dataset.py")
        raise UsageError(
            "The configuration of the reference describes no dataset:\n"
            + "\n".join(str(fault) for fault in faults),
            advice="Correct these values in the configuration directory.",
        ) from error


def convert(reference: ReferenceConfig, *, datasets: str | Path | None = None) -> Imported:
    """A configuration in our words.

    Args:
        datasets: what stands for ``/datasets`` of the reference's container.
    """
    profile = reference.network_type
    ours = PROFILES[profile]().model_dump(mode="json")
    _refuse_removed(reference)
    settings: dict[str, Any] = {}
    dataset: dict[str, Any] = {"actors": {actor: {} for actor in reference.actors}}
    origins: dict[str, str] = {}
    notes = list(reference.notes)
    for key, value, origin in _values(reference):
        if key.startswith(DATASET):
            value = _moved(value, datasets)
            _set(dataset, key.removeprefix(DATASET), value)
        elif _at(ours, key) != value:
            _set(settings, key, _moved(value, datasets))
            origins[key] = origin
    shift = reference.values["train"]["AUGMENT"].get("pitch_shift")
    if shift is not None and shift["min_semitones"] != -shift["max_semitones"]:
        notes.append("AUGMENT/pitch_shift becomes as wide below as above")
    if (steps := _contradicted_steps(reference)) is not None:
        notes.append(steps)
    for path, reason in _left_out(reference):
        notes.append(f"{path} is not carried over: {reason}")
    if _is_deaf(reference):
        notes.append(
            f"the reference hears through {_ENCODERS[profile]}, which it downloads: set "
            f"model.{profile}.encoder={_ENCODERS[profile]} and model.{profile}.encoder_path"
        )
    notes.append(
        f"data.validation={ours['data']['validation']:g} holds that share of the shots out, where "
        "the reference trains on all CLIPS; data.validation=0 does so too"
    )
    languages = settings.get("learning", {}).get("phonemes", {}).get("languages", ())
    if languages:
        notes.append(
            "the reference finds phonemes with classifiers that it downloads: set "
            + ", ".join(f"learning.phonemes.models.{language}" for language in languages)
            + ", or learning.phonemes.languages=[]"
        )
    clips = tuple(
        Clip(actor, shot, first, last, speaker, language, audio, offset)
        for actor, shot, (first, last), speaker, language, audio, offset in reference.values[
            "train"
        ]["CLIPS"]
    )
    return Imported(profile, settings, dataset, clips, origins, tuple(notes))


def _refuse_removed(reference: ReferenceConfig) -> None:
    """Only whole augmentations can be removed: without anything else the reference has no value.

    Raises:
        UsageError: naming what was removed.
    """
    faults = []
    for path, _ in base_leaves(reference.network_type):
        key = counterpart(reference.network_type, path).key
        above = path.rpartition("/")[0] if path.count("/") > 2 else path
        is_augmentation = path.startswith("train/AUGMENT/")
        if key is None or "*" in key or _effective(reference, path)[1]:
            continue
        if not is_augmentation or _effective(reference, above)[1]:
            file, _, name = path.partition("/")
            faults.append(f"config_{file}: {name} is needed and cannot be removed")
    if faults:
        raise refusal(faults, "Give these values, or leave them out for those of the base.")


def _is_deaf(reference: ReferenceConfig) -> bool:
    """Whether the network of the reference hears through weights that are not part of it."""
    shape = reference.values["train"]["NETWORK_HYPER_PARAMS"]
    return reference.network_type == "diffusion" or bool(shape["use_w2v_features"])


def _values(reference: ReferenceConfig) -> Iterator[tuple[str, Any, str]]:
    """Our key, value and origin of everything that has a counterpart."""
    seen: set[str] = set()
    for path, _ in base_leaves(reference.network_type):
        key = counterpart(reference.network_type, path).key
        if key is None or path == "train/CLIPS" or key in seen:
            continue
        value, is_there = _effective(reference, path)
        origin = reference.origins.get(path, _first_origin(reference, path))
        if not is_there:
            if path in _CHANCES:
                yield key, 0.0, origin  # the whole augmentation was deleted
            continue
        if "*" in key:
            for actor in reference.actors:
                if isinstance(value, Mapping) and value.get(actor) is not None:
                    yield key.replace("*", actor), value[actor], origin
            if path == "dataset/SHOT_EMOTION_MAP":
                yield from _shot_emotions(value, key, origin)
            continue
        seen.add(key)
        yield key, _changed(reference, path, value), origin


def _shot_emotions(entries: Any, key: str, origin: str) -> Iterator[tuple[str, Any, str]]:
    by_actor: dict[str, dict[str, str]] = {}
    for actor, shot, emotion in entries:
        by_actor.setdefault(actor, {})[shot] = emotion
    for actor, emotions in by_actor.items():
        yield key.replace("*", actor), emotions, origin


def _changed(reference: ReferenceConfig, path: str, value: Any) -> Any:
    """A value as our setting has it."""
    train, kind = reference.values["train"], reference.network_type
    name = path.removeprefix("train/")
    if name in WEIGHTS[kind] and path.startswith("train/"):
        return 0.0 if value is None else float(value)
    if name == "LR_STEP_GAMMA":
        try:
            return float(value) ** train["NUM_EPOCHS"]
        except OverflowError:
            return math.inf
    if name == "AUG_MUTED_SHOTS":
        return [
            {"actor": a, "shot": s, "frame": f, "num_frames": n, "emotion": e}
            for a, (s, f), n, e in value
        ]
    if name == "AUGMENT/pitch_shift/min_semitones":
        return max(abs(float(value)), abs(float(train["AUGMENT"]["pitch_shift"]["max_semitones"])))
    if name == "NO_STANDARDIZE_AUDIO":
        return not value
    if name.endswith("/win_func"):
        return "hann" if value in ("hann", "hanning") else "none" if value is None else value
    if name == "PHONEME_FORCING_LANGS":
        learned = train["LOSS_PHONEME_ALPHA"] or train["LOSS_PHONEME_MOTION_ALPHA"]
        return value if learned else []
    if path == "inference/TIMESTEP_RESPACING":
        return _inference_steps(reference)
    if path == _TONGUE_SHAPE:
        return value[:2]
    if path.startswith("preproc/DEFAULT_"):
        return value[0]
    return value


def _inference_steps(reference: ReferenceConfig) -> Any:
    inference = reference.values["inference"]
    spaced = inference["TIMESTEP_RESPACING"]
    if isinstance(spaced, str) and spaced.isdigit():
        return int(spaced)
    return inference["NUM_DIFFUSION_STEPS"]


def _contradicted_steps(reference: ReferenceConfig) -> str | None:
    """What is told of a TIMESTEP_RESPACING that gives other steps than NUM_DIFFUSION_STEPS says."""
    inference = reference.values["inference"]
    spaced, steps = inference.get("TIMESTEP_RESPACING"), inference.get("NUM_DIFFUSION_STEPS")
    if spaced in (None, "", str(steps)):
        return None
    return (
        f"inference/TIMESTEP_RESPACING is {spaced!r} and inference/NUM_DIFFUSION_STEPS is "
        f"{steps!r}, which should say the same: model.process.inference_steps is "
        f"{_inference_steps(reference)}"
    )


def _left_out(reference: ReferenceConfig) -> Iterator[tuple[str, str]]:
    """Parameters the user set that have no counterpart."""
    for path, base in base_leaves(reference.network_type):
        reason = counterpart(reference.network_type, path).reason
        value, _ = _effective(reference, path)
        if reason and value != base:
            yield path, reason


def _effective(reference: ReferenceConfig, path: str) -> tuple[Any, bool]:
    """The value at a path, and whether there is one."""
    at: Any = reference.values
    for part in path.split("/"):
        if not isinstance(at, Mapping) or part not in at:
            return None, False
        at = at[part]
    return at, True


def _first_origin(reference: ReferenceConfig, path: str) -> str:
    """The origin of the first leaf below a path or, where a part of it was replaced, above."""
    for key, origin in reference.origins.items():
        if key.startswith(f"{path}/") or path.startswith(f"{key}/"):
            return origin
    return "base"


def _moved(value: Any, datasets: str | Path | None) -> Any:
    if isinstance(value, str) and value.startswith(_CONTAINER) and datasets is not None:
        return str(Path(datasets) / value.removeprefix(_CONTAINER))
    return value


def _at(tree: Any, key: str) -> Any:
    for part in key.split("."):
        if isinstance(tree, list):
            tree = next((item for item in tree if item["name"] == part), None)
        else:
            tree = tree.get(part) if isinstance(tree, Mapping) else None
    if key.startswith(f"{STAGE}.weights.") and tree is None:
        return 0.0  # a term that is not named
    return tree


def _set(tree: dict[str, Any], key: str, value: Any) -> None:
    *parts, last = key.split(".")
    for part in parts:
        tree = tree.setdefault(part, {})
    tree[last] = value
