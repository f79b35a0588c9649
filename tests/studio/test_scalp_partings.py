"""Where hair divides: a strip of skin between roots, not a line drawn on a cap."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import hair, surface
from likeness.studio.hair_shapes import part_line
from likeness.studio.pigments import skin_tone
from likeness.studio.scalp import HeadSpace
from likeness.studio.surface_points import HAIR_CAP
from likeness.studio.template import build_template
from tests.studio.surface_cases import plain, points_at

LONG = {
    "hair__style": "long",
    "hair__length": 330.0,
    "hair__sides": 330.0,
    "hair__parting": 0.0,
    "hair__recession": 0.0,
    "hair__thinning": 0.0,
    "hair__grey": 0.0,
    "hair__eumelanin": 1.0,
    "hair__pheomelanin": 0.0,
    "hair__fringe": 0.0,
}


def _across(appearance, footprint: float) -> tuple[np.ndarray, np.ndarray]:
    """x from the line, and mean albedo of the scalp there along 40 mm of it."""
    x = np.arange(-20.0, 20.1, 0.25)
    z = np.arange(10.0, 50.0, 0.5)
    rest = np.stack(np.broadcast_arrays(x[:, None], 132.0, z[None]), axis=-1).reshape(-1, 3)
    rest[:, 0] += part_line(appearance.hair)
    points = points_at(rest, footprint=footprint)
    return x, surface.evaluate(appearance, points).albedo.reshape(len(x), len(z), 3).mean(axis=1)


@pytest.mark.parametrize("footprint", [0.1, 0.8])
def test_a_parting_shows_two_or_three_millimetres_of_skin(footprint: float) -> None:
    """Black hair on pale skin: half of the mixture of both was copper, and a line less than a
    millimetre wide was a wire."""
    appearance = plain(melanin=0.1, **LONG)
    x, albedo = _across(appearance, footprint)
    skin = np.array(skin_tone(0.1))
    bare = albedo[:, 1] / skin[1]
    assert bare.max() > 0.6
    hair_away = bare[np.abs(x) > 15.0].mean()
    width = 0.25 * (bare - hair_away > 0.5 * (bare.max() - hair_away)).sum()
    assert 1.5 < width < 4.0
    # As red as the skin, within the blood of one place and another.
    middle = albedo[np.argmax(bare)]
    assert middle[0] / middle[1] == pytest.approx(skin[0] / skin[1], rel=0.12)


@pytest.mark.parametrize("footprint", [0.5, 0.7])
def test_a_parting_looked_along_has_no_steps(footprint: float) -> None:
    """Seen from the front, at 20 degrees, a pixel covers three times its width along the line. From
    one to the next the strip changes by less than a third of a pixel: it was half a millimetre."""
    appearance = plain(melanin=0.1, **LONG)
    x = np.arange(-3.0, 3.1, 0.25)
    z = np.arange(0.0, 60.0, 0.1)
    rest = np.stack(np.broadcast_arrays(x[:, None], 132.0, z[None]), axis=-1).reshape(-1, 3)
    rest[:, 0] += part_line(appearance.hair)
    bare = surface.evaluate(appearance, points_at(rest, footprint=footprint)).albedo[:, 1]
    bare = bare.reshape(len(x), len(z))
    width = 0.25 * (bare > 0.5 * bare.max()).sum(axis=0)
    apart = round(3.0 * footprint / 0.1)
    assert np.abs(width[apart:] - width[:-apart]).mean() < footprint / 3.0


def test_no_cap_covers_the_roots_beside_a_parting() -> None:
    appearance, template = plain(**LONG), build_template()
    mesh = hair.build(appearance, template, template.vertices, "low")
    points = mesh.place(template.vertices)[0][mesh.part == HAIR_CAP]
    height = HeadSpace(template, template.vertices).height(points)
    beside = np.abs(points[:, 0] - part_line(appearance.hair))
    in_front = points[:, 2] > -30.0
    assert (in_front & (beside < 5.0)).sum() >= 4
    assert height[in_front & (beside < 5.0)].max() < 0.0  # up to 1 mm above the skin
    assert height[in_front & (beside > 14.0) & (points[:, 1] > 110.0)].min() > 0.0


def test_the_shade_under_hair_is_dark_under_dark_hair_only() -> None:
    """Light that comes between roots: under white hair nearly all of it, under black some 4/10;
    white heads had dark holes between their locks."""
    rest = np.stack([np.linspace(-40, 40, 60), np.full(60, 125.0), np.full(60, 20.0)], axis=1)
    open_sky = {}
    for name, grey in (("black", 0.0), ("white", 1.0)):
        traits = {**LONG, "hair__style": "crop", "hair__length": 25.0, "hair__grey": grey}
        values = surface.evaluate(plain(**traits), points_at(rest, footprint=0.8))
        open_sky[name] = values.occlusion.mean()
    assert open_sky["white"] > 0.85
    assert open_sky["black"] < 0.5
