"""What a caption may say of a picture: slots, and the tests on the truth that make one visible.

Owns the slots, their words' keys, and the measuring. The words are ``captions``', pictures made
from labels ``staging``'s.

A slot is None where the picture does not show it: between two classes, too small, hidden, or of
another colour than it has by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.studio.background import Kind
from likeness.studio.camera import face_region
from likeness.studio.colour_words import lab, nearest_colour
from likeness.studio.expressions import EYE_DIRECTIONS, INDEX
from likeness.studio.lighting import Lighting
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.photograph import Photograph
from likeness.studio.shots import Shot, View, apparent_turn, shot_of, view_of

Face = Literal["neutral", "smile", "amazed", "frown", "sad", "closed eyes"]
FACES: tuple[Face, ...] = ("neutral", "smile", "amazed", "frown", "sad", "closed eyes")
CaptionLight = Literal["daylight", "side left", "side right", "evening", "studio", "dim"]
CAPTION_LIGHTS: tuple[CaptionLight, ...] = (
    "daylight",
    "side left",
    "side right",
    "evening",
    "studio",
    "dim",
)
Noun = Literal["man", "woman"]
Age = Literal["young", "middle-aged", "elderly"]
AGES: tuple[Age, ...] = ("young", "middle-aged", "elderly")
Beard = Literal["stubble", "moustache", "goatee", "beard"]
BEARDS: tuple[Beard, ...] = ("stubble", "moustache", "goatee", "beard")

BODY_SHARE, HAIR_SHARE, BACKGROUND_SHARE = 0.04, 0.02, 0.08
"""Of the picture: what is smaller is not spoken of."""
SIDE_RATIO = 1.25
"""Mean luma of one half of the face over the other's."""
_DIM_LUMA = 0.24
_WARM_RATIO = 1.5
_SMALLEST_FACE = 28.0
"""Pixels: expressions of smaller faces are not spoken of."""
_SMALLEST_EYE = 22.0
_SEEN = 0.4
"""Share of the points of a mouth, or of one eye or brow, without which it tells nothing."""
_LIGHTEST_HAIR = {"dark brown": 40.0, "brown": 50.0}
"""CIELAB lightness in the picture. Where a long exposure makes brown hair as light as blond is, as
dark faces get it, nobody would call it brown; in little light hair still looks what it is."""
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)

_BRIDGE = [21, 22, 27]
"""Of the 68 landmarks: where glasses sit, inner ends of the brows and root of the nose."""


@dataclass(frozen=True)
class Traits:
    """What somebody looks like at any time; None where it cannot be seen or is not spoken of."""

    noun: Noun | None = None
    age: Age | None = None
    hair_length: str | None = None
    """"bald", or a length of ``HairTraits.length_name`` with a colour."""
    hair_colour: str | None = None
    eyes: str | None = None
    beard: Beard | None = None
    glasses: Literal["glasses", "sunglasses"] | None = None


@dataclass(frozen=True)
class Labels:
    """The slots of a caption."""

    shot: Shot | None = None
    view: View | None = None
    face: Face | None = None
    clothes_colour: str | None = None
    clothes_kind: str | None = None
    """Both or none."""
    background: Kind | None = None
    light: CaptionLight | None = None
    traits: Traits | None = None

    def agrees_with(self, claimed: Labels) -> bool:
        """Whether everything another caption claims is so here; it may leave things unsaid."""
        own, other = _flat(self), _flat(claimed)
        return all(value is None or own[name] == value for name, value in other.items())


def _flat(labels: Labels) -> dict[str, object]:
    found = {f.name: getattr(labels, f.name) for f in fields(labels) if f.name != "traits"}
    traits = labels.traits or Traits()
    return found | {f"traits.{f.name}": getattr(traits, f.name) for f in fields(traits)}


def measure(
    picture: Photograph,
    person: Person,
    lighting: Lighting,
    background: Kind,
    *,
    with_traits: bool = False,
) -> Labels:
    """The labels a picture shows, measured on its truth.

    Args:
        picture: of one person.
        person: whose clothes and traits have names.
        lighting: of the scene.
        background: family of the scene's.
        with_traits: also what the person looks like; for captions without a name.
    """
    height, width = picture.mask.shape
    _, top, _, bottom = face_region(picture.landmarks68)
    face_height = bottom - top
    cloth = person.appearance.clothing
    colour = clothes_colour(picture, picture.mask == LABELS.index("body"), height * width)
    named = colour is not None and colour == cloth.colour_name
    behind = float((picture.mask == 0).mean())
    return Labels(
        shot=shot_of(face_height / height),
        view=measured_view(picture),
        face=measured_face(picture, face_height, dark=person.appearance.glasses.dark),
        clothes_colour=colour if named else None,
        clothes_kind=cloth.kind if named else None,
        background=background if behind >= BACKGROUND_SHARE else None,
        light=measured_light(picture, lighting),
        traits=measured_traits(picture, person, float(height * width)) if with_traits else None,
    )


def measured_view(picture: Photograph) -> View | None:
    """By the turn of the head against the line of sight to the face."""
    yaw, pitch, roll = picture.parameters["yaw_pitch_roll"].tolist()
    left, top, right, bottom = face_region(picture.landmarks68)
    fx, fy, cx, cy = picture.parameters["camera"].tolist()
    toward = np.array([(0.5 * (left + right) - cx) / fx, (cy - 0.5 * (top + bottom)) / fy, -1.0])
    turn = apparent_turn((yaw, pitch, roll), toward)
    return view_of(turn[0], turn[1])


def measured_face(picture: Photograph, face_height: float, *, dark: bool = False) -> Face | None:
    """By the weights of the expression and the opening of the lids, where they can be seen.

    Args:
        picture: of one person.
        face_height: of the face region, pixels.
        dark: the eyes are behind sunglasses.
    """
    seen = picture.visible
    if face_height < _SMALLEST_FACE or seen.mean() < 0.4:
        return None
    mouth = bool(seen[48:68].mean() >= _SEEN)
    brows = bool(max(seen[17:22].mean(), seen[22:27].mean()) >= _SEEN)
    eyes = not dark and bool(max(seen[36:42].mean(), seen[42:48].mean()) >= _SEEN)
    weights = picture.parameters["arkit"]

    def mean(name: str) -> float:
        return float(0.5 * (weights[INDEX[f"{name}Left"]] + weights[INDEX[f"{name}Right"]]))

    if eyes and lid_opening(picture.landmarks3d) < 0.12:
        return "closed eyes"
    if mean("mouthSmile") >= 0.45:
        return "smile" if mouth else None
    if mean("eyeWide") >= 0.4 and mean("browOuterUp") >= 0.4:
        return "amazed" if eyes and brows else None
    if mean("browDown") >= 0.5:
        return "frown" if brows else None
    inner = float(weights[INDEX["browInnerUp"]])
    if mean("mouthFrown") >= 0.4 and inner >= 0.4:
        return "sad" if mouth and brows else None
    rest = np.delete(weights, EYE_DIRECTIONS)
    return "neutral" if mouth and (eyes or dark) and float(rest.max()) <= 0.15 else None


def lid_opening(landmarks: NDArray[np.floating]) -> float:
    """Gap of the lids over the width of the eye, of landmarks (68, 3); the mean of both eyes."""
    found = []
    for first in (36, 42):
        eye = landmarks[first : first + 6]
        gap = 0.5 * (np.linalg.norm(eye[1] - eye[5]) + np.linalg.norm(eye[2] - eye[4]))
        found.append(float(gap / np.linalg.norm(eye[0] - eye[3])))
    return sum(found) / 2.0


def clothes_colour(picture: Photograph, body: NDArray[np.bool_], area: float) -> str | None:
    """The basic colour of clothes; None where too little is seen.

    Args:
        picture: gives the pixels.
        body: (H, W) where the clothes are.
        area: pixels that count as the picture of that person.
    """
    if float(body.sum()) < BODY_SHARE * area:
        return None
    return nearest_colour(np.median(picture.image[body], axis=0))


def side_ratio(picture: Photograph) -> float:
    """Mean luma of the left half of the face in the picture over the right half's."""
    left, top, right, bottom = face_region(picture.landmarks68)
    return halves_ratio(
        picture.image, picture.mask == LABELS.index("skin"), (left, top, right, bottom)
    )


def halves_ratio(
    image: NDArray[np.floating],
    skin: NDArray[np.bool_],
    box: tuple[float, float, float, float],
) -> float:
    """Mean luma left over right of the middle of a box, over skin; 1 where a side shows none."""
    height, width = skin.shape
    rows = slice(max(int(box[1]), 0), min(math.ceil(box[3]), height))
    middle = 0.5 * (box[0] + box[2])
    columns = np.arange(width) + 0.5
    luma = image[rows] @ _LUMA
    inside = skin[rows] & (columns >= box[0]) & (columns <= box[2])
    left, right = inside & (columns < middle), inside & (columns >= middle)
    if left.sum() < 8 or right.sum() < 8:
        return 1.0
    return float(luma[left].mean() / max(float(luma[right].mean()), 1e-3))


def measured_light(picture: Photograph, lighting: Lighting) -> CaptionLight | None:
    """By luma on the skin and in the picture, and by the lamps' colours and sizes."""
    key = lighting.key
    ratio = side_ratio(picture)
    one_sided = max(ratio, 1.0 / ratio) >= SIDE_RATIO
    color = lighting.lamp_color(key)
    warm = float(color[0] / max(float(color[2]), 1e-6)) >= _WARM_RATIO
    if lighting.exposure <= -1.2:
        return "dim" if float((picture.image @ _LUMA).mean()) <= _DIM_LUMA else None
    if warm and key.temperature <= 3800.0:
        return "evening"
    if one_sided and key.softness <= 0.06 and key.strength >= 3.0 * lighting.fill.strength:
        from_left = key.azimuth < 0.0
        agrees = (ratio > 1.0) == from_left
        return ("side left" if from_left else "side right") if agrees else None
    if one_sided:
        return None
    if key.softness >= 0.3 and key.temperature >= 5000.0 and not warm:
        return "daylight"
    lamps = lighting.fill.strength >= 0.1 and lighting.rim.strength >= 0.3
    return "studio" if lamps and 0.05 <= key.softness <= 0.3 and not warm else None


def measured_traits(picture: Photograph, person: Person, area: float) -> Traits:
    """What can be seen of somebody's looks.

    Args:
        picture: with the person in it.
        person: whose traits have names.
        area: pixels that count as the picture of that person.
    """
    look = person.appearance
    noun: Noun = "woman" if person.sex == "female" else "man"
    age: Age = "young" if person.age < 35 else "middle-aged" if person.age < 60 else "elderly"
    hair = float((picture.mask == LABELS.index("hair")).sum()) >= HAIR_SHARE * area
    length = colour = None
    if look.hair.style == "bald":
        length = "bald"
    elif hair:
        length, colour = look.hair.length_name, look.hair.colour_name
        drawn = np.median(picture.image[picture.mask == LABELS.index("hair")], axis=0)
        if lab(drawn)[0] > _LIGHTEST_HAIR.get(colour, 100.0):
            length = colour = None
    seen = np.array([picture.visible[36:42].all(), picture.visible[42:48].all()])
    points = picture.landmarks68
    wide = [float(np.linalg.norm(points[a] - points[b])) for a, b in ((36, 39), (42, 45))]
    large = bool((seen & (np.array(wide) >= _SMALLEST_EYE)).any())
    open_eyes = lid_opening(picture.landmarks3d) >= 0.2
    beard: Beard | None = None
    worn = look.beard
    if worn.style != "none" and worn.density >= 0.4 and picture.visible[6:11].sum() >= 2:
        beard = "beard" if worn.style == "full" else worn.style
    glasses: Literal["glasses", "sunglasses"] | None = None
    if look.glasses.kind != "none" and picture.visible[_BRIDGE].any():
        glasses = "sunglasses" if look.glasses.dark else "glasses"
    return Traits(
        noun=noun,
        age=age,
        hair_length=length,
        hair_colour=colour,
        eyes=look.eyes.colour_name if large and open_eyes and glasses != "sunglasses" else None,
        beard=beard,
        glasses=glasses,
    )
