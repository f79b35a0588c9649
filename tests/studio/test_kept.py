"""Copies of what the studio computes: their keys, and writing them whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from likeness.studio import kept


def test_the_key_changes_with_the_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    original = kept.resources.files("likeness.studio")
    copy = tmp_path / "studio"
    (copy / "tables").mkdir(parents=True)
    for source in original.iterdir():
        if source.name.endswith(".py"):
            (copy / source.name).write_bytes(source.read_bytes())
    for table in original.joinpath("tables").iterdir():
        (copy / "tables" / table.name).write_bytes(table.read_bytes())
    plain = kept.source_hash.__wrapped__("anatomy")
    monkeypatch.setattr(kept.resources, "files", lambda package: copy)
    assert kept.source_hash.__wrapped__("anatomy") == plain
    with (copy / "tables" / "cage.txt").open("a") as file:
        file.write("# changed\n")
    changed_table = kept.source_hash.__wrapped__("anatomy")
    with (copy / "modes.py").open("a") as file:  # imported through several others
        file.write("# changed\n")
    changed_code = kept.source_hash.__wrapped__("anatomy")
    assert len({plain, changed_table, changed_code}) == 3
    assert kept.source_hash.__wrapped__("albedo_space") != changed_code


def test_a_copy_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "copy.safetensors"

    def fail(to: Path) -> None:
        to.write_bytes(b"half")
        raise OSError("disk full")

    kept.keep(path, fail)
    assert list(path.parent.iterdir()) == []

    def succeed(to: Path) -> None:
        to.write_bytes(b"whole")

    kept.keep(path, succeed)
    assert [(entry.name, entry.read_bytes()) for entry in path.parent.iterdir()] == [
        ("copy.safetensors", b"whole")
    ]
