"""How a person is photographed: pose, expression, gaze, camera, light and background of a picture.

Owns the distributions studio pictures are drawn from and the geometry of framing. What a picture
shows is computed by ``photograph``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.head_numpy import rotation_matrix
from likeness.studio.background import Background
from likeness.studio.background_kinds import draw_background_kind, sample_background
from likeness.studio.camera import Framing, Lens
from likeness.studio.difficulty import Difficulty, SensorKnob
from likeness.studio.figure import HeadPose
from likeness.studio.film import Film
from likeness.studio.light_kinds import (
    PORTRAIT_LIGHT,
    LightName,
    draw_light_name,
    sample_lighting,
)
from likeness.studio.lighting import Lighting
from likeness.studio.moods import draw_expression, neutral_expression
from likeness.studio.occluders import Occluder, sample_occluder

_NECK_LIMITS = (math.radians(25), math.radians(24), math.radians(14))
"""How far a head turns, nods and tilts against the shoulders. Real ones turn further, with muscles
that come forward under the skin; the studio's neck has none, and shoulders turn along."""

_MOST_BLUR = 1.0
"""Pixels by which a usual camera blurs."""
_YAW_CLASSES = ((0.0, 20.0, 0.50), (20.0, 50.0, 0.35), (50.0, 90.0, 0.15))
"""Degrees the usual face is turned from and to, to either side, and the share of pictures."""


@dataclass(frozen=True)
class Scene:
    """One picture of whoever sits down."""

    seed: int
    """Seeds noise and everything else that is chance in the picture."""
    framing: Framing | Lens
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
        difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
        max_yaw: float = 90.0,
        expressive: bool = True,
    ) -> Scene:
        """Draws a scene: a crop around a face, anywhere, under any light.

        Args:
            rng: the only source of chance.
            difficulty: knobs; see there.
            max_yaw: degrees; whatever the knob allows, no face turns further. With the usual knob,
                half of all pictures are within 20, and 35 in a hundred within 20 to 50.
            expressive: False keeps the face at rest.
        """
        yaw, pitch, roll = _draw_turn(rng, difficulty, max_yaw)
        at_camera = rng.random() < 0.75
        aside = rng.normal(0.0, math.radians(12.0), 2) if not at_camera else (0.0, 0.0)
        name = draw_light_name(rng, difficulty.light)
        lighting = sample_lighting(rng, name, knob=difficulty.light)
        kind = draw_background_kind(rng, name, difficulty.background)
        return cls(
            seed=int(rng.integers(2**31)),
            framing=_sample_framing(rng),
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            pose=turn_head(yaw, pitch, roll, body_share=float(rng.uniform(0.1, 0.9))),
            expression=tuple(draw_expression(rng).weights if expressive else neutral_expression()),
            gaze=(float(aside[0]), float(aside[1])),
            lighting=lighting,
            light_name=name,
            background=sample_background(rng, kind, lighting, knob=difficulty.background),
            film=sample_film(rng, difficulty.sensor),
            occluder=sample_occluder(rng) if rng.random() < difficulty.occlusion else None,
        )

    @classmethod
    def portrait(cls, seed: int = 0, *, yaw: float = 0.0, pitch: float = 0.0) -> Scene:
        """A plain portrait under soft light: the same for everybody, whatever the expression.

        Args:
            seed: of the noise.
            yaw: degrees toward the right of the picture.
            pitch: degrees upward.
        """
        turn, lift = math.radians(yaw), math.radians(pitch)
        # A face from the side leaves room for the back of its head.
        aside = 0.2 * math.sin(turn) * abs(math.sin(turn))
        return cls(
            seed=seed,
            framing=Framing(distance=1.4, margin=2.35, offset=(aside, 0.07), at_rest=True),
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


def sight_rotation(position: NDArray[np.floating]) -> NDArray[np.float64]:
    """The smallest rotation (3, 3) that brings a position (3,) onto the axis of the camera.

    A head beside the optical axis shows the camera more of one cheek; applied to the head's
    rotation this gives the turn that is seen.
    """
    sight = np.asarray(position, np.float64) / np.linalg.norm(position)
    axis = np.array([0.0, 0.0, -1.0])
    cross, cosine = np.cross(sight, axis), float(sight @ axis)
    skew = np.array(
        [[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]], np.float64
    )
    rotation: NDArray[np.float64] = np.eye(3) + skew + skew @ skew / (1.0 + cosine)
    return rotation


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


def sample_film(rng: np.random.Generator, knob: SensorKnob = "light") -> Film:
    """How a camera of a kind develops: lens, sensor and file."""
    contrast, saturation = float(rng.uniform(1.1, 1.45)), float(rng.normal(1.02, 0.08))
    vignette, blur = float(rng.uniform(0.0, 0.25)), float(max(rng.normal(0.5, 1.1), 0.0))
    photons = math.exp(rng.uniform(math.log(2_000.0), math.log(20_000.0)))
    read, quality = float(rng.uniform(0.0005, 0.003)), int(rng.integers(80, 96))
    as_jpeg = rng.random() < 0.5
    toned = Film(contrast=contrast, saturation=float(np.clip(saturation, 0.85, 1.25)))
    if knob == "clean":
        return toned
    usual = replace(
        toned,
        vignette=vignette,
        blur=blur,
        most_blur=_MOST_BLUR,
        photons=photons,
        read_noise=read,
        jpeg_quality=quality if as_jpeg else None,
    )
    if knob == "light":
        return usual
    strong = replace(
        usual,
        blur=1.5 * blur,
        most_blur=1.5 * _MOST_BLUR,
        photons=0.08 * photons,
        read_noise=3.0 * read,
        jpeg_quality=60,
    )
    return strong if knob == "strong" else replace(strong, source_side=96)


def _draw_turn(
    rng: np.random.Generator, difficulty: Difficulty, max_yaw: float
) -> tuple[float, float, float]:
    """Yaw, pitch and roll in radians."""
    most = min(max_yaw, _YAW_CLASSES[0][1]) if difficulty.pose == "near" else max_yaw
    yaw = rng.uniform(-most, most)
    anywhere = difficulty.pose == "extreme" or (difficulty.pose == "all" and rng.random() < 0.4)
    if not anywhere:
        open_to = [row for row in _YAW_CLASSES if row[0] < most] or _YAW_CLASSES[:1]
        shares = np.array([share for *_, share in open_to])
        low, high, _ = open_to[int(rng.choice(len(open_to), p=shares / shares.sum()))]
        yaw = math.copysign(rng.uniform(low, min(high, most)), yaw)
    pitch = float(np.clip(rng.normal(0.0, 9.0), -30.0, 30.0))
    roll = float(np.clip(rng.normal(0.0, 5.5), -15.0, 15.0))
    if difficulty.pose == "near":
        pitch = float(np.clip(pitch, -20.0, 20.0))
    if difficulty.pose == "extreme":
        roll = float(rng.uniform(-30.0, 30.0))
    return math.radians(yaw), math.radians(pitch), math.radians(roll)
