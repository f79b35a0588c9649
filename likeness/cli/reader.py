"""The reader of what is written may leave before the end, as ``head`` does. Prints nothing itself.

Other tools are ended by SIGPIPE then. That signal stays ignored here, as Python has it: a broken
connection to a store raises the same error, and has to be told to somebody.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

READER_LEFT = 141
"""What a shell shows for a process that SIGPIPE ended: 128 + 13."""


@contextlib.contextmanager
def for_reader(stream: TextIO | None = None) -> Iterator[None]:
    """Around what is written to a stream; ends the process quietly when nobody reads on.

    Args:
        stream: None is standard output.

    Raises:
        SystemExit: the reader has left; what is still in the buffer goes nowhere.
    """
    try:
        yield
        (stream or sys.stdout).flush()
    except (BrokenPipeError, SystemExit) as end:  # rich and the parser make the second of the first
        if isinstance(end, SystemExit) and end.code not in (1, READER_LEFT):
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, (stream or sys.stdout).fileno())
        os.close(nowhere)
        raise SystemExit(READER_LEFT) from None


@contextlib.contextmanager
def read_or_not() -> Iterator[None]:
    """Around progress and errors on standard error: what is done does not hang on who reads it."""
    with contextlib.suppress(SystemExit), for_reader(sys.stderr):
        yield
