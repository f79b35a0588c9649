"""What may be wrong with a dataset of speaking actors; looking never raises on bad data.

Owns the order of looking and what concerns the dataset as a whole. Caches are
``cache_findings.py``, sounds and emotions ``shot_findings.py``, sound beside lips
``timing_findings.py`` and ``exchanged_findings.py``, beside frames that are alike
``frozen_findings.py``, other voices ``voice_findings.py``; everything beside the shots
``actor_findings.py``, with neutrals in ``neutral_findings.py``, lists in ``list_findings.py``, jaw
and eyes in ``motion_findings.py`` and blendshapes in ``pose_findings.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from likeness.data.inspection import Finding, Inspection
from likeness.data.making import refuse_unfinished
from likeness.data.provenance import look_at_provenance
from likeness.errors import LikenessError, MissingError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.animation_files import list_shots
from likeness.systems.audio2face.dataset.actor_findings import look_at_actor
from likeness.systems.audio2face.dataset.cache_findings import LookedAtCaches, look_at_caches
from likeness.systems.audio2face.dataset.description import (
    DESCRIPTION,
    ActorFiles,
    DatasetDescription,
    read_description,
)
from likeness.systems.audio2face.dataset.frozen_findings import look_at_frozen
from likeness.systems.audio2face.dataset.own_sounds import own_sounds
from likeness.systems.audio2face.dataset.reading import open_dataset
from likeness.systems.audio2face.dataset.shot_findings import look_at_shots, look_at_sound
from likeness.systems.audio2face.dataset.sounds import Recordings, recordings_of
from likeness.systems.audio2face.dataset.splits import refuse_unknown_shots
from likeness.systems.audio2face.dataset.timing_findings import look_at_timing, timed_shots
from likeness.systems.audio2face.dataset.vertex_lists import read_pairs
from likeness.systems.audio2face.dataset.voice_findings import look_at_voices
from likeness.systems.audio2face.shots import Clip


def inspect_dataset(root: str | Path, description: DatasetDescription | None = None) -> Inspection:
    """Everything a person should know before training on a dataset.

    Args:
        root, description: see :func:`likeness.systems.audio2face.dataset.reading.open_dataset`.
    """
    base = Path(root)
    counts = {"actors": 0, "shots": 0, "frames": 0, "seconds": 0, "recordings": 0}
    try:
        if description is None:
            if base.is_dir():
                refuse_unfinished(base)
            description, base = read_description(root)
    except LikenessError as error:
        advice = error.advice or f"Correct {DESCRIPTION}."
        found = Finding("error", "description", "", error.message, advice)
        return Inspection(str(root), counts, (found,))
    findings: list[Finding] = []
    skins: dict[str, Mapping[str, VertexAnimation]] = {}
    recordings: dict[str, Recordings] = {}
    for name, files in description.actors.items():
        counts["actors"] += 1
        looked = look_at_caches(name, files, base)
        caches, damaged = looked.skin, looked.damaged
        skins[name] = caches
        recordings[name] = recordings_of(base / files.audio)
        count, of_shots = look_at_shots(
            name, files, base, description, caches, recordings[name], damaged, looked.still
        )
        findings += [
            *looked.findings,
            *of_shots,
            *look_at_actor(files, base, caches, damaged, looked.moved),
        ]
        findings += _heard(files, base, looked, recordings[name], findings)
        counts["shots"] += len(caches)
        counts["frames"] += sum(cache.num_frames for cache in caches.values())
        counts["seconds"] += round(sum(c.num_frames / c.fps for c in caches.values()))
        counts["recordings"] += count
    _, of_provenance = look_at_provenance(base, material="recordings", people="actors")
    findings += [*of_provenance, *_held_out(base, description)]
    if not any(finding.severity == "error" for finding in findings):
        findings += _clips(base, description, skins, recordings)
    return Inspection(str(root), counts, tuple(findings))


def _heard(
    files: ActorFiles,
    base: Path,
    looked: LookedAtCaches,
    recordings: Recordings,
    findings: Iterable[Finding],
) -> Iterable[Finding]:
    """What sounds say beside faces, and other voices beside own ones; of files without another
    fault only."""
    faulty = {finding.path for finding in findings if finding.severity == "error"}
    caches = looked.skin
    has_lips = files.lip_distance_list is not None and files.lip_distance_list not in faulty
    whole = [
        shot
        for shot in caches
        if looked.places[shot] not in faulty
        and "" in recordings.get(shot, {})
        and f"{files.audio}/{recordings[shot]['']}" not in faulty
    ]
    timed = timed_shots(whole, caches) if has_lips else []
    sounds = own_sounds(base / files.audio, files.audio, recordings, caches, faulty, timed)
    usable = {shot: own for shot, own in sounds.items() if looked.places[shot] not in faulty}
    yield from look_at_frozen(looked.frozen, looked.places, usable, caches)
    at_fault = set()
    if has_lips:
        lips = read_pairs(base / str(files.lip_distance_list))
        of_lips = list(look_at_timing(usable, caches, lips, files.audio))
        at_fault = {finding.path for finding in of_lips}
        yield from of_lips
    told = faulty | at_fault
    in_time = {shot: own for shot, own in sounds.items() if own.where not in told}
    voices: dict[str, dict[str, Path]] = {}
    for shot in in_time:
        places = [f"{files.audio}/{audio}" for who, audio in recordings[shot].items() if who]
        voices[shot] = {place: base / place for place in places if place not in told}
    yield from look_at_voices(in_time, voices, caches)


def _held_out(base: Path, description: DatasetDescription) -> Iterable[Finding]:
    """Faults of what is held out; caches that are not there are told of elsewhere."""
    held = {*description.validation, *description.test}
    try:
        refuse_unknown_shots(description, base)
        shots = {n: list_shots(base / a.skin_caches) for n, a in description.actors.items()}
    except MissingError:
        return
    except LikenessError as error:
        yield Finding("error", "held-out", DESCRIPTION, error.message, error.advice or "")
        return
    everything = [(actor, name) for actor, names in shots.items() for name in names]
    if everything and all(held & {name, f"{actor}::{name}"} for actor, name in everything):
        yield Finding(
            "warning",
            "held-out",
            DESCRIPTION,
            f"All {len(everything)} shots are held out: there is nothing to train on.",
            "Take some of 'validation' and 'test', unless the data is only for evaluation.",
        )


def _clips(
    base: Path,
    description: DatasetDescription,
    skins: Mapping[str, Mapping[str, VertexAnimation]],
    recordings: Mapping[str, Recordings],
) -> Iterable[Finding]:
    try:
        actors = open_dataset(base, description)
    except LikenessError as error:
        advice = error.advice or "Correct the file that is named."
        yield Finding("error", "unreadable", "", error.message, advice)
        return
    clips = [clip for actor in actors.values() for clip in actor.clips]
    if not clips:
        yield Finding(
            "error",
            "no-clips",
            "",
            "Expected a recording for one shot at least, found none: there is nothing to train on.",
            "Name every sound like its shot, e.g. audio/joy_001.wav.",
        )
    languages = sorted({clip.language for clip in clips})
    if len(languages) > 1:
        yield Finding(
            "advice",
            "languages",
            "",
            f"The clips are in {len(languages)} languages: {', '.join(languages)}.",
            "Phoneme terms learn one set of outputs per language; nothing else changes.",
        )
    for clip in clips:
        first, last = clip.frames
        if last - first < 1:
            yield Finding(
                "warning",
                "clip-short",
                clip.audio,
                f"Expected 2 frames or more of shot '{clip.shot}' with sound, found "
                f"{max(last - first + 1, 0)}.",
                "Such a clip is left out of training.",
            )
        place = actors[clip.actor].audio / clip.audio
        if not place.is_file():
            yield Finding(
                "error",
                "sound-missing",
                clip.audio,
                f"Expected the sound of a clip of shot '{clip.shot}', found no file.",
                "Correct the table of clips, or add the file.",
            )
    yield from _named_sounds(base, description, clips, skins, recordings)


def _named_sounds(
    base: Path,
    description: DatasetDescription,
    clips: Iterable[Clip],
    skins: Mapping[str, Mapping[str, VertexAnimation]],
    recordings: Mapping[str, Recordings],
) -> Iterable[Finding]:
    """Sounds that belong to a shot by the table of clips alone, not by their names."""
    seen: set[tuple[str, str, str]] = set()
    for actor, of_actor in recordings.items():
        for shot, by_speaker in of_actor.items():
            seen |= {(actor, shot, audio) for audio in by_speaker.values()}
    for clip in clips:
        key = (clip.actor, clip.shot, clip.audio)
        where = f"{description.actors[clip.actor].audio}/{clip.audio}"
        if key not in seen and (base / where).is_file():
            yield from look_at_sound(base / where, where, clip.shot, skins[clip.actor][clip.shot])
        seen.add(key)
