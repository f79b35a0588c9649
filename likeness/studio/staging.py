"""From labels to a picture: dresses a person and draws the scene that shows what a caption claims.

Owns which labels go together and what each asks of pose, face, lamps, lens and clothes. Whether a
picture shows them is measured afterwards (``labels``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from likeness.speech.timeline import Emotion
from likeness.studio import emotions
from likeness.studio.anthropometry import Sex
from likeness.studio.appearance_odds import clothing_kinds, draw_bottom
from likeness.studio.background import Kind
from likeness.studio.background_kinds import draw_background_kind, sample_background
from likeness.studio.colours import CLOTH_ODDS, dye
from likeness.studio.difficulty import Difficulty
from likeness.studio.expressions import EYE_DIRECTIONS, INDEX
from likeness.studio.labels import CAPTION_LIGHTS, FACES, CaptionLight, Face, Labels
from likeness.studio.light_kinds import LightName, sample_lighting
from likeness.studio.lighting import Lighting
from likeness.studio.moods import neutral_expression
from likeness.studio.occluders import sample_occluder
from likeness.studio.person import Person
from likeness.studio.scene import Scene, sample_film, turn_head
from likeness.studio.shots import SHOTS, VIEWS, camera_turn, draw_lens, draw_turn
from likeness.studio.traits import ClothingKind, ClothingTraits

FACE_EMOTIONS: dict[Face, tuple[Emotion, float]] = {
    "smile": ("joy", 0.75),
    "amazed": ("amazement", 0.75),
    "frown": ("anger", 0.7),
    "sad": ("sadness", 0.85),
}
"""The emotion that shows a face, and the least intensity at which a caption may say so."""

_LIGHTS: dict[CaptionLight, LightName] = {
    "daylight": "overcast",
    "side left": "side",
    "side right": "side",
    "evening": "evening",
    "studio": "studio",
    "dim": "dim",
}
_SIDES = 0.04  # standard deviation by which a shape differs from the table, each side alone
_FACE_ODDS = (0.34, 0.28, 0.11, 0.11, 0.11, 0.05)
_VIEW_ODDS = (0.375, 0.165, 0.165, 0.065, 0.065, 0.085, 0.08)
_SHOT_ODDS = (0.5, 0.33, 0.17)
_LIGHT_ODDS = (0.26, 0.1, 0.1, 0.16, 0.24, 0.14)


def draw_labels(rng: np.random.Generator, difficulty: Difficulty, sex: Sex | None = None) -> Labels:
    """What a picture is going to show; clothes are such as the person may wear."""
    light: CaptionLight = CAPTION_LIGHTS[int(rng.choice(6, p=_LIGHT_ODDS))]
    if difficulty.light == "soft":
        light = "daylight"
    colour, kind = draw_outfit(rng, sex)
    view = VIEWS[int(rng.choice(len(VIEWS), p=_VIEW_ODDS))]
    return Labels(
        shot=SHOTS[int(rng.choice(3, p=_SHOT_ODDS))],
        view="front" if difficulty.pose == "near" else view,
        face=FACES[int(rng.choice(6, p=_FACE_ODDS))],
        clothes_colour=colour,
        clothes_kind=kind,
        background=draw_background_kind(rng, _LIGHTS[light], difficulty.background),
        light=light,
    )


def draw_outfit(rng: np.random.Generator, sex: Sex | None = None) -> tuple[str, ClothingKind]:
    """A colour word and a kind of clothing, for None one that everybody may wear."""
    names, kinds = list(CLOTH_ODDS), clothing_kinds(sex)
    odds = np.array(list(CLOTH_ODDS.values()))
    name = names[int(rng.choice(len(names), p=odds / odds.sum()))]
    return name, kinds[int(rng.integers(len(kinds)))]


def dressed(person: Person, colour: str, kind: str, rng: np.random.Generator) -> Person:
    """The same person in plain clothes of a basic colour."""
    cloth = dye(rng, colour)
    worn = ClothingTraits(
        kind=kind,  # type: ignore[arg-type]
        colour_name=colour,
        colour=cloth,
        accent=cloth,
        stripe_width=0.0,
        looseness=float(rng.random()),
        bottom=draw_bottom(rng),
    )
    return replace(person, appearance=replace(person.appearance, clothing=worn))


def expression_of(face: Face, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights (52,) that show a face, its sides nearly alike; the eyes' direction is left at zero.

    What a face with a name of an emotion looks like is told by the table of emotions.
    """
    weights = neutral_expression()
    if face == "closed eyes":
        weights[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = 1.0
    elif face != "neutral":
        emotion, least = FACE_EMOTIONS[face]
        table = emotions.expression_of(emotion)
        weights = rng.uniform(least, 1.0) * table * rng.normal(1.0, _SIDES, len(table))
        weights[EYE_DIRECTIONS] = 0.0
    return np.clip(weights, 0.0, 1.0)


def lighting_of(light: CaptionLight, rng: np.random.Generator, difficulty: Difficulty) -> Lighting:
    """Lamps that a caption calls by that name."""
    side = {"side left": -1.0, "side right": 1.0}.get(light)
    lighting = sample_lighting(rng, _LIGHTS[light], side=side)
    if light == "daylight":  # no shadow side, and a colour nobody notices
        key = replace(lighting.key, azimuth=0.5 * lighting.key.azimuth)
        lighting = replace(lighting, key=key)
    if light == "evening":
        key = replace(lighting.key, azimuth=0.7 * lighting.key.azimuth)
        sky, white = float(rng.uniform(0.12, 0.22)), float(rng.uniform(4600.0, 5600.0))
        lighting = replace(lighting, key=key, sky=sky, white_balance=white)
    if light == "studio":
        fill = replace(lighting.fill, strength=float(rng.uniform(0.2, 0.45)))
        rim = replace(lighting.rim, strength=float(rng.uniform(0.3, 0.6)))
        key = replace(lighting.key, azimuth=0.7 * lighting.key.azimuth)
        lighting = replace(lighting, key=key, fill=fill, rim=rim)
    if difficulty.light in ("hard", "mixed") and light in ("studio", "daylight"):
        rim = replace(lighting.rim, temperature=float(rng.choice((2200.0, 11000.0))), strength=0.7)
        lighting = replace(lighting, rim=rim)
    return lighting


def stage(
    labels: Labels,
    rng: np.random.Generator,
    size: tuple[int, int],
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
    *,
    turn: tuple[float, float, float] | None = None,
) -> Scene:
    """The scene in which somebody shows labels.

    Args:
        labels: what is to be shown; an empty slot is drawn.
        rng: the only source of chance.
        size: height and width of the picture, which say how far a lens sees.
        difficulty: knobs; those of light and background are in the labels already.
        turn: yaw, pitch and roll against the line of sight, radians, instead of the view's.
    """
    drawn = draw_labels(rng, difficulty)
    shot, view = labels.shot or drawn.shot or "portrait", labels.view or drawn.view or "front"
    light: CaptionLight = labels.light or drawn.light or "studio"
    kind: Kind = labels.background or draw_background_kind(
        rng, _LIGHTS[light], difficulty.background
    )
    lens = draw_lens(rng, shot, sharp=difficulty.sensor == "clean")
    drawn_turn = draw_turn(rng, view)
    seen = drawn_turn if turn is None else turn
    yaw, pitch, roll = camera_turn(seen, lens.sight(*size))
    # Eyes meet the camera where they easily can, and follow the head where they cannot.
    follow = {"front": 0.0, "left": 0.5, "right": 0.5}.get(view, 0.75)
    follow *= 1.0 if view not in ("left", "right") or rng.random() < 0.4 else 0.0
    lighting = lighting_of(light, rng, difficulty)
    # Photographers stand so far that a face of 19 cm has its height.
    focus = lens.focal_pixels(*size) * 0.19 / (lens.face_height * size[0])
    blur_of = (lens.focal_length, lens.aperture or 8.0, focus)
    return Scene(
        seed=int(rng.integers(2**31)),
        framing=lens,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        pose=turn_head(yaw, pitch, roll, body_share=float(rng.uniform(0.3, 0.9))),
        expression=tuple(expression_of(labels.face or drawn.face or "neutral", rng)),
        gaze=(follow * seen[0], follow * seen[1]),
        lighting=lighting,
        light_name=_LIGHTS[light],
        background=sample_background(
            rng, kind, lighting, knob=difficulty.background, blur_of=blur_of
        ),
        film=sample_film(rng, difficulty.sensor),
        occluder=sample_occluder(rng, far=shot != "portrait")
        if rng.random() < difficulty.occlusion
        else None,
    )
