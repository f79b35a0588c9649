"""Tells when numba compiles kernels, which takes minutes where none of them is kept yet.

Numba keeps what it has compiled beside the code, or in the folder of NUMBA_CACHE_DIR, and says
itself when it has to compile: nothing here looks for its files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

COMPILING = (
    "Compiling kernels, which takes up to a few minutes the first time on a machine; later calls "
    "find them."
)
PATIENCE = 2.0
"""Seconds of compiling that nobody needs to be told of."""


@contextmanager
def when_compiling(tell: Callable[[], None], *, patience: float = PATIENCE) -> Iterator[None]:
    """Call ``tell`` once, if kernels are compiled inside for longer than a moment.

    Kernels that are found compiled do not count.

    Args:
        patience: seconds of compiling without a word.
    """
    from numba.core import event  # it takes a second

    class Compilations(event.Listener):  # type: ignore[misc]
        """Adds up the seconds; a kernel may have others compiled that it calls."""

        def __init__(self) -> None:
            self._depth, self._since, self._seconds, self._is_told = 0, 0.0, 0.0, False

        def on_start(self, event: Any) -> None:
            self._since = time.monotonic() if self._depth == 0 else self._since
            self._depth += 1
            self._look()

        def on_end(self, event: Any) -> None:
            self._look()
            self._depth -= 1
            if self._depth == 0:
                self._seconds += time.monotonic() - self._since

        def _look(self) -> None:
            seconds = self._seconds + time.monotonic() - self._since
            if seconds >= patience and not self._is_told:
                self._is_told = True
                tell()

    listener = Compilations()
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
