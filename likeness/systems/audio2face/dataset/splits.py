"""Which shots are trained on, and which are held out: whole shots, never parts of one.

What a dataset names is held out. Where it names nothing, a share of the shots of every emotion is,
chosen by a hash of their names, so that a shot added later moves no other.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from pathlib import Path

from likeness.errors import DataError
from likeness.geometry.animation_files import list_shots
from likeness.systems.audio2face.dataset.description import DatasetDescription
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Shot

_MIN_SHOTS = 3
"""Of one emotion, before one of them is held out unasked."""


def split_of_shots(
    actors: Mapping[str, RecordedActor],
    *,
    validation: Collection[str] = (),
    test: Collection[str] = (),
    share: float = 0.1,
) -> dict[tuple[str, str], str]:
    """(actor, shot) to ``train``, ``validation`` or ``test``.

    Args:
        actors: of a dataset.
        validation, test: shots by name, or as ``actor::shot``.
        share: of the shots of every emotion held out for validation where ``validation`` is empty;
            of an emotion with fewer than three shots none is.
    """
    found = {}
    for name, actor in actors.items():
        for shot in actor.shots:
            keys = {shot.name, f"{name}::{shot.name}"}
            split = (
                "test" if keys & set(test) else "validation" if keys & set(validation) else "train"
            )
            found[name, shot.name] = split
        if not validation and share > 0:
            for shot in _drawn(
                actor, {s for (a, s), w in found.items() if (a, w) == (name, "train")}, share
            ):
                found[name, shot.name] = "validation"
    return found


def refuse_unknown_shots(description: DatasetDescription, base: Path) -> None:
    """A name that is held out and misspelt would leave its shot among those trained on.

    Args:
        base: folder the paths of the description begin at.

    Raises:
        DataError: a shot held out by a name that no shot of any actor has.
        MissingError: an actor has no folder of caches.
    """
    shots = {name: list_shots(base / a.skin_caches) for name, a in description.actors.items()}
    known = {name for names in shots.values() for name in names}
    full = {f"{actor}::{name}" for actor, names in shots.items() for name in names}
    strangers = sorted({*description.validation, *description.test} - known - full)
    if strangers:
        raise DataError(
            f"Expected shots of the dataset in 'validation' and 'test', found "
            f"{', '.join(strangers[:5])}, which no actor has.",
            advice=f"Name shots as their caches are named: {', '.join(sorted(known)[:5])}, ...",
        )


def _drawn(actor: RecordedActor, open_shots: set[str], share: float) -> list[Shot]:
    by_emotion: dict[str, list[Shot]] = {}
    for shot in actor.shots:
        if shot.name in open_shots:
            by_emotion.setdefault(shot.emotion, []).append(shot)
    drawn = []
    for shots in by_emotion.values():
        if len(shots) >= _MIN_SHOTS:
            count = max(1, math.floor(share * len(shots) + 0.5))
            drawn += sorted(shots, key=_hash)[:count]
    return drawn


def _hash(shot: Shot) -> bytes:
    return hashlib.sha256(f"{shot.actor}::{shot.name}".encode()).digest()
