"""From a recorded actor to a folder of artefacts; of several actors with one basis.

Everything is read in blocks, so memory does not grow with the recordings. A folder made of the same
inputs and settings is read and not made again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.making import Progress
from likeness.errors import DataError, UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.artefacts import ActorArtefacts, Basis, Floats
from likeness.systems.audio2face.preprocessing import layout, records
from likeness.systems.audio2face.preprocessing.actor_parts import (
    assembled,
    checked,
    tongue_placeholder,
)
from likeness.systems.audio2face.preprocessing.artefact_files import read_artefacts
from likeness.systems.audio2face.preprocessing.artefact_writing import write_artefacts
from likeness.systems.audio2face.preprocessing.basis import (
    PrincipalBasis,
    ReconstructionError,
    coefficients_of,
    principal_basis,
)
from likeness.systems.audio2face.preprocessing.chosen_poses import (
    ChosenPoses,
    choose_skin_poses,
    choose_tongue_poses,
    has_tongue,
    prune_caches,
    shots_of,
    stable_tongues,
)
from likeness.systems.audio2face.preprocessing.fingerprint import fingerprint
from likeness.systems.audio2face.preprocessing.finished_folder import finished, is_made_of
from likeness.systems.audio2face.preprocessing.poses import Indices, Poses, ShotPoses
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from likeness.systems.audio2face.preprocessing.shot_files import write_json
from likeness.systems.audio2face.preprocessing.tongue import removed_transforms
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Shot

logger = logging.getLogger(__name__)


def preprocess(
    actor: RecordedActor,
    settings: PreprocessingSettings,
    folder: str | Path,
    *,
    progress: Progress | None = None,
    redo: bool = False,
    takes_shared: bool = False,
) -> ActorArtefacts:
    """Make the artefacts of an actor in a folder, or read them if they are there.

    Args:
        actor: as recorded.
        settings: for all actors; ``settings.of(actor.name)`` for this one.
        folder: appears when everything in it is written, with the reference's layout.
        progress: is told how many passes over a shot are done, and how many there are.
        redo: make it again where the folder was made of other inputs or settings, or is damaged.
        takes_shared: also take a folder made of these recordings and others together.

    Raises:
        UsageError: the folder was made of something else, and not ``redo``; choices that do not
            fit the actor.
        DataError: recordings with faults; something else lies in the folder.
    """
    places = {actor.name: Path(folder)}
    return _preprocess([actor], settings, places, progress, redo, takes_shared)[actor.name]


def preprocess_together(
    actors: Sequence[RecordedActor],
    settings: PreprocessingSettings,
    root: str | Path,
    *,
    progress: Progress | None = None,
    redo: bool = False,
) -> dict[str, ActorArtefacts]:
    """Make the artefacts of actors of one topology with one basis, in a folder for each.

    Every actor keeps its own mean; the shapes are those of all their poses about their means, and
    so are those of the tongue for the actors that have one.

    Args:
        root: the folders in it are named after the actors.

    Returns:
        name of the actor to its artefacts.

    Raises:
        As :func:`preprocess`; DataError also where vertices differ, UsageError where different
        numbers of components are asked for.
    """
    places = {actor.name: Path(root) / actor.name for actor in actors}
    if len(places) < len(actors):
        raise UsageError("Two actors have the same name.")
    return _preprocess(actors, settings, places, progress, redo)


@dataclass(eq=False)
class _Work:
    """One actor on its way: what is read of it, and what has been chosen."""

    actor: RecordedActor
    shots: tuple[Shot, ...]
    caches: Mapping[str, VertexAnimation]
    tongues: Mapping[str, VertexAnimation]
    choice: ChosenPoses | None = None
    skin_mean: Floats | None = None
    tongue_frames: Mapping[str, Indices] = field(default_factory=dict)

    def skin_part(self, shot: str, frames: Indices) -> ShotPoses:
        origin = None if self.skin_mean is None else self.skin_mean.reshape(-1)
        return ShotPoses(shot, self.actor.skin[shot], frames, origin=origin)

    def tongue_part(self, shot: str, frames: Indices) -> ShotPoses:
        assert self.actor.tongue_neutral is not None
        origin = np.asarray(self.actor.tongue_neutral, np.float32).reshape(-1)
        return ShotPoses(shot, self.tongues[shot], frames, origin=origin)

    def chosen_skin(self) -> tuple[ShotPoses, ...]:
        assert self.choice is not None
        return tuple(self.skin_part(shot, f) for shot, f in self.choice.chosen.items() if len(f))

    def chosen_tongue(self) -> tuple[ShotPoses, ...]:
        return tuple(self.tongue_part(shot, frames) for shot, frames in self.tongue_frames.items())


def _preprocess(
    actors: Sequence[RecordedActor],
    settings: PreprocessingSettings,
    places: Mapping[str, Path],
    progress: Progress | None,
    redo: bool,
    takes_shared: bool = False,
) -> dict[str, ActorArtefacts]:
    works = [_begin(actor, settings) for actor in actors]
    prints = [fingerprint(work.actor, settings, work.caches) for work in works]
    # A shared basis is made of all actors; each folder then depends on every one of them.
    whole = hashlib.sha256("".join(prints).encode()).hexdigest() if len(prints) > 1 else prints[0]
    own = dict(zip(places, prints, strict=True))
    made = {
        name: is_made_of(place, whole, own[name] if takes_shared else None)
        for name, place in places.items()
    }
    if not all(made.values()):
        for name, place in places.items():
            if made[name] is False and not redo:
                raise UsageError(
                    f"'{place}' was made of other recordings of '{name}' or with other settings.",
                    advice="Choose another folder, or the preprocessing settings it was made with "
                    "(they are kept in it), or prepare the dataset again.",
                )
        _make(works, settings, places, own, whole, progress)
        redo = False  # what was just made is not made again
    try:
        return {name: read_artefacts(place) for name, place in places.items()}
    except DataError as error:
        if not redo:
            raise
        logger.warning("What was preprocessed is damaged and is made again: %s", error.message)
    _make(works, settings, places, own, whole, progress)
    return {name: read_artefacts(place) for name, place in places.items()}


def _begin(actor: RecordedActor, settings: PreprocessingSettings) -> _Work:
    shots = shots_of(actor, settings)
    tongues = stable_tongues(actor, shots, settings) if has_tongue(actor) else {}
    return _Work(actor, shots, prune_caches(actor, shots, settings), tongues)


def _make(
    works: Sequence[_Work],
    settings: PreprocessingSettings,
    places: Mapping[str, Path],
    own: Mapping[str, str],
    whole: str,
    progress: Progress | None,
) -> None:
    total = sum(len(w.caches) + len(w.shots) + 2 * len(w.tongues) for w in works)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    for work in works:
        choice = choose_skin_poses(work.actor, work.shots, work.caches, settings, step)
        work.choice = choice
        work.skin_mean = _skin_mean(work)
        work.tongue_frames = choose_tongue_poses(work.tongues, settings, step)
        logger.info(
            "'%s': %d of %d poses are distinct, %d of them chosen (ended by %s).",
            work.actor.name,
            sum(map(len, choice.pruned.values())),
            sum(shot.num_frames for shot in work.shots),
            len(choice.selection.chosen),
            choice.selection.ended_by,
        )
    skin = principal_basis(
        Poses(tuple(part for work in works for part in work.chosen_skin())),
        threshold=settings.variance_threshold,
        components=_components(works, settings, "components"),
    )
    tongue = None
    if any(work.tongues for work in works):
        tongue = principal_basis(
            Poses(tuple(part for work in works for part in work.chosen_tongue())),
            threshold=settings.tongue_variance_threshold,
            components=_components(works, settings, "tongue_components"),
        )
    for work in works:
        note: dict[str, Any] = {
            "placeholders": [] if work.tongues else [layout.TONGUE_COEFFICIENTS],
            "own": own[work.actor.name],
        }
        with finished(places[work.actor.name], whole, note) as folder:
            _write(work, skin, tongue if work.tongues else None, settings, folder, step)


def _skin_mean(work: _Work) -> Floats:
    """The training neutral; without one the mean of the chosen poses."""
    count = next(iter(work.actor.skin.values())).num_vertices
    if work.actor.skin_neutral is not None:
        return checked("neutral skin", work.actor.skin_neutral, (count, 3))
    total, number = np.zeros(3 * count), 0
    for _, rows in Poses(work.chosen_skin()).blocks():
        total += rows.sum(axis=0, dtype=np.float64)
        number += len(rows)
    return (total / number).reshape(-1, 3).astype(np.float32)


def _components(works: Sequence[_Work], settings: PreprocessingSettings, name: str) -> int | None:
    asked = {getattr(settings.of(work.actor.name), name) for work in works} - {None}
    if len(asked) > 1:
        raise UsageError(
            f"Actors with one basis need one number of '{name}', found "
            f"{', '.join(map(str, sorted(asked)))}."
        )
    return asked.pop() if asked else None


def _write(
    work: _Work,
    skin: PrincipalBasis,
    tongue: PrincipalBasis | None,
    settings: PreprocessingSettings,
    folder: Path,
    step: Callable[[], None],
) -> None:
    assert work.choice is not None
    assert work.skin_mean is not None
    lengths = {shot.name: shot.num_frames for shot in work.shots}
    parts = [work.skin_part(name, np.arange(count)) for name, count in lengths.items()]
    skin_basis, skin_errors = _basis(skin, work.skin_mean, parts, step)
    tongue_basis = tongue_placeholder(settings.placeholders)
    tongue_errors: dict[str, ReconstructionError] = {}
    if tongue is not None:
        assert work.actor.tongue_neutral is not None
        mean = checked("neutral tongue", work.actor.tongue_neutral, (None, 3))
        parts = [work.tongue_part(name, np.arange(lengths[name])) for name in work.tongues]
        tongue_basis, tongue_errors = _basis(tongue, mean, parts, step)
    transforms = {}
    if settings.keep_tongue_transforms:
        transforms = {name: removed_transforms(stable) for name, stable in work.tongues.items()}
    artefacts = assembled(
        work.actor, work.shots, skin_basis, tongue_basis, settings.placeholders, transforms
    )
    clips = [clip for clip in work.actor.clips if clip.shot in lengths]
    write_artefacts(folder, artefacts, clips)
    records.write_records(folder, work.actor.name, settings)
    records.write_choice(folder, work.choice.pruned, work.choice.chosen)
    if settings.keep_intermediate:
        chosen = Poses(tuple(replace(part, origin=None) for part in work.chosen_skin()))
        threshold = settings.variance_threshold
        records.write_intermediate(folder, skin, work.skin_mean, threshold, chosen)
        if tongue is not None:
            records.write_tongue_intermediate(folder, tongue, tongue_basis.mean)
    report = {
        "skin": {
            "frames": sum(lengths.values()),
            "distinct": sum(map(len, work.choice.pruned.values())),
            "chosen": sum(map(len, work.choice.chosen.values())),
            "ended_by": work.choice.selection.ended_by,
            "error_curve_cm": work.choice.error_curve.tolist(),
            **_described(skin, skin_errors),
        },
        "tongue": None if tongue is None else _described(tongue, tongue_errors),
    }
    write_json(folder / layout.REPORT, report)


def _basis(
    principal: PrincipalBasis, mean: Floats, parts: Sequence[ShotPoses], step: Callable[[], None]
) -> tuple[Basis, dict[str, ReconstructionError]]:
    coefficients, errors = {}, {}
    for part in parts:
        coefficients[part.shot], errors[part.shot] = coefficients_of(part, principal.axes)
        step()
    shapes = principal.axes.reshape(len(principal.axes), -1, 3)
    return Basis(shapes, mean, coefficients), errors


def _described(basis: PrincipalBasis, errors: Mapping[str, ReconstructionError]) -> dict[str, Any]:
    return {
        "poses": basis.num_poses,
        "components": len(basis.axes),
        "variance_share": basis.share,
        "shots": {
            shot: {"rmse_cm": error.rmse, "max_vertex_cm": error.max_vertex}
            for shot, error in errors.items()
        },
    }
