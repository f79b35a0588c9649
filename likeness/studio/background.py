"""What is behind a person: twelve families of walls, rooms and places out of focus.

Owns the description of a background, the order of painting it, and its blur. The families are
painted by ``background_indoors`` and ``background_outdoors``. Pictures are display-linear, without
a person in them, and functions of a seed: the same at every size but for their sharpness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from likeness.seeds import rng_of
from likeness.studio import background_indoors as indoors
from likeness.studio import background_outdoors as outdoors
from likeness.studio.bystanders import paint_clutter, paint_people
from likeness.studio.canvas import Canvas, spread

Kind = Literal[
    "plain",
    "gradient",
    "mottled",
    "brick",
    "wood",
    "books",
    "curtain",
    "window",
    "leaves",
    "sky",
    "street",
    "lights",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

Picture = NDArray[np.float32]

_PAINTERS = {
    "plain": indoors.plain,
    "gradient": indoors.gradient,
    "mottled": indoors.mottled,
    "brick": indoors.brick,
    "wood": indoors.wood,
    "books": indoors.books,
    "curtain": indoors.curtain,
    "window": indoors.window,
    "leaves": outdoors.leaves,
    "sky": outdoors.sky,
    "street": outdoors.street,
    "lights": outdoors.lights,
}
_DETAIL = 4.0
"""Pixels of the canvas per radius of the blur; finer ones would be spread away."""
_CANVAS_SIDES = (128, 1024)
_BOOKS_SIDE = 192
"""Pixels the canvas of books has at least: they stand in whole ones, and few would shift them."""


@dataclass(frozen=True)
class Background:
    """A background, drawn by :func:`paint_background`."""

    kind: Kind
    color: tuple[float, float, float]
    """Display-linear RGB of a wall or cloth; families with colours of their own use its level."""
    second: tuple[float, float, float]
    """The other end of a gradient; accents of a room."""
    blur: float
    """Radius of the disc a point is spread over, 0 (sharp) .. 0.12 of the picture's longer side."""
    seed: int
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Colour and strength of the light there, over all colours."""
    clutter: int = 0
    """Things standing about."""
    people: int = 0
    """People far behind."""


def paint_background(background: Background, height: int, width: int) -> Picture:
    """(height, width, 3) display-linear picture."""
    longest = max(height, width)
    least, most = _CANVAS_SIDES
    if background.kind == "books":
        least = _BOOKS_SIDE
    side = int(np.clip(_DETAIL / max(background.blur, 1e-3), least, most))
    # A canvas much finer than the picture would cost without being seen.
    canvas = Canvas(min(side, max(longest, least)), background.blur)
    rng = rng_of(background.seed, "background")
    square = _PAINTERS[background.kind](
        canvas,
        rng,
        np.asarray(background.color, np.float32),
        np.asarray(background.second, np.float32),
    )
    square = np.ascontiguousarray(square, np.float32)
    paint_clutter(canvas, rng, square, background.clutter)
    paint_people(canvas, rng, square, background.people)
    square = square * np.asarray(background.tint, np.float32)
    square = spread(square, background.blur * canvas.side)
    # Laid out on a square, cut to the picture's shape.
    rows, columns = (max(round(canvas.side * n / longest), 2) for n in (height, width))
    top, left = (canvas.side - rows) // 2, (canvas.side - columns) // 2
    cut = square[top : top + rows, left : left + columns]
    smaller = rows > height
    picture = cv2.resize(
        cut, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )
    return np.clip(picture, 0.0, 1.0).astype(np.float32)
