"""Renders posed figures before one camera: samples, light, colours, and which figure a pixel shows.

Owns the steps from placed figures to display-linear colours with their truth: label, depth,
instance and coverage. Who stands where is ``photograph``'s and ``groups``', what lens and film do
to the colours ``depth_of_field``'s and ``film``'s.

Figures hide each other; each throws shadows on itself alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.studio.appearance import Appearance
from likeness.studio.figure import Figure, Sitter, Surface
from likeness.studio.film import Film, tone
from likeness.studio.film_paint import FilmPaint
from likeness.studio.lenses import lay_lenses
from likeness.studio.lighting import Lighting
from likeness.studio.merge import merge
from likeness.studio.part_tables import LABELS
from likeness.studio.pixels import Samples, farthest_depth, take_samples
from likeness.studio.shading import shade
from likeness.studio.skin import is_hair
from likeness.studio.strand_samples import StrandSamples, take_strands
from likeness.studio.visibility import ambient_transfer, shadow_map

_FINE_SHADOWS, _SHADOWS = (384, 2), (240, 1)
"""Texels on a side of shadow maps, and how many to each side soften a shadow: six millimetres of a
portrait either way."""
_SHOWS_FINE = 320
"""Rows of a picture from which on it shows the outlines of fine shadows, and as much of ambient
light."""
_FINE_AMBIENT, _AMBIENT = (28, 72), (20, 60)
"""Directions ambient light is looked at from, and texels on a side of what is seen from each."""
_REGION_RADIUS, _LARGEST_RADIUS = 0.24, 1.8
"""Metres around the middle of the head in which shadows are cast: of portraits, and of whole
people. A larger region has coarser shadows, on smaller faces."""
_HEAD_BEHIND_FACE = 0.07
"""Metres from the mean of the landmarks back to the middle of the head."""

FIGURE_LABELS = len(LABELS) - 1
"""Labels a figure can have: all but background."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A posed figure in its place before the camera."""

    sitter: Sitter
    figure: Figure
    vertices: NDArray[np.float32]
    """(V, 3) metres, camera at the origin"""
    film_paint: FilmPaint | None = None
    """What the frames of a film share; None paints every point by itself."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """What the camera sees, before lens and film."""

    picture: NDArray[np.float32]
    """(H, W, 3) display-linear, composed over the background"""
    coverage: NDArray[np.float32]
    """(H, W) share of a pixel that is not background"""
    mask: NDArray[np.uint8]
    """(H, W) position in ``figure.LABELS``"""
    instance: NDArray[np.uint8]
    """(H, W) 0 background, k + 1 the k-th subject"""
    depth: NDArray[np.float32]
    """(H, W) metres along the viewing direction; infinite where there is background"""


def render(
    subjects: Sequence[Subject],
    intrinsics: tuple[float, float, float, float],
    lighting: Lighting,
    film: Film,
    background: NDArray[np.float32],
    *,
    supersampling: int,
) -> Rendering:
    """Renders subjects over a background.

    Args:
        subjects: one or more; their order changes nothing but their numbers.
        intrinsics: fx, fy, cx, cy in pixels.
        lighting: of all of them.
        film: its tone curve.
        background: (H, W, 3) display-linear.
        supersampling: samples per pixel along each side.
    """
    height, width = background.shape[:2]
    n = supersampling
    solids = [take_samples(s.figure, s.vertices, intrinsics, height, width, n) for s in subjects]
    place = _joined([solid.place for solid in solids])
    depths = _joined([solid.depth for solid in solids])
    # The samples of one figure are the nearest of their places, and its strands in order.
    alone = len(subjects) == 1
    nearest = slice(None) if alone else _nearest(place, _ranks(subjects, solids))
    behind = np.empty((height, width), np.float32)
    farthest_depth(place[nearest], depths[nearest], n, behind)

    colors, labels, points, strands = [], [], [], []
    taken = 0
    for number, (subject, solid) in enumerate(zip(subjects, solids)):
        grown = take_strands(subject.figure, subject.vertices, intrinsics, behind)
        middle = _middle_of_head(subject.figure, subject.vertices)
        radius = _shown_radius(middle, intrinsics, height)
        surface, first = subject.figure.surface, number * FIGURE_LABELS
        lit = light_of(
            subject.figure,
            subject.vertices,
            lighting,
            _shown_vertices(surface, solid),
            radius,
            height,
        )
        solid_color = _radiance_of_solid(subject, solid, lit)
        strand_color = _radiance_of_strands(subject.sitter, subject.figure, grown, lit)
        for radiance in (solid_color, strand_color):
            tone(radiance, lighting.gain(), film)
        colors.append(solid_color)
        points.append(solid.point + np.int32(taken))
        taken += len(solid.points)
        labels.append(_labels(subject.sitter.appearance, surface, solid) + np.int16(first))
        label = surface.label[grown.segment] + np.int16(first)
        strands.append((grown.pixel, strand_color, label, grown.depth, grown.coverage))
    columns = [_joined(column) for column in zip(*strands)]
    order = slice(None) if alone else np.lexsort((columns[3], columns[0]))
    found = np.empty((height, width), np.int16)
    depth = np.empty((height, width), np.float32)
    coverage = np.empty((height, width), np.float32)
    picture = background.copy()
    merge(
        place[nearest],
        _joined(points)[nearest],
        _joined(colors),
        _joined(labels),
        depths[nearest],
        *(column[order] for column in columns),
        n,
        1 + len(subjects) * FIGURE_LABELS,
        picture,
        coverage,
        found,
        depth,
    )
    instance = np.where(found > 0, (found - 1) // FIGURE_LABELS + 1, 0).astype(np.uint8)
    mask = np.where(found > 0, (found - 1) % FIGURE_LABELS + 1, 0).astype(np.uint8)
    for number, subject in enumerate(subjects, start=1):
        hidden = lay_lenses(
            subject.figure, subject.vertices, intrinsics, lighting, film, picture, mask, depth
        )
        instance[hidden], coverage[hidden] = number, 1.0
    return Rendering(picture, coverage, mask, instance, depth)


def _joined(arrays: Sequence[NDArray]) -> NDArray:
    """The arrays as one; a single one is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _ranks(subjects: Sequence[Subject], solids: Sequence[Samples]) -> NDArray[np.int64]:
    """For every sample how many subjects stand before its own.

    Somebody hides all of whoever stands farther away: where bodies of people who are squeezed into
    a narrow picture reach into each other, neither shows through the other.
    """
    away = [-float(subject.vertices[:, 2].mean()) for subject in subjects]
    rank = np.argsort(np.argsort(away, kind="stable"))
    return np.repeat(rank, [len(solid.place) for solid in solids])


def _nearest(place: NDArray[np.int64], rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which samples are the nearest of their place, in ascending order of places."""
    order = np.lexsort((rank, place))
    ordered = place[order]
    first = np.ones(len(order), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    nearest: NDArray[np.int64] = order[first]
    return nearest


def _labels(appearance: Appearance, surface: Surface, samples: Samples) -> NDArray[np.uint8]:
    """(M,) labels of points; the borders of skin to neck and hair run across triangles."""
    labels = np.empty(len(samples.tri), np.uint8)
    skin, neck = LABELS.index("skin"), LABELS.index("neck")
    _label_samples(
        samples.tri, samples.bary, surface.faces, surface.label, surface.neck, skin, neck, labels
    )
    labels[is_hair(appearance, samples.points)] = LABELS.index("hair")
    return labels


@njit(cache=True, nogil=True)
def _label_samples(tri, bary, faces, label, neck_share, skin, neck, out):
    for sample in range(len(tri)):
        face = tri[sample]
        out[sample] = label[faces[face, 0]]
        if out[sample] == skin:
            share = np.float32(0.0)
            for corner in range(3):
                share += bary[sample, corner] * neck_share[faces[face, corner]]
            if share > 0.5:
                out[sample] = neck


@dataclass(frozen=True, eq=False)
class Light:
    """All light that reaches a placed figure, as ``shading.shade`` takes it."""

    transfer: NDArray[np.float32]
    arguments: tuple[NDArray | int, ...]


def _shown_radius(
    middle: NDArray[np.floating], intrinsics: tuple[float, float, float, float], height: int
) -> float:
    """Metres around a head of which a picture shows something, down to its lower edge."""
    _, fy, _, cy = intrinsics
    away = -float(middle[2])
    below = height - (cy - fy * float(middle[1]) / away)
    seen = max(0.7 * height, 1.05 * below) * away / fy
    return float(np.clip(seen, _REGION_RADIUS, _LARGEST_RADIUS))


def _middle_of_head(figure: Figure, vertices: NDArray[np.float32]) -> NDArray[np.floating]:
    """(3,) where the middle of a placed figure's head is."""
    face = figure.landmarks68.mean(axis=0) + (vertices[0] - figure.vertices[0])
    middle: NDArray[np.floating] = face - _HEAD_BEHIND_FACE * figure.rotations[0][:, 2]
    return middle


def _shown_vertices(surface: Surface, samples: Samples) -> NDArray[np.int64]:
    """Vertices of the triangles that samples show."""
    shown = np.zeros(len(surface.faces), bool)
    shown[samples.tri] = True
    corners = np.zeros(len(surface.part), bool)
    corners[surface.faces[shown]] = True
    return np.flatnonzero(corners)


def light_of(
    figure: Figure,
    vertices: NDArray[np.float32],
    lighting: Lighting,
    shown: NDArray[np.int64],
    radius: float,
    height: int,
) -> Light:
    """Casts the shadows of a figure.

    Args:
        figure: gives normals and triangles.
        vertices: (V, 3) where it is.
        lighting: what lights it.
        shown: vertices that are to receive ambient light.
        radius: metres around the middle of the head in which lamps throw shadows.
        height: of the picture, pixels.
    """
    surface = figure.surface
    center = _middle_of_head(figure, vertices)
    region = (center, _REGION_RADIUS)
    is_fine = height > _SHOWS_FINE
    texels, reach = _FINE_SHADOWS if is_fine else _SHADOWS
    directions, map_size = _FINE_AMBIENT if is_fine else _AMBIENT
    lamps = (lighting.key, lighting.rim, lighting.fill)
    solid = vertices[: surface.num_solid]
    # The rim is seen on outlines only, where strands hardly shade each other.
    maps = [
        shadow_map(
            shading,
            faces if lighting.lamp_color(lamp).any() else faces[:0],
            lamp.direction,
            texels,
            (center, radius),
            reach,
        )
        for lamp, shading, faces in zip(
            lamps, (vertices, solid), (surface.shadow_faces, surface.faces)
        )
    ]
    transfer = np.zeros((surface.num_solid, 9), np.float32)
    transfer[shown] = ambient_transfer(
        vertices[shown],
        figure.normals[shown],
        vertices[surface.blocking],
        surface.occluders,
        region,
        directions=directions,
        map_size=map_size,
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
            np.stack([found.least for found in maps]),
            reach,
        ),
    )


def _radiance_of_solid(subject: Subject, samples: Samples, light: Light) -> NDArray[np.float32]:
    """Radiance (M, 3) of points of skin, eyes, mouth and cloth."""
    figure, surface = subject.figure, subject.figure.surface
    if subject.film_paint is None:
        values = subject.sitter.paint(samples.points, figure.weights)
    else:
        values = subject.film_paint.paint(samples, figure.weights)
    corners = surface.faces[samples.tri]
    bump = np.empty_like(values.bump)
    _turn(values.bump, surface.frame[corners[:, 0]], figure.rotations, bump)
    radiance = np.empty((len(samples.tri), 3), np.float32)
    shade(
        samples.position,
        samples.normal,
        samples.normal,
        surface.material[corners[:, 0]],
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


@njit(cache=True, nogil=True)
def _turn(vectors, frame, rotations, out):
    """Vectors (N, 3), each turned by the rotation of its frame, into ``out``."""
    for index in range(len(vectors)):
        x, y, z = vectors[index, 0], vectors[index, 1], vectors[index, 2]
        number = frame[index]
        for axis in range(3):
            out[index, axis] = (
                rotations[number, axis, 0] * x
                + rotations[number, axis, 1] * y
                + rotations[number, axis, 2] * z
            )


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
