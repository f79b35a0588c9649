"""Which folders hold face photographs with landmarks, and which file belongs to which.

Accepted layouts: the native one (``images/``, ``landmarks/``, ``index.jsonl``), the legacy pair of
``<name>_thumbnails_<size>/`` and ``<name>_landmarks_<size>/``, and pictures with a landmark file
beside each. Owns names and places only; nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from likeness.data.inspection import Finding
from likeness.data.making import refuse_unfinished
from likeness.errors import DataError
from likeness.seeds import seed_of
from likeness.storage.json_files import parse_json
from likeness.systems.face_encoder.persons import (
    PERSONS_FILE,
    lines_of,
    persons_unused,
    read_persons,
    shown,
)

IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".tif", ".tiff", ".gif",
    ".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico",
)  # fmt: skip
"""Of every format that ``likeness.media`` reads."""
UNREAD_SUFFIXES = (".heic", ".heif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2")
"""Of photographs too, as telephones and cameras write them, but of formats that are not read."""
_MAX_SIDE = 1_000_000
"""Pixels; a recorded side that is longer is no side of a picture."""
LAYOUTS = (
    "images/<id>.png, landmarks/<id>.npy (68,2) in pixels; index.jsonl, identity.csv (optional)",
    "<name>_thumbnails_<size>/<id>.png beside <name>_landmarks_<size>/<id>.npy",
    "<id>.png and <id>.npy side by side in one folder",
)


@dataclass(frozen=True)
class Entry:
    """One photograph and what lies beside it."""

    id: str
    image: Path
    landmarks: Path
    mask: Path | None = None
    truth: Path | None = None
    person: str | None = None
    split: str | None = None
    size: tuple[int, int] | None = None
    """(width, height) of the picture the landmarks refer to, when recorded."""


@dataclass(frozen=True)
class Folder:
    """What a dataset folder holds, before anything is opened."""

    root: Path
    layout: str
    entries: tuple[Entry, ...]
    head: dict[str, Any] | None
    """Name and fingerprint of the head model the truth refers to, and as ``albedo`` the fingerprint
    of the albedo space where the truth has codes of one."""
    findings: tuple[Finding, ...]


def photographs_in(folder: Path) -> list[Path]:
    """The picture files of a folder in order, without hidden ones."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )


def read_folder(root: str | Path, landmarks: str | Path | None = None) -> Folder:
    """List a dataset. Raises DataError when the folder is missing, unfinished or of no layout."""
    root = Path(root)
    if root.exists() and not root.is_dir():
        raise DataError(
            f"Expected a dataset folder at '{root}', found a file.",
            advice="Name the folder of the whole dataset.",
        )
    if not root.is_dir():
        raise DataError(
            f"Expected a dataset folder at '{root}', but there is none.",
            advice="Make one with 'likeness data make face-encoder OUT', or prepare photographs "
            "with 'likeness data prepare face-encoder IN OUT'.",
        )
    refuse_unfinished(root)
    if landmarks is not None and not Path(landmarks).is_dir():
        raise DataError(
            f"data.landmarks is '{landmarks}', but there is no such folder.",
            advice="Name the folder of the landmark files, or set it to null when they lie "
            "beside the photographs.",
        )
    if (root / "images").is_dir():
        own = root / "landmarks" if landmarks is None else Path(landmarks)
        return _with_index(_pairs(root, "native", root / "images", own))
    if landmarks is not None:
        return _with_index(_pairs(root, "legacy", root, Path(landmarks)))
    thumbnails, points = _legacy(root)
    if thumbnails is not None and points is not None:
        return _with_index(_pairs(root, "legacy", thumbnails, points))
    if any(path.suffix == ".npy" for path in root.iterdir()):
        return _with_index(_pairs(root, "side-by-side", root, root))
    raise DataError(
        f"'{root}' fits no layout of face-encoder. Accepted are:\n  " + "\n  ".join(LAYOUTS),
        advice="Photographs without landmarks become a dataset with 'likeness data prepare "
        "face-encoder'.",
    )


def _legacy(root: Path) -> tuple[Path | None, Path | None]:
    """The thumbnails and landmarks folders under ``root``, or beside it when it is the former."""
    for folder in [root, *sorted(p for p in root.iterdir() if p.is_dir())]:
        if "_thumbnails_" in folder.name:
            partner = folder.with_name(folder.name.replace("_thumbnails_", "_landmarks_"))
            if partner.is_dir():
                return folder, partner
    return None, None


def _pairs(root: Path, layout: str, images: Path, landmarks: Path) -> Folder:
    found = photographs_in(images)
    entries, findings, seen = [], [], dict[str, Path]()
    masks, truths = root / "masks", root / "truth"
    for path in found:
        if path.stem in seen:
            findings.append(
                Finding(
                    "error",
                    "id-twice",
                    place_of(path, root),
                    f"'{path.name}' and '{seen[path.stem].name}' have the same id.",
                    "Rename one of them together with its landmarks.",
                )
            )
            continue
        seen[path.stem] = path
        mask, truth = masks / f"{path.stem}.png", truths / f"{path.stem}.npz"
        entries.append(
            Entry(
                id=path.stem,
                image=path,
                landmarks=landmarks / f"{path.stem}.npy",
                mask=mask if mask.is_file() else None,
                truth=truth if truth.is_file() else None,
            )
        )
    alone = sorted(p for p in landmarks.glob("*.npy") if p.stem not in seen)
    findings += landmarks_alone([place_of(path, root) for path in alone])
    head, problem = _head(root)
    if problem is not None:
        findings.append(problem)
    return Folder(root, layout, tuple(entries), head, tuple(findings))


def landmarks_alone(places: Sequence[str]) -> tuple[Finding, ...]:
    """The finding of landmarks, by file or name, that no picture belongs to; none of none."""
    if not places:
        return ()
    return (
        Finding(
            "warning",
            "landmarks-alone",
            places[0],
            f"Landmarks without a picture of their name, {len(places)} in all, are not used.",
            "Restore the pictures, as one of the formats that are read, or remove the landmarks.",
        ),
    )


def _head(root: Path) -> tuple[dict[str, Any] | None, Finding | None]:
    path = root / "head.json"
    if not path.is_file():
        return None, None
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
        head = {"name": str(data["name"]), "fingerprint": str(data["fingerprint"])}
        return head | ({"albedo": str(data["albedo"])} if "albedo" in data else {}), None
    except (ValueError, KeyError, TypeError) as error:
        return None, Finding(
            "error",
            "head-unreadable",
            "head.json",
            f"Expected the name and fingerprint of a head model, found: {error}.",
            "Write the dataset again, or delete head.json and truth/ to train without truth.",
        )


def _with_index(folder: Folder) -> Folder:
    """Add what index.jsonl and identity.csv say."""
    findings = list(folder.findings)
    rows = _index(folder.root / "index.jsonl", findings)
    persons = read_persons(folder.root / PERSONS_FILE, findings)
    entries = []
    for entry in folder.entries:
        row = rows.get(entry.id, {})
        person = persons.get(entry.id, row.get("person"))  # the table is what people edit
        entries.append(
            replace(
                entry,
                person=None if person is None else str(person),
                split=row.get("split"),
                size=None if row.get("width") is None else (row["width"], row["height"]),
            )
        )
    missing = sorted(rows.keys() - {entry.id for entry in entries})
    findings += [
        Finding(
            "error",
            "image-missing",
            f"images/{name}",
            "index.jsonl lists this id, but there is no such picture.",
            "Restore the picture or remove the line.",
        )
        for name in missing
    ]
    unused = sorted(persons.keys() - {entry.id for entry in entries})
    findings += persons_unused(
        unused, "Correct them: an id is the name of the picture without its ending."
    )
    return replace(folder, entries=tuple(entries), findings=tuple(findings))


def _index(path: Path, findings: list[Finding]) -> dict[str, dict[str, Any]]:
    """The lines of index.jsonl by id; lines that cannot be used become findings."""
    rows: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines_of(path), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
            if not isinstance(row, dict) or "id" not in row:
                raise ValueError(shown(row))
            name, split = str(row["id"]), row.get("split")
            if type(row["id"]) not in (str, int):
                raise ValueError(f"the id {shown(row['id'])}, which is no text")
            if name in rows:
                raise ValueError(f"the id '{name}' a second time")
            if split not in (None, "train", "validation", "test"):
                raise ValueError(f"the split {split!r}, which is not train, validation or test")
            if type(row.get("person")) not in (str, int, type(None)):
                raise ValueError(f"the person {shown(row['person'])}, which is no text")
            sides = (row.get("width"), row.get("height"))
            if sides != (None, None) and not all(
                type(side) is int and 1 <= side <= _MAX_SIDE for side in sides
            ):
                raise ValueError(
                    f"the width {shown(sides[0])} and the height {shown(sides[1])}, which are "
                    "not both whole numbers of pixels"
                )
            rows[name] = row
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            findings.append(
                Finding(
                    "error",
                    "index-line",
                    f"{path.name}:{number}",
                    f"Expected a JSON object with an id of its own, found: {error}.",
                    "Correct or remove the line.",
                )
            )
    return rows


def split_of(entry: Entry, position: int, total: int, layout: str) -> str:
    """The split of an entry: as recorded; else legacy order; else by a hash of the person.

    The legacy thumbnails keep their customary order, 60,000 of 70,000 for training. Elsewhere all
    photographs of a person fall together: 80 % train, 10 % validation, 10 % test.
    """
    if entry.split is not None:
        return entry.split
    if layout == "legacy":
        return "train" if position < total * 6 // 7 else "validation"
    share = seed_of("face-encoder split", entry.person or entry.id) % 10
    return "test" if share == 0 else "validation" if share == 1 else "train"


def place_of(path: Path, root: Path) -> str:
    """The path as findings name it: relative to the dataset where it lies inside."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
