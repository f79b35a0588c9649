"""Faults put into a finished set of studio actors, one shot each, to try inspection with.

Owns what each fault does to the files, and the list of them in ``faults.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError
from likeness.media.audio import write_wav
from likeness.replacement import replacing
from likeness.studio.recording import SAMPLE_RATE

Array = NDArray[np.float32]

FAULTS_FILE = "faults.json"
_SHORT = 0.3  # seconds cut off
_SHIFT = 5  # frames
_TURN = 12.0  # degrees of a head that is not held still
_JUMP = 0.5  # cm by which a head is elsewhere for one frame
_FROZEN = 0.8  # seconds without a new frame


def put_faults(
    root: Path, actor: Path, shots: Sequence[str], codes: Sequence[str], fps: float
) -> None:
    """Damage a shot for each code and write ``faults.json``: path and expected finding.

    Args:
        root: of the dataset. actor: folder of the actor that is damaged.
        shots: at least as many as codes; the first ones are damaged.

    Raises:
        UsageError: a code nobody knows, or too few shots.
    """
    check_faults(codes, len(shots))
    rows = []
    for code, shot in zip(codes, shots, strict=False):
        path = FAULTS[code](actor, shot, fps)
        rows.append({"path": path.relative_to(root).as_posix(), "code": code})
    with replacing(root / FAULTS_FILE) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def check_faults(codes: Sequence[str], shots: int) -> None:
    """Raises UsageError for a code nobody knows, or more codes than shots."""
    unknown = sorted(set(codes) - set(FAULTS))
    if unknown:
        raise UsageError(
            f"There is no fault {', '.join(unknown)}.", advice=f"There are: {', '.join(FAULTS)}."
        )
    if len(codes) > shots:
        raise UsageError(f"{len(codes)} faults need as many shots; there are {shots}.")


def _sound(actor: Path, shot: str) -> Path:
    return actor / "audio" / f"{shot}.wav"


def _skin(actor: Path, shot: str) -> Path:
    return actor / "cache" / "skin" / shot / f"{shot}.npy"


def _heard(path: Path) -> NDArray[np.float64]:
    import soundfile  # only here is a studio set read again

    sound, _ = soundfile.read(path, dtype="float64")
    return np.asarray(sound)


def _short_sound(actor: Path, shot: str, fps: float) -> Path:
    path = _sound(actor, shot)
    write_wav(path, _heard(path)[: -round(_SHORT * SAMPLE_RATE)], SAMPLE_RATE)
    return path


def _shifted_sound(actor: Path, shot: str, fps: float) -> Path:
    path = _sound(actor, shot)
    write_wav(path, np.roll(_heard(path), round(_SHIFT / fps * SAMPLE_RATE)), SAMPLE_RATE)
    return path


def _other_topology(actor: Path, shot: str, fps: float) -> Path:
    return _changed(_skin(actor, shot), lambda frames: frames[:, :-1])


def _moving_head(actor: Path, shot: str, fps: float) -> Path:
    def turned(frames: Array) -> Array:
        angles = np.radians(_TURN) * np.sin(np.linspace(0.0, 2.0 * np.pi, len(frames)))
        cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
        x, y, z = np.moveaxis(frames, 2, 0)
        return np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=2)

    return _changed(_skin(actor, shot), turned)


def _jumping_head(actor: Path, shot: str, fps: float) -> Path:
    def jumped(frames: Array) -> Array:
        frames[len(frames) // 2, :, 1] += _JUMP
        return frames

    return _changed(_skin(actor, shot), jumped)


def _frozen_face(actor: Path, shot: str, fps: float) -> Path:
    def frozen(frames: Array) -> Array:
        first = len(frames) // 3
        frames[first : first + round(_FROZEN * fps)] = frames[first]
        return frames

    return _changed(_skin(actor, shot), frozen)


def _in_metres(actor: Path, shot: str, fps: float) -> Path:
    return _changed(_skin(actor, shot), lambda frames: 0.01 * frames)


def _not_a_number(actor: Path, shot: str, fps: float) -> Path:
    def damaged(frames: Array) -> Array:
        frames[len(frames) // 2, 0] = np.nan
        return frames

    return _changed(_skin(actor, shot), damaged)


def _truncated(actor: Path, shot: str, fps: float) -> Path:
    path = _skin(actor, shot)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def _changed(path: Path, change: Callable[[Array], Array]) -> Path:
    frames = np.ascontiguousarray(change(np.load(path)), "<f4")
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, frames)
    return path


FAULTS: Mapping[str, Callable[[Path, str, float], Path]] = {
    "audio-length": _short_sound,
    "audio-shifted": _shifted_sound,
    "topology": _other_topology,
    "head-motion": _moving_head,
    "head-jump": _jumping_head,
    "face-frozen": _frozen_face,
    "unit": _in_metres,
    "not-finite": _not_a_number,
    "cache-damaged": _truncated,
}
"""Code of the expected finding to what brings it about."""
