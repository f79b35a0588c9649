"""The poses of an actor that its bases are made of: without near-duplicates, and distinct.

Skin poses are chosen on a part of the mesh, or on caches of fewer vertices, and read from the full
caches afterwards. Tongue poses are all that no other one is near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from likeness.errors import DataError, UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.animation_files import find_cache, read_animation
from likeness.geometry.array_files import read_npy
from likeness.systems.audio2face.preprocessing.pose_selection import Selection, select_distinct
from likeness.systems.audio2face.preprocessing.pose_space import compressed
from likeness.systems.audio2face.preprocessing.poses import (
    Indices,
    Poses,
    ShotPoses,
    frames_inside,
)
from likeness.systems.audio2face.preprocessing.pruning import distinct_frames, radius_of
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from likeness.systems.audio2face.preprocessing.tongue import stabilised
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Shot

Step = Callable[[], None]
"""Called after each shot that was gone through."""


@dataclass(frozen=True, eq=False)
class ChosenPoses:
    """Frames of the skin by shot.

    Attributes:
        pruned: without near-duplicates.
        chosen: of those, the distinct ones that the shots have.
        selection: how they were chosen.
        error_curve: root mean square distance of vertices, the unit of the caches they were chosen
            on; see :class:`Selection`.
    """

    pruned: Mapping[str, Indices]
    chosen: Mapping[str, Indices]
    selection: Selection
    error_curve: np.ndarray


def shots_of(actor: RecordedActor, settings: PreprocessingSettings) -> tuple[Shot, ...]:
    """The shots to process, in the order asked for.

    Raises:
        UsageError: one is asked for that there is not, or twice.
        DataError: a cache that is missing, or shorter than its shot.
    """
    by_name = {shot.name: shot for shot in actor.shots}
    names = settings.of(actor.name).shots or tuple(by_name)
    _check_names(names, by_name, f"shots of '{actor.name}'")
    shots = tuple(by_name[name] for name in names)
    if not shots:
        raise DataError(f"'{actor.name}' has no shot.")
    for shot in shots:
        if shot.name not in actor.skin:
            raise DataError(f"Shot '{shot.name}' of '{actor.name}' has no cache of the skin.")
        _check_length(actor.skin[shot.name], shot, "skin")
    return shots


def prune_caches(
    actor: RecordedActor, shots: Iterable[Shot], settings: PreprocessingSettings
) -> dict[str, VertexAnimation]:
    """Shot to the cache its poses are chosen on, of the shots that are asked.

    Raises:
        UsageError: a shot is asked for that is not processed.
        MissingError: a cache that is not there.
    """
    choices = settings.of(actor.name)
    by_name = {shot.name: shot for shot in shots}
    names = choices.prune_shots or tuple(by_name)
    _check_names(names, by_name, f"shots of '{actor.name}' to choose poses from")
    if choices.prune_caches is None:
        return {name: actor.skin[name] for name in names}
    root = Path(choices.prune_caches)
    return {name: read_animation(find_cache(root, name), actor.fps) for name in names}


def choose_skin_poses(
    actor: RecordedActor,
    shots: tuple[Shot, ...],
    caches: Mapping[str, VertexAnimation],
    settings: PreprocessingSettings,
    step: Step,
) -> ChosenPoses:
    """Choose the poses of the skin's basis.

    Args:
        caches: of :func:`prune_caches`.
    """
    choices = settings.of(actor.name)
    scale = choices.prune_centimetres_per_unit if choices.prune_caches else 1.0
    mask = _mask(choices.prune_mask, caches)
    lengths = {shot.name: shot.num_frames for shot in shots}
    parts, radius = [], None
    for name, cache in caches.items():
        # A cache of its own may be longer than the shot; frames the shot lacks are of no use.
        frames = np.arange(min(cache.num_frames, lengths[name]), dtype=np.int64)
        whole = ShotPoses(name, cache, frames, mask, scale=scale)
        if radius is None:
            radius = radius_of(whole, settings.similarity_radius, settings.relative_radius)
        parts.append(replace(whole, frames=distinct_frames(whole, radius)))
        step()
    origin = parts[0].rows(np.zeros(1, np.int64))[0]
    poses = Poses(tuple(replace(part, origin=origin) for part in parts))
    vertices = poses.size // 3
    space = compressed(poses)
    selection = select_distinct(
        space.coordinates,
        space.outside,
        max_added=settings.max_added_poses,
        tolerance=settings.tolerance * vertices**0.5,
        device=settings.device,
    )
    chosen = poses.by_shot(np.sort(selection.chosen))
    return ChosenPoses(
        pruned={part.shot: part.frames for part in parts},
        chosen=frames_inside(chosen, lengths),
        selection=selection,
        error_curve=selection.errors / vertices**0.5,
    )


def has_tongue(actor: RecordedActor) -> bool:
    """Whether there is all that a tongue needs: caches, a neutral and its rigid vertices."""
    return (
        bool(actor.tongue) and actor.tongue_neutral is not None and actor.tongue_rigid is not None
    )


def stable_tongues(
    actor: RecordedActor, shots: tuple[Shot, ...], settings: PreprocessingSettings
) -> dict[str, VertexAnimation]:
    """Shot to the tongue without its rigid motion, of all shots that have one or are asked for.

    Raises:
        UsageError: a tongue is asked for that there is not.
        DataError: see :func:`stabilised`; a cache shorter than its shot.
    """
    asked = settings.of(actor.name).tongue_shots
    if asked is not None:
        _check_names(asked, actor.tongue, f"tongues of '{actor.name}'")
    assert actor.tongue_neutral is not None
    assert actor.tongue_rigid is not None
    out = {}
    for shot in shots:
        if shot.name not in (actor.tongue if asked is None else asked):
            continue
        animation = actor.tongue[shot.name]
        _check_length(animation, shot, "tongue")
        part = animation.part(0, shot.num_frames)
        out[shot.name] = stabilised(part, actor.tongue_neutral, actor.tongue_rigid)
    return out


def choose_tongue_poses(
    tongues: Mapping[str, VertexAnimation], settings: PreprocessingSettings, step: Step
) -> dict[str, Indices]:
    """Frames of every shot that one pass of pruning keeps."""
    out, radius = {}, None
    for name, tongue in tongues.items():
        whole = ShotPoses(name, tongue, np.arange(tongue.num_frames, dtype=np.int64))
        if radius is None:
            radius = radius_of(whole, settings.tongue_radius, settings.tongue_relative_radius)
        out[name] = distinct_frames(whole, radius, max_passes=1)
        step()
    return out


def _mask(path: str | None, caches: Mapping[str, VertexAnimation]) -> Indices | None:
    if path is None:
        return None
    mask = read_npy(path)
    count = next(iter(caches.values())).num_vertices
    good = mask.ndim == 1 and mask.size > 0 and mask.dtype.kind in "iu"
    if not good or mask.min() < 0 or mask.max() >= count:
        raise DataError(
            f"{path}: expected vertex numbers from 0 to {count - 1} (m,), found {mask.dtype} of "
            f"shape {mask.shape}" + (f" from {mask.min()} to {mask.max()}." if mask.size else "."),
        )
    return mask.astype(np.int64)


def _check_names(names: tuple[str, ...], there: Iterable[str], what: str) -> None:
    there = tuple(there)
    unknown = sorted(set(names) - set(there))
    if unknown:
        raise UsageError(
            f"Asked for {what} that are not there: {', '.join(unknown[:10])}. There are "
            f"{', '.join(there[:10]) or 'none'}{' and more' if len(there) > 10 else ''}."
        )
    if len(set(names)) < len(names):
        raise UsageError(f"Asked for {what} twice: {', '.join(names[:20])}.")


def _check_length(animation: VertexAnimation, shot: Shot, channel: str) -> None:
    if animation.num_frames < shot.num_frames:
        raise DataError(
            f"Shot '{shot.name}' of '{shot.actor}' has {shot.num_frames} frames, its {channel} "
            f"only {animation.num_frames}."
        )
