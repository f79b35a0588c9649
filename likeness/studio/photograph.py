"""Takes a photograph: a sitter and a scene go in, a picture and its exact truth come out.

Owns the order of the steps and the truth that goes with a picture: label mask, depth, landmarks,
box, parameters. Posing is ``figure``, sampling ``pixels``, shadows ``visibility``, light
``lighting`` and ``shading``, development ``film``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.seeds import rng_of
from likeness.studio.background import paint_background
from likeness.studio.figure import LABELS, Figure, PersonSitter, Sitter, Surface
from likeness.studio.film import develop, tone
from likeness.studio.lenses import lay_lenses
from likeness.studio.lighting import Lighting
from likeness.studio.merge import merge
from likeness.studio.moods import EYE_DIRECTIONS, aim_eyes
from likeness.studio.occluders import Occluder, paint_occluder
from likeness.studio.person import Person
from likeness.studio.pixels import (
    Samples,
    SharedPoints,
    farthest_depth,
    project,
    share_points,
    take_samples,
)
from likeness.studio.scene import Camera, Scene, frame
from likeness.studio.shading import shade
from likeness.studio.strand_samples import StrandSamples, take_strands
from likeness.studio.template import Detail
from likeness.studio.visibility import ambient_transfer, shadow_map

_SHADOW_TEXELS = 384
_AMBIENT_DIRECTIONS, _AMBIENT_TEXELS = 28, 72
_REGION_RADIUS = 0.24
"""Metres around the middle of the head in which shadows are cast."""
_HEAD_BEHIND_FACE = 0.07
"""Metres from the mean of the landmarks back to the middle of the head."""

_VISIBLE_WITHIN = 0.012
"""A landmark is visible when it lies no more than this behind what its pixel shows, metres. A point
on an outline may share its pixel with a surface that much nearer."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture and what is true of it. Pixels: origin top left, centres at half-integers."""

    image: NDArray[np.float32]
    """(H, W, 3) sRGB in [0, 1]"""
    mask: NDArray[np.uint8]
    """(H, W) position in ``figure.LABELS``"""
    depth: NDArray[np.float32]
    """(H, W) metres along the viewing direction; infinite where there is background"""
    landmarks68: NDArray[np.float32]
    """(68, 2) pixels, iBUG order; the jaw line is the drawn one"""
    visible: NDArray[np.bool_]
    """(68,) inside the picture and not hidden"""
    box: tuple[float, float, float, float]
    """left, top, right, bottom of the 68 landmarks, pixels; may reach out of the picture"""
    vertices: NDArray[np.float32]
    """(V, 3) the sitter's bare head as drawn, metres, camera at the origin looking along -z, in the
    order of its topology: the exact truth"""
    landmarks3d: NDArray[np.float32]
    """(68, 3) likewise the landmarks that ``landmarks68`` projects"""
    parameters: Mapping[str, NDArray[np.floating]]
    """What made the picture, by name; see :func:`photograph`"""


def photograph(
    sitter: Sitter | Person,
    scene: Scene,
    size: int | tuple[int, int],
    *,
    expression: ArrayLike | None = None,
    tongue: ArrayLike | None = None,
    camera: Camera | None = None,
    supersampling: int = 2,
) -> Photograph:
    """Photographs a sitter in a scene.

    ``vertices`` and ``landmarks3d`` are exact. ``parameters`` holds float64 arrays. Given to the
    head model of the sitter (``anatomy.head_asset``) with the sitter's shape, the first of them
    make that head as nearly as a linear model can: for people under the scenes of
    :meth:`Scene.sample` the skin is 0.1 mm away on average. Where lips or lids meet, which is not
    linear, single points are up to 3.5 mm away. They are ``expression`` (52,), the first expression
    columns, as applied (``deform.clamp_weights``) and without the directions of the eyes; ``root``,
    ``neck``, ``jaw``, ``left_eye``, ``right_eye`` (3,) axis-angle, each against its parent;
    ``translation`` (3,) metres, added after posing. Further ``camera`` (4,) fx, fy, cx, cy in
    pixels of a camera at the origin looking along -z; ``arkit`` (52,) the same weights with the
    directions of the eyes; ``yaw_pitch_roll`` (3,) of the head; ``light`` (3, 7) key, fill, rim as
    direction (3), linear colour (3), angular radius; ``surroundings`` (9, 3) harmonic coefficients.

    Args:
        sitter: who; a :class:`Person` is built first, and remembered for the next pictures.
        scene: how.
        size: side in pixels, or (height, width).
        expression: (52,) weights instead of the scene's, eye directions included.
        tongue: (16,) of ``tongue.TONGUE_NAMES``; None leaves it lying.
        camera: of ``scene.frame``, one that stays where it is when the face moves; None looks at
            the face as it is posed.
        supersampling: samples per pixel along each side.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 8:
        raise ValueError(f"a photograph has at least 8 pixels a side, asked for {size}")
    if isinstance(sitter, Person):
        sitter = sitter_of(sitter)
    figure, translation, intrinsics = _pose(sitter, scene, height, width, expression, tongue)
    if camera is not None:
        translation, intrinsics = camera
    vertices = figure.vertices + translation.astype(np.float32)

    n = supersampling
    fine = (intrinsics[0] * n, intrinsics[1] * n, intrinsics[2] * n, intrinsics[3] * n)
    solid = take_samples(figure, vertices, fine, height * n, width * n)
    behind = np.empty((height, width), np.float32)
    farthest_depth(solid.place, solid.depth, solid.width, n, behind)
    strands = take_strands(figure, vertices, intrinsics, behind)
    lit = light_of(figure, vertices, scene.lighting)
    colors = (
        _radiance_of_solid(sitter, figure, solid, share_points(solid, n), lit),
        _radiance_of_strands(sitter, figure, strands, lit),
    )
    for radiance in colors:
        tone(radiance, scene.lighting.gain(), scene.film)

    surface = figure.surface
    picture = paint_background(scene.background, height, width)
    mask = np.empty((height, width), np.uint8)
    depth = np.empty((height, width), np.float32)
    merge(
        solid.place,
        colors[0],
        _labels(surface, solid),
        solid.depth,
        strands.pixel,
        colors[1],
        surface.label[strands.segment],
        strands.depth,
        strands.coverage,
        n,
        picture,
        mask,
        depth,
    )
    lay_lenses(figure, vertices, intrinsics, scene.lighting, scene.film, picture, mask, depth)
    points, distance = project(figure.landmarks68 + translation, intrinsics)
    box = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
    if scene.occluder is not None:
        _put_in_front(scene, scene.occluder, box, picture, mask, depth)
    image = develop(picture, scene.film, rng_of(scene.seed, "film"))
    return Photograph(
        image=image,
        mask=mask,
        depth=depth,
        landmarks68=points.astype(np.float32),
        visible=_visible(points, distance, depth),
        box=box,
        vertices=vertices[: surface.num_head].copy(),
        landmarks3d=(figure.landmarks68 + translation).astype(np.float32),
        parameters=_parameters(figure, scene, translation, intrinsics),
    )


def _labels(surface: Surface, samples: Samples) -> NDArray[np.uint8]:
    """(N,) labels of samples; the border between skin and neck runs across triangles."""
    corners = surface.faces[samples.tri]
    labels = surface.label[corners[:, 0]]
    share = np.einsum("nk,nk->n", samples.bary, surface.neck[corners])
    labels[(labels == LABELS.index("skin")) & (share > 0.5)] = LABELS.index("neck")
    return labels


def sitter_of(person: Person, detail: Detail = "standard") -> PersonSitter:
    """The person built for photographs; the last few are remembered."""
    return _sitter_of(_Key(person.fingerprint, detail, person))


@dataclass(frozen=True)
class _Key:
    fingerprint: str
    detail: Detail
    person: Person = field(compare=False)


@lru_cache(maxsize=16)
def _sitter_of(key: _Key) -> PersonSitter:
    return PersonSitter(key.person, key.detail)


def _pose(
    sitter: Sitter,
    scene: Scene,
    height: int,
    width: int,
    expression: ArrayLike | None,
    tongue: ArrayLike | None,
) -> tuple[Figure, NDArray[np.float64], tuple[float, float, float, float]]:
    """The posed figure, its place before the camera, and the camera."""
    if expression is not None:
        figure = sitter.pose(expression, scene.pose, tongue)
        return figure, *frame(figure.landmarks68, scene.framing, height, width)
    # Eyes aim at the camera, whose place follows from the face; they hardly move the face.
    still = sitter.anchors(scene.pose)
    translation, _ = frame(still.landmarks68, scene.framing, height, width)
    toward = np.array([np.tan(scene.gaze[0]), np.tan(scene.gaze[1])]) * scene.framing.distance
    target = np.array([*toward, 0.0]) - translation
    weights = aim_eyes(scene.expression, still, target)
    figure = sitter.pose(weights, scene.pose, tongue)
    return figure, *frame(figure.landmarks68, scene.framing, height, width)


@dataclass(frozen=True, eq=False)
class Light:
    """All light that reaches a placed figure, as ``shading.shade`` takes it."""

    transfer: NDArray[np.float32]
    arguments: tuple[NDArray, ...]


def light_of(figure: Figure, vertices: NDArray[np.float32], lighting: Lighting) -> Light:
    """Casts the shadows of a figure.

    Args:
        figure: gives normals and triangles.
        vertices: (V, 3) where it is.
        lighting: what lights it.
    """
    surface = figure.surface
    middle = figure.landmarks68.mean(axis=0) + (vertices[0] - figure.vertices[0])
    region = (middle - _HEAD_BEHIND_FACE * figure.rotations[0][:, 2], _REGION_RADIUS)
    lamps = (lighting.key, lighting.rim, lighting.fill)
    # The rim is seen on outlines only, where strands hardly shade each other.
    maps = [
        shadow_map(vertices, faces, lamp.direction, _SHADOW_TEXELS, region)
        for lamp, faces in zip(lamps, (surface.shadow_faces, surface.faces))
    ]
    solid = surface.solid
    transfer = np.zeros((len(vertices), 9), np.float32)
    transfer[solid] = ambient_transfer(
        vertices[solid],
        figure.normals[solid],
        surface.occluders,
        region,
        directions=_AMBIENT_DIRECTIONS,
        map_size=_AMBIENT_TEXELS,
    )
    return Light(
        transfer,
        (
            lighting.surroundings(),
            np.array([lamp.direction for lamp in lamps]),
            np.array([lighting.lamp_color(lamp) for lamp in lamps]),
            np.array([lamp.softness for lamp in lamps]),
            np.stack([found.axes for found in maps]),
            np.stack([found.origin for found in maps]),
            np.array([found.texel for found in maps]),
            np.stack([found.depth for found in maps]),
        ),
    )


def _radiance_of_solid(
    sitter: Sitter, figure: Figure, samples: Samples, shared: SharedPoints, light: Light
) -> NDArray[np.float32]:
    """Radiance (N, 3) of skin, eyes, mouth and cloth."""
    surface = figure.surface
    values = sitter.paint(shared.points, figure.weights)
    bump = np.empty_like(values.bump)
    frame_of = surface.frame[surface.faces[shared.tri, 0]]
    for number, rotation in enumerate(figure.rotations):
        chosen = frame_of == number
        bump[chosen] = values.bump[chosen] @ rotation.T
    corners = surface.faces[samples.tri]
    radiance = np.empty((len(samples.tri), 3), np.float32)
    shade(
        samples.position,
        samples.normal,
        samples.normal,
        surface.material[corners[:, 0]],
        shared.group,
        values.albedo,
        bump,
        values.specular,
        values.roughness,
        values.occlusion,
        samples.bary,
        corners,
        light.transfer,
        *light.arguments,
        radiance,
    )
    return radiance


def _radiance_of_strands(
    sitter: Sitter, figure: Figure, strands: StrandSamples, light: Light
) -> NDArray[np.float32]:
    """Radiance (N, 3) of hair, beard and lashes."""
    values = sitter.paint(strands.points, figure.weights)
    count = len(strands.pixel)
    radiance = np.empty((count, 3), np.float32)
    shade(
        strands.position,
        strands.normal,
        strands.tangent,
        figure.surface.material[strands.segment],
        np.arange(count, dtype=np.int32),
        values.albedo,
        np.zeros((count, 3), np.float32),
        values.specular,
        values.roughness,
        values.occlusion,
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3), np.int32),
        light.transfer,
        *light.arguments,
        radiance,
    )
    return radiance


def _put_in_front(
    scene: Scene,
    occluder: Occluder,
    box: tuple[float, float, float, float],
    picture: NDArray[np.float32],
    mask: NDArray[np.uint8],
    depth: NDArray[np.float32],
) -> None:
    """Draws an occluder over a picture and its truth, in place."""
    height, width = mask.shape
    color, coverage = paint_occluder(occluder, box, scene.lighting, height, width)
    flat = color.reshape(-1, 3)
    tone(flat, scene.lighting.gain(), scene.film)
    picture += coverage[..., None] * (flat.reshape(picture.shape) - picture)
    hidden = coverage > 0.5
    mask[hidden] = LABELS.index("occluder")
    depth[hidden] = scene.framing.distance - occluder.nearer


def _visible(
    points: NDArray[np.float64], distance: NDArray[np.float64], depth: NDArray[np.float32]
) -> NDArray[np.bool_]:
    height, width = depth.shape
    column, row = np.floor(points).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    seen = np.zeros(len(points), bool)
    for point in np.flatnonzero(inside):
        # A point on an outline may fall on the pixel beside it.
        rows = slice(max(row[point] - 1, 0), row[point] + 2)
        columns = slice(max(column[point] - 1, 0), column[point] + 2)
        around = depth[rows, columns]
        farthest = around[np.isfinite(around)].max(initial=0.0)
        seen[point] = farthest == 0.0 or distance[point] <= farthest + _VISIBLE_WITHIN
    return seen


def _parameters(
    figure: Figure,
    scene: Scene,
    translation: NDArray[np.float64],
    intrinsics: tuple[float, float, float, float],
) -> dict[str, NDArray[np.floating]]:
    lighting = scene.lighting
    expression = figure.weights.copy()
    expression[EYE_DIRECTIONS] = 0.0
    lamps = [
        [*lamp.direction, *lighting.lamp_color(lamp), lamp.softness] for lamp in lighting.lamps
    ]
    return {
        "expression": expression,
        "arkit": figure.weights,
        "root": np.asarray(figure.pose.root),
        "neck": np.asarray(figure.pose.neck),
        "jaw": np.zeros(3),
        "left_eye": figure.eyes[0],
        "right_eye": figure.eyes[1],
        "translation": translation,
        "camera": np.asarray(intrinsics),
        "yaw_pitch_roll": np.array([scene.yaw, scene.pitch, scene.roll]),
        "light": np.array(lamps),
        "surroundings": np.asarray(lighting.surroundings()),
    }
