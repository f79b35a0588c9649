"""Grows strands from their roots: along the combing, off the head, into locks and waves.

Owns the paths of scalp hair. Which way and how far is told by recipes (``hair_shapes``).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.spatial import cKDTree

from likeness.studio.hair_shapes import Recipe, smooth
from likeness.studio.noise import fbm
from likeness.studio.scalp import HeadSpace

_PART_HEIGHT, _PART_REACH = 0.28, 55.0
"""Share of its height hair has where it divides, and how far from there (mm) it has all of it."""


_SHOULDER = -104.0
"""Height in mm below which hair beside the neck meets the shoulder."""

_CLIPPED = 8.0
"""Length in mm below which strands are as good as straight."""

_CELL, _COMPANY, _FEW, _HANGS = 6.0, 8.0, 0.2, 0.4
"""A strand hangs by itself where, beyond this last share of its points, fewer points of strands
than the second number, or than this share of what is usual, lie in the cubes of the first, in mm,
around one of its own."""


def band_height(recipe: Recipe, positions: np.ndarray) -> np.ndarray:
    """Height of the outermost strands at positions, mm.

    Hair that divides lies flattest there: at full height on both sides it would stand in two humps
    with a furrow between them.
    """
    on_top = smooth(48.0, 112.0, positions[:, 1])
    height = recipe.side + (recipe.top - recipe.side) * on_top
    if recipe.part is None:
        return height
    beside = smooth(0.0, _PART_REACH, np.abs(positions[:, 0] - recipe.part))
    return height * (1.0 - (1.0 - _PART_HEIGHT) * on_top * (1.0 - beside))


def path_points(recipe: Recipe, length: np.ndarray) -> int:
    """Points along every strand: enough for the longest bend or wave."""
    longest = float(length.max())
    if longest < _CLIPPED:
        return 3
    points = int(np.clip(longest / 14.0, 4, 13))
    if recipe.wave[0] > 1.0:
        points = int(np.clip(longest / (0.19 * recipe.wave[1]), points, 18))
    return points


def grow(
    recipe: Recipe,
    space: HeadSpace,
    start: np.ndarray,
    length: np.ndarray,
    floor: np.ndarray,
    rank: np.ndarray,
    taper: np.ndarray,
    rng: np.random.Generator,
    seed: int,
    *,
    points: int,
) -> np.ndarray:
    """Paths (S, ``points``, 3) from the roots along the flow, off the head, down to the floor."""
    if len(start) == 0:
        return np.empty((0, points, 3))
    longest = float(length.max())
    steps = int(np.clip(longest / 9.0, 6, 34))
    step = (length / steps)[:, None]
    outward = space.outward(start)
    lock = np.stack([fbm(start, 16.0, seed + 11 + axis) for axis in range(3)], axis=1)
    stray = rng.standard_normal(start.shape)
    wander = recipe.spread / np.maximum(length, 12.0)[:, None] * (0.5 * lock + 0.3 * stray)

    begins = recipe.start * (1.0 + 0.3 * rank) * taper * band_height(recipe, start)
    position = start + outward * begins[:, None]
    flow = recipe.flow(position, start)
    flow /= np.maximum(np.linalg.norm(flow, axis=1, keepdims=True), 1e-9)
    direction = recipe.lift * outward + (1.0 - recipe.lift) * flow
    direction += recipe.unruly * (0.22 * lock + 0.12 * stray)
    path = [position]
    rise = 22.0 if recipe.part is None else 9.0
    for number in range(1, steps + 1):
        flow = recipe.flow(position, start)
        flow /= np.maximum(np.linalg.norm(flow, axis=1, keepdims=True), 1e-9)
        direction = (1.0 - recipe.yielding) * direction + recipe.yielding * (flow + 2.2 * wander)
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
        position = position + step * direction
        travelled = number * step[:, 0]
        # Near the hairline hair stays low until it has come some way.
        raised = smooth(0.0, rise, travelled) * (taper + (1.0 - taper) * smooth(10, 60, travelled))
        # Ends of full height on the outline of the head would stand up as spikes.
        raised = raised * (1.0 - recipe.settling * smooth(0.5, 1.0, np.array(number / steps)))
        low = 0.5 + rank * raised * band_height(recipe, position)
        loose = position[:, 1] < recipe.loose_below
        high = np.where(loose, np.inf, low + recipe.slack)
        position = space.clamp(position, low, high)
        path.append(position)
    full = np.stack(path, axis=1)  # (S, steps + 1, 3)
    below = (full[:, :, 1] < floor[:, None]) & (np.arange(steps + 1) > 1)
    crossed = np.where(below.any(axis=1), below.argmax(axis=1), steps)
    row = np.arange(len(full))
    over, under = full[row, crossed - 1, 1], full[row, crossed, 1]
    share = np.clip((over - floor) / np.maximum(over - under, 1e-6), 0.0, 1.0)
    cut = np.where(below.any(axis=1), crossed - 1 + share, steps)
    place = np.linspace(0.0, 1.0, points)[None] * cut[:, None]
    index = np.minimum(place.astype(int), steps - 1)
    part = (place - index)[..., None]
    row = row[:, None]
    return (1 - part) * full[row, index] + part * full[row, index + 1]


def gather(
    paths: np.ndarray, start: np.ndarray, rng: np.random.Generator, strength: float
) -> np.ndarray:
    """Draws strands toward a neighbour so that they end in locks."""
    if strength == 0.0:
        return paths
    leaders = rng.choice(len(paths), max(len(paths) // 14, 1), replace=False)
    distance, nearest = cKDTree(start[leaders]).query(start)
    toward = paths[leaders[nearest]] - paths
    # A leader on the other side of the parting is no neighbour.
    apart = np.linalg.norm(toward[:, -1], axis=1)
    pull = strength * rng.uniform(0.3, 1.0, len(paths)) * (apart < 3.0 * distance + 14.0)
    t = np.linspace(0.0, 1.0, paths.shape[1])
    return paths + pull[:, None, None] * (t**1.3)[None, :, None] * toward


def join_strays(paths: np.ndarray, space: HeadSpace) -> np.ndarray:
    """Draws hanging strands that leave all others, anywhere on their way, to the one rooted nearest
    that does not.

    A ribbon stands for dozens of hairs; alone before a cheek it looks like a wire.
    """
    together = _together(paths)
    stray = np.ones(len(paths), bool)
    stray[together] = False
    if not stray.any() or stray.all():
        return paths
    _, nearest = cKDTree(paths[together, 0]).query(paths[stray, 0])
    t = smooth(0.0, 0.6, np.linspace(0.0, 1.0, paths.shape[1]))[None, :, None]
    joined = paths.copy()
    joined[stray] += 0.9 * t * (paths[together[nearest]] - paths[stray])
    points = joined[stray].reshape(-1, 3)
    away = np.minimum(np.maximum(space.height(paths[stray].reshape(-1, 3)), 0.0), 2.0)
    joined[stray] = space.clamp(points, away, np.full(len(points), np.inf)).reshape(
        -1, *paths.shape[1:]
    )
    return joined


def _together(paths: np.ndarray) -> np.ndarray:
    """Numbers of the strands (S, K, 3) that have company of each other wherever they hang."""
    cells = np.floor(paths / _CELL).astype(int)
    cells -= cells.reshape(-1, 3).min(axis=0) - 1
    # A rim of empty cells all around, so that neighbours of all others exist.
    shape = tuple(cells.reshape(-1, 3).max(axis=0) + 2)
    cells = np.ravel_multi_index(tuple(np.moveaxis(cells, -1, 0)), shape)
    hangs = int(_HANGS * paths.shape[1])
    kept = np.arange(len(paths))
    while True:
        inside = np.bincount(cells[kept].ravel(), minlength=int(np.prod(shape))).reshape(shape)
        around = np.rint(27.0 * uniform_filter(inside.astype(float), 3)).ravel()
        company = around[cells[kept, hangs:]]
        least = min(_COMPANY, _FEW * float(np.median(company))) if len(kept) else 0.0
        alone = (company < least).any(axis=1)
        # Those that were company of the ones left out may now be alone themselves.
        if not alone.any():
            return kept
        kept = kept[~alone]


def clear_shoulders(paths: np.ndarray) -> np.ndarray:
    """Cuts strands that would come down on top of a shoulder just above it.

    Hair of that length slides off to the front or the back; a strand that lies across a shoulder
    alone is a wire.
    """
    x, y, z = np.moveaxis(paths, -1, 0)
    lands = (y < _SHOULDER) & (np.abs(x) > 50.0) & (np.abs(z + 18.0) < 58.0)
    points = paths.shape[1]
    ends = np.where(lands.any(axis=1), np.maximum(lands.argmax(axis=1) - 1, 1), points - 1)
    place = np.linspace(0.0, 1.0, points)[None] * ends[:, None]
    index = np.minimum(place.astype(int), points - 2)
    part = (place - index)[..., None]
    row = np.arange(len(paths))[:, None]
    return (1 - part) * paths[row, index] + part * paths[row, index + 1]


def wave(
    paths: np.ndarray,
    recipe: Recipe,
    space: HeadSpace,
    start: np.ndarray,
    rng: np.random.Generator,
    seed: int,
) -> np.ndarray:
    """Winds paths into waves or coils, neighbours in step."""
    amplitude, period = recipe.wave
    if amplitude < 0.15:
        return paths
    tangent = np.gradient(paths, axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-9)
    outward = space.outward(paths.reshape(-1, 3)).reshape(paths.shape)
    across = np.cross(outward, tangent)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    over = np.cross(tangent, across)
    lengths = np.linalg.norm(np.diff(paths, axis=1), axis=-1)
    along = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(lengths, axis=1)], axis=1)
    phase = 2.2 * fbm(start, 15.0, seed + 23) + 0.45 * rng.standard_normal(len(paths))
    turns = 2.0 * np.pi * along / (period * rng.uniform(0.8, 1.25, len(paths)))[:, None]
    angle = turns + phase[:, None]
    size = amplitude * smooth(0.0, 0.9 * period, along) * rng.uniform(0.6, 1.2, len(paths))[:, None]
    return paths + size[..., None] * (
        np.cos(angle)[..., None] * across + 0.7 * (1.0 + np.sin(angle))[..., None] * over
    )
