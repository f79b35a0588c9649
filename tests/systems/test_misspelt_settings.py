"""Settings of every system, misspelt as people misspell them, are answered with the right one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from likeness.assembly import configure
from likeness.config.faults import ConfigError
from likeness.config.keys import known_keys
from likeness.config.nearest import nearest_key
from likeness.systems import all_systems

SYSTEMS = sorted(all_systems())


def keys_of(system: str) -> list[str]:
    """Every key of the first profile that can be set."""
    profiles = all_systems()[system].load("profiles")
    resolved = configure(system, profile=next(iter(profiles)), environ={})
    return known_keys(type(resolved.config), resolved.config.model_dump(mode="json"))


def meant(system: str, word: str) -> str:
    """What the message about an unknown setting suggests; empty for nothing."""
    profiles = all_systems()[system].load("profiles")
    with pytest.raises(ConfigError) as caught:
        configure(system, profile=next(iter(profiles)), overrides=[f"{word}=1"], environ={})
    (message,) = [fault.message for fault in caught.value.faults if fault.key == word]
    return message.partition("Did you mean '")[2].partition("'")[0]


def dot_for_underscore(key: str) -> str:
    section, _, name = key.rpartition(".")
    return f"{section}.{name.replace('_', '.', 1)}"


def dash_for_underscore(key: str) -> str:
    section, _, name = key.rpartition(".")
    return f"{section}.{name.replace('_', '-')}"


def other_number(key: str) -> str:
    return key[:-1] if key.endswith("s") else f"{key}s"


def letters_swapped(key: str) -> str:
    section, _, name = key.rpartition(".")
    middle = len(name) // 2
    swapped = name[: middle - 1] + name[middle] + name[middle - 1] + name[middle + 1 :]
    return f"{section}.{swapped}"


def section_misspelt(key: str) -> str:
    section, _, rest = key.partition(".")
    return f"{section[:-2]}{section[-1]}{section[-2]}.{rest}"


def other_spelling(key: str) -> str:
    for here, there in (("our", "or"), ("ise", "ize"), ("ize", "ise"), ("centre", "center")):
        if here in key:
            return key.replace(here, there)
    return key


MISSPELLINGS = [
    dot_for_underscore,
    dash_for_underscore,
    other_number,
    letters_swapped,
    section_misspelt,
    other_spelling,
]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("misspelt", MISSPELLINGS, ids=lambda function: function.__name__)
def test_a_misspelt_setting_is_answered_with_the_right_one(
    system: str, misspelt: Callable[[str], str]
) -> None:
    known = keys_of(system)
    sections = {key.rpartition(".")[0] for key in known}
    words = {
        misspelt(key): key
        for key in known
        # Any name may stand in a mapping of weights, and a number is not misspelt.
        if "." in key and key not in sections and ".weights." not in key and not key[-1].isdigit()
    }
    words = {word: key for word, key in words.items() if word not in known}
    found = {word: nearest_key(tuple(word.split(".")), known) for word in words}
    assert found == words
    assert len(words) > 1


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_setting_without_its_section_is_answered_with_one_of_that_name(system: str) -> None:
    known = keys_of(system)
    for key in known:
        section, _, name = key.rpartition(".")
        if section and name not in known and not name.isdigit():
            found = nearest_key((name,), known)
            assert found is not None
            assert found.split(".")[-1] == name


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("train.ema.decay", "train.ema_decay"),
        ("train.ema", "train.ema_decay"),
        ("ema_decay", "train.ema_decay"),
        ("train.lr", "train.learning_rate"),
        ("optimizer.learning_rate", "train.learning_rate"),
        ("train.betas.5", ""),
        ("train.num_workers", "train.workers"),
        ("train.optimiser", "train.optimizer"),
        ("training.batch_size", "train.batch_size"),
        ("train.checkpoints", "train.keep_checkpoints"),
        ("tracking.wandb.project", "tracking.wandb_project"),
        ("data.path", ""),
        ("storage.cache", ""),
    ],
)
def test_what_people_write_for_settings_of_the_loop(system: str, word: str, key: str) -> None:
    assert meant(system, word) == key
