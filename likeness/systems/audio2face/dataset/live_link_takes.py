"""Takes of the Live Link Face app: which files belong together, and the face at every frame.

A take is a CSV file with a recording of the same sound beside it. Time comes from the time code of
the rows, never from their number. What becomes of takes is :mod:`.live_link`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError, UsageError
from likeness.geometry.live_link_face import EYE_ANGLES, read_live_link_face
from likeness.geometry.weight_animation import WeightAnimation
from likeness.studio.curves import ARKIT, CHANNELS, EYES
from likeness.studio.expressions import ARKIT_NAMES, EYE_DIRECTIONS, eye_rotations

SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".aac", ".mov", ".mp4")
"""In the order in which the sound of a take is looked for."""
_GAP = 0.1
"""Seconds between two rows above which the face between them is said to be a guess."""
_LEAST_FRAMES = 2
_SLACK = 0.05
"""How far a weight may lie beyond 0 to 1: solvers of trackers overshoot a little."""


@dataclass(frozen=True)
class Take:
    """The files of a take.

    Attributes:
        name: of the shot that comes of it.
        table: the CSV file.
        sound: a sound file or a film.
    """

    name: str
    table: Path
    sound: Path


@dataclass(frozen=True, eq=False)
class TakeFrames:
    """A take at an even frame rate.

    Attributes:
        channels: (F, 79) as :func:`likeness.studio.curves.sample` gives them: ARKit weights and
            the turns of the eyes; head and tongue are still.
        fps: frames per second.
        sound: (samples,) of F / fps seconds.
        holes: stretches without rows, which straight lines fill: seconds from the start of the
            sound to where the face is missing, and how long.
        face_seconds: length of the table.
        sound_seconds: length of the whole sound.
        missing: ARKit shapes that have no column; they stay 0.
        beyond: of shapes with weights below -0.05 or above 1.05, in how many rows that is and the
            farthest weight; all are clipped to 0 to 1.
    """

    channels: NDArray[np.float64]
    fps: float
    sound: NDArray[np.float32]
    holes: tuple[tuple[float, float], ...]
    face_seconds: float
    sound_seconds: float
    missing: tuple[str, ...]
    beyond: Mapping[str, tuple[int, float]]

    @property
    def cut(self) -> float:
        """Seconds of the longer of the two that are not in the frames."""
        return max(self.face_seconds, self.sound_seconds) - self.seconds

    @property
    def seconds(self) -> float:
        """Length of the frames."""
        return len(self.channels) / self.fps


def find_takes(source: str | Path) -> tuple[list[Take], list[dict[str, str]]]:
    """The takes in a folder and the folders in it, and the tables that are none, with reasons.

    Sound belongs to a table by its whole stem; else the only sound of a folder to its only table.
    Tables without the columns of the app are passed over where no sound has their name, and those
    that end in ``_raw`` always.

    Raises:
        DataError: there is no take, or two of one name.
    """
    folder = Path(source)
    if not folder.is_dir():
        raise DataError(f"Expected a folder with takes of Live Link Face at '{source}'.")
    takes: list[Take] = []
    skipped: list[dict[str, str]] = []
    for place in (folder, *sorted(p for p in folder.iterdir() if _is_shown(p) and p.is_dir())):
        files = sorted(p for p in place.iterdir() if p.is_file() and _is_shown(p))
        sounds = [p for suffix in SOUNDS for p in files if p.suffix.lower() == suffix]
        faults = {
            p: _table_fault(p)
            for p in files
            if p.suffix.lower() == ".csv" and not p.stem.lower().endswith("_raw")
        }
        tables = [table for table, fault in faults.items() if fault is None]
        for table, fault in faults.items():
            if fault is not None and any(p.stem == table.stem for p in sounds):
                skipped.append({"file": table.relative_to(folder).as_posix(), "reason": fault})
        for table in tables:
            mine = [p for p in sounds if p.stem == table.stem]
            if not mine and len(tables) == 1 and len({p.stem for p in sounds}) == 1:
                mine = sounds
            if mine:
                takes.append(Take(_shot_name(table.stem), table, mine[0]))
            else:
                shown = table.relative_to(folder).as_posix()
                skipped.append({"file": shown, "reason": f"no sound named {table.stem}.wav"})
    names = [take.name for take in takes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"Expected takes of different names in '{source}', found twice: {', '.join(twice)}.",
            advice="Rename the CSV file and its sound.",
        )
    if not takes:
        reasons = "; ".join(f"{row['file']}: {row['reason']}" for row in skipped[:3])
        raise DataError(
            f"Expected takes in '{source}', a CSV file of Live Link Face with its sound, found "
            f"none. {reasons}".rstrip(),
            advice=f"Put the sound beside the table under its name, as {', '.join(SOUNDS)}.",
        )
    return takes, skipped


def take_frames(
    animation: WeightAnimation,
    sound: NDArray[np.floating],
    rate: int,
    fps: float,
    *,
    sound_start: float = 0.0,
) -> TakeFrames:
    """The face in the middle of every frame, (k + 0.5) / fps seconds from the start of the sound.

    The first frame is the first one whose middle both have; sound before it is cut off.

    Args:
        animation: rows of the app; shapes it lacks are 0.
        sound: (samples,).
        rate: samples per second.
        fps: frames per second wanted.
        sound_start: seconds from the first row to the start of the sound.

    Raises:
        DataError: face and sound have less than two frames in common, or nothing says how far the
            jaw is open.
    """
    missing = tuple(name for name in ARKIT_NAMES if name not in animation.names)
    if "jawOpen" in missing:
        raise DataError(
            f"Expected a column JawOpen, found none among {len(animation.names)} columns: the "
            "mouth would never open.",
            advice="Record with all shapes of the face, or correct the name of the column.",
        )
    if not (np.isfinite(fps) and fps > 0):
        raise UsageError(f"A frame rate must be a number above 0, got {fps}.")
    times = animation.times - animation.times[0] - sound_start
    seconds = len(sound) / rate
    first = max(int(np.ceil(times[0] * fps - 0.5 - 1e-6)), 0)
    steps = np.diff(times)
    hold = float(np.median(steps)) if len(steps) else 0.0
    last = int(np.floor(min((times[-1] + hold) * fps - 0.5, seconds * fps - 1.0) + 1e-6))
    count = last - first + 1
    if count < _LEAST_FRAMES:
        raise DataError(
            f"Expected face and sound of one time, found a face from {times[0]:.2f} s to "
            f"{times[-1]:.2f} s and sound from 0 s to {seconds:.2f} s.",
            advice="Give sound_start, the seconds from the first row to the start of the sound.",
        )
    middles = (np.arange(first, last + 1) + 0.5) / fps
    channels = np.zeros((count, len(CHANNELS)))
    beyond: dict[str, tuple[int, float]] = {}
    for column, name in enumerate(ARKIT_NAMES):
        if name in animation.names:
            given = animation.weights[:, animation.names.index(name)]
            channels[:, ARKIT.start + column] = np.interp(middles, times, given)
            over = np.maximum(given - 1, -given)
            if rows := int((over > _SLACK).sum()):
                beyond[name] = rows, round(float(given[over.argmax()]), 4)
    channels[:, ARKIT] = np.clip(channels[:, ARKIT], 0.0, 1.0)
    channels[:, EYES] = _turns(animation, middles, times, channels[:, ARKIT])
    begin, end = round(first / fps * rate), round((last + 1) / fps * rate)
    kept = np.asarray(sound[begin:end], np.float32)
    inside = (times[1:] > middles[0]) & (times[:-1] < middles[-1])
    holes = [
        (float(times[i] + hold), float(steps[i] - hold))
        for i in np.flatnonzero((steps > _GAP) & inside)
    ]
    face = float(times[-1] - times[0]) + hold
    return TakeFrames(channels, fps, kept, tuple(holes), face, seconds, missing, beyond)


def _turns(
    animation: WeightAnimation,
    middles: NDArray[np.float64],
    times: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(F, 4) degrees of both eyes, right before left: by the shapes of the look or, in a table that
    leaves these at 0, by its angles."""
    if not weights[:, EYE_DIRECTIONS].any() and set(EYE_ANGLES) <= set(animation.names):
        given = [animation.weights[:, animation.names.index(name)] for name in EYE_ANGLES]
        return np.degrees(np.stack([np.interp(middles, times, one) for one in given], axis=1))
    left, right = np.moveaxis(np.degrees([eye_rotations(row)[:, :2] for row in weights]), 1, 0)
    return np.concatenate([right, left], axis=1)


def read_take(
    take: Take,
    sound: NDArray[np.floating],
    rate: int,
    fps: float,
    *,
    timecode_base: float | None = None,
    sound_start: float = 0.0,
) -> TakeFrames:
    """The frames of a take; see :func:`take_frames` and :func:`read_live_link_face`."""
    animation = read_live_link_face(take.table, timecode_base=timecode_base)
    return take_frames(animation, sound, rate, fps, sound_start=sound_start)


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".")


def _table_fault(path: Path) -> str | None:
    """Why a CSV file is no table of the app; None: it is one, by its first column."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return f"expected a table of Live Link Face, found what cannot be read: {error}"
    if not any(cell.strip() for cell in header):
        return "expected a row with the names of columns, found an empty one or none"
    if header[0].strip().lower() != "timecode":
        return f"expected Timecode as the first column, found {header[0].strip()[:40]!r}"
    return None


def _shot_name(stem: str) -> str:
    return re.sub(r"[^\w.-]+", "_", stem).strip("._-") or "take"
