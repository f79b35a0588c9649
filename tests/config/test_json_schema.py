"""The schema for editors against the resolver, by the validator of another project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from likeness.assembly import configure
from likeness.checks import known_names
from likeness.config.document import to_yaml
from likeness.config.faults import ConfigError, Known
from likeness.config.json_schema import json_schema
from likeness.config.resolve import draft
from likeness.systems import get_system
from tests.config.example import PROFILES, Example

NAMES = {
    "phases.*.weights": Known("term", frozenset({"landmark", "photo"})),
    "phases.*.groups": Known("group", frozenset({"head"})),
}
SCHEMA = json_schema(Example, system="example", profiles=PROFILES, names=NAMES)

SOUND: list[Any] = [
    {},
    {"phases": {"points": {"steps": 3}}, "train": {"steps": 2}},
    {"phases": {0: {"weights": {"photo": 1}}}},
    {"phases": {"points": {"weights": {"photo": {"start": 0, "end": 1}}}}},
    {"phases": {"points": {"groups": None}}},
    {"phases": [{"name": "a", "steps": 3, "groups": {"head": 1.0}}]},
    {"phases": [{"name": "a", "epochs": 1.5, "steps": None}]},
    {"phases": {"points": {"steps": None, "epochs": 2}}},
    {"system": "example", "profile": "smoke"},
    {"profile": "default", "data": {"folder": None}},
]
FAULTY: list[Any] = [
    {"trian": {}},
    {"train": {"steps": 0}},
    {"train": {"optimizer": "adam"}},
    {"phases": {"points": {"stepz": 3}}},
    {"phases": {"points": {"steps": 0}}},
    {"phases": {"points": {"weights": {"landmrk": 1}}}},
    {"phases": {"points": {"groups": {"haed": 1}}}},
    {"phases": [{"name": "a", "steps": 3, "weights": {"landmrk": 1}}]},
    {"phases": [{"steps": 3}]},
    {"phases": [{"name": "a", "weights": {"photo": 1}}]},
    {"phases": [{"name": "a", "steps": None, "epochs": None}]},
    {"phases": [{"name": "a", "steps": 3, "epochs": 1}]},
    {"phases": {"points": {"steps": 3, "epochs": 1}}},
    {"phases": {"points": {"steps": None, "epochs": None}}},
    {"profile": "smok"},
    {"system": "other"},
]


def _resolves(values: Any, folder: Path) -> bool:
    path = folder / "file.yaml"
    path.write_text(yaml.safe_dump(values).replace("0:", "'0':"))
    layers = draft(
        Example, system="example", profiles=PROFILES, files=[path], environ={}, names=NAMES
    )
    return not layers.faults


@pytest.mark.parametrize("values", [*SOUND, *FAULTY], ids=str)
def test_schema_and_resolver_agree(tmp_path: Path, values: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    is_sound = validator.is_valid({k: _by_text(v) for k, v in values.items()})
    assert is_sound == _resolves(values, tmp_path) == (values in SOUND)


def _by_text(value: Any) -> Any:
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else value


def test_the_help_is_in_the_schema() -> None:
    assert SCHEMA["$defs"]["Train"]["properties"]["steps"]["description"] == "Optimiser steps."
    changed = SCHEMA["$defs"]["TrainChanged"]["properties"]["steps"]
    assert changed["description"] == "Optimiser steps."


@pytest.mark.parametrize(
    "values",
    [
        {"stages": {"lmk": {"stepz": 4}}},
        {"profile": "smok"},
        {"stages": {"lmk": {"weights": {"landmrk": 1}}}},
        {"stages": [{"name": "lmk", "steps": 1, "weights": {"landmrk": 1}}]},
        {"stages": {"lmk": {"groups": {"encodr": 1}}}},
        {"stages": [{"name": "lmk", "weights": {"landmark": 1}}]},
        {"stages": [{"name": "lmk", "weights": {"landmark": 1}, "steps": 1, "epochs": 1}]},
    ],
    ids=str,
)
def test_what_the_face_encoder_refuses_an_editor_marks(tmp_path: Path, values: Any) -> None:
    spec = get_system("face-encoder")
    schema = json_schema(
        spec.load("config"),
        system=spec.name,
        profiles=spec.load("profiles"),
        names=known_names(spec),
    )
    validator = jsonschema.Draft202012Validator(schema)
    assert not validator.is_valid(values)
    (tmp_path / "file.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError):
        configure(spec.name, config_files=[tmp_path / "file.yaml"], environ={})
    for profile in spec.load("profiles"):
        saved = to_yaml(configure(spec.name, profile=profile, environ={}))
        validator.validate(yaml.safe_load(saved))
    validator.validate({"stages": {"lmk": {"weights": {"landmark": 2}, "steps": 4}}})
