from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from likeness.config.document import (
    diff,
    explain,
    fingerprint,
    help_rows,
    load_saved,
    markdown_page,
    provenance_to_dict,
    to_yaml,
)
from likeness.config.faults import ConfigError
from likeness.config.resolve import Resolved, resolve
from tests.config.example import PROFILES, Example


def _resolve(*overrides: str, profile: str | None = None, **options: Any) -> Resolved:
    return resolve(
        Example,
        system="example",
        profiles=PROFILES,
        profile=profile,
        overrides=overrides,
        environ={},
        **options,
    )


def test_the_saved_form_loads_back_with_its_origins(tmp_path: Path) -> None:
    saved = _resolve(
        "train.learning_rate=1e-5", "data.label=no", "data.folder=/x/y", profile="fast"
    )
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(saved))
    provenance = json.loads(json.dumps(provenance_to_dict(saved)))
    assert load_saved(Example, path, system="example", provenance=provenance) == saved


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_every_profile_survives_saving(tmp_path: Path, profile: str | None) -> None:
    saved = _resolve(profile=profile)
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(saved))
    loaded = load_saved(Example, path, system="example")
    assert (loaded.config, loaded.profile) == (saved.config, saved.profile)


def test_another_yaml_reader_sees_the_header_and_plain_data() -> None:
    data = yaml.safe_load(to_yaml(_resolve(profile="smoke")))
    assert (data["format"], data["system"], data["profile"]) == (1, "example", "smoke")
    assert data["phases"][0]["weights"] == {"landmark": 1.0}
    assert data["data"]["sizes"] == [1, 2]


def test_a_saved_file_is_complete_and_takes_overrides_on_top(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(_resolve("phases=[{name: a, steps: 1, weights: {x: 1}}]")))
    found = _resolve("seed=9", files=[path])
    assert [phase.name for phase in found.config.phases] == ["a"]
    assert found.config.phases[0].weights == {"x": 1.0}
    assert found.config.seed == 9


def test_a_saved_file_does_not_take_values_from_its_profile(tmp_path: Path) -> None:
    """The profile may have changed since; what was saved is what counts."""
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(_resolve(profile="smoke")))
    found = resolve(
        Example,
        system="example",
        profiles={"smoke": lambda: Example().replace(phases=(), seed=5)},
        files=[path],
        environ={},
    )
    assert found.config == PROFILES["smoke"]()


def test_a_saved_file_of_another_system_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(_resolve()))
    with pytest.raises(ConfigError, match="the file is for 'example', expected 'other'"):
        load_saved(Example, path, system="other")


def test_the_fingerprint_follows_the_values_only() -> None:
    plain = fingerprint(Example())
    assert plain == fingerprint(_resolve("seed=0").config)
    assert plain != fingerprint(_resolve("seed=1").config)
    assert plain == fingerprint(Example(data={"root": "data"}))  # type: ignore[arg-type]
    assert len(plain) == 64


def test_explain_gives_key_value_source_and_help() -> None:
    rows = {row["key"]: row for row in explain(_resolve("train.steps=5", profile="fast"))}
    assert rows["train.steps"] == {
        "key": "train.steps",
        "value": 5,
        "source": "command line",
        "help": "Optimiser steps.",
    }
    assert rows["train.learning_rate"]["source"] == "profile fast"
    assert rows["data.sizes"]["value"] == [1, 2]
    assert rows["phases.photo-fit.weights.photo"]["help"] == "Term to weight."
    json.dumps(list(rows.values()))


def test_diff_gives_both_values_and_sources() -> None:
    rows = diff(_resolve(profile="smoke"), _resolve("phases.0.weights.extra=2"))
    assert rows == [
        {
            "key": "train.steps",
            "left": 3,
            "right": 100,
            "left_source": "profile smoke",
            "right_source": "default",
        },
        {
            "key": "phases.points.weights.extra",
            "left": None,
            "right": 2.0,
            "left_source": None,
            "right_source": "command line",
        },
    ]
    assert diff(_resolve(), _resolve()) == []


def test_diff_of_nothing_and_a_section_has_rows_of_what_it_holds_alone() -> None:
    """A row of two nulls stood before them."""
    rows = diff(_resolve("phases.points.groups={head: 0.5}"), _resolve())
    assert [(row["key"], row["left"], row["right"]) for row in rows] == [
        ("phases.points.groups.head", 0.5, None)
    ]


def test_diff_tells_of_the_same_items_in_another_order(tmp_path: Path) -> None:
    phases = _resolve().config.model_dump(mode="json")["phases"]
    path = tmp_path / "turned.yaml"
    path.write_text(yaml.safe_dump({"phases": phases[::-1]}))
    turned = resolve(Example, system="example", profiles=PROFILES, files=[path], environ={})
    (row,) = diff(_resolve(), turned)
    assert (row["key"], row["left_source"]) == ("phases", "default")
    assert str(path) in row["right_source"]
    assert (row["left"], row["right"]) == (["points", "photo-fit"], ["photo-fit", "points"])


def test_origins_saved_by_position_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(_resolve()))
    provenance = {"phases.1.weights.photo": {"layer": "command line", "detail": ""}}
    loaded = load_saved(Example, path, system="example", provenance=provenance)
    assert str(loaded.provenance["phases.photo-fit.weights.photo"]) == "command line"
    assert "phases.1.weights.photo" not in loaded.provenance


def test_help_rows_say_types_in_words() -> None:
    rows = {row["key"]: row for row in help_rows(Example)}
    assert rows["train.steps"]["type"] == "whole number ≥ 1"
    assert rows["train.learning_rate"] == {
        "key": "train.learning_rate",
        "type": "number > 0",
        "default": "0.001",
        "help": "",
    }
    assert rows["train.optimizer"]["type"] == "adamw | sgd"
    assert rows["train.clip_norm"] == {
        "key": "train.clip_norm",
        "type": "number | null",
        "default": "null",
        "help": "",
    }
    assert rows["data.sizes"]["type"] == "list of whole number"
    assert rows["data.folder"]["type"] == "path | null"
    assert rows["phases"]["type"] == "list of Phase"


def test_the_page_has_every_setting_the_parts_of_lists_and_the_profiles() -> None:
    page = markdown_page(Example, system="example", profiles=PROFILES)
    assert page.startswith("# Settings of example\n")
    for row in help_rows(Example):
        assert f"| `{row['key']}` |" in page
    assert "## Phase\n\nOne phase of training." in page
    assert "| `weights` | number \\| Ramp by name | `{}` | Term to weight. |" in page
    assert "## Ramp" in page
    assert "### smoke\n\nSeconds on a CPU.\n" in page
    assert "| `train.steps` | `3` |" in page
    assert markdown_page(Example, system="example", profiles=PROFILES) == page
