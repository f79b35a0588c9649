"""JSON that people wrote or damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from likeness.errors import DataError, MissingError
from likeness.storage import json_files
from likeness.storage.json_files import load_json, load_object, read_json, read_object


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": 1,\n "b": 2,\n "c" 3}', "line 3, column 6: "),
        (b"[" * 100_000, "brackets nested too deeply"),
        (b'{"a": "\xff"}', "expected text in UTF-8, found other bytes at 7"),
        (b"", "line 1, column 1: "),
    ],
)
def test_what_is_no_json_says_where(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "list.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        load_json(path)
    for read, what in ((read_json, "JSON"), (read_object, "a JSON object")):
        with pytest.raises(DataError) as caught:
            read(path)
        assert f"Expected {what} in '{path}', found none: {told}" in caught.value.message


def test_files_that_are_too_big_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.json"
    path.write_text("[1, 2, 3]")
    monkeypatch.setattr(json_files, "MAX_BYTES", 9)
    assert read_json(path) == json.loads("[1, 2, 3]")
    monkeypatch.setattr(json_files, "MAX_BYTES", 8)
    with pytest.raises(DataError, match="expected at most 8 bytes, found 9"):
        read_json(path)


def test_another_value_than_an_object_and_no_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    with pytest.raises(MissingError, match="There is no file"):
        read_json(path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="expected a JSON object, found list"):
        load_object(path)
    with pytest.raises(DataError, match=r"Expected a JSON object in '.*list\.json', found list"):
        read_object(path)
