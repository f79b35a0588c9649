"""Clips of a dataset: every shot with all its recordings, or a table that says otherwise.

A table is CSV with a header, or a JSON object per line, of the columns ``actor, shot, first, last,
speaker, language, audio, offset``; all but ``shot`` may be left out.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from likeness.errors import DataError, first_few, no_file
from likeness.systems.audio2face.preprocessing.shot_files import CLIP_COLUMNS
from likeness.systems.audio2face.shots import Clip, Shot

_NUMBERS = ("first", "last", "offset")


def clips_of_shots(
    shots: Mapping[str, Shot], recordings: Mapping[str, Mapping[str, str]], language: str
) -> tuple[Clip, ...]:
    """One clip for every shot, and one more for each re-voiced recording of it.

    Args:
        shots: by name, in their order.
        recordings: shot to speaker to path; "" is the actor.
        language: of all.
    """
    clips = []
    for name, shot in shots.items():
        for speaker, audio in recordings.get(name, {}).items():
            who = speaker or shot.actor
            clips.append(Clip(shot.actor, name, 0, shot.num_frames - 1, who, language, audio))
    return tuple(clips)


def read_clip_table(
    path: Path,
    shots: Mapping[str, Mapping[str, Shot]],
    recordings: Mapping[str, Mapping[str, Mapping[str, str]]],
    language: str,
    others: tuple[str, ...] = (),
) -> tuple[Clip, ...]:
    """The clips of a table, with what it leaves out filled in.

    Args:
        path: ``.csv``, ``.jsonl`` or ``.ndjson``.
        shots: actor to shot name to shot.
        recordings: actor to shot name to speaker to path.
        language: of clips that say none.
        others: actors of the dataset who are not wanted now; their rows are left out.

    Raises:
        MissingError: there is no such file.
        DataError: unknown columns, or a row that points nowhere; the first ten are named.
    """
    if not path.is_file():
        raise no_file(path)
    clips, faults = [], []
    alone = next(iter(shots)) if len(shots) == 1 and not others else ""
    for line, row in _rows(path):
        actor = str(row.get("actor") or alone)
        if actor in others:
            continue
        try:
            clips.append(_clip(row, actor, shots, recordings, language))
        except ValueError as error:
            faults.append(f"line {line}: {error}")
    if faults:
        told = first_few(faults, 10, between="\n  ")
        raise DataError(f"'{path}' holds rows that are no clips:\n  {told}")
    if not clips:
        raise DataError(f"'{path}' holds no clips of {', '.join(shots)}.")
    return tuple(clips)


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"'{path}' is no readable text: {error}.") from error
    if path.suffix in (".jsonl", ".ndjson"):
        rows = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"'{path}', line {number} is no readable JSON: {error}.") from error
            rows.append((number, value if isinstance(value, dict) else {}))
    else:
        reader = csv.DictReader(text.splitlines())
        try:
            rows = [(reader.line_num, {k: v for k, v in row.items() if v}) for row in reader]
        except csv.Error as error:
            raise DataError(f"'{path}' is no readable table: {error}.") from error
    known = set(CLIP_COLUMNS)
    unknown = sorted({str(key) for _, row in rows for key in row} - known)
    if unknown:
        raise DataError(
            f"'{path}' has the unknown columns {', '.join(unknown)}; there are: "
            f"{', '.join(CLIP_COLUMNS)}."
        )
    return rows


def _clip(
    row: Mapping[str, Any],
    actor: str,
    shots: Mapping[str, Mapping[str, Shot]],
    recordings: Mapping[str, Mapping[str, Mapping[str, str]]],
    language: str,
) -> Clip:
    """Raises ValueError saying what is wrong."""
    if actor not in shots:
        raise ValueError(f"expected one of the actors {', '.join(shots)}, found {actor!r}")
    name = str(row.get("shot", ""))
    if name not in shots[actor]:
        raise ValueError(f"actor '{actor}' has no shot {name!r}")
    shot = shots[actor][name]
    numbers = {"first": 0, "last": shot.num_frames - 1, "offset": 0}
    for key in _NUMBERS:
        if key in row:
            numbers[key] = _whole(row[key], key)
    if not 0 <= numbers["first"] <= numbers["last"] < shot.num_frames:
        raise ValueError(
            f"expected frames of '{name}' between 0 and {shot.num_frames - 1}, found "
            f"{numbers['first']} to {numbers['last']}"
        )
    known = recordings.get(actor, {}).get(name, {})
    speaker = row.get("speaker") or actor
    audio = row.get("audio") or known.get("" if speaker == actor else speaker)
    if not audio:
        raise ValueError(f"shot '{name}' has no recording of speaker '{speaker}'")
    place = PurePath(str(audio))
    if place.is_absolute() or ".." in place.parts:
        raise ValueError(f"expected a sound below the folder 'audio' of '{actor}', found '{audio}'")
    return Clip(
        actor,
        name,
        numbers["first"],
        numbers["last"],
        str(speaker),
        str(row.get("language") or language),
        str(audio),
        numbers["offset"],
    )


def _whole(value: Any, key: str) -> int:
    try:
        if isinstance(value, bool) or float(value) != int(float(value)):
            raise ValueError
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected a whole number of frames in '{key}', found {value!r}") from None
