"""How far something is, on standard error: a bar on a terminal, plain lines elsewhere.

With --json nothing is said.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from likeness.cli.console import is_quiet, stderr_console
from likeness.cli.reader import read_or_not
from likeness.compiling import COMPILING, when_compiling
from likeness.notices import NOTICE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn


logger = logging.getLogger(__name__)


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Say what takes a while: a spinner on a terminal, one plain line elsewhere."""
    console = stderr_console()
    if is_quiet():
        yield
    elif console.is_terminal:
        with console.status(what):
            yield
    else:
        with read_or_not():
            console.print(what, soft_wrap=True)
        yield


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Say how far something is: gives what is told (done, total), nothing with --json.

    Kernels that have to be compiled first are told of. A bar on a terminal; elsewhere a plain line
    at the start, and another from time to time. The
    start is when it is first told something: until then, what was asked for is checked.
    """
    console = stderr_console()
    if is_quiet():
        yield None
        return
    with when_compiling(lambda: logger.log(NOTICE, "%s", COMPILING)), _shown(console, what) as told:
        yield told


@contextlib.contextmanager
def _shown(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    if console.is_terminal:
        from rich.progress import Progress

        bar = Progress(*progress_columns(), console=console)
        task = bar.add_task(what, total=None)

        def update(done: int, total: int) -> None:
            bar.start()
            bar.update(task, completed=done, total=total or None)

        try:
            yield update
        finally:
            bar.stop()
    else:
        yield _counting_lines(console, what)


def progress_columns() -> list[ProgressColumn]:
    """What stands beside every bar."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]


def _counting_lines(
    console: Console, what: str, *, every_seconds: float = 5.0
) -> Callable[[int, int], None]:
    counts: list[int] = []
    since = last = time.monotonic()
    has_begun = False

    def show(done: int, total: int) -> None:
        nonlocal since, last, has_begun
        if not has_begun:
            has_begun = True
            with read_or_not():
                console.print(what, soft_wrap=True)
        now = time.monotonic()
        if len(counts) < 2:
            # What there was before, then the first one made here: until that, processes start.
            counts.extend([done] if not counts or done > counts[0] else [])
            since = last = now
        elif now - last >= every_seconds and done > counts[1]:
            last = now
            left = (total - done) * (now - since) / (done - counts[1])
            with read_or_not():
                console.print(f"{done}/{total}, {duration(left)} left", soft_wrap=True)

    return show


def duration(seconds: float) -> str:
    """``75`` as ``1:15``, ``3675`` as ``1:01:15``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
