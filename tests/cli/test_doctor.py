from __future__ import annotations

import tomllib

import pytest

from likeness.cli import doctor
from tests.cli.conftest import ROOT, Command


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = set(project["optional-dependencies"]) - {"all"}
    assert {name for name, _, _ in doctor._EXTRAS} == declared


def test_doctor_tells_what_is_there_and_what_it_enables(likeness: Command) -> None:
    document = likeness("doctor", "--json").document
    assert set(document) == {"likeness", "machine", "torch", "extras", "systems"}
    assert document["torch"]["devices"][0]["name"] == "cpu"
    systems = {row["name"]: row for row in document["systems"]}
    assert systems["toy"] == {
        "name": "toy",
        "ready": True,
        "reason": "",
        "requirements": [
            {
                "name": "toy weights",
                "kind": "weights",
                "present": False,
                "enables": "better toys",
                "advice": "Put toy.bin beside the data.",
                "required": False,
            }
        ],
    }


def test_a_missing_extra_comes_with_the_command_that_installs_it(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likeness.extras.is_installed", lambda module: module != "s3fs")
    result = likeness("doctor", "--json")
    extras = {row["name"]: row for row in result.document["extras"]}
    assert extras["s3"]["present"] is False
    assert extras["s3"]["missing"] == ["s3fs"]
    assert extras["s3"]["advice"] == "pip install 'likeness[s3]'"
    text = likeness("doctor").out
    assert "pip install 'likeness[s3]'" in text
    assert "toy: ready to train" in text
    assert "Put toy.bin beside the data." in text
