from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from likeness.data.inspection import Finding
from likeness.data.provenance import look_at_provenance


def found(root: Path) -> tuple[Any, list[Finding]]:
    return look_at_provenance(root, material="photographs", people="subjects")


def written(root: Path, text: str) -> Path:
    (root / "provenance.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    return root


def test_a_dataset_without_one_is_told_what_it_lacks(tmp_path: Path) -> None:
    facts, (finding,) = found(tmp_path)
    assert facts == {}
    assert (finding.severity, finding.code) == ("advice", "no-provenance")
    assert "photographs come from and that their subjects agreed" in finding.message


def test_origin_and_consent_are_enough(tmp_path: Path) -> None:
    said = {"source": "a studio", "consent": "all signed", "studio_version": 3}
    assert found(written(tmp_path, json.dumps(said))) == (said, [])


@pytest.mark.parametrize("value", ["", "  ", None, False])
def test_one_that_says_nothing_of_consent_is_advised_against(tmp_path: Path, value: Any) -> None:
    """As ``data prepare`` writes it without the option."""
    said = {"source": "a studio", "consent": value}
    facts, (finding,) = found(written(tmp_path, json.dumps(said)))
    assert facts == said
    assert (finding.severity, finding.code) == ("advice", "no-consent")
    assert finding.message.endswith("found no consent.")


def test_all_that_is_missing_is_named(tmp_path: Path) -> None:
    _, (finding,) = found(written(tmp_path, "{}"))
    assert finding.message.endswith("found no source and no consent.")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\udcff"])
def test_one_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    facts, (finding,) = found(written(tmp_path, text))
    assert facts == {}
    assert (finding.severity, finding.code) == ("error", "provenance-unreadable")
    assert finding.path == "provenance.json"
