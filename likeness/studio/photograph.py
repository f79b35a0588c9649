"""Takes a photograph: a sitter and a scene go in, a picture and its exact truth come out.

Owns the order of the steps and the truth that goes with a picture: label mask, depth, landmarks,
box, parameters. Posing is ``figure``, light and colour ``rendering``, the lens ``camera`` and
``depth_of_field``, development ``film``; several people in one picture are ``groups``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.seeds import rng_of
from likeness.studio.background import Background, paint_background
from likeness.studio.camera import Camera, Framing, Intrinsics, Lens
from likeness.studio.depth_of_field import defocus
from likeness.studio.expressions import EYE_DIRECTIONS
from likeness.studio.figure import Figure, PersonSitter, Sitter
from likeness.studio.film import Film, develop, tone
from likeness.studio.film_paint import FilmPaint
from likeness.studio.lighting import Lighting
from likeness.studio.metering import exposed, stops
from likeness.studio.moods import aim_eyes, neutral_expression
from likeness.studio.occluders import Occluder, paint_occluder
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.pixels import project
from likeness.studio.rendering import Subject, render
from likeness.studio.scene import Scene
from likeness.studio.seen_points import COVERINGS, seen_points
from likeness.studio.template import Detail


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
    film_paint: FilmPaint | None = None,
    supersampling: int = 2,
) -> Photograph:
    """Photographs a sitter in a scene.

    ``vertices`` and ``landmarks3d`` are exact. ``parameters`` holds float64 arrays. Given to the
    head model of the sitter (``anatomy.head_asset``) with the sitter's shape, the first of them
    make that head as nearly as a linear model can: for people under the scenes of
    :meth:`Scene.sample` the skin is 0.1 mm away on average. Where lips or lids meet, which is not
    linear, single points are up to 3.8 mm away. They are ``expression`` (52,), the first expression
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
        camera: of ``Framing.place``, one that stays where it is when the face moves; None looks at
            the face as the scene's framing says.
        film_paint: of the film this is a frame of; None paints every point by itself.
        supersampling: samples per pixel along each side.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 8:
        raise ValueError(f"a photograph has at least 8 pixels a side, asked for {size}")
    if isinstance(sitter, Person):
        sitter = sitter_of(sitter)
    figure = _pose(sitter, scene, height, width, expression, tongue)
    translation, intrinsics = camera or _place(sitter, scene, figure, height, width)
    vertices = figure.vertices + translation.astype(np.float32)

    lighting, background = exposed(scene.lighting, scene.background, stops([sitter.skin_tone]))
    behind = _background(background, height, width)
    rendering = render(
        [Subject(sitter, figure, vertices, film_paint)],
        intrinsics,
        lighting,
        scene.film,
        behind,
        supersampling=supersampling,
    )
    mask, depth = rendering.mask, rendering.depth
    picture = defocus(
        rendering, behind, scene.framing, eye_distance(figure.landmarks68 + translation)
    )
    if scene.occluder is not None:
        middle = figure.landmarks68 + translation
        points, _ = project(middle, intrinsics)
        box = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
        away = -0.5 * float(middle[:, 2].min() + middle[:, 2].max())
        put_in_front(scene.occluder, box, away, lighting, scene.film, picture, mask, depth)
    image = develop(picture, scene.film, rng_of(scene.seed, "film"))
    turn = (scene.yaw, scene.pitch, scene.roll)
    placed = Placement(figure, translation, intrinsics, turn)
    visible = seen_points(
        figure.landmarks68 + translation,
        [(figure, vertices)],
        0,
        intrinsics,
        np.isin(mask, COVERINGS),
        depth,
    )
    return truth_of(placed, lighting, image, mask, depth, visible)


@lru_cache(maxsize=1)
def _background(background: Background, height: int, width: int) -> NDArray[np.float32]:
    """(H, W, 3) of the last background, which the frames of a film share; not to be written to."""
    painted = paint_background(background, height, width)
    painted.flags.writeable = False
    return painted


@dataclass(frozen=True, eq=False)
class Placement:
    """A posed figure before a camera."""

    figure: Figure
    translation: NDArray[np.float64]
    """(3,) metres, added after posing"""
    intrinsics: Intrinsics
    turn: tuple[float, float, float]
    """yaw, pitch and roll of the head, radians, in the camera's axes"""


def truth_of(
    placed: Placement,
    lighting: Lighting,
    image: NDArray[np.float32],
    mask: NDArray[np.uint8],
    depth: NDArray[np.float32],
    visible: NDArray[np.bool_],
) -> Photograph:
    """A picture with what is true of one figure in it.

    Args:
        placed: the figure.
        lighting: of the scene.
        image: (H, W, 3) sRGB.
        mask: (H, W) labels of this figure.
        depth: (H, W) metres of everything.
        visible: (68,) of :func:`likeness.studio.seen_points.seen_points`.
    """
    figure, moved = placed.figure, placed.figure.landmarks68 + placed.translation
    points, _ = project(moved, placed.intrinsics)
    vertices = figure.vertices[: figure.surface.num_head] + placed.translation.astype(np.float32)
    return Photograph(
        image=image,
        mask=mask,
        depth=depth,
        landmarks68=points.astype(np.float32),
        visible=visible,
        box=(*points.min(axis=0).tolist(), *points.max(axis=0).tolist()),
        vertices=vertices,
        landmarks3d=moved.astype(np.float32),
        parameters=_parameters(placed, lighting),
    )


def sitter_of(
    person: Person, detail: Detail = "standard", strands: Detail | None = None
) -> PersonSitter:
    """The person built for photographs, see :class:`PersonSitter`; the last few are remembered."""
    return _sitter_of(_Key(person.fingerprint, detail, strands, person))


@dataclass(frozen=True)
class _Key:
    fingerprint: str
    detail: Detail
    strands: Detail | None
    person: Person = field(compare=False)


@lru_cache(maxsize=16)
def _sitter_of(key: _Key) -> PersonSitter:
    return PersonSitter(key.person, key.detail, key.strands)


def _pose(
    sitter: Sitter,
    scene: Scene,
    height: int,
    width: int,
    expression: ArrayLike | None,
    tongue: ArrayLike | None,
) -> Figure:
    """The figure of a scene, its eyes on the camera if they are not told where to look."""
    if expression is not None:
        return sitter.pose(expression, scene.pose, tongue)
    # Eyes aim at the camera, whose place follows from the face; they hardly move the face.
    still = sitter.anchors(scene.pose)
    # Whole photographs also look at where the figure ends.
    rough = np.zeros((1, 3), np.float32)
    if isinstance(scene.framing, Lens):
        rough = sitter.pose(scene.expression, scene.pose).vertices
    place, _ = scene.framing.place(still.landmarks68, rough, height, width)
    away = -float((0.5 * (still.landmarks68.min(0) + still.landmarks68.max(0)) + place)[2])
    toward = np.array([np.tan(scene.gaze[0]), np.tan(scene.gaze[1])]) * away
    target = np.array([*toward, 0.0]) - place
    return sitter.pose(aim_eyes(scene.expression, still, target), scene.pose, tongue)


def _place(sitter: Sitter, scene: Scene, figure: Figure, height: int, width: int) -> Camera:
    """Where a figure is before the camera of a scene, and the camera."""
    framed = figure
    if isinstance(scene.framing, Framing) and scene.framing.at_rest:
        framed = sitter.pose(neutral_expression(), scene.pose)
    return scene.framing.place(framed.landmarks68, framed.vertices, height, width)


def put_in_front(
    occluder: Occluder,
    box: tuple[float, float, float, float],
    away: float,
    lighting: Lighting,
    film: Film,
    picture: NDArray[np.float32],
    mask: NDArray[np.uint8],
    depth: NDArray[np.float32],
) -> None:
    """Draws an occluder over a picture and its truth, in place.

    Args:
        occluder: what.
        box: of the face it is in front of, pixels.
        away: metres to that face.
        lighting: what lights it.
        film: of the picture.
        picture: (H, W, 3) display-linear.
        mask: (H, W).
        depth: (H, W) metres.
    """
    height, width = mask.shape
    color, coverage = paint_occluder(occluder, box, lighting, height, width)
    flat = color.reshape(-1, 3)
    tone(flat, lighting.gain(), film)
    picture += coverage[..., None] * (flat.reshape(picture.shape) - picture)
    hidden = coverage > 0.5
    mask[hidden] = LABELS.index("occluder")
    depth[hidden] = away - occluder.nearer


def eye_distance(landmarks: NDArray[np.float64]) -> float:
    """Metres to the nearer eye of landmarks (68, 3): where photographers focus."""
    return -float(max(landmarks[36:42, 2].mean(), landmarks[42:48, 2].mean()))


def _parameters(placed: Placement, lighting: Lighting) -> dict[str, NDArray[np.floating]]:
    figure = placed.figure
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
        "translation": placed.translation,
        "camera": np.asarray(placed.intrinsics),
        "yaw_pitch_roll": np.array(placed.turn),
        "light": np.array(lamps),
        "surroundings": np.asarray(lighting.surroundings()),
    }
