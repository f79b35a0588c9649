"""The data base of learned emotions: a vector for every frame of every shot.

Speech does not tell everything about a face. What it leaves open is learned as one vector a frame
(Karras et al., 2017, section 3.3); later one of them is chosen for all frames. Owns which row
belongs to which frame, and the vectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from likeness.errors import DataError, UsageError, first_few
from likeness.systems.audio2face.shots import Clip, MutedShot, Shot

FORMAT = 2

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ShotRows:
    """The rows of one shot.

    Attributes:
        name: of the shot.
        start: its first row.
        ranges: frames that have a row, as (first, last), last included, in order.
        learned: those of them whose row is trained; the others keep what they were drawn as.
    """

    name: str
    start: int
    ranges: Ranges
    learned: Ranges = ()

    @property
    def size(self) -> int:
        """Number of rows."""
        return sum(last - first + 1 for first, last in self.ranges)

    def place(self, frame: int) -> int:
        """The place of a frame among the rows of the shot, which is its frame at run time.

        Raises:
            UsageError: the frame has no row.
        """
        before = 0
        for first, last in self.ranges:
            if first <= frame <= last:
                return before + frame - first
            before += last - first + 1
        raise UsageError(
            f"Frame {frame} of shot '{self.name}' has no learned emotion; frames "
            f"{', '.join(f'{first} to {last}' for first, last in self.ranges)} have."
        )


class RowTable:
    """Which row belongs to which frame of which shot.

    Args:
        shots: in the order of their rows, which follow each other without gaps.

    Raises:
        DataError: two shots of one name, or rows that leave a gap or overlap.
    """

    def __init__(self, shots: Iterable[ShotRows]) -> None:
        self.shots = tuple(shots)
        self._by_name = {shot.name: shot for shot in self.shots}
        if len(self._by_name) != len(self.shots):
            names = [shot.name for shot in self.shots]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise DataError(f"Shots of the emotion data base need unique names: {twice}.")
        at = 0
        for shot in self.shots:
            if shot.start != at or shot.size < 1:
                raise DataError(
                    f"Shot '{shot.name}' should start at row {at} with a row at least; it starts "
                    f"at {shot.start} with {shot.size}."
                )
            at += shot.size
        self.num_rows = at

    @classmethod
    def of(cls, shots: Sequence[Shot], muted: Sequence[MutedShot] = ()) -> RowTable:
        """A row for every frame of the shots in their order, then of the muted shots."""
        lengths = [(shot.name, shot.num_frames) for shot in shots]
        names = muted_names(muted, taken=[shot.name for shot in shots])
        lengths += [(name, shot.num_frames) for name, shot in zip(names, muted, strict=True)]
        return cls.of_ranges({name: ((0, length - 1),) for name, length in lengths})

    @classmethod
    def of_ranges(cls, ranges: Mapping[str, Ranges]) -> RowTable:
        """Rows for these frames, in the order of the mapping."""
        rows, at = [], 0
        for name, own in ranges.items():
            rows.append(ShotRows(name, at, own))
            at += rows[-1].size
        return cls(rows)

    def compacted(self, clips: Sequence[Clip], keep: Iterable[str] = ()) -> RowTable:
        """Only the rows of frames that a clip covers, counted from 0.

        Args:
            clips: what is trained on.
            keep: shots that stay whole: the muted ones.
        """
        covered = self._covered(clips, keep)
        return RowTable.of_ranges({name: own for name, own in covered.items() if own})

    def trained_on(self, clips: Sequence[Clip], keep: Iterable[str] = ()) -> RowTable:
        """The same rows, those marked as learned that these clips, or shots kept whole, cover."""
        covered = self._covered(clips, keep)
        return RowTable(
            replace(shot, learned=_shared(shot.ranges, covered.get(shot.name, ())))
            for shot in self.shots
        )

    def _covered(self, clips: Sequence[Clip], keep: Iterable[str]) -> dict[str, Ranges]:
        """Frames of the shots, in their order, that are in a clip; all of those in ``keep``."""
        whole = set(keep)
        covered: dict[str, list[tuple[int, int]]] = {}
        for clip in clips:
            covered.setdefault(clip.shot, []).append(clip.frames)
        return {
            shot.name: shot.ranges if shot.name in whole else _union(covered[shot.name])
            for shot in self.shots
            if shot.name in covered or shot.name in whole
        }

    def shot(self, name: str) -> ShotRows:
        """The rows of a shot.

        Raises:
            UsageError: there is no such shot.
        """
        if name not in self._by_name:
            known = first_few(list(self._by_name), 6)
            raise UsageError(
                f"The emotion data base has no shot '{name}'.", advice=f"It has {known}."
            )
        return self._by_name[name]

    def row(self, name: str, frame: int) -> int:
        """The row of a frame; UsageError as :meth:`shot` and :meth:`ShotRows.place`."""
        found = self.shot(name)
        return found.start + found.place(frame)

    def held_row(self, name: str, place: int) -> int:
        """The row at a place of a shot, as runtimes call it.

        Raises:
            UsageError: there is no such row.
        """
        found = self.shot(name)
        if not 0 <= place < found.size:
            raise UsageError(
                f"Shot '{name}' has {found.size} rows in the emotion data base; there is no row "
                f"{place}."
            )
        return found.start + place

    def not_learned(self, name: str, place: int) -> str:
        """Why a row should not be held, with what may be; empty where training touches it."""
        found = self.shot(name)
        if self.held_row(name, place) in _learned_rows(found):
            return ""
        spans = [f"{found.place(first)} to {found.place(last)}" for first, last in found.learned]
        own = f"of which {', '.join(spans)} are" if spans else "which is not trained on"
        others = first_few([f"'{shot.name}'" for shot in self.shots if shot.learned], 6)
        return (
            f"Expected a frame whose emotion is learned, found frame {place} of shot '{name}', "
            f"{own}. Shots with learned emotions: {others or 'none'}."
        )

    def to_json(self) -> str:
        """The table as text."""
        shots = [
            [
                shot.name,
                shot.start,
                *([list(own) for own in kind] for kind in (shot.ranges, shot.learned)),
            ]
            for shot in self.shots
        ]
        return json.dumps({"format": FORMAT, "shots": shots})

    @classmethod
    def from_json(cls, text: str) -> RowTable:
        """What :meth:`to_json` gave.

        Raises:
            DataError: the text is another one.
        """
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                raise ValueError(f"format {found['format']}")
            return cls(
                ShotRows(
                    str(name),
                    int(start),
                    *(tuple((int(a), int(b)) for a, b in kind) for kind in (ranges, learned)),
                )
                for name, start, ranges, learned in found["shots"]
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"This is no table of emotion rows of format {FORMAT}: {error}.") from (
                error
            )


def muted_names(muted: Sequence[MutedShot], *, taken: Iterable[str] = ()) -> list[str]:
    """``muted_<shot>_<frame>`` of each muted shot, with a number where that is taken already."""
    used, names = set(taken), []
    for shot in muted:
        plain = name = f"muted_{shot.source_shot}_{shot.source_frame}"
        number = 2
        while name in used:
            name = f"{plain}_{number}"
            number += 1
        used.add(name)
        names.append(name)
    return names


def _shared(some: Ranges, others: Ranges) -> Ranges:
    """Frames in both, each in order."""
    both = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return _union(both)


def _union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(own for own in ranges if own[0] <= own[1]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


class ImplicitEmotions(nn.Module):
    """The vectors, trainable: ``weight`` (rows, length), drawn from N(0, sigma²).

    Args:
        num_rows: of the table.
        length: of a vector.
        sigma: of the initial values.
    """

    def __init__(self, num_rows: int, length: int = 16, sigma: float = 0.01) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_rows, length) * sigma)

    def forward(self, rows: Tensor) -> Tensor:
        """Vectors (…, length) of rows (…)."""
        return nn.functional.embedding(rows, self.weight)


def representative(table: RowTable, vectors: Tensor, shots: Iterable[str]) -> tuple[str, int]:
    """The shot and the place in it whose vector is nearest to the mean over some shots.

    Rows no training touched are left out: what they were drawn as is no emotion.

    Args:
        table: of the rows.
        vectors: (rows, length).
        shots: names, such as those of the neutral shots; where none of theirs is learned, the
            learned rows of all shots count.

    Returns:
        A name and a place, as runtimes call a row.

    Raises:
        UsageError: there is no such shot.
    """
    rows = [row for name in shots for row in _learned_rows(table.shot(name))]
    rows = rows or [row for shot in table.shots for row in _learned_rows(shot)]
    rows = rows or list(range(table.num_rows))
    own = vectors.detach().cpu()[rows].double()
    nearest = rows[int((own - own.mean(0)).square().sum(1).argmin())]
    found = next(s for s in table.shots if s.start <= nearest < s.start + s.size)
    return found.name, nearest - found.start


def _learned_rows(shot: ShotRows) -> list[int]:
    return [
        shot.start + shot.place(frame)
        for first, last in shot.learned
        for frame in range(first, last + 1)
    ]
