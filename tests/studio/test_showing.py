"""What is shown of studio people, at every size that may be asked for."""

from __future__ import annotations

import math

import numpy as np

from likeness.seeds import rng_of
from likeness.studio.groups import draw_places
from likeness.studio.showing import group


def test_a_small_gallery_has_its_group_too():
    """Four faces of 96 pixels need more than three pictures of 64 in height."""
    assert group(range(22, 26), 3 * 64).shape == (384, 576, 3)


def test_four_people_fit_into_the_smallest_group_with_every_lens():
    for number, focal in enumerate(np.exp(np.linspace(math.log(35.0), math.log(85.0), 40))):
        assert len(draw_places(rng_of("places", number), 4, (384, 576), float(focal))) == 4
