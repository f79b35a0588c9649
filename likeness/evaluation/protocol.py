"""Scores: a measured value with its unit, direction, count and a baseline beside it.

Owns the record and its files; what is measured belongs to the systems and the sibling modules.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from likeness.errors import DivergedError
from likeness.runs.files import write_json

Direction = Literal["lower", "higher"]


@dataclass(frozen=True)
class Score:
    """One measured number. ``direction`` says which way is better."""

    name: str
    value: float
    unit: str
    direction: Direction
    count: int
    """Number of samples behind the value."""
    baseline: float | None = None
    baseline_name: str = ""
    """What the baseline is: "mean face", "copy of the input", "silence"."""

    @property
    def beats_baseline(self) -> bool | None:
        """True when better than the baseline, None without one."""
        if self.baseline is None:
            return None
        return (
            self.value < self.baseline if self.direction == "lower" else self.value > self.baseline
        )

    def better_than(self, other: float) -> bool:
        return self.value < other if self.direction == "lower" else self.value > other


class Scores:
    """An ordered set of scores with unique names."""

    def __init__(self, scores: Iterable[Score] = ()) -> None:
        self._scores: dict[str, Score] = {}
        for score in scores:
            if score.name in self._scores:
                raise ValueError(f"score '{score.name}' appears twice")
            self._scores[score.name] = score

    def __iter__(self) -> Iterator[Score]:
        return iter(self._scores.values())

    def __len__(self) -> int:
        return len(self._scores)

    def __contains__(self, name: str) -> bool:
        return name in self._scores

    def __getitem__(self, name: str) -> Score:
        if name not in self._scores:
            raise KeyError(f"no score '{name}'; there are: {', '.join(self._scores)}")
        return self._scores[name]

    def to_list(self) -> list[dict[str, Any]]:
        return [asdict(score) for score in self]

    @staticmethod
    def from_list(rows: Iterable[dict[str, Any]]) -> Scores:
        return Scores(Score(**row) for row in rows)

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all.

        Raises:
            DivergedError: a value is not finite; a file is no place for it, nor is a comparison.
        """
        bad = [score.name for score in self if not math.isfinite(score.value)]
        if bad:
            raise DivergedError(
                f"Scores are not finite: {', '.join(bad)}.",
                advice="The weights of this checkpoint answer with numbers that are not finite or "
                "too large. Choose another with --checkpoint STEP, or train again with a lower "
                "learning rate.",
            )
        write_json(path, self.to_list())

    @staticmethod
    def load(path: Path) -> Scores:
        return Scores.from_list(json.loads(path.read_text(encoding="utf-8")))
