"""Shared test settings: no network, few threads, the repository root importable."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts background jobs with Ctrl-C ignored, and their children inherit that: what a user
# interrupts in a terminal must be interruptible here too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_ROOT = str(Path(__file__).resolve().parents[1])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

pytest_plugins = ["tests.s3_server"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before several processes test: what each of them would compute, and compile, by itself."""
    if getattr(session.config.option, "numprocesses", None) and not _is_worker(session):
        from likeness.studio.spaces import keep_spaces

        keep_spaces()


def _is_worker(session: pytest.Session) -> bool:
    return hasattr(session.config, "workerinput")
