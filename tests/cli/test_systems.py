from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from likeness.systems import all_systems, get_system
from tests.cli.conftest import GOOD, HALF, Command

BROKEN = [
    # entry point, its module's text, the exit code of who asks for it, what is said
    ("gone = smile_gone:SPEC", None, 3, "No module named 'smile_gone'"),
    ("raises = smile_raises:SPEC", "raise ZeroDivisionError('by zero')", 3, "by zero"),
    ("ends = smile_ends:SPEC", "raise SystemExit(7)", 3, "SystemExit: 7"),
    ("text = smile_text:SPEC", "SPEC = 'smile'", 2, "Expected a SystemSpec at"),
    ("empty = smile_empty:SPEC", "", 2, "has no attribute 'SPEC'"),
]


def test_systems_lists_what_can_be_trained(likeness: Command) -> None:
    rows = {row["name"]: row for row in likeness("systems", "--json").document}
    assert rows["toy"] == {
        "name": "toy",
        "summary": "Six numbers to three.",
        "profiles": ["smoke", "epochs"],
        "targets": ["arrays"],
        "ready": True,
        "missing": [],
    }
    assert "smoke" in rows["face-encoder"]["profiles"]
    text = likeness("systems").out
    assert "toy  (ready)\n  Six numbers to three.\n  profiles: smoke, epochs\n" in text


@pytest.mark.parametrize(("entry", "text", "code", "message"), BROKEN)
def test_a_broken_plug_in_is_named_and_stops_no_other_system(
    likeness: Command,
    plug_in: Any,
    data: Path,
    entry: str,
    text: str | None,
    code: int,
    message: str,
) -> None:
    plug_in("smiles", entry, text)
    name = entry.partition(" ")[0]
    assert likeness("--help").code == 0
    result = likeness("systems", "--json")
    assert result.code == 0, result.err
    rows = {row["name"]: row for row in result.document}
    assert rows["face-encoder"]["profiles"]
    assert rows[name]["ready"] is False
    (reason,) = rows[name]["missing"]
    assert message in reason
    assert f"'{entry}' of the package smiles" in reason
    assert f"{name}  (cannot be used)" in likeness("systems").out

    for arguments in (("config", "show", name), ("train", name), (name, "wave", "you")):
        refused = likeness(*arguments)
        assert refused.code == code, refused.err
        assert message in refused.err
        assert "Traceback" not in refused.err
    trained = likeness("train", "toy", "--profile", "smoke", "data.root=data", "train.steps=1")
    assert trained.code == 0, trained.err


def test_the_doctor_tells_of_a_broken_plug_in(likeness: Command, plug_in: Any) -> None:
    plug_in("smiles", "smile = smile_text_again:SPEC", "SPEC = 3")
    document = likeness("doctor", "--json").document
    (row,) = [row for row in document["systems"] if row["name"] == "smile"]
    assert row["ready"] is False
    assert "found int" in row["reason"]
    assert "smile: cannot be used. Expected a SystemSpec at" in likeness("doctor").out


def test_of_two_plug_ins_of_one_name_neither_is_taken(likeness: Command, plug_in: Any) -> None:
    plug_in("smiles", "grin = smile_first:SPEC", GOOD.format(name="grin"))
    assert get_system("grin").name == "grin"
    plug_in("laughs", "grin = smile_second:SPEC", GOOD.format(name="grin"))
    assert "grin" not in all_systems()
    rows = [row for row in likeness("systems", "--json").document if row["name"] == "grin"]
    assert [row["ready"] for row in rows] == [False, False]
    refused = likeness("config", "show", "grin")
    assert refused.code == 2
    assert "of the package smiles" in refused.err
    assert "of the package laughs" in refused.err
    assert likeness("config", "show", "toy").code == 0


def test_a_plug_in_does_not_take_the_place_of_a_built_in_system(
    likeness: Command, plug_in: Any
) -> None:
    before = get_system("face-encoder")
    plug_in("faces", "face-encoder = smile_faces:SPEC", GOOD.format(name="face-encoder"))
    assert get_system("face-encoder") is before
    first, second = [
        row for row in likeness("systems", "--json").document if row["name"] == "face-encoder"
    ]
    assert first["profiles"]
    assert second["ready"] is False
    assert "is built in and stays" in second["missing"][0]
    assert "of the package faces" in second["missing"][0]


def test_a_system_whose_parts_are_gone_is_listed_with_the_reason(
    likeness: Command, plug_in: Any
) -> None:
    text = GOOD.format(name="frown") + "SPEC = replace(SPEC, profiles='frown_gone:PROFILES')\n"
    plug_in("frowns", "frown = smile_frown:SPEC", text)
    (row,) = [row for row in likeness("systems", "--json").document if row["name"] == "frown"]
    assert row["ready"] is False
    assert "frown_gone:PROFILES of the entry point 'frown = smile_frown:SPEC'" in row["missing"][0]
    refused = likeness("config", "show", "frown")
    assert refused.code == 3
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("trouble", ["raise ValueError('no licence')", "raise SystemExit(1)"])
def test_a_part_that_raises_on_import_names_its_package_and_the_reason(
    likeness: Command, plug_in: Any, folder: Path, trouble: str
) -> None:
    """Whatever it raises is no defect of the program."""
    plug_in("halves", "half = smile_half:SPEC", HALF.format(name="half"))
    (folder / "site" / "half_parts.py").write_text(f"{trouble}\n")
    for arguments in (
        ("config", "explain", "half"),
        ("data", "inspect", "half", "lf"),
        ("half", "--help"),
    ):
        refused = likeness(*arguments)
        assert refused.code == 3, refused.err
        assert "of the package halves cannot be imported" in refused.err
        assert ("ValueError: no licence." if "Value" in trouble else "SystemExit: 1.") in (
            refused.err
        )
        assert "Traceback" not in refused.err
        assert "defect of the program" not in refused.err
    debugged = likeness("config", "explain", "half", "--debug")
    assert debugged.code == 3
    assert "Traceback" in debugged.err
    assert "half_parts.py" in debugged.err


def test_help_of_a_systems_verb_leaves_out_what_callers_in_python_read(likeness: Command) -> None:
    text = likeness("audio2face", "import-config", "--help").out
    assert "Write a configuration of the reference" in text
    assert "Raises" not in text
