"""What a camera does that meters on faces: dark skin is exposed longer.

Owns how many stops. A card of 18 % that stands for the sitter (``lighting``) leaves the darkest
skin near black; cameras that find faces, and photographers, meet it part of the way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from likeness.studio.background import Background
from likeness.studio.colours import Colour, luminance
from likeness.studio.lighting import Lighting

_KNOWN = 0.25
"""Luminance of skin that the card stands for: of melanin .4."""
_SHARE = 0.4
"""Of the stops that are missing; the whole would make everybody equally bright."""
_MOST = 0.9
"""Stops; more would burn out what is around the sitter."""


def stops(tones: Sequence[Colour]) -> float:
    """Stops, 0 and more, by which faces are exposed longer.

    Args:
        tones: linear RGB albedo of the skin of all who are in the picture.
    """
    missing = np.mean([math.log2(_KNOWN / luminance(tone)) for tone in tones])
    return float(np.clip(_SHARE * missing, 0.0, _MOST))


def exposed(
    lighting: Lighting, background: Background, longer: float
) -> tuple[Lighting, Background]:
    """Light and background of a picture that is exposed some stops longer."""
    red, green, blue = (float(2.0**longer * value) for value in background.tint)
    return (
        replace(lighting, exposure=lighting.exposure + longer),
        replace(background, tint=(red, green, blue)),
    )
