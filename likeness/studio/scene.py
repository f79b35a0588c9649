"""How a person is photographed: pose, expression, gaze, camera, light and background of a picture.

Owns the distributions studio pictures are drawn from and the geometry of framing. What a picture
shows is computed by ``photograph``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.head_numpy import rotation_matrix
from likeness.studio.background import Background
from likeness.studio.figure import HeadPose
from likeness.studio.film import Film
from likeness.studio.lighting import Lamp, Lighting
from likeness.studio.moods import neutral_expression, sample_expression
from likeness.studio.occluders import Occluder, sample_occluder
from likeness.studio.pixels import project

LightName = Literal["studio", "window", "overcast", "sun", "evening", "flash", "soft"]
LIGHT_NAMES: tuple[LightName, ...] = (
    "studio",
    "window",
    "overcast",
    "sun",
    "evening",
    "flash",
    "soft",
)

Camera = tuple[NDArray[np.float64], tuple[float, float, float, float]]
"""Translation (3,) that puts a figure before a camera at the origin, and fx, fy, cx, cy in pixels;
see :func:`frame`."""

_NECK_LIMITS = (math.radians(25), math.radians(24), math.radians(14))
"""How far a head turns, nods and tilts against the shoulders. Real ones turn further, with muscles
that come forward under the skin; the studio's neck has none, and shoulders turn along."""


@dataclass(frozen=True)
class Framing:
    """Where the camera is and what part of its picture is kept."""

    distance: float
    """Metres from the camera to the middle of the face."""
    margin: float = 1.8
    """Side of the picture over the longer side of the box around the 68 landmarks."""
    offset: tuple[float, float] = (0.0, -0.04)
    """Middle of that box from the middle of the picture, in sides; x right, y down."""
    principal: tuple[float, float] = (0.0, 0.0)
    """Where the optical axis meets the picture, from its middle, in sides: a crop of a larger
    photograph does not have it in its middle."""


@dataclass(frozen=True)
class Scene:
    """One picture of whoever sits down."""

    seed: int
    """Seeds grain and everything else that is noise."""
    framing: Framing
    yaw: float
    """Radians the face is turned toward the right of the picture."""
    pitch: float
    """Radians the face is lifted."""
    roll: float
    """Radians the head is tilted counter-clockwise in the picture."""
    pose: HeadPose
    expression: tuple[float, ...]
    """(52,) weights without the direction of the eyes."""
    gaze: tuple[float, float]
    """Radians the eyes look past the camera: to the right of the picture, up."""
    lighting: Lighting
    light_name: LightName
    background: Background
    film: Film = field(default_factory=Film)
    occluder: Occluder | None = None
    """Something in front of the face."""

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        *,
        max_yaw: float = 90.0,
        expressive: bool = True,
        clean: bool = False,
        occluded: float = 0.0,
    ) -> Scene:
        """Draws a scene.

        Args:
            rng: the only source of chance.
            max_yaw: degrees; half of all pictures are within 25 in any case.
            expressive: False keeps the face at rest.
            clean: no grain, blur, vignette or JPEG.
            occluded: share of the pictures with something in front of the face.
        """
        yaw_limit = max_yaw if rng.random() < 0.5 else min(25.0, max_yaw)
        yaw = math.radians(rng.uniform(-yaw_limit, yaw_limit))
        pitch = math.radians(float(np.clip(rng.normal(0.0, 9.0), -30.0, 30.0)))
        roll = math.radians(float(np.clip(rng.normal(0.0, 5.5), -15.0, 15.0)))
        at_camera = rng.random() < 0.75
        aside = rng.normal(0.0, math.radians(12.0), 2) if not at_camera else (0.0, 0.0)
        name = LIGHT_NAMES[int(rng.choice(len(LIGHT_NAMES), p=_LIGHT_ODDS))]
        lighting = sample_lighting(rng, name)
        return cls(
            seed=int(rng.integers(2**31)),
            framing=_sample_framing(rng),
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            pose=turn_head(yaw, pitch, roll, body_share=float(rng.uniform(0.1, 0.9))),
            expression=tuple(sample_expression(rng) if expressive else neutral_expression()),
            gaze=(float(aside[0]), float(aside[1])),
            lighting=lighting,
            light_name=name,
            background=sample_background(rng, name),
            film=Film() if clean else _sample_film(rng),
            occluder=sample_occluder(rng) if rng.random() < occluded else None,
        )

    @classmethod
    def portrait(cls, seed: int = 0, *, yaw: float = 0.0, pitch: float = 0.0) -> Scene:
        """A plain portrait under soft light: the same for everybody.

        Args:
            seed: of the noise.
            yaw: degrees toward the right of the picture.
            pitch: degrees upward.
        """
        turn, lift = math.radians(yaw), math.radians(pitch)
        return cls(
            seed=seed,
            framing=Framing(distance=1.4, margin=2.35, offset=(0.0, 0.07)),
            yaw=turn,
            pitch=lift,
            roll=0.0,
            pose=turn_head(turn, lift, 0.0, body_share=0.6),
            expression=tuple(neutral_expression()),
            gaze=(0.0, 0.0),
            lighting=PORTRAIT_LIGHT,
            light_name="studio",
            background=Background("plain", (0.46, 0.49, 0.52), (0.3, 0.3, 0.3), 0.05, 3),
        )


def turn_head(yaw: float, pitch: float, roll: float, *, body_share: float) -> HeadPose:
    """The turn of body and neck that brings the head to yaw, pitch and roll (radians).

    The body takes ``body_share`` of the yaw and whatever the neck cannot; it never leans.
    """
    body_yaw = body_share * yaw
    limit = _NECK_LIMITS[0]
    body_yaw = float(np.clip(body_yaw, yaw - limit, yaw + limit))
    # A camera looking up or down sees the whole body pitched.
    body_pitch = pitch - float(np.clip(0.8 * pitch, -_NECK_LIMITS[1], _NECK_LIMITS[1]))
    body_roll = roll - float(np.clip(roll, -_NECK_LIMITS[2], _NECK_LIMITS[2]))
    body = head_rotation(body_yaw, body_pitch, body_roll)
    neck = body.T @ head_rotation(yaw, pitch, roll)
    return HeadPose(root=axis_angle(body), neck=axis_angle(neck))


def head_rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Roll about the face's axis, then nod, then turn; see :class:`Scene` for the signs."""
    turns = ((0.0, yaw, 0.0), (-pitch, 0.0, 0.0), (0.0, 0.0, roll))
    turn, nod, tilt = (rotation_matrix(np.array(vector)) for vector in turns)
    return turn @ nod @ tilt


def axis_angle(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Axis-angle vector of a rotation of less than half a turn."""
    vector = 0.5 * np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    sine = float(np.linalg.norm(vector))
    if sine < 1e-12:
        return 0.0, 0.0, 0.0
    angle = math.atan2(sine, 0.5 * (float(np.trace(rotation)) - 1.0))
    x, y, z = vector * (angle / sine)
    return float(x), float(y), float(z)


def frame(landmarks: NDArray[np.float64], framing: Framing, height: int, width: int) -> Camera:
    """Puts a figure before the camera.

    Args:
        landmarks: (68, 3) metres, of the posed figure.
        framing: what is wanted.
        height: of the picture in pixels.
        width: likewise; the shorter side counts as *the* side.

    Returns:
        translation (3,) to add to the figure, and fx, fy, cx, cy in pixels.
    """
    side = min(height, width)
    middle = 0.5 * (landmarks.min(axis=0) + landmarks.max(axis=0))
    away = np.array([framing.offset[0] - framing.principal[0], 0.0])
    away[1] = framing.principal[1] - framing.offset[1]  # y up
    focal = 4.0  # in sides
    for _ in range(6):
        center = np.array([*(away / focal * framing.distance), -framing.distance])
        translation = center - middle
        points, _ = project(landmarks + translation, (1.0, 1.0, 0.0, 0.0))
        low, high = points.min(axis=0), points.max(axis=0)
        focal = 1.0 / (framing.margin * float((high - low).max()))
    pixels = focal * side
    box_center = pixels * 0.5 * (low + high)
    wanted = np.array([width, height]) / 2.0 + side * np.asarray(framing.offset)
    cx, cy = wanted - box_center
    return translation, (pixels, pixels, float(cx), float(cy))


def _sample_framing(rng: np.random.Generator) -> Framing:
    if rng.random() < 0.25:  # at arm's length
        distance = float(rng.uniform(0.35, 0.75))
    else:
        # A photographer fills the frame, 24 mm high: longer lenses stand further off.
        focal_length = float(np.exp(rng.uniform(math.log(35.0), math.log(135.0))))
        face_height = 24.0 * rng.uniform(0.10, 0.55)
        distance = float(np.clip(0.19 * focal_length / face_height, 0.35, 3.0))
    margin = float(rng.uniform(1.2, 2.2))
    slack = 0.5 * (1.0 - 1.0 / margin)
    offset = rng.uniform(-0.45, 0.45, 2) * slack
    return Framing(
        distance=distance,
        margin=margin,
        offset=(float(offset[0]), float(offset[1])),
        principal=(float(rng.normal(0.0, 0.15)), float(rng.normal(0.0, 0.15))),
    )


def _sample_film(rng: np.random.Generator) -> Film:
    return Film(
        contrast=float(rng.uniform(1.1, 1.45)),
        saturation=float(np.clip(rng.normal(1.02, 0.08), 0.85, 1.25)),
        vignette=float(rng.uniform(0.0, 0.25)),
        blur=float(max(rng.normal(0.5, 1.1), 0.0)),
        grain=float(0.02 * rng.uniform() ** 2),
        jpeg_quality=int(rng.integers(55, 97)) if rng.random() < 0.5 else None,
    )


PORTRAIT_LIGHT = Lighting(
    key=Lamp(math.radians(-40), math.radians(38), 1.0, 5200, 0.12),
    fill=Lamp(math.radians(50), math.radians(8), 0.16, 5900, 0.40),
    rim=Lamp(math.radians(152), math.radians(42), 0.6, 6200, 0.15),
    sky=0.18,
    sky_temperature=6800,
    ground=(0.20, 0.18, 0.16),
    white_balance=5600,
    exposure=0.15,
)

_LIGHT_ODDS = (0.24, 0.20, 0.14, 0.14, 0.10, 0.06, 0.12)


def sample_lighting(rng: np.random.Generator, name: LightName) -> Lighting:
    """Light of a kind: each draws its lamps from its own ranges."""
    side = 1.0 if rng.random() < 0.5 else -1.0

    def lamp(
        azimuth: tuple[float, float],
        elevation: tuple[float, float],
        strength: tuple[float, float],
        temperature: tuple[float, float],
        softness: tuple[float, float],
        mirrored: float = 1.0,
    ) -> Lamp:
        return Lamp(
            azimuth=mirrored * side * math.radians(rng.uniform(*azimuth)),
            elevation=math.radians(rng.uniform(*elevation)),
            strength=float(rng.uniform(*strength)),
            temperature=float(rng.uniform(*temperature)),
            softness=float(rng.uniform(*softness)),
        )

    key_azimuth, key_height, key_color, key_soft = {
        "studio": ((20, 60), (10, 60), (4800, 6000), (0.08, 0.30)),
        "window": ((45, 90), (0, 30), (5500, 7500), (0.25, 0.45)),
        "overcast": ((0, 60), (40, 75), (6000, 7500), (0.45, 0.60)),
        "sun": ((15, 75), (20, 65), (4200, 5600), (0.01, 0.03)),
        "evening": ((20, 80), (-5, 40), (2800, 3600), (0.03, 0.15)),
        "flash": ((0, 10), (2, 14), (5200, 6000), (0.02, 0.05)),
        "soft": ((0, 40), (10, 45), (4500, 6500), (0.35, 0.60)),
    }[name]
    key_strength = {"overcast": (0.25, 0.45), "soft": (0.45, 0.7)}.get(name, (0.8, 1.0))
    fill = {
        "sun": (0.0, 0.1),
        "flash": (0.0, 0.05),
        "evening": (0.02, 0.15),
        "window": (0.0, 0.15),
        "overcast": (0.0, 0.1),
    }.get(name, (0.1, 0.4))
    sky = {"overcast": (0.6, 0.9), "evening": (0.04, 0.14), "flash": (0.05, 0.2)}.get(
        name, (0.14, 0.32)
    )
    key = lamp(key_azimuth, key_height, key_strength, key_color, key_soft)
    sky_temperature = float(rng.uniform(*((3000, 4500) if name == "evening" else (5800, 9000))))
    # A camera balances for the light it finds, never quite.
    found = 0.75 * key.temperature + 0.25 * sky_temperature
    return Lighting(
        key=key,
        fill=lamp((20, 75), (-5, 30), fill, (4500, 7000), (0.25, 0.5), mirrored=-1.0),
        rim=lamp(
            (125, 175),
            (15, 60),
            (0.1, 0.5) if rng.random() < 0.6 else (0.0, 0.0),
            (3500, 8000),
            (0.05, 0.25),
            mirrored=float(rng.choice((-1.0, 1.0))),
        ),
        sky=float(rng.uniform(*sky)),
        sky_temperature=sky_temperature,
        ground=tuple(float(v) for v in rng.uniform(0.08, 0.4) * rng.uniform(0.8, 1.2, 3)),
        white_balance=float(found + 0.65 * (5500 - found) * rng.uniform(0.0, 0.6)),
        exposure=float(np.clip(rng.normal(0.2, 0.3), -0.6, 0.9)),
    )


def sample_background(rng: np.random.Generator, light: LightName) -> Background:
    """A background that goes with the light."""
    odds = {
        "studio": {"plain": 0.4, "gradient": 0.4, "wall": 0.2},
        "window": {"interior": 0.6, "wall": 0.4},
        "overcast": {"outdoor": 0.8, "wall": 0.2},
        "sun": {"outdoor": 0.8, "wall": 0.2},
        "evening": {"bokeh": 0.55, "interior": 0.45},
        "flash": {"bokeh": 0.3, "interior": 0.4, "wall": 0.3},
        "soft": {"plain": 0.25, "interior": 0.45, "wall": 0.3},
    }[light]
    kind = str(rng.choice(list(odds), p=list(odds.values())))
    level = float(np.exp(rng.uniform(math.log(0.03), math.log(0.65))))
    if kind == "bokeh":
        level = 0.02 + 0.1 * level
    tint = np.exp(rng.normal(0.0, 0.16, 3))
    other = np.exp(rng.uniform(math.log(0.04), math.log(0.6))) * np.exp(rng.normal(0.0, 0.2, 3))
    if kind == "outdoor":  # leaves over earth, grass or paving
        level, tint = rng.uniform(0.06, 0.22), np.array([0.75, 1.0, 0.42]) * tint
        grounds = np.array([[0.26, 0.20, 0.14], [0.14, 0.20, 0.07], [0.30, 0.29, 0.28]])
        other = grounds[int(rng.integers(3))] * rng.uniform(0.6, 1.5)
    return Background(
        kind=kind,  # type: ignore[arg-type]
        color=tuple(float(v) for v in np.clip(level * tint, 0.0, 1.0)),
        second=tuple(float(v) for v in np.clip(other, 0.0, 1.0)),
        blur=float(rng.uniform(0.02, 0.10)),
        seed=int(rng.integers(2**31)),
    )
