"""Video files: frames with their times in, H.264 with AAC sound out, turntables and contact sheets.

Frames are (H, W, 3) float32 RGB in [0, 1]. Sound files are :mod:`likeness.media.audio`.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace
from PIL import Image

from likeness.errors import DataError, UsageError
from likeness.media.drawing import draw_grid
from likeness.media.image import resize
from likeness.storage.files import replacing

_LOG = logging.getLogger(__name__)
_BT709 = 1  # colour description of ISO/IEC 23001-8: primaries, transfer and matrix share the number
_UNSPECIFIED = 2
_LIMITED_RANGE = 1


@dataclass(frozen=True)
class Frame:
    """One picture of a video and when it is shown."""

    time: float
    """Seconds from the start of the video."""
    image: np.ndarray
    """(H, W, 3) float32 RGB in [0, 1], upright, square pixels."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says about itself."""

    width: int
    """As stored; frames differ when the file asks for rotation or has oblong pixels."""
    height: int
    rate: float
    """Frames per second, the average."""
    duration: float
    """Seconds; 0 when the file does not say."""
    codec: str
    has_audio: bool


def probe_video(path: str | Path) -> VideoInfo:
    """Size, rate and length without decoding. Raises DataError."""
    with _opened(path) as container:
        stream = _video_stream(container, path)
        rate = stream.average_rate or stream.guessed_rate
        length = 0.0
        if stream.duration is not None and stream.time_base is not None:
            length = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            length = container.duration / av.time_base
        return VideoInfo(
            width=stream.width,
            height=stream.height,
            rate=float(rate) if rate else 0.0,
            duration=length,
            codec=stream.codec_context.name,
            has_audio=bool(container.streams.audio),
        )


def read_frames(
    path: str | Path,
    *,
    start: float = 0.0,
    end: float = math.inf,
    rate: float | None = None,
) -> Iterator[Frame]:
    """The frames of a video in order of time, one at a time.

    Args:
        start, end: seconds; frames with start <= time < end.
        rate: frames per second to convert to; output k at ``start + k / rate`` is the frame nearest
            in time. None keeps the frames as they are.

    Raises:
        DataError: no such file, no video in it, or damaged; frames before the damage are given.
    """
    if rate is None:
        for frame in _decoded(path, start):
            if frame.time >= end:
                return
            if frame.time >= start:
                yield frame
        return
    count, previous = 0, None
    for frame in _decoded(path, start - 1.0 / rate):
        # A target belongs to the previous frame as soon as the next one is farther from it.
        while previous is not None and (start + count / rate) < (previous.time + frame.time) / 2:
            if start + count / rate >= end:
                return
            yield Frame(start + count / rate, previous.image)
            count += 1
        previous = frame
    shown = probe_video(path).rate  # the last frame stays as long as the others
    hold = 1.0 / shown - 1e-6 if shown else 0.0
    while previous is not None and start + count / rate < min(end, previous.time + hold):
        yield Frame(start + count / rate, previous.image)
        count += 1


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    *,
    rate: float | Fraction,
    audio: np.ndarray | None = None,
    sample_rate: int = 16_000,
    quality: int = 18,
) -> Path:
    """Write an H.264 (yuv420p, BT.709) MP4 that every player opens; appears whole or not at all.

    Args:
        frames: (H, W, 3) pictures in [0, 1], all of one size; odd sizes get one more row or column
            by repetition, since 4:2:0 needs even ones.
        rate: frames per second.
        audio: (samples,) float mono in [-1, 1], stored as AAC.
        sample_rate: of ``audio``, Hz.
        quality: x264's constant rate factor; 18 is visually lossless, larger is smaller.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"Cannot write a video as '{path.name}'.", advice="Use the ending .mp4.")
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError("a video needs at least one frame")
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream: Any = container.add_stream(
            "libx264", rate=Fraction(rate).limit_denominator(100_000)
        )
        stream.width, stream.height = (length + length % 2 for length in first.shape[1::-1])
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(quality), "movflags": "+faststart"}
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        sound = _Sound(container, audio, sample_rate) if audio is not None else None
        index = 0
        image: np.ndarray | None = first
        while image is not None:
            if image.shape != first.shape:
                raise ValueError(f"frame {index} has shape {image.shape}, the first {first.shape}")
            container.mux(stream.encode(_to_yuv(image)))
            index, image = index + 1, next(frames, None)
            if sound is not None:
                sound.write_until(index / rate)
        container.mux(stream.encode())
        if sound is not None:
            sound.close()
    return path


def write_animation(
    path: str | Path,
    frames: Iterable[np.ndarray],
    *,
    rate: float,
    quality: int = 80,
) -> Path:
    """An endless animation as GIF or WebP, e.g. a turntable; appears whole or not at all.

    Frame times are rounded to what the format can say (10 ms for GIF, 1 ms for WebP) without
    letting the error add up. ``quality`` is WebP's.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".gif", ".webp"):
        raise UsageError(
            f"Cannot write an animation as '{path.name}'.", advice="Use .gif or .webp."
        )
    images = [Image.fromarray(_to_bytes(frame)) for frame in frames]
    if not images:
        raise ValueError("an animation needs at least one frame")
    unit = 10 if kind == ".gif" else 1
    ticks = np.rint(np.arange(len(images) + 1) * (1000.0 / rate / unit)).astype(int)
    options: dict[str, Any] = {"duration": (np.diff(ticks) * unit).tolist(), "loop": 0}
    if kind == ".webp":
        options["quality"] = quality
    with replacing(path) as temporary:
        images[0].save(
            temporary, kind[1:].upper(), save_all=True, append_images=images[1:], **options
        )
    return path


def contact_sheet(
    path: str | Path, *, num_frames: int = 16, columns: int = 4, width: int = 240
) -> np.ndarray:
    """Frames spread evenly over a video in one picture, each with its time under it.

    Args:
        width: of each frame in the sheet, pixels.
    """
    times = [frame.time for frame in _decoded(path, 0.0, pictures=False)]
    if not times:
        raise DataError(f"{path} has no frame that can be decoded.", advice="Export it again.")
    positions = (np.arange(min(num_frames, len(times))) + 0.5) * len(times)
    chosen = {int(position / min(num_frames, len(times))) for position in positions}
    frames = [frame for i, frame in enumerate(_decoded(path, 0.0)) if i in chosen]
    height = max(1, round(frames[0].image.shape[0] * width / frames[0].image.shape[1]))
    tiles = [resize(frame.image, (height, width)) for frame in frames]
    labels = [f"{frame.time:.2f} s" for frame in frames]
    split = range(0, len(tiles), columns)
    return draw_grid(
        [tiles[i : i + columns] for i in split], captions=[labels[i : i + columns] for i in split]
    )


def _decoded(path: str | Path, start: float, *, pictures: bool = True) -> Iterator[Frame]:
    """Frames from one at or before ``start`` on, times counted from the stream's first."""
    with _opened(path) as container:
        stream = _video_stream(container, path)
        stream.thread_type = "AUTO"
        base = stream.time_base or Fraction(1, 1000)
        first = (stream.start_time or 0) * base
        ratio = stream.sample_aspect_ratio or Fraction(1)
        try:
            frames = container.decode(stream)
            if start > 0:
                container.seek(int((start + first) / base), stream=stream)
                landed = next(frames, None)
                # Program streams have no index: a seek there may land late, so read from the front.
                if landed is None or landed.pts is None or landed.pts * base - first > start:
                    container.seek(int(first / base), stream=stream)
                    frames = container.decode(stream)
                else:
                    frames = itertools.chain([landed], frames)
            for frame in frames:
                if frame.pts is None:
                    _LOG.warning("%s: a frame without a time was left out.", path)
                    continue
                image = _to_image(frame, ratio) if pictures else np.empty((0, 0, 3), np.float32)
                yield Frame(float(frame.pts * base - first), image)
        except av.FFmpegError as error:
            raise _damaged(path, error) from error


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    try:
        container = av.open(str(path))
    except av.FFmpegError as error:
        if not Path(path).is_file():
            raise DataError(
                f"Expected a video file at {path}; there is none.", advice="Check the path."
            ) from error
        raise _damaged(path, error) from error
    with container:
        yield container


def _video_stream(container: Any, path: str | Path) -> Any:
    if not container.streams.video:
        raise DataError(
            f"{path} has no video stream; it holds {[s.type for s in container.streams]}.",
            advice="Give a file with pictures in it.",
        )
    return container.streams.video[0]


def _to_image(frame: Any, ratio: Fraction) -> np.ndarray:
    """Upright RGB with square pixels."""
    source = frame.colorspace
    if source == _UNSPECIFIED:  # what players assume: the standard of the picture's size
        source = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    rgb = frame.reformat(
        width=max(1, round(frame.width * ratio)), format="rgb24", src_colorspace=source
    ).to_ndarray()
    turns = round(frame.rotation / 90)  # the display matrix counts counter-clockwise, as rot90 does
    return np.rot90(rgb, turns).astype(np.float32) / np.float32(255)


def _to_yuv(image: np.ndarray) -> Any:
    pixels = _to_bytes(image)
    pixels = np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), "edge")
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)


def _to_bytes(image: np.ndarray) -> np.ndarray:
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


class _Sound:
    """Feeds sound to the file in step with the pictures, so that players need not seek for it."""

    def __init__(self, container: Any, audio: np.ndarray, sample_rate: int) -> None:
        if np.ndim(audio) != 1:
            raise ValueError(f"expected mono sound (samples,), found shape {np.shape(audio)}")
        self._container, self._sample_rate, self._sent = container, sample_rate, 0
        self._samples = np.ascontiguousarray(np.clip(audio, -1.0, 1.0), np.float32)
        self._stream = container.add_stream("aac", rate=sample_rate)
        self._stream.layout = "mono"

    def write_until(self, seconds: float) -> None:
        end = min(round(seconds * self._sample_rate), len(self._samples))
        if end <= self._sent:
            return
        part = self._samples[None, self._sent : end]
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = self._sample_rate, self._sent
        frame.time_base = Fraction(1, self._sample_rate)
        self._sent = end
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self.write_until(len(self._samples) / self._sample_rate)
        self._container.mux(self._stream.encode())


def _damaged(path: str | Path, error: Exception) -> DataError:
    return DataError(
        f"{path} is damaged or in an unknown format: {error}.",
        advice="Convert it, e.g. to H.264 in MP4, or leave it out.",
    )
