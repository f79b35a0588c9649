"""Training samples of the regression network: a few consecutive frames with their windows of sound.

Owns the positions of samples in clips, the augmentations, muted shots and the emotion a sample is
labelled with. The losses are ``regression_terms.py``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from likeness.data.source import Sample, Source, combined_fingerprint
from likeness.errors import DataError, UsageError
from likeness.seeds import rng_of
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.audio import (
    SAMPLE_RATE,
    TrackCache,
    frame_time,
    random_gain,
    room_noise,
    sample_index,
)
from likeness.systems.audio2face.channel_layout import ChannelLayout, shot_targets
from likeness.systems.audio2face.implicit_emotions import RowTable, muted_names
from likeness.systems.audio2face.learning_settings import (
    AudioSettings,
    MutedSettings,
    SamplingSettings,
)
from likeness.systems.audio2face.phonemes import UNSUPPORTED, Phonemes, PhonemeTrack
from likeness.systems.audio2face.shots import Clip, MutedShot, Shot

_LOG = logging.getLogger(__name__)

_VERSION = "1"


@dataclass(frozen=True)
class EmotionLabels:
    """Names of emotions and their vectors.

    Attributes:
        names: of the network's channels, in order.
        zero: the emotion that is all zeros: none of ``names``, or one whose channel stays 0.
    """

    names: tuple[str, ...]
    zero: str | None

    @classmethod
    def of(cls, vocabulary: Sequence[str], zero: str | None) -> EmotionLabels:
        """The labels of a vocabulary: all but ``zero``; ``zero`` itself if nothing else is left.

        Runtimes refuse a network without any emotion.
        """
        names = tuple(name for name in vocabulary if name != zero)
        return cls(names or tuple(vocabulary), zero)

    def vector(self, emotion: str) -> Floats:
        """(E,) one-hot, or zeros for ``zero``.

        Raises:
            UsageError: the emotion is not known.
        """
        found = np.zeros(len(self.names), np.float32)
        if emotion == self.zero:
            return found
        if emotion not in self.names:
            known = ", ".join([*self.names, *([self.zero] if self.zero else [])])
            raise UsageError(f"There is no emotion '{emotion}'.", advice=f"Known: {known}.")
        found[self.names.index(emotion)] = 1.0
        return found


def muted_target(
    artefacts: ActorArtefacts, muted: MutedShot, settings: MutedSettings, *, neutral: str
) -> Floats:
    """(D,) the pose held in a muted shot, as coefficients: the source frame with its neutral parts.

    Zero coefficients are the mean of the basis, so poses made of them are neutral as well.

    Args:
        neutral: the name of the neutral emotion.

    Raises:
        UsageError: there is no such shot or frame.
    """
    shots = {shot.name: shot for shot in artefacts.shots}
    source = shots.get(muted.source_shot)
    if source is None or not 0 <= muted.source_frame < source.num_frames:
        raise UsageError(
            f"A muted shot takes frame {muted.source_frame} of shot '{muted.source_shot}' of "
            f"'{artefacts.actor}', which is not there."
        )
    target = shot_targets(artefacts, source)[muted.source_frame].copy()
    columns = ChannelLayout.of(artefacts).slices
    if settings.skin_is_neutral and muted.emotion == neutral:
        target[columns["skin"]] = 0.0
    if settings.tongue_is_neutral:
        target[columns["tongue"]] = 0.0
    return target


@dataclass(frozen=True, eq=False)
class _Part:
    """A clip or a muted shot, ready to draw from; frames ``first`` to ``last`` of ``targets``."""

    shot: str
    first: int
    last: int
    targets: Floats
    emotion: str
    language: str
    audio: str | None
    offset: int


class RegressionItems(Source):
    """Samples of one actor. A sample holds S = ``sequence_length`` frames::

        audio     (S, window) float32
        target    (S, D) float32: skin, tongue, jaw, eye
        named     (E,) float32, the emotion of the shot
        rows      (S,) int64, rows of the emotion data base
        volume    float32, mean abs of the sound as recorded
        emotion   its name
        language  of the clip, or "unsupported"
        phonemes  (S, T, P) float32; only with ``phonemes``

    ``source[i]`` has no augmentation; :meth:`draw` shifts time and gain.

    Args:
        artefacts: of the actor.
        clips: to draw from; those of other actors are left out. Clips shorter than a sample are
            left out with a warning.
        tracks: of the actor's recordings.
        rows: of the emotion data base; shots are called by ``shot_prefix`` + name.
        labels: of the emotions.
        muted: held poses in silence.
        neutral: name of the neutral emotion.
        window: samples the network hears about the middle of a frame.
        steps: steps of phonemes in a window.
        phonemes: where targets of phonemes come from; None: there are none.
        shot_prefix: of the names in ``rows`` where actors share a table.

    Raises:
        UsageError: a clip names a shot there is not, or frames outside of it.
        DataError: no clip is long enough; a target or a recording is damaged.
    """

    def __init__(
        self,
        artefacts: ActorArtefacts,
        clips: Sequence[Clip],
        tracks: TrackCache,
        rows: RowTable,
        labels: EmotionLabels,
        *,
        sampling: SamplingSettings,
        audio: AudioSettings,
        muted: Sequence[MutedShot] = (),
        muted_settings: MutedSettings | None = None,
        neutral: str = "neutral",
        window: int = 8320,
        steps: int = 25,
        phonemes: Phonemes | None = None,
        shot_prefix: str = "",
    ) -> None:
        self.artefacts, self.layout = artefacts, ChannelLayout.of(artefacts)
        self._tracks, self._rows, self._labels = tracks, rows, labels
        self._sampling, self._audio = sampling, audio
        self._muted = muted_settings or MutedSettings()
        self._neutral, self._window, self._steps = neutral, window, steps
        self._phonemes, self._prefix = phonemes, shot_prefix
        self._phoneme_tracks: dict[tuple[str, str], PhonemeTrack] = {}
        own = [clip for clip in clips if clip.actor == artefacts.actor]
        held = [shot for shot in muted if shot.actor == artefacts.actor]
        self._parts = [*self._clip_parts(own), *self._muted_parts(held)]
        length, stride = sampling.sequence_length, sampling.sequence_stride
        self._positions: list[tuple[int, int]] = []
        short = []
        for number, part in enumerate(self._parts):
            count = (part.last - part.first + 1 - length) // stride + 1
            if count < 1:
                short.append(part.shot)
            self._positions += [(number, part.first + i * stride) for i in range(count)]
        if short:
            _LOG.warning(
                "%d clips are shorter than the %d frames of a sample and are left out: %s",
                len(short), length, ", ".join(short[:5]),
            )  # fmt: skip
        if not self._positions:
            raise DataError(
                f"No clip of '{artefacts.actor}' holds {length} consecutive frames: there is "
                "nothing to train on.",
                advice="Check the ranges of the clips.",
            )

    def _clip_parts(self, clips: Sequence[Clip]) -> list[_Part]:
        shots = {shot.name: shot for shot in self.artefacts.shots}
        targets: dict[str, Floats] = {}
        parts = []
        for clip in clips:
            shot = shots.get(clip.shot)
            if shot is None or not 0 <= clip.first <= clip.last < shot.num_frames:
                raise UsageError(
                    f"A clip asks for frames {clip.first} to {clip.last} of shot '{clip.shot}' of "
                    f"'{clip.actor}'; " + _what_there_is(shot)
                )
            if clip.shot not in targets:
                targets[clip.shot] = shot_targets(self.artefacts, shot)
            first, last = clip.frames
            parts.append(
                _Part(
                    clip.shot, first, last, targets[clip.shot], shot.emotion,
                    self._language(clip.language), clip.audio, clip.offset,
                )
            )  # fmt: skip
        return parts

    def _muted_parts(self, muted: Sequence[MutedShot]) -> list[_Part]:
        taken = [shot.name for shot in self.artefacts.shots]
        languages = list(self._phonemes.vocabularies) if self._phonemes else []
        parts = []
        for name, shot in zip(muted_names(muted, taken=taken), muted, strict=True):
            target = muted_target(self.artefacts, shot, self._muted, neutral=self._neutral)
            held = np.broadcast_to(target, (shot.num_frames, len(target)))
            language = languages[0] if languages else UNSUPPORTED
            parts.append(_Part(name, 0, shot.num_frames - 1, held, shot.emotion, language, None, 0))
        return parts

    def _language(self, language: str) -> str:
        known = self._phonemes.vocabularies if self._phonemes else {}
        return language if language in known else UNSUPPORTED

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> Sample:
        # The noise of a muted room is the same every time.
        return self._sample(index, rng_of("room", index), shift=0.0, gain=1.0)

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        shift = float((rng.uniform() - 0.5) * self._sampling.timeshift)
        gain = random_gain(self._audio.gain_decibels, rng)
        return self._sample(index, rng, shift=shift, gain=gain)

    def _sample(self, index: int, rng: np.random.Generator, *, shift: float, gain: float) -> Sample:
        number, first = self._positions[index]
        part = self._parts[number]
        frames = first + np.arange(self._sampling.sequence_length)
        fps = self.artefacts.fps
        times = [frame_time(frame + shift, fps) for frame in frames]
        heard = self._heard(part, times, rng)
        volume = float(np.abs(heard).mean())
        row = self._rows.row
        sample: Sample = {
            "id": f"{self._prefix}{part.shot}/{part.audio or 'muted'}/{first}",
            "audio": heard if part.audio is None else heard * np.float32(gain),
            "target": interpolated(part.targets, frames + shift),
            "named": self._labels.vector(part.emotion),
            # The row stays that of the frame, however time is shifted.
            "rows": np.array([row(self._prefix + part.shot, int(f)) for f in frames], np.int64),
            "volume": np.float32(volume),
            "emotion": part.emotion,
            "language": part.language,
        }
        if self._phonemes is not None:
            sample["phonemes"] = self._phoneme_targets(part, times)
        return sample

    def _heard(self, part: _Part, times: Sequence[float], rng: np.random.Generator) -> Floats:
        """(S, window) of sound about the times, at the recorded level."""
        offset = part.offset / self.artefacts.fps
        starts = [sample_index(time + offset) - self._window // 2 for time in times]
        if part.audio is not None:
            return self._tracks.track(part.audio).windows(starts, self._window)
        # One track of noise, so that windows that overlap hear the same.
        settings, first = self._muted, starts[0]
        noise = room_noise(
            settings.noise,
            starts[-1] - first + self._window,
            rng,
            scale=settings.noise_scale,
            local_range=settings.noise_local_range,
        )
        return np.stack([noise[s - first : s - first + self._window] for s in starts])

    def _phoneme_targets(self, part: _Part, times: Sequence[float]) -> Floats:
        assert self._phonemes is not None
        sizes = self._phonemes.vocabularies
        width = max(sizes.values())
        if part.language == UNSUPPORTED:
            return np.zeros((len(times), self._steps, width), np.float32)
        if part.audio is None:
            silent = PhonemeTrack(
                np.zeros((0, sizes[part.language]), np.float32),
                self._phonemes.silence(part.language),
            )
            return np.stack([silent.window(0.0, self._steps, width) for _ in times])
        track = self._phoneme_track(part.audio, part.language)
        offset = part.offset / self.artefacts.fps
        return np.stack([track.window(time + offset, self._steps, width) for time in times])

    def _phoneme_track(self, audio: str, language: str) -> PhonemeTrack:
        assert self._phonemes is not None
        key = (audio, language)
        if key not in self._phoneme_tracks:
            speech = self._tracks.track(audio)
            self._phoneme_tracks[key] = self._phonemes.track(audio, speech, language)
        return self._phoneme_tracks[key]

    def all_targets(self) -> Floats:
        """(n, D) targets of all frames that samples come from, each clip's once."""
        return np.concatenate([part.targets[part.first : part.last + 1] for part in self._parts])

    def describe(self) -> dict[str, Any]:
        frames = sum(part.last - part.first + 1 for part in self._parts)
        return {
            "type": "RegressionItems",
            "actor": self.artefacts.actor,
            "samples": len(self),
            "clips": sum(part.audio is not None for part in self._parts),
            "muted": sum(part.audio is None for part in self._parts),
            "seconds": round(frames / self.artefacts.fps, 2),
            "sample_rate": SAMPLE_RATE,
        }

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for part in self._parts:
            facts = (part.shot, part.first, part.last, part.emotion, part.language, part.audio)
            digest.update(f"{facts}{part.offset}".encode())
            digest.update(np.ascontiguousarray(part.targets).tobytes())
            if part.audio is not None:
                digest.update(self._tracks.track(part.audio).samples.tobytes())
        settings = (self._sampling, self._audio, self._muted)
        return combined_fingerprint(
            _VERSION,
            self.artefacts.actor,
            digest.hexdigest(),
            self._rows.to_json(),
            f"{self._labels}{self._neutral}{self._window}",
            *(model.model_dump_json() for model in settings),
        )


def interpolated(targets: Floats, places: np.ndarray) -> Floats:
    """Rows of ``targets`` (F, D) at fractional places, linear between neighbours, clamped."""
    place = np.clip(places, 0, len(targets) - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, len(targets) - 1)
    share = (place - low).astype(np.float32)[:, None]
    return targets[low] * (1 - share) + targets[high] * share


def _what_there_is(shot: Shot | None) -> str:
    return "there is no such shot." if shot is None else f"it has {shot.num_frames} frames."
