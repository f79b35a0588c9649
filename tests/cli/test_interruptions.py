"""A verb that is interrupted answers like any other: one document, exit code 130, no traceback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from likeness.errors import DataError
from tests.cli.conftest import ROOT, Command

_INTERRUPTED_IMPORT = """
import os, signal, sys

name, *words = sys.argv[1:]

class Finder:
    def find_spec(self, wanted, path=None, target=None):
        if wanted == name:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.argv[1:] = words
from likeness.__main__ import main
main()
"""


def test_the_exit_code_of_an_interruption_does_not_depend_on_where_it_came(folder: Path) -> None:
    """Inside text that is executed, Python would end the process by the signal instead."""
    code = """
import sys
from likeness.cli.console import report_interruption
report_interruption(KeyboardInterrupt())  # has imported what it needs
try:
    exec("raise KeyboardInterrupt")
except KeyboardInterrupt as error:
    sys.exit(report_interruption(error))
"""
    Path("interrupted.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert done.returncode == 130


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("likeness.cli.console", ("systems",)),
        ("likeness.cli.main", ("systems",)),
        ("likeness.systems.face_encoder.commands", ("face-encoder", "merge")),
        ("likeness.datasets", ("data", "inspect", "face-encoder", "nowhere")),
    ],
)
def test_an_interruption_while_modules_are_imported_is_a_document_too(
    module: str, words: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_IMPORT, module, *words, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 130, done.stderr
    assert json.loads(done.stdout)["error"]["message"] == "Interrupted before it was done."
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_is_a_document_too(
    likeness: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number, before = getattr(signal, name), signal.getsignal(signal.SIGTERM)

    def interrupted() -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.setattr("likeness.systems.all_systems", interrupted)
    result = likeness("systems", "--json")
    assert result.code == 130
    assert result.document["error"]["exit_code"] == 130
    assert "Interrupted" in result.document["error"]["message"]
    assert "Traceback" not in result.err
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("error", [AttributeError("half imported"), DataError("half read")])
def test_what_a_swallowed_interruption_leads_to_is_the_interruption(
    likeness: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """torch swallows Ctrl-C while it exports, and fails later: that was shown as a defect."""

    def swallowing() -> None:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        raise error

    monkeypatch.setattr("likeness.systems.all_systems", swallowing)
    result = likeness("systems", "--json")
    assert result.code == 130
    assert result.document["error"]["message"] == "Interrupted before it was done."
    assert "Traceback" not in result.err
    monkeypatch.setattr("likeness.systems.all_systems", lambda: 1 / 0)
    assert likeness("systems", "--json").code == 1  # without a signal it is a defect


def test_ctrl_c_ends_no_verb_that_runs_in_the_background(folder: Path) -> None:
    """A shell starts it with SIGINT ignored."""
    code = """
import os, signal
import likeness.systems
from likeness.cli.main import main

signal.signal(signal.SIGINT, signal.SIG_IGN)
real = likeness.systems.all_systems

def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    return real()

likeness.systems.all_systems = interrupted
main()
"""
    Path("background.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "background.py", "systems"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "face-encoder" in done.stdout
