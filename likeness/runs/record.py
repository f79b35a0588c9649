"""Metrics of a run: one line of JSON at a time, passed on to trackers.

``metrics.jsonl`` is the truth; the trackers of ``trackers.py`` mirror it. What is measured is the
loop's business.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from likeness.config.schema import ConfigModel
from likeness.replacement import flush_to_disk
from likeness.storage.files import disk_errors

from .files import write_text

logger = logging.getLogger(__name__)


class TrackingSettings(ConfigModel):
    """Where metrics are shown besides the run's own files."""

    tensorboard: bool = False
    """Also write TensorBoard event files to the run's ``tensorboard`` folder."""
    wandb: Literal["off", "offline", "online"] = "off"
    """Also write a Weights & Biases run: offline in the run's folder, or to the service."""
    wandb_project: str = "likeness"
    """Project name at Weights & Biases."""


class Tracker(Protocol):
    """Somewhere metrics are shown: a mirror, or a progress display."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one step."""

    def media(self, step: int, name: str, path: Path) -> None:
        """A file to look at; a tracker ignores the kinds it cannot show."""

    def close(self) -> None: ...


class Recorder:
    """Appends to ``metrics.jsonl`` and passes everything on to the trackers.

    Args:
        path: the file; created when missing.
        step: the step training continues from. Lines of later steps, and a last line torn by a
            kill, are removed, so that the curve is what an uninterrupted run would have.
        trackers: mirrors, told of everything from here on.
    """

    def __init__(self, path: Path, *, step: int, trackers: Sequence[Tracker] = ()) -> None:
        self._path, self._trackers = path, list(trackers)
        _repair(path, step)
        with disk_errors(path, "open the metrics"):
            self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 -- closed in close()

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Append one line: step, time and the values. Numbers that are not finite become null."""
        row = {"step": step, "time": time.time()}
        row |= {name: _json_value(value) for name, value in values.items()}
        with disk_errors(self._path, "record metrics"):
            self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()
        numbers = {
            name: float(value)
            for name, value in row.items()
            if name not in ("step", "time") and isinstance(value, int | float)
        }
        for tracker in self._trackers:
            tracker.log(step, numbers)

    def media(self, step: int, files: Mapping[str, Path]) -> None:
        """Show files in the trackers; they stay where they are."""
        for name, path in files.items():
            for tracker in self._trackers:
                tracker.media(step, name, path)

    def flush(self) -> None:
        """Put every line on the disk itself: done before a checkpoint that counts on them."""
        with disk_errors(self._path, "record metrics"):
            self._file.flush()
            flush_to_disk(self._path)

    def close(self) -> None:
        with disk_errors(self._path, "record metrics"):  # what a full disk refused is still open
            self._file.close()
        for tracker in self._trackers:
            tracker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Every complete line of a ``metrics.jsonl``, in order. A torn last line is left out.

    A line that is not JSON elsewhere is left out too, with a warning.
    """
    return [row for row, _ in _complete_lines(path)] if path.is_file() else []


def _complete_lines(path: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each line that is whole, as an object and as it stands in the file."""
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):  # behind the last newline is no whole line
        try:
            row = json.loads(line)
            if not isinstance(row["step"], int):
                raise TypeError("a step is a whole number")
        except (ValueError, TypeError, KeyError):
            logger.warning("%s:%d is no line of metrics and was left out.", path, number)
            continue
        yield row, line + b"\n"


def _repair(path: Path, step: int) -> None:
    """Keep the complete lines up to ``step``; replaces the file atomically, only if needed."""
    if not path.is_file():
        return
    kept = b"".join(line for row, line in _complete_lines(path) if row["step"] <= step)
    if len(kept) != path.stat().st_size:
        write_text(path, kept.decode("utf-8"))


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
