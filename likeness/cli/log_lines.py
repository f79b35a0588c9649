"""Log lines on standard error: which are shown, and how. What a verb answers is ``console.py``."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from likeness.notices import NOTICE


def log_to_stderr(level: int, *, for_programs: bool) -> None:
    """Warnings and worse on standard error, everything with --debug; notices for people only."""
    logger = logging.getLogger("likeness")
    for handler in [h for h in logger.handlers if isinstance(h, _ToStderr)]:
        logger.removeHandler(handler)
    handler = _ToStderr()
    handler.setLevel(level if for_programs else min(level, NOTICE))
    handler.addFilter(_Repeats().are_over)
    handler.setFormatter(_Lines("%(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    if handler.level < logger.getEffectiveLevel():
        logger.setLevel(handler.level)


class _Repeats:
    """Passes by what was shown just now: the parts of a verb may each find the same fault.

    The log of a run has every line. Later it is news again, as a network that still is away.
    """

    SECONDS = 60.0

    def __init__(self) -> None:
        self._shown: dict[str, float] = {}

    def are_over(self, record: logging.LogRecord) -> bool:
        """Whether to show a line."""
        if record.levelno < NOTICE:
            return True
        text, now = f"{record.name}: {record.getMessage()}", time.monotonic()
        self._shown = {t: when for t, when in self._shown.items() if now - when < self.SECONDS}
        return self._shown.setdefault(text, now) == now


class _Lines(logging.Formatter):
    """A notice is a sentence for people and stands alone."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage() if record.levelno == NOTICE else super().format(record)


class _ToStderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what standard error is at the time: a progress bar puts itself in between."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr
