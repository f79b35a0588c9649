"""Skin: anchors of tone, where blood, lips, brows and beard are, relief and its footprints."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator

from likeness.studio import lips_brows, surface
from likeness.studio.beard import density_of
from likeness.studio.expressions import INDEX
from likeness.studio.lips_brows import beard_mask, brow_band, lip_mask
from likeness.studio.noise import fbm, spot_at
from likeness.studio.pigments import skin_tone
from likeness.studio.skin_noise import AGE_SPOT_CELL, ROWS
from likeness.studio.skin_zones import spots_at
from likeness.studio.surface_points import BODY, HAIR, LASH
from likeness.studio.template import build_template
from tests.studio.surface_cases import head_points, patch, plain, points_at, sitter

ANCHORS = {
    0.0: (0.72, 0.46, 0.35),
    0.2: (0.60, 0.355, 0.245),
    0.4: (0.47, 0.25, 0.155),
    0.6: (0.32, 0.155, 0.085),
    0.8: (0.175, 0.080, 0.045),
    1.0: (0.075, 0.036, 0.022),
}


def _mean_albedo(appearance, center, radius=5.0, **fields) -> np.ndarray:
    points = points_at(patch(center, radius), **fields)
    return surface.evaluate(appearance, points).albedo.mean(axis=0)


@pytest.mark.parametrize("melanin", ANCHORS)
def test_tone_reproduces_the_anchors(melanin: float) -> None:
    np.testing.assert_allclose(skin_tone(melanin), ANCHORS[melanin], rtol=1e-12)


@pytest.mark.parametrize("melanin", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_painted_skin_keeps_the_tone(melanin: float) -> None:
    # A neutral place: the temple between forehead and cheek.
    found = np.mean(
        [_mean_albedo(plain(seed, melanin), (58.0, 40.0, 70.0), 9.0) for seed in range(8)], axis=0
    )
    np.testing.assert_allclose(found, skin_tone(melanin), rtol=0.08)


def test_cheeks_nose_and_ears_are_redder_than_the_temple() -> None:
    appearance = plain(melanin=0.15)

    def redness(center, **fields) -> float:
        colour = _mean_albedo(appearance, center, **fields)
        return float(colour[0] / colour[1])

    temple = redness((58.0, 40.0, 70.0))
    assert redness((38.0, 2.0, 90.0)) > 1.12 * temple
    assert redness((0.0, 6.0, 130.0)) > 1.08 * temple
    assert redness((76.0, 20.0, 5.0), ear=1.0) > 1.10 * temple


def test_left_and_right_agree_on_average() -> None:
    # Noise is one-sided, anatomy is not.
    for center in ((33.0, 43.0, 95.0), (20.0, -4.0, 112.0), (31.0, 56.0, 103.0)):
        mirrored = (-center[0], *center[1:])
        left = np.mean([_mean_albedo(plain(s), center) for s in range(12)], axis=0)
        right = np.mean([_mean_albedo(plain(s), mirrored) for s in range(12)], axis=0)
        np.testing.assert_allclose(left, right, rtol=0.03)


def test_neck_and_chest_share_their_colour() -> None:
    appearance = plain()
    rim = (40.0, -140.0, 20.0)
    neck = _mean_albedo(appearance, rim)
    np.testing.assert_allclose(_mean_albedo(appearance, rim, part=BODY), neck, rtol=1e-5)


def test_lips_are_red_inside_their_border_only() -> None:
    appearance = plain(melanin=0.2)
    upper_lip = patch((6.0, -29.0, 116.0), 1.5)
    rings = [1.0, 1.7, 2.1, 2.6]
    ratio = []
    for ring in rings:
        colour = surface.evaluate(appearance, points_at(upper_lip, mouth_ring=ring)).albedo
        ratio.append(float((colour[:, 0] / colour[:, 1]).mean()))
    assert ratio[0] > 1.15 * ratio[2]
    assert ratio[1] > 1.15 * ratio[2]
    assert ratio[2] == pytest.approx(ratio[3], rel=0.01)
    borders = [float(lip_mask(0.0, -30.0, ring)) for ring in (0.0, 1.8, 2.08, 4.0)]
    assert borders == [1.0, 1.0, 0.0, 0.0]


def test_the_lower_lip_narrows_toward_the_corners() -> None:
    """As high as in 62 faces of the Face Research Lab London Set (DeBruine and Jones, 2017): at .40
    of half the mouth's width .93 of its height in the middle, at .73 of it .55."""
    template = build_template("high")
    skin = template.vertices[: template.num_skin]
    ring = template.mouth_ring[: template.num_skin]
    seam = template.vertices[template.mouth_loop]
    seam = seam[np.argsort(seam[:, 0])]
    lower = (ring < 3.2) & (skin[:, 1] <= np.interp(skin[:, 0], seam[:, 0], seam[:, 1]) + 0.01)
    ring_at = LinearNDInterpolator(skin[lower, :2], ring[lower])
    half = seam[:, 0].max()

    def height(x: float) -> float:
        """mm of red below the seam."""
        depth = np.linspace(0.0, 14.0, 561)
        y = np.interp(x, seam[:, 0], seam[:, 1]) - depth
        red = [lip_mask(x, below, found) for below, found in zip(y, ring_at(np.full(561, x), y))]
        return float(depth[np.argmax(np.array(red) < 0.5)])

    assert height(0.40 * half) / height(0.0) == pytest.approx(0.93, abs=0.06)
    assert height(0.73 * half) / height(0.0) == pytest.approx(0.55, abs=0.06)


def test_the_line_between_lips_goes_when_they_part() -> None:
    appearance = plain()
    seam = points_at(patch((3.0, -33.4, 113.0), 1.0), mouth_ring=0.02)
    opened = np.zeros(52)
    opened[INDEX["jawOpen"]] = 0.4
    closed_shade = surface.evaluate(appearance, seam).albedo.mean()
    opened_shade = surface.evaluate(appearance, seam, opened).albedo.mean()
    assert closed_shade < 0.4 * opened_shade


def test_brow_stays_in_its_band() -> None:
    # Centre line of the design and half width 3.2 mm times its taper along the brow.
    line = {13.0: 51.0, 22.0: 54.2, 31.0: 56.6, 41.0: 56.6, 52.0: 52.3}
    for x, y in line.items():
        if 16.0 < x < 50.0:
            assert brow_band(x, y, 100.0, 3.2, 0.0) > 0.98
        assert brow_band(x, y + 7.0, 100.0, 3.2, 0.0) < 0.01
        assert brow_band(x, y - 7.0, 100.0, 3.2, 0.0) < 0.01
    assert brow_band(0.0, 51.0, 100.0, 5.2, 0.0) == 0.0
    assert brow_band(62.0, 48.0, 80.0, 5.2, 0.0) == 0.0


def test_brow_hairs_darken_alike_at_every_resolution() -> None:
    appearance = plain(brows__density=0.9, brows__thickness=4.0, skin__melanin=0.1)
    place = patch((27.0, 55.6, 105.0), 1.6, 4000)
    skin = _mean_albedo(appearance, (27.0, 66.0, 105.0)).mean()
    shades = [
        surface.evaluate(appearance, points_at(place, footprint=footprint)).albedo.mean() / skin
        for footprint in (0.05, 0.2, 0.5, 1.5)
    ]
    assert max(shades) < 0.75
    assert max(shades) - min(shades) < 0.17
    single = surface.evaluate(appearance, points_at(place, footprint=0.05)).albedo[:, 0]
    assert single.min() < 0.3 * single.max()


def test_beard_grows_on_jaw_chin_and_upper_lip_only() -> None:
    def grows(x, y, z, ring=4.0, ear=0.0) -> float:
        values = [beard_mask(x, y, z, ring, ear, x, seed) for seed in range(20)]
        return float(np.mean(values))

    assert grows(10.0, -60.0, 110.0) > 0.9  # chin
    assert grows(50.0, -45.0, 75.0) > 0.9  # jaw
    assert grows(6.0, -20.0, 114.0, ring=2.9) > 0.5  # upper lip
    assert grows(6.0, -29.0, 117.0, ring=1.2) == 0.0  # the lip itself
    assert grows(34.0, -5.0, 98.0) < 0.05  # cheek
    assert grows(0.0, 3.0, 132.0) == 0.0  # nose
    assert grows(20.0, 50.0, 100.0) == 0.0  # forehead
    assert grows(30.0, -140.0, 20.0) == 0.0  # foot of the neck
    assert grows(74.0, -10.0, 10.0, ear=1.0) == 0.0


def test_beard_thins_out_before_the_ear_and_on_the_cheek() -> None:
    """Over a hand's breadth of edges of the finest mesh no two neighbours differ by more than an
    eighth a millimetre: a limit of growth has no outline, as seen from the side."""
    template = build_template("high")
    skin = template.vertices[: template.num_skin]
    faces = template.skin_faces
    edges = np.unique(np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    x, y, z = skin[edges].mean(axis=1).T
    beside = (abs(x) > 40.0) & (z > 25.0) & (y > -80.0) & (y < 40.0)
    beside &= template.ear[edges].max(axis=1) < 0.05
    edges = edges[beside]
    length = np.linalg.norm(skin[edges[:, 0]] - skin[edges[:, 1]], axis=1)
    for seed in range(4):
        density = density_of(template, 1, seed)[edges]
        assert density.max() > 0.9
        assert density.min() == 0.0
        assert (np.abs(density[:, 0] - density[:, 1]) / length).max() < 0.125


def test_shaved_beard_leaves_a_shadow_and_stubble_more() -> None:
    chin = (8.0, -62.0, 112.0)
    smooth = _mean_albedo(plain(beard__style="none", beard__density=0.0), chin)
    shaved = _mean_albedo(plain(beard__style="none", beard__density=0.9), chin)
    traits = {"beard__style": "stubble", "beard__length": 2.0, "beard__density": 0.9}
    stubble = _mean_albedo(plain(**traits), chin)
    assert 0.65 < (shaved / smooth).mean() < 0.92
    assert (stubble / shaved).mean() < 0.85


def test_nostrils_are_dark() -> None:
    appearance = plain()
    nostril = _mean_albedo(appearance, (8.6, -2.5, 117.5), 0.8)
    assert (nostril / np.array(skin_tone(0.4))).max() < 0.25


def test_freckles_need_the_trait() -> None:
    cheek = points_at(patch((30.0, 8.0, 92.0), 8.0, 4000))
    blue = {
        amount: surface.evaluate(plain(skin__freckles=amount, melanin=0.1), cheek).albedo[:, 2]
        for amount in (0.0, 0.9)
    }
    dark = np.median(blue[0.0]) - 3.0 * blue[0.0].std()
    assert (blue[0.0] < dark).mean() < 0.005
    assert 0.02 < (blue[0.9] < dark).mean() < 0.3


def test_noise_fades_with_the_footprint() -> None:
    template = build_template()
    forehead = np.flatnonzero(
        (template.vertices[: template.num_skin, 1] > 65)
        & (template.vertices[: template.num_skin, 1] < 80)
        & (template.vertices[: template.num_skin, 2] > 80)
    )
    scattered = template.vertices[forehead].repeat(60, axis=0)
    scattered = scattered + np.random.default_rng(0).normal(0.0, 1.0, scattered.shape)
    appearance = plain()
    fine, coarse, huge = (
        surface.evaluate(appearance, points_at(scattered, footprint=footprint))
        for footprint in (0.05, 0.8, 40.0)
    )
    bump = [np.linalg.norm(values.bump, axis=1).mean() for values in (fine, coarse, huge)]
    assert bump[0] > 1.5 * bump[1] > 0.0
    assert bump[2] == 0.0
    contrast = [values.albedo[:, 1].std() for values in (fine, coarse, huge)]
    assert contrast[0] > contrast[1] > contrast[2]
    means = [values.albedo.mean() for values in (fine, coarse, huge)]
    np.testing.assert_allclose(means, means[0], rtol=0.05)


def test_whole_head_is_finite_and_in_range() -> None:
    template = build_template()
    ids = np.arange(template.num_vertices)
    for seed, melanin in ((1, 0.03), (2, 0.5), (3, 0.97)):
        appearance = sitter(seed, "male", 70.0, skin__melanin=melanin, skin__freckles=1.0)
        values = surface.evaluate(appearance, head_points(template, ids))
        for name in ("albedo", "specular", "roughness", "occlusion"):
            array = getattr(values, name)
            assert np.isfinite(array).all(), name
            assert array.min() >= 0.0, name
        assert values.albedo.max() <= 0.9
        assert values.occlusion.max() <= 1.0
        assert np.abs(values.bump).max() < 1.5


def test_lips_have_the_step_in_colour_of_lips():
    """Ratios of lip to skin from colorimetry of the fair and of the dark, CIELAB turned linear."""
    for melanin, wanted in ((0.15, (0.80, 0.54, 0.66)), (0.9, (0.89, 0.88, 1.1))):
        appearance = plain(melanin=melanin, skin__lip_redness=1.15)
        lip = surface.evaluate(appearance, points_at((8.0, -40.0, 116.0), mouth_ring=1.2))
        skin = surface.evaluate(appearance, points_at((8.0, -57.0, 108.0), mouth_ring=4.0))
        np.testing.assert_allclose(lip.albedo[0] / skin.albedo[0], wanted, rtol=0.12)


def test_lashes_whiten_less_than_hair():
    white, dark = (plain(hair__grey=grey, hair__eumelanin=1.0) for grey in (1.0, 0.0))
    green = {
        (who, part): surface.evaluate(
            appearance, points_at(np.zeros((1, 3)), part, layer=1.0, footprint=1.0)
        ).albedo[0, 1]
        for who, appearance in (("white", white), ("dark", dark))
        for part in (HAIR, LASH)
    }
    assert green["white", LASH] > 3.0 * green["dark", LASH]
    assert green["white", LASH] < 0.7 * green["white", HAIR]


def test_the_edge_of_a_beard_wavers_by_less_than_is_looked_at():
    """Where the waver is left out it could change nothing: 2.2 mm a deviation of two octaves."""
    points = np.random.default_rng(0).uniform(-120.0, 120.0, (200_000, 3))
    assert 2.2 * np.abs(fbm(points, 18.0, 5, octaves=2)).max() < lips_brows._MOST_WAVER


def test_a_scalp_from_which_hair_grows_does_not_shine():
    """Beside the line where long hair divides it mirrored the sky, a white patch a finger wide."""
    template = build_template()
    skin = np.arange(template.num_skin)
    place = template.vertices[skin]
    beside = skin[(place[:, 1] > 130.0) & (place[:, 2] > -20.0) & (place[:, 2] < 50.0)]
    beside = beside[np.abs(template.vertices[beside, 0] - 21.0) > 3.0]
    forehead = skin[(np.abs(place[:, 0]) < 25.0) & (np.abs(place[:, 1] - 70.0) < 8.0)]
    forehead = forehead[template.vertices[forehead, 2] > 60.0]
    assert min(len(beside), len(forehead)) > 5
    hair = {"hair__style": "long", "hair__parting": 0.5, "hair__recession": 0.0}
    appearance = plain(**hair, hair__thinning=0.0)
    scalp, brow = (
        surface.evaluate(appearance, head_points(template, ids, 0.6)).specular
        for ids in (beside, forehead)
    )
    assert scalp.mean() < 0.15 * brow.mean()  # it was 0.3


def test_corners_of_the_lips_are_no_moister_than_skin():
    """A lamp mirrored beside a corner was a white fleck, as of a tooth."""
    template = build_template()
    skin = np.arange(template.num_skin)
    x, y, z = template.vertices[skin].T
    rings = template.mouth_ring[skin]
    red = np.array([lip_mask(abs(a), b, ring) > 0.9 for a, b, ring in zip(x, y, rings)])
    corner, middle = (skin[red & (np.abs(x) > 17.0)], skin[red & (np.abs(x) < 6.0)])
    cheek = skin[(np.abs(np.abs(x) - 45.0) < 8.0) & (np.abs(y + 25.0) < 8.0) & (z > 40.0)]
    assert min(len(corner), len(middle), len(cheek)) > 3
    corners, moist, dry = (
        surface.evaluate(plain(), head_points(template, ids, 0.6))
        for ids in (corner, middle, cheek)
    )
    assert corners.specular.mean() < dry.specular.mean()  # it was twice as much
    assert corners.roughness.mean() > 0.5  # 0.42
    assert moist.specular.mean() > 1.5 * dry.specular.mean()
    assert moist.roughness.mean() < 0.45


def test_an_age_spot_is_even_inside_and_ragged_at_its_edge() -> None:
    """Noise multiplied all of it: on dark skin the holes made rings."""
    seed, share = 11, 0.8
    noise = np.zeros((ROWS, 1))
    grid = np.arange(-60.0, 60.0, 0.25)
    inside, edge = [], []
    for x, y in ((x, y) for x in grid[::4] + 130.0 for y in grid[::2]):
        cover, number = spot_at(x, y, 40.0, AGE_SPOT_CELL, 3.4, share, seed + 131)
        pigment, _ = spots_at(x, y, 40.0, x, 0.0, 1.0, 0.0, 0.1, seed, noise, 0)
        if cover == 1.0:
            inside.append(pigment / (0.5 + number))
        elif 0.45 < cover < 0.55:
            edge.append(pigment / (0.5 + number))
    assert len(inside) > 200
    assert len(edge) > 50
    assert np.std(inside) < 0.01 * np.mean(inside)
    assert np.std(edge) > 0.1 * np.mean(inside)
