"""The surface traits of a person: skin, eyes, brows, beard, hair, clothing as plain numbers.

Owns what each number means, its range, and the words a caption uses for it. It does not draw them
(``appearance_odds``) and paints nothing (``surface``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from likeness.studio.colour_words import eye_colour_word, hair_colour_word
from likeness.studio.colours import (
    HAIR_ANCHORS,
    HAIR_GREY,
    HAIR_RED,
    IRIS_ANCHORS,
    Colour,
    interpolate_log,
    mix_linear,
    mix_log,
)

HairStyle = Literal[
    "bald", "buzz", "crop", "side_part", "swept", "fringe", "bob", "long", "tied", "curls", "afro"
]
BeardStyle = Literal["none", "stubble", "moustache", "goatee", "full"]
ClothingKind = Literal[
    "t-shirt", "v-neck", "shirt", "sweater", "roll-neck", "cardigan", "hoodie", "blouse", "dress"
]
GlassesKind = Literal["none", "round", "rectangular", "browline", "aviator", "rimless"]


@dataclass(frozen=True)
class SkinTraits:
    """Colour and wear of the skin; amounts run 0..1 unless said otherwise."""

    melanin: float
    """0.03 (palest) .. 0.97 (darkest)."""
    haemoglobin: float
    """Redness of the whole face, -0.6..0.6."""
    olive: float
    """Undertone, -1 (pink) .. 1 (olive)."""
    blotches: float
    freckles: float
    moles: float
    age_spots: float
    wrinkles: float
    pores: float
    """Size of the pores, 0.5..1.5."""
    oil: float
    """Shine of forehead, nose and cheeks."""
    eye_circles: float
    """Darkness under the eyes."""
    lip_redness: float
    """0.6..1.35 of the usual difference between lip and skin."""
    neck_rings: float


@dataclass(frozen=True)
class EyeTraits:
    """Iris and white of the eye, lashes."""

    iris_melanin: float
    """0 blue, .25 green, .5 hazel, .75 brown, 1 dark brown."""
    iris_greyness: float
    """0..1, pales blue to grey."""
    iris_contrast: float
    """Strength of the radial streaks, 0.5..1.5."""
    collar: float
    """Brightness of the ring around the pupil, 1..1.9."""
    limbus: float
    """Darkness of the iris' edge, 0..1."""
    iris_degrees: float
    """Half angle of the iris from the centre of the eye, 26.6..28.6."""
    pupil_degrees: float
    """Half angle of the pupil, 7.5..12."""
    sclera_redness: float
    sclera_yellowness: float
    lash_length: float
    """mm, 5..11."""
    lash_density: float
    """0.4..1.5."""

    @property
    def colour(self) -> Colour:
        """Linear RGB albedo of the iris, from the middle of its width to its edge."""
        colour = interpolate_log(IRIS_ANCHORS, self.iris_melanin)
        blue = max(1.0 - 4.0 * self.iris_melanin, 0.0)
        return mix_log(colour, (0.125, 0.145, 0.150), blue * self.iris_greyness)

    @property
    def inner_colour(self) -> Colour:
        """Linear RGB albedo around the pupil, where green and hazel eyes have more pigment."""
        more = 0.24 * math.exp(-(((self.iris_melanin - 0.47) / 0.14) ** 2))
        inner = interpolate_log(IRIS_ANCHORS, self.iris_melanin + more)
        return self.colour if self.iris_melanin < 0.2 else inner

    @property
    def colour_name(self) -> str:
        """The word a caption uses: blue, grey, green, hazel or brown.

        It names what is seen of the whole iris, of which the inner part is a third.
        """
        return eye_colour_word(mix_linear(self.colour, self.inner_colour, 0.33))


@dataclass(frozen=True)
class BrowTraits:
    """Brows: where the hairs grow and how many."""

    thickness: float
    """Half width in the middle in mm, 2.2..6.4."""
    density: float
    """0.35..1.4."""
    arch: float
    """Extra height of the outer third in mm, -1.5..1.8."""
    meeting: float
    """Hair over the nose, 0..1."""


@dataclass(frozen=True)
class BeardTraits:
    """Hair on the face."""

    style: BeardStyle
    length: float
    """mm; 0 shaved, up to 35."""
    density: float
    """0..1; also the shadow of a shaved beard."""


@dataclass(frozen=True)
class HairTraits:
    """Hair on the head."""

    style: HairStyle
    length: float
    """mm of the hair on top."""
    sides: float
    """mm of the hair over the ears, before it tapers."""
    eumelanin: float
    """0 pale blond .. 1 black."""
    pheomelanin: float
    """0 none .. 1 red."""
    grey: float
    """Fraction of white hairs."""
    curl: float
    """0 straight .. 1 tightly coiled."""
    volume: float
    """0.6..1.5 of the style's usual height."""
    parting: float
    """Where the hair divides, -1 (subject's right) .. 1 (left)."""
    fringe: float
    """Share of long hair over the forehead that falls forward, or of tied hair at the temples that
    is left out: 0 none .. 1 all."""
    recession: float
    """0 full line .. 1 receded to the crown."""
    thinning: float
    """Loss on the crown, 0..1."""
    dryness: float
    """Frizz and dullness, 0..1."""

    @property
    def colour(self) -> Colour:
        """Linear RGB albedo of the mixture of hairs, white ones included."""
        return mix_linear(self.pigmented_colour, HAIR_GREY, 0.85 * self.grey)

    @property
    def pigmented_colour(self) -> Colour:
        """Linear RGB albedo of the hairs that have kept their pigment."""
        brown = interpolate_log(HAIR_ANCHORS, self.eumelanin)
        red = mix_log(HAIR_RED, (0.055, 0.018, 0.010), max(2 * self.eumelanin - 0.9, 0.0))
        return mix_log(brown, red, 0.9 * self.pheomelanin)

    @property
    def brow_colour(self) -> Colour:
        """Linear RGB albedo of the brows: darker than the hair, and never white all through."""
        dark = mix_linear((0.0, 0.0, 0.0), self.pigmented_colour, 0.68)
        return mix_linear(dark, HAIR_GREY, 0.7 * self.late_grey)

    @property
    def late_grey(self) -> float:
        """Fraction of white hairs in brows and lashes, which grey years after the scalp."""
        return self.grey**2

    @property
    def colour_name(self) -> str:
        """The word a caption uses: black, dark brown, brown, blond, red, grey or white.

        It names what is seen, pigment and white hairs together.
        """
        return hair_colour_word(mix_linear(self.pigmented_colour, HAIR_GREY, self.grey))

    @property
    def length_name(self) -> str:
        """The word a caption uses: bald, shaved, short, medium, long, tied back, curly."""
        return {
            "bald": "bald",
            "buzz": "shaved",
            "crop": "short",
            "side_part": "short",
            "swept": "short",
            "fringe": "short",
            "bob": "medium-length",
            "long": "long",
            "tied": "tied-back",
            "curls": "curly",
            "afro": "curly" if self.length < 30 else "afro",
        }[self.style]


def is_dark(tint: Colour) -> bool:
    """Whether lenses that let this share of the light pass hide the eyes."""
    return sum(tint) < 1.5


@dataclass(frozen=True)
class GlassesTraits:
    """What is worn before the eyes."""

    kind: GlassesKind
    metal: bool
    """Wire instead of acetate."""
    colour_name: str
    """Of the frame: a basic colour word, tortoiseshell, gold or silver; "" where there is none."""
    colour: Colour
    """Linear RGB albedo of the frame."""
    pattern: float
    """Dark clouds in the acetate, 0..1."""
    thickness: float
    """mm of the rim, 1.2..6."""
    size: float
    """Width of the lenses, 0.92..1.15 of what the eyes ask for."""
    tint: Colour
    """Share of the light that passes, linear RGB; near 1 is clear."""

    @property
    def dark(self) -> bool:
        """Sunglasses: the eyes are hidden."""
        return is_dark(self.tint)

    @property
    def name(self) -> str:
        """The words a caption uses: "" or such as "black round glasses", "aviator sunglasses"."""
        if self.kind == "none":
            return ""
        if self.dark:
            return f"{self.kind} sunglasses"
        return " ".join(word for word in (self.colour_name, self.kind, "glasses") if word)


@dataclass(frozen=True)
class ClothingTraits:
    """What is worn."""

    kind: ClothingKind
    colour_name: str
    """One of the eleven basic colour words."""
    colour: Colour
    """Linear RGB albedo."""
    accent: Colour
    """Of stripes, and of what is worn under a cardigan."""
    stripe_width: float
    """mm; 0 is plain."""
    looseness: float
    """Distance from the body, 0..1."""
    bottom: Colour
    """Of trousers, linear RGB albedo."""
