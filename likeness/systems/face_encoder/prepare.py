"""From a folder of photographs to a dataset: find faces, take landmarks, check, write.

Every photograph that is left out is listed with the reason in ``skipped.json``. Where landmarks
come from is ``landmark_sources.py``; processes and going on after a kill are the business of
``likeness.data.making``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from likeness.data.inspection import Finding, Inspection
from likeness.data.making import Progress, unfinished
from likeness.data.record import (
    PREPARED_RECORD,
    is_up_to_date,
    with_files_read,
    write_record,
)
from likeness.errors import DataError, UsageError
from likeness.media.image import load_image, resize
from likeness.storage.files import disk_errors, file_version
from likeness.systems.face_encoder import left_out
from likeness.systems.face_encoder.data import CONTRACT, put_text, write_index, write_photograph
from likeness.systems.face_encoder.landmark_files import implausible
from likeness.systems.face_encoder.landmark_sources import LandmarkSource, landmark_source
from likeness.systems.face_encoder.layouts import landmarks_alone
from likeness.systems.face_encoder.persons import (
    PERSONS_FILE,
    persons_missing,
    persons_unused,
    read_persons,
    shown,
)
from likeness.systems.face_encoder.photograph_sources import Given, content
from likeness.systems.face_encoder.photographs import Photo, id_of, shown_name

_COMMAND = "'likeness data prepare face-encoder'"

Owned = tuple[Photo, str]
"""A photograph and its person."""


def prepare(
    source: str,
    out: str,
    *,
    landmarks: str = "auto",
    detector: str = "cascade",
    weights: str | None = None,
    size: Annotated[int, Field(ge=64)] = 512,
    person_from: str = "",
    test_every: Annotated[int, Field(ge=3)] = 5,
    consent: str = "",
    source_format: Literal["folder", "parquet", "hf-cache"] = "folder",
    image_column: str = "",
    person_column: str = "",
    repository: str = "",
    revision: str = "",
    workers: Annotated[int, Field(ge=0)] = 0,
    progress: Progress | None = None,
) -> Inspection:
    """Write a dataset from photographs; called again after an interruption, it goes on.

    Args:
        source: folder with photographs, in it and in the folders below it; or what
            ``source_format`` says.
        out: folder to write; must not exist, be empty, or be what an earlier call left unfinished.
            A finished dataset of the same settings and files is left as it is.
        landmarks: "auto" (files beside the photographs: <id>.npy, <id>.pts, or one .npz with
            ``names`` and ``points`` in the folder or above it), a path to such a file or folder, or
            "run:PATH" to use an encoder trained here.
        detector, weights: where faces are, for "run:".
        size: photographs with a longer side are reduced to it, pixels.
        person_from: character that ends the person's name in a file name, e.g. "_" for
            012_smiling.jpg; "/" when every person has a folder. Empty: as an identity.csv in the
            folder says, by ids or by files; else every photograph is a person.
        test_every: of the persons with a usable photograph, in order, one of every so many is for
            testing, half as many are for validation.
        consent: a sentence on the source and the subjects' agreement, kept in provenance.json.
        source_format: what ``source`` is. "folder"; "parquet": a table of photographs, or a folder
            of them; "hf-cache": the cache of a data hub, with tables or photographs in it.
        image_column, person_column: of tables: which column holds the photographs (empty: the only
            one that can) and which the persons (empty: none).
        repository, revision: of a cache: ORG/NAME, and a branch, tag or revision (empty: the only
            repository, and main).
        workers: processes; 0 takes one for each core. Changes no result.
        progress: is told how far it is.

    Raises:
        UsageError: options do not fit together, or not to what an earlier call began, or no name
            has a ``person_from``.
        DataError: no photograph could be used.
    """
    given = Given(source_format, image_column, person_column, repository, revision)
    folder = given.folder(source)
    if Path(out).resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"The dataset '{out}' would lie among the photographs of '{source}', and its pictures "
            "would be taken for photographs.",
            advice="Choose a folder outside.",
        )
    photos, others = given.photographs(source)
    if not photos:
        reasons = "; ".join(f"{row['file']}: {row['reason']}" for row in others[:3])
        raise DataError(
            f"Expected photographs in '{source}', found none. {reasons}".rstrip(),
            advice="Name the folder they are in; folders below it are looked through as well.",
        )
    whole = _not_split(photos, person_from) if person_from else []
    points = landmark_source(landmarks, folder, photos, detector, weights)
    named = {} if person_from else _named(folder, photos)
    tasks = _tasks(photos, person_from, named)
    settings = {
        **given.identity,
        "size": size,
        "person_from": person_from,
        "persons": named,
        "test_every": test_every,
        "consent": consent,
    }
    files = _stamps(photos, points, folder)
    recorded = with_files_read(settings, {"files": files, **points.identity})
    if is_up_to_date(out, command=_COMMAND, settings=recorded):
        return replace(CONTRACT.inspect(out), is_up_to_date=True)
    with unfinished(
        out,
        command=_COMMAND,
        settings={"source": str(folder.resolve()), **settings, **points.identity},
        files=files,
        notes={"source": source, "consent": consent, "landmarks": landmarks},
        pieces=len(tasks),
    ) as journal:
        make = partial(_make, Path(out), points, size)
        journal.make(make, tasks, workers=workers, progress=progress)
        rows = [value["row"] for value in journal.values if value["row"] is not None]
        rows = _divided(rows, test_every)
        skipped = others + [row for value in journal.values for row in value["skipped"]]
        if not rows:
            journal.discard()
            reasons = "; ".join(f"{row['file']}: {row['reason']}" for row in skipped[:3])
            raise DataError(f"None of {len(photos)} photographs could be used. {reasons}")
        put_text(Path(out) / left_out.NAME, json.dumps(skipped, indent=2))
        if points.sets:
            put_text(Path(out) / "landmark_sets.json", json.dumps(points.sets))
        provenance = {"made": journal.begun, **journal.notes}
        write_index(Path(out), rows, head=None, provenance=provenance)
        write_record(
            out,
            command=_COMMAND,
            settings=recorded,
            begun=journal.begun,
            counts={"photographs": len(rows), "left_out": len(skipped)},
            name=PREPARED_RECORD,
        )
    inspection = CONTRACT.inspect(out)
    notes = left_out.findings_of(skipped)
    if not person_from and not person_column and len(rows) > 1:
        notes += _not_told(rows, named)
    elif person_from:
        notes += _not_told_by_name(rows, whole, person_from)
    notes += persons_unused(_unused(named, photos, others), _NAMES)
    # A picture that was left out, whatever the reason, is told of as such.
    pictures = {photo.name for photo in photos}
    pictures |= {str(PurePosixPath(row["file"]).with_suffix("")) for row in others}
    notes += landmarks_alone([shown_name(file) for file in points.alone(pictures)])
    counts = {**inspection.counts, "left_out": len(skipped)}
    told = {left_out.CODE, *(finding.code for finding in notes)}  # here with what to do about it
    others_found = tuple(finding for finding in inspection.findings if finding.code not in told)
    return Inspection(inspection.uri, counts, others_found + notes)


_NAMES = (
    "Correct them: a line names a photograph by its path in the folder, as anna/01.jpg, or by that "
    "without the ending and with __ for /, as anna__01."
)


def _named(folder: Path, photos: Sequence[Photo]) -> dict[str, str]:
    """Who is on which photograph of a folder, as an identity.csv in it says.

    Raises:
        DataError: a line of it cannot be used, or two are of one photograph.
    """
    findings: list[Finding] = []
    persons = read_persons(folder / PERSONS_FILE, findings)
    findings += [
        Finding(
            "error",
            "identity-line",
            PERSONS_FILE,
            f"Expected one line for the photograph {shown_name(photo.file)}, found two, for "
            f"{shown(photo.id)} and for {shown(photo.file)}.",
            "Remove one of them.",
        )
        for photo in photos
        if photo.id != photo.file and photo.id in persons and photo.file in persons
    ]
    if findings:
        told = " ".join(f"{finding.path}: {finding.message}" for finding in findings[:5])
        raise DataError(
            f"{folder / PERSONS_FILE} cannot be used. {told}",
            advice="Correct it, take it away, or say where the names of persons end: person_from=_",
        )
    return persons


def _not_told(rows: Sequence[dict[str, Any]], named: dict[str, str]) -> tuple[Finding, ...]:
    """Of photographs taken for persons of their own."""
    if not named:
        return (_each_its_own_person(len(rows)),)
    missing = [row["id"] for row in rows if row["id"] not in named and row["file"] not in named]
    return (persons_missing(len(missing), len(rows), missing[0]),) if missing else ()


def _not_split(photos: Sequence[Photo], separator: str) -> list[str]:
    """The files whose person a separator does not tell.

    Raises:
        UsageError: it tells none.
    """
    asked = [photo.file for photo in photos if not (photo.cell is not None and photo.cell.person)]
    whole = [file for file in asked if not _before(file, separator)]
    if not whole or len(whole) < len(asked):
        return whole
    what = "lies in a folder" if separator == "/" else f"has '{separator}' after a name"
    raise UsageError(
        f"person_from is '{separator}', but none of {len(asked)} photographs {what}; the first is "
        f"{shown_name(asked[0])}. Each would count as a person of its own.",
        advice="Give the character itself that ends the person's name, as person_from=_ for "
        "012_smiling.jpg, or person_from=/ for a folder a person; or leave it out.",
    )


def _not_told_by_name(
    rows: Sequence[dict[str, Any]], whole: Sequence[str], separator: str
) -> tuple[Finding, ...]:
    """Of photographs whose names do not say who is on them, or say another person for each."""
    files = frozenset(whole)
    missing = [row["file"] for row in rows if row["file"] in files]
    if missing:
        return (
            Finding(
                "warning",
                "persons-missing",
                "",
                f"person_from={separator} does not say who is on {len(missing)} of {len(rows)} "
                f"photographs, such as {shown_name(missing[0])}: each counts as a person of its "
                "own, and one person may be in training and in test.",
                "Rename them, or correct identity.csv and the splits in index.jsonl.",
            ),
        )
    alone = len(rows) > 1 and len({row["person"] for row in rows}) == len(rows)
    return (_nobody_twice(len(rows), separator),) if alone else ()


def _before(file: str, separator: str) -> str:
    """What stands before a separator in a file name, or the first folder for "/"; empty where
    there is none."""
    if separator == "/":
        return file.split("/")[0] if "/" in file else ""
    name = PurePosixPath(file).stem
    return name.split(separator)[0] if separator in name else ""


def _unused(
    named: dict[str, str], photos: Sequence[Photo], others: Sequence[dict[str, str]]
) -> list[str]:
    """What the table names that is no photograph, also none that was left out; sorted."""
    # Of those left out the name as shown: it differs where a name is no text, which no table has.
    files = [*(photo.file for photo in photos), *(row["file"] for row in others)]
    return sorted(named.keys() - {name for file in files for name in (id_of(file), file)})


def _nobody_twice(count: int, separator: str) -> Finding:
    return Finding(
        "advice",
        "no-persons",
        "identity.csv",
        f"person_from={separator} tells {count} persons apart on {count} photographs: nobody "
        "is on two.",
        "Where somebody is, their names end elsewhere; otherwise leave it.",
    )


def _each_its_own_person(count: int) -> Finding:
    return Finding(
        "warning",
        "no-persons",
        "identity.csv",
        f"Each of the {count} photographs counts as a person of its own, so one person may be in "
        "training and in test.",
        "If persons have several photographs, say where a name ends: person_from=_ for "
        "012_smiling.jpg, person_from=/ for a folder a person. Otherwise leave it.",
    )


def _tasks(photos: Sequence[Photo], person_from: str, named: dict[str, str]) -> list[list[Owned]]:
    """One for each id, in order: of photographs with the same id the first usable one is taken."""
    tasks: dict[str, list[Owned]] = {}
    for photo in photos:
        tasks.setdefault(photo.id, []).append((photo, _person(photo, person_from, named)))
    return list(tasks.values())


def _person(photo: Photo, separator: str, named: dict[str, str]) -> str:
    if photo.cell is not None and photo.cell.person:
        return photo.cell.person
    if separator:
        own = photo.id if separator == "/" else PurePosixPath(photo.name).name
        return _before(photo.file, separator) or own
    return named.get(photo.id) or named.get(photo.file) or photo.id


def _divided(rows: Sequence[dict[str, Any]], test_every: int) -> list[dict[str, Any]]:
    """The lines of the index with their splits: counted over the persons who can be used, so that
    photographs without a face take no one's place in the test."""
    persons = sorted({row["person"] for row in rows})
    splits = {person: _split(number, test_every) for number, person in enumerate(persons)}
    return [{**row, "split": splits[row["person"]]} for row in rows]


def _split(number: int, every: int) -> str:
    """Twice as many persons test as validate: photographs with landmarks are dear."""
    turn, place = divmod(number, every)
    if place == every - 2:
        return "test"
    return "validation" if place == every - 1 and turn % 2 == 0 else "train"


def _stamps(photos: Sequence[Photo], points: LandmarkSource, folder: Path) -> dict[str, str]:
    """Every file that is read, by its path below the folder where it lies there."""
    with disk_errors(folder, "look at the photographs"):
        stamps = {}
        for path in dict.fromkeys([*(photo.path for photo in photos), *points.files(photos)]):
            below = path.is_relative_to(folder)
            stamps[path.relative_to(folder).as_posix() if below else str(path)] = file_version(
                path.stat()
            )
    return stamps


def _make(
    root: Path, points: LandmarkSource, size: int, candidates: Sequence[Owned]
) -> dict[str, Any]:
    """Write the first usable photograph of an id: its line of the index, and who was left out."""
    row, skipped = None, []
    for photo, person in candidates:
        shown = shown_name(photo.file)
        if row is not None:
            reason = f"another photograph of this name was taken: {row['file']}"
            skipped.append({"file": shown, "reason": reason})
            continue
        try:
            sample = _sample(photo, points, size)
        except DataError as error:
            skipped.append({"file": shown, "reason": error.message})
            continue
        row = write_photograph(root, {**sample, "person": person})
    return {"row": row, "skipped": skipped}


def _sample(photo: Photo, points: LandmarkSource, size: int) -> dict[str, Any]:
    """A photograph with its landmarks. Raises DataError when they cannot be used."""
    if not photo.id.isprintable():
        raise DataError("its name has characters that are no text; rename it")
    image = load_image(content(photo))
    found = points.find(photo, image)
    if not np.isfinite(found.points).all():
        raise DataError("landmarks are not finite")
    height, width = image.shape[:2]
    image, landmarks = _reduced(image, found.points, size)
    problems = implausible(landmarks, np.ones(68), (image.shape[1], image.shape[0]))
    if problems:
        reduced = f" It was reduced from {width}x{height}; size={size}."
        raise DataError(problems[0][1] + (reduced if max(width, height) > size else ""))
    record = {
        "file": photo.file,
        "detector": found.detector,
        "score": found.score,
        "crop": [0, 0, width, height],
    }
    return {"id": photo.id, "image": image, "landmarks": landmarks, "record": record}


def _reduced(image: np.ndarray, points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    longest = max(image.shape[:2])
    if longest <= size:
        return image, points.astype(np.float32)
    height, width = (max(1, round(length * size / longest)) for length in image.shape[:2])
    scale = np.array([width / image.shape[1], height / image.shape[0]])
    return resize(image, (height, width)), (points * scale).astype(np.float32)
