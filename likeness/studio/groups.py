"""Group pictures: one to five people side by side before one camera, under one light.

Owns where they stand, how their faces may overlap, and the truth of each. Rendering them is
``rendering``'s, which outfits and faces they show ``albums``'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.seeds import rng_of
from likeness.studio.background import Background, paint_background
from likeness.studio.camera import ABOVE, Lens, face_region, focal_pixels
from likeness.studio.depth_of_field import defocus
from likeness.studio.figure import Anchors, HeadPose, Sitter
from likeness.studio.film import Film, develop
from likeness.studio.lighting import Lighting
from likeness.studio.metering import exposed, stops
from likeness.studio.moods import aim_eyes
from likeness.studio.person import Person
from likeness.studio.photograph import Photograph, Placement, eye_distance, sitter_of, truth_of
from likeness.studio.pixels import project
from likeness.studio.rendering import Subject, render
from likeness.studio.scene import turn_head
from likeness.studio.seen_points import COVERINGS, seen_points
from likeness.studio.shots import camera_turn

MOST_PEOPLE = 5
LEAST_FACE = 96.0
"""Pixels a face region is high at least."""
IN_PICTURE = 0.6
"""Share of a face region that must be in the picture for it to have a box."""

_FACE = 0.155
"""Metres of a small face region, for planning; faces are placed by their own landmarks."""
_MARGIN = 0.14
"""Metres beside the outermost faces' middles."""
_BACK = (0.1, 0.2)
"""How much farther away the back row is; 16 to 32 cm for people who do not fill the picture."""
_FAR = 1.6
"""Metres from which on the back row is no farther behind."""
_ROW = 0.07
"""Depth of the front row over its distance: less than there is between rows."""
_SHOULDERS, _CHESTS = 0.42, 0.26
"""Metres two people need, sideways or in depth, so that bodies do not reach into each other."""
_TRIES = 200

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Member:
    """Somebody in a group and how he or she looks in it."""

    person: Person
    """In the clothes of the picture."""
    turn: tuple[float, float, float]
    """Yaw, pitch, roll against the line of sight, radians."""
    expression: tuple[float, ...]
    """(52,) weights"""


@dataclass(frozen=True)
class GroupScene:
    """How a group is photographed."""

    seed: int
    """Of the sensor's noise."""
    focal_length: float
    """Equivalent mm."""
    places: tuple[tuple[float, float, float], ...]
    """Metres of the faces' middles, from left to right: right, up, and distance."""
    lighting: Lighting
    background: Background
    film: Film
    aperture: float | None = None


@dataclass(frozen=True, eq=False)
class GroupPicture:
    """A picture of several people and what is true of it; people stand from left to right."""

    image: NDArray[np.float32]
    """(H, W, 3) sRGB in [0, 1]"""
    mask: NDArray[np.uint8]
    """(H, W) position in ``figure.LABELS``"""
    instance: NDArray[np.uint8]
    """(H, W) 0 background, k + 1 the k-th person"""
    depth: NDArray[np.float32]
    """(H, W) metres; infinite where there is background"""
    members: tuple[Member, ...]
    people: tuple[Photograph, ...]
    """Each person's truth; its mask shows that person alone, ``visible`` minds the others"""
    scene: GroupScene

    def face_box(self, number: int) -> Box | None:
        """left, top, right, bottom of a face region, clipped; None where too little is inside."""
        height, width = self.mask.shape
        return clipped(face_region(self.people[number].landmarks68), height, width)


def clipped(box: Box, height: int, width: int) -> Box | None:
    """A box cut to a picture, or None when less than 60 % of it is inside."""
    left, top = max(box[0], 0.0), max(box[1], 0.0)
    right, bottom = min(box[2], float(width)), min(box[3], float(height))
    inside = max(right - left, 0.0) * max(bottom - top, 0.0)
    whole = (box[2] - box[0]) * (box[3] - box[1])
    return (left, top, right, bottom) if inside >= IN_PICTURE * whole else None


def overlap(one: Box, other: Box) -> float:
    """Common area of two boxes over the smaller one's."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return max(across, 0.0) * max(down, 0.0) / max(min(areas), 1e-9)


def draw_places(
    rng: np.random.Generator,
    count: int,
    size: tuple[int, int],
    focal_length: float,
    *,
    most_overlap: float = 0.10,
) -> tuple[tuple[float, float, float], ...]:
    """Where people stand: side by side, every second one a step back, heights as people have.

    Args:
        rng: the only source of chance.
        count: 1 .. 5 people.
        size: height and width of the picture, pixels.
        focal_length: equivalent mm.
        most_overlap: of two faces, over the smaller.

    Returns:
        Metres right, up and away of each face's middle, from left to right.

    Raises:
        DataError: so many faces of 96 pixels do not fit into the picture.
    """
    if not 1 <= count <= MOST_PEOPLE:
        raise ValueError(f"a group has 1 to {MOST_PEOPLE} people, asked for {count}")
    height, width = size
    focal = focal_pixels(focal_length, height, width)
    roomiest, most_room = None, -math.inf
    for attempt in range(_TRIES):
        # The largest face at which so many stand side by side, and the smallest of a back row.
        widest_face = width * _FACE / (0.2 * (count - 1) + 2.0 * _MARGIN)
        least = LEAST_FACE * (1.05 if count == 1 else 1.05 * (1.0 + _BACK[1]))
        face = rng.uniform(least, max(min(0.28 * height, widest_face), least + 4.0))
        away = focal * _FACE / face
        widest = width / focal * away - 2.0 * _MARGIN
        if count > 1 and widest / (count - 1) < 0.12:
            continue
        spacing = min(rng.uniform(0.26, 0.52), widest / max(count - 1, 1))
        first_back = bool(rng.integers(2))
        places = []
        for number in range(count):
            back = (number % 2 == 0) == first_back and count > 1
            step = min(away, _FAR) * rng.uniform(*_BACK)
            depth = away + (step if back else rng.uniform(-0.03, 0.03))
            x = (number - 0.5 * (count - 1)) * spacing + rng.normal(0.0, 0.03)
            y = rng.normal(0.0, 0.05) + (0.05 if back else 0.0)
            places.append((float(x), float(y), float(depth)))
        # All the room that bodies need first; in a narrow picture they have to stand closer.
        places = _stepped_back(places, max(1.0 - 1.25 * attempt / _TRIES, 0.0))
        boxes = [_planned_box(place, focal, size) for place in places]
        kept = all(clipped(box, height, width) == box for box in boxes)
        large = all(focal * _FACE / place[2] >= LEAST_FACE for place in places)
        apart = all(
            overlap(one, other) <= 0.9 * most_overlap
            for number, one in enumerate(boxes)
            for other in boxes[:number]
        )
        if kept and large and apart:
            room = _room(places)
            if room >= 1.0:
                return tuple(places)
            if room > most_room:
                roomiest, most_room = tuple(places), room
    if roomiest is not None:  # small pictures have no place for wide shoulders
        return roomiest
    raise DataError(
        f"{count} faces of {LEAST_FACE:.0f} pixels do not fit into {width} x {height} pixels.",
        advice="Make the picture wider, or put fewer people into it.",
    )


def _stepped_back(
    places: Sequence[tuple[float, float, float]], room: float
) -> list[tuple[float, float, float]]:
    """The same places, those that bodies of nearer people reach into farther away.

    Args:
        room: of what two people need, what they are given.
    """
    shoulders, chests = room * _SHOULDERS, room * _CHESTS
    found = list(places)
    settled: list[int] = []
    for number in sorted(range(len(places)), key=lambda k: places[k][2]):
        x, y, depth = places[number]
        for other in settled:  # the nearest first: what is moved away from one passes the next
            if abs(x - found[other][0]) < shoulders and depth < found[other][2] + chests:
                depth = found[other][2] + chests
        found[number] = (x, y, depth)
        settled.append(number)
        settled.sort(key=lambda k: found[k][2])
    return found


def _room(places: Sequence[tuple[float, float, float]]) -> float:
    """Of what two people need, what the closest two have."""
    return min(
        (
            max(abs(one[0] - other[0]) / _SHOULDERS, abs(one[2] - other[2]) / _CHESTS)
            for number, one in enumerate(places)
            for other in places[:number]
        ),
        default=1.0,
    )


def _planned_box(place: tuple[float, float, float], focal: float, size: tuple[int, int]) -> Box:
    """About where a face will be."""
    x, y, away = place
    column, row = 0.5 * size[1] + focal * x / away, 0.42 * size[0] - focal * y / away
    half, tall = 0.48 * _FACE * focal / away, 0.60 * _FACE * focal / away
    return column - half, row - tall, column + half, row + tall


def photograph_group(
    members: Sequence[Member],
    scene: GroupScene,
    size: tuple[int, int],
    *,
    supersampling: int = 2,
) -> GroupPicture:
    """Photographs a group.

    Args:
        members: from left to right, as many as the scene has places.
        scene: how.
        size: height and width in pixels.
        supersampling: samples per pixel along each side.
    """
    if len(members) != len(scene.places):
        raise ValueError(f"{len(scene.places)} places for {len(members)} people")
    height, width = size
    focal = focal_pixels(scene.focal_length, height, width)
    rise = (0.5 - 0.42) * height / focal
    sitters = [sitter_of(member.person) for member in members]
    placed, lowest, highest = [], math.inf, math.inf
    for member, sitter, (x, y, away) in zip(members, sitters, scene.places):
        target = np.array([x, y + rise * away, -away])
        made = _place(member, sitter, target, (focal, focal, 0.5 * width, 0.5 * height))
        placed.append(made)
        vertices = made.figure.vertices
        end = vertices[vertices[:, 1] < vertices[:, 1].min() + 0.02] + made.translation
        lowest = min(lowest, float(project(end, made.intrinsics)[0][:, 1].min()))
        upper = vertices[vertices[:, 1] > made.figure.landmarks68[:, 1].mean()] + made.translation
        highest = min(highest, float(project(upper, made.intrinsics)[0][:, 1].min()))
    # As with a single person, no picture shows where a body stops, nor cuts the crown of a head.
    lower = max(height + 1.0 - lowest, ABOVE * height - highest, 0.0)
    lower = min(lower, height - 2.0 - max(face_region(_points(made))[3] for made in placed))
    intrinsics = (focal, focal, 0.5 * width, 0.5 * height + max(lower, 0.0))
    placed = [Placement(m.figure, m.translation, intrinsics, m.turn) for m in placed]

    longer = stops([sitter.skin_tone for sitter in sitters])
    lighting, background = exposed(scene.lighting, scene.background, longer)
    behind = paint_background(background, height, width)
    subjects = [
        Subject(sitter, made.figure, made.figure.vertices + made.translation.astype(np.float32))
        for sitter, made in zip(sitters, placed)
    ]
    rendering = render(
        subjects, intrinsics, lighting, scene.film, behind, supersampling=supersampling
    )
    focus = front_focus([eye_distance(m.figure.landmarks68 + m.translation) for m in placed])
    lens = Lens(scene.focal_length, 0.2, aperture=scene.aperture)
    picture = defocus(rendering, behind, lens, focus)
    image = develop(picture, scene.film, rng_of(scene.seed, "film"))
    covering, shown = np.isin(rendering.mask, COVERINGS), rendering.instance
    people = tuple(
        truth_of(
            made,
            lighting,
            image,
            np.where(rendering.instance == number + 1, rendering.mask, 0).astype(np.uint8),
            rendering.depth,
            seen_points(
                made.figure.landmarks68 + made.translation,
                [(subject.figure, subject.vertices) for subject in subjects],
                number,
                intrinsics,
                covering | ((shown > 0) & (shown != number + 1)),
                rendering.depth,
            ),
        )
        for number, made in enumerate(placed)
    )
    return GroupPicture(
        image, rendering.mask, rendering.instance, rendering.depth, tuple(members), people, scene
    )


def front_focus(distances: Sequence[float]) -> float:
    """Metres a photographer focuses at: the middle of the front row.

    Between two rows nobody would be sharp.

    Args:
        distances: of everybody's eyes, metres.
    """
    nearest = min(distances)
    row = [away for away in distances if away <= nearest + _ROW * min(nearest, _FAR)]
    return 0.5 * (nearest + max(row))


def _points(made: Placement) -> NDArray[np.float64]:
    points: NDArray[np.float64] = project(
        made.figure.landmarks68 + made.translation, made.intrinsics
    )[0]
    return points


def _place(
    member: Member,
    sitter: Sitter,
    target: NDArray[np.float64],
    intrinsics: tuple[float, float, float, float],
) -> Placement:
    """The posed figure with the middle of its face at a point."""
    sight = (math.atan2(target[0], -target[2]), math.atan2(target[1], -target[2]))
    turn = camera_turn(member.turn, sight)
    pose: HeadPose = turn_head(*turn, body_share=0.6)
    still: Anchors = sitter.anchors(pose)
    middle = 0.5 * (still.landmarks68.min(axis=0) + still.landmarks68.max(axis=0))
    translation = target - middle
    figure = sitter.pose(aim_eyes(member.expression, still, -translation), pose)
    return Placement(figure, translation, intrinsics, turn)
