"""What is behind a person: walls, backdrops, rooms and streets out of focus, discs of light.

Owns the pictures; they are display-linear, without a person in them, and functions of a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from likeness.seeds import rng_of

Kind = Literal["plain", "gradient", "wall", "interior", "outdoor", "bokeh"]
KINDS: tuple[Kind, ...] = ("plain", "gradient", "wall", "interior", "outdoor", "bokeh")

Picture = NDArray[np.float32]

_WORK_SIDE = 96
"""Side in pixels at which blurred backgrounds are laid out; they hold no finer detail."""


@dataclass(frozen=True)
class Background:
    """A background, drawn by :func:`paint_background`."""

    kind: Kind
    color: tuple[float, float, float]
    """Display-linear RGB the whole is tuned to."""
    second: tuple[float, float, float]
    """The other end of a gradient; accents of a room."""
    blur: float
    """How far out of focus, 0.01 (nearly sharp) .. 0.12 of the picture's side."""
    seed: int


def paint_background(background: Background, height: int, width: int) -> Picture:
    """(height, width, 3) display-linear picture."""
    rng = rng_of(background.seed, "background")
    painter = {
        "plain": _plain,
        "gradient": _gradient,
        "wall": _wall,
        "interior": _interior,
        "outdoor": _outdoor,
        "bokeh": _bokeh,
    }[background.kind]
    small = painter(background, rng)
    side = max(height, width)
    # Laid out on a square, cut to the picture's shape.
    rows, columns = (max(round(small.shape[0] * n / side), 2) for n in (height, width))
    top, left = (small.shape[0] - rows) // 2, (small.shape[1] - columns) // 2
    cut = small[top : top + rows, left : left + columns]
    picture = cv2.resize(cut, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0.0, 1.0).astype(np.float32)


def _grid() -> tuple[Picture, Picture]:
    """x to the right and y down over the square, -1..1."""
    line = (np.arange(_WORK_SIDE, dtype=np.float32) + 0.5) * (2.0 / _WORK_SIDE) - 1.0
    x, y = np.meshgrid(line, line)
    return x, y


def _smooth_noise(rng: np.random.Generator, cells: int) -> Picture:
    """A field of mean 0 and standard deviation about 1 with ``cells`` lumps across."""
    coarse = rng.standard_normal((cells + 1, cells + 1)).astype(np.float32)
    field = cv2.resize(coarse, (_WORK_SIDE, _WORK_SIDE), interpolation=cv2.INTER_CUBIC)
    return field / max(float(field.std()), 1e-6)


def _lit(color: tuple[float, float, float], light: Picture) -> Picture:
    return np.asarray(color, np.float32) * light[..., None]


def _pool_of_light(rng: np.random.Generator, strength: float) -> Picture:
    """A lamp's pool on a wall: brighter about a point, falling off slowly."""
    x, y = _grid()
    cx, cy = rng.uniform(-0.9, 0.9), rng.uniform(-1.2, 0.2)
    away = (x - cx) ** 2 + (y - cy) ** 2
    return 1.0 + strength * (1.0 / (1.0 + 0.7 * away) - 0.65)


def _plain(background: Background, rng: np.random.Generator) -> Picture:
    return _lit(background.color, _pool_of_light(rng, 0.25))


def _gradient(background: Background, rng: np.random.Generator) -> Picture:
    x, y = _grid()
    turn = rng.uniform(0.0, 2.0 * np.pi)
    t = np.clip(0.5 + 0.45 * (x * np.cos(turn) + y * np.sin(turn)), 0.0, 1.0)[..., None]
    first, second = (np.asarray(c, np.float32) for c in (background.color, background.second))
    return (first + t * t * (3.0 - 2.0 * t) * (second - first)) * _pool_of_light(rng, 0.3)[
        ..., None
    ]


def _wall(background: Background, rng: np.random.Generator) -> Picture:
    """Plaster, concrete or boards, with uneven light."""
    stain = 0.05 * _smooth_noise(rng, 5) + 0.035 * _smooth_noise(rng, 17)
    light = _pool_of_light(rng, 0.5) * np.exp(stain)
    x, y = _grid()
    if rng.random() < 0.4:
        across = x if rng.random() < 0.6 else y
        boards = across * rng.uniform(3.0, 7.0) + rng.uniform()
        seam = np.abs(boards - np.round(boards))
        light = light * (1.0 - 0.35 * np.exp(-((seam / 0.035) ** 2)))
        shade = rng.uniform(0.85, 1.1, 64).astype(np.float32)
        light = light * shade[np.floor(boards + 32).astype(int) % 64]
    picture = _lit(background.color, light.astype(np.float32))
    return _defocus(picture, 0.35 * background.blur)


def _interior(background: Background, rng: np.random.Generator) -> Picture:
    """A room: wall over floor, furniture and frames, a window or a lamp."""
    picture = _lit(background.color, _pool_of_light(rng, 0.5))
    x, y = _grid()
    floor = y > rng.uniform(0.45, 0.9)
    picture[floor] *= np.float32(rng.uniform(0.35, 0.8))
    second = np.asarray(background.second, np.float32)
    for _ in range(int(rng.integers(5, 12))):
        cx, cy = rng.uniform(-1.1, 1.1), rng.uniform(-0.9, 1.0)
        half_x, half_y = rng.uniform(0.06, 0.4), rng.uniform(0.06, 0.5)
        inside = (np.abs(x - cx) < half_x) & (np.abs(y - cy) < half_y)
        tint = second * rng.uniform(0.2, 1.3) * rng.uniform(0.75, 1.25, 3).astype(np.float32)
        picture[inside] = 0.25 * picture[inside] + 0.75 * tint
    if rng.random() < 0.6:
        cx, half_x = rng.uniform(-0.9, 0.9), rng.uniform(0.15, 0.4)
        inside = (np.abs(x - cx) < half_x) & (np.abs(y + rng.uniform(0.1, 0.6)) < 0.45)
        picture[inside] = np.float32(rng.uniform(0.6, 1.0)) * np.array(
            (0.95, 1.0, 1.05), np.float32
        )
    return _defocus(picture, background.blur)


def _outdoor(background: Background, rng: np.random.Generator) -> Picture:
    """Sky over leaves or houses over ground."""
    x, y = _grid()
    sky = np.array((0.52, 0.66, 0.88), np.float32) * np.float32(rng.uniform(0.7, 1.2))
    sky = sky + np.float32(rng.uniform(0.0, 0.35)) * (1.0 - sky)
    picture = np.broadcast_to(sky, (*x.shape, 3)).copy()
    skyline = rng.uniform(-0.7, 0.2) + 0.18 * _smooth_noise(rng, 6)
    growth = (
        np.asarray(background.color, np.float32) * np.exp(0.55 * _smooth_noise(rng, 14))[..., None]
    )
    if rng.random() < 0.5:  # light through the leaves
        growth = growth + 0.9 * (_smooth_noise(rng, 20) > 1.9)[..., None]
    picture = np.where((y > skyline)[..., None], growth, picture)
    ground = y > rng.uniform(0.5, 0.95)
    picture[ground] = np.asarray(background.second, np.float32) * np.float32(rng.uniform(0.8, 1.2))
    return _defocus(picture.astype(np.float32), background.blur)


def _bokeh(background: Background, rng: np.random.Generator) -> Picture:
    """Lights far away at night or in a hall, as discs."""
    picture = _lit(background.color, np.exp(0.4 * _smooth_noise(rng, 5)))
    x, y = _grid()
    warm = np.array((1.0, 0.72, 0.40), np.float32)
    cold = np.array((0.65, 0.82, 1.0), np.float32)
    second = np.asarray(background.second, np.float32)
    second = second / max(float(second.max()), 0.05)
    radius = 1.6 * background.blur
    for _ in range(int(rng.integers(14, 46))):
        cx, cy = rng.uniform(-1.1, 1.1), rng.normal(-0.1, 0.45)
        away = np.hypot(x - cx, y - cy) / (radius * rng.uniform(0.75, 1.25))
        disc = np.clip((1.0 - away) / 0.16, 0.0, 1.0) * (0.8 + 0.2 * np.clip(away, 0, 1))
        tint = (warm, cold, second, warm)[int(rng.integers(4))]
        picture += np.float32(rng.uniform(0.08, 0.5)) * disc[..., None] * tint
    return _defocus(picture.astype(np.float32), 0.15 * background.blur)


def _defocus(picture: Picture, blur: float) -> Picture:
    """Blurs by a disc as a lens does, then a little more to hide its edge."""
    radius = blur * _WORK_SIDE
    if radius < 0.6:
        return picture
    reach = int(np.ceil(radius))
    line = np.arange(-reach, reach + 1, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
    picture = cv2.filter2D(picture, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT_101)
    return cv2.GaussianBlur(picture, (0, 0), 0.3 * radius, borderType=cv2.BORDER_REFLECT_101)
