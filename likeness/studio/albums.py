"""Albums: pictures of one person as varied as a good training set, with labels and captions.

Owns the plan of an album: how many pictures of which view, shot, face, light, background, outfit
and shape. Writing them in a layout is a system's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from likeness.seeds import rng_of
from likeness.studio.anthropometry import Sex
from likeness.studio.background import KINDS, Kind
from likeness.studio.captions import TEMPLATES, draw_template, fitting, write
from likeness.studio.difficulty import Difficulty
from likeness.studio.labels import CaptionLight, Face, Labels, measure
from likeness.studio.looks import other_hair
from likeness.studio.person import Person
from likeness.studio.photograph import Photograph, photograph, sitter_of
from likeness.studio.scene import Scene
from likeness.studio.shots import Shot, View
from likeness.studio.staging import draw_outfit, dressed, stage

Value = TypeVar("Value")

ALBUM = 24
"""Pictures of a whole album."""

_VIEWS: dict[View, int] = {
    "front": 9,
    "left": 4,
    "right": 4,
    "profile left": 2,
    "profile right": 1,
    "up": 2,
    "down": 2,
}
_SHOTS: dict[Shot, int] = {"portrait": 12, "half-length": 8, "wide": 4}
_FACES: dict[Face, int] = {
    "neutral": 9,
    "smile": 7,
    "amazed": 3,
    "frown": 2,
    "sad": 2,
    "closed eyes": 1,
}
_SHAPES: dict[tuple[int, int], int] = {(1, 1): 6, (5, 4): 6, (3, 2): 5, (2, 3): 4, (3, 4): 3}
"""Height to width, and how often."""
_OUTFITS = 9
_LIGHTS: dict[Kind, tuple[CaptionLight, ...]] = {
    "plain": ("studio", "side left", "side right"),
    "gradient": ("studio", "side right"),
    "mottled": ("studio", "side left"),
    "curtain": ("studio", "dim", "side left"),
    "brick": ("daylight", "side left", "evening"),
    "wood": ("evening", "side right", "dim"),
    "books": ("dim", "studio", "evening"),
    "window": ("daylight",),
    "leaves": ("daylight", "evening"),
    "sky": ("daylight",),
    "street": ("daylight", "evening"),
    "lights": ("evening", "dim"),
}
"""Which lights a background is seen in."""
_TRIES = 4


@dataclass(frozen=True, eq=False)
class AlbumPicture:
    """A picture of an album."""

    photograph: Photograph
    person: Person
    """As dressed."""
    scene: Scene
    labels: Labels
    """What the picture shows."""
    caption: str


def album_plan(
    rng: np.random.Generator,
    count: int = ALBUM,
    difficulty: Difficulty = Difficulty(),  # noqa: B008
    sex: Sex | None = None,
) -> list[tuple[Labels, tuple[int, int]]]:
    """What each picture is to show, and its shape as height to width.

    Of 24: 9 from the front, 8 from three quarters, 3 in profile, 2 up, 2 down; 12 close, 8
    half-length, 4 wide; every background twice, nine outfits, five shapes, all six lights and
    faces, eyes closed in one. Other counts keep the shares.
    """
    views = _shuffled(rng, _portion(_VIEWS, count))
    shots = _shuffled(rng, _portion(_SHOTS, count))
    faces = _shuffled(rng, _portion(_FACES, count))
    shapes = _shuffled(rng, _portion(_SHAPES, count))
    order = [KINDS[int(k)] for _ in range(-(-count // len(KINDS))) for k in rng.permutation(12)]
    outfits: list[tuple[str, str]] = []
    while len(outfits) < min(_OUTFITS, count):
        outfit = draw_outfit(rng, sex)
        if outfit not in outfits:
            outfits.append(outfit)
    plan = []
    used: dict[CaptionLight, int] = {}
    for number in range(count):
        kind = order[number]
        # Of the lights a place is seen in, the one least used.
        lights = _LIGHTS[kind]
        turns = [used.get(light, 0) + 0.5 * float(rng.random()) for light in lights]
        light = lights[int(np.argmin(turns))]
        used[light] = used.get(light, 0) + 1
        colour, worn = outfits[number % len(outfits)]
        view = views[number]
        if difficulty.pose == "near":
            view = "front"
        if difficulty.light == "soft":
            light = "daylight"
        if difficulty.background == "plain":
            kind = ("plain", "gradient", "mottled")[number % 3]  # type: ignore[assignment]
        labels = Labels(shots[number], view, faces[number], colour, worn, kind, light)
        plan.append((labels, shapes[number]))
    return plan


def identity_album(
    person: Person,
    *,
    trigger: str | None,
    seed: int = 0,
    count: int = ALBUM,
    short_side: int = 512,
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
    hair_changes: int = 0,
) -> Iterator[AlbumPicture]:
    """Pictures of one person by the plan, each with the caption it bears out.

    Clothes change, hair and beard only where asked for. Captions differ from each other.

    Args:
        person: who.
        trigger: the name in captions; None describes the person instead, as for pictures of others.
        seed: another album of the same person.
        count: pictures; fewer keep the plan's shares.
        short_side: of the pictures, pixels.
        difficulty: knobs.
        hair_changes: other cuts of hair, and beards, that are worn in turn with the person's own.
    """
    plan = album_plan(rng_of("album", person.seed, seed), count, difficulty, person.sex)
    captions: set[str] = set()
    worn = rng_of("album looks", person.seed, seed).permutation(count) % (hair_changes + 1)
    looks = [person]
    for number in range(hair_changes):
        looks.append(other_hair(looks[-1], rng_of("album hair", person.seed, seed, number)))
    for number, (wanted, shape) in enumerate(plan):
        rng = rng_of("album picture", person.seed, seed, number)
        size = picture_size(short_side, shape)
        look = looks[int(worn[number])]
        shown = take(look, wanted, rng, size, difficulty, with_traits=trigger is None)
        caption, labels = _caption(shown[2], rng, trigger, captions)
        captions.add(caption)
        yield AlbumPicture(shown[0], shown[1], shown[3], labels, caption)


def take(
    person: Person,
    wanted: Labels,
    rng: np.random.Generator,
    size: tuple[int, int],
    difficulty: Difficulty,
    *,
    with_traits: bool = False,
    turn: tuple[float, float, float] | None = None,
) -> tuple[Photograph, Person, Labels, Scene]:
    """A picture that shows wanted labels, the person as dressed, what is seen, and the scene.

    Args:
        person: who.
        wanted: what is to be shown; empty slots are drawn.
        rng: the only source of chance.
        size: height and width, pixels.
        difficulty: knobs.
        with_traits: measures what the person looks like, too.
        turn: yaw, pitch and roll against the line of sight, radians, instead of the view's.

    A picture that misses the shot, the view, the face or the light is taken again, a few times;
    slots it still misses are empty in its labels, as are clothes that a close shot leaves out.
    """
    colour, kind = wanted.clothes_colour, wanted.clothes_kind
    worn = dressed(person, colour, kind, rng) if colour and kind else person
    sitter = sitter_of(worn)
    best: tuple[Photograph, Labels, Scene] | None = None
    for _ in range(_TRIES):
        scene = stage(wanted, rng, size, difficulty, turn=turn)
        picture = photograph(sitter, scene, size)
        seen = measure(
            picture, worn, scene.lighting, scene.background.kind, with_traits=with_traits
        )
        if best is None or _hits(seen, wanted) > _hits(best[1], wanted):
            best = picture, seen, scene
        if _hits(seen, wanted) == 4:
            break
    assert best is not None
    return best[0], worn, best[1], best[2]


def _hits(seen: Labels, wanted: Labels) -> int:
    pairs = (
        (seen.shot, wanted.shot),
        (seen.view, wanted.view),
        (seen.face, wanted.face),
        (seen.light, wanted.light),
    )
    return sum(found == asked or asked is None for found, asked in pairs)


def _caption(
    labels: Labels, rng: np.random.Generator, trigger: str | None, taken: set[str]
) -> tuple[str, Labels]:
    """A caption no other picture has, if a template makes one."""
    first = draw_template(rng)
    for step in range(TEMPLATES):
        template = (first + step) % TEMPLATES
        kept = fitting(labels, template) if trigger is None else labels
        caption = write(kept, template, trigger=trigger)
        if caption not in taken:
            break
    return caption, kept


def picture_size(short_side: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width in multiples of 8 pixels of a shape given as height to width."""
    unit = short_side / min(shape)
    height, width = (8 * round(unit * side / 8.0) for side in shape)
    return height, width


def _portion(shares: Mapping[Value, int], count: int) -> list[Value]:
    """``count`` values in the given shares, by largest remainders; rare ones are kept if they can
    be.
    """
    total = sum(shares.values())
    exact = {value: share * count / total for value, share in shares.items()}
    found = {value: int(amount) for value, amount in exact.items()}
    by_rest = sorted(exact, key=lambda value: (-(found[value] == 0), found[value] - exact[value]))
    for value in by_rest[: count - sum(found.values())]:
        found[value] += 1
    return [value for value, amount in found.items() for _ in range(amount)]


def _shuffled(rng: np.random.Generator, values: list[Value]) -> list[Value]:
    return [values[int(k)] for k in rng.permutation(len(values))]
