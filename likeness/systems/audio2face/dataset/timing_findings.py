"""Sound that lies beside its animation at another time than in the other shots of an actor.

Shots that are all shifted alike are told by the common lag of lips and loudness. The two go
together only loosely: in short sentences whose syllables follow each other evenly, loudness fits
the lips a syllable later as well as at their own time. So one shot is told by
:mod:`.mouth_reading`, which knows how the mouth of this actor follows the sound in the others; by
the same reading :mod:`.exchanged_findings` tells sounds that belong to other shots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from likeness.data.inspection import Finding
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.artefacts import Pairs
from likeness.systems.audio2face.dataset.exchanged_findings import look_at_exchanged
from likeness.systems.audio2face.dataset.mouth_reading import (
    ReadMouth,
    SpokenMouth,
    lip_places,
    read_mouths,
)
from likeness.systems.audio2face.dataset.own_sounds import Curve, OwnSound

FARTHEST_LAG = 0.4
"""Seconds by which sound is moved at most."""
TOO_FAR = 0.07
"""Seconds; lags of single sentences scatter by 0.025."""
_LEAST, _BETTER = 0.35, 0.2
"""Correlation of lips and loudness at their lag from which they say something, and by how much more
it must be than where they should lie."""
_LEAST_READ, _BETTER_READ = 0.25, 0.15
"""The same of a mouth and what is read of its sound; in clean recordings of studio actors it is by
at most 0.08 better elsewhere."""
_MIN_SECONDS, _MIN_POOLED = 1.5, 10.0
_READ_BYTES = 512 * 1024**2
"""Of larger caches shots are looked at until as much was read."""


def timed_shots(shots: Iterable[str], caches: Mapping[str, VertexAnimation]) -> list[str]:
    """Those of some shots whose lips are held against their sounds: not too short, and of large
    caches the first ones, until half a gigabyte is to be read."""
    chosen, read = [], 0
    for shot in shots:
        cache = caches[shot]
        if cache.duration >= _MIN_SECONDS and read <= _READ_BYTES:
            read += 12 * cache.num_frames * cache.num_vertices
            chosen.append(shot)
    return chosen


def look_at_timing(
    sounds: Mapping[str, OwnSound],
    caches: Mapping[str, VertexAnimation],
    lips: Pairs,
    where: str,
) -> Iterable[Finding]:
    """What the lag between lips and sound says.

    Args:
        sounds: of the shots, by shot; those are looked at of which is known what is heard.
        caches: of the skin, by shot, all of one mesh. Of large ones others have looked at some
            frames only, so lips that are no numbers are told here.
        lips: pairs across the mouth.
        where: folder of the sounds, for what concerns them all.
    """
    curves: dict[str, Curve] = {}
    mouths: dict[str, SpokenMouth] = {}
    for shot, sound in sounds.items():
        if sound.heard is None:
            continue
        cache = caches[shot]
        places = lip_places(cache, lips)
        finite = np.isfinite(places).all(axis=(1, 2))
        if not finite.all():
            yield Finding(
                "error",
                "not-finite",
                shot,
                f"Frame {int(np.argmin(finite))} of shot '{shot}' holds coordinates that are no "
                "numbers.",
                "Export the shot again, or leave it out.",
            )
            continue
        curve = lag_correlation(lip_gap(places), sound.loudness, _farthest(cache.fps))
        if curve is not None:
            curves[shot] = curve
            mouths[shot] = SpokenMouth(places.reshape(len(places), -1), sound.heard)
    seconds = sum(caches[shot].duration for shot in curves)
    if not curves or seconds < _MIN_POOLED:
        return
    fps = caches[next(iter(curves))].fps
    pooled = np.median(np.stack(list(curves.values())), axis=0)
    zero = len(pooled) // 2
    common = int(pooled.argmax())
    limit = TOO_FAR * fps
    if abs(common - zero) > limit and pooled[common] > max(_LEAST, pooled[zero] + _BETTER):
        yield Finding(
            "warning",
            "audio-lag",
            where,
            f"Expected sound and lips at one time, found the sounds of all shots "
            f"{apart(common - zero, fps)}.",
            "Check the start of the sounds; 'offset' of clips moves them.",
        )
    told = read_mouths(mouths)
    fits = _fits(told, fps)
    own = {shot: float(curve.max()) for shot, curve in fits.items()}
    exchanged = list(look_at_exchanged(told, own, sounds, fps))
    yield from exchanged
    known = {finding.path for finding in exchanged}
    for shot, lag in _shifted(fits, fps).items():
        if sounds[shot].where in known:
            continue
        yield Finding(
            "warning",
            "audio-shifted",
            sounds[shot].where,
            f"Expected the sound of shot '{shot}' at the time of the lips as in the other "
            f"shots, found it {apart(lag, fps)}.",
            "Export sound and animation over the same range, or set 'offset' of the clip.",
        )


def _fits(mouths: Mapping[str, ReadMouth], fps: float) -> dict[str, Curve]:
    """How well a mouth moves as its sound so many frames later says, for every lag and shot."""
    fits = {}
    for shot, mouth in mouths.items():
        fits[shot] = np.zeros(2 * _farthest(fps) + 1)
        for share, moved, told in zip(mouth.shares, mouth.moved.T, mouth.read.T, strict=True):
            column = lag_correlation(moved, told, _farthest(fps))
            if column is not None:
                fits[shot] += share * column
    return fits


def _shifted(curves: Mapping[str, Curve], fps: float) -> dict[str, int]:
    """Shots whose mouth fits the sound clearly better at another lag than most, in frames."""
    if not curves:
        return {}
    pooled = np.median(np.stack(list(curves.values())), axis=0)
    common = int(pooled.argmax())
    found = {}
    for shot, curve in curves.items():
        own = int(curve.argmax())
        is_better = curve[own] > max(_LEAST_READ, curve[common] + _BETTER_READ)
        if abs(own - common) > TOO_FAR * fps and is_better:
            found[shot] = own - common
    return found


def _farthest(fps: float) -> int:
    return round(FARTHEST_LAG * fps)


def lip_gap(places: NDArray[np.float32]) -> Curve:
    """(F,) mean distance across the mouth, of :func:`.lip_places` (F, 2P, 3)."""
    upper, lower = np.split(places, 2, axis=1)
    return np.linalg.norm(upper - lower, axis=2).mean(1).astype(np.float64)


def lag_correlation(lips: Curve, sound: Curve, farthest: int) -> Curve | None:
    """(2·farthest + 1,) correlation of lips now with sound so many frames later; None if one of
    them does not move."""
    length = len(lips)
    if length < 4 * farthest:
        return None
    found = []
    for lag in range(-farthest, farthest + 1):
        one = lips[max(-lag, 0) : length - max(lag, 0)]
        two = sound[max(lag, 0) : length - max(-lag, 0)]
        if one.std() < 1e-6 or two.std() < 1e-6:
            return None
        found.append(float(np.corrcoef(one, two)[0, 1]))
    return np.array(found)


def apart(frames: int, fps: float) -> str:
    """A lag as findings tell it."""
    return f"{abs(frames) / fps:.2f} s {'later' if frames > 0 else 'earlier'}"
