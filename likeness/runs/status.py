"""Status: what a run is doing, or how it ended, and whether its process is still there.

Owns the content of ``status.json``. When it is written, the loop decides.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import TypeAdapter, ValidationError

from likeness.errors import DataError

from .files import read_json

State = Literal["planned", "running", "finished", "failed", "stopped"]
_OPEN: tuple[State, ...] = ("planned", "running")


@dataclass(frozen=True)
class Status:
    """What a run is doing, or how it ended."""

    status: State
    step: int = 0
    """Optimiser steps done."""
    saved: int = 0
    """Step of the last checkpoint when this was written; 0: none."""
    total_steps: int = 0
    error: str = ""
    reason: str = ""
    """Why it finished before its last step; empty where it did not."""
    pid: int = 0
    host: str = ""
    process_start: int | None = None
    """Start time of the process in clock ticks since boot, where the system tells: a number that
    was given to another process in the meantime is then recognised."""
    updated: float = 0.0
    """Seconds since 1970."""

    @classmethod
    def of_this_process(
        cls,
        status: State,
        *,
        step: int,
        saved: int,
        total_steps: int,
        error: str = "",
        reason: str = "",
    ) -> Self:
        """A status as of now, with who writes it."""
        return cls(
            status=status,
            step=step,
            saved=saved,
            total_steps=total_steps,
            error=error,
            reason=reason,
            pid=os.getpid(),
            host=socket.gethostname(),
            process_start=_process_start(os.getpid()),
            updated=time.time(),
        )

    @property
    def is_alive(self) -> bool:
        """True when it has not ended and its process is there; other hosts cannot be asked."""
        if self.status not in _OPEN or self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # somebody else's process: it exists
        return self.process_start == _process_start(self.pid)

    @property
    def is_abandoned(self) -> bool:
        """True when it has not ended, but its process on this host is gone (killed, power cut)."""
        here = self.host == socket.gethostname()
        return self.status in _OPEN and here and not self.is_alive


@cache
def _status_type() -> TypeAdapter[Status]:
    return TypeAdapter(Status)


def read_status(path: Path) -> Status:
    """A status from its file.

    Raises:
        MissingError: the file is not there.
        DataError: it is no status.
    """
    values = read_json(path, purpose="the status of the run")
    try:
        return _status_type().validate_python(asdict(Status(**values)))
    except (TypeError, ValidationError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):  # its text names classes and web pages
            reason = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
        raise DataError(
            f"{path} is not a status as written by this version: {reason}.",
            advice="It may come from a newer version; update the package.",
        ) from error


def _process_start(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None where /proc does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    # The name of the process stands in brackets and may hold spaces; field 22 counts from 1.
    return int(stat.rpartition(")")[2].split()[19])
