"""A small actor with random artefacts and recordings, for tests of the regression system."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from likeness.systems.audio2face.artefacts import (
    CHANNELS,
    ActorArtefacts,
    Basis,
    LipSize,
    Normalisation,
    Pairs,
)
from likeness.systems.audio2face.audio import TrackCache
from likeness.systems.audio2face.implicit_emotions import RowTable
from likeness.systems.audio2face.learning_settings import AudioSettings, SamplingSettings
from likeness.systems.audio2face.regression_items import EmotionLabels, RegressionItems
from likeness.systems.audio2face.shots import Clip, MutedShot, Shot

FPS = 30.0
LENGTHS = {"neutral_1": 20, "joy_1": 12, "joy_2": 1}
VERTICES, SKIN, TONGUE = 24, 6, 3


def pairs(*rows: tuple[int, int]) -> Pairs:
    columns = np.array(rows, np.int64)
    return Pairs(columns[:, 0], columns[:, 1])


def artefacts(*, has_tongue: bool = True, has_lists: bool = True) -> ActorArtefacts:
    rng = np.random.default_rng(7)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    skin = np.linalg.qr(floats(3 * VERTICES, SKIN))[0].T.reshape(SKIN, VERTICES, 3)
    shots = tuple(Shot("a", n, c, FPS, n.split("_")[0]) for n, c in LENGTHS.items())
    if has_tongue:
        tongue = Basis(
            floats(TONGUE, 9, 3), floats(9, 3), {n: floats(c, TONGUE) for n, c in LENGTHS.items()}
        )
    else:
        still = {"placeholder": np.zeros((1, 10), np.float32)}
        zeros = np.zeros((10, 520, 3), np.float32)
        tongue = Basis(zeros, zeros[0], still, is_placeholder=True)
    mean = floats(VERTICES, 3)
    made = ActorArtefacts(
        actor="a",
        fps=FPS,
        shots=shots,
        skin=Basis(
            np.ascontiguousarray(skin, np.float32),
            mean,
            {n: floats(c, SKIN) for n, c in LENGTHS.items()},
        ),
        tongue=tongue,
        jaw_neutral=floats(5, 3),
        jaw={n: floats(c, 5, 3) for n, c in LENGTHS.items() if n != "joy_1"},
        eyes={n: floats(c, 2, 2) for n, c in LENGTHS.items()},
        neutral_skin=mean,
        neutral_tongue=tongue.mean,
        lip_open_delta=np.zeros_like(mean),
        eye_close_delta=np.zeros_like(mean),
        blink_keys=np.zeros(10, np.float32),
        saccades=np.zeros((5000, 2), np.float32),
        normalisation=dict.fromkeys(CHANNELS, Normalisation((0.0, 0.0, 0.0), 1.0)),
    )
    if not has_lists:
        return made
    return replace(
        made,
        lip_distance=pairs((0, 1), (2, 3)),
        lip_size=LipSize(pairs((4, 0), (5, 2)), pairs((1, 6), (3, 7))),
        eye_distance=pairs((8, 9), (10, 11)),
    )


def clip(shot: str, first: int = 0, last: int | None = None, **changes: object) -> Clip:
    end = LENGTHS[shot] - 1 if last is None else last
    plain = Clip("a", shot, first, end, "a", "en", f"{shot}.wav")
    return replace(plain, **changes)  # type: ignore[arg-type]


def write_recordings(folder: Path) -> TrackCache:
    """A recording of each shot whose samples are all different, and a re-voiced one."""
    rng = np.random.default_rng(1)
    names = {**LENGTHS, "aug/v/neutral_1": 20}
    for name, count in names.items():
        file = folder / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        sound = rng.uniform(-0.5, 0.5, round(count / FPS * 16000)).astype(np.float32)
        soundfile.write(file, sound, 16000, subtype="FLOAT")
    return TrackCache(folder)


def items(
    folder: Path,
    clips: list[Clip] | None = None,
    muted: tuple[MutedShot, ...] = (),
    made: ActorArtefacts | None = None,
    sampling: SamplingSettings | None = None,
    **options: object,
) -> RegressionItems:
    made = made or artefacts()
    tracks = write_recordings(folder)
    chosen = [clip("neutral_1"), clip("joy_1")] if clips is None else clips
    return RegressionItems(
        made,
        chosen,
        tracks,
        RowTable.of(made.shots, muted),
        EmotionLabels.of(("neutral", "joy"), "neutral"),
        sampling=sampling or SamplingSettings(),
        audio=AudioSettings(),
        muted=muted,
        **options,  # type: ignore[arg-type]
    )
