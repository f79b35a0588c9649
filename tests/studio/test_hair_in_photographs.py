"""Hair as photographs show it: how light it is where light goes through it, and what it mirrors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion
from skimage.color import rgb2lab

from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.photograph import photograph
from likeness.studio.scene import Scene


@pytest.mark.parametrize("seed", [8064, 8077])
def test_short_white_hair_at_the_nape_is_not_light_flecks_on_dark(seed: int) -> None:
    """Light goes through white hair to what lies under it: seen from behind, the darkest tenth of
    the nape is two thirds as light as its middle (CIELAB), where it was three fifths, and the nape
    little darker than the crown."""
    person = Person.sample(seed)
    assert person.appearance.hair.colour_name == "white"
    picture = photograph(person, Scene.portrait(seed, yaw=180.0), 160)
    own = picture.mask == LABELS.index("hair")
    light = rgb2lab(picture.image)[..., 0]
    rows = np.flatnonzero(own.any(axis=1))
    below = np.arange(len(own))[:, None] > rows[0] + 0.6 * (rows[-1] - rows[0])
    nape = light[own & below]
    assert np.percentile(nape, 10) > 0.64 * np.median(nape)
    assert np.median(nape) > 0.82 * np.median(light[own])


@pytest.mark.parametrize("seed", [8117, 8132])
def test_no_sky_is_mirrored_beside_a_parting(seed: int) -> None:
    """Dark brown hair is nowhere blue (CIELAB, b* below 0) but where it meets the background. The
    cap under it shone like cloth where light grazes it."""
    person = Person.sample(seed)
    assert person.appearance.hair.colour_name == "dark brown"
    picture = photograph(person, Scene.portrait(seed), 160)
    own = binary_erosion(picture.mask == LABELS.index("hair"), iterations=2)
    assert own.sum() > 1000
    assert rgb2lab(picture.image)[own][:, 2].min() > 0.0
