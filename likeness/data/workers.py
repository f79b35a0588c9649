"""Worker processes that make pieces of a dataset, and how they start and end.

A worker leaves Ctrl-C to its parent from its first moment, and ends when the parent is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import (
    active_children,
    connection,
    current_process,
    get_context,
    parent_process,
)
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from likeness import compiling
from likeness.data.rounding import one_thread
from likeness.errors import UsageError
from likeness.notices import NOTICE
from likeness.signals import deferred

logger = logging.getLogger(__name__)

Task = TypeVar("Task")
_AHEAD = 4
"""Pieces a process may be ahead of the slowest one: bounds memory and what a kill loses."""
_THREADS = "OMP_NUM_THREADS"
"""How many threads torch and the libraries under NumPy take when they are loaded."""
_NO_GUARD = 119
"""Exit code of a worker whose import of the script came to the call that started the worker."""


def in_order(
    function: Callable[[Task], Any], tasks: Sequence[Task], workers: int = 0
) -> Iterator[Any]:
    """``map`` by several processes, one for each core when ``workers`` is 0.

    Each computes with one thread, whatever the number of processes and cores: results are equal.

    Raises:
        UsageError: fewer than 0 workers, or one of them ended before its work did.
    """
    if workers < 0:
        raise UsageError(f"Expected workers to be at least 0, found {workers}.")
    count = min(workers or os.cpu_count() or 1, len(tasks))
    if count <= 1:
        for task in tasks:
            with one_thread():  # as in the processes, which round in the same way then
                value = function(task)
            yield value
        return
    pool, compiles = _pool(count)
    with _told_of(compiles):
        yield from _results(pool, function, tasks, count)


@contextlib.contextmanager
def beside(function: Callable[[], Any]) -> Iterator[None]:
    """Call a function in one other process while the block runs; both are over at the end.

    It computes with one thread. An error of the block ends the process at once.

    Raises:
        UsageError: the process ended before its work did.
    """
    pool, _ = _pool(1)
    before = set(active_children())
    try:
        with without_ctrl_c(), _one_thread_each():
            call = pool.submit(function)
            started = set(active_children()) - before
        try:
            yield
        except BaseException:
            for worker in started:
                worker.kill()
            raise
        call.result()
    except BrokenProcessPool:
        _shut_down(pool)  # afterwards the worker has its exit code
        raise _loss({worker.exitcode for worker in started}, 1) from None
    finally:
        _shut_down(pool)


def _pool(count: int) -> tuple[ProcessPoolExecutor, Event]:
    """Processes that start as they are needed, and what they set when they compile kernels."""
    # Spawned, because threads of numerical libraries do not survive a fork.
    context = get_context("spawn")
    with deferred():
        compiles = context.Event()
        pool = ProcessPoolExecutor(
            count,
            mp_context=context,
            initializer=_follow_parent,
            initargs=(compiles, compiling.PATIENCE),
        )
    return pool, compiles


@contextlib.contextmanager
def _told_of(compiles: Event) -> Iterator[None]:
    """Say once that workers compile kernels, as soon as one of them does."""
    is_over = False

    def wait() -> None:
        compiles.wait()
        if not is_over:
            logger.log(NOTICE, "%s", compiling.COMPILING)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    try:
        yield
    finally:
        is_over = True
        compiles.set()
        waiting.join()


def _results(
    pool: ProcessPoolExecutor,
    function: Callable[[Task], Any],
    tasks: Sequence[Task],
    count: int,
) -> Iterator[Any]:
    """What ``count`` processes make of the tasks, in their order; they end with it."""
    started = set[Any]()
    try:
        waiting = deque[Any]()
        for task in tasks:
            # The pool starts its processes as they are needed.
            with without_ctrl_c(), _one_thread_each():
                waiting.append(pool.submit(function, task))
                started.update(active_children() if len(started) < count else ())
            if len(waiting) >= _AHEAD * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except KeyboardInterrupt:
        logger.log(
            NOTICE, "Finishing what %d processes have begun; Ctrl-C again stops at once.", count
        )
        raise
    except BrokenProcessPool:
        _shut_down(pool)  # afterwards every worker has its exit code
        raise _loss({worker.exitcode for worker in started}, count) from None
    finally:
        _shut_down(pool)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start inside compute with one thread: there is one process for each core.

    With a thread for each core as well, processes wait for each other's threads: on two busy cores
    the same people took three times as long.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


def refuse_import_by_worker() -> None:
    """End a process that is only importing its parent's script: it is not to do the work again.

    Raises:
        SystemExit: with the exit code by which the parent knows what to say.
    """
    # By the same mark the standard library refuses to start processes then.
    if getattr(current_process(), "_inheriting", False):
        raise SystemExit(_NO_GUARD)


def _loss(exit_codes: set[int | None], count: int) -> UsageError:
    """What the end of a worker means."""
    guard = 'if __name__ == "__main__":'
    if _NO_GUARD in exit_codes:
        script = getattr(sys.modules["__main__"], "__file__", None) or "the script"
        return UsageError(
            f"Expected {script} to make its calls under '{guard}': every worker process imports "
            "the script, and would make them again.",
            advice=f"Put what the script does under '{guard}', or pass workers=1.",
        )
    if -signal.SIGKILL in exit_codes:
        return UsageError(
            f"One of {count} worker processes was killed.",
            advice="Most often the machine ran out of memory: run the same command again with "
            "fewer --workers. It goes on where it stopped.",
        )
    return UsageError(
        f"One of {count} worker processes ended without an answer.",
        advice="The lines above may say why. Every worker imports the script that is run: one "
        f"of your own needs its calls under '{guard}'. With --workers 1 there are no other "
        "processes. The same command goes on where it stopped.",
    )


@contextlib.contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Processes that start inside hold a Ctrl-C back until :func:`ignore_ctrl_c` drops it there.

    A terminal sends it to them too, and Python's start has no answer but a traceback. The parent
    takes it at the end: half started, a process would miss what it is to be told.
    """
    with deferred():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_ctrl_c() -> None:
    """In a process that :func:`without_ctrl_c` started: leave Ctrl-C to the parent from now on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _shut_down(pool: ProcessPoolExecutor) -> None:
    """Let the workers finish what they are at; a second Ctrl-C does not wait for them."""
    try:
        pool.shutdown(cancel_futures=True)
    except KeyboardInterrupt:
        # Interrupted, the pool forgets to tell them, and Python would wait for them at its end.
        for worker in active_children():
            worker.kill()
        raise


def _follow_parent(compiles: Event, patience: float) -> None:
    """In a worker: leave Ctrl-C to the parent, tell it of compiling, and end when it is killed.

    Workers wait for tasks on a pipe of which each holds both ends, so they would never notice.
    """
    ignore_ctrl_c()
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    for_good = contextlib.ExitStack()
    for_good.enter_context(compiling.when_compiling(compiles.set, patience=patience))
    atexit.register(for_good.close)
