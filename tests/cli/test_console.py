from __future__ import annotations

import logging
from pathlib import Path

import pytest

from likeness.cli.console import _log_to_stderr, begin, print_json, print_table
from likeness.notices import NOTICE


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


def test_a_notice_is_a_sentence_for_people_and_nothing_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words, shown in (([], "Building it: half a minute.\n"), (["--json"], "")):
        begin(words)
        _log_to_stderr(logging.WARNING)
        logging.getLogger("likeness.somewhere").log(NOTICE, "Building it: half a minute.")
        logging.getLogger("likeness.somewhere").info("not shown")
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", shown)
    begin([])


def test_a_line_that_was_just_shown_is_not_shown_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged checkpoint was told five times by one resume."""
    now = 1000.0
    monkeypatch.setattr("likeness.cli.console.time.monotonic", lambda: now)
    _log_to_stderr(logging.DEBUG)
    one, other = logging.getLogger("likeness.one"), logging.getLogger("likeness.other")
    one.warning("It is %s.", "damaged")
    now += 59
    one.warning("It is damaged.")
    other.warning("It is damaged.")
    one.warning("It is gone.")
    now += 2
    one.warning("It is damaged.")
    for _ in range(2):
        one.debug("detail")
    assert capsys.readouterr().err.splitlines() == [
        "WARNING likeness.one: It is damaged.",
        "WARNING likeness.other: It is damaged.",
        "WARNING likeness.one: It is gone.",
        "WARNING likeness.one: It is damaged.",
        "DEBUG likeness.one: detail",
        "DEBUG likeness.one: detail",
    ]
    _log_to_stderr(logging.WARNING)
