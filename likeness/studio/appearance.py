"""Who a studio person looks like on the surface.

Owns :class:`Appearance`, the traits of one person together, as plain data and as a draw. It owns no
shape of the head (``identity``) and paints nothing (``surface``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from likeness.studio import appearance_odds as odds
from likeness.studio.anthropometry import Sex
from likeness.studio.glasses_odds import draw_glasses
from likeness.studio.traits import (
    BeardTraits,
    BrowTraits,
    ClothingTraits,
    EyeTraits,
    GlassesTraits,
    HairTraits,
    SkinTraits,
)

_TRAITS = {
    "skin": SkinTraits,
    "eyes": EyeTraits,
    "brows": BrowTraits,
    "beard": BeardTraits,
    "hair": HairTraits,
    "clothing": ClothingTraits,
    "glasses": GlassesTraits,
}


@dataclass(frozen=True)
class Appearance:
    """Everything painted or grown on a head. Plain numbers and words: see :meth:`to_dict`."""

    texture_seed: int
    """Seeds every noise of this person, 31 bits."""
    skin: SkinTraits
    eyes: EyeTraits
    brows: BrowTraits
    beard: BeardTraits
    hair: HairTraits
    clothing: ClothingTraits
    glasses: GlassesTraits

    def to_dict(self) -> dict[str, Any]:
        """Nested plain data, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Appearance:
        """The inverse of :meth:`to_dict`; lists from JSON become tuples again."""
        if set(data) != {"texture_seed", *_TRAITS}:
            raise ValueError(
                f"expected texture_seed and the groups {sorted(_TRAITS)}, found {sorted(data)}"
            )
        made = {
            name: kind(
                **{
                    key: tuple(value) if isinstance(value, list) else value
                    for key, value in data[name].items()
                }
            )
            for name, kind in _TRAITS.items()
        }
        return cls(texture_seed=int(data["texture_seed"]), **made)

    @classmethod
    def sample(
        cls, rng: np.random.Generator, *, sex: Sex, age: float, ancestry: Mapping[str, float]
    ) -> Appearance:
        """Draw a person's surface.

        Args:
            rng: the person's generator; the number of draws taken from it is not fixed.
            sex: tips odds of beard, brows, hair length, recession, lightness of skin; excludes
                nothing but the beard.
            age: years; greying, recession, spots, wrinkles and glasses follow it.
            ancestry: mixture weights over european, east_asian, middle_eastern, hispanic,
                south_east_asian, south_asian, african; scaled to sum 1.
        """
        weights = odds.normalised(ancestry)
        skin = odds.draw_skin(rng, sex, age, weights)
        hair = odds.draw_hair(rng, sex, age, weights, skin.melanin)
        return cls(
            texture_seed=int(rng.integers(2**31)),
            skin=skin,
            eyes=odds.draw_eyes(rng, sex, age, weights, skin.melanin, hair),
            brows=odds.draw_brows(rng, sex, age, hair),
            beard=odds.draw_beard(rng, sex, age, weights),
            hair=hair,
            clothing=odds.draw_clothing(rng, sex),
            glasses=draw_glasses(rng, age),
        )
