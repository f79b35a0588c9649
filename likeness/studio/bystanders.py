"""What else is behind a sitter: things standing about, and people far behind, out of focus.

Owns their drawing on a background's canvas. They are shapes for a blurred picture and no part of
its truth: to labels and boxes they are background.
"""

from __future__ import annotations

import cv2
import numpy as np

from likeness.studio.canvas import Canvas, Picture
from likeness.studio.colours import BASIC_COLOURS

_SKIN = np.array([(0.48, 0.28, 0.20), (0.36, 0.20, 0.13), (0.16, 0.08, 0.05), (0.55, 0.36, 0.27)])
_HAIR = np.array([(0.02, 0.015, 0.012), (0.08, 0.045, 0.025), (0.24, 0.15, 0.07), (0.3, 0.3, 0.3)])


def paint_clutter(canvas: Canvas, rng: np.random.Generator, picture: Picture, count: int) -> None:
    """Boxes, bottles and bowls along the lower half of the picture, in place."""
    colours = list(BASIC_COLOURS.values())
    for _ in range(count):
        kind, colour = rng.random(), np.array(colours[int(rng.integers(len(colours)))])
        u, foot = rng.uniform(-1.0, 1.0), rng.uniform(0.3, 1.1)
        width, height = rng.uniform(0.06, 0.25), rng.uniform(0.1, 0.5)
        tone = np.clip(colour * rng.uniform(0.6, 1.4), 0.01, 0.85)
        rows, columns = canvas.box(u - width / 2, foot - height, u + width / 2, foot)
        across, down = columns.stop - columns.start, rows.stop - rows.start
        if across <= 0 or down <= 0:
            continue
        if kind < 0.5:
            shade = np.linspace(1.1, 0.75, down)[:, None, None] * np.ones((1, across, 1))
            picture[rows, columns] = tone * shade
        else:
            round_side = np.sin(np.linspace(0.3, np.pi - 0.2, across))[None, :, None] ** 0.7
            picture[rows, columns] = tone * round_side
            neck = canvas.box(u - width / 6, foot - 1.3 * height, u + width / 6, foot - height)
            picture[neck] = 0.8 * tone


def paint_people(canvas: Canvas, rng: np.random.Generator, picture: Picture, count: int) -> None:
    """Heads, shoulders and bodies of people far behind, in place."""
    colours = list(BASIC_COLOURS.values())
    side = canvas.side
    for _ in range(count):
        head = float(rng.uniform(0.05, 0.12))  # half its height
        u, v = float(rng.uniform(-1.0, 1.0)), float(rng.uniform(-0.5, 0.2))
        light = float(rng.uniform(0.6, 1.2))
        skin = _SKIN[int(rng.integers(len(_SKIN)))] * light
        hair = _HAIR[int(rng.integers(len(_HAIR)))] * light
        cloth = np.array(colours[int(rng.integers(len(colours)))]) * light

        def at(a: float, b: float) -> tuple[int, int]:
            return round((a + 1) / 2 * side), round((b + 1) / 2 * side)

        def size(a: float, b: float) -> tuple[int, int]:
            return max(round(a * side / 2), 1), max(round(b * side / 2), 1)

        body = canvas.box(u - 1.5 * head, v + 1.9 * head, u + 1.5 * head, v + 9.0 * head)
        picture[body] = cloth
        cv2.ellipse(
            picture,
            at(u, v + 2.1 * head),
            size(1.5 * head, 0.75 * head),
            0,
            180,
            360,
            cloth.tolist(),
            -1,
        )
        neck = canvas.box(u - 0.35 * head, v + 0.6 * head, u + 0.35 * head, v + 1.6 * head)
        picture[neck] = 0.8 * skin
        cv2.ellipse(
            picture, at(u, v - 0.15 * head), size(0.82 * head, head), 0, 0, 360, hair.tolist(), -1
        )
        turn = float(rng.uniform(-0.3, 0.3)) * head
        cv2.ellipse(
            picture,
            at(u + turn, v + 0.15 * head),
            size(0.66 * head, 0.8 * head),
            0,
            0,
            360,
            skin.tolist(),
            -1,
        )
