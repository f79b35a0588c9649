"""What is wrong with a dataset of the face encoder, photograph by photograph and as a whole.

Owns the judgement; which file is where is ``layouts.py``, what each may hold ``landmark_files.py``
and ``annotation_files.py``. Bad data gives findings, never exceptions.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from likeness.data.inspection import Finding, Inspection
from likeness.data.provenance import PROVENANCE, look_at_provenance
from likeness.errors import DataError, LikenessError, UsageError, first_few
from likeness.media.image import load_image, probe_image
from likeness.studio.version import STUDIO_VERSION
from likeness.systems.face_encoder import left_out
from likeness.systems.face_encoder.annotation_files import (
    point_sets_file,
    read_mask,
    read_point_sets,
    read_truth,
)
from likeness.systems.face_encoder.config import FaceEncoderConfig
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.landmark_files import implausible, in_image, read_landmarks
from likeness.systems.face_encoder.layouts import Entry, Folder, place_of, read_folder, split_of
from likeness.systems.face_encoder.persons import persons_missing
from likeness.systems.face_encoder.stage_findings import unlearnable
from likeness.systems.face_encoder.truth_findings import (
    CODED,
    Lengths,
    head_mismatch,
    headless,
    truth_lengths,
)
from likeness.systems.face_encoder.weights import check_files, check_initial_run

logger = logging.getLogger(__name__)

MAX_DECODED = 4000
"""At most this many pictures are decoded, evenly spread; beyond it the inspection says so."""
_ASPECT_TOLERANCE = 0.02
_FEW = 200
_NAMED = 2
_UNUSABLE = ("landmarks-outside", "landmarks-degenerate")


def inspect_folder(uri: str, landmarks: str | None = None) -> Inspection:
    """Look at a dataset, or at pictures with their landmarks in another folder."""
    try:
        folder = read_folder(uri, landmarks)
    except LikenessError as error:
        finding = Finding("error", "layout", "", error.message, error.advice)
        return Inspection(uri, {"photographs": 0}, (finding,))
    total = len(folder.entries)
    counts = {
        "photographs": total,
        "persons": len({e.person for e in folder.entries if e.person is not None}),
        "with_mask": sum(e.mask is not None for e in folder.entries),
        "with_truth": sum(e.truth is not None for e in folder.entries),
    }
    for position, entry in enumerate(folder.entries):
        split = split_of(entry, position, total, folder.layout)
        counts[split] = counts.get(split, 0) + 1
    findings = list(folder.findings)
    step = max(1, -(-total // MAX_DECODED))
    lengths: Lengths = {}
    for entry in folder.entries[::step]:
        findings += _look_at(entry, folder, lengths)
    findings += truth_lengths(lengths)
    findings += headless(folder)
    if step > 1:
        findings.append(
            Finding(
                "advice",
                "sampled",
                "",
                f"Only every {step}th of {total} photographs was decoded.",
                "Errors in the others appear when they are read.",
            )
        )
    findings += _whole(counts, folder)
    notice = left_out.notice_of(folder.root)
    findings += [notice] if notice is not None else []
    if not any(finding.code == "index-line" for finding in findings):  # what it lost may be a split
        findings += _divided(folder)
    return Inspection(uri, counts, tuple(findings))


def inspect_configured(config: FaceEncoderConfig, *, begins: bool = True) -> Inspection:
    """Look at what a configuration trains on: its data, whether they have what stages compare with
    and their truth is of the head model, and where it begins the files and the run it starts from.

    Raises:
        UsageError: the configuration names no data, or files or an earlier run that do not fit.
        MissingError: a file or the earlier run is not there.
        UnsafeFileError: reading a file would run code.
    """
    if begins:
        check_files(config)
        check_initial_run(config)
    data = config.data
    if not data.root:
        raise UsageError(
            "data.root names no dataset.",
            advice="Make one with 'likeness data make face-encoder FOLDER', then add "
            "data.root=FOLDER.",
        )
    inspection = inspect_folder(data.root, data.landmarks)
    own = _unstarted(config) if begins else []
    if inspection.ok:
        folder = read_folder(data.root, data.landmarks)
        own += unlearnable(config, folder)
        if not data.allow_model_mismatch:
            own.append(head_mismatch(folder, open_head(config.model.head)))
    added = [finding for finding in own if finding is not None]
    findings = (*inspection.findings, *added)
    is_of_settings = data.landmarks is not None or any(f.severity == "error" for f in added)
    return Inspection(inspection.uri, inspection.counts, findings, is_of_settings)


def _unstarted(config: FaceEncoderConfig) -> list[Finding | None]:
    """The finding that what is meant to continue an encoder starts from nothing. It is logged too,
    since nobody reads the findings of data that can be trained on."""
    model = config.model
    if model.initial_run is not None or not model.landmark_offsets:
        return []
    message = (
        "model.initial_run is not set: training starts from nothing, although "
        "model.landmark_offsets, as the profile 'real' sets it, is meant to continue an encoder "
        "trained on the studio."
    )
    advice = "Train one with the profile 'fast' and add model.initial_run=RUN."
    logger.warning("%s %s", message, advice)
    return [Finding("warning", "no-initial-run", "", message, advice)]


def _look_at(entry: Entry, folder: Folder, lengths: Lengths) -> list[Finding]:
    """Everything wrong with one photograph and what lies beside it.

    Args:
        lengths: gets how many numbers its truth has for what is coded, by the place of the file.
    """
    place = place_of(entry.image, folder.root)
    try:
        image = load_image(entry.image)
        info = probe_image(entry.image)
    except LikenessError as error:
        return [_damage("image-unreadable", place, error, "Replace the picture, or remove it.")]
    size = (image.shape[1], image.shape[0])
    findings = []
    if info.num_frames > 1 and info.format != "MPO":  # a phone's second picture is no frame
        findings.append(
            Finding(
                "warning",
                "image-animated",
                place,
                f"The file has {info.num_frames} frames; only the first is used.",
                "Save the frame that the landmarks belong to as a picture of its own.",
            )
        )
    if info.orientation != 1:
        findings.append(
            Finding(
                "advice",
                "image-turned",
                place,
                f"The file is stored turned (EXIF orientation {info.orientation}) and shown "
                f"upright, {size[0]}x{size[1]}.",
                "Check that the landmarks were made on the upright picture.",
            )
        )
    return findings + _sizes(entry, size, folder) + _annotations(entry, size, folder, lengths)


def _sizes(entry: Entry, size: tuple[int, int], folder: Folder) -> list[Finding]:
    """The recorded size is another, but the picture must not be stretched against it."""
    if entry.size is None:
        return []
    zoom = (size[0] / entry.size[0], size[1] / entry.size[1])
    if abs(zoom[0] / zoom[1] - 1) <= _ASPECT_TOLERANCE:
        return []
    return [
        Finding(
            "error",
            "size-recorded",
            place_of(entry.image, folder.root),
            f"index.jsonl says the landmarks belong to a picture of {entry.size[0]}x"
            f"{entry.size[1]}; this one has {size[0]}x{size[1]}, another shape.",
            "Detect the landmarks again on this very picture, or correct the line.",
        )
    ]


def _annotations(
    entry: Entry, size: tuple[int, int], folder: Folder, lengths: Lengths
) -> list[Finding]:
    """Everything wrong with the files that belong to a picture of ``size`` (width, height)."""
    findings = []
    place = place_of(entry.landmarks, folder.root)
    if not entry.landmarks.is_file():
        findings.append(
            Finding(
                "error",
                "landmarks-missing",
                place,
                f"Expected landmarks of '{entry.image.name}', but there is no such file.",
                "Make them with 'likeness data prepare face-encoder', or remove the picture.",
            )
        )
    else:
        try:
            points, weights = read_landmarks(entry.landmarks)
            for code, message in implausible(in_image(points, entry, size), weights, size):
                findings.append(
                    Finding(
                        "error" if code in _UNUSABLE else "warning",
                        code,
                        place,
                        message,
                        "Detect the landmarks again on this very picture, or remove it.",
                    )
                )
        except DataError as error:
            advice = "Detect the landmarks of this picture again, or remove it."
            findings.append(_damage("landmarks-unreadable", place, error, advice))
    if entry.mask is not None:
        place = place_of(entry.mask, folder.root)
        try:
            read_mask(entry.mask, size)
        except DataError as error:
            findings.append(_damage("mask-unusable", place, error, "Make it again, or remove it."))
    if entry.truth is not None:
        place = place_of(entry.truth, folder.root)
        try:
            truth = read_truth(entry.truth)
            lengths[place] = {name: len(truth[name]) for name in CODED if name in truth}
        except DataError as error:
            advice = "Make the dataset again, or remove the file."
            findings.append(_damage("truth-unusable", place, error, advice))
    return findings


def _damage(code: str, place: str, error: LikenessError, advice: str) -> Finding:
    """The finding of a file that cannot be read; ``advice`` where the error has none."""
    return Finding("error", code, place, error.message, error.advice or advice)


def _divided(folder: Folder) -> list[Finding]:
    """A finding for every person whose photographs are in more than one split."""
    persons: dict[str, dict[str, list[str]]] = {}
    for position, entry in enumerate(folder.entries):
        if entry.person:
            split = split_of(entry, position, len(folder.entries), folder.layout)
            names = persons.setdefault(entry.person, {}).setdefault(split, [])
            names.append(place_of(entry.image, folder.root))
    return [
        Finding(
            "error",
            "person-in-two-splits",
            next(iter(splits.values()))[0],
            f"Expected all photographs of '{person}' in one split, found "
            + "; ".join(
                f"{split}: {first_few(names, _NAMED, others='others')}"
                for split, names in sorted(splits.items())
            )
            + ".",
            "Give all lines of this person in index.jsonl the same split, or correct the person.",
        )
        for person, splits in persons.items()
        if len(splits) > 1
    ]


def _whole(counts: dict[str, int], folder: Folder) -> list[Finding]:
    """What concerns the dataset as a whole."""
    if not folder.entries:
        return [
            Finding(
                "error",
                "empty",
                "",
                f"Expected photographs in '{folder.root}', found none.",
                "Add some, or make studio people with 'likeness data make face-encoder'.",
            )
        ]
    findings = []
    sets = point_sets_file(folder.entries[0].image)
    if sets.is_file():
        try:
            read_point_sets(sets)
        except DataError as error:
            place = place_of(sets, folder.root)
            advice = "Correct it, or remove it: then the usual sets of points are scored."
            findings.append(_damage("sets-unusable", place, error, advice))
    if not counts.get("train"):
        findings.append(
            Finding(
                "error",
                "no-train",
                "",
                "No photograph belongs to the split 'train'.",
                "Add photographs of more people, or a 'split' to the lines of index.jsonl.",
            )
        )
    if not counts.get("validation"):
        findings.append(
            Finding(
                "warning",
                "no-validation",
                "",
                "No photograph belongs to the split 'validation': training shows no previews and "
                "measures nothing on the way.",
                "Add photographs of more people, or a 'split' to the lines of index.jsonl.",
            )
        )
    if counts["photographs"] < _FEW:
        findings.append(
            Finding(
                "warning",
                "few-photographs",
                "",
                f"{counts['photographs']} photographs are few; such a network wants thousands.",
                "Add some, or start from an encoder trained on the studio (model.initial_run).",
            )
        )
    # Preparation names a photograph nobody told it the person of after itself.
    if counts["photographs"] > 1 and all(e.person in (None, e.id) for e in folder.entries):
        findings.append(
            Finding(
                "warning",
                "no-persons",
                "identity.csv",
                "Nothing says who is on which photograph, so each counts as a person of its own "
                "and one person may be in training and in test.",
                "Write identity.csv with a line 'id,person' and then one for each photograph.",
            )
        )
    unnamed = [entry.id for entry in folder.entries if entry.person is None]
    if counts["persons"] and unnamed:
        findings.append(persons_missing(len(unnamed), counts["photographs"], unnamed[0]))
    facts, of_provenance = look_at_provenance(
        folder.root, material="photographs", people="subjects"
    )
    return findings + of_provenance + _of_another_studio(folder, facts)


def _of_another_studio(folder: Folder, facts: Mapping[str, Any]) -> list[Finding]:
    version = facts.get("studio_version", STUDIO_VERSION)
    if folder.head is None or version == STUDIO_VERSION:
        return []
    message = (
        f"These people are of version {version} of the studio; this is version {STUDIO_VERSION}: "
        "their truth is of another head."
    )
    advice = "Make the dataset again, or train with data.allow_model_mismatch=true."
    return [Finding("warning", "studio-version", PROVENANCE, message, advice)]
