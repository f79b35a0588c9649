from __future__ import annotations

import hashlib
import json
from pathlib import Path

from likeness.runs.predictions import Stems, manifest_path, write_manifest


def note(folder: Path, stem: str, content: str, **facts: str) -> None:
    """What a call that wrote one file of a stem leaves."""
    file = folder / f"{stem}.txt"
    file.write_text(content)
    entry = {"sha256": hashlib.sha256(content.encode()).hexdigest()}
    path = manifest_path(folder, stem)
    write_manifest(path, {"input_sha256": content, **facts}, {file.name: entry})


def test_inputs_of_one_name_keep_apart_in_a_call_and_between_calls(tmp_path: Path) -> None:
    first = Stems(tmp_path, "input_sha256")
    assert [first.stem("a", "one"), first.stem("a", "two")] == ["a", "a-2"]
    for stem, content in (("a", "one"), ("a-2", "two")):
        note(tmp_path, stem, content)
    later = Stems(tmp_path, "input_sha256")
    assert [later.stem("a", "two"), later.stem("a", "three")] == ["a-2", "a-3"]
    assert later.stem("a", "one") == "a"
    assert later.stem("a", "one") == "a-4"  # each input of a call has files of its own


def test_the_number_goes_where_the_stem_puts_the_name(tmp_path: Path) -> None:
    stems = Stems(tmp_path, "input_sha256", lambda name: f"{name}_joy")
    assert [stems.stem("a", "one"), stems.stem("a", "two")] == ["a_joy", "a-2_joy"]


def test_a_damaged_manifest_is_somebody_elses(tmp_path: Path) -> None:
    for text in ("no json", "[]", "{}"):
        manifest_path(tmp_path, "a").write_text(text)
        assert Stems(tmp_path, "input_sha256").stem("a", "one") == "a-2"


def test_files_of_earlier_calls_stay_named_while_they_are_what_they_were(tmp_path: Path) -> None:
    def named() -> set[str]:
        return set(json.loads(path.read_text())["files"])

    path = manifest_path(tmp_path, "a")
    (tmp_path / "b.txt").write_text("b")
    entry = {"sha256": hashlib.sha256(b"b").hexdigest()}
    write_manifest(path, {"input_sha256": "one"}, {"b.txt": entry})
    note(tmp_path, "a", "one")
    assert named() == {"a.txt", "b.txt"}
    (tmp_path / "b.txt").write_text("changed")
    note(tmp_path, "a", "one")
    assert named() == {"a.txt"}
    write_manifest(path, {"input_sha256": "one", "seed": 2}, {"b.txt": entry})
    assert named() == {"b.txt"}
