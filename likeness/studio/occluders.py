"""Things in front of a face: a hand, a microphone, a phone or cup.

Owns their outline and their plain shading in the picture. They are flat as far as geometry goes:
they have one depth, throw no shadow and catch none; their business is to hide part of a face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.studio.lighting import Lighting

Kind = Literal["hand", "microphone", "card"]
KINDS: tuple[Kind, ...] = ("hand", "microphone", "card")

Capsule = tuple[tuple[float, float], tuple[float, float], float]

# In box sides, y down, from the point that is laid on the face: ends and half width. Arms and the
# stand of a microphone are so long that no picture they belong in shows an end.
_HAND: tuple[Capsule, ...] = (
    ((0.00, 0.06), (0.03, 0.42), 0.155),
    ((-0.13, -0.30), (-0.10, 0.10), 0.045),
    ((-0.04, -0.37), (-0.03, 0.10), 0.048),
    ((0.05, -0.35), (0.04, 0.10), 0.046),
    ((0.13, -0.24), (0.11, 0.12), 0.040),
    ((-0.27, 0.00), (-0.10, 0.26), 0.050),
    ((0.03, 0.42), (0.10, 4.20), 0.125),
)
_MICROPHONE: tuple[Capsule, ...] = (
    ((0.0, 0.0), (0.0, 0.02), 0.13),
    ((0.0, 0.12), (0.04, 0.70), 0.060),
    ((0.04, 0.70), (0.60, 24.0), 0.028),
)
_HOLDING: tuple[Capsule, ...] = (
    ((0.02, 0.36), (0.03, 0.58), 0.150),
    ((0.03, 0.58), (0.08, 4.20), 0.120),
)
"""The hand behind a card and its arm."""
_FINGERS: tuple[Capsule, ...] = (
    ((0.20, 0.46), (0.10, 0.20), 0.050),
    ((-0.28, 0.12), (-0.21, 0.10), 0.040),
    ((-0.28, 0.21), (-0.20, 0.20), 0.040),
    ((-0.27, 0.30), (-0.20, 0.30), 0.038),
)
"""The thumb and what is seen of the fingers, before the card."""


@dataclass(frozen=True)
class Occluder:
    """One thing, placed in units of the face's box."""

    kind: Kind
    place: tuple[float, float]
    """Where it is laid: from the middle of the box, in its longer sides; x right, y down."""
    turn: float
    """Radians, counter-clockwise in the picture."""
    size: float
    """1 is life size."""
    color: tuple[float, float, float]
    """Linear reflectance; of a card, the hand that holds it has ``skin``."""
    nearer: float
    """Metres in front of the face's middle."""
    skin: tuple[float, float, float] = (0.42, 0.25, 0.18)
    """Linear reflectance of the hand that holds a card."""


def paint_occluder(
    occluder: Occluder,
    box: tuple[float, float, float, float],
    lighting: Lighting,
    height: int,
    width: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Radiance (H, W, 3) and coverage (H, W) of an occluder.

    Args:
        occluder: what.
        box: left, top, right, bottom of the face in pixels.
        lighting: what lights it.
        height: of the picture.
        width: likewise.
    """
    side = max(box[2] - box[0], box[3] - box[1])
    scale = side * occluder.size
    y, x = np.mgrid[:height, :width].astype(np.float32) + np.float32(0.5)
    x = (x - 0.5 * (box[0] + box[2]) - side * occluder.place[0]) / scale
    y = (y - 0.5 * (box[1] + box[3]) - side * occluder.place[1]) / scale
    cosine, sine = math.cos(occluder.turn), math.sin(occluder.turn)
    x, y = cosine * x - sine * y, sine * x + cosine * y

    if occluder.kind == "card":
        layers = [
            (_capsules(_HOLDING, x, y), occluder.skin),
            (_card(x, y), occluder.color),
            (_capsules(_FINGERS, x, y), occluder.skin),
        ]
    else:
        parts = _HAND if occluder.kind == "hand" else _MICROPHONE
        layers = [(_capsules(parts, x, y), occluder.color)]
    radiance = np.zeros((height, width, 3), np.float32)
    coverage = np.zeros((height, width), np.float32)
    for (depth, normal), color in layers:
        # Back from the thing's own axes to the picture's, y up.
        nx, ny = cosine * normal[0] + sine * normal[1], -sine * normal[0] + cosine * normal[1]
        light = _light(np.stack([nx, -ny, normal[2]], axis=-1), lighting)
        share = np.clip(depth * scale + 0.5, 0.0, 1.0)
        # Where nothing lies behind, the color goes on beyond the edge.
        weight = np.where(coverage > 0.0, share, 1.0)[..., None]
        radiance += weight * (np.asarray(color, np.float32) * light - radiance)
        coverage = np.maximum(coverage, share)
    return radiance.astype(np.float32), coverage.astype(np.float32)


def _light(normals: NDArray[np.float32], lighting: Lighting) -> NDArray[np.float32]:
    """What reaches surfaces of normals (H, W, 3): lamps and surroundings."""
    light = np.zeros(normals.shape, np.float32)
    for lamp in lighting.lamps:
        facing = np.maximum(normals @ lamp.direction.astype(np.float32), 0.0)
        light += facing[..., None] * lighting.lamp_color(lamp).astype(np.float32)
    up = 0.5 + 0.5 * normals[..., 1:2]
    lit: NDArray[np.float32] = light + up * lighting.sky_color + (1.0 - up) * lighting.ground_color
    return lit


def _capsules(
    capsules: tuple[Capsule, ...], x: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], ...]]:
    """Depth inside the outline (negative outside) and normals of the roundest capsule there."""
    best = np.full(x.shape, -np.inf, np.float32)
    roundness = np.full(x.shape, -np.inf, np.float32)
    nx, ny = np.zeros_like(x), np.zeros_like(x)
    for (ax, ay), (bx, by), radius in capsules:
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
        ox, oy = x - ax - along * dx, y - ay - along * dy
        inside = radius - np.hypot(ox, oy)
        best = np.maximum(best, inside)
        height = np.sqrt(np.maximum(radius**2 - ox**2 - oy**2, 0.0))
        nearer = height > roundness
        roundness = np.where(nearer, height, roundness)
        nx, ny = np.where(nearer, ox / radius, nx), np.where(nearer, oy / radius, ny)
    nz = np.sqrt(np.maximum(1.0 - nx**2 - ny**2, 0.04))
    return best, (nx, ny, nz)


def _card(
    x: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], ...]]:
    """A flat thing with rounded corners."""
    half_x, half_y, corner = 0.24, 0.42, 0.05
    qx, qy = np.abs(x) - half_x + corner, np.abs(y) - half_y + corner
    outside = np.hypot(np.maximum(qx, 0.0), np.maximum(qy, 0.0))
    depth = corner - outside - np.minimum(np.maximum(qx, qy), 0.0)
    edge = np.clip(1.0 - depth / 0.02, 0.0, 1.0) * 0.7
    nx = edge * np.sign(x) * (qx > qy)
    ny = edge * np.sign(y) * (qx <= qy)
    return depth, (nx, ny, np.sqrt(1.0 - nx**2 - ny**2))


def sample_occluder(rng: np.random.Generator, *, far: bool = False) -> Occluder:
    """Draws something in front of the lower or outer part of a face.

    Args:
        rng: the only source of chance.
        far: the face is so small in the picture that no arm would reach it: a microphone on a
            stand.
    """
    kind = KINDS[int(rng.choice(3, p=(0.5, 0.25, 0.25)))]
    if far:
        kind = "microphone"
    melanin = rng.uniform(0.0, 1.0)
    skin = np.array((0.62, 0.38, 0.28)) * (1 - melanin) + melanin * np.array((0.12, 0.06, 0.04))
    if kind == "hand":
        color = skin
        place, turn = (rng.uniform(-0.5, 0.5), rng.uniform(0.1, 0.7)), rng.normal(0.0, 0.5)
    elif kind == "microphone":
        color = np.full(3, rng.uniform(0.02, 0.08))
        place, turn = (rng.uniform(-0.25, 0.25), rng.uniform(0.35, 0.65)), rng.normal(0.0, 0.3)
    else:
        color = np.exp(rng.uniform(math.log(0.02), math.log(0.8))) * np.exp(rng.normal(0.0, 0.3, 3))
        place, turn = (rng.uniform(-0.7, 0.7), rng.uniform(0.0, 0.9)), rng.normal(0.0, 0.4)
    return Occluder(
        kind=kind,
        place=(float(place[0]), float(place[1])),
        turn=float(turn),
        size=float(rng.uniform(0.85, 1.2)),
        color=_triple(np.clip(color, 0.01, 0.9)),
        nearer=float(rng.uniform(0.12, 0.2)),
        skin=_triple(skin),
    )


def _triple(color: NDArray[np.floating]) -> tuple[float, float, float]:
    return float(color[0]), float(color[1]), float(color[2])
