"""Signals that wait."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from likeness.signals import deferred


def interrupted(done: list[str], error: Exception | None = None) -> None:
    with deferred():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        done.append("all of it")
        if error is not None:
            raise error


def test_ctrl_c_comes_at_the_end_and_once():
    done, before = [], signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupted(done)
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_inside_does_not_lose_it():
    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted([], ValueError("of the work"))
    assert isinstance(caught.value.__context__, ValueError)


def test_other_threads_change_nothing():
    seen = []

    def work() -> None:
        with deferred():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
