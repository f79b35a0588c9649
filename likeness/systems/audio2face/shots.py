"""Shots and clips: what was recorded, and which parts of it are trained on.

Frames are counted from 0 and ranges include both ends. Lengths are centimetres and angles degrees
everywhere in this system.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shot:
    """A whole animation of one actor, with its sound.

    Attributes:
        actor: name.
        name: ties sound, caches, npz entries and clips together.
        num_frames: of its channels, after trimming to the shortest.
        fps: frames per second of all caches of the actor.
        emotion: one of the emotion vocabulary.
    """

    actor: str
    name: str
    num_frames: int
    fps: float
    emotion: str


@dataclass(frozen=True)
class Clip:
    """A training item that points into a shot.

    Attributes:
        actor: name.
        shot: name of the shot.
        first: frame.
        last: frame, included.
        speaker: the actor, or ``aug_<voice>`` of a re-voiced recording.
        language: "en", "zh", …
        audio: path of the sound below the actor's audio folder.
        offset: frames; the sound of time t is read at ``t + offset / fps``.
    """

    actor: str
    shot: str
    first: int
    last: int
    speaker: str
    language: str
    audio: str
    offset: int = 0

    @property
    def frames(self) -> tuple[int, int]:
        """First and last frame whose sound lies inside the recording, with the offset."""
        return self.first + max(-self.offset, 0), self.last - max(self.offset, 0)


@dataclass(frozen=True)
class MutedShot:
    """A held pose beside the noise of a silent room.

    Attributes:
        actor: name.
        source_shot: where the pose is taken.
        source_frame: which frame of it.
        num_frames: how long it is held.
        emotion: what it is labelled with.
    """

    actor: str
    source_shot: str
    source_frame: int
    num_frames: int
    emotion: str
