"""The body below the neck: a smooth bust grown from the rim of a person's neck.

Owns its shape as a surface over (azimuth, s), s running from the neck's rim (0) over the shoulders
down to the lower chest (1). What is worn on it is the business of ``clothing``.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from likeness.studio.template import Template

AXIS_Z = -22.0

_KNOTS = np.array([0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0])
_RADIUS = {
    "side": np.array([63.0, 70.0, 84.0, 119.0, 156.0, 191.0, 212.0, 222.0]),
    "front": np.array([58.0, 60.0, 64.5, 76.0, 88.0, 98.0, 104.0, 108.0]),
    "back": np.array([54.0, 60.0, 68.0, 80.0, 88.0, 93.0, 95.0, 96.0]),
}
_HEIGHT = {
    "side": np.array([-136.0, -143.0, -154.0, -171.0, -186.0, -210.0, -268.0, -430.0]),
    "front": np.array([-150.0, -159.0, -170.0, -197.0, -227.0, -262.0, -320.0, -440.0]),
    "back": np.array([-122.0, -130.0, -142.0, -168.0, -200.0, -240.0, -305.0, -430.0]),
}
"""Profiles in three directions: distance from the axis and height, mm, at the knots of s."""


class Torso:
    """One person's bust.

    Args:
        template: whose order ``skin`` has.
        skin: (>= skin, 3) the person's rest vertices, mm.
    """

    def __init__(self, template: Template, skin: np.ndarray) -> None:
        loop = template.neck_loop
        rim = np.asarray(skin, dtype=np.float64)[loop]
        azimuth = np.arctan2(rim[:, 0], rim[:, 2] - AXIS_Z)
        order = np.argsort(azimuth)
        self.loop = loop[order]
        azimuth, rim = azimuth[order], rim[order]
        # Wrapped by one vertex on either side, so that look-ups need no special case.
        self._azimuth = np.concatenate([azimuth[-1:] - 2 * np.pi, azimuth, azimuth[:1] + 2 * np.pi])
        self._rim = np.concatenate([rim[-1:], rim, rim[:1]])
        half_width = 0.5 * float(np.ptp(rim[:, 0]))
        self.scale = float(np.clip((half_width / 63.0) ** 0.6, 0.84, 1.16))
        self._radius = {name: PchipInterpolator(_KNOTS, values) for name, values in _RADIUS.items()}
        self._height = {name: PchipInterpolator(_KNOTS, values) for name, values in _HEIGHT.items()}

    def rim(self, azimuth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where rays at (N,) azimuths leave the neck.

        Returns:
            (N, 3) points of the rim, (N, 2) the skin vertices on either side, (N,) the share of the
            second one.
        """
        place = np.searchsorted(self._azimuth, azimuth, side="right") - 1
        place = np.clip(place, 0, len(self._azimuth) - 2)
        span = self._azimuth[place + 1] - self._azimuth[place]
        t = (azimuth - self._azimuth[place]) / span
        points = (1 - t)[:, None] * self._rim[place] + t[:, None] * self._rim[place + 1]
        count = len(self.loop)
        pair = np.stack([self.loop[(place - 1) % count], self.loop[place % count]], axis=1)
        return points, pair, t

    def surface(self, azimuth: np.ndarray, s: np.ndarray) -> np.ndarray:
        """(N, 3) points of the bust at azimuths (radians, 0 front, positive left) and s."""
        sine, cosine = np.sin(azimuth), np.cos(azimuth)
        ahead = np.where(cosine >= 0.0, self._radius["front"](s), self._radius["back"](s))
        power = 2.0 + 0.5 * np.clip(s / 0.6, 0.0, 1.0)
        radius = (
            np.abs(sine / self._radius["side"](s)) ** power + np.abs(cosine / ahead) ** power
        ) ** (-1.0 / power)
        along = np.where(cosine >= 0.0, self._height["front"](s), self._height["back"](s))
        height = sine**2 * self._height["side"](s) + cosine**2 * along

        start = np.zeros_like(s)
        rim, _, _ = self.rim(azimuth)
        ahead = np.where(cosine >= 0.0, self._radius["front"](start), self._radius["back"](start))
        first = ((sine / self._radius["side"](start)) ** 2 + (cosine / ahead) ** 2) ** -0.5
        along = np.where(cosine >= 0.0, self._height["front"](start), self._height["back"](start))
        first_height = sine**2 * self._height["side"](start) + cosine**2 * along
        rim_radius = np.hypot(rim[:, 0], rim[:, 2] - AXIS_Z)
        blend = np.clip(1.0 - s / 0.4, 0.0, 1.0) ** 2
        radius = self.scale * radius + blend * (rim_radius - self.scale * first)
        height = height + blend * (rim[:, 1] - first_height)
        points = np.stack([radius * sine, height, AXIS_Z + radius * cosine], axis=1)
        # Arms part from the trunk below the shoulder.
        turn = np.degrees(np.abs(azimuth))
        groove = np.exp(-(((turn - 58.0) / 7.0) ** 2)) + np.exp(-(((turn - 124.0) / 7.0) ** 2))
        depth = 15.0 * groove * np.clip((s - 0.6) / 0.25, 0.0, 1.0)
        points[:, 0] -= depth * sine
        points[:, 2] -= depth * cosine
        points[:, 1] += _collar_bones(points)
        return points

    def normals(self, azimuth: np.ndarray, s: np.ndarray) -> np.ndarray:
        """(N, 3) unit normals of :meth:`surface`, by central differences."""
        step = 1e-3
        down = self.surface(azimuth, np.minimum(s + step, 1.0)) - self.surface(
            azimuth, np.maximum(s - step, 0.0)
        )
        around = self.surface(azimuth + step, s) - self.surface(azimuth - step, s)
        normal = np.cross(down, around)
        return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _collar_bones(points: np.ndarray) -> np.ndarray:
    """Lift in mm where the collar bones run under the skin."""
    across = np.abs(points[:, 0])
    line = -166.0 - 0.10 * across + 6.0 * np.sin(across / 45.0)
    ridge = np.exp(-(((points[:, 1] - line) / 6.5) ** 2))
    ends = np.clip((across - 8.0) / 14.0, 0.0, 1.0) * np.clip((165.0 - across) / 40.0, 0.0, 1.0)
    return 4.0 * ridge * ends * (points[:, 2] > -15.0)
