"""What a configuration's stages cannot learn from the photographs they are given.

Owns the judgement of stages; that of the photographs is ``findings.py``.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from likeness.data.inspection import Finding
from likeness.systems.face_encoder.albedo_space import albedo_fingerprint, reads_albedo
from likeness.systems.face_encoder.config import EncoderStage, FaceEncoderConfig
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.layout import layout_of
from likeness.systems.face_encoder.layouts import Entry, Folder, split_of
from likeness.systems.face_encoder.terms import (
    ALBEDO_TERMS,
    MASK_TERMS,
    PERSON_TERMS,
    PRIOR_TERMS,
    TRUTH_TERMS,
)

logger = logging.getLogger(__name__)

_ENOUGH = 0.5
"""Of the photographs of a batch: where fewer have another of their person, that is told."""

_RARE = 0.1
"""Of all photographs to train on: where fewer have what a term compares with, that is told."""


@dataclass(frozen=True)
class _Lack:
    """What terms compare with and no photograph to train on has."""

    code: str
    terms: frozenset[str]
    source: str  # completes "learns from … alone"
    told: str
    remedy: str  # completes "Set its weight to 0, or …"


def unlearnable(config: FaceEncoderConfig, folder: Folder) -> list[Finding]:
    """Terms that stages weigh, where no photograph to train on has what they compare with.

    An error where nothing else compares with photographs, since the loss would be 0 or that of the
    priors; a warning, which is logged too, where something does. Photographs that hardly ever meet
    another of their person are warned of in the same way.
    """
    entries = _to_train_on(folder)
    stages = [stage for stage in config.stages if stage.steps != 0]
    if not entries or not stages:
        return []
    lacks = _lacks(config, folder, entries, set().union(*map(_weighed, stages)))
    findings = [finding for stage in stages for finding in _of_stage(stage, lacks)]
    if config.data.photos_per_person == 1 and "no-pairs" not in {lack.code for lack in lacks}:
        findings += [finding for stage in stages for finding in _rare_pairs(stage, config, entries)]
    findings += [finding for stage in stages for finding in _rare(stage, entries)]
    for finding in findings:
        if finding.severity == "warning":
            logger.warning("%s", finding.message)
    return findings


def _to_train_on(folder: Folder) -> list[Entry]:
    total = len(folder.entries)
    return [
        entry
        for position, entry in enumerate(folder.entries)
        if split_of(entry, position, total, folder.layout) == "train"
    ]


def _weighed(stage: EncoderStage) -> set[str]:
    first, last = stage.weights_at(0.0), stage.weights_at(1.0)
    return {term for term in stage.weights if first[term] or last[term]}


def _lacks(
    config: FaceEncoderConfig, folder: Folder, entries: Sequence[Entry], weighed: set[str]
) -> list[_Lack]:
    """What of the terms that are ``weighed`` these photographs lack."""
    none = f"none of the {len(entries)} photographs of the split 'train' has"
    lacks = []
    if weighed & TRUTH_TERMS and all(entry.truth is None for entry in entries):
        told = f"{none} a truth"
        remedy = "train on studio people as well ('likeness data make face-encoder FOLDER')"
        lacks.append(_Lack("no-truth", TRUTH_TERMS, "the truth", told, remedy))
    elif weighed & ALBEDO_TERMS and (told := _no_albedo(config)):
        remedy = "choose another with model.layout, model.num_albedo and model.albedo"
        lacks.append(_Lack("no-albedo", ALBEDO_TERMS, "true colours", told, remedy))
    elif weighed & ALBEDO_TERMS and not _knows_albedo(config, folder):
        told = f"{none} a truth of the model's albedo space (model.albedo={config.model.albedo})"
        remedy = "set model.albedo to the space of the data"
        lacks.append(_Lack("no-albedo", ALBEDO_TERMS, "true colours", told, remedy))
    if weighed & MASK_TERMS and all(entry.mask is None for entry in entries):
        told, remedy = f"{none} a mask", "add masks of classes, as masks/<id>.png"
        lacks.append(_Lack("no-mask", MASK_TERMS, "masks", told, remedy))
    persons = Counter(entry.person or entry.id for entry in entries)
    if weighed & PERSON_TERMS and max(persons.values()) == 1:
        told = f"{none} another of its person"
        remedy = "name the persons in identity.csv"
        lacks.append(_Lack("no-pairs", PERSON_TERMS, "the persons", told, remedy))
    elif "shape_contrast" in weighed and len(persons) == 1:
        told = f"{none} a stranger: all are of one person"
        of_strangers = frozenset({"shape_contrast"})
        lacks.append(
            _Lack("no-strangers", of_strangers, "the persons", told, "add people to train on")
        )
    return lacks


def _no_albedo(config: FaceEncoderConfig) -> str:
    """Why the model has no colours to compare, whatever the data; empty where it has."""
    model, head = config.model, open_head(config.model.head)
    layout = layout_of(model, head)
    if reads_albedo(layout, head, model.albedo):
        return ""
    if "face.albedo" not in layout:
        return f"the layout '{model.layout}' has no albedo"
    if layout.segment("face.albedo").dim == 0:
        return f"the model has no albedo (model.num_albedo={model.num_albedo})"
    return f"the head model has no coordinates for model.albedo={model.albedo}"


def _knows_albedo(config: FaceEncoderConfig, folder: Folder) -> bool:
    """Whether the truth has codes of the space that the model reads."""
    own = None if folder.head is None else folder.head.get("albedo")
    return bool(own) and own == albedo_fingerprint(config.model.albedo)


def _of_stage(stage: EncoderStage, lacks: Sequence[_Lack]) -> list[Finding]:
    weighed = _weighed(stage)
    lacking = [lack for lack in lacks if lack.terms & weighed]
    # The exchange of shapes repeats the other comparisons but that of codes, and is 0 with them.
    compared = weighed - PRIOR_TERMS - {"shape_consistency"}
    useful = compared.difference(*(lack.terms for lack in lacking))
    if not lacking:
        return _without_comparison(stage, weighed, compared)
    if useful:
        return [_idle(stage, lack) for lack in lacking]
    terms = _named(stage, frozenset().union(*(lack.terms for lack in lacking)))
    return [
        Finding(
            "error",
            lacking[0].code,
            "",
            f"Stage '{stage.name}' learns from {_joined([lack.source for lack in lacking])} alone "
            f"({terms}), and {_joined([lack.told for lack in lacking])}: it would learn nothing.",
            f"Weigh what a photograph itself tells, as stages.{stage.name}.weights.landmark=1, or "
            + ", and ".join(lack.remedy for lack in lacking)
            + ".",
        )
    ]


def _idle(stage: EncoderStage, lack: _Lack) -> Finding:
    """Of terms that cost time and teach nothing beside others that do."""
    terms = _named(stage, lack.terms)
    count, weights = ("count", "their weights") if ", " in terms else ("counts", "its weight")
    message = f"{terms} of stage '{stage.name}' {count} for nothing: {lack.told}."
    return Finding("warning", lack.code, "", message, f"Set {weights} to 0, or {lack.remedy}.")


def _without_comparison(
    stage: EncoderStage, weighed: set[str], compared: set[str]
) -> list[Finding]:
    """shape_consistency with nothing to repeat, which no data can help."""
    if "shape_consistency" not in weighed or compared - {"shape_contrast"}:
        return []
    return [
        Finding(
            "warning" if compared else "error",
            "no-comparison",
            "",
            f"shape_consistency of stage '{stage.name}' repeats the comparisons with photographs "
            "that the stage weighs, and it weighs none: it is 0.",
            f"Weigh one, as stages.{stage.name}.weights.landmark=1.",
        )
    ]


def _rare_pairs(
    stage: EncoderStage, config: FaceEncoderConfig, entries: Sequence[Entry]
) -> list[Finding]:
    """Terms of persons, where batches of single photographs seldom hold two of one person."""
    terms = _named(stage, PERSON_TERMS)
    batch = stage.batch_size or config.train.batch_size
    counts = Counter(entry.person or entry.id for entry in entries)
    share = sum(count * _meeting(count, len(entries), batch) for count in counts.values()) / len(
        entries
    )
    if not terms or share >= _ENOUGH:
        return []
    return [
        Finding(
            "warning",
            "rare-pairs",
            "",
            f"In stage '{stage.name}' about {100 * share:.2g} % of the photographs have another of "
            f"their person in a batch of {batch} out of {len(entries)}: {terms} leaves the others "
            "out.",
            "Set data.photos_per_person to 2 or more; batch sizes then count persons.",
        )
    ]


def _rare(stage: EncoderStage, entries: Sequence[Entry]) -> list[Finding]:
    """Terms whose comparison hardly any photograph has: at most steps they are 0, as if perfect."""
    kinds = (
        ("truth", TRUTH_TERMS, sum(entry.truth is not None for entry in entries)),
        ("mask", MASK_TERMS, sum(entry.mask is not None for entry in entries)),
    )
    return [
        Finding(
            "warning",
            f"rare-{what}",
            "",
            f"{_named(stage, terms)} of stage '{stage.name}' counts for {having} of the "
            f"{len(entries)} photographs of the split 'train' alone: the others have no {what}.",
            f"Add a {what} to more of them, or train on fewer of the others.",
        )
        for what, terms, having in kinds
        if 0 < having < _RARE * len(entries) and _named(stage, terms)
    ]


def _meeting(count: int, total: int, batch: int) -> float:
    """Chance that a batch with one photograph of a person holds another of its ``count``."""
    others, drawn = total - count, min(batch, total) - 1
    if drawn > others:
        return 1.0
    return 1.0 - math.prod((others - i) / (total - 1 - i) for i in range(drawn))


def _named(stage: EncoderStage, terms: frozenset[str]) -> str:
    """Those of the terms that a stage weighs, in its order."""
    weighed = _weighed(stage)
    return ", ".join(term for term in stage.weights if term in terms & weighed)


def _joined(words: Sequence[str]) -> str:
    return " and ".join(words)
