from __future__ import annotations

import logging
from pathlib import Path

import pytest

from likeness.cli import console
from likeness.cli.console import _log_to_stderr, counting, print_json, print_table


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


def test_log_lines_go_to_standard_error_once(capsys: pytest.CaptureFixture[str]) -> None:
    _log_to_stderr(logging.WARNING)
    _log_to_stderr(logging.WARNING)
    logging.getLogger("likeness.somewhere").warning("careful")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("careful") == 1


def test_counting_says_how_far_it_is_from_time_to_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten are done before, the next one a minute later; then one a second, every fifth is told."""
    clock = iter([0, 1, *range(60, 100)])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(console, "_mode", console._Mode())
    with counting("Making things") as progress:
        assert progress is not None
        for done in range(10, 23):
            progress(done, 30)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "Making things",
        "16/30, 0:14 left",
        "21/30, 0:09 left",
    ]
