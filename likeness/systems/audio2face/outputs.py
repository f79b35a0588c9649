"""The files of a predicted performance: point caches, films, scenes, weights, and what they are.

Point caches are named as the Audio2Face-3D training framework names them and hold centimetres, as
it does; scenes (USD, GLB) are in metres. What a format needs and the caller lacks is an error, not
a file that is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.animation_files import write_animation
from likeness.geometry.animation_usda import write_usda_points
from likeness.geometry.live_link_face import EYE_ANGLES, TIMECODE_BASES, write_live_link_face
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_glb import write_glb
from likeness.geometry.weight_animation import ARKIT_NAMES, WeightAnimation
from likeness.geometry.weight_tables import write_weights_csv, write_weights_json
from likeness.replacement import replacing
from likeness.runs.predictions import manifest_path, write_manifest
from likeness.storage.files import sha256_of
from likeness.studio.curves import ARKIT, CHANNELS, EYES
from likeness.studio.expressions import EYE_DIRECTIONS
from likeness.studio.gaze import follow_eyes
from likeness.systems.audio2face.animation_result import (
    AnimationResult,
    mesh_in_metres,
    metres_from_centimetres,
)
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.blendshape_solving import solve
from likeness.systems.audio2face.morph_animation import (
    Morphs,
    merged_meshes,
    merged_morphs,
    principal_morphs,
    solved_morphs,
    with_rest,
)

FORMATS = ("maya", "npy", "pc2", "usd", "glb", "arkit-csv", "arkit-json", "live-link", "mp4")
"""Kinds of files; each is at least one file."""

_CACHE_SUFFIXES = {"maya": ".xml", "npy": ".npy", "pc2": ".pc2"}


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Triangles of an actor's meshes, in centimetres; vertices are those of its frames."""

    skin: Mesh
    tongue: Mesh | None = None


def output_stem(
    sound: str | Path, actor: str, *, condition: str | None = None, emotion: str, mode: str
) -> str:
    """``<sound up to the first dot>_<actor>_<emotion>_<mode>``; ``_<condition>`` after the actor.

    Args:
        condition: the actor whose style is used, where it is another; else it is not in the name.
        emotion: name of it. mode: of inference, such as ``offline`` or ``streaming``.
    """
    style = [] if condition in (None, actor) else [condition]
    return "_".join([Path(sound).name.split(".")[0], actor, *style, emotion, mode])


def write_outputs(
    folder: str | Path,
    stem: str,
    result: AnimationResult,
    actor: ActorArtefacts,
    formats: Collection[str],
    *,
    surfaces: Surfaces | None = None,
    differences: bool = False,
    about: Mapping[str, Any] | None = None,
    film_size: int = 512,
    runtime_compat: bool = False,
) -> dict[str, Any]:
    """Write a result in some formats, and ``<stem>.manifest.json`` that names the files.

    Point caches hold the tongue as it was learned, as if the jaw were still, and beside it how the
    key points of the jaw differ from the neutral ones; films and scenes show it carried by the jaw.

    Files of other formats that an earlier call wrote of the same performance stay in the manifest;
    it is the same where all that the manifest says but the files is equal.

    Args:
        folder: made if it is not there.
        stem: of the files, see :func:`output_stem`.
        result: what was predicted.
        actor: gives neutrals, key points and blendshapes.
        formats: of :data:`FORMATS`.
        surfaces: needed for ``usd``, ``glb`` and ``mp4``.
        differences: write point caches of differences from the neutrals besides, as ``_delta``.
        about: what else the manifest says: sound, model, settings.
        film_size: side of the film, pixels.
        runtime_compat: of weights, see :class:`.blendshape_solving.BlendshapeSolver`.

    Returns:
        The manifest, with the files of this call.

    Raises:
        UsageError: a format that is none, or one that lacks what it needs; nothing is written.
    """
    folder = Path(folder)
    _check(formats, actor, surfaces)
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, Any]] = {}
    shown = result.with_carried_tongue(actor.jaw_neutral)

    def note(path: Path, content: str, unit: str) -> None:
        files[path.name] = {"content": content, "unit": unit, "sha256": sha256_of(path)}

    for kind in (kind for kind in FORMATS if kind in formats):
        if kind in _CACHE_SUFFIXES:
            for path, content, unit in _write_caches(
                folder, stem, result, actor, kind, differences
            ):
                note(path, content, unit)
        elif kind == "mp4":
            note(_write_film(folder / f"{stem}.mp4", shown, surfaces, film_size), "film", "")
        elif kind == "usd":
            for path in _write_usd(folder, stem, shown, surfaces):
                note(path, "points over time", "m")
        elif kind == "glb":
            path = folder / f"{stem}.glb"
            _write_scene(path, result, actor, surfaces)
            note(path, "morphs and their weights", "m")
        else:
            for path in _write_weights(folder, stem, result, actor, kind, runtime_compat):
                note(path, "weights of blendshapes", "")
    manifest = {
        **(about or {}),
        "actor": actor.actor,
        "fps": result.fps,
        "frames": result.num_frames,
        "seconds": result.num_frames / result.fps,
    }
    write_manifest(manifest_path(folder, stem), manifest, files)
    return {**manifest, "files": files}


def arkit_weights(
    result: AnimationResult, actor: ActorArtefacts, *, runtime_compat: bool = False
) -> WeightAnimation:
    """Weights of the 52 ARKit shapes, in their order; shapes the actor lacks are 0.

    Raises:
        UsageError: the actor has no blendshapes of the skin, or none of ARKit's names.
    """
    shapes = actor.blendshapes
    if shapes is None or not set(shapes.names) & set(ARKIT_NAMES):
        raise UsageError(
            f"{actor.actor} has no ARKit blendshapes to solve for.",
            advice="Give them with the dataset, or leave the weights out.",
        )
    solved = solve(result.skin, shapes, runtime_compat=runtime_compat)
    weights = np.zeros((result.num_frames, len(ARKIT_NAMES)), np.float32)
    for column, name in enumerate(shapes.names):
        if name in ARKIT_NAMES:
            weights[:, ARKIT_NAMES.index(name)] = solved[:, column]
    return WeightAnimation(ARKIT_NAMES, weights, np.arange(result.num_frames) / result.fps)


def scene_morphs(result: AnimationResult, actor: ActorArtefacts, *, tongue: bool) -> Morphs:
    """Morphs of skin, and tongue, in centimetres: of blendshapes, else of principal components.

    What the jaw does to the tongue is in components of its own, beside the shapes of the tongue.
    """
    if actor.blendshapes is not None:
        morphs = solved_morphs(result.skin, actor.blendshapes)
    else:
        morphs = principal_morphs(result.skin, actor.neutral_skin)
    if not tongue or result.tongue is None:
        return morphs
    carried = result.with_carried_tongue(actor.jaw_neutral).tongue
    assert carried is not None
    if actor.tongue_blendshapes is not None:
        own = solved_morphs(result.tongue, actor.tongue_blendshapes)
        second = with_rest(own, carried, "tongueCarried")
    else:
        second = principal_morphs(carried, actor.neutral_tongue, "tongue")
    return merged_morphs(morphs, second)


def _check(formats: Collection[str], actor: ActorArtefacts, surfaces: Surfaces | None) -> None:
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise UsageError(
            f"There is no output format {', '.join(unknown) or 'named'}.",
            advice=f"Use {', '.join(FORMATS)}.",
        )
    need_triangles = sorted({"usd", "glb", "mp4"} & set(formats))
    if need_triangles and surfaces is None:
        raise UsageError(
            f"{', '.join(need_triangles)}: needs the triangles of {actor.actor}'s mesh, and there "
            "are none.",
            advice="Give a mesh of the actor, or choose point caches.",
        )
    need_shapes = sorted({"arkit-csv", "arkit-json", "live-link"} & set(formats))
    shapes = actor.blendshapes
    if need_shapes and (shapes is None or not set(shapes.names) & set(ARKIT_NAMES)):
        raise UsageError(
            f"{', '.join(need_shapes)}: needs ARKit blendshapes, and {actor.actor} has none.",
            advice="Give them with the dataset, or leave the weights out.",
        )


def _write_caches(
    folder: Path,
    stem: str,
    result: AnimationResult,
    actor: ActorArtefacts,
    kind: str,
    differences: bool,
) -> list[tuple[Path, str, str]]:
    """Point caches of every channel. Eyes have no positions: they are an array in all of them."""
    channels: dict[str, Floats] = {"": result.skin}
    if result.tongue is not None:
        channels["_tongue"] = result.tongue
    if result.jaw is not None:
        channels["_jaw"] = result.jaw  # differences, as in datasets and as the reference writes
    if differences:
        moved = result.differences(actor.neutral_skin, actor.neutral_tongue)
        channels["_delta"] = moved.skin
        if moved.tongue is not None:
            channels["_tongue_delta"] = moved.tongue
    written = []
    for suffix, frames in channels.items():
        path = folder / f"{stem}{suffix}{_CACHE_SUFFIXES[kind]}"
        write_animation(path, VertexAnimation.of_array(frames, result.fps))
        content = f"{suffix.strip('_').replace('_', ' ') or 'skin'} {tuple(frames.shape)}"
        if suffix == "_jaw":
            content += ", differences from the neutral key points"
        written.append((path, content, "cm"))
        if kind == "maya":
            written.append((path.with_suffix(".mc"), content, "cm"))
    if result.eyes is not None:
        path = folder / f"{stem}_eye.npy"
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.save(file, np.ascontiguousarray(result.eyes, np.float32), allow_pickle=False)
        written.append((path, f"right and left eye, x and y {tuple(result.eyes.shape)}", "degrees"))
    return written


def _write_usd(
    folder: Path, stem: str, result: AnimationResult, surfaces: Surfaces | None
) -> list[Path]:
    assert surfaces is not None  # see _check
    written = []
    for suffix, mesh, frames in (
        ("", surfaces.skin, result.skin),
        ("_tongue", surfaces.tongue, result.tongue),
    ):
        if mesh is None or frames is None:
            continue
        path = folder / f"{stem}{suffix}.usda"
        animation = VertexAnimation.of_array(metres_from_centimetres(frames), result.fps)
        write_usda_points(
            path, mesh_in_metres(mesh), animation, name="tongue" if suffix else "skin"
        )
        written.append(path)
    return written


def _write_scene(
    path: Path, result: AnimationResult, actor: ActorArtefacts, surfaces: Surfaces | None
) -> None:
    assert surfaces is not None  # see _check
    has_tongue = surfaces.tongue is not None and result.tongue is not None
    morphs = scene_morphs(result, actor, tongue=has_tongue)
    mesh = surfaces.skin
    if has_tongue and surfaces.tongue is not None:
        mesh = merged_meshes(mesh, surfaces.tongue)
    neutral = metres_from_centimetres(morphs.neutral)
    still = Mesh(neutral, mesh.faces, uv=mesh.uv, uv_faces=mesh.uv_faces, texture=mesh.texture)
    offsets = {n: metres_from_centimetres(o) for n, o in morphs.offsets.items()}
    with replacing(path) as temporary:
        write_glb(temporary, still, morphs=offsets, animation=morphs.animation(result.fps))


def _write_weights(
    folder: Path,
    stem: str,
    result: AnimationResult,
    actor: ActorArtefacts,
    kind: str,
    runtime_compat: bool,
) -> list[Path]:
    weights = _with_looks(arkit_weights(result, actor, runtime_compat=runtime_compat), result)
    writers = {"arkit-csv": write_weights_csv, "arkit-json": write_weights_json}
    if kind == "live-link":
        path = folder / f"{stem}_livelink.csv"
        base = next((b for b in TIMECODE_BASES if abs(b - result.fps) < 1e-6), 1000)
        write_live_link_face(path, _with_eyes(weights, result), timecode_base=base)
        return [path]
    ending = kind.removeprefix("arkit-")
    written = [folder / f"{stem}_arkit.{ending}"]
    writers[kind](written[0], weights)
    if result.tongue is not None and actor.tongue_blendshapes is not None:
        shapes = actor.tongue_blendshapes
        tongue = WeightAnimation(
            shapes.names, solve(result.tongue, shapes, runtime_compat=runtime_compat), weights.times
        )
        written.append(folder / f"{stem}_tongue_weights.{ending}")
        writers[kind](written[1], tongue)
    return written


def _with_looks(weights: WeightAnimation, result: AnimationResult) -> WeightAnimation:
    """Shapes of the look by the angles of the eyes, which no skin is solved for: a rig that is
    driven by weights alone turns its eyes by them."""
    if result.eyes is None or weights.weights[:, EYE_DIRECTIONS].any():
        return weights
    channels = np.zeros((result.num_frames, len(CHANNELS)))
    channels[:, EYES] = result.eyes.reshape(result.num_frames, 4)
    follow_eyes(channels, move_lids=False)
    turned = weights.weights.copy()
    turned[:, EYE_DIRECTIONS] = channels[:, ARKIT][:, EYE_DIRECTIONS]
    return WeightAnimation(weights.names, turned, weights.times)


def _with_eyes(weights: WeightAnimation, result: AnimationResult) -> WeightAnimation:
    """Live Link Face has the angles of the eyes in radians."""
    if result.eyes is None:
        return weights
    angles = np.radians(result.eyes.reshape(result.num_frames, 4)).astype(np.float32)
    return WeightAnimation(
        (*weights.names, *EYE_ANGLES),
        np.concatenate([weights.weights, angles], axis=1),
        weights.times,
    )


def _write_film(path: Path, result: AnimationResult, surfaces: Surfaces | None, size: int) -> Path:
    from likeness.systems.audio2face.film import write_film

    assert surfaces is not None  # see _check
    return write_film(path, result, surfaces.skin, surfaces.tongue, size=size)
