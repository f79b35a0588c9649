"""How one person articulates, and how one utterance is delivered.

Owns the draws of personal habits and the knobs of a delivery; what they change is told where it is
applied. Seals of the lips are untouched by all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from likeness.seeds import Draws
from likeness.studio.person import Person
from likeness.studio.version import STUDIO_VERSION

Coupling = Literal["natural", "independent"]

LOUDNESS = (-8.0, 8.0)
"""dB over the person's usual level."""


@dataclass(frozen=True)
class PerformingStyle:
    """Habits of a person. The defaults are the average.

    Attributes:
        jaw_gain: of the jaw in vowels, 0.7-1.35.
        lip_gain: of the lips in vowels.
        asymmetry: share by which the left side moves more than the middle and the right one less.
        trade: share of the jaw's opening left to the lower lip.
        blink_factor: on the rate of blinks.
        mirrored: one-sided expressions lift the right side instead of the left.
    """

    jaw_gain: float = 1.0
    lip_gain: float = 1.0
    asymmetry: float = 0.0
    trade: float = 0.0
    blink_factor: float = 1.0
    mirrored: bool = False

    @classmethod
    def of(cls, person: Person) -> PerformingStyle:
        """The habits of a person: a function of the person's seed."""
        draws = Draws("studio", STUDIO_VERSION, person.seed, "style")
        jaw, lip, asymmetry, trade, blink = draws.normals(5)
        return cls(
            jaw_gain=float(np.clip(math.exp(0.15 * jaw), 0.7, 1.35)),
            lip_gain=math.exp(0.12 * lip),
            asymmetry=0.06 * float(asymmetry),
            trade=float(np.clip(0.1 * trade, -0.3, 0.3)),
            blink_factor=math.exp(0.3 * blink),
            mirrored=draws.uniform() < 0.5,
        )


TRANSITIONS = 0.1
"""Share of emotional utterances within which the face goes over to the emotion."""


@dataclass(frozen=True)
class Delivery:
    """How an utterance is delivered; the defaults are everyday speech.

    Attributes:
        intensity: of the emotion, 0..1; None draws 0.6-1.
        transition: the face goes from neutral to the emotion within the utterance.
        loudness: dB over the person's usual level, -8..8.
        whispered: articulation a tenth larger; the sound is the synthesiser's business.
        mumbling: 0..1.
        staring: few blinks, no glances aside.
        coupling: ``independent`` draws brows, nods and blinks without looking at the speech.
    """

    intensity: float | None = None
    transition: bool = False
    loudness: float = 0.0
    whispered: bool = False
    mumbling: float = 0.0
    staring: bool = False
    coupling: Coupling = "natural"

    def __post_init__(self) -> None:
        if self.coupling not in get_args(Coupling):
            raise ValueError(
                f"coupling must be one of {', '.join(get_args(Coupling))}, found {self.coupling!r}"
            )
        limits = {"intensity": (0.0, 1.0), "loudness": LOUDNESS, "mumbling": (0.0, 1.0)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} must be within {low:g}..{high:g}, found {value:g}")
