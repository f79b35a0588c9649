"""A dataset as it is trained on: one :class:`RecordedActor` for each actor, in centimetres.

Only headers of caches and sounds are read here. What is wrong raises; :mod:`.findings` looks at the
same files and says everything that is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError, no_file
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.animation_files import find_cache, list_shots, read_animation
from likeness.geometry.array_files import read_arrays, read_npy
from likeness.geometry.maya_cache import read_maya_cache
from likeness.geometry.mesh_files import read_mesh
from likeness.systems.audio2face.artefacts import Blendshapes, Floats
from likeness.systems.audio2face.dataset.clip_files import clips_of_shots, read_clip_table
from likeness.systems.audio2face.dataset.description import (
    CENTIMETRES,
    ActorFiles,
    DatasetDescription,
    read_description,
)
from likeness.systems.audio2face.dataset.emotions import emotion_of_shot
from likeness.systems.audio2face.dataset.sounds import recordings_of
from likeness.systems.audio2face.dataset.vertex_lists import (
    read_lip_size,
    read_pairs,
    read_rigid,
)
from likeness.systems.audio2face.preprocessing.blendshape_files import read_blendshapes
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Clip, Shot

logger = logging.getLogger(__name__)
_Read = TypeVar("_Read")


def open_dataset(
    root: str | Path,
    description: DatasetDescription | None = None,
    *,
    others: tuple[str, ...] = (),
) -> dict[str, RecordedActor]:
    """The actors of a dataset by name, in the order of the identities.

    Args:
        root: see :func:`read_description`; with a description the folder its paths begin at.
        description: instead of the one found at ``root``.
        others: actors of the dataset whom this description leaves out, and clips may name.

    Raises:
        DataError, MissingError, UnsafeFileError: a file that is named and cannot be used.
    """
    if description is None:
        description, base = read_description(root)
    else:
        base = Path(root)
    opened = {name: _Opened(name, files, base) for name, files in description.actors.items()}
    shots = {name: actor.shots(description) for name, actor in opened.items()}
    recordings = {name: recordings_of(base / actor.files.audio) for name, actor in opened.items()}
    if description.clips is not None:
        path, language = base / description.clips, description.language
        table = read_clip_table(path, shots, recordings, language, others)
    else:
        table = tuple(
            clip
            for name in opened
            for clip in clips_of_shots(shots[name], recordings[name], description.language)
        )
    return {
        name: actor.recorded(shots[name], tuple(c for c in table if c.actor == name))
        for name, actor in opened.items()
    }


def knows_rate(path: Path) -> bool:
    """Whether a cache says how many frames a second has, so that the actor need not."""
    return path.suffix == ".xml"


def cache_of(
    base: Path, shot: str, files: ActorFiles, part: Literal["skin", "tongue"] = "skin"
) -> VertexAnimation:
    """The cache of a shot, in centimetres.

    Args:
        base: what the paths of ``files`` are relative to.
        part: its skin, or its tongue, whose caches the files must name.

    Raises:
        DataError: the frame rate is not known, or another than the actor's.
        MissingError, UnsafeFileError: see :func:`read_animation`.
    """
    root, channel = files.skin_caches, files.skin_channel
    if part == "tongue":
        root, channel = str(files.tongue_caches), files.tongue_channel
    path = find_cache(base / root, shot)
    if files.fps is not None:
        animation = read_animation(path, files.fps, channel=channel)
    elif knows_rate(path):
        animation = read_maya_cache(path, channel=channel)
    else:
        raise DataError(
            f"'{path}' does not say how many frames a second has.",
            advice="Write 'fps' for the actor into dataset.yaml.",
        )
    return animation.scaled(CENTIMETRES[files.unit])


@dataclass(frozen=True)
class _Opened:
    """The files of one actor while they are read."""

    name: str
    files: ActorFiles
    base: Path

    def path(self, relative: str | None) -> Path | None:
        return None if relative is None else self.base / relative

    @property
    def scale(self) -> float:
        """Centimetres in the unit of the files."""
        return CENTIMETRES[self.files.unit]

    @property
    def has_tongue(self) -> bool:
        """Whether all that a tongue needs is there."""
        files = self.files
        needed = (files.tongue_caches, files.tongue_neutral, files.tongue_rigid_list)
        places = [self.path(item) for item in needed]
        return all(place is not None and place.exists() for place in places)

    def shots(self, description: DatasetDescription) -> dict[str, Shot]:
        root = self.base / self.files.skin_caches
        names = list_shots(root)
        if not names:
            raise DataError(
                f"Expected a cache for every shot of '{self.name}' in '{root}', found none."
            )
        found = {}
        mapped = description.shot_emotions.get(self.name, {})
        rates = {}
        for name in names:
            skin = cache_of(self.base, name, self.files)
            emotion = emotion_of_shot(
                name, description.emotions, description.default_emotion, mapped
            ).emotion
            rates[name] = skin.fps
            found[name] = Shot(self.name, name, skin.num_frames, skin.fps, emotion)
        if len(set(rates.values())) > 1:
            raise DataError(
                f"The caches of '{self.name}' have several frame rates: "
                f"{', '.join(f'{rate:g} ({name})' for name, rate in list(rates.items())[:5])}."
            )
        return found

    def recorded(self, shots: Mapping[str, Shot], clips: tuple[Clip, ...]) -> RecordedActor:
        files, fps = self.files, next(iter(shots.values())).fps
        if not self.has_tongue:
            files = files.replace(tongue_neutral=None, tongue_rigid_list=None)
        tongue = self._tongue(shots)
        jaw = self._by_shot(files.jaw_animation, (None, 3), self.scale)
        eyes = self._by_shot(files.eye_animation, (2, 2), 1.0)
        skin = {name: cache_of(self.base, name, files) for name in shots}
        kept = {
            name: self._trimmed(shot, {"tongue": tongue, "jaw": jaw, "eyes": eyes})
            for name, shot in shots.items()
        }
        return RecordedActor(
            name=self.name,
            fps=fps,
            shots=tuple(kept.values()),
            clips=_within(clips, kept),
            audio=self.base / files.audio,
            skin={name: skin[name].part(0, shot.num_frames) for name, shot in kept.items()},
            tongue={n: _tongue_for(kept[n], a) for n, a in tongue.items()},
            jaw={n: _frames_for(kept[n], a) for n, a in jaw.items() if n in kept},
            eyes={n: _frames_for(kept[n], a) for n, a in eyes.items() if n in kept},
            skin_neutral=self._points(files.skin_neutral),
            skin_neutral_inference=self._points(files.skin_neutral_inference),
            tongue_neutral=self._points(files.tongue_neutral),
            tongue_neutral_inference=self._points(files.tongue_neutral_inference),
            tongue_rigid=_read(read_rigid, self.path(files.tongue_rigid_list)),
            jaw_neutral=self._points(files.jaw_neutral),
            lip_open_delta=self._points(files.lip_open_delta),
            eye_close_delta=self._points(files.eye_close_delta),
            blink_keys=self._array(files.blink_keys, (None,)),
            saccades=self._array(files.saccades, (None, 2)),
            transform_scale=files.transform_scale.model_dump(),
            lip_distance=_read(read_pairs, self.path(files.lip_distance_list)),
            lip_size=_read(read_lip_size, self.path(files.lip_size_list)),
            eye_distance=_read(read_pairs, self.path(files.eye_distance_list)),
            skin_faces=self._faces(files.skin_mesh, skin),
            tongue_faces=self._faces(files.tongue_mesh, tongue),
            blendshapes=self._blendshapes(files.blendshapes, files.blendshape_settings),
            tongue_blendshapes=self._blendshapes(
                files.tongue_blendshapes, files.tongue_blendshape_settings
            ),
        )

    def _tongue(self, shots: Mapping[str, Shot]) -> dict[str, VertexAnimation]:
        """Caches of the tongue; none unless neutral and rigid vertices are there too."""
        if not self.has_tongue:
            return {}
        assert self.files.tongue_caches is not None
        root = self.base / self.files.tongue_caches
        return {
            name: cache_of(self.base, name, self.files, "tongue")
            for name in list_shots(root)
            if name in shots
        }

    def _trimmed(self, shot: Shot, channels: Mapping[str, Mapping[str, object]]) -> Shot:
        """The shot, as long as its shortest channel; one of a single frame is held over it."""
        lengths = {"skin": shot.num_frames}
        for channel, by_shot in channels.items():
            found = by_shot.get(shot.name)
            if isinstance(found, VertexAnimation):
                lengths[channel] = found.num_frames
            elif isinstance(found, np.ndarray):
                lengths[channel] = len(found)
        shortest = min([shot.num_frames, *(n for n in lengths.values() if n > 1)])
        if shortest == shot.num_frames and len(set(lengths.values())) == 1:
            return shot
        told = ", ".join(f"{channel} {frames}" for channel, frames in lengths.items())
        logger.warning(
            "The channels of shot '%s' of '%s' differ in length (%s frames); all get %d.",
            shot.name,
            self.name,
            told,
            shortest,
        )
        return Shot(shot.actor, shot.name, shortest, shot.fps, shot.emotion)

    def _points(self, relative: str | None) -> Floats | None:
        found = self._array(relative, (None, 3))
        return None if found is None else found * np.float32(self.scale)

    def _array(self, relative: str | None, shape: tuple[int | None, ...]) -> Floats | None:
        path = self.path(relative)
        if path is None:
            return None
        return checked_floats(read_npy(path), shape, str(path))

    def _faces(
        self, relative: str | None, caches: Mapping[str, VertexAnimation]
    ) -> NDArray[np.int64] | None:
        path = self.path(relative)
        if path is None or not caches:
            return None
        return triangles_of(path, next(iter(caches.values())).num_vertices)

    def _by_shot(
        self, relative: str | None, shape: tuple[int | None, ...], factor: float
    ) -> dict[str, Floats]:
        path = self.path(relative)
        if path is None:
            return {}
        arrays, _ = read_arrays(path)
        return {
            name: checked_floats(array, (None, *shape), f"'{name}' in '{path}'")
            * np.float32(factor)
            for name, array in arrays.items()
        }

    def _blendshapes(self, shapes: str | None, settings: str | None) -> Blendshapes | None:
        one, two = self.path(shapes), self.path(settings)
        if one is None or two is None:
            return None
        for path in (one, two):
            if not path.is_file():
                raise no_file(path)
        found = read_blendshapes(one, two)
        if found is None or self.scale == 1:
            return found
        factor = np.float32(self.scale)
        size = found.settings.get("templateBBSize")
        scaled = {"templateBBSize": size * self.scale} if isinstance(size, (int, float)) else {}
        return replace(
            found,
            neutral=found.neutral * factor,
            offsets=found.offsets * factor,
            settings={**found.settings, **scaled},
        )


def checked_floats(array: np.ndarray, shape: tuple[int | None, ...], where: str) -> Floats:
    """An array of real numbers of the shape, None for any length, as float32.

    Raises:
        DataError: another shape or kind, no entry at all, or values that are no numbers.
    """
    fits = array.ndim == len(shape) and all(
        wanted is None or wanted == found for wanted, found in zip(shape, array.shape)
    )
    if not fits or array.dtype.kind not in "fiu" or array.size == 0:
        wanted_text = ", ".join("any" if n is None else str(n) for n in shape)
        raise DataError(
            f"{where}: expected real numbers of shape ({wanted_text}), found {array.dtype} of "
            f"shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise DataError(f"{where} holds values that are no numbers.")
    return np.ascontiguousarray(array, np.float32)


def triangles_of(path: Path, num_vertices: int) -> NDArray[np.int64]:
    """(T, 3) of a mesh file whose vertices are those of the caches, in their order.

    Raises:
        DataError, MissingError, UsageError, UnsafeFileError: it cannot be read, or has another
            number of vertices.
    """
    mesh = read_mesh(path)
    if mesh.num_vertices != num_vertices:
        raise DataError(
            f"'{path}': expected {num_vertices} vertices as in the caches, found "
            f"{mesh.num_vertices}.",
            advice="Export it from the mesh of the caches.",
        )
    if not mesh.num_faces:
        raise DataError(
            f"'{path}': expected triangles between the vertices of the caches, found none.",
            advice="Export it as a surface, not as points.",
        )
    return mesh.faces.astype(np.int64)


def _read(reader: Callable[[Path], _Read], path: Path | None) -> _Read | None:
    return None if path is None else reader(path)


def _frames_for(shot: Shot, array: Floats) -> Floats:
    """(F, …) of a shot: cut to its length, or the only frame held over it."""
    if len(array) == 1:
        return np.repeat(array, shot.num_frames, axis=0)
    return array[: shot.num_frames]


def _tongue_for(shot: Shot, cache: VertexAnimation) -> VertexAnimation:
    if cache.num_frames > 1 or shot.num_frames == 1:
        return cache.part(0, shot.num_frames)
    frame = cache.read(0, 1)
    held = np.broadcast_to(frame, (shot.num_frames, *frame.shape[1:]))
    return VertexAnimation.of_array(held, cache.fps, cache.start)


def _within(clips: tuple[Clip, ...], shots: Mapping[str, Shot]) -> tuple[Clip, ...]:
    """Clips cut to shots that were trimmed."""
    found = []
    for clip in clips:
        last = min(clip.last, shots[clip.shot].num_frames - 1)
        if clip.first <= last:
            found.append(
                clip
                if last == clip.last
                else Clip(
                    *(clip.actor, clip.shot, clip.first, last),
                    *(clip.speaker, clip.language, clip.audio, clip.offset),
                )
            )
    return tuple(found)
