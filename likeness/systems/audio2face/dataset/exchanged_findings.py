"""Sounds that belong to each other's shots.

Owns the comparison. What a mouth does in a shot is told better by its own sound than by that of any
other shot of its length; where two shots are both told better by the sound of the other, the files
have changed places. Sounds of other lengths than their shots are told by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from likeness.data.inspection import Finding
from likeness.systems.audio2face.dataset.mouth_reading import ReadMouth
from likeness.systems.audio2face.dataset.own_sounds import OwnSound
from likeness.systems.audio2face.dataset.sound_findings import LONGEST_GAP

_LEAST, _BETTER = 0.2, 0.1
"""Correlation of each mouth with what is read of the other's sound, and by how much more it is, on
the mean of both, than with what is read of its own at any time."""
_TOLD = 0.3
"""Median correlation of mouths with what is read of their own sounds from which reading says
something at all; in recordings of studio actors it is 0.5 and more."""


def look_at_exchanged(
    mouths: Mapping[str, ReadMouth],
    own: Mapping[str, float],
    sounds: Mapping[str, OwnSound],
    fps: float,
) -> Iterable[Finding]:
    """A finding for each of the two sounds.

    Args:
        mouths: as the sounds say they move, by shot.
        own: how well a mouth moves as its own sound says, at the time where it does best, by shot.
        sounds: of the shots, by shot.
        fps: frames per second.
    """
    for one, two in _exchanged(mouths, own, fps):
        for shot, other in ((one, two), (two, one)):
            yield Finding(
                "warning",
                "audio-exchanged",
                sounds[shot].where,
                f"Expected the sound of shot '{shot}', found one that fits the mouth of "
                f"'{other}', whose own sound fits the mouth of '{shot}'.",
                "Listen to both, and give each the name of its shot.",
            )


def _exchanged(
    mouths: Mapping[str, ReadMouth], own: Mapping[str, float], fps: float
) -> list[tuple[str, str]]:
    """Pairs of shots, the clearest first; no shot is in two of them."""
    if not own or np.median(list(own.values())) < _TOLD:
        return []
    length = {shot: len(mouths[shot].moved) for shot in own}
    moved = {shot: _standard(mouth.moved) for shot, mouth in mouths.items()}
    read = {shot: _standard(mouth.read) for shot, mouth in mouths.items()}

    def fit(shot: str, other: str) -> float:
        """How far the mouth of a shot moves as the sound of another says."""
        both = min(length[shot], length[other])
        along = (moved[shot][:both] * read[other][:both]).mean(axis=0)
        return float(along @ mouths[shot].shares)

    found = []
    for one, two in _of_one_length(length, fps):
        fits = fit(one, two), fit(two, one)
        better = (sum(fits) - own[one] - own[two]) / 2
        if better > _BETTER and min(fits) > _LEAST:
            found.append((better, one, two))
    pairs: list[tuple[str, str]] = []
    for _, one, two in sorted(found, reverse=True):
        if not {one, two} & {shot for pair in pairs for shot in pair}:
            pairs.append((one, two))
    return pairs


def _of_one_length(length: Mapping[str, int], fps: float) -> Iterator[tuple[str, str]]:
    """Pairs of shots so alike in their numbers of frames that a sound passes for either."""
    shots = sorted(length, key=lambda shot: length[shot])
    for index, one in enumerate(shots):
        for two in shots[index + 1 :]:
            if length[two] - length[one] > LONGEST_GAP * fps:
                break
            yield one, two


def _standard(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns (F, D) of mean 0 and deviation 1; one that does not move stays 0."""
    away = rows - rows.mean(axis=0)
    deviation = away.std(axis=0)
    return np.asarray(away / np.where(deviation < 1e-6, np.inf, deviation))
