"""Terms that were asked for and are off for an actor, because of its vertex lists.

Which list a term looks at is decided where the term is; here it is told before training begins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from likeness.systems.audio2face.artefacts import ActorArtefacts
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.diffusion_terms import upper_face_mask

_LISTS: Mapping[str, str] = {"lip_distance": "lip_distance_list", "lip_size": "lip_size_list"}
"""Term to the name of its list in dataset.yaml."""


def weighed_terms(config: AudioToFaceConfig) -> frozenset[str]:
    """Terms that have a weight in some stage."""
    found = set()
    for stage in config.stages:
        for term, weight in stage.weights.items():
            numbers = (weight,) if isinstance(weight, (int, float)) else (weight.start, weight.end)
            if any(numbers) and stage.steps != 0:
                found.add(term)
    return frozenset(found)


def switched_off(config: AudioToFaceConfig, actors: Collection[ActorArtefacts]) -> list[str]:
    """A sentence for each thing that an actor's lists leave out and the configuration asks for."""
    told, wanted = [], weighed_terms(config)
    for actor in actors:
        for term, list_name in _LISTS.items():
            lacking = getattr(actor, list_name.removesuffix("_list")) is None
            if term in wanted and lacking:
                told.append(
                    f"The term '{term}' is off for '{actor.actor}', who has no {list_name}."
                )
        if config.model.network == "regression":
            if config.learning.terms.removes_closed_eyes and actor.eye_distance is None:
                told.append(
                    f"Samples with closed eyes are learned from, for '{actor.actor}' has no "
                    "eye_distance_list."
                )
        elif (
            "expression_smooth" in wanted
            and upper_face_mask(actor, config.learning.diffusion_terms) is None
        ):
            reason = "who has no eye_distance_list."
            if actor.eye_distance is not None:
                reason = (
                    "whose eye_distance_list does not tell where the eyes are. Let its first two "
                    "pairs lie on different eyes."
                )
            told.append(f"The term 'expression_smooth' is off for '{actor.actor}', {reason}")
    return told
