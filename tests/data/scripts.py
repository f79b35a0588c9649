"""Scripts that tests run in a process group of their own, to send signals to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def started(script: Path, code: str) -> subprocess.Popen[str]:
    """``code`` as the file ``script``, running; its output and errors are piped."""
    script.write_text(code)
    return subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupted_importing(script: Path, code: str) -> tuple[str, str, int]:
    """Further output, errors and exit status of a script whose group gets a Ctrl-C, as from a
    terminal, once it has printed ``importing``."""
    process = started(script, code)
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    return output, errors, process.returncode
