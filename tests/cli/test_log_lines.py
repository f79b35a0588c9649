from __future__ import annotations

import logging

import pytest

from likeness.cli.log_lines import log_to_stderr
from likeness.notices import NOTICE


def test_log_lines_go_to_standard_error_once(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(logging.WARNING, for_programs=False)
    log_to_stderr(logging.WARNING, for_programs=False)
    logging.getLogger("likeness.somewhere").warning("careful")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("careful") == 1


def test_a_notice_is_a_sentence_for_people_and_nothing_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for for_programs, shown in ((False, "Building it: half a minute.\n"), (True, "")):
        log_to_stderr(logging.WARNING, for_programs=for_programs)
        logging.getLogger("likeness.somewhere").log(NOTICE, "Building it: half a minute.")
        logging.getLogger("likeness.somewhere").info("not shown")
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", shown)


def test_a_line_that_was_just_shown_is_not_shown_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged checkpoint was told five times by one resume."""
    now = 1000.0
    monkeypatch.setattr("likeness.cli.log_lines.time.monotonic", lambda: now)
    log_to_stderr(logging.DEBUG, for_programs=False)
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
    log_to_stderr(logging.WARNING, for_programs=False)
