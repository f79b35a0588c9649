"""The mouth of a shot as its sound and the other shots of the actor say it.

Owns a reader of lips without a network: a line from what is heard within a tenth of a second to how
the lips lie. Which time a sound belongs to is judged by :mod:`.timing_findings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.artefacts import Pairs
from likeness.systems.audio2face.baselines import RidgeLine
from likeness.systems.audio2face.log_mel import log_mel_windows

_FOLDS = 5
"""Readers that are fitted: each shot is read by one that has not seen it."""
_STRENGTH = 300.0
"""Of the ridge, for standardised features of half a minute and more."""
_COLUMNS = (13, slice(4, 9))
"""Of the columns of a log-mel window those within 0.09 s. All of them would know of a shift as long
as a window, and tell sentences by heart in a small set."""
_MOTIONS = 10
"""Ways of the lips to move that are read, the largest."""
_STILL = 1e-3
"""Of the largest motion: smaller ones are noise of the numbers."""
_SURE = 0.95
"""Correlation above which a motion counts no more."""

Rows = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SpokenMouth:
    """A shot beside its sound.

    Attributes:
        lips: (F, 3n) places of n vertices along both lips, cm.
        heard: (F, 200) log-mel energies around every frame.
    """

    lips: NDArray[np.float32]
    heard: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ReadMouth:
    """How a mouth moves and how its sound says it does.

    Attributes:
        moved, read: (F, D) both along the same D motions of the lips.
        shares: (D,) of what sound tells of each motion at all; their sum is 1, or 0 where sound
            tells nothing.
    """

    moved: Rows
    read: Rows
    shares: Rows


def lip_places(cache: VertexAnimation, lips: Pairs) -> NDArray[np.float32]:
    """(F, 2P, 3) the upper vertices of the P pairs across the mouth, then the lower ones; cm."""
    vertices = np.concatenate([lips.upper, lips.lower])
    return np.concatenate([block[:, vertices] for block in cache.blocks()])


def heard_around(samples: NDArray[np.floating], num_frames: int, fps: float) -> NDArray[np.float32]:
    """(F, 200) log-mel energies around every frame, of speech (n,) at 16 kHz."""
    windows = log_mel_windows(samples, num_frames, fps)
    count, middle = _COLUMNS
    return windows.reshape(num_frames, count, -1)[:, middle].reshape(num_frames, -1)


def read_mouths(mouths: Mapping[str, SpokenMouth]) -> dict[str, ReadMouth]:
    """Every shot as others tell it; nothing for fewer than two, or for lips that do not move."""
    names = list(mouths)
    if len(names) < 2:
        return {}
    moved = _along_motions({shot: mouth.lips for shot, mouth in mouths.items()})
    if not moved[names[0]].shape[1]:
        return {}
    read: dict[str, Rows] = {}
    folds = min(_FOLDS, len(names))
    for fold in range(folds):
        asked = set(names[fold::folds])
        known = [shot for shot in names if shot not in asked]
        line = RidgeLine.fit(
            np.concatenate([mouths[shot].heard for shot in known]),
            np.concatenate([moved[shot] for shot in known]),
            _STRENGTH,
        )
        read |= {shot: line(mouths[shot].heard) for shot in asked}
    shares = _told(moved, read)
    return {shot: ReadMouth(moved[shot], read[shot], shares) for shot in names}


def _along_motions(lips: Mapping[str, NDArray[np.float32]]) -> dict[str, Rows]:
    """Lips (F, 3n) along their principal motions over all shots, each of deviation 1."""
    stacked = np.concatenate(list(lips.values())).astype(np.float64)
    middle = stacked.mean(axis=0)
    away = stacked - middle
    sizes, motions = np.linalg.eigh(away.T @ away / len(away))
    deviations = np.sqrt(np.maximum(sizes[::-1][:_MOTIONS], 0.0))
    kept = deviations > max(_STILL * deviations[0], 1e-6)
    axes = motions[:, ::-1][:, :_MOTIONS][:, kept] / deviations[kept]
    return {shot: (places - middle) @ axes for shot, places in lips.items()}


def _told(moved: Mapping[str, Rows], read: Mapping[str, Rows]) -> Rows:
    """Shares by the ratio of what is told of a motion to what is not: r² / (1 - r²)."""
    one = np.concatenate([rows - rows.mean(axis=0) for rows in moved.values()])
    two = np.concatenate([read[shot] - read[shot].mean(axis=0) for shot in moved])
    scale = np.maximum(np.sqrt((one**2).mean(axis=0) * (two**2).mean(axis=0)), 1e-12)
    square = np.clip((one * two).mean(axis=0) / scale, 0.0, _SURE) ** 2
    ratios = square / (1.0 - square)
    return np.asarray(ratios / max(float(ratios.sum()), 1e-12))
