"""The actors a configuration trains on: as recorded, and preprocessed.

Owns which actors and which shots are chosen, and where preprocessed actors are kept. Imports no
torch until something is preprocessed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from likeness.data.contract import Split
from likeness.errors import UsageError
from likeness.storage.files import disk_errors
from likeness.storage.lock import locked
from likeness.systems.audio2face.artefacts import ActorArtefacts
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.dataset.description import DatasetDescription, read_description
from likeness.systems.audio2face.dataset.reading import open_dataset
from likeness.systems.audio2face.dataset.splits import refuse_unknown_shots, split_of_shots
from likeness.systems.audio2face.preprocessing.preparation import preprocess
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Clip, MutedShot

logger = logging.getLogger(__name__)

PREPARED = "prepared"
"""Folder beside a dataset's description that preprocessed actors are looked for in."""


@dataclass(frozen=True, eq=False)
class Recordings:
    """What is trained on.

    Attributes:
        actors: by name, in the order of the identities.
        artefacts: of each of them.
        emotions: the vocabulary.
        default_emotion: of shots whose name says none.
        splits: (actor, shot) to the split it belongs to.
        muted: held poses to add to training.
    """

    actors: Mapping[str, RecordedActor]
    artefacts: Mapping[str, ActorArtefacts]
    emotions: tuple[str, ...]
    default_emotion: str
    splits: Mapping[tuple[str, str], str]
    muted: tuple[MutedShot, ...]

    def clips(self, split: Split) -> tuple[Clip, ...]:
        """The clips of a split; held-out shots are heard in the actor's own voice alone."""
        return tuple(
            clip
            for actor in self.actors.values()
            for clip in actor.clips
            if split == "all"
            or (
                self.splits[clip.actor, clip.shot] == split
                and (split == "train" or clip.speaker == clip.actor)
            )
        )


def open_recordings(config: AudioToFaceConfig) -> Recordings:
    """The recordings a configuration names, preprocessed where they are not yet.

    Raises:
        UsageError: no dataset is named, or actors, shots or emotions it does not have.
        DataError, MissingError: the dataset cannot be used.
    """
    data = config.data
    if data.root is None:
        raise UsageError(
            "data.root is not set: there is no dataset to read.",
            advice="Make one with 'likeness data make audio2face FOLDER', then add "
            "data.root=FOLDER.",
        )
    description, base = read_description(data.root)
    refuse_unknown_shots(description, base)
    every = tuple(description.actors)
    description = _chosen(config, description)
    others = tuple(name for name in every if name not in description.actors)
    actors = open_dataset(base, description, others=others)
    splits = split_of_shots(
        actors,
        validation=description.validation,
        test=description.test,
        share=data.validation,
    )
    artefacts = {
        name: replace(
            _preprocessed(config, base, actor),
            skin_faces=actor.skin_faces,
            tongue_faces=actor.tongue_faces,
        )
        for name, actor in actors.items()
    }
    return Recordings(
        actors=actors,
        artefacts=artefacts,
        emotions=description.emotions,
        default_emotion=description.default_emotion,
        splits=splits,
        muted=tuple(
            MutedShot(m.actor, m.shot, m.frame, m.num_frames, m.emotion) for m in data.muted_shots
        ),
    )


def _chosen(config: AudioToFaceConfig, description: DatasetDescription) -> DatasetDescription:
    """The description with the actors that are trained on, in the order asked for."""
    asked = config.data.actors or tuple(description.actors)
    unknown = [name for name in asked if name not in description.actors]
    if unknown:
        raise UsageError(
            f"data.actors names {', '.join(unknown)}, whom the dataset does not have.",
            advice=f"It has {', '.join(description.actors)}.",
        )
    if config.model.network == "regression" and len(asked) > 1:
        logger.warning(
            "A regression network has one actor and the dataset %d; it is trained on '%s'. Choose "
            "with data.actors=[NAME], or train model.network=diffusion on all of them.",
            len(asked),
            asked[0],
        )
        asked = asked[:1]
    # Not replace(): a mapping given there changes the keys it names and keeps the others.
    values = {name: getattr(description, name) for name in type(description).model_fields}
    values["actors"] = {name: description.actors[name] for name in asked}
    values["shot_emotions"] = {
        name: shots for name, shots in description.shot_emotions.items() if name in asked
    }
    return DatasetDescription.model_validate(values)


def _preprocessed(config: AudioToFaceConfig, base: Path, actor: RecordedActor) -> ActorArtefacts:
    """The artefacts of an actor: where they were prepared, else in the cache."""
    data = config.data
    for place in (data.prepared, base / PREPARED):
        if place is not None and (Path(place) / actor.name).is_dir():
            folder = Path(place) / actor.name
            return preprocess(actor, config.preprocessing, folder, takes_shared=True)
    named = hashlib.sha256(f"{base.resolve()}|{actor.name}".encode()).hexdigest()[:16]
    cache = Path(config.storage.cache_folder).expanduser() / "prepared" / "audio2face"
    if data.prepared is not None:
        cache, named = Path(data.prepared), ""
    folder = cache / named / actor.name
    lock = folder.parent / f".{actor.name}.lock"
    with disk_errors(folder, "preprocess an actor"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    # Processes of one training wait here for the first, and then find its work done.
    with locked(lock, waits=True):
        return preprocess(actor, config.preprocessing, folder, redo=data.prepared is None)
