from __future__ import annotations

from pathlib import Path

import pytest

from likeness.cli.console import print_json, print_table


def test_paths_become_text_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"path": Path("a/b"), "text": "ü"})
    assert capsys.readouterr().out == '{\n  "path": "a/b",\n  "text": "ü"\n}\n'
    with pytest.raises(TypeError, match="cannot write set as JSON"):
        print_json({"a": {1}})


def test_a_table_lines_numbers_up_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "value"), [("a" * 90, 1.23456789), ("[red]b[/red]", 123.0)])
    lines = capsys.readouterr().out.splitlines()
    assert "a" * 90 in lines[1]
    assert lines[1].rstrip().endswith("1.235")
    assert lines[2].rstrip().endswith("123")
    assert "[red]b[/red]" in lines[2]
