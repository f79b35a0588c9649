"""Albums of groups: pictures of people together, and portraits of each taken at another time.

Owns who is put together, and what keeps a portrait apart from every group picture of the same
person: outfit, background, light, face and the side it is turned to come from halves that are never
shared.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from likeness.errors import UsageError
from likeness.seeds import rng_of
from likeness.studio.albums import AlbumPicture, take
from likeness.studio.anthropometry import Sex
from likeness.studio.appearance_odds import clothing_kinds
from likeness.studio.background import Kind
from likeness.studio.background_kinds import sample_background
from likeness.studio.camera import face_region
from likeness.studio.captions import GroupLabels, write, write_group
from likeness.studio.colours import BASIC_COLOURS
from likeness.studio.difficulty import Difficulty
from likeness.studio.groups import (
    MOST_PEOPLE,
    GroupPicture,
    GroupScene,
    Member,
    draw_places,
    front_focus,
    overlap,
    photograph_group,
)
from likeness.studio.hard_groups import HARD_SHARE, Cast, hard_cast, possible_cases
from likeness.studio.labels import (
    BACKGROUND_SHARE,
    CaptionLight,
    Face,
    Labels,
    Traits,
    clothes_colour,
    measured_light,
    measured_traits,
)
from likeness.studio.looks import another_look
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.scene import sample_film
from likeness.studio.shots import View
from likeness.studio.staging import dressed, expression_of, lighting_of
from likeness.studio.traits import ClothingKind

COUNT_ODDS = (0.10, 0.35, 0.30, 0.15, 0.10)
"""Of one to five people."""
GROUP_BACKGROUNDS: tuple[Kind, ...] = ("brick", "window", "leaves", "sky", "street", "lights")
PORTRAIT_BACKGROUNDS: tuple[Kind, ...] = (
    "plain", "gradient", "mottled", "wood", "books", "curtain",
)  # fmt: skip
GROUP_LIGHTS: tuple[CaptionLight, ...] = ("daylight", "evening")
PORTRAIT_LIGHTS: tuple[CaptionLight, ...] = (
    "studio",
    "side left",
    "studio",
    "dim",
    "studio",
    "side right",
)
_PLACES: dict[CaptionLight, tuple[Kind, ...]] = {
    "daylight": ("brick", "window", "leaves", "sky", "street"),
    "evening": ("brick", "leaves", "sky", "street", "lights"),
}
GROUP_FACES: tuple[Face, ...] = ("smile", "smile", "amazed")
PORTRAIT_FACES: tuple[Face, ...] = ("neutral", "neutral", "frown", "sad")
GROUP_YAW: dict[View, tuple[float, float]] = {"front": (6.0, 11.5), "right": (24.5, 34.0)}
"""Degrees to the person's own side in groups; portraits look to the other. Two in three look into
the camera, as people do who are asked for their picture."""
PORTRAIT_YAW: dict[View, tuple[float, float]] = {"front": (-11.7, -9.0), "left": (-34.0, -24.5)}

_TURNED = 1 / 3
_FOCAL_LENGTHS = (35.0, 85.0)
"""Shortest and longest equivalent mm."""
_OVERLAP, _HARD_OVERLAP = 0.10, 0.35
_CLOSE_UP = 3.0
"""Sides, in face heights, of the square that counts as the picture of one person."""
_TRIES = 6
_SHAPES = {1: (1, 1), 2: (1, 1), 3: (4, 5), 4: (2, 3), 5: (2, 3)}


@dataclass(frozen=True, eq=False)
class GroupAlbumPicture:
    """A group picture with what can be said of it."""

    picture: GroupPicture
    labels: GroupLabels
    shown: tuple[int, ...]
    """Numbers of the people the caption speaks of: those whose faces are seen"""
    caption: str
    cast: Cast
    """Whom the picture shows, before dressing; names, and the order of a record"""


def group_pictures(
    people: Sequence[Person],
    *,
    count: int,
    seed: int = 0,
    short_side: int = 512,
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
    sizes: Sequence[int] = (1, 2, 3, 4, 5),
    hard: float = HARD_SHARE,
) -> Iterator[GroupAlbumPicture]:
    """Pictures of one to five of the people together.

    Args:
        people: those who may meet; of one split.
        count: pictures.
        seed: another album of the same people.
        short_side: of the pictures, pixels; pictures of more people are wider.
        difficulty: knobs; with an occlusion of 0.15 or more faces may overlap by 35 % instead of
            10 %.
        sizes: how many people a picture may show.
        hard: share of pictures that are hard cases (``hard_groups.HARD_CASES``), as far as sizes
            and people allow. Another share changes no picture that is of the same kind in both.

    Raises:
        UsageError: fewer people than a group may have, or a share that is none. At once, as the
            next one, before any picture is made.
        DataError: pictures of that size are too small for so many faces.
    """
    if not sizes or max(sizes) > min(MOST_PEOPLE, len(people)) or min(sizes) < 1:
        raise UsageError(
            f"Groups of {list(sizes)} people need that many, at most {MOST_PEOPLE}; there are "
            f"{len(people)}.",
            advice="Give more people or ask for smaller groups.",
        )
    if count < 0 or not 0.0 <= hard <= 1.0:
        raise UsageError(
            f"Group pictures are 0 or more with a share of 0 to 1 hard cases; asked for {count} "
            f"with {hard:g}.",
            advice="Correct count or hard.",
        )
    for size in sizes:
        _try_places(size, _picture_size(size, short_side), _most_overlap(difficulty))
    return _group_pictures(people, count, seed, short_side, difficulty, sizes, hard)


def _picture_size(people: int, short_side: int) -> tuple[int, int]:
    """Height and width in pixels of a picture of so many people."""
    down, across = _SHAPES[people]
    unit = short_side / min(down, across)
    return 8 * round(unit * down / 8.0), 8 * round(unit * across / 8.0)


def _try_places(people: int, size: tuple[int, int], most_overlap: float) -> None:
    """Looks for places as pictures do, before any is made: what is found once is found again, since
    sizes that are enough for a few in a hundred searches lie within 16 pixels.

    Raises:
        DataError: there are none.
    """
    for focal_length in _FOCAL_LENGTHS:
        rng = rng_of("room", people, *size)
        draw_places(rng, people, size, focal_length, most_overlap=most_overlap)


def _most_overlap(difficulty: Difficulty) -> float:
    return _HARD_OVERLAP if difficulty.occlusion >= 0.15 else _OVERLAP


def _group_pictures(
    people: Sequence[Person],
    count: int,
    seed: int,
    short_side: int,
    difficulty: Difficulty,
    sizes: Sequence[int],
    hard: float,
) -> Iterator[GroupAlbumPicture]:
    odds = np.array([COUNT_ODDS[size - 1] for size in sizes])
    cases = possible_cases(people, sizes)
    for number in range(count):
        rng = rng_of("group", seed, number)
        size = sizes[int(rng.choice(len(sizes), p=odds / odds.sum()))]
        order = rng.permutation(len(people))[:size]
        cast = Cast.usual([people[int(k)] for k in order])
        case_rng = rng_of("group case", seed, number)
        if cases and case_rng.random() < hard:
            case = cases[int(case_rng.integers(len(cases)))]
            cast = hard_cast(case, people, sizes, case_rng)
        one_outfit = cast.case in ("one outfit", "swapped")
        found = group_picture(cast.people, rng, short_side, difficulty, one_outfit=one_outfit)
        yield _told(found, cast)


def group_picture(
    people: Sequence[Person],
    rng: np.random.Generator,
    short_side: int = 512,
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
    *,
    one_outfit: bool = False,
) -> GroupAlbumPicture:
    """One picture of people from left to right, all of them named.

    Args:
        people: one to five.
        rng: the only source of chance.
        short_side: pixels.
        difficulty: knobs.
        one_outfit: all wear the same, as in a team.
    """
    size = _picture_size(len(people), short_side)
    most = _most_overlap(difficulty)
    light = GROUP_LIGHTS[int(rng.integers(len(GROUP_LIGHTS)))]
    allowed = _PLACES[light]
    kind = allowed[int(rng.integers(len(allowed)))]
    lighting = lighting_of(light, rng, difficulty)
    shared = people[0].sex if len({person.sex for person in people}) == 1 else None
    first = _outfit(people[0], shared, rng, in_group=True)
    members = []
    for person in people:
        colour, worn = first if one_outfit else _outfit(person, person.sex, rng, in_group=True)
        face = GROUP_FACES[int(rng.integers(len(GROUP_FACES)))]
        turned = rng.random() < _TURNED
        turn = _turn(person, rng, GROUP_YAW["right" if turned else "front"])
        expression = tuple(expression_of(face, rng).tolist())
        members.append(Member(dressed(person, colour, worn, rng), turn, expression))
    for _ in range(_TRIES):
        shortest, longest = _FOCAL_LENGTHS
        focal_length = math.exp(rng.uniform(math.log(shortest), math.log(longest)))
        places = draw_places(rng, len(people), size, focal_length, most_overlap=most)
        aperture = math.exp(rng.uniform(math.log(2.8), math.log(8.0)))
        focus = front_focus([away for _, _, away in places])
        scene = GroupScene(
            seed=int(rng.integers(2**31)),
            focal_length=focal_length,
            places=places,
            lighting=lighting,
            background=sample_background(
                rng,
                kind,
                lighting,
                knob=difficulty.background,
                blur_of=(focal_length, aperture, focus),
            ),
            film=sample_film(rng, difficulty.sensor),
            aperture=None if difficulty.sensor == "clean" else aperture,
        )
        picture = photograph_group(members, scene, size)
        if _keeps_apart(picture, most):
            break
    labels, shown = measure_group(picture)
    return GroupAlbumPicture(picture, labels, shown, write_group(labels), Cast.usual(people))


def _told(found: GroupAlbumPicture, cast: Cast) -> GroupAlbumPicture:
    """The picture with its cast, whose case may keep things from the caption."""
    labels = found.labels
    if cast.case == "swapped":
        labels = replace(labels, people=_described_alike(labels.people))
    return replace(found, labels=labels, caption=write_group(labels), cast=cast)


def _described_alike(people: tuple[Labels, ...]) -> tuple[Labels, ...]:
    """Without whatever tells people of one sex apart."""
    nouns = [replace(p, traits=Traits(noun=p.traits.noun if p.traits else None)) for p in people]
    if len(set(nouns)) > 1:  # clothes that are plain on one of them only
        nouns = [replace(p, clothes_colour=None, clothes_kind=None) for p in nouns]
    return tuple(nouns)


def _keeps_apart(picture: GroupPicture, most: float) -> bool:
    boxes = [face_region(person.landmarks68) for person in picture.people]
    whole = all(picture.face_box(number) is not None for number in range(len(boxes)))
    return whole and all(overlap(one, other) <= most for one, other in combinations(boxes, 2))


def measure_group(picture: GroupPicture) -> tuple[GroupLabels, tuple[int, ...]]:
    """What a group picture shows, and the numbers of the people whose faces are seen."""
    people, shown, lights = [], [], []
    for number, (member, truth) in enumerate(zip(picture.members, picture.people)):
        if picture.face_box(number) is None or truth.visible[17:].mean() < 0.5:
            continue
        _, top, _, bottom = face_region(truth.landmarks68)
        area = (_CLOSE_UP * (bottom - top)) ** 2
        cloth = member.person.appearance.clothing
        colour = clothes_colour(truth, truth.mask == LABELS.index("body"), area)
        named = colour == cloth.colour_name
        people.append(
            Labels(
                clothes_colour=colour if named else None,
                clothes_kind=cloth.kind if named else None,
                traits=measured_traits(truth, member.person, area),
            )
        )
        shown.append(number)
        lights.append(measured_light(truth, picture.scene.lighting))
    light, votes = Counter(lights).most_common(1)[0] if lights else (None, 0)
    behind = float((picture.mask == 0).mean()) >= BACKGROUND_SHARE
    labels = GroupLabels(
        tuple(people),
        picture.scene.background.kind if behind else None,
        light if 2 * votes > len(lights) else None,
    )
    return labels, tuple(shown)


def reference_portraits(
    person: Person,
    *,
    count: int = 6,
    seed: int = 0,
    short_side: int = 512,
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
    other_looks: float = 0.0,
) -> Iterator[AlbumPicture]:
    """Portraits of a person that differ from each of the person's group pictures.

    In outfit, background, light and face, and by 15 degrees of yaw or more.

    Args:
        person: who.
        count: portraits.
        seed: another set of the same person.
        short_side: side of the square pictures, pixels.
        difficulty: knobs.
        other_looks: share of portraits that show the person 15 to 30 years younger or older, half
            of them with other hair as well (``looks.another_look``).
    """
    calm = replace(difficulty, occlusion=0.0)
    for number in range(count):
        rng = rng_of("reference", person.seed, seed, number)
        colour, worn = _outfit(person, person.sex, rng, in_group=False)
        front = number % 3 != 1
        side: View = "left" if _own_side(person) > 0.0 else "right"
        wanted = Labels(
            shot="portrait",
            view="front" if front else side,
            face=PORTRAIT_FACES[int(rng.integers(len(PORTRAIT_FACES)))],
            clothes_colour=colour,
            clothes_kind=worn,
            background=PORTRAIT_BACKGROUNDS[int(rng.integers(len(PORTRAIT_BACKGROUNDS)))],
            light=PORTRAIT_LIGHTS[number % len(PORTRAIT_LIGHTS)],
        )
        look_rng = rng_of("reference look", person.seed, seed, number)
        changed = look_rng.random() < other_looks
        picture, shown, labels, scene = take(
            another_look(person, look_rng) if changed else person,
            wanted,
            rng,
            (short_side, short_side),
            calm,
            turn=_turn(person, rng, PORTRAIT_YAW["front" if front else "left"]),
        )
        caption = write(labels, trigger=person.name)
        yield AlbumPicture(picture, shown, scene, labels, caption)


def _own_side(person: Person) -> float:
    """1.0 for those who turn to the right of the picture in groups, -1.0 for the others."""
    return 1.0 if rng_of("own side", person.seed).random() < 0.5 else -1.0


def _turn(
    person: Person, rng: np.random.Generator, limits: tuple[float, float]
) -> tuple[float, float, float]:
    yaw = _own_side(person) * rng.uniform(*limits)
    pitch, roll = rng.uniform(-7.0, 7.0), rng.uniform(-3.0, 3.0)
    return math.radians(yaw), math.radians(pitch), math.radians(roll)


def _outfit(
    person: Person, sex: Sex | None, rng: np.random.Generator, *, in_group: bool
) -> tuple[str, ClothingKind]:
    """Clothes of the half of the person's wardrobe that is worn together or alone, such as ``sex``
    may wear."""
    names = list(BASIC_COLOURS)
    order = rng_of("wardrobe", person.seed).permutation(len(names))
    half = order[: len(names) // 2] if in_group else order[len(names) // 2 :]
    kinds = clothing_kinds(sex)
    return names[int(half[int(rng.integers(len(half)))])], kinds[int(rng.integers(len(kinds)))]
