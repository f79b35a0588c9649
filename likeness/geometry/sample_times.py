"""The frame rate of samples at times, for files that keep a time with every sample."""

from __future__ import annotations

import numpy as np

from likeness.errors import DataError
from likeness.geometry.animation import FrameRateError, checked_rate

_TOLERANCE = 1e-3  # of a frame: files keep times as float32, or as whole ticks


def rate_of_samples(times: np.ndarray, declared_fps: float | None, where: str) -> float:
    """Frames per second of samples at even times (F,) in seconds.

    Args:
        declared_fps: must agree, and is the rate of a single sample.
        where: names the file in errors.

    Raises:
        DataError: times that are uneven, or a single one without a declared rate.
        FrameRateError: another rate than declared.
    """
    times = np.asarray(times, np.float64)
    if len(times) == 1:
        if declared_fps is None:
            raise DataError(f"{where} has a single sample, which has no frame rate.")
        return checked_rate(declared_fps)
    step = (times[-1] - times[0]) / (len(times) - 1)
    even = times[0] + step * np.arange(len(times))
    if not np.isfinite(times).all() or step <= 0 or np.abs(times - even).max() > _TOLERANCE * step:
        raise DataError(
            f"{where}: expected samples at even times, found {times[:4].tolist()} …",
            advice="Export it with one sample a frame.",
        )
    fps = 1.0 / step
    if declared_fps is None:
        return fps
    if abs(fps - declared_fps) * (len(times) - 1) > _TOLERANCE * len(times) * declared_fps:
        raise FrameRateError(
            f"{where} has {fps:g} frames a second, {declared_fps:g} were declared.",
            advice="Correct the declared rate, or export the file again.",
        )
    return declared_fps
