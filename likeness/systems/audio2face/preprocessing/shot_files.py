"""Shots and clips as files: shots.json, a table of clips, and the template the reference writes.

The template is Python in form only: one list of literals. It is written for tools that want it and
never read here; the table is.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from likeness.errors import DataError, no_file
from likeness.replacement import replacing
from likeness.systems.audio2face.shots import Clip, Shot

CLIP_COLUMNS = (
    *("actor", "shot", "first", "last"),
    *("speaker", "language", "audio", "offset"),
)


def write_json(path: Path, value: Any, *, indent: int | None = 4, sort: bool = False) -> None:
    """A JSON file, replaced in one step. Numbers that are none are refused (ValueError)."""
    with replacing(path) as temporary:
        text = json.dumps(value, indent=indent, sort_keys=sort, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        MissingError: there is no such file.
        DataError: it holds no JSON.
    """
    if not path.is_file():
        raise no_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no readable JSON: {error}.") from error


def write_shots(path: Path, shots: Sequence[Shot]) -> None:
    """``[actor, shot, length_frames, fps, emotion]`` of every shot, in their order."""
    write_json(path, [[s.actor, s.name, s.num_frames, s.fps, s.emotion] for s in shots])


def read_shots(path: Path) -> tuple[Shot, ...]:
    """The shots of :func:`write_shots` or of the reference.

    Raises:
        MissingError: there is no such file.
        DataError: it holds anything else, no shot, or a name twice.
    """
    rows = read_json(path)
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path}: expected a list of shots, found {type(rows).__name__}.")
    shots = tuple(_shot(row, path) for row in rows)
    names = [shot.name for shot in shots]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path} lists shots twice: {', '.join(twice[:10])}.")
    return shots


def _shot(row: Any, path: Path) -> Shot:
    if isinstance(row, list) and len(row) == 5:
        actor, name, length, fps, emotion = row
        texts = all(isinstance(text, str) for text in (actor, name, emotion))
        whole = isinstance(length, int) and not isinstance(length, bool) and length > 0
        rate = isinstance(fps, (int, float)) and math.isfinite(fps) and fps > 0
        if texts and whole and rate:
            return Shot(actor, name, length, float(fps), emotion)
    raise DataError(f"{path}: expected [actor, shot, frames, fps, emotion], found {row!r:.200}.")


def write_clips(path: Path, clips: Sequence[Clip]) -> None:
    """A table with the columns :data:`CLIP_COLUMNS`; frames include both ends."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CLIP_COLUMNS)
        writer.writerows(astuple(clip) for clip in clips)


def write_clips_template(path: Path, clips: Sequence[Clip]) -> None:
    """``CLIPS = [...]`` of ``(actor, shot, (first, last), speaker, lang, audio, offset)``."""
    lines = [
        repr((c.actor, c.shot, (c.first, c.last), c.speaker, c.language, c.audio, c.offset))
        for c in clips
    ]
    text = "CLIPS = [\n" + "".join(f"    {line},\n" for line in lines) + "]\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
