"""Backgrounds outdoors: leaves, sky, streets, lights at night.

Owns how each looks; painters as in ``background_indoors``.
"""

from __future__ import annotations

import cv2
import numpy as np

from likeness.studio.canvas import Canvas, Picture, look_up, random_table, spread

_FACADES = np.array(
    [
        (0.36, 0.30, 0.24),
        (0.30, 0.17, 0.12),
        (0.42, 0.40, 0.37),
        (0.22, 0.23, 0.25),
        (0.45, 0.36, 0.22),
    ],
    np.float32,
)


def leaves(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """Foliage in three depths, sky or sun through its gaps, sometimes grass below."""
    _, y = canvas.grid
    side = canvas.side
    level = np.float32(np.clip(0.6 + 1.6 * color.mean(), 0.7, 1.5))
    sky_tone = np.array((0.80, 0.90, 0.98), np.float32) * np.float32(rng.uniform(0.7, 1.0))
    shade = np.array((0.030, 0.050, 0.020), np.float32)
    # Positive where a tree is; leaves hang there alone, none in the open sky.
    tree = 3.0 * (y + rng.uniform(0.2, 1.1)) - 1.5 * canvas.noise(rng, 5)
    open_sky = 1.0 / (1.0 + np.exp(tree))
    picture = shade + open_sky[..., None] * (sky_tone - shade)
    picture = picture.astype(np.float32)
    hue = np.array((0.11, 0.20, 0.045), np.float32) * rng.uniform(0.8, 1.25, 3).astype(np.float32)
    autumn = rng.random() < 0.15
    if autumn:
        hue = np.array((0.32, 0.17, 0.03), np.float32)
    for depth in range(3):
        count, size = 520 - 130 * depth, 0.022 + 0.016 * depth
        numbers = rng.random((count, 7))
        clump = canvas.noise(rng, 5)
        a, b, c, d, e, f, g = numbers.T
        u, v = 2.3 * a - 1.15, 2.3 * b - 1.15
        row, column = (np.clip(((w + 1) / 2 * side).astype(int), 0, side - 1) for w in (v, u))
        hangs = (tree[row, column] >= 0.0) & (clump[row, column] >= -0.4 - 0.2 * depth)
        length = size * (0.6 + 0.9 * c)
        lit = np.exp(1.5 * (d - 0.55)) * (0.75 + 0.35 * depth) * (1.25 - 0.35 * (v + 1.0) / 2)
        tones = hue * lit[:, None]
        tones = tones * np.stack([1.0 + 0.5 * (e - 0.5), np.ones(count), 1.0 + 0.6 * (f - 0.5)], 1)
        centers = np.rint(np.stack([(u + 1) / 2 * side * 8, (v + 1) / 2 * side * 8], 1))
        long = np.maximum(np.rint(length * side * 4), 4)
        short = np.maximum(np.rint(length * side * 1.7), 3)
        axes = np.stack([long, short], 1)
        for leaf in np.flatnonzero(hangs):
            cv2.ellipse(
                picture,
                centers[leaf].astype(int),
                axes[leaf].astype(int),
                360.0 * g[leaf],
                0,
                360,
                tones[leaf],
                -1,
                cv2.LINE_8,
                3,
            )
        # Farther leaves are farther out of focus.
        picture = spread(picture, (2 - depth) * 0.35 * canvas.blur * side)
    if rng.random() < 0.35:
        ground = y > rng.uniform(0.45, 0.85)
        grass = (
            np.array((0.14, 0.21, 0.06), np.float32)
            * np.exp(0.25 * canvas.fractal(rng, 20, 3))[..., None]
        )
        picture = np.where(ground[..., None], grass, picture)
    return picture * level


def sky(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """Sky with clouds, hills or trees along its lower edge."""
    _, y = canvas.grid
    height = np.clip((1.0 - y) / 2.0, 0.0, 1.0)[..., None]
    zenith = np.array((0.16, 0.33, 0.68), np.float32) * np.float32(rng.uniform(0.7, 1.3))
    pale = np.array((0.66, 0.77, 0.88), np.float32) * np.float32(rng.uniform(0.8, 1.05))
    picture = pale + height ** rng.uniform(0.7, 1.5) * (zenith - pale)
    cover = rng.uniform(-0.8, 0.9)
    field = canvas.fractal(rng, 3, 5, stretch=1.8)
    amount = 1.0 / (1.0 + np.exp(-2.6 * (field + cover)))[..., None]
    underside = 1.0 - 0.25 * np.clip(canvas.fractal(rng, 3, 4, stretch=1.8), 0.0, 1.5)[..., None]
    white = np.float32(rng.uniform(0.7, 0.92)) * underside
    picture = picture + 0.85 * amount * (white - picture)
    line = (
        rng.uniform(0.35, 1.1)
        + 0.06 * canvas.noise(rng, 6)[canvas.side // 2]
        + (0.015 * canvas.noise(rng, 40)[canvas.side // 3])
    )
    hill = np.array((0.10, 0.15, 0.10), np.float32) * np.float32(rng.uniform(0.6, 2.0))
    hill = hill + np.float32(rng.uniform(0.0, 0.5)) * (0.6 * pale - hill)
    below = np.clip((y - line[None]) / 0.01, 0.0, 1.0)[..., None]
    ground = 0.7 * hill * np.exp(0.18 * canvas.fractal(rng, 14, 4))[..., None]
    return picture + below * (ground - picture)


def street(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """Two rows of houses toward a vanishing point, road, sky, cars and passers-by."""
    x, y = canvas.grid
    vx, vy = rng.uniform(-0.5, 0.5), rng.uniform(-0.05, 0.3)
    haze = np.array((0.72, 0.80, 0.90), np.float32) * np.float32(rng.uniform(0.7, 1.05))
    picture = np.broadcast_to(haze, (*x.shape, 3)).copy()
    gap = rng.uniform(0.05, 0.25)
    for way in (-1.0, 1.0):
        # Depth along the row: 1 at the picture's edge, large toward the vanishing point.
        across = way * (x - vx)
        depth = 1.0 / np.maximum(across - gap * 0.4, 1e-3)
        along = np.log(np.clip(depth, 0.2, 60.0)) * rng.uniform(2.2, 4.0)
        table, tops = random_table(rng), random_table(rng)
        house = np.floor(along)
        pick = (look_up(table, house, np.zeros_like(house)) * len(_FACADES)).astype(int)
        facade = _FACADES[np.minimum(pick, len(_FACADES) - 1)]
        roof = rng.uniform(0.8, 1.4) + 0.7 * look_up(tops, house, np.zeros_like(house))
        rise = (vy - y) * depth  # height on the wall, in units of the street's width
        wall = (across > gap * 0.4) & (rise < roof) & (y < vy + 0.45 / np.maximum(depth, 0.4))
        floors, bays = rise * rng.uniform(3.5, 5.5), along * rng.uniform(3.0, 5.0)
        pane = (np.abs(floors - np.floor(floors) - 0.5) < 0.27) & (
            np.abs(bays - np.floor(bays) - 0.5) < 0.24
        )
        bright = look_up(random_table(rng), floors, bays)
        glass = np.where(bright > 0.8, 0.55, 0.06 + 0.14 * bright)[..., None] * np.ones(3)
        lit = np.float32(rng.uniform(0.55, 1.1)) * np.ones_like(x)
        tone = np.where((pane & (rise > 0.12))[..., None], glass, facade) * lit[..., None]
        fade = np.clip((depth - 1.0) / 16.0, 0.0, 0.75)[..., None]
        tone = tone + fade * (haze - tone)
        picture = np.where(wall[..., None], tone, picture)
    road_line = vy + 0.22 * np.maximum(np.abs(x - vx) - 0.05, 0.0)
    below = np.clip((y - road_line) / 0.02, 0.0, 1.0)[..., None]
    asphalt = np.float32(rng.uniform(0.14, 0.34)) * np.exp(0.05 * canvas.fractal(rng, 8, 4))
    picture = picture + below * (asphalt[..., None] * (1.0 + 0.3 * y[..., None]) - picture)
    picture = picture.astype(np.float32)
    for _ in range(int(rng.integers(3, 10))):
        _put_by_the_road(canvas, rng, picture, vx, vy)
    return picture


def _put_by_the_road(
    canvas: Canvas, rng: np.random.Generator, picture: Picture, vx: float, vy: float
) -> None:
    """A car, a tree or a dark figure far behind."""
    nearness = float(rng.uniform(0.12, 0.5))
    u = vx + float(rng.uniform(-1.6, 1.6)) * nearness * 1.6
    foot = vy + 0.75 * nearness
    kind, tone = rng.random(), rng.uniform(0.02, 0.5, 3)
    side = canvas.side

    def at(a: float, b: float) -> tuple[int, int]:
        return round((a + 1) / 2 * side), round((b + 1) / 2 * side)

    size = nearness * side
    if kind < 0.45:
        half, height = 0.42, 0.30
        rows, columns = canvas.box(
            u - half * nearness, foot - height * nearness, u + half * nearness, foot
        )
        picture[rows, columns] = tone
        rows, columns = canvas.box(
            u - 0.3 * nearness, foot - 0.5 * nearness, u + 0.3 * nearness, foot - 0.28 * nearness
        )
        picture[rows, columns] = 0.5 * tone + 0.05
        for way in (-0.34, 0.34):
            lamp = (0.9, 0.12, 0.08) if rng.random() < 0.5 else (1.0, 0.95, 0.8)
            center = at(u + way * nearness, foot - 0.18 * nearness)
            cv2.circle(picture, center, max(round(0.03 * size), 1), lamp, -1)
    elif kind < 0.7:
        green = np.array((0.06, 0.12, 0.035)) * rng.uniform(0.6, 1.6)
        picture[
            canvas.box(u - 0.03 * nearness, foot - 0.7 * nearness, u + 0.03 * nearness, foot)
        ] = (0.07, 0.05, 0.04)
        for a, b, c in rng.random((7, 3)):
            center = at(u + (a - 0.5) * 0.5 * nearness, foot - (0.75 + 0.45 * b) * nearness)
            shade = (green * (0.6 + 0.9 * c)).tolist()
            cv2.circle(picture, center, max(round(0.11 * size), 1), shade, -1)
    else:
        dark = (0.3 * tone).tolist()
        hip, head = at(u, foot - 0.28 * nearness), at(u, foot - 0.50 * nearness)
        cv2.ellipse(
            picture,
            hip,
            (max(round(0.05 * size), 1), max(round(0.14 * size), 1)),
            0,
            0,
            360,
            dark,
            -1,
        )
        cv2.circle(picture, head, max(round(0.025 * size), 1), (0.16, 0.10, 0.08), -1)


def lights(canvas: Canvas, rng: np.random.Generator, color: Picture, second: Picture) -> Picture:
    """Lamps at night as discs, over dark houses and a glow on the horizon."""
    x, y = canvas.grid
    level = 0.02 + 0.10 * float(color.mean())
    night = np.array((0.55, 0.7, 1.3), np.float32) * np.float32(level)
    glow = np.array((1.6, 0.95, 0.5), np.float32) * np.float32(level)
    horizon = np.exp(-(((y - rng.uniform(-0.1, 0.4)) / 0.4) ** 2))[..., None]
    picture = (night + horizon * glow) * np.exp(0.2 * canvas.fractal(rng, 3, 3))[..., None]
    # Roofs against the glow.
    roofs = look_up(random_table(rng), np.zeros_like(x), x * rng.uniform(3.0, 7.0))
    dark = y > rng.uniform(0.0, 0.5) - 0.6 * roofs
    picture = np.where(dark[..., None], 0.35 * picture, picture)
    picture = picture.astype(np.float32)
    palette = np.array(
        [(1.0, 0.70, 0.36), (1.0, 0.82, 0.6), (0.65, 0.82, 1.0), (1.0, 0.25, 0.15), (0.3, 0.9, 0.5)]
    )
    second = second / max(float(second.max()), 0.05)
    radius = max(0.85 * canvas.blur, 0.006)
    line, steep = rng.uniform(-0.2, 0.3), rng.uniform(0.2, 0.5)
    for _ in range(int(rng.integers(18, 60))):
        cx, cy = rng.uniform(-1.1, 1.1), rng.normal(line, steep)
        own = radius * rng.uniform(0.7, 1.25)
        pick, strength = int(rng.integers(6)), float(rng.uniform(0.08, 0.6))
        tint = second if pick == 5 else palette[pick]
        # Toward the corners the barrel of the lens cuts the discs (optical vignetting).
        cut_x, cut_y = cx * (1.0 - 0.28 * own / radius), cy * (1.0 - 0.28 * own / radius)
        reach = canvas.box(cx - 2.2 * own, cy - 2.2 * own, cx + 2.2 * own, cy + 2.2 * own)
        u, v = x[reach], y[reach]
        if not u.size:
            continue
        away = np.hypot(u - cx, v - cy) / (2.0 * own)
        barrel = np.hypot(u - cx + 0.5 * own * cut_x, v - cy + 0.5 * own * cut_y) / (2.0 * own)
        disc = np.clip((1.0 - np.maximum(away, barrel)) / 0.12, 0.0, 1.0)
        disc = disc * (0.8 + 0.2 * np.clip(away, 0.0, 1.0))
        picture[reach] += (strength * disc)[..., None] * tint.astype(np.float32)
    return picture
