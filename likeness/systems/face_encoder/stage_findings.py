"""What a configuration's stages cannot learn from the photographs they are given.

Owns the judgement of stages; that of the photographs is ``findings.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from likeness.data.inspection import Finding
from likeness.systems.face_encoder.config import EncoderStage
from likeness.systems.face_encoder.layouts import Folder, split_of
from likeness.systems.face_encoder.terms import PRIOR_TERMS, TRUTH_TERMS

logger = logging.getLogger(__name__)


def without_truth(stages: Sequence[EncoderStage], folder: Folder) -> list[Finding]:
    """Stages that weigh terms of the truth, where no photograph to train on has any.

    An error where nothing else compares with photographs, since the loss would be 0 or that of the
    priors; a warning, which is logged too, where something does.
    """
    total = len(folder.entries)
    has_truth = any(
        entry.truth is not None and split_of(entry, position, total, folder.layout) == "train"
        for position, entry in enumerate(folder.entries)
    )
    if has_truth or not total:
        return []
    return [finding for stage in stages if (finding := _of_stage(stage)) is not None]


def _of_stage(stage: EncoderStage) -> Finding | None:
    first, last = stage.weights_at(0.0), stage.weights_at(1.0)
    weighed = [term for term in stage.weights if first[term] or last[term]]
    of_truth = [term for term in weighed if term in TRUTH_TERMS]
    if stage.steps == 0 or not of_truth:
        return None
    # The exchange of shapes repeats the other comparisons, and is 0 with them.
    others = {*weighed} - TRUTH_TERMS - PRIOR_TERMS - {"shape_consistency"}
    told = "no photograph of the split 'train' has a truth"
    if others:
        message = f"{', '.join(of_truth)} of stage '{stage.name}' count for nothing: {told}."
        logger.warning("%s", message)
        advice = "Set their weights to 0, or train on studio people as well."
        return Finding("warning", "no-truth", "", message, advice)
    return Finding(
        "error",
        "no-truth",
        "",
        f"Stage '{stage.name}' learns from the truth alone ({', '.join(of_truth)}), and {told}: it "
        "would learn nothing.",
        f"Weigh what a photograph itself tells, as stages.{stage.name}.weights.landmark=1, or "
        "train on studio people: 'likeness data make face-encoder FOLDER'.",
    )
