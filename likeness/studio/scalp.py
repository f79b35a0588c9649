"""The space around a person's head, for whatever has to lie on it or hang past it.

Owns a height map of the head seen from its own axis, without ears, and the torso's front and back
below it. Hair grows in it (``hair``); it knows none.

Points above ``CENTER_Y`` are described by their direction from the centre of the skull, points
below by their direction from the vertical axis, so that skull, face and neck are one map of radius
over (azimuth, level).
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import Delaunay

from likeness.studio.depth_maps import nearest_depth
from likeness.studio.template import Template

CENTER_Y, AXIS_Z = 60.0, -4.0
_LEVEL_STEP, _AZIMUTH_STEP = 3.0, 5.0
_LEVELS = np.arange(-105.0, 90.1, _LEVEL_STEP)
_AZIMUTHS = np.arange(-180.0, 180.0, _AZIMUTH_STEP)
_MM_PER_LEVEL = 2.0
_BARE = 0.02
"""Share of an ear from which on a vertex of the skin is left out."""
_BESIDE = 60.0
"""Degrees by which triangles reach over the seam of the map at the back."""


class HeadSpace:
    """Heights above one person's skin.

    Args:
        template: whose skin vertices are in the order of ``skin``.
        skin: (S, 3) the person's rest vertices in mm, beginning with the skin.
        ear_cover: share of the ears' own height by which the map bulges over them, for hair that
            hides them.
    """

    def __init__(self, template: Template, skin: np.ndarray, ear_cover: float = 0.0) -> None:
        skin = skin[: template.num_skin]
        self._radius = _radius_map(template, skin)
        if ear_cover > 0.0:
            ears = skin[template.ear[: template.num_skin] > 0.3]
            self._radius = self._radius + ear_cover * self._bulge(ears)

    def height(self, points: np.ndarray) -> np.ndarray:
        """Height in mm of (N, 3) points above the skin along the ray that meets them, (N,)."""
        azimuth, level, radius = _polar(points)
        return radius - self._look_up(azimuth, level)

    def outward(self, points: np.ndarray) -> np.ndarray:
        """Unit direction away from the head at (N, 3) points."""
        direction = points - _origins(points)
        return direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)

    def clamp(self, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Moves (N, 3) points along their rays until ``low <= height <= high`` (each (N,), mm)."""
        origin = _origins(points)
        azimuth, level, radius = _polar(points)
        surface = self._look_up(azimuth, level)
        wanted = np.clip(radius, surface + low, surface + high)
        return origin + (points - origin) * (wanted / np.maximum(radius, 1e-9))[:, None]

    def _bulge(self, points: np.ndarray) -> np.ndarray:
        """The map's rise, in mm, that takes it smoothly over all of (N, 3) points."""
        azimuth, level, _ = _polar(points)
        height = np.maximum(self.height(points), 0.0)
        turn = (_AZIMUTHS[:, None] - azimuth + 180.0) % 360.0 - 180.0
        across, along = 1.4 * turn, _MM_PER_LEVEL * (_LEVELS[:, None] - level)  # mm
        near_across = height * np.exp(-((across / 15.0) ** 2))
        near_along = np.exp(-((along / 15.0) ** 2))
        return np.stack([(column * near_along).max(axis=1) for column in near_across])

    def _look_up(self, azimuth: np.ndarray, level: np.ndarray) -> np.ndarray:
        a = (azimuth + 180.0) / _AZIMUTH_STEP
        b = np.clip((level - _LEVELS[0]) / _LEVEL_STEP, 0.0, len(_LEVELS) - 1.001)
        i, j = np.floor(a).astype(int), b.astype(int)
        u, v = a - i, b - j
        i, following = i % len(_AZIMUTHS), (i + 1) % len(_AZIMUTHS)
        grid = self._radius
        return (1 - u) * ((1 - v) * grid[i, j] + v * grid[i, j + 1]) + u * (
            (1 - v) * grid[following, j] + v * grid[following, j + 1]
        )


def _radius_map(template: Template, skin: np.ndarray) -> np.ndarray:
    """Radius in mm over azimuth and level, linear between skin vertices (S, 3), the outer one where
    skin folds; where no skin is, in what ears leave open or below it, the nearest there is.
    """
    chosen, turns, faces, usual = _triangles(template)
    azimuth, level, radius = (values[chosen] for values in _polar(skin))
    # The seam at the back passes a vertex on different sides in different heads.
    azimuth = azimuth + 360.0 * (np.round((usual - azimuth) / 360.0) + turns)
    columns = (azimuth - _AZIMUTHS[0]) / _AZIMUTH_STEP + 0.5
    rows = (level - _LEVELS[0]) / _LEVEL_STEP + 0.5
    outermost = np.empty((len(_LEVELS), len(_AZIMUTHS)), np.float32)
    places = np.stack([columns, rows], axis=1).astype(np.float32)
    nearest_depth(places, -radius.astype(np.float32), faces, outermost)
    missing = np.tile(np.isinf(outermost), 3)
    found = distance_transform_edt(missing, return_distances=False, return_indices=True)
    found = found[:, :, len(_AZIMUTHS) : 2 * len(_AZIMUTHS)]
    return -outermost[found[0], found[1] % len(_AZIMUTHS)].T.astype(np.float64)


@functools.lru_cache(maxsize=4)
def _triangles(template: Template) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Triangles between the template's skin vertices on the map, ears left out.

    Returns:
        (N,) vertices, those near the seam twice; (N,) turns of each; (F, 3) triangles of them;
        (N,) degrees azimuth of each on the template, without its turns.
    """
    bare = np.flatnonzero(template.ear[: template.num_skin] < _BARE)
    azimuth, level, _ = _polar(template.vertices[bare])
    turns = np.repeat([-1.0, 0.0, 1.0], len(bare))
    wrapped = np.tile(azimuth, 3) + 360.0 * turns
    near = np.abs(wrapped) < 180.0 + _BESIDE
    sites = np.column_stack([wrapped, np.tile(level, 3)])[near]
    faces = Delaunay(sites).simplices.astype(np.int32)
    return np.tile(bare, 3)[near], turns[near], faces, np.tile(azimuth, 3)[near]


def _origins(points: np.ndarray) -> np.ndarray:
    """The point of the axis each point is seen from."""
    origins = np.zeros_like(points)
    origins[:, 1] = np.minimum(points[:, 1], CENTER_Y)
    origins[:, 2] = AXIS_Z
    return origins


def _polar(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth in degrees (0 front, 90 the subject's left), level, distance from the origin."""
    across, forward = points[:, 0], points[:, 2] - AXIS_Z
    horizontal = np.hypot(across, forward)
    above = points[:, 1] - CENTER_Y
    azimuth = np.degrees(np.arctan2(across, forward))
    elevation = np.degrees(np.arctan2(above, horizontal))
    level = np.where(above > 0.0, elevation, above / _MM_PER_LEVEL)
    return azimuth, level, np.where(above > 0.0, np.hypot(horizontal, above), horizontal)
