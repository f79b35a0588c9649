"""Drawing on pictures: landmarks, lines, boxes, labels and captioned grids.

Coordinates are float pixels with centres at half-integers; nothing is rounded, so a point moves the
picture by fractions of a pixel. Every function returns a new (H, W, 3) picture. Charts are
:mod:`likeness.report.charts`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from likeness.media.image import resize

Colour = tuple[float, float, float]

RED: Colour = (0.90, 0.16, 0.16)
BLUE: Colour = (0.12, 0.42, 0.92)
GREEN: Colour = (0.10, 0.66, 0.30)
YELLOW: Colour = (1.00, 0.82, 0.10)
WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)
_INK: Colour = (0.13, 0.14, 0.16)

CONTOURS_68: tuple[tuple[range, bool], ...] = (
    (range(17), False),  # jaw
    (range(17, 22), False),  # brows
    (range(22, 27), False),
    (range(27, 31), False),  # bridge and base of the nose
    (range(31, 36), False),
    (range(36, 42), True),  # eyes
    (range(42, 48), True),
    (range(48, 60), True),  # lips, outer and inner
    (range(60, 68), True),
)
"""Lines of the 68-point Multi-PIE / 300-W scheme: point numbers, whether the line closes."""


def draw_points(
    image: np.ndarray, points: np.ndarray, colour: Colour = RED, *, radius: float = 1.5
) -> np.ndarray:
    """Filled discs at (N, 2) pixel positions; points outside the frame or NaN are skipped."""
    coverage = np.zeros(image.shape[:2], np.float32)
    height, width = image.shape[:2]
    for point in np.asarray(points, np.float64).reshape(-1, 2):
        if 0 <= point[0] <= width and 0 <= point[1] <= height:  # false for NaN too
            _cover_segment(coverage, point, point, radius)
    return _painted(image, coverage, colour)


def draw_line(
    image: np.ndarray,
    points: np.ndarray,
    colour: Colour = RED,
    *,
    width: float = 1.0,
    closed: bool = False,
) -> np.ndarray:
    """A line through (N, 2) pixel positions with round joints; parts outside the frame are cut."""
    coverage = np.zeros(image.shape[:2], np.float32)
    _cover_line(coverage, np.asarray(points, np.float64), width, closed)
    return _painted(image, coverage, colour)


def draw_box(
    image: np.ndarray, box: Sequence[float], colour: Colour = GREEN, *, width: float = 1.5
) -> np.ndarray:
    """The outline of a box (x0, y0, x1, y1) in pixels."""
    x0, y0, x1, y1 = (float(value) for value in box)
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    return draw_line(image, corners, colour, width=width, closed=True)


def draw_landmarks(
    image: np.ndarray,
    points: np.ndarray,
    colour: Colour = RED,
    *,
    radius: float | None = None,
) -> np.ndarray:
    """Landmarks as dots, and for the 68-point scheme the lines between them.

    Args:
        points: (N, 2) pixel positions of this picture.
        radius: of the dots in pixels; None chooses by the picture's size.
    """
    points = np.asarray(points, np.float64)
    if radius is None:
        radius = max(0.9, min(image.shape[:2]) / 200)
    if len(points) == 68:
        coverage = np.zeros(image.shape[:2], np.float32)
        for numbers, closed in CONTOURS_68:
            _cover_line(coverage, points[list(numbers)], radius * 0.6, closed)
        image = _painted(image, coverage * np.float32(0.55), colour)
    return draw_points(image, points, colour, radius=radius)


def draw_text(
    image: np.ndarray,
    text: str,
    position: tuple[float, float],
    *,
    size: float = 12.0,
    colour: Colour = WHITE,
    background: Colour | None = BLACK,
) -> np.ndarray:
    """A label with its top left corner at ``position`` (x, y), on a plate of ``background``.

    ``background`` None: no plate. ``size`` is the font's height in pixels. What does not fit the
    picture is cut off.
    """
    label = _text_coverage(text, size)
    if background is not None:
        label = np.pad(label, ((2, 2), (4, 4)))
    height, width = label.shape
    left, top = round(position[0]), round(position[1])
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, image.shape[1]), min(top + height, image.shape[0])
    out = np.array(image, np.float32)
    if x1 <= x0 or y1 <= y0:
        return out
    part = label[y0 - top : y1 - top, x0 - left : x1 - left]
    if background is not None:
        out[y0:y1, x0:x1] = _painted(out[y0:y1, x0:x1], np.full_like(part, 0.65), background)
    out[y0:y1, x0:x1] = _painted(out[y0:y1, x0:x1], part, colour)
    return out


def draw_grid(
    rows: Sequence[Sequence[np.ndarray | None]],
    *,
    titles: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
    cell: tuple[int, int] | None = None,
    gap: int = 6,
) -> np.ndarray:
    """Pictures in rows and columns on white, with column titles and a caption under each.

    Args:
        rows: pictures by row; None leaves a cell empty; rows may differ in length.
        titles: text over each column.
        captions: text under each picture, by row.
        cell: (height, width) every picture is fitted into, aspect kept; None: the largest found.
    """
    pictures = [picture for row in rows for picture in row if picture is not None]
    if not pictures:
        raise ValueError("a grid needs at least one picture")
    if cell is None:
        cell = (max(p.shape[0] for p in pictures), max(p.shape[1] for p in pictures))
    height, width = cell
    text_size = float(np.clip(width / 14, 10, 20))
    line = round(text_size * 1.5)
    top = line if titles else 0
    below = line if any(any(row) for row in captions) else 0
    num_columns = max(len(row) for row in rows)
    canvas = np.ones(
        (
            gap + top + len(rows) * (height + below + gap),
            gap + num_columns * (width + gap),
            3,
        ),
        np.float32,
    )
    for column, title in enumerate(titles[:num_columns]):
        canvas = _caption(canvas, title, gap + column * (width + gap), gap // 2, width, text_size)
    for r, row in enumerate(rows):
        y = gap + top + r * (height + below + gap)
        for c, picture in enumerate(row):
            x = gap + c * (width + gap)
            if picture is not None:
                fitted = _fit(picture, cell)
                dy, dx = (height - fitted.shape[0]) // 2, (width - fitted.shape[1]) // 2
                target = (slice(y + dy, y + dy + fitted.shape[0]), slice(x + dx, None))
                canvas[target][:, : fitted.shape[1]] = fitted
            if r < len(captions) and c < len(captions[r]):
                canvas = _caption(canvas, captions[r][c], x, y + height + 1, width, text_size)
    return canvas


def landmark_text(
    points: np.ndarray,
    *,
    box: Sequence[float] | None = None,
    columns: int = 40,
    rows: int = 20,
) -> str:
    """Landmarks as a plot of characters, for terminals and logs.

    Jaw ``.``, brows ``-``, nose ``+``, eyes ``o``, lips ``x`` for 68 points; ``o`` otherwise.

    Args:
        points: (N, 2); those outside ``box`` or not finite are left out.
        box: (x0, y0, x1, y1) the plot shows; None: the bounding box of the points.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    marks = "o" * len(points)
    if len(points) == 68:
        marks = "." * 17 + "-" * 10 + "+" * 9 + "o" * 12 + "x" * 20
    known: np.ndarray = np.all(np.isfinite(points), axis=1)
    if box is None:
        if not known.any():
            return "\n".join([""] * rows)
        box = (*points[known].min(axis=0), *points[known].max(axis=0))
    x0, y0, x1, y1 = (float(value) for value in box)
    lines = [[" "] * columns for _ in range(rows)]
    for (x, y), mark, ok in zip(points, marks, known, strict=True):
        if ok and x0 <= x <= x1 and y0 <= y <= y1:
            column = min(int((x - x0) / max(x1 - x0, 1e-9) * columns), columns - 1)
            row = min(int((y - y0) / max(y1 - y0, 1e-9) * rows), rows - 1)
            lines[row][column] = mark
    return "\n".join("".join(line).rstrip() for line in lines)


def _cover_line(coverage: np.ndarray, points: np.ndarray, width: float, closed: bool) -> None:
    """Add a line to a coverage map; segments with a point that is not finite are left out."""
    ends = np.roll(points, -1, axis=0) if closed else points[1:]
    for start, end in zip(points, ends):
        if np.isfinite(start).all() and np.isfinite(end).all():
            _cover_segment(coverage, start, end, width / 2)


def _cover_segment(coverage: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> None:
    """Raise ``coverage`` to that of a segment thickened by ``radius``, edges one pixel soft.

    Taking the maximum, not the sum, keeps the joints of a line as dark as the line.
    """
    low = np.minimum(start, end) - radius - 1.0
    high = np.maximum(start, end) + radius + 1.0
    x0, y0 = np.floor(np.maximum(low, 0)).astype(int)
    x1, y1 = np.ceil(np.minimum(high, coverage.shape[::-1])).astype(int)
    if x1 <= x0 or y1 <= y0:
        return
    x = np.arange(x0, x1) + 0.5 - start[0]
    y = (np.arange(y0, y1) + 0.5 - start[1])[:, None]
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-12), 0.0, 1.0)
    distance = np.hypot(x - along * dx, y - along * dy)
    # Narrower than a pixel: the line gets fainter instead of vanishing between pixel centres.
    solid = min(2 * radius, 1.0) * np.clip(max(radius, 0.5) + 0.5 - distance, 0.0, 1.0)
    window = coverage[y0:y1, x0:x1]
    np.maximum(window, solid, out=window, casting="same_kind")


def _painted(image: np.ndarray, coverage: np.ndarray, colour: Colour) -> np.ndarray:
    image = np.asarray(image, np.float32)
    return image + (np.asarray(colour, np.float32) - image) * coverage[..., None]


def _text_coverage(text: str, size: float) -> np.ndarray:
    """(height, width) float32 coverage of one line of text, the line's full height."""
    text = _in_font(text)
    font = ImageFont.load_default(size)
    ascent, descent = font.getmetrics()  # type: ignore[union-attr]
    width = max(1, int(np.ceil(font.getlength(text))))
    mask = Image.new("L", (width, ascent + descent), 0)
    ImageDraw.Draw(mask).text((0, 0), text, fill=255, font=font)
    return np.asarray(mask, np.float32) / 255


def _in_font(text: str) -> str:
    """Text in the letters that Pillow's built-in font has: accents dropped, dashes plain."""
    text = text.replace("—", "-").replace("–", "-").replace("×", "x")
    letters = unicodedata.normalize("NFD", text)
    return "".join(c for c in letters if c.isascii() or c in "…°±·")


def _caption(
    canvas: np.ndarray, text: str, x: int, y: int, width: int, text_size: float
) -> np.ndarray:
    """Centred text, shortened with an ellipsis until it fits."""
    font = ImageFont.load_default(text_size)
    short = text = _in_font(text)
    while len(short) > 1 and font.getlength(short) > width:
        short = short[:-2].rstrip() + "…"
    left = x + (width - font.getlength(short)) / 2
    return draw_text(canvas, short, (left, y), size=text_size, colour=_INK, background=None)


def _fit(picture: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    """Scaled to fit the cell, aspect kept; grey becomes RGB."""
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    scale = min(cell[0] / picture.shape[0], cell[1] / picture.shape[1])
    size = (max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale)))
    resized = resize(np.asarray(picture, np.float32), size, filter="bicubic")
    return np.clip(resized, 0.0, 1.0)
