"""The numbers that paint one person's skin, from the traits of an appearance.

Owns the colour of plain skin and what of hair, brows and beard shows on it. Where they show is
``skin``'s.

Skin colour is the logarithmic interpolation of six measured-looking anchors over melanin.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from likeness.studio.appearance import Appearance
from likeness.studio.colours import interpolate_log
from likeness.studio.hair_shapes import has_inside, is_parted, part_line, recession_of
from likeness.studio.lips_brows import BEARD_STYLES
from likeness.studio.strands import passes_light

SKIN_ANCHORS = (
    (0.72, 0.46, 0.35),
    (0.60, 0.355, 0.245),
    (0.47, 0.25, 0.155),
    (0.32, 0.155, 0.085),
    (0.175, 0.080, 0.045),
    (0.075, 0.036, 0.022),
)
"""Linear RGB albedo at melanin 0, .2, .4, .6, .8, 1."""


def skin_tone(melanin: float) -> tuple[float, float, float]:
    """Linear RGB albedo of plain skin at melanin 0..1."""
    return interpolate_log(SKIN_ANCHORS, melanin)


class Pigments(NamedTuple):
    """A person's numbers, as the kernel wants them."""

    tone: tuple[float, float, float]
    slope: tuple[float, float, float]  # d log(tone) / d melanin
    melanin: float
    haemoglobin: float
    olive: float
    mottling: float
    blotches: float
    freckles: float
    moles: float
    age_spots: float
    oil: float
    eye_circles: float
    lip_redness: float
    brow_thickness: float
    brow_density: float
    brow_arch: float
    brow_meeting: float
    brow_colour: tuple[float, float, float]
    beard_colour: tuple[float, float, float]
    beard_style: int
    beard_shadow: float
    beard_cover: float
    hair_colour: tuple[float, float, float]
    hair_cover: float
    hair_ramp: float
    hair_inside: bool
    hair_back: bool
    hair_shade: float
    recession: float
    thinning: float
    parted: bool
    part_line: float
    seed: int


def pigments_of(appearance: Appearance) -> Pigments:
    """Gathers the skin's numbers from a person's traits."""
    skin, hair, beard, brows = (
        appearance.skin,
        appearance.hair,
        appearance.beard,
        appearance.brows,
    )
    high, low = min(skin.melanin + 0.05, 1.0), max(skin.melanin - 0.05, 0.0)
    slope = [math.log(b / a) / (high - low) for a, b in zip(skin_tone(low), skin_tone(high))]
    # In the shade of the strands above, which light ones hardly throw.
    tied = hair.style == "tied"
    dim = 0.75 + 0.25 * passes_light(hair.colour[1])
    dark = [dim * value for value in hair.colour]
    beard_redness = (1.15, 0.95, 0.85)
    cover, ramp = {
        "bald": (0.16, 5.0),
        "buzz": (0.80, 20.0),
        "crop": (0.95, 20.0),
        "side_part": (0.95, 22.0),
        "swept": (0.95, 22.0),
        "tied": (0.96, 17.0),
    }.get(hair.style, (0.96, 15.0))
    return Pigments(
        tone=skin_tone(skin.melanin),
        slope=(slope[0], slope[1], slope[2]),
        melanin=skin.melanin,
        haemoglobin=skin.haemoglobin,
        olive=skin.olive,
        mottling=0.020 + 0.022 * skin.wrinkles,
        blotches=skin.blotches,
        freckles=skin.freckles,
        moles=skin.moles,
        age_spots=skin.age_spots,
        oil=skin.oil,
        eye_circles=skin.eye_circles,
        lip_redness=skin.lip_redness,
        brow_thickness=brows.thickness,
        brow_density=brows.density,
        brow_arch=brows.arch,
        brow_meeting=brows.meeting,
        brow_colour=hair.brow_colour,
        beard_colour=(
            0.7 * beard_redness[0] * hair.colour[0],
            0.7 * beard_redness[1] * hair.colour[1],
            0.7 * beard_redness[2] * hair.colour[2],
        ),
        beard_style=BEARD_STYLES[beard.style],
        beard_shadow=beard.density,
        beard_cover=min(0.16 + 0.13 * beard.length, 0.62) if beard.length > 0 else 0.0,
        hair_colour=(dark[0], dark[1], dark[2]),
        hair_cover=cover,
        hair_ramp=ramp,
        hair_inside=has_inside(hair),
        hair_back=tied,
        # Under hair that lies flat on it the scalp is less in the shade.
        hair_shade=(0.25 if tied else 0.62) * (1.0 - passes_light(dark[1])),
        recession=recession_of(hair),
        thinning=hair.thinning,
        parted=is_parted(hair),
        part_line=part_line(hair),
        seed=appearance.texture_seed,
    )
