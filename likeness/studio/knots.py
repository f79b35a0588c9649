"""What tied hair ends in behind the crown: a wound bun, or a tail that arches over and hangs.

Owns the strands beyond the knot. Those between the hairline and the knot are grown by ``hair``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from likeness.studio.attached import AttachedMesh
from likeness.studio.hair_growth import wave
from likeness.studio.hair_shapes import KNOT, Recipe, smooth
from likeness.studio.ribbons import Roots, ribbons
from likeness.studio.scalp import HeadSpace
from likeness.studio.surface_points import HAIR
from likeness.studio.template import Template
from likeness.studio.traits import HairTraits

FIRST_NUMBER = 100_000
"""Number of the first strand beyond the knot; those of the scalp count from 0."""

_SHORTEST_TAIL = 200.0
"""Length in mm below which tied hair is wound into a bun."""

_SKULL = np.array([0.0, 55.0, -4.0])
"""The middle of the skull, from where the knot stands out."""

_TIE, _CLEAR = 6.0, 6.0
"""mm: radius of a tail where it is tied, and between the back of the head and its inner side."""

_RISE = 21.0
"""mm for which a tail stands straight out of its tie: so far that it is seen over the head."""

_DOWN = -0.5 * np.pi
"""Radians a tail's middle line is inclined where it hangs."""

_TURNS, _FLAT = 6.0, 0.85
"""Turns of a bun's rope in 2 pi radians from its axis, and its thickness over its width."""

_STEEPEST = 1.5
"""Steepest slope of a smoothstep: how much sharper than on average an arch is bent in its middle"""


@dataclass(frozen=True)
class Arch:
    """The middle line of a tail in its plane, which is upright and holds the direction outward."""

    start: float
    """Radians above the horizon in which it leaves the knot."""
    rise: float
    """mm along the line that it keeps that direction, as the tie holds it."""
    bend: float
    """mm along the line from there until it hangs."""

    @property
    def length(self) -> float:
        """mm along the line until it hangs."""
        return self.rise + self.bend

    def inclination(self, along: np.ndarray) -> np.ndarray:
        """Radians above the horizon at distances from the knot in mm."""
        return self.start + (_DOWN - self.start) * smooth(self.rise, self.length, along)

    def shares(self, count: int) -> np.ndarray:
        """(count,) shares 0..1 of its length, closer together where it bends more."""
        fine = np.linspace(0.0, 1.0, 200)
        turned = smooth(self.rise, self.length, self.length * fine)
        return np.interp(np.linspace(0.0, 1.0, count), 0.3 * fine + 0.7 * turned, fine)

    def place(self, along: np.ndarray) -> np.ndarray:
        """(..., 2) mm away from the head and up, at distances from the knot in mm."""
        fine = np.linspace(0.0, max(float(along.max()), self.length), 400)
        turn = self.inclination(fine)
        step = np.diff(fine, prepend=0.0)
        away, up = (np.cumsum(way(turn) * step) for way in (np.cos, np.sin))
        return np.stack([np.interp(along, fine, away), np.interp(along, fine, up)], axis=-1)


def arch_of(start: float, clear: float, radius: float) -> Arch:
    """The shortest arch that comes down ``clear`` mm from the knot and bends no sharper than hair
    of ``radius`` mm around it can without a fold."""
    across = float(Arch(start, 0.0, 1.0).place(np.ones(1))[0, 0])
    clears = (clear - _RISE * np.cos(start)) / across
    bends = 1.2 * radius * _STEEPEST * (start - _DOWN)
    return Arch(start, _RISE, max(clears, bends))


def beyond_the_knot(
    hair: HairTraits,
    recipe: Recipe,
    space: HeadSpace,
    template: Template,
    skin: np.ndarray,
    frame: np.ndarray,
    rng: np.random.Generator,
    seed: int,
    count: int,
    width: float,
) -> AttachedMesh:
    """The bun or, for longer hair, the tail that tied hair ends in.

    Args:
        hair: the traits.
        recipe: of the hair before the knot.
        space: around the head.
        template: whose order ``skin`` has.
        skin: (S, 3) rest vertices of the skin, mm.
        frame: skin vertices that carry the hair.
        rng: the only source of chance but ``seed``.
        seed: of noise.
        count: of strands.
        width: of ribbons, mm.
    """
    nearest = int(np.argmin(np.linalg.norm(template.vertices[: len(skin)] - KNOT, axis=1)))
    triangle = template.skin_faces[(template.skin_faces == nearest).any(axis=1)][0]
    # Not the middle of the triangle: that lies beside the middle of the head.
    base = skin[nearest].astype(np.float64)
    out = (base - _SKULL) / np.linalg.norm(base - _SKULL)
    if hair.length < _SHORTEST_TAIL:
        paths, facing, layer = _bun(hair, base, out, rng, count)
    else:
        behind = base[2] - skin[:, 2].min()
        paths, facing, layer = _tail(hair, base, out, behind, rng, count)
        paths = _curled(paths, hair, recipe, space, rng, seed)
    t = np.linspace(0.0, 1.0, paths.shape[1])
    profile = (0.5 + 0.5 * smooth(0.0, 0.2, t)) * (1.0 - 0.8 * smooth(0.55, 1.0, t))
    roots = Roots(np.tile(triangle, (count, 1)), np.tile(1.0 * (triangle == nearest), (count, 1)))
    return ribbons(
        roots,
        paths,
        facing,
        width * rng.uniform(0.6, 1.2, count)[:, None] * profile,
        skin,
        frame,
        part=HAIR,
        layer=0.3 + 0.7 * np.clip(layer, 0.0, 1.0),
        numbers=FIRST_NUMBER + np.arange(count),
        local=False,
    )


def _bun(
    hair: HairTraits, base: np.ndarray, out: np.ndarray, rng: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paths (N, K, 3) of a rope wound up about the outward axis, (N, K, 3) outward, (N,) depth.

    Every strand follows the rope, which closes in on the middle of the bun by one turn in
    ``2 pi / _TURNS`` radians of the angle from the axis.
    """
    t = np.linspace(0.0, 1.0, 12)[None]
    radius = 19.0 + 0.07 * hair.length * hair.volume
    first = np.cross(out, [1.0, 0.0, 0.0])
    first /= np.linalg.norm(first)
    second = np.cross(out, first)
    turn = rng.uniform(0.0, 2.0 * np.pi, count)[:, None] + rng.uniform(1.4, 2.6, (count, 1)) * t
    # Even over the ball but for what the head covers.
    from_axis = np.arccos(rng.uniform(-0.75, 0.98, count))[:, None]
    stray = 0.10 * rng.standard_normal((count, 1))
    from_axis = from_axis + (turn - turn[:, :1]) * (stray - 1.0 / _TURNS)
    layer = 1.0 - rng.random(count) ** 2.0
    size = radius * (0.86 + 0.14 * layer)[:, None]
    size = size * (1.0 + 0.07 * np.sin(_TURNS * from_axis + turn))
    around = np.cos(turn)[..., None] * first + np.sin(turn)[..., None] * second
    arms = np.sin(from_axis)[..., None] * around + _FLAT * np.cos(from_axis)[..., None] * out
    middle = base + 0.7 * radius * out
    facing = arms / np.linalg.norm(arms, axis=-1, keepdims=True)
    return middle + size[..., None] * arms, facing, layer


def _tail(
    hair: HairTraits,
    base: np.ndarray,
    out: np.ndarray,
    behind: float,
    rng: np.random.Generator,
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paths (N, K, 3) of a round bundle, (N, K, 3) away from its middle, (N,) depth.

    ``behind`` is how far in mm the back of the head lies behind the knot.
    """
    curl = smooth(0.25, 0.85, np.array(hair.curl)).item()
    radius = 17.0 * hair.volume**0.7 * (1.0 + 0.7 * curl)
    arch = arch_of(float(np.arctan2(out[1], -out[2])), behind + radius + _CLEAR, radius)
    longest = (0.95 * hair.length + arch.length) * (1.0 - 0.35 * curl)
    length = longest * (1.0 - 0.45 * rng.random(count) ** 1.3)[:, None]
    # Half of the points lie in the arch; waves need more of them.
    points = 16 if hair.curl < 0.25 else 20
    in_arch = points // 2 + 1
    bent = np.minimum(arch.length, 0.75 * length)
    hanging = np.linspace(0.0, 1.0, points - in_arch + 1)[1:]
    along = np.concatenate([bent * arch.shares(in_arch), bent + (length - bent) * hanging], axis=1)
    turn = arch.inclination(along)
    away, up = np.moveaxis(arch.place(along), -1, 0)
    zero = np.zeros_like(up)
    middle = base + np.stack([zero, up, -away], axis=-1)
    over = np.stack([zero, np.cos(turn), np.sin(turn)], axis=-1)
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    # Most of a full section lies next to its outline, and only that is seen.
    layer = 1.0 - 0.7 * rng.random(count) ** 3.0
    sideways = np.array([1.0, 0.0, 0.0])
    ring = np.cos(angle)[:, None, None] * sideways + np.sin(angle)[:, None, None] * over
    swells = smooth(-6.0, 50.0, along) * (1.0 - 0.75 * smooth(0.45, 1.0, along / longest))
    size = _TIE + (radius - _TIE) * swells
    # No two strands stay the same way apart: else the tail is a pipe. Over the arch, where the
    # outline is seen from the front, they lie together.
    loose = smooth(0.7 * arch.length, longest, along)
    astray = 1.0 + 0.2 * rng.standard_normal((count, 1)) * loose
    paths = middle + ring * (size * layer[:, None] * astray)[..., None]
    return paths, ring, layer


def _curled(
    paths: np.ndarray,
    hair: HairTraits,
    recipe: Recipe,
    space: HeadSpace,
    rng: np.random.Generator,
    seed: int,
) -> np.ndarray:
    """Paths of a tail in the waves of hair that is not combed taut any more."""
    amplitude = 4.0 * hair.curl * smooth(0.12, 0.5, np.array(hair.curl)).item()
    period = 64.0 - 26.0 * min(hair.curl, 1.0)
    loose = replace(recipe, wave=(amplitude, period))
    return wave(paths, loose, space, paths[:, paths.shape[1] // 2], rng, seed)
