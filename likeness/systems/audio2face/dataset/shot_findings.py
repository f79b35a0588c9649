"""What may be wrong with the sounds of shots, with their emotions, and with how many there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from likeness.data.inspection import Finding
from likeness.errors import LikenessError
from likeness.geometry.animation import VertexAnimation
from likeness.media.sound_length import told_seconds
from likeness.systems.audio2face.dataset.description import ActorFiles, DatasetDescription
from likeness.systems.audio2face.dataset.emotions import emotion_of_shot
from likeness.systems.audio2face.dataset.sounds import Recordings, sound_facts

LONGEST_GAP = 0.1
"""Seconds by which sound and animation of a shot may differ."""
_MIN_RATE = 16000
_MIN_BITS = 16
_MIN_PER_EMOTION = 3
_SILENT = 10 ** (-60 / 20)
_BLOCK = 1 << 18
_TOP = 1 - 1e-4
"""Of the peak: less is below it. The top of a wave of 100 Hz leaves it within two samples."""
_FLAT_SAMPLES, _FLAT_SECONDS = 4, 1 / 8000
"""At the peak in a row, the longer of both, where a wave has no top."""
_CLIPPED = 1e-3
"""Share of a sound from which that is told: a millisecond of each second."""
_LOUD = 10 ** (-40 / 20)
"""Root mean square of a sound in which somebody speaks; rooms are quieter."""


def look_at_shots(
    actor: str,
    files: ActorFiles,
    base: Path,
    description: DatasetDescription,
    caches: Mapping[str, VertexAnimation],
    recordings: Recordings,
    damaged: Collection[str] = (),
    still: Collection[str] = (),
) -> tuple[int, list[Finding]]:
    """The number of recordings, and what is wrong with sounds and emotions of an actor.

    Args:
        actor: name.
        files: where its files lie, below ``base``.
        description: of the dataset.
        caches: of the skin, by shot.
        recordings: the sounds in the actor's folder.
        damaged: shots whose cache cannot be opened.
        still: shots whose skin does not move.
    """
    folder = base / files.audio
    if not folder.is_dir():
        found = Finding(
            "error",
            "audio-missing",
            files.audio,
            f"Expected the folder of the sounds of '{actor}', found none.",
            "Correct 'audio' of the actor, or add one sound for each shot.",
        )
        return 0, [found]
    known = {*caches, *damaged}
    findings = list(_sounds(files, base, caches, recordings, known, still))
    findings += _emotions(actor, description, caches, known)
    count = sum(len(of_shot) for shot, of_shot in recordings.items() if shot in caches)
    return count, findings


def _sounds(
    files: ActorFiles,
    base: Path,
    caches: Mapping[str, VertexAnimation],
    recordings: Recordings,
    known: Collection[str],
    still: Collection[str],
) -> Iterable[Finding]:
    for shot, cache in caches.items():
        if "" not in recordings.get(shot, {}):
            yield Finding(
                "warning",
                "sound-missing",
                f"{files.audio}/{shot}",
                f"Expected a sound named like shot '{shot}', found none.",
                "Add it; the shot then only shapes the basis and is not trained on.",
            )
        for number, audio in enumerate(recordings.get(shot, {}).values()):
            where, is_still = f"{files.audio}/{audio}", number == 0 and shot in still
            yield from look_at_sound(base / where, where, shot, cache, is_still=is_still)
    for shot in sorted(set(recordings) - set(known)):
        audio = next(iter(recordings[shot].values()))
        yield Finding(
            "advice",
            "sound-stray",
            f"{files.audio}/{audio}",
            f"There is no shot '{shot}' that this sound belongs to.",
            "A sound belongs to the shot of exactly its name.",
        )


def look_at_sound(
    path: Path, where: str, shot: str, cache: VertexAnimation, *, is_still: bool = False
) -> Iterable[Finding]:
    """Faults of a sound file and of its length beside the animation.

    Args:
        where: how findings call the file.
        shot, cache: what it is the sound of.
        is_still: the face does not move in it.
    """
    try:
        facts = sound_facts(path)
        heard = _heard(path, max(_FLAT_SAMPLES, round(_FLAT_SECONDS * facts.rate)))
    except (LikenessError, soundfile.LibsndfileError) as error:
        message = (
            error.message if isinstance(error, LikenessError) else f"It cannot be decoded: {error}."
        )
        yield Finding("error", "sound", where, message, "Export the sound again.")
        return
    is_silence = "silence" in shot.lower()
    seconds = heard.frames / facts.rate
    told = told_seconds(path)
    if told is not None and told - seconds > LONGEST_GAP:
        yield Finding(
            "warning",
            "sound-cut",
            where,
            f"Expected the {told:.2f} s that its header says, found {seconds:.2f} s: the file is "
            "cut off.",
            "Copy or export it again.",
        )
    gap = seconds - cache.num_frames / cache.fps
    if abs(gap) > LONGEST_GAP:
        yield Finding(
            "error",
            "audio-length",
            where,
            f"Expected the length of shot '{shot}', {cache.num_frames / cache.fps:.2f} s "
            f"({cache.num_frames} frames at {cache.fps:g}); found {seconds:.2f} s.",
            "Export sound and animation over the same range; check the frame rate.",
        )
    if facts.rate < _MIN_RATE:
        yield Finding(
            "warning",
            "sound-rate",
            where,
            f"Expected {_MIN_RATE} samples per second or more, found {facts.rate}.",
            "Use the original recording: what lies above half the rate is lost.",
        )
    if 0 < facts.bits < _MIN_BITS:
        yield Finding(
            "warning",
            "sound-bits",
            where,
            f"Expected {_MIN_BITS} bits or more, found {facts.bits}.",
            "Use the original recording.",
        )
    if not heard.is_finite:
        yield Finding(
            "error",
            "sound-not-finite",
            where,
            "The sound holds samples that are no numbers.",
            "Export the sound again.",
        )
    elif heard.peak < _SILENT and not is_silence:
        yield Finding(
            "warning",
            "sound-silent",
            where,
            f"Expected speech, found silence: the loudest sample is {heard.peak:.1e}.",
            "Leave the shot out, or name it as silence.",
        )
    elif heard.flat > _CLIPPED and not 0 < facts.bits < _MIN_BITS:
        yield Finding(
            "warning",
            "sound-clipped",
            where,
            f"Expected waves with tops, found {heard.flat:.1%} of the sound cut off flat at "
            f"{heard.peak:.2g}.",
            "Use the recording before it was amplified, or record with less gain.",
        )
    if is_still and heard.is_finite and heard.loudness > _LOUD and not is_silence:
        yield Finding(
            "warning",
            "face-still",
            where,
            f"Expected a face that moves where speech is heard, found shot '{shot}' without any "
            "motion.",
            "Export the shot again, or leave it out: it teaches silence to mouths.",
        )


@dataclass(frozen=True)
class _Heard:
    """What the samples of a sound say.

    Attributes:
        frames: how many samples of each channel are there; a header may say more.
        peak: the largest absolute sample.
        loudness: root mean square.
        flat: share of the samples that begin such a run at the peak as no wave has.
        is_finite: whether all are numbers.
    """

    frames: int
    peak: float
    loudness: float
    flat: float
    is_finite: bool


def _heard(path: Path, run: int) -> _Heard:
    """Two passes: how loud a sound is, and where ``run`` samples in a row stay at its peak."""
    frames, peak, power, count, finite = 0, 0.0, 0.0, 0, True
    for block in _blocks(path):
        finite = finite and bool(np.isfinite(block).all())
        known = np.nan_to_num(block)
        peak = max(peak, float(np.abs(known).max(initial=0.0)))
        power += float(np.square(known, dtype=np.float64).sum())
        count += block.size
        frames += len(block)
    flat = 0
    for block in _blocks(path) if finite and peak > _SILENT else ():
        for top in (block >= _TOP * peak, block <= -_TOP * peak):
            if len(top) >= run:
                flat += int(sliding_window_view(top, run, axis=0).all(axis=-1).sum())
    return _Heard(frames, peak, (power / max(count, 1)) ** 0.5, flat / max(count, 1), finite)


def _blocks(path: Path) -> Iterable[NDArray[np.float32]]:
    """(n, channels) one after the other."""
    with soundfile.SoundFile(str(path)) as file:
        # Its own blocks() go on to the length in the header with what was in the memory.
        while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
            yield block


def _emotions(
    actor: str,
    description: DatasetDescription,
    caches: Mapping[str, VertexAnimation],
    known: Collection[str],
) -> Iterable[Finding]:
    vocabulary, mapped = description.emotions, description.shot_emotions.get(actor, {})
    count = dict.fromkeys(vocabulary, 0)
    for shot in caches:
        found = emotion_of_shot(shot, vocabulary, description.default_emotion, mapped)
        count[found.emotion] += 1
        if len(found.candidates) > 1:
            yield Finding(
                "warning",
                "emotion-ambiguous",
                shot,
                f"The name of the shot says {' and '.join(found.candidates)}; the first is taken.",
                "Say which under 'shot_emotions'.",
            )
        elif not found.is_named and len(vocabulary) > 1:
            words = [w for w in re.split(r"[_\-]+", shot) if w and not any(c.isdigit() for c in w)]
            said = f"'{words[0]}', which is none of the emotions" if words else "no emotion"
            yield Finding(
                "warning",
                "emotion-unknown",
                shot,
                f"The name of the shot says {said}; '{description.default_emotion}' is taken.",
                "Say it under 'shot_emotions', or add it to 'emotions'.",
            )
    for shot in sorted(set(mapped) - set(known)):
        yield Finding(
            "warning",
            "emotion-stray",
            shot,
            f"'shot_emotions' names a shot that '{actor}' does not have.",
            "Correct its name.",
        )
    if not caches or len(vocabulary) < 2:
        return
    for emotion, shots in count.items():
        if shots < _MIN_PER_EMOTION:
            yield Finding(
                "advice",
                "emotion-rare",
                actor,
                f"Expected {_MIN_PER_EMOTION} shots or more with '{emotion}', found {shots}.",
                "Record more, or take it out of 'emotions'.",
            )
