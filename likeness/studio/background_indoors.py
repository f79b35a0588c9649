"""Backgrounds in houses and studios: walls, backdrops, brick, wood, books, curtains, rooms.

Owns how each looks. Every painter takes a canvas, a generator, the colour of the main surface and
of accents, and returns (side, side, 3) display-linear values.
"""

from __future__ import annotations

import numpy as np

from likeness.studio.canvas import Canvas, Picture, look_up, random_table

_WOODS = np.array(
    [(0.33, 0.19, 0.09), (0.20, 0.11, 0.05), (0.42, 0.29, 0.17), (0.30, 0.27, 0.24)], np.float32
)
_SPINES = np.array(
    [
        (0.30, 0.05, 0.04),
        (0.05, 0.10, 0.22),
        (0.06, 0.15, 0.08),
        (0.42, 0.36, 0.25),
        (0.05, 0.05, 0.05),
        (0.34, 0.20, 0.09),
        (0.55, 0.52, 0.47),
        (0.40, 0.24, 0.05),
        (0.14, 0.18, 0.24),
        (0.20, 0.07, 0.12),
    ],
    np.float32,
)


def plain(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """A painted wall: a lamp's pool, faint unevenness, sometimes a corner or a skirting."""
    light = canvas.pool_of_light(rng, rng.uniform(0.2, 0.5))
    uneven = 0.02 * canvas.fractal(rng, 3, 4) + 0.010 * canvas.noise(rng, 160)
    x, _ = canvas.turned(rng, 0.05)
    corner, place, darker = rng.random() < 0.25, rng.uniform(0.35, 0.95), rng.uniform(0.72, 0.9)
    if corner:
        side = 1.0 if rng.random() < 0.5 else -1.0
        behind = side * x > place
        light = light * np.where(behind, darker, 1.0)[..., None]
    return color * light * np.exp(uneven)[..., None]


def gradient(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """A paper backdrop that a lamp lights unevenly."""
    x, y = canvas.grid
    turn = rng.uniform(0.0, 2.0 * np.pi)
    t = np.clip(0.5 + 0.45 * (x * np.cos(turn) + y * np.sin(turn)), 0.0, 1.0)[..., None]
    mixed = color + t * t * (3.0 - 2.0 * t) * (second - color)
    return mixed * canvas.pool_of_light(rng, 0.3)


def mottled(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """A painter's canvas: two tones in clouds and brush marks, darker toward the corners."""
    x, y = canvas.grid
    clouds = canvas.fractal(rng, 3, 5)
    strokes = 0.3 * canvas.fractal(rng, 30, 2, stretch=rng.uniform(0.5, 2.0))
    t = 1.0 / (1.0 + np.exp(-1.1 * (clouds + strokes)))[..., None]
    second = color * (second / max(float(second.mean()), 1e-3)) ** 0.35 * 0.55
    corners = 1.0 - rng.uniform(0.15, 0.35) * np.clip(x * x + y * y, 0.0, 2.0)
    return (second + t * (color - second)) * corners[..., None]


def brick(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """Courses of brick in mortar; red to yellow, or painted over."""
    u, v = canvas.turned(rng, 0.35)
    height = rng.uniform(0.055, 0.13)
    length = height * rng.uniform(2.7, 3.4)
    row = v / height + rng.uniform()
    across = u / length + 0.5 * np.mod(np.floor(row), 2.0) + rng.uniform()
    tones, hues = random_table(rng), random_table(rng)
    tone = look_up(tones, row, across) - 0.5
    hue = look_up(hues, row, across) - 0.5
    clay = np.array([(0.34, 0.13, 0.08), (0.42, 0.24, 0.14), (0.26, 0.11, 0.08)], np.float32)
    painted, pick = rng.random() < 0.25, int(rng.integers(3))
    base = 0.5 + 0.5 * color if painted else clay[pick]
    variety = 0.12 if painted else 0.75
    surface = base * np.exp(
        variety * tone[..., None]
        + np.array((0.1, 0.25, 0.3), np.float32) * hue[..., None] * variety
    )
    grit = 0.09 * canvas.fractal(rng, 40, 2) + 0.06 * canvas.fractal(rng, 4, 2)
    mortar_tone = base * 0.9 if painted else np.float32(rng.uniform(0.25, 0.45)) * np.ones(3)
    # Joints are as wide as a sixth of a course, shaded at their upper edge.
    fraction_v, fraction_u = row - np.floor(row), across - np.floor(across)
    joint = np.minimum(
        np.minimum(fraction_v, 1.0 - fraction_v),
        np.minimum(fraction_u, 1.0 - fraction_u) * (length / height),
    )
    soft = np.clip((joint - 0.07) / 0.05, 0.0, 1.0)[..., None]
    shade = 1.0 - 0.35 * np.exp(-(((fraction_v - 0.1) / 0.07) ** 2))[..., None]
    picture = soft * surface + (1.0 - soft) * mortar_tone.astype(np.float32)
    return picture * shade * np.exp(grit)[..., None] * canvas.pool_of_light(rng, 0.5)


def wood(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """Boards with their grain, upright or lying."""
    u, v = canvas.turned(rng, 0.25)
    if rng.random() < 0.6:
        u, v = v, u  # boards stand
    width = rng.uniform(0.13, 0.34)
    board = v / width + rng.uniform()
    tones, shifts = random_table(rng), random_table(rng)
    tone = look_up(tones, board, np.zeros_like(board)) - 0.5
    shift = look_up(shifts, board, np.zeros_like(board))
    base = _WOODS[int(rng.integers(len(_WOODS)))] * np.float32(rng.uniform(0.7, 1.2))
    bend = canvas.fractal(rng, 3, 3)
    rings = np.sin(
        2.0 * np.pi * (rng.uniform(5.0, 9.0) * (v / width) + 1.3 * bend + 9.0 * shift + 0.8 * u)
    )
    fibre = canvas.noise(rng, 150, stretch=0.12) if rng.random() < 0.5 else canvas.noise(rng, 90)
    grain = 0.10 * rings * (0.6 + 0.4 * bend) + 0.07 * fibre + 0.45 * tone
    fraction = board - np.floor(board)
    seam = np.minimum(fraction, 1.0 - fraction)
    dark = 1.0 - 0.7 * np.exp(-((seam / 0.018) ** 2))
    return base * (np.exp(grain) * dark)[..., None] * canvas.pool_of_light(rng, 0.5)


def curtain(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """Cloth that hangs in folds; light falls on it from one side."""
    x, y = canvas.grid
    # Folds fall straight and widen or narrow a little on their way down.
    bend = 0.02 * canvas.noise(rng, 2) + 0.05 * rng.uniform(-1.0, 1.0) * x * y
    slope = np.zeros_like(x)
    base_rate = rng.uniform(9.0, 20.0)
    for harmonic in range(5):
        rate = base_rate * rng.uniform(0.6, 1.5) * (1.0 + 0.6 * harmonic)
        start = rng.uniform(0.0, 2.0 * np.pi)
        slope = slope + np.cos(rate * (x + bend) + start) / (1.0 + 0.5 * harmonic)
    slope /= 1.6
    side = 1.0 if rng.random() < 0.5 else -1.0
    lit = 0.62 + 0.26 * side * slope - 0.10 * slope**2
    weave = 0.02 * canvas.noise(rng, 180)
    return (
        color
        * (np.clip(lit, 0.08, 1.6) * np.exp(weave))[..., None]
        * canvas.pool_of_light(rng, 0.35)
    )


def books(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """Shelves full of books."""
    side = canvas.side
    back = _WOODS[int(rng.integers(len(_WOODS)))] * np.float32(0.35)
    picture = np.broadcast_to(back, (side, side, 3)).copy()
    shelf = rng.uniform(0.34, 0.52)
    board = _WOODS[int(rng.integers(len(_WOODS)))] * np.float32(rng.uniform(0.8, 1.4))
    top = -1.0 - rng.uniform(0.0, shelf)
    while top < 1.0:
        bottom = top + shelf
        left = -1.0 - rng.uniform(0.0, 0.1)
        while left < 1.0:
            width = float(rng.uniform(0.025, 0.085)) * shelf / 0.42
            height = float(rng.uniform(0.6, 0.88)) * shelf
            spine = _SPINES[int(rng.integers(len(_SPINES)))] * np.float32(rng.uniform(0.6, 1.5))
            band = rng.uniform(0.1, 0.4), rng.uniform(0.03, 0.1), rng.uniform(0.6, 2.2)
            gap = rng.random() < 0.06
            if not gap:
                _stand(canvas, picture, left, bottom, width, height, spine, band)
            left += width * (rng.uniform(1.0, 4.0) if gap else 1.04)
        picture[canvas.box(-1.0, bottom - 0.012, 1.0, bottom + 0.03)] = board
        # Shelves shade what stands under them.
        rows = canvas.box(-1.0, bottom + 0.03, 1.0, bottom + 0.03 + 0.3 * shelf)[0]
        count = rows.stop - rows.start
        if count > 0:
            picture[rows] *= np.linspace(0.45, 1.0, count, dtype=np.float32)[:, None, None]
        top = bottom
    return picture * canvas.pool_of_light(rng, 0.5)


def _stand(
    canvas: Canvas,
    picture: Picture,
    left: float,
    bottom: float,
    width: float,
    height: float,
    spine: Picture,
    band: tuple[float, float, float],
) -> None:
    """One book on its shelf: a rounded spine with a band."""
    rows, columns = canvas.box(left, bottom - height, left + width, bottom)
    count = columns.stop - columns.start
    if count <= 0 or rows.stop <= rows.start:
        return
    round_spine = np.sin(np.linspace(0.25, np.pi - 0.25, count, dtype=np.float32)) ** 0.6
    picture[rows, columns] = spine * round_spine[:, None]
    place, thick, tone = band
    upper = bottom - height * (1.0 - place)
    rows, columns = canvas.box(left, upper, left + width, upper + thick * height)
    picture[rows, columns] = np.clip(picture[rows, columns] * np.float32(tone), 0.0, 0.8)


def window(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """A room: wall over floor, furniture and frames, and a window with daylight in it."""
    x, y = canvas.grid
    picture = (
        color * canvas.pool_of_light(rng, 0.5) * np.exp(0.02 * canvas.fractal(rng, 3, 3))[..., None]
    )
    edge = rng.uniform(0.5, 0.85)
    floor = _WOODS[int(rng.integers(len(_WOODS)))] * np.float32(rng.uniform(0.5, 1.0))
    below = y > edge
    boards = np.exp(0.12 * canvas.noise(rng, 40, stretch=4.0))
    picture = np.where(below[..., None], floor * boards[..., None], picture).astype(np.float32)
    picture[canvas.box(-1.0, edge - 0.05, 1.0, edge)] *= np.float32(rng.uniform(0.6, 1.3))

    side = 1.0 if rng.random() < 0.5 else -1.0
    center, half = side * rng.uniform(0.3, 0.75), rng.uniform(0.24, 0.42)
    top, sill = rng.uniform(-0.95, -0.7), rng.uniform(-0.05, 0.3)
    glass = canvas.box(center - half, top, center + half, sill)
    outside = np.array((0.75, 0.86, 1.0), np.float32) * np.float32(rng.uniform(0.7, 1.0))
    trees = 1.0 / (1.0 + np.exp(-6.0 * (y - rng.uniform(-0.5, 0.1) + 0.2 * canvas.noise(rng, 6))))
    green = np.array((0.22, 0.34, 0.14), np.float32) * np.float32(rng.uniform(0.7, 1.6))
    view = outside + trees[..., None] * (green - outside)
    picture[glass] = view[glass]
    # Casements: against daylight the room's side of their frames is in the shade. A bar across,
    # or frames brighter than the view, make brows and a nose for whatever looks for faces.
    frame = np.float32(rng.uniform(0.12, 0.3))
    panes = int(rng.integers(1, 4))
    for bar in np.linspace(-1.0, 1.0, panes + 1):
        at = center + bar * half
        picture[canvas.box(at - 0.014, top, at + 0.014, sill)] = frame
    for bar in (top, sill):
        picture[canvas.box(center - half, bar - 0.014, center + half, bar + 0.014)] = frame
    if rng.random() < 0.6:  # a curtain to each side
        cloth = (0.4 * second + 0.6 * color) * np.float32(rng.uniform(0.8, 1.3))
        folds = 0.85 + 0.25 * np.sin(rng.uniform(50.0, 90.0) * x + 2.0 * canvas.noise(rng, 3))
        for way in (-1.0, 1.0):
            inner, outer = center + way * half * 0.85, center + way * half * 1.35
            hung = canvas.box(min(inner, outer), top - 0.08, max(inner, outer), edge - 0.05)
            picture[hung] = cloth * folds[hung][..., None]
    _furnish(canvas, rng, picture, second, -side, edge)
    glow = 1.0 + 0.5 * np.exp(-(((x - center) / 0.6) ** 2) - ((y - 0.5 * (top + sill)) / 0.7) ** 2)
    return picture * glow[..., None]


def _furnish(
    canvas: Canvas,
    rng: np.random.Generator,
    picture: Picture,
    second: Picture,
    side: float,
    edge: float,
) -> None:
    """A sideboard or shelf, frames on the wall, perhaps a lamp and a plant, on one side."""
    wood_tone = _WOODS[int(rng.integers(len(_WOODS)))]
    left = side * rng.uniform(0.25, 0.6)
    for _ in range(int(rng.integers(1, 4))):
        width, height = rng.uniform(0.25, 0.6), rng.uniform(0.25, 0.8)
        tone = (wood_tone if rng.random() < 0.6 else second) * np.float32(rng.uniform(0.5, 1.3))
        rows, columns = canvas.box(left - width / 2, edge - height, left + width / 2, edge + 0.12)
        count = rows.stop - rows.start
        if count > 0:
            fall = np.linspace(1.15, 0.7, count, dtype=np.float32)[:, None, None]
            picture[rows, columns] = tone * fall
        left += rng.uniform(-0.5, 0.5)
    for _ in range(int(rng.integers(0, 4))):
        cx, cy = side * rng.uniform(0.0, 0.9), rng.uniform(-0.75, -0.1)
        # A picture smaller than the blur would be a dark dot, and two of them a pair of eyes.
        half_x, half_y = rng.uniform(0.06, 0.16), rng.uniform(0.07, 0.18)
        half_x, half_y = max(half_x, 4.0 * canvas.blur), max(half_y, 4.0 * canvas.blur)
        picture[canvas.box(cx - half_x, cy - half_y, cx + half_x, cy + half_y)] = wood_tone * 0.6
        inner = canvas.box(
            cx - 0.82 * half_x, cy - 0.82 * half_y, cx + 0.82 * half_x, cy + 0.82 * half_y
        )
        picture[inner] = np.clip(second * rng.uniform(0.5, 2.2, 3), 0.02, 0.85).astype(np.float32)
    x, y = canvas.grid
    if rng.random() < 0.4:
        cx, cy = side * rng.uniform(0.2, 0.8), edge - rng.uniform(0.4, 0.8)
        shade = canvas.box(cx - 0.11, cy - 0.09, cx + 0.11, cy + 0.09)
        picture[shade] = np.array((0.95, 0.78, 0.5), np.float32)
        picture *= 1.0 + (0.6 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.12))[..., None]
