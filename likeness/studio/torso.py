"""The body below the neck: a smooth trunk grown from a ring of a person's neck down to the hips.

Owns its shape as a surface over (azimuth, s): s runs from the neck (0) over the shoulders, to the
arms' attachment (.62), the waist (.86) and the hips (1). What is worn on it is the business of
``clothing``; arms and legs are ``limbs``.

Heights follow standing people of the survey the head comes from (ANSUR II; medians from memory): of
men the tip of the shoulder lies 185 mm and the nape's root 108 mm below the tragion, shoulders are
415 mm wide; of women 167, 101 and 365.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

from likeness.studio.anthropometry import BMI_MEAN, Sex
from likeness.studio.cage import load_cage
from likeness.studio.template import Template

AXIS_Z = -22.0
ARMPIT, WAIST = 0.74, 0.88
"""s of the level of the armpits, and of the waist."""

_KNOTS = np.array([0.0, 0.1, 0.2, 0.35, 0.5, 0.62, 0.74, 0.88, 1.0])
_RADIUS = {
    "side": np.array([58.0, 64.0, 78.0, 110.0, 136.0, 150.0, 148.0, 139.0, 167.0]),
    "front": np.array([58.0, 58.0, 61.0, 72.0, 90.0, 104.0, 114.0, 104.0, 112.0]),
    "back": np.array([52.0, 59.0, 70.0, 90.0, 106.0, 114.0, 114.0, 92.0, 120.0]),
}
_HEIGHT = {
    "side": np.array([-113.0, -121.0, -129.0, -143.0, -157.0, -182.0, -290.0, -460.0, -640.0]),
    "front": np.array([-124.0, -136.0, -150.0, -178.0, -211.0, -246.0, -325.0, -470.0, -640.0]),
    "back": np.array([-103.0, -109.0, -117.0, -135.0, -164.0, -204.0, -305.0, -470.0, -640.0]),
}
"""Profiles in three directions: distance from the axis and height, mm, at the knots of s, of a man
of average mass."""

_NECK_HALF_WIDTH = 58.0
_RING = tuple(f"k-122_{turn}" for turn in range(0, 181, 30))


@dataclass(frozen=True)
class Build:
    """How a body is built."""

    sex: Sex = "male"
    bmi: float = 26.0
    """kg/m2"""

    @property
    def breadth(self) -> float:
        """Width of the shoulders against a man's."""
        return 1.0 if self.sex == "male" else 0.885

    @property
    def stature(self) -> float:
        """Height of the body against a man's."""
        return 1.0 if self.sex == "male" else 0.92

    @property
    def mass(self) -> float:
        """Girth against what is usual for the sex."""
        return float(np.clip(self.bmi / BMI_MEAN[self.sex], 0.7, 1.6) ** 0.5)


def neck_base_vertices(template: Template) -> np.ndarray:
    """Skin vertices that belong to the shoulders: the rigid frame of clothing is fitted to them."""
    rest = template.vertices[: template.num_skin]
    # The plane through the two lowest rings but one of the neck slants up toward the nape.
    below = np.flatnonzero(rest[:, 1] < -122.0 - 0.141 * (rest[:, 2] - 44.0) - 4.0)
    return np.union1d(below, _ring())


def _ring() -> np.ndarray:
    """Skin vertices of the ring of the neck the trunk begins at."""
    cage = load_cage()
    half = cage.indices(*_RING)
    return np.concatenate([half, cage.mirror[half[1:-1]]])


class Torso:
    """One person's trunk.

    Args:
        template: whose order ``skin`` has.
        skin: (>= skin, 3) the person's rest vertices, mm.
        build: of the person.
    """

    def __init__(self, template: Template, skin: np.ndarray, build: Build | None = None) -> None:
        self.build = build or Build()
        loop = _ring()
        rim = np.asarray(skin, dtype=np.float64)[loop]
        azimuth = np.arctan2(rim[:, 0], rim[:, 2] - AXIS_Z)
        order = np.argsort(azimuth)
        self.loop = loop[order]
        azimuth, rim = azimuth[order], rim[order]
        # Wrapped by one vertex on either side, so that look-ups need no special case.
        self._azimuth = np.concatenate([azimuth[-1:] - 2 * np.pi, azimuth, azimuth[:1] + 2 * np.pi])
        self._rim = np.concatenate([rim[-1:], rim, rim[:1]])
        half_width = 0.5 * float(np.ptp(rim[:, 0]))
        usual = _NECK_HALF_WIDTH * (1.0 if self.build.sex == "male" else 0.85)
        own = float(np.clip((half_width / usual) ** 0.35, 0.9, 1.12))
        self.scale = own * self.build.breadth
        # Fat is on the trunk, hardly on shoulders; a narrow waist is a woman's.
        trunk = np.clip((_KNOTS - 0.5) / 0.2, 0.0, 1.0)
        girth = 1.0 + trunk * (self.build.mass - 1.0)
        if self.build.sex == "female":
            girth = girth * np.interp(_KNOTS, [0.0, 0.62, 0.74, 0.88, 1.0], [1, 1, 0.99, 0.95, 1.1])
        self._radius = {
            name: PchipInterpolator(_KNOTS, values * girth) for name, values in _RADIUS.items()
        }
        drop = self.build.stature
        self._height = {
            name: PchipInterpolator(_KNOTS, values[0] + drop * (values - values[0]))
            for name, values in _HEIGHT.items()
        }

    @cached_property
    def hip_height(self) -> float:
        """Where the trunk ends at either side, mm."""
        return float(self.surface(np.array([0.5 * np.pi]), np.array([1.0]))[0, 1])

    def rim(self, azimuth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where rays at (N,) azimuths leave the neck.

        Returns:
            (N, 3) points of the rim, (N, 2) the skin vertices on either side, (N,) the share of the
            second one.
        """
        place = np.searchsorted(self._azimuth, azimuth, side="right") - 1
        place = np.clip(place, 0, len(self._azimuth) - 2)
        # The ray meets the straight line between both.
        sine, cosine = np.sin(azimuth), np.cos(azimuth)
        beside = [
            self._rim[place + k, 0] * cosine - (self._rim[place + k, 2] - AXIS_Z) * sine
            for k in (0, 1)
        ]
        t = beside[0] / (beside[0] - beside[1])
        points = (1 - t)[:, None] * self._rim[place] + t[:, None] * self._rim[place + 1]
        count = len(self.loop)
        pair = np.stack([self.loop[(place - 1) % count], self.loop[place % count]], axis=1)
        return points, pair, t

    def surface(self, azimuth: np.ndarray, s: np.ndarray) -> np.ndarray:
        """(N, 3) points of the trunk at azimuths (radians, 0 front, positive left) and s."""
        sine, cosine = np.sin(azimuth), np.cos(azimuth)
        radius, height = self._profile(sine, cosine, s)
        first, first_height = self._profile(sine, cosine, np.zeros_like(s))
        rim, _, _ = self.rim(azimuth)
        rim_radius = np.hypot(rim[:, 0], rim[:, 2] - AXIS_Z)
        blend = np.clip(1.0 - s / 0.4, 0.0, 1.0) ** 2
        radius = radius + blend * (rim_radius - first)
        height = height + blend * (rim[:, 1] - first_height)
        points = np.stack([radius * sine, height, AXIS_Z + radius * cosine], axis=1)
        points[:, 1] += _collar_bones(points)
        if self.build.sex == "female":
            points[:, 2] += self._bust(points, cosine)
        return points

    def _profile(
        self, sine: np.ndarray, cosine: np.ndarray, s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distance from the axis and height of the trunk as it would be on a usual neck."""
        in_front = cosine >= 0.0
        ahead = np.where(in_front, self._radius["front"](s), self._radius["back"](s))
        # Round where the arms are, squarer below.
        power = 2.0 + 0.4 * np.clip((s - 0.62) / 0.2, 0.0, 1.0)
        wide, deep = np.abs(sine / self._radius["side"](s)), np.abs(cosine / ahead)
        radius = (wide**power + deep**power) ** (-1.0 / power)
        along = np.where(in_front, self._height["front"](s), self._height["back"](s))
        return self.scale * radius, sine**2 * self._height["side"](s) + cosine**2 * along

    def _bust(self, points: np.ndarray, cosine: np.ndarray) -> np.ndarray:
        """Forward displacement of a woman's chest, mm."""
        across = (np.abs(points[:, 0]) - 72.0) / 52.0
        down = (points[:, 1] + 318.0 * self.build.stature) / 52.0
        fullness = 24.0 * self.build.mass**2
        return fullness * np.exp(-(across**2) - down**2) * np.clip(3.0 * cosine, 0.0, 1.0)

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
    line = -166.0 - 0.02 * across + 6.0 * np.sin(across / 45.0)
    ridge = np.exp(-(((points[:, 1] - line) / 6.5) ** 2))
    ends = np.clip((across - 8.0) / 14.0, 0.0, 1.0) * np.clip((165.0 - across) / 40.0, 0.0, 1.0)
    return 4.0 * ridge * ends * (points[:, 2] > -15.0)
