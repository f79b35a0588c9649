"""A studio actor on disk, in the layout of recorded ones.

Owns which file holds what; shots are written one by one, in any order and by any process, and what
belongs to the whole actor comes last. Lengths are centimetres, eyes degrees.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.animation import VertexAnimation
from likeness.geometry.animation_files import write_animation
from likeness.geometry.array_files import write_arrays
from likeness.media.audio import write_wav
from likeness.replacement import replacing
from likeness.systems.audio2face.artefacts import Blendshapes, Floats, Pairs
from likeness.systems.audio2face.preprocessing.blendshape_files import write_blendshapes
from likeness.systems.audio2face.studio_faces import SpeakingFace

DATA = "data"
"""Folder of the actors below that of the dataset."""
OTHER_CACHES = {"cache_maya": ".xml", "cache_pc2": ".pc2"}
"""Folders with the same caches in other formats."""


@dataclass(frozen=True, eq=False)
class ShotFiles:
    """What a shot is made of.

    Attributes:
        skin: (F, V, 3). tongue: (F, Vt, 3) or None.
        sound: (samples,), F / fps seconds.
        voices: name to the same in another voice.
    """

    skin: Floats
    tongue: Floats | None
    sound: NDArray[np.float32]
    voices: Mapping[str, NDArray[np.float32]]


def write_shot(
    folder: Path, shot: str, files: ShotFiles, fps: float, rate: int, *, all_formats: bool = False
) -> None:
    """Write sound and caches of a shot of the actor in ``folder``.

    Args:
        rate: samples per second of the sound.
        all_formats: also as Maya and point caches.
    """
    caches = {"cache": ".npy", **(OTHER_CACHES if all_formats else {})}
    for name, suffix in caches.items():
        for part, frames in (("skin", files.skin), ("tongue", files.tongue)):
            if frames is not None:
                path = _made(folder / name / part / shot / f"{shot}{suffix}")
                write_animation(path, VertexAnimation.of_array(frames, fps))
    _write_sound(folder / "audio" / f"{shot}.wav", files.sound, rate)
    for voice, sound in files.voices.items():
        _write_sound(folder / "audio" / "aug" / voice / f"{shot}.wav", sound, rate)


def write_actor(
    folder: Path,
    face: SpeakingFace,
    jaw: Mapping[str, Floats],
    eyes: Mapping[str, Floats],
    saccades: Floats,
    blink_keys: Floats,
) -> None:
    """Write what belongs to the whole actor: geometry, transforms, blend shapes.

    Args:
        jaw: shot to (F, 5, 3). eyes: shot to (F, 2, 2).
    """
    skin, xform = folder / "geom" / "skin", folder / "xform"
    _write_npy(skin / "neutral_pose.npy", face.neutral)
    _write_npy(skin / "eye_close_pose_delta.npy", face.eye_close_delta)
    _write_npy(skin / "lip_open_pose_delta.npy", face.lip_open_delta)
    _write_json(skin / "eye_dist_vertex_list.json", _pairs(face.eye_distance))
    _write_json(skin / "lip_dist_vertex_list.json", _pairs(face.lip_distance))
    size = face.lip_size
    lips = {
        name: {"top": pair.upper.tolist(), "bottom": pair.lower.tolist()}
        for name, pair in (("upper_lip", size.upper_lip), ("lower_lip", size.lower_lip))
    }
    _write_json(skin / "lip_size_vertex_list.json", lips)
    if face.tongue_neutral is not None and face.tongue_rigid is not None:
        _write_npy(folder / "geom" / "tongue" / "neutral_pose.npy", face.tongue_neutral)
        rigid = face.tongue_rigid.tolist()
        _write_json(folder / "geom" / "tongue" / "rigid_vertex_list.json", rigid)
    _write_npy(xform / "jaw_keypoints_neutral.npy", face.jaw_neutral)
    write_arrays(_made(xform / "jaw_keypoints_cache_all.npz"), dict(jaw), {})
    write_arrays(_made(xform / "eye_rotations_all.npz"), dict(eyes), {})
    _write_npy(xform / "eye_saccade_rotations.npy", saccades)
    _write_npy(xform / "eye_blink_keys.npy", blink_keys)
    shapes: list[tuple[str, Blendshapes | None]] = [
        ("skin", face.blendshapes()),
        ("tongue", face.tongue_blendshapes()),
    ]
    for name, blendshapes in shapes:
        if blendshapes is not None:
            path = _made(folder / "bs_data" / f"bs_{name}.npz")
            write_blendshapes(path, path.with_name(f"bs_{name}_config.json"), blendshapes)


def _pairs(pairs: Pairs) -> dict[str, list[int]]:
    return {"upper": pairs.upper.tolist(), "lower": pairs.lower.tolist()}


def _write_sound(path: Path, sound: NDArray[np.float32], rate: int) -> None:
    with replacing(_made(path)) as temporary:
        write_wav(temporary, sound, rate)


def _write_npy(path: Path, array: Floats) -> None:
    with replacing(_made(path)) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(array, "<f4"))


def _write_json(path: Path, value: object) -> None:
    with replacing(_made(path)) as temporary:
        temporary.write_text(json.dumps(value) + "\n", encoding="utf-8")


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
