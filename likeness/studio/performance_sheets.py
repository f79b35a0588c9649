"""Sheets to look at performances: strips of speech, the emotions, a blink, sound over movement.

Owns what is put beside what. The pictures are arrays; nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likeness.media.drawing import BLACK, BLUE, GREEN, RED, Colour, draw_grid, draw_line, draw_text
from likeness.speech.phonemes import units_of
from likeness.speech.timeline import EMOTIONS, SILENCE, Emotion, Span, Timeline, Utterance
from likeness.studio import blinks
from likeness.studio.articulation import placed_units
from likeness.studio.closures import Lips
from likeness.studio.curves import ARKIT, CHANNELS, Curves, at_times, grid_times
from likeness.studio.emotions import expression_of
from likeness.studio.figure import Sitter
from likeness.studio.performance_film import photograph_frames
from likeness.studio.scene import Scene

Picture = NDArray[np.float32]

_ARPABET = {
    "iː": "IY", "i": "iy", "ɪ": "IH", "ᵻ": "ix", "e": "EY", "ɛ": "EH", "æ": "AE", "a": "A",
    "ɑː": "AA", "ʌ": "AH", "ə": "ax", "ɐ": "ah", "ɔː": "AO", "ɔ": "ao", "o": "OW", "ʊ": "UH",
    "uː": "UW", "ɜː": "ER", "ɚ": "axr", "y": "UE", "ø": "OE", "œ": "oe", "θ": "TH", "ð": "DH",
    "ɾ": "DX", "ʃ": "SH", "ʒ": "ZH", "tʃ": "CH", "dʒ": "JH", "r": "RR", "ɹ": "R", "j": "Y",
    "ɥ": "JW", "ɡ": "G", "ŋ": "NG", "ʔ": "Q", SILENCE: "-",
}  # fmt: skip
"""Units in letters every font has, after ARPABET."""

_GREY: Colour = (0.78, 0.78, 0.80)
_CONTACT: Colour = (0.96, 0.72, 0.70)
_PANEL = 110
_MARGIN = 12


def letters(unit: str) -> str:
    """A unit in plain letters."""
    return _ARPABET.get(unit, unit.upper())


def speech_strip(
    sitter: Sitter,
    curves: Curves,
    timeline: Timeline,
    *,
    yaw: float = 0.0,
    count: int = 36,
    columns: int = 9,
    size: int = 256,
) -> Picture:
    """Faces at even times from the first sound to the last, each with its unit under it.

    Args:
        sitter: who performs.
        curves: the performance.
        timeline: of the utterance.
        yaw: degrees the sitter is turned toward the right of the picture.
        count: of faces.
        columns: faces in a row.
        size: side of the photographs, of which the face is shown.
    """
    sounds = list(timeline.sounding())
    first, last = sounds[0].start, sounds[-1].end
    times = first + (np.arange(count) + 0.5) * (last - first) / count
    scene = Scene.portrait(yaw=yaw)
    pictures = [
        _face(picture.image)
        for picture in photograph_frames(sitter, scene, size, at_times(curves.values, times))
    ]
    units = placed_units(timeline)
    names = [
        next(letters(unit.name) for unit in units if unit.start <= time < unit.end)
        for time in times
    ]
    captions = [f"{name} {time:.2f}" for name, time in zip(names, times)]
    return _sheet(pictures, captions, columns)


def emotion_sheet(sitter: Sitter, *, columns: int = 4, size: int = 256) -> Picture:
    """Neutral and the ten emotions at full intensity, without speech."""
    names: tuple[Emotion, ...] = ("neutral", *EMOTIONS)
    frames = np.zeros((len(names), len(CHANNELS)))
    for row, name in zip(frames, names):
        row[ARKIT] = expression_of(name)
    pictures = photograph_frames(sitter, Scene.portrait(), size, frames)
    return _sheet([_face(picture.image) for picture in pictures], list(names), columns)


def blink_strip(sitter: Sitter, *, fps: float = 60.0, columns: int = 6, size: int = 384) -> Picture:
    """One blink of both eyes, frame by frame."""
    keys = blinks.blink_keys(fps)
    frames = np.zeros((len(keys), len(CHANNELS)))
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        frames[:, CHANNELS.index(name)] = keys
    pictures = [
        _cut(picture.image, (0.34, 0.60), (0.26, 0.74))
        for picture in photograph_frames(sitter, Scene.portrait(), size, frames)
    ]
    captions = [f"{1000 * n / fps:.0f} ms {key:.2f}" for n, key in enumerate(keys)]
    return _sheet(pictures, captions, columns)


def sound_and_lips(
    utterance: Utterance, curves: Curves, head: Lips, *, width: int = 1600
) -> Picture:
    """Waveform with segments, closures and contacts of the lips, over the gap between the lips and
    the shapes that make it.

    Args:
        utterance: what is heard.
        curves: what is seen.
        head: whose lips.
        width: of the picture in pixels.
    """
    chart = _Chart(curves.duration, width, rows=4)
    for segment in utterance.timeline.segments:
        if segment.closure is not None:
            chart.shade(segment.closure, _GREY, last_row=0)
        if segment.contact is not None:
            chart.shade(segment.contact, _CONTACT, last_row=3)
    chart.wave(utterance.audio)
    weights = curves.values[:, ARKIT].astype(np.float64)
    chart.plot(1, "widest gap between the lips, to 30 mm", head.gaps(weights).max(1) / 30.0, RED)
    chart.plot(2, "jawOpen", curves.channel("jawOpen"), GREEN)
    chart.plot(3, "mouthClose (black), mouthPucker", curves.channel("mouthPucker"), BLUE)
    chart.plot(3, "", curves.channel("mouthClose"), BLACK)
    for segment in utterance.timeline.segments:
        chart.name(segment.start, " ".join(letters(unit) for unit in units_of(segment.ipa)))
    return chart.page


class _Chart:
    """Rows of plots over one axis of time."""

    def __init__(self, duration: float, width: int, rows: int) -> None:
        self.page = np.ones((rows * _PANEL + 2 * _MARGIN, width, 3), np.float32)
        self._scale = (width - 2 * _MARGIN) / duration
        self._times = grid_times(duration)

    def _across(self, time: float) -> float:
        return _MARGIN + self._scale * time

    def shade(self, span: Span, colour: Colour, last_row: int) -> None:
        left, right = (round(self._across(time)) for time in span)
        bottom = _MARGIN + (last_row + 1) * _PANEL
        self.page[_MARGIN:bottom, left : max(right, left + 1)] = colour

    def wave(self, audio: NDArray[np.float32]) -> None:
        middle = _MARGIN + 0.55 * _PANEL
        height = 0.4 * _PANEL / max(float(np.abs(audio).max()), 1e-6)
        for n, piece in enumerate(np.array_split(audio, self.page.shape[1] - 2 * _MARGIN)):
            top, bottom = (round(middle - height * float(v)) for v in (piece.max(), piece.min()))
            self.page[top : bottom + 1, _MARGIN + n] = BLUE

    def plot(self, row: int, title: str, values: NDArray[np.floating], colour: Colour) -> None:
        """A curve of 0..1; ``values`` lie on the grid."""
        bottom = _MARGIN + (row + 1) * _PANEL - 4
        height = np.clip(values, -0.05, 1.0) * (_PANEL - 20)
        points = np.stack([self._across(0.0) + self._scale * self._times, bottom - height], axis=1)
        base = np.array([(points[0, 0], bottom), (points[-1, 0], bottom)])
        self.page = draw_line(draw_line(self.page, base, _GREY), points, colour, width=1.4)
        place = (_MARGIN, _MARGIN + row * _PANEL)
        self.page = draw_text(self.page, title, place, colour=BLACK, background=None)

    def name(self, time: float, text: str) -> None:
        left = self._across(time)
        self.page[_MARGIN : _MARGIN + _PANEL, int(left)] = 0.5
        place = (left + 2, _MARGIN)
        self.page = draw_text(self.page, text, place, size=10.0, colour=BLACK, background=None)


def _face(image: Picture) -> Picture:
    """The middle of a portrait."""
    return _cut(image, (0.28, 0.88), (0.22, 0.78))


def _cut(image: Picture, rows: tuple[float, float], columns: tuple[float, float]) -> Picture:
    height, width = image.shape[:2]
    return image[
        round(rows[0] * height) : round(rows[1] * height),
        round(columns[0] * width) : round(columns[1] * width),
    ]


def _sheet(pictures: Sequence[Picture], captions: Sequence[str], columns: int) -> Picture:
    starts = range(0, len(pictures), columns)
    return draw_grid(
        [pictures[n : n + columns] for n in starts],
        captions=[captions[n : n + columns] for n in starts],
    )
