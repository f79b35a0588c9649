"""The index of a dataset, whole and damaged in every way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from likeness.config.schema import ConfigModel
from likeness.data.rows import read_rows


class Entry(ConfigModel):
    id: str
    share: float = Field(ge=0, le=1)
    split: Literal["train", "test"]


GOOD = {"id": "a", "share": 1, "split": "train"}


def test_sound_entries_are_rows_and_the_others_findings(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(json.dumps([{**GOOD, "more": 1}, 1, {**GOOD, "id": 5, "share": 2}, GOOD]))
    rows, findings = read_rows(path, Entry)
    assert rows == [Entry(id="a", share=1.0, split="train")] * 2
    assert [(f.severity, f.code, f.path) for f in findings] == [
        ("error", "entry-wrong", "index.json")
    ] * 2
    assert (
        findings[0].message == "Entry 2: expected an object with id, share, split, found a number."
    )
    assert findings[1].message == (
        "Entry 3: id: expected text (put it in quotes), found 5; "
        "share: expected a number of at most 1.0, found 2."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "id: expected text"),
        ({"share": "0.5"}, "share: expected a number, found '0.5'"),
        ({"share": float("nan")}, "share: expected a"),
        ({"share": True}, "share: expected a number"),
        ({"split": 3}, "split: expected one of 'train' or 'test', found 3"),
        ({"split": "trian"}, "Did you mean 'train'?"),
    ],
)
def test_nothing_is_converted(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(json.dumps([{**GOOD, **change}]))
    rows, (finding,) = read_rows(path, Entry)
    assert rows == []
    assert message in finding.message


def test_a_field_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text('[{"id": "a", "share": 1}]')
    assert read_rows(path, Entry)[1][0].message == "Entry 1: split: a value is needed here."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "found no text: byte 0 is not UTF-8"),
        (b"[1,\n2", "found no JSON: line 2"),
        (b"[" * 100_000, "found no JSON"),
        (b'{"a": 1}', "found an object"),
        (b"7", "found a number"),
        (b"", "found no JSON: line 1"),
    ],
)
def test_a_file_that_holds_no_list(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(content)
    rows, (finding,) = read_rows(path, Entry)
    assert (rows, finding.code) == ([], "index-broken")
    assert message in finding.message


def test_no_file(tmp_path: Path) -> None:
    rows, (finding,) = read_rows(tmp_path / "index.json", Entry)
    assert (rows, finding.code) == ([], "index-missing")
    assert finding.message == "The file cannot be read: No such file or directory."
