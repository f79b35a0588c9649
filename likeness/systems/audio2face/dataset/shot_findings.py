"""What may be wrong with the sounds of shots, with their emotions, and with how many there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from likeness.data.inspection import Finding
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.dataset.description import ActorFiles, DatasetDescription
from likeness.systems.audio2face.dataset.emotions import emotion_of_shot
from likeness.systems.audio2face.dataset.sound_findings import LONGEST_GAP, listen
from likeness.systems.audio2face.dataset.sounds import Recordings

_MIN_PER_EMOTION = 3
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
    is_silence = "silence" in shot.lower()
    heard, findings = listen(path, where, is_silence=is_silence)
    yield from findings
    if heard is None:
        return
    gap = heard.seconds - cache.num_frames / cache.fps
    if abs(gap) > LONGEST_GAP:
        yield Finding(
            "error",
            "audio-length",
            where,
            f"Expected the length of shot '{shot}', {cache.num_frames / cache.fps:.2f} s "
            f"({cache.num_frames} frames at {cache.fps:g}); found {heard.seconds:.2f} s.",
            "Export sound and animation over the same range; check the frame rate.",
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
