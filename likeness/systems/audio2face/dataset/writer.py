"""Writes datasets of speaking actors in the conventional layout, file by file, each as a whole.

A dataset counts when its ``dataset.yaml`` is there, which is written last. Lengths are centimetres.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from likeness.data.making import check_is_new
from likeness.data.source import Sample
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.animation_files import write_animation
from likeness.geometry.array_files import read_arrays, write_arrays
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_files import write_mesh
from likeness.media.audio import write_wav
from likeness.replacement import replacing
from likeness.storage.files import disk_errors
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.dataset.description import (
    DatasetDescription,
    conventional_files,
    conventional_place,
    write_description,
)
from likeness.systems.audio2face.dataset.sounds import AUGMENTED
from likeness.systems.audio2face.dataset.vertex_lists import lip_size_as_json, pairs_as_json
from likeness.systems.audio2face.preprocessing.blendshape_files import write_blendshapes
from likeness.systems.audio2face.preprocessing.shot_files import write_json
from likeness.systems.audio2face.recorded_actor import RecordedActor

CacheFormat = Literal["npy", "mc", "pc2"]

_SUFFIX: Mapping[CacheFormat, str] = {"npy": ".npy", "mc": ".xml", "pc2": ".pc2"}
_PARTS = "xform/.shots"
"""Jaw and eyes of every shot, until the actor is finished."""


def actor_folder(root: Path, actor: str) -> Path:
    """Where the files of an actor lie."""
    return root / "data" / actor


def write_actor(root: Path, actor: RecordedActor) -> None:
    """Everything of an actor but its shots.

    Args:
        root: folder of the dataset.
        actor: neutrals, differences, vertex lists, eyes and blendshapes; ``shots`` are not looked
            at.

    Raises:
        UsageError: the disk refuses.
    """
    folder = actor_folder(root, actor.name)
    arrays = {
        "skin_neutral": actor.skin_neutral,
        "lip_open_delta": actor.lip_open_delta,
        "eye_close_delta": actor.eye_close_delta,
        "tongue_neutral": actor.tongue_neutral,
        "jaw_neutral": actor.jaw_neutral,
        "blink_keys": actor.blink_keys,
        "saccades": actor.saccades,
    }
    lists: dict[str, Any] = {}
    if actor.lip_distance is not None:
        lists["lip_distance_list"] = pairs_as_json(actor.lip_distance)
    if actor.eye_distance is not None:
        lists["eye_distance_list"] = pairs_as_json(actor.eye_distance)
    if actor.lip_size is not None:
        lists["lip_size_list"] = lip_size_as_json(actor.lip_size)
    if actor.tongue_rigid is not None:
        lists["tongue_rigid_list"] = actor.tongue_rigid.tolist()
    meshes = {
        "skin_mesh": (actor.skin_neutral, actor.skin_faces),
        "tongue_mesh": (actor.tongue_neutral, actor.tongue_faces),
    }
    poses = {
        ("blendshapes", "blendshape_settings"): actor.blendshapes,
        ("tongue_blendshapes", "tongue_blendshape_settings"): actor.tongue_blendshapes,
    }
    with disk_errors(folder, f"write the actor '{actor.name}'"):
        for field, array in arrays.items():
            if array is not None:
                _write_npy(folder / conventional_place(field), array)
        for field, value in lists.items():
            path = folder / conventional_place(field)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, value)
        for field, (neutral, faces) in meshes.items():
            if neutral is not None and faces is not None:
                write_mesh(folder / conventional_place(field), Mesh(neutral, faces))
        for (shapes, settings), found in poses.items():
            if found is not None:
                path = folder / conventional_place(shapes)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_blendshapes(path, folder / conventional_place(settings), found)


def write_shot(
    root: Path,
    actor: str,
    name: str,
    *,
    fps: float,
    skin: NDArray[np.floating],
    sound: NDArray[np.floating],
    rate: int,
    tongue: NDArray[np.floating] | None = None,
    jaw: NDArray[np.floating] | None = None,
    eyes: NDArray[np.floating] | None = None,
    voices: Mapping[str, NDArray[np.floating]] | None = None,
    cache_formats: Sequence[CacheFormat] = ("npy",),
) -> None:
    """The caches and sounds of a shot.

    Args:
        root: folder of the dataset.
        actor, name: of the actor and the shot.
        fps: frames per second.
        skin: (F, V, 3).
        sound: (samples,) in -1..1.
        rate: samples per second, of the voices too.
        tongue: (F, Vt, 3).
        jaw: (F, N, 3) differences from the neutral key points.
        eyes: (F, 2, 2) degrees: right and left eye, x and y.
        voices: name to the same timing in another voice.
        cache_formats: one cache of each.

    Raises:
        UsageError: the disk refuses.
        DataError: a sound that is none.
    """
    folder = actor_folder(root, actor)
    with disk_errors(folder, f"write the shot '{name}'"):
        for part, frames in (("skin", skin), ("tongue", tongue)):
            if frames is None:
                continue
            animation = VertexAnimation.of_array(np.asarray(frames, np.float32), fps)
            place = folder / conventional_place(f"{part}_caches") / name
            place.mkdir(parents=True, exist_ok=True)
            for cache_format in cache_formats:
                write_animation(place / f"{name}{_SUFFIX[cache_format]}", animation)
        _write_sound(folder / "audio" / f"{name}.wav", sound, rate)
        for voice, samples in (voices or {}).items():
            _write_sound(folder / "audio" / AUGMENTED / voice / f"{name}.wav", samples, rate)
        moved = {"jaw": jaw, "eyes": eyes}
        kept = {k: np.asarray(v, np.float32) for k, v in moved.items() if v is not None}
        if kept:
            path = folder / _PARTS / f"{name}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_arrays(path, kept, {})


def finish_dataset(
    root: Path,
    *,
    fps: Mapping[str, float],
    emotions: Sequence[str],
    provenance: Mapping[str, Any],
    default_emotion: str = "neutral",
    shot_emotions: Mapping[str, Mapping[str, str]] | None = None,
    language: str = "en",
    validation: Sequence[str] = (),
    test: Sequence[str] = (),
) -> DatasetDescription:
    """Put jaws and eyes together and write ``provenance.json`` and ``dataset.yaml``.

    Args:
        root: folder of the dataset.
        fps: actor to frames per second; its order is that of the identities.
        emotions: the vocabulary.
        provenance: where the recordings come from, with ``source`` and ``consent``.
        default_emotion, shot_emotions, language, validation, test: see
            :class:`DatasetDescription`.

    Raises:
        UsageError: the disk refuses.
    """
    with disk_errors(root, "finish the dataset"):
        actors = {}
        for name, rate in fps.items():
            folder = actor_folder(root, name)
            _join_parts(folder)
            actors[name] = conventional_files(folder, root, rate)
        description = DatasetDescription(
            actors=actors,
            emotions=tuple(emotions),
            default_emotion=default_emotion,
            shot_emotions=dict(shot_emotions or {}),
            language=language,
            validation=tuple(validation),
            test=tuple(test),
        )
        facts = {"made": date.today().isoformat(), **provenance}
        with replacing(root / "provenance.json") as temporary:
            temporary.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
        write_description(root, description)
    return description


class DatasetWriter:
    """The same for whole samples, one after the other; a context manager.

    Args:
        uri: folder of the dataset; new or empty.
        actors: everything of every actor but its shots.
        emotions, provenance: see :func:`finish_dataset`.
    """

    def __init__(
        self,
        uri: str,
        *,
        actors: Sequence[RecordedActor],
        emotions: Sequence[str] = ("neutral",),
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = Path(uri)
        check_is_new(self.root)
        self._actors = {actor.name: actor for actor in actors}
        self._emotions, self._provenance = tuple(emotions), provenance or {}
        self._of_shots: dict[str, dict[str, str]] = {}
        self._held_out: dict[str, list[str]] = {"validation": [], "test": []}

    def __enter__(self) -> DatasetWriter:
        with disk_errors(self.root, "write a dataset"):
            self.root.mkdir(parents=True, exist_ok=True)
        for actor in self._actors.values():
            write_actor(self.root, actor)
        return self

    def write(self, sample: Sample) -> None:
        """Add a shot.

        Args:
            sample: ``actor``, ``id`` (name of the shot), ``emotion``, ``split``, and what
                :func:`write_shot` takes.
        """
        values = dict(sample)
        actor, name, split = values.pop("actor"), values.pop("id"), values.pop("split", "train")
        emotion = values.pop("emotion", None)
        write_shot(self.root, actor, name, fps=self._actors[actor].fps, **values)
        if emotion is not None:
            self._of_shots.setdefault(actor, {})[name] = emotion
        if split in self._held_out:
            self._held_out[split].append(f"{actor}::{name}")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            finish_dataset(
                self.root,
                fps={name: actor.fps for name, actor in self._actors.items()},
                emotions=self._emotions,
                provenance=self._provenance,
                shot_emotions=self._of_shots,
                validation=self._held_out["validation"],
                test=self._held_out["test"],
            )


def _join_parts(folder: Path) -> None:
    parts = sorted((folder / _PARTS).glob("*.npz"))
    if not parts:
        return
    joined: dict[str, dict[str, Floats]] = {"jaw": {}, "eyes": {}}
    for path in parts:
        for channel, array in read_arrays(path)[0].items():
            joined[channel][path.stem] = array
    for channel, field in (("jaw", "jaw_animation"), ("eyes", "eye_animation")):
        if joined[channel]:
            write_arrays(folder / conventional_place(field), joined[channel], {})
    for path in parts:
        path.unlink()
    (folder / _PARTS).rmdir()


def _write_npy(path: Path, array: NDArray[np.floating]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, np.asarray(array, np.float32), allow_pickle=False)


def _write_sound(path: Path, samples: NDArray[np.floating], rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        write_wav(temporary, samples, rate)
