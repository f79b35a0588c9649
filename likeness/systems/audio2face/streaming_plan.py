"""Which windows of sound a stream is cut into, and which frames each of them gives.

Owns the arithmetic of windows only; imports no torch. At 60 fps a window of one second gives 60
frames, of which the middle 30 are kept, and the next window starts half a second later.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from likeness.errors import UsageError
from likeness.systems.audio2face.networks.diffusion_settings import WindowSettings

_LOG = logging.getLogger(__name__)

SAMPLE_RATE = 16000
FRAME_RATES = (24, 25, 30, 48, 50, 60)

# Left, centre, right: the window advances, and its first kept frame lies, at whole samples.
_FRAMES = {
    24: (6, 12, 6), 25: (6, 13, 6), 30: (6, 15, 9), 48: (12, 24, 12), 50: (12, 25, 13),
    60: (15, 30, 15),
}  # fmt: skip


@dataclass(frozen=True)
class StreamingPlan:
    """The windows of a stream.

    Attributes:
        window: samples.
        padding_left: zeros before the sound.
        padding_right: zeros after it.
        left: frames of a window before those that are kept.
        centre: frames that are kept.
        right: frames after them.
        fps: frames per second.
    """

    window: int
    padding_left: int
    padding_right: int
    left: int
    centre: int
    right: int
    fps: Fraction

    @classmethod
    def of(cls, settings: WindowSettings, fps: float) -> StreamingPlan:
        """The plan of a frame rate; frames that the settings leave open follow from it.

        What the arithmetic of runtimes would cut off is warned of.

        Raises:
            UsageError: no such frame rate, or frames that do not fill the window.
        """
        rate = round(fps)
        if rate not in FRAME_RATES or abs(fps - rate) > 1e-6:
            raise UsageError(
                f"The diffusion network speaks at {', '.join(map(str, FRAME_RATES))} frames per "
                f"second, not {fps:g}.",
                advice="Choose one of them; recordings at other rates are resampled.",
            )
        left, centre, right = (
            usual if own is None else own
            for own, usual in zip(
                (settings.left, settings.centre, settings.right), _FRAMES[rate], strict=True
            )
        )
        total = left + centre + right
        if total * SAMPLE_RATE != rate * settings.window:
            raise UsageError(
                f"A window of {settings.window} samples holds {rate} · {settings.window} / "
                f"{SAMPLE_RATE} = {rate * settings.window / SAMPLE_RATE:g} frames, and left {left},"
                f" centre {centre} and right {right} make {total}.",
                advice="Let them make as many, or leave them null.",
            )
        frame = Fraction(settings.window, total)
        before = settings.padding_left / frame
        if before.denominator != 1 or before < left:
            raise UsageError(
                f"Before the sound stand {settings.padding_left} samples of zeros, "
                f"{float(before):g} frames; expected a whole number of frames, {left} or more.",
                advice="Let 'padding_left' be as long as 'window'.",
            )
        plan = cls(
            settings.window, settings.padding_left, settings.padding_right, left, centre, right,
            Fraction(rate),
        )  # fmt: skip
        for remark in plan.remarks():
            _LOG.warning("%s", remark)
        return plan

    @property
    def num_frames(self) -> int:
        """Frames of a window."""
        return self.left + self.centre + self.right

    @property
    def samples_per_frame(self) -> Fraction:
        """Often no whole number."""
        return Fraction(self.window, self.num_frames)

    @property
    def stride(self) -> Fraction:
        """Samples between windows."""
        return self.centre * self.samples_per_frame

    @property
    def target_offset(self) -> Fraction:
        """Samples from the start of a window to its first kept frame."""
        return self.left * self.samples_per_frame

    @property
    def drop(self) -> int:
        """Kept frames that lie before the sound."""
        return int(self.padding_left / self.samples_per_frame) - self.left

    @property
    def look_ahead(self) -> tuple[float, float]:
        """Seconds of sound needed after the last and the first kept frame of a window."""
        frames = self.right, self.right + self.centre
        return float(frames[0] / self.fps), float(frames[1] / self.fps)

    def remarks(self) -> list[str]:
        """What runtimes would cut off, a sentence each."""
        frames = f"left {self.left}, centre {self.centre} and right {self.right}"
        return [f"With {frames}, {fault}." for fault in self.faults]

    @property
    def faults(self) -> list[str]:
        """Where runtimes, which count whole samples and pad the sound once, put frames elsewhere or
        give none; parts of a sentence."""
        parts = {"first kept frame": self.target_offset, "stride": self.stride}
        cut = [
            f"the {what} of a window lies at {float(value):.1f} samples; runtimes cut that to a "
            "whole number, and every frame is late by the rest"
            for what, value in parts.items()
            if value.denominator != 1
        ]
        return [*cut, *self._padding_faults()]

    def _padding_faults(self) -> Iterator[str]:
        """Frames of the sound that no window of the padded sound gives, or gives at its time."""
        first = self.target_offset - self.padding_left
        late = -self.padding_left % self.samples_per_frame
        if first > 0:
            yield (
                f"{self.padding_left} samples of zeros stand before the sound, and "
                f"{math.ceil(first / self.samples_per_frame)} frames before the first kept one of "
                f"the first window are never given; {float(self.target_offset):g} zeros are enough"
            )
        elif late:
            yield (
                f"{self.padding_left} samples of zeros before the sound are no whole number of "
                f"frames, and every frame is late by {float(late):.1f} samples"
            )
        # Of the last frame of a sound one sample at least is in it.
        least = math.ceil(self.window - self.target_offset) - 1
        if self.padding_right < least:
            yield (
                f"{self.padding_right} samples of zeros stand after the sound, and no window may "
                f"reach its last frames; {least} zeros are enough"
            )

    def noise_remark(self, levels: int, values: int) -> str | None:
        """What is wrong with the noise of a window for runtimes, which draw even counts alone.

        Args:
            levels: of run time; noise has one slice more.
            values: of a frame, 3V + 3Vt + jaw + eye.
        """
        if (levels + 1) * self.num_frames * values % 2 == 0:
            return None
        return (
            f"A window takes {levels + 1} x {self.num_frames} x {values} noise values, an odd "
            "number, which runtimes refuse: the run can be used here and not as a package. "
            f"{levels + 1} denoising steps, or another frame rate, make it even."
        )

    def start(self, number: int) -> int:
        """First sample of a window, counted from the start of the sound; negative at first."""
        return math.floor(number * self.stride) - self.padding_left

    def frames_of(self, num_samples: int) -> int:
        """Frames of a sound: ceil(n / rate · fps)."""
        return math.ceil(Fraction(num_samples, SAMPLE_RATE) * self.fps)

    def num_windows(self, num_samples: int) -> int:
        """Windows that fit into the padded sound, as published."""
        padded = num_samples + self.padding_left + self.padding_right
        return max(0, math.floor((padded - self.window) / self.stride) + 1)

    def needed_windows(self, num_samples: int) -> int:
        """Windows until the last frame of the sound; later ones would be thrown away."""
        return math.ceil(Fraction(self.frames_of(num_samples) + self.drop, self.centre))


def whole_track_frames(num_samples: int, fps: float) -> int:
    """Frames of a sound that is heard as one window: int(n / rate · fps)."""
    return int(Fraction(num_samples, SAMPLE_RATE) * Fraction(fps))
