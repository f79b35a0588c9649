"""From takes of the Live Link Face app to a dataset: a head with ARKit shapes plays them again.

Owns what is written and what is recorded about it. Which files are a take and where its frames lie
in time is :mod:`.live_link_takes`; the head is :mod:`..studio_faces`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from likeness.data.inspection import Finding, Inspection
from likeness.data.making import Progress, unfinished
from likeness.data.record import (
    PREPARED_RECORD,
    is_up_to_date,
    with_files_read,
    write_record,
)
from likeness.errors import DataError, LikenessError, UsageError
from likeness.media.audio import read_sound
from likeness.replacement import replacing
from likeness.seeds import Draws
from likeness.storage.files import file_version, sha256_of
from likeness.studio.curves import EYES
from likeness.studio.person import Person
from likeness.systems.audio2face.dataset.description import is_name
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.dataset.live_link_takes import Take, find_takes, read_take
from likeness.systems.audio2face.dataset.writer import finish_dataset, write_actor, write_shot
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.speaking_heads import face_of, open_speaking_head
from likeness.systems.audio2face.studio_actor import actor_of
from likeness.systems.audio2face.studio_faces import (
    SpeakingFace,
    StudioFace,
)

SKIPPED = "skipped.json"
COMMAND = "'likeness data prepare audio2face'"
_ADVICE = "Mend the take and prepare all of them into a new folder, or go on without it."
_CUT, _CUT_SHARE, _CUT_LEAST = 0.5, 0.1, 0.1
"""Seconds that may be cut off or missing within, share of the longer one that may, seconds that
always may: a frame or two are lost to rounding."""


def prepare_live_link(
    source: str,
    out: str,
    *,
    head: str = "studio",
    person: int = 0,
    vertices: Annotated[int, Field(ge=100)] | None = None,
    actor: str = "actor",
    fps: Annotated[float, Field(gt=0)] = 30.0,
    emotions: str = "neutral",
    language: str = "en",
    sound_start: float = 0.0,
    timecode_base: float | None = None,
    consent: str = "",
    test: str = "",
    workers: Annotated[int, Field(ge=0)] = 0,
    progress: Progress | None = None,
) -> Inspection:
    """Write a dataset from takes; called again after an interruption, it goes on.

    Weights move the head's shapes; the turn of the head is left out, the eyes turn by their weights
    and the tongue moves with the jaw.

    Args:
        source: folder with takes, in it or in the folders in it; see :func:`find_takes`.
        out: folder to write; new, empty, or what an earlier call left unfinished.
        head: "studio", or the path of a head with ARKit shapes: .npz, .glb or .gltf.
        person: seed of the studio person whose head it is; another head is taken as it is.
        vertices: keep about so many vertices of the studio's skin; all by default.
        actor: its name in the dataset.
        fps: frames per second of the dataset.
        emotions: the vocabulary with commas between; the first one is that of takes whose name
            says none.
        language: that is spoken.
        sound_start: seconds from the first row of a table to the start of its sound.
        timecode_base: frames of the time code per second, where the tables do not tell: also
            29.97 or 23.976.
        consent: a sentence on the source and the actor's agreement, kept in provenance.json.
        test: takes that are measured on and not learned from, with commas between.
        workers: processes; 0 takes one for each core. Changes no result.
        progress: is told how many takes are done.

    Raises:
        UsageError: options that do not fit, or a folder that is taken.
        DataError: there is no take, none could be used, or the head cannot be.
    """
    vocabulary = tuple(name for name in emotions.split(",") if name)
    if not vocabulary or not is_name(actor):
        raise UsageError(
            f"Expected an emotion and a name of letters, digits, '_', '.' and '-', found "
            f"{emotions!r} and {actor!r}."
        )
    if Path(out).resolve().is_relative_to(Path(source).resolve()):
        raise UsageError(f"The dataset '{out}' would lie among the takes of '{source}'.")
    takes, skipped = find_takes(source)
    tested = tuple(name.strip() for name in test.split(",") if name.strip())
    names = [take.name for take in takes]
    if unknown := sorted(set(tested) - set(names)):
        raise UsageError(
            f"The option 'test' names {', '.join(unknown)}, which are no takes of '{source}'.",
            advice=f"There are {', '.join(names)}.",
        )
    options: dict[str, Any] = {
        "head": head,
        "person": person,
        "vertices": vertices,
        "actor": actor,
        "fps": fps,
        "sound_start": sound_start,
        "timecode_base": timecode_base,
    }
    _face(head, person, vertices)  # a head that cannot be used leaves no folder behind
    root = Path(out)
    settings = {
        "emotions": vocabulary,
        "language": language,
        "consent": consent,
        "test": tested,
        **options,
    }
    files = {str(p): file_version(p.stat()) for take in takes for p in (take.table, take.sound)}
    known_head = _known_head(head)
    recorded = with_files_read({**settings, "head": Path(head).name}, {**files, **known_head})
    if is_up_to_date(root, command=COMMAND, settings=recorded):
        return replace(inspect_dataset(root), is_up_to_date=True)
    with unfinished(
        root,
        command=COMMAND,
        settings={"source": str(Path(source).resolve()), **settings},
        files=files,
        notes={
            "source": f"Live Link Face takes in '{Path(source).resolve().name}'",
            "consent": consent,
            **known_head,
        },
        pieces=len(takes),
    ) as journal:
        make = partial(_make_shot, root, options)
        journal.make(make, takes, workers=workers, progress=progress)
        rows = [value for value in journal.values if "reason" not in value]
        skipped = skipped + [value for value in journal.values if "reason" in value]
        if not rows:
            journal.discard()
            reasons = "; ".join(f"{row['file']}: {row['reason']}" for row in skipped[:3])
            raise DataError(f"None of {len(takes)} takes could be used. {reasons}")
        write_actor(root, _actor(head, person, vertices, actor, fps))
        with replacing(root / SKIPPED) as temporary:
            temporary.write_text(json.dumps(skipped, indent=2) + "\n", encoding="utf-8")
        finish_dataset(
            root,
            fps={actor: float(fps)},
            emotions=vocabulary,
            default_emotion=vocabulary[0],
            provenance={"made": journal.begun, **journal.notes, "takes": rows},
            language=language,
            test=[row["shot"] for row in rows if row["shot"] in tested],
        )
        write_record(
            root,
            command=COMMAND,
            settings=recorded,
            begun=journal.begun,
            counts={"takes": len(rows), "left_out": len(skipped)},
            name=PREPARED_RECORD,
        )
    found = inspect_dataset(root)
    left_out = [
        Finding("warning", "take-left-out", row["file"], row["reason"], _ADVICE) for row in skipped
    ]
    told = [finding for row in rows for finding in _findings(row)]
    return Inspection(found.uri, found.counts, (*found.findings, *left_out, *told))


def _findings(row: Mapping[str, Any]) -> Iterator[Finding]:
    """What a take that became a shot should be looked at for, by its row in provenance.json."""
    if missing := row["shapes_missing"]:
        yield Finding(
            "warning",
            "shapes-missing",
            row["table"],
            f"Expected a column for each of the 52 ARKit shapes, found none for "
            f"{', '.join(missing[:6])}{' and others' if len(missing) > 6 else ''}.",
            "They stay 0 in this take; correct the names of the columns if they were recorded.",
        )
    if beyond := row["weights_beyond"]:
        shown = [f"{name} {rows}, as far as {far:g}" for name, (rows, far) in beyond.items()]
        yield Finding(
            "warning",
            "weights-range",
            row["table"],
            f"Expected weights from 0 to 1, found rows with others: {'; '.join(shown[:6])}"
            f"{' and others' if len(shown) > 6 else ''}.",
            "They are taken as 0 or 1; mend the rows, or scale weights that are percents.",
        )
    face, sound, cut = row["face_seconds"], row["sound_seconds"], row["seconds_cut"]
    lost = sum(length for _, length in row["holes"])
    if _is_much(lost, face):
        start, longest = max(row["holes"], key=lambda hole: hole[1])
        yield Finding(
            "warning",
            "take-cut",
            row["table"],
            f"Expected rows all through the take, found none for {lost:.2f} s; the longest hole is "
            f"{longest:.2f} s from {start:.2f} s on. A straight line takes the place of the face.",
            "Leave the take out, or name frames before and after the hole in a table of clips.",
        )
    if _is_much(cut, max(face, sound)):
        yield Finding(
            "warning",
            "take-cut",
            row["table"],
            f"Expected face and sound of one length, found a face of {face:.2f} s and "
            f"{sound:.2f} s of sound in '{row['sound']}': {cut:.2f} s of the "
            "longer one are not in the shot.",
            "Look whether the sound is that of the take, and give sound_start if it begins at "
            "another time.",
        )


def _is_much(lost: float, seconds: float) -> bool:
    """Whether so many seconds of a take without face or without sound are to be told of."""
    return lost > _CUT or lost > max(_CUT_SHARE * seconds, _CUT_LEAST)


def _known_head(head: str) -> dict[str, str]:
    """What is written about a head: where its file lies is nobody's business who gets the data."""
    if head == "studio":
        return {"head": head}
    return {"head": Path(head).name, "head_sha256": sha256_of(Path(head))}


def _without_folders(message: str, take: Take) -> str:
    """A message that names the files of a take, by their names alone."""
    for folder in {take.table.parent, take.sound.parent}:
        message = message.replace(f"{folder}{os.sep}", "")
    return message


@lru_cache(maxsize=1)
def _face(head: str, person: int, vertices: int | None) -> SpeakingFace:
    if head == "studio":
        return StudioFace(Person.sample(person), vertices)
    return face_of(open_speaking_head(head), None)


def _make_shot(root: Path, options: Mapping[str, Any], take: Take) -> dict[str, Any]:
    """Write the shot of a take; returns what is recorded about it, or why there is none."""
    fps: float = options["fps"]
    try:
        sound, rate = read_sound(take.sound)
        frames = read_take(
            take,
            sound,
            rate,
            fps,
            timecode_base=options["timecode_base"],
            sound_start=options["sound_start"],
        )
    except LikenessError as error:
        return {"file": take.table.name, "reason": _without_folders(error.message, take)}
    face = _face(options["head"], options["person"], options["vertices"])
    skin, tongue, jaw = face.move(frames.channels)
    write_shot(
        root,
        options["actor"],
        take.name,
        fps=fps,
        skin=skin,
        tongue=tongue,
        jaw=jaw,
        eyes=frames.channels[:, EYES].reshape(-1, 2, 2),
        sound=frames.sound,
        rate=rate,
    )
    return {
        "shot": take.name,
        "table": take.table.name,
        "sound": take.sound.name,
        "frames": len(skin),
        "gaps_filled": len(frames.holes),
        "holes": [[round(value, 3) for value in hole] for hole in frames.holes],
        "face_seconds": round(frames.face_seconds, 3),
        "sound_seconds": round(frames.sound_seconds, 3),
        "seconds_cut": round(frames.cut, 3),
        "shapes_missing": list(frames.missing),
        "weights_beyond": {name: list(found) for name, found in frames.beyond.items()},
    }


def _actor(head: str, person: int, vertices: int | None, name: str, fps: float) -> RecordedActor:
    """The actor without the shots."""
    face = _face(head, person, vertices)
    draws = Draws("live link", person, "saccades")
    return actor_of(face, name, fps, draws)
