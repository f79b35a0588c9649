from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from likeness.config.overrides import coerce, environment_assignments, parse_overrides
from tests.config.example import Ramp


@pytest.mark.parametrize(
    ("text", "annotation", "expected"),
    [
        ("1e-4", float, 1e-4),
        ("007", str, "007"),
        ("on", str, "on"),
        ("null", str, "null"),
        ("null", str | None, None),
        ("null", float | None, None),
        ("[a", str, "[a"),
        ("{x}", Path, "{x}"),
        ("a=b", str, "a=b"),
        ("", str, ""),
        ("1e-4", Literal["1e-4", "x"], "1e-4"),
        ("true", bool, True),
        ("on", bool, "on"),
        ("[1, 2]", tuple[int, ...], [1, 2]),
        ("[a, b]", list[str], ["a", "b"]),
        ("{a: 1e-3}", Mapping[str, float], {"a": 1e-3}),
        ("{start: 0, end: 1}", float | Ramp, {"start": 0, "end": 1}),
        ("0.5", float | Ramp, 0.5),
    ],
)
def test_text_is_read_as_the_annotation_asks(text: str, annotation: Any, expected: Any) -> None:
    found = coerce(text, [annotation])
    assert found == expected
    assert type(found) is type(expected)


def test_broken_brackets_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a value, found '\[1, 2'"):
        coerce("[1, 2", [tuple[int, ...]])


def test_a_colon_without_a_blank_is_told() -> None:
    """YAML reads such a word as a name without a value."""
    with pytest.raises(
        ValueError, match=r"found '\{fit:0\}'\. A colon wants a blank behind it: 'fit: 0'$"
    ):
        coerce("{fit:0}", [dict[str, float]])
    assert coerce("{fit: 0, 's3://a': 1}", [dict[str, float]]) == {"fit": 0, "s3://a": 1}


def test_words_are_split_at_the_first_equals_sign() -> None:
    assignments, faults = parse_overrides(["data.root=a=b.c", "train.steps=5"])
    assert [(a.key, a.value) for a in assignments] == [
        (("data", "root"), "a=b.c"),
        (("train", "steps"), "5"),
    ]
    assert faults == []


@pytest.mark.parametrize("word", ["train.steps", "=5", "a..b=1", ".a=1", "train.=2"])
def test_a_word_that_is_no_assignment_is_a_fault(word: str) -> None:
    assignments, faults = parse_overrides([word])
    assert assignments == []
    assert faults == [f"expected key=value, as in train.steps=100, found '{word}'"]


def test_environment_names() -> None:
    environ = {
        "LIKENESS_TRAIN__STEPS": "5",
        "LIKENESS_SEED": "7",
        "LIKENESS_TRAIN_STEPS": "5",
        "LIKENESS_TEST_DATA": "/somewhere",
        "LIKENESS_DATA__ROOT": "",
        "PATH": "/bin",
    }
    found = environment_assignments(environ, {})
    assert [(a.key, a.value, str(a.origin)) for a in found] == [
        (("seed",), "7", "environment LIKENESS_SEED"),
        (("train_steps",), "5", "environment LIKENESS_TRAIN_STEPS"),
        (("train", "steps"), "5", "environment LIKENESS_TRAIN__STEPS"),
    ]


def test_aliases_set_their_key() -> None:
    found = environment_assignments({"IMAGE_DIR": "x"}, {"IMAGE_DIR": "data.root"})
    assert [(a.key, a.value, a.origin.detail) for a in found] == [
        (("data", "root"), "x", "IMAGE_DIR")
    ]


def test_launcher_variables_are_no_settings_under_a_launcher(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aliases = {"RANK": "train.steps", "IMAGE_DIR": "data.root"}
    alone = environment_assignments({"RANK": "8"}, aliases)
    assert [a.key for a in alone] == [("train", "steps")]
    with caplog.at_level(logging.WARNING):
        launched = environment_assignments(
            {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "IMAGE_DIR": "x"}, aliases
        )
    assert [a.key for a in launched] == [("data", "root")]
    assert "LIKENESS_TRAIN__STEPS" in caplog.text
