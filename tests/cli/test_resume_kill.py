"""A resume that is killed while it writes what it goes on with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from likeness import workflow
from likeness.runs.run import Run
from tests.cli.conftest import LONGER, Command

_MOVES = ("replace", "rename")
_CHANGES = (*_MOVES, "mkdir", "rmdir", "unlink", "remove", "fsync")
"""What changes names, or flushes: a killed process does none of it any more."""


class _Killed(BaseException):
    pass


def _kill_before_move(patch: pytest.MonkeyPatch, number: int) -> list[str]:
    """End the process at one of the moves of files from now on; gives the moves before it."""
    done: list[str] = []
    is_dead = False

    def guarded(name: str) -> Any:
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal is_dead
            if is_dead or (name in _MOVES and len(done) == number):
                is_dead = True
                raise _Killed
            if name in _MOVES:
                done.append(Path(arguments[1]).name)
            return real(*arguments, **options)

        return call

    for name in _CHANGES:
        patch.setattr(os, name, guarded(name))
    return done


def _shown(path: Path) -> tuple[Any, ...]:
    """What a run says of itself: a setting, where it came from, and the steps it is to have."""
    run = Run(path)
    resolved = workflow.configuration_of(run)
    steps = run.read("plan")["total_steps"]
    origins = [str(resolved.provenance[key]) for key in ("train.log_every", "train.steps")]
    return (resolved.config.train.log_every, resolved.config.train.steps, *origins, steps)


def test_a_killed_resume_leaves_the_run_as_it_was_or_as_it_goes_on(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration was new, its origins and the plan were old, and the finished run said that
    there was nothing to do."""
    old = (2, 10, "default", "profile smoke", 10)
    new = (3, None, "command line", "command line", 14)
    assert _shown(trained) == old
    seen = []
    for number in range(7):
        run = trained.with_name(f"{number}")
        shutil.copytree(trained, run)
        with monkeypatch.context() as patch:
            moves = _kill_before_move(patch, number)
            with pytest.raises(_Killed):
                workflow.resume(run, overrides=[*LONGER, "train.log_every=3"])
        assert len(moves) == number
        seen.append(_shown(run))
        again = likeness("resume", run, "train.keep_checkpoints=5", "--json")
        assert again.code == 0, again.err
        assert again.document["step"] == seen[-1][-1]
        assert not [path for path in run.iterdir() if path.name.startswith(".described")]
    assert set(seen) == {old, new}
    assert seen == sorted(seen, key=lambda shown: shown == new)  # one instant decides
