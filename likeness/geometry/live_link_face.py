"""The CSV of Epic's Live Link Face app: 52 ARKit weights, head and eye angles, and a time code.

The time of a row is its time code ``HH:MM:SS:FF.fff``, never its number: the app leaves out frames
it missed. How many frames of the time code make a second is not in the file; it follows from where
the frames start again at 0.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from likeness.errors import DataError, UsageError, no_file
from likeness.geometry.timecode import TimecodeRate
from likeness.geometry.weight_animation import ARKIT_NAMES, WeightAnimation, plain_spelling
from likeness.replacement import replacing

LIVE_LINK_ANGLES = (
    "headYaw", "headPitch", "headRoll", "leftEyeYaw", "leftEyePitch", "leftEyeRoll",
    "rightEyeYaw", "rightEyePitch", "rightEyeRoll",
)  # fmt: skip
"""The columns after the ARKit ones, in radians."""
EYE_ANGLES = ("rightEyePitch", "rightEyeYaw", "leftEyePitch", "leftEyeYaw")
"""Those of the eyes in the order of poses: right before left, x (pitch) before y (yaw)."""

TIMECODE_BASES = (24, 25, 30, 48, 50, 60, 100, 120, 240, 1000)
"""Frames of the time code per second that are recognised without being told."""

_TIMECODE = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})([:;.])(\d{1,4}(?:\.\d{1,9})?)")
_DAY = 24 * 3600
_SWAPPED = {
    "jawLeft": "jawRight", "jawRight": "jawLeft",
    "mouthLeft": "mouthRight", "mouthRight": "mouthLeft",
}  # fmt: skip
# The app names right before left where the face moves to a side.
LIVE_LINK_NAMES = (*(_SWAPPED.get(name, name) for name in ARKIT_NAMES), *LIVE_LINK_ANGLES)
"""All columns in the order of the app."""

_KNOWN = {name.lower(): name for name in LIVE_LINK_NAMES}


def read_live_link_face(path: str | Path, *, timecode_base: float | None = None) -> WeightAnimation:
    """Weights at the times of their time codes, in seconds since the label of midnight.

    Columns may be spelt EyeBlinkLeft, eyeBlinkLeft, "Eye Blink Left" or eyeBlink_L; they are named
    as in :data:`likeness.geometry.weight_animation.ARKIT_NAMES` and :data:`LIVE_LINK_ANGLES`,
    others keep their name. Rows without a face (count 0 and no values) are left out. A take may
    pass midnight; its times go on above 86400.

    Args:
        path: the file.
        timecode_base: frames of the time code per second; needed for a take that lies within one
            second, and for 29.97 or 23.976, which count as 30 and 24. Drop-frame time code, with
            ; or . before the frame, is known by that.

    Raises:
        MissingError: there is no such file.
        UsageError: there is no time code of this base.
        DataError: no Live Link Face file, a row that is none, times that do not rise, or a base
            that cannot be told or does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    lines: list[int] = []
    seconds: list[int] = []
    frames: list[float] = []
    values: list[np.ndarray] = []
    drops = False
    rows = _rows(path)
    _, header = next(rows, (1, []))
    names = _names(path, header)
    for line, row in rows:
        if not row:
            continue
        second, frame, mark = _timecode(path, line, row[0])
        if len(row) > 1 and row[1].strip() == "0" and not any(cell.strip() for cell in row[2:]):
            continue
        if len(row) != len(header):
            raise DataError(f"{path}, line {line}: expected {len(header)} cells, found {len(row)}.")
        values.append(_numbers(path, line, row[2:]))
        drops |= mark != ":"
        lines.append(line)
        seconds.append(second)
        frames.append(frame)
    if not values:
        raise DataError(f"{path}: expected a row with a face, found none.")
    whole, parts = np.array(seconds, np.float64), np.array(frames, np.float64)
    whole += np.cumsum(np.diff(whole, prepend=whole[0]) < -_DAY / 2) * _DAY
    base = _base(path, whole, parts) if timecode_base is None else timecode_base
    rate = TimecodeRate.of(base, drops=drops)
    if parts.max() >= rate.labels:
        raise DataError(
            f"{path}, line {lines[int(parts.argmax())]}: expected frames of the time code below "
            f"{rate.labels}, found {parts.max():g}."
        )
    if (left_out := rate.is_left_out(whole, parts)).any():
        raise DataError(
            f"{path}, line {lines[int(left_out.argmax())]}: expected drop-frame time code, which "
            "leaves out the first frames of a minute, found one of them."
        )
    times = rate.times(whole, parts)
    falls = np.flatnonzero(np.diff(times) <= 0)
    if len(falls):
        line = lines[int(falls[0]) + 1]
        raise DataError(f"{path}, line {line}: expected a time code after the one before, found "
                        "one that is not.")  # fmt: skip
    return WeightAnimation(names, np.stack(values), times)


def write_live_link_face(
    path: str | Path, animation: WeightAnimation, *, timecode_base: int = 60
) -> None:
    """Write the columns of :data:`LIVE_LINK_NAMES`, each spelt with a capital, in one step.

    Columns the animation does not have are 0. Times are seconds since midnight and are rounded to a
    thousandth of a frame of the time code; values have ten decimals.

    Raises:
        UsageError: a column the file has no place for, or times before 0 or too close together.
    """
    unknown = [name for name in animation.names if name not in LIVE_LINK_NAMES]
    if unknown:
        raise UsageError(f"Live Link Face has no columns {', '.join(unknown)}.")
    ticks = np.rint(animation.times * timecode_base * 1000).astype(np.int64)
    if timecode_base < 1 or ticks[0] < 0 or (np.diff(ticks) <= 0).any():
        raise UsageError(
            "A time code counts thousandths of a frame from midnight, each row above the one "
            f"before; these go from {animation.times[0]:g} s to {animation.times[-1]:g} s at "
            f"{timecode_base} frames a second."
        )
    table = np.zeros((animation.num_frames, len(LIVE_LINK_NAMES)))
    table[:, [LIVE_LINK_NAMES.index(name) for name in animation.names]] = animation.weights
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        capital = [name[0].upper() + name[1:] for name in LIVE_LINK_NAMES]
        file.write(",".join(["Timecode", "BlendShapeCount", *capital]) + "\n")
        for tick, row in zip(ticks.tolist(), table.tolist()):
            cells = [_timecode_text(tick, timecode_base), str(len(row))]
            file.write(",".join([*cells, *(f"{value:.10f}" for value in row)]) + "\n")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            for row in reader:
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(
                f"{path}, after line {reader.line_num}: expected comma-separated text, found a "
                f"fault: {error}."
            ) from error


def _names(path: Path, header: list[str]) -> tuple[str, ...]:
    first = [cell.strip().lower() for cell in header[:2]]
    if first != ["timecode", "blendshapecount"]:
        raise DataError(
            f"{path}, line 1: expected the columns Timecode and BlendShapeCount first, found "
            f"{', '.join(header[:2])[:200] or 'nothing'}."
        )
    names = []
    for cell in header[2:]:
        name = cell.strip()
        names.append(_KNOWN.get(plain_spelling(name), name))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or not names:
        raise DataError(
            f"{path}, line 1: expected different columns of weights, found "
            f"{'twice: ' + ', '.join(twice)[:200] if twice else 'none'}."
        )
    return tuple(names)


def _timecode(path: Path, line: int, text: str) -> tuple[int, float, str]:
    match = _TIMECODE.fullmatch(text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3]) > 59:
        raise DataError(
            f"{path}, line {line}: expected a time code HH:MM:SS:FF.fff, found {text[:40]!r}."
        )
    seconds = (int(match[1]) * 60 + int(match[2])) * 60 + int(match[3])
    return seconds, float(match[5]), match[4]


def _numbers(path: Path, line: int, cells: list[str]) -> np.ndarray:
    try:
        values = np.array([float(cell) for cell in cells], np.float32)
    except ValueError as error:
        raise DataError(f"{path}, line {line}: expected numbers, found a cell: {error}.") from error
    if not np.isfinite(values).all():
        column = int(np.flatnonzero(~np.isfinite(values))[0]) + 3
        raise DataError(
            f"{path}, line {line}: expected a finite number in column {column}, found "
            f"{cells[column - 3][:40]!r}."
        )
    return values


def _base(path: Path, whole: np.ndarray, parts: np.ndarray) -> int:
    """Frames of the time code per second, from the rows at which a second ends."""
    passed, steps = np.diff(whole), np.diff(parts)
    within, over = steps[passed == 0], steps[passed == 1]
    if len(within) and len(over):
        # Rows are dropped now and then, also where a second ends: such a second seems shorter. The
        # others agree, so the base is the one most of them name, and of two the larger.
        lengths = np.median(within) - over
        votes = {
            known: int((np.abs(lengths - known) < 0.5).sum())
            for known in TIMECODE_BASES
            if parts.max() < known
        }
        base = max(votes, key=lambda known: (votes[known], known), default=0)
        if base and votes[base]:
            return base
        length = float(np.median(lengths))
        found = f"one that starts again after {length:g} frames, up to {math.floor(parts.max())}"
    else:
        found = "a take that does not pass from one second into the next"
    raise DataError(
        f"{path}: expected a time code with {', '.join(map(str, TIMECODE_BASES))} frames a second, "
        f"found {found}.",
        advice="Give timecode_base, the frames of its time code per second.",
    )


def _timecode_text(tick: int, base: int) -> str:
    frame, thousandth = divmod(tick, 1000)
    second, frame = divmod(frame, base)
    hour, minute = second // 3600 % 24, second // 60 % 60
    return f"{hour:02d}:{minute:02d}:{second % 60:02d}:{frame:02d}.{thousandth:03d}"
