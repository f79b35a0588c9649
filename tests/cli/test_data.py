from __future__ import annotations

import json
from pathlib import Path

import pytest

from likeness.cli.data import parse_options
from likeness.errors import UsageError
from tests.cli.conftest import Command


def test_made_data_is_inspected_at_once(likeness: Command) -> None:
    result = likeness("data", "make", "toy", "d", "--people", 3, "--seed", 7, "each=4", "--json")
    assert result.code == 0
    assert result.document == {"counts": {"samples": 12}, "findings": []}
    assert json.loads(Path("d/toy.json").read_text()) == {"samples": 12, "seed": 7}


def test_data_is_never_overwritten(likeness: Command) -> None:
    Path("d").mkdir()
    assert likeness("data", "make", "toy", "d").code == 0
    before = Path("d/toy.json").read_text()
    result = likeness("data", "make", "toy", "d", "--seed", 5)
    assert result.code == 2
    assert "never overwritten" in result.err
    assert Path("d/toy.json").read_text() == before


def test_inspect_gives_findings_and_code_four_for_errors(likeness: Command) -> None:
    Path("d").mkdir()
    Path("d/toy.json").write_text("{broken")
    result = likeness("data", "inspect", "toy", "d", "--json")
    assert result.code == 4
    (finding,) = result.document["findings"]
    assert set(finding) == {"severity", "code", "path", "message", "advice"}
    assert (finding["severity"], finding["code"]) == ("error", "broken")
    text = likeness("data", "inspect", "toy", "d").out
    assert "error [broken] toy.json: Expected a number of samples, found something else." in text
    assert "    Make it again." in text


def test_inspect_of_good_data(likeness: Command, data: Path) -> None:
    result = likeness("data", "inspect", "toy", "data")
    assert result.code == 0
    assert "No findings: the data is ready." in result.out


def test_prepare_makes_a_dataset_of_raw_material(likeness: Command) -> None:
    Path("raw.txt").write_text("one\ntwo\nthree\n")
    result = likeness("data", "prepare", "toy", "raw.txt", "d", "--json")
    assert result.code == 0
    assert result.document["counts"] == {"samples": 3}


def test_options_are_words_with_yaml_values() -> None:
    words = ["each=4", "dry-run=true", "sizes=[1, 2]", "name=", "rate=1e-3", "text=on"]
    assert parse_options(words) == {
        "each": 4,
        "dry_run": True,
        "sizes": [1, 2],
        "name": "",
        "rate": 1e-3,
        "text": "on",
    }
    for words, message in (
        (["each"], "Expected OPTION=VALUE, found 'each'"),
        (["=4"], "Expected OPTION=VALUE"),
        (["a=1", "a=2"], "given twice"),
        (["a=[1"], "option a:1 is not valid YAML"),
    ):
        with pytest.raises(UsageError, match=message):
            parse_options(words)
