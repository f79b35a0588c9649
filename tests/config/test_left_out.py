"""Slips do not hide each other: what is wrong beside a setting at fault is told with it."""

from __future__ import annotations

import pytest

from likeness.config.faults import ConfigError
from likeness.config.resolve import draft, resolve
from tests.config.example import PROFILES, Example

NAMED = {"LIKENESS_DATA__LABEL": "one"}


def faults_of(*words: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        resolve(Example, system="example", profiles=PROFILES, overrides=words, environ=NAMED)
    return [str(fault) for fault in caught.value.faults]


def test_a_rule_between_settings_is_told_beside_a_wrong_type() -> None:
    """The library looks at rules only once the types are right: they came in a second round."""
    found = faults_of("data.sizes=[1, x]", "phases.points.epochs=2")
    assert found == [
        "data.sizes.1 (command line): expected a whole number, found 'x'",
        "phases.points (command line): expected exactly one of 'steps' and 'epochs'\n"
        "      phases.points.steps = 10 (default)\n"
        "      phases.points.epochs = 2 (command line)",
    ]


def test_what_only_leaving_out_would_make_wrong_is_not_told() -> None:
    """Without its faulty length the phase would have none: that is nobody's mistake."""
    found = faults_of("phases.points.steps=0")
    assert [line.partition(" ")[0] for line in found] == ["phases.points.steps"]


def test_a_draft_is_what_the_sound_words_say() -> None:
    made = draft(
        Example,
        system="example",
        profiles=PROFILES,
        overrides=["train.steps=7", "train.learning_rate=-1", "data.sizes=[1, x]"],
        environ=NAMED,
    )
    assert {fault.key for fault in made.faults} == {"train.learning_rate", "data.sizes.1"}
    assert made.resolved is not None
    config = made.resolved.config
    assert (config.train.steps, config.train.learning_rate, config.data.sizes) == (7, 1e-3, (1, 2))
