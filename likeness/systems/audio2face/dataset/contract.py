"""The dataset contract of audio2face: open, inspect, write."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from likeness.data.contract import Split
from likeness.data.inspection import Inspection
from likeness.data.source import Sample, Source
from likeness.errors import DataError, UsageError
from likeness.systems.audio2face.dataset.description import DESCRIPTION, read_description
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.dataset.reading import open_dataset
from likeness.systems.audio2face.dataset.splits import refuse_unknown_shots, split_of_shots
from likeness.systems.audio2face.dataset.writer import DatasetWriter
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Clip


class ClipRecords(Source):
    """The clips of a split as they are described: what, where and of whom; no sound, no poses.

    A sample has the fields of :class:`Clip` and its ``id``.
    """

    def __init__(self, clips: Sequence[Clip], actors: Mapping[str, RecordedActor]) -> None:
        self.clips = tuple(clips)
        self.actors = dict(actors)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Sample:
        clip = self.clips[index]
        name = f"{clip.actor}/{clip.shot}/{clip.speaker}/{clip.first}-{clip.last}"
        return {"id": name, **asdict(clip)}

    def fingerprint(self) -> str:
        """Of clips, and of name and size of their sounds and caches."""
        digest = hashlib.sha256()
        for clip in self.clips:
            actor = self.actors[clip.actor]
            sound = actor.audio / clip.audio
            size = sound.stat().st_size if sound.is_file() else -1
            shape = actor.skin[clip.shot].frames.shape
            digest.update(repr((clip, size, shape, actor.fps)).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class SpeakingActors:
    """Speech with the moving face of the actor who spoke it."""

    name: str = "audio2face"
    layouts: tuple[str, ...] = (
        f"{DESCRIPTION}: where the sounds, caches and the rest of every actor lie",
        "data/<actor>/audio/<shot>.wav and data/<actor>/cache/skin/<shot>/<shot>.npy|xml|pc2",
        "audio/<shot>.wav and cache/skin/<shot>/<shot>.npy|xml|pc2, of one actor",
    )

    def inspect(self, uri: str) -> Inspection:
        """Look at every file; never raises on bad data."""
        return inspect_dataset(uri)

    def open(self, uri: str, split: Split, **options: Any) -> ClipRecords:
        """The clips of a split. Options: ``share`` of :func:`split_of_shots`.

        Raises:
            DataError: the dataset cannot be used, or has no clip to train on.
        """
        unknown = sorted(set(options) - {"share"})
        if unknown:
            raise UsageError(f"Unknown options {unknown} for audio2face data.")
        description, base = read_description(uri)
        refuse_unknown_shots(description, base)
        actors = open_dataset(base, description)
        splits = split_of_shots(
            actors, validation=description.validation, test=description.test, **options
        )
        clips = [
            clip
            for actor in actors.values()
            for clip in actor.clips
            if split in ("all", splits[clip.actor, clip.shot])
        ]
        if not clips and split in ("train", "all"):
            raise DataError(
                f"Expected clips of split '{split}' in '{uri}', found none.",
                advice="Add shots with sounds, or hold out fewer.",
            )
        return ClipRecords(clips, actors)

    def writer(self, uri: str, **options: Any) -> DatasetWriter:
        """A writer of the conventional layout; options of :class:`DatasetWriter`."""
        return DatasetWriter(str(Path(uri)), **options)


CONTRACT = SpeakingActors()
