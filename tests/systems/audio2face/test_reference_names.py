from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest
import typer

from likeness.cli.main import app
from likeness.config.document import help_rows
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.predict import predict
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


REASONS = sorted(
    {counterpart(network, path).reason for network in NETWORKS for path, _ in base_leaves(network)}
)


def _verbs(
    command: object, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Every verb and its options, as a person writes them."""
    if inner := getattr(command, "commands", None):
        for name, verb in inner.items():
            yield from _verbs(verb, (*path, name))
    else:
        yield path, {o for p in command.params for o in (*p.opts, *p.secondary_opts)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("reason", [reason for reason in REASONS if reason])
def test_options_and_settings_a_reason_names_are_there(reason: str) -> None:
    """A reason once sent people to --run, -v and --seed, which no verb has."""
    verbs = dict(_verbs(typer.main.get_command(app)))
    keys = {row["key"] for row in help_rows(AudioToFaceConfig)}
    tables = {key.rpartition(".")[0] for key in keys}
    commands = re.findall(r"'likeness ([^']*)'", reason)
    outside = re.sub(r"'likeness [^']*'", "", reason)
    assert not re.findall(r"(?<!\w)--?[a-z]", outside), "an option needs its verb"
    for words in (command.split() for command in commands):
        options = {word for word in words if word.startswith("-")}
        verb = () if words[0] == "COMMAND" else (words[0],)
        meant = [own for path, own in verbs.items() if path[: len(verb)] == verb]
        assert meant, f"no verb '{words[0]}'"
        assert all(options <= own for own in meant), words
        names = {word.partition("=")[0] for word in words if "=" in word}
        assert not names or verb == ("predict",)
        assert names <= set(inspect.signature(predict).parameters)
    for setting in re.findall(r"'([a-z]\w*(?:\.\w+)+)'", outside):
        assert setting in keys | tables, setting
    if "'encoder_path'" in reason:
        assert "model.diffusion.encoder_path" in keys
