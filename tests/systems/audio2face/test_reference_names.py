from __future__ import annotations

import pytest

from likeness.config.document import help_rows
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.profiles import PROFILES
from likeness.systems.audio2face.reference_names import (
    ACTOR_FIELDS,
    DATASET,
    base_leaves,
    counterpart,
)
from likeness.systems.audio2face.terms import TERMS_OF

NETWORKS = ["regression", "diffusion"]


@pytest.mark.parametrize("network", NETWORKS)
def test_every_name_of_the_reference_has_a_key_or_a_reason(network: str) -> None:
    for path, _ in base_leaves(network):
        found = counterpart(network, path)
        assert (found.key is None) == bool(found.reason), path


@pytest.mark.parametrize("network", NETWORKS)
def test_every_key_is_there(network: str) -> None:
    rows = {row["key"] for row in help_rows(AudioToFaceConfig)}
    choices = {row["key"] for row in help_rows(_actor_choices())}
    for path, _ in base_leaves(network):
        key = counterpart(network, path).key
        if key is None or key.startswith(DATASET):
            continue
        if key.startswith("preprocessing.actors.*."):
            assert key.removeprefix("preprocessing.actors.*.") in choices, path
        elif key.startswith("stages.train.weights."):
            assert key.removeprefix("stages.train.weights.") in TERMS_OF[network], path
        elif key.startswith("stages.train."):
            dumped = PROFILES[network]().model_dump()["stages"][0]
            for part in key.removeprefix("stages.train.").split("."):
                dumped = dumped[part]
        else:
            assert key in rows, path


def _actor_choices() -> type:
    from likeness.systems.audio2face.preprocessing.settings import ActorChoices

    return ActorChoices


def test_nothing_unknown_has_a_counterpart() -> None:
    with pytest.raises(KeyError):
        counterpart("regression", "train/DIFFUSION_STEPS")
    with pytest.raises(KeyError):
        counterpart("diffusion", "train/SEQ_LEN")


def test_two_parameters_do_not_share_a_field_of_an_actor() -> None:
    assert len(set(ACTOR_FIELDS.values())) == len(ACTOR_FIELDS) == 22


def test_every_key_of_the_dataset_is_there() -> None:
    from likeness.systems.audio2face.dataset.description import ActorFiles, DatasetDescription

    for network in NETWORKS:
        for path, _ in base_leaves(network):
            key = counterpart(network, path).key or ""
            if key.startswith(f"{DATASET}actors.*."):
                assert key.removeprefix(f"{DATASET}actors.*.") in ActorFiles.model_fields, path
            elif key.startswith(DATASET):
                name = key.removeprefix(DATASET).removesuffix(".*")
                assert name in DatasetDescription.model_fields, path
