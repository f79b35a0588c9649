from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from likeness.config.document import explain, markdown_page, to_yaml
from likeness.config.json_schema import json_schema
from likeness.config.resolve import resolve
from likeness.systems import all_systems, get_system
from tests.cli.conftest import ROOT, Command


def test_explain_gives_every_value_with_source_and_help(likeness: Command) -> None:
    Path("more.yaml").write_text("model:\n  dropout: 0.5\n")
    result = likeness(
        *("config", "explain", "toy", "--profile", "smoke", "--config", "more.yaml"),
        *("train.batch_size=2", "--json"),
    )
    rows = {row["key"]: row for row in result.document}
    assert rows["train.batch_size"] == {
        "key": "train.batch_size",
        "value": 2,
        "source": "command line",
        "help": "Samples per micro-batch and process; a stage can set its own.",
    }
    assert rows["model.dropout"]["source"] == "file more.yaml:2"
    assert rows["train.steps"]["source"] == "profile smoke"
    assert rows["data.root"] == {
        "key": "data.root",
        "value": None,
        "source": "default",
        "help": "Folder of the dataset.",
    }
    text = likeness("config", "explain", "toy", "train.batch_size=2").out
    (line,) = [line for line in text.splitlines() if line.startswith("train.batch_size")]
    assert "command line" in line


def test_an_alias_is_named_as_the_source(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_DATA", "somewhere")
    rows = {row["key"]: row for row in likeness("config", "explain", "toy", "--json").document}
    assert rows["data.root"]["value"] == "somewhere"
    assert rows["data.root"]["source"] == "environment TOY_DATA"


def test_show_gives_a_file_that_can_be_used(likeness: Command) -> None:
    shown = likeness("config", "show", "toy", "--profile", "smoke", "model.dropout=0.5").out
    Path("saved.yaml").write_text(shown)
    assert yaml.safe_load(shown)["model"]["dropout"] == 0.5
    again = likeness("config", "show", "toy", "--config", "saved.yaml").out
    assert again == shown
    document = likeness("config", "show", "toy", "--json").document
    assert set(document) == {"system", "profile", "config"}


def test_diff_of_profiles_files_and_runs(likeness: Command, trained: Path) -> None:
    Path("a.yaml").write_text("system: toy\nprofile: smoke\ndata: {root: data}\nmodel: {seed: 3}\n")
    rows = likeness("config", "diff", trained, "a.yaml", "--json").document
    assert rows == [
        {
            "key": "model.seed",
            "left": 0,
            "right": 3,
            "left_source": "default",
            "right_source": "file a.yaml:4",
        }
    ]
    text = likeness("config", "diff", "toy:smoke", "toy").out
    assert "train.steps" in text
    assert likeness("config", "diff", "toy:smoke", "toy:smoke").out == "The two are equal.\n"
    Path("b.yaml").write_text("model: {seed: 3}\n")
    result = likeness("config", "diff", "toy", "b.yaml")
    assert result.code == 2
    assert "does not say which system" in result.err


def test_a_profile_that_is_not_there_is_told_with_the_argument_that_names_it(
    likeness: Command,
) -> None:
    result = likeness("config", "diff", "toy:smoke", "toy:nope")
    assert result.code == 2
    assert "profile (command line toy:nope): toy has no profile 'nope'." in result.err
    assert "--profile" not in result.err
    assert "(command line --profile)" in likeness("config", "show", "toy", "--profile", "nope").err


def test_a_run_takes_overrides_but_no_profile(likeness: Command, trained: Path) -> None:
    rows = likeness("config", "explain", trained, "train.log_every=7", "--json").document
    assert {row["key"]: row["value"] for row in rows}["train.log_every"] == 7
    result = likeness("config", "explain", trained, "--profile", "smoke")
    assert result.code == 2
    assert "do not apply" in result.err


def test_schema_and_reference(likeness: Command) -> None:
    schema = likeness("config", "schema", "toy").document
    assert schema["title"] == "likeness toy"
    page = likeness("config", "reference", "toy").out
    assert page.startswith("# Settings of toy\n")
    assert "| `model.dropout` | number | `0.2` |" in page


SYSTEMS = [*all_systems()]
PROFILES = [(name, profile) for name in SYSTEMS for profile in get_system(name).load("profiles")]


@pytest.mark.parametrize(("name", "profile"), PROFILES)
def test_every_profile_survives_every_way_of_writing_it(
    name: str, profile: str, tmp_path: Path
) -> None:
    """As a saved file, as key=value words, as environment variables; and the schema accepts it."""
    spec = get_system(name)
    config_class, profiles = spec.load("config"), spec.load("profiles")

    def resolved(**options: Any) -> Any:
        return resolve(
            config_class, system=name, profiles=profiles, **{"environ": {}, **options}
        ).config

    plain = resolve(config_class, system=name, profiles=profiles, profile=profile, environ={})
    text = to_yaml(plain)
    (tmp_path / "saved.yaml").write_text(text, encoding="utf-8")
    assert resolved(files=[tmp_path / "saved.yaml"]) == plain.config
    jsonschema.validate(
        yaml.safe_load(text), json_schema(config_class, system=name, profiles=profiles)
    )
    words = {row["key"]: _word(row["value"]) for row in explain(plain)}
    assert resolved(
        profile=profile, overrides=[f"{key}={word}" for key, word in words.items()]
    ) == (plain.config)
    variables = {
        "LIKENESS_" + key.upper().replace(".", "__"): word for key, word in words.items() if word
    }
    assert resolved(profile=profile, environ=variables) == plain.config


def _word(value: Any) -> str:
    """A value as people would write it behind key=."""
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_committed_reference_page_is_current(name: str) -> None:
    """Write it with: likeness config reference <system> > docs/config/<system>.md"""
    spec = get_system(name)
    page = markdown_page(spec.load("config"), system=name, profiles=spec.load("profiles"))
    assert (ROOT / "docs" / "config" / f"{name}.md").read_text(encoding="utf-8") == page


def test_a_folder_named_like_a_system_is_not_taken_for_a_run(likeness: Command) -> None:
    Path("toy").mkdir()
    rows = likeness("config", "explain", "toy", "--profile", "smoke", "--json").document
    assert {row["key"] for row in rows} >= {"train.steps"}


def test_files_that_cannot_be_read_are_wrong_use(likeness: Command) -> None:
    """Not UTF-8, a folder, and a pipe, which nobody waits for; the same for every verb."""
    Path("bytes.yaml").write_bytes(b"\xff\xfe\x00bad")
    Path("folder.yaml").mkdir()
    os.mkfifo("pipe.yaml")
    for name, reason in (
        ("bytes.yaml", "it is not UTF-8 text"),
        ("folder.yaml", "it is a folder"),
        ("pipe.yaml", "it is a pipe or a device"),
    ):
        for words in (("diff", "toy:smoke", name), ("show", "toy", "--config", name)):
            result = likeness("config", *words)
            assert result.code == 2, (words, result.err)
            assert reason in result.err


LAUGHS = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
WRONG = {
    "a: &x [*x]": "refers to itself",
    "train: &x {steps: *x}": "refers to itself",
    "a0: &a0 [1]\n" + LAUGHS: "expands to more than 50000 values",
    "[" * 100: "deeper than 32",
    "a: !!python/object/apply:os.system [ls]": "only plain values are read",
    "train: {steps: 1, steps: 2}": "sets 'train.steps' a second time",
    "train:\n\tsteps: 1": "is not valid YAML",
    "[a, b]: 1": "has a key that is not a word: a list",
    "- train\n- steps": "expected 'name: value' lines|expected settings as 'name: value' lines",
}


@pytest.mark.parametrize(("text", "reason"), WRONG.items(), ids=range(len(WRONG)))
def test_wrong_yaml_is_wrong_use(likeness: Command, text: str, reason: str) -> None:
    Path("wrong.yaml").write_text(text)
    for words in (("diff", "toy:smoke", "wrong.yaml"), ("show", "toy", "--config", "wrong.yaml")):
        result = likeness("config", *words)
        assert result.code == 2, (words, result.err)
        assert re.search(reason, result.err), (words, result.err)


def test_of_a_huge_file_only_the_beginning_is_read(likeness: Command) -> None:
    """A terabyte that takes no room on the disk; reading it whole would need as much memory."""
    with open("huge.yaml", "wb") as stream:
        stream.truncate(2**40)
    result = likeness("config", "show", "toy", "--config", "huge.yaml")
    assert result.code == 2
    assert "more than 256 KiB" in result.err


def test_a_number_is_no_misspelt_setting(likeness: Command) -> None:
    Path("number.yaml").write_text("1: 2\n")
    result = likeness("config", "show", "toy", "--config", "number.yaml")
    assert result.code == 2
    assert "1 (file number.yaml:1): there is no such setting. There are: data," in result.err


def test_a_file_in_another_folder_is_a_file(likeness: Command) -> None:
    Path("conf").mkdir()
    Path("conf/a.yaml").write_text("system: toy\nprofile: smoke\n")
    assert likeness("config", "diff", "toy:smoke", "conf/a.yaml").out == "The two are equal.\n"
    result = likeness("config", "diff", "toy:smoke", "conf/b.yaml")
    assert result.code == 2
    assert "There is no file conf/b.yaml." in result.err
    result = likeness("config", "show", "conf/a.yaml")
    assert result.code == 2
    assert "--config conf/a.yaml" in result.err


def test_a_configuration_of_terms_that_are_not_there_is_refused_everywhere(
    likeness: Command, trained: Path
) -> None:
    """As ``train`` refuses it: for a system, for a run, and for a file."""
    Path("terms.yaml").write_text(
        "system: toy\nprofile: smoke\nstages: {0: {weights: {sprad: 1}}}\n"
    )
    word = "stages.0.weights.sprad=1"
    for words in (
        ("explain", "toy", word),
        ("show", "toy", "--profile", "smoke", word),
        ("show", trained, word),
        ("explain", "toy", "--config", "terms.yaml"),
        ("diff", "toy:smoke", "terms.yaml"),
    ):
        result = likeness("config", *words)
        assert result.code == 2, (words, result.out)
        assert re.search(
            r"stages\.both\.weights\.sprad \((command line|file terms.yaml:3)\)", result.err
        )
        assert "there is no such loss term. Did you mean 'spread'?" in result.err
    shown = likeness("config", "show", "toy", "stages.0.weights.spread=1", "--json").document
    assert shown["config"]["stages"][0]["weights"]["spread"] == 1


def test_terms_and_groups_of_the_face_encoder_are_checked_without_torch() -> None:
    script = """
import sys
from likeness.assembly import configure
from likeness.config.faults import ConfigError
for word in sys.argv[1:]:
    try:
        configure("face-encoder", overrides=[word], environ={})
    except ConfigError as error:
        print(*error.faults)
print("torch" in sys.modules)
"""
    words = ("stages.0.weights.landmrk=1", "stages.0.groups={encodr: 1}")
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "stages.lmk.weights.landmrk (command line): there is no such loss term. "
        "Did you mean 'landmark'?",
        "stages.lmk.groups.encodr (command line): there is no such group. Did you mean 'encoder'?",
        "False",
    ]
