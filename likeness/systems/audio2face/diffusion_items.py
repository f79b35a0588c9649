"""Training samples of the diffusion network: parts of clips with their sound.

Owns resampling to the frame rate of the network, the parts that are drawn, pitch, and how sound
lies beside frames. Targets stay PCA coefficients, which are small; spaces make geometry of them.
Imports no torch but for putting samples together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from likeness.data.source import Sample, Source, combined_fingerprint
from likeness.errors import DataError, UsageError
from likeness.seeds import rng_of
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.audio import SAMPLE_RATE, TrackCache, random_gain, room_noise
from likeness.systems.audio2face.channel_layout import ChannelLayout, shot_targets
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.learning_settings import AudioSettings, MutedSettings
from likeness.systems.audio2face.networks.diffusion_settings import DiffusionSampleSettings
from likeness.systems.audio2face.pitch_shift import pitch_shifted
from likeness.systems.audio2face.regression_items import EmotionLabels, muted_target
from likeness.systems.audio2face.shots import Clip, MutedShot
from likeness.systems.audio2face.streaming_plan import StreamingPlan

_VERSION = "1"
_MARGIN = 2048
"""Samples around a part that pitch is shifted with, so that its edges sound like the rest."""


def resampled(values: Floats, fps: float, to: float) -> Floats:
    """Frames (F, D) at ``fps`` to floor(F · to / fps) frames at ``to``, any ratio.

    Linear between neighbours; a frame stands for the middle of its time, and the first and last are
    held: 0, 1, 2 at twice the rate are 0, 0.25, 0.75, 1.25, 1.75, 2.

    Raises:
        DataError: so few frames that none is left.
    """
    count = math.floor(len(values) * to / fps + 1e-6)
    if count < 1:
        raise DataError(f"{len(values)} frames at {fps:g} fps are less than one at {to:g} fps.")
    place = np.clip((np.arange(count) + 0.5) * (fps / to) - 0.5, 0, len(values) - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    share = (place - low).astype(np.float32)[:, None]
    return np.asarray(values[low] * (1 - share) + values[high] * share, np.float32)


@dataclass(frozen=True, eq=False)
class _Part:
    """A clip or a muted shot at the frame rate of the network.

    ``start`` is the sample of its first frame in the recording; ``audio`` None is a muted shot.
    """

    actor: str
    shot: str
    targets: Floats
    emotion: str
    audio: str | None
    start: int


class DiffusionItems(Source):
    """Samples of all actors of a network. One clip is one sample::

        audio     (L,) float32, or (W, window) where sound is heard in windows
        target    (T, K + Kt + jaw + eye) float32, columns as of the actor with the most
        identity  (A,) float32
        named     (E,) float32, the emotion of the shot
        phase     int, frames of the first window that lie before the first frame

    ``source[i]`` is the whole clip as recorded; :meth:`draw` takes a part and changes pitch and
    gain.

    Args:
        identities: the actors.
        clips: of them.
        tracks: actor to the tracks of its recordings.
        labels: of the emotions.
        plan: of the windows of run time.
        muted: held poses in silence.
        neutral: name of the neutral emotion.

    Raises:
        UsageError: a clip names an actor or shot there is not, or frames outside of it.
        DataError: there is nothing to train on; a target or recording is damaged.
    """

    def __init__(
        self,
        identities: Identities,
        clips: Sequence[Clip],
        tracks: Mapping[str, TrackCache],
        labels: EmotionLabels,
        *,
        sampling: DiffusionSampleSettings,
        audio: AudioSettings,
        plan: StreamingPlan,
        muted: Sequence[MutedShot] = (),
        muted_settings: MutedSettings | None = None,
        neutral: str = "neutral",
    ) -> None:
        self.identities, self._tracks, self._labels = identities, tracks, labels
        self._sampling, self._audio, self._plan = sampling, audio, plan
        self._muted, self._neutral = muted_settings or MutedSettings(), neutral
        layouts = [ChannelLayout.of(actor) for actor in identities.actors]
        self._skin = max(layout.skin for layout in layouts)
        self._tongue = max(layout.tongue for layout in layouts)
        self._parts = [self._clip_part(clip) for clip in clips]
        self._parts += [self._muted_part(shot) for shot in muted]
        if not self._parts:
            raise DataError("There is no clip to train on.", advice="Check the clips.")

    def _clip_part(self, clip: Clip) -> _Part:
        self.identities.index(clip.actor)
        actor = self.identities.by_name[clip.actor]
        shot = {shot.name: shot for shot in actor.shots}.get(clip.shot)
        if shot is None or not 0 <= clip.first <= clip.last < shot.num_frames:
            there = "there is no such shot" if shot is None else f"it has {shot.num_frames} frames"
            raise UsageError(
                f"A clip asks for frames {clip.first} to {clip.last} of shot '{clip.shot}' of "
                f"'{clip.actor}'; {there}."
            )
        first, last = clip.frames
        if last < first:
            raise UsageError(
                f"A clip of shot '{clip.shot}' of '{clip.actor}' has {clip.last - clip.first + 1} "
                f"frames and an offset of {clip.offset}: nothing is left."
            )
        frames = shot_targets(actor, shot)[first : last + 1]
        start = round(Fraction(first + clip.offset) / Fraction(actor.fps) * SAMPLE_RATE)
        return _Part(
            clip.actor, shot.name, self._at_rate(actor, frames), shot.emotion, clip.audio, start
        )

    def _muted_part(self, shot: MutedShot) -> _Part:
        self.identities.index(shot.actor)
        actor = self.identities.by_name[shot.actor]
        pose = muted_target(actor, shot, self._muted, neutral=self._neutral)
        frames = np.broadcast_to(pose, (shot.num_frames, len(pose)))
        name = f"muted_{shot.source_shot}_{shot.source_frame}"
        return _Part(shot.actor, name, self._at_rate(actor, frames), shot.emotion, None, 0)

    def _at_rate(self, actor: ActorArtefacts, frames: Floats) -> Floats:
        """Resampled, with the columns of the actor with the most."""
        found = resampled(frames, actor.fps, self._sampling.fps)
        own = ChannelLayout.of(actor)
        skin, tongue = own.slices["skin"], own.slices["tongue"]
        wide = np.zeros((len(found), self._skin + self._tongue + own.jaw + own.eye), np.float32)
        wide[:, : own.skin] = found[:, skin]
        wide[:, self._skin : self._skin + own.tongue] = found[:, tongue]
        wide[:, self._skin + self._tongue :] = found[:, tongue.stop :]
        return wide

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> Sample:
        frames = len(self._parts[index].targets)
        # A stream starts with this many frames before the sound.
        phase = self._plan.drop % self._plan.centre
        return self._sample(index, 0, frames, phase, rng_of("room", index), 0.0, 1.0)

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        own, total = self._sampling, len(self._parts[index].targets)
        first, frames = 0, total
        if own.subsegment:
            frames = int(rng.integers(min(own.shortest, total), min(own.longest, total) + 1))
            first = int(rng.integers(0, total - frames + 1))
        semitones = 0.0
        if rng.uniform() < own.pitch_chance:
            semitones = float(rng.uniform(-own.pitch_semitones, own.pitch_semitones))
        gain = random_gain(self._audio.gain_decibels, rng)
        phase = int(rng.integers(0, self._plan.centre))
        return self._sample(index, first, frames, phase, rng, semitones, gain)

    def _sample(
        self,
        index: int,
        first: int,
        frames: int,
        phase: int,
        rng: np.random.Generator,
        semitones: float,
        gain: float,
    ) -> Sample:
        part, fps = self._parts[index], self._sampling.fps
        if self._sampling.hears == "track":
            start, length = int(first * SAMPLE_RATE / fps), int(frames * SAMPLE_RATE / fps)
            audio = self._heard(part, start, length, rng, semitones)
        else:
            audio = self._windows(part, first - phase, frames + phase, rng, semitones)
        return {
            "id": f"{self.identities.shot_id(part.actor, part.shot)}/{part.audio or 'muted'}/"
            f"{first}+{frames}",
            "audio": audio if part.audio is None else audio * np.float32(gain),
            "target": part.targets[first : first + frames],
            "identity": self.identities.one_hot(part.actor),
            "named": self._labels.vector(part.emotion),
            "phase": phase if self._sampling.hears == "windows" else 0,
            "emotion": part.emotion,
        }

    def _windows(
        self, part: _Part, first: int, frames: int, rng: np.random.Generator, semitones: float
    ) -> Floats:
        """(W, window): as at run time, with the recording around the part."""
        plan = self._plan
        numbers = range(math.ceil(frames / plan.centre))
        starts = [
            math.floor((first + number * plan.centre - plan.left) * plan.samples_per_frame)
            for number in numbers
        ]
        sound = self._heard(part, starts[0], starts[-1] - starts[0] + plan.window, rng, semitones)
        return np.stack([sound[s - starts[0] : s - starts[0] + plan.window] for s in starts])

    def _heard(
        self, part: _Part, start: int, length: int, rng: np.random.Generator, semitones: float
    ) -> Floats:
        """Samples from ``start`` on, counted from the first frame of the part."""
        if part.audio is None:
            own = self._muted
            return room_noise(
                own.noise, length, rng, scale=own.noise_scale, local_range=own.noise_local_range
            )
        track, start = self._tracks[part.actor].track(part.audio), part.start + start
        if semitones == 0:
            return track.window(start, length)
        around = track.window(start - _MARGIN, length + 2 * _MARGIN)
        return pitch_shifted(around, semitones)[_MARGIN : _MARGIN + length]

    def describe(self) -> dict[str, Any]:
        frames = sum(len(part.targets) for part in self._parts)
        return {
            "type": "DiffusionItems",
            "actors": list(self.identities.names),
            "clips": sum(part.audio is not None for part in self._parts),
            "muted": sum(part.audio is None for part in self._parts),
            "seconds": round(frames / self._sampling.fps, 2),
            "fps": self._sampling.fps,
        }

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for part in self._parts:
            facts = (part.actor, part.shot, part.emotion, part.audio, part.start)
            digest.update(str(facts).encode())
            digest.update(np.ascontiguousarray(part.targets).tobytes())
            if part.audio is not None:
                digest.update(self._tracks[part.actor].track(part.audio).samples.tobytes())
        settings = (self._sampling, self._audio, self._muted)
        return combined_fingerprint(
            _VERSION,
            digest.hexdigest(),
            f"{self._labels}{self._neutral}{self._plan}",
            *(model.model_dump_json() for model in settings),
        )


def collate_diffusion(samples: Sequence[Sample]) -> dict[str, Any]:
    """A batch of samples, the shorter ones padded with zeros::

    audio     (B, longest, …)      sounds: (B,) samples or windows of each
    target    (B, T, …)            frames: (B,) of each
    identity  (B, A)   named (B, E)   phase (B,)   id, emotion: lists
    """
    return {
        "id": [str(sample["id"]) for sample in samples],
        "emotion": [str(sample["emotion"]) for sample in samples],
        "audio": _padded([sample["audio"] for sample in samples]),
        "sounds": torch.tensor([len(sample["audio"]) for sample in samples]),
        "target": _padded([sample["target"] for sample in samples]),
        "frames": torch.tensor([len(sample["target"]) for sample in samples]),
        "identity": torch.from_numpy(np.stack([sample["identity"] for sample in samples])),
        "named": torch.from_numpy(np.stack([sample["named"] for sample in samples])),
        "phase": torch.tensor([int(sample["phase"]) for sample in samples]),
    }


def _padded(arrays: Sequence[Floats]) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(
        [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays], batch_first=True
    )
