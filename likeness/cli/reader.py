"""The reader of standard output may leave before the end, as ``head`` does. Prints nothing itself.

Other tools are ended by SIGPIPE then. That signal stays ignored here, as Python has it: a broken
connection to a store raises the same error, and has to be told to somebody.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

READER_LEFT = 141
"""What a shell shows for a process that SIGPIPE ended: 128 + 13."""


@contextlib.contextmanager
def for_reader() -> Iterator[None]:
    """Around what is written to standard output; ends the process quietly when nobody reads on.

    Raises:
        SystemExit: the reader has left; what is still in the buffer goes nowhere.
    """
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # rich makes the second of the first
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise SystemExit(READER_LEFT) from None
