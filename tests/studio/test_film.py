"""Film: grey stays grey, order is kept, defects do what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.color import rgb2lab

from likeness.studio.film import Film, develop, encode, tone
from likeness.studio.scene import sample_film


@pytest.mark.parametrize("contrast", [1.0, 1.3])
def test_middle_grey_stays(contrast):
    card = np.full((1, 3), 0.09, np.float32)
    tone(card, 2.0, Film(contrast=contrast))
    np.testing.assert_allclose(card, 0.18, atol=0.004)


def test_brighter_stays_brighter_and_below_one():
    ramp = np.repeat(np.geomspace(1e-4, 50, 200)[:, None], 3, axis=1).astype(np.float32)
    tone(ramp, 1.0, Film())
    assert np.all(np.diff(ramp[:, 0]) >= 0)
    assert ramp.max() <= 1.0
    assert ramp[:, 0][np.geomspace(1e-4, 50, 200) < 0.9].max() < 0.75  # a shoulder, no early clip


def test_hue_of_bright_skin_is_kept():
    """Two stops more light must not turn skin yellow or white."""
    skin = np.array([[0.30, 0.17, 0.12], [1.2, 0.68, 0.48]], np.float32)
    tone(skin, 1.0, Film())
    lab = rgb2lab(encode(skin)[None])[0]
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    assert abs(hue[1] - hue[0]) < 12
    assert np.hypot(*lab[1, 1:]) > 8


def test_encoding_is_srgb():
    values = encode(np.array([0.0, 0.002, 0.2140411, 1.0], np.float32))
    np.testing.assert_allclose(values, [0.0, 0.02584, 0.5, 1.0], atol=1e-4)


def test_defects():
    flat = np.full((64, 64, 3), 0.2, np.float32)
    rng = np.random.default_rng
    clean = develop(flat, Film(), rng(0))
    assert clean.std() < 1e-6
    dark = develop(flat, Film(vignette=0.4), rng(0))
    assert dark[32, 32].mean() == pytest.approx(clean.mean(), rel=0.01)
    assert dark[0, 0].mean() < 0.9 * clean.mean()
    edge = flat.copy()
    edge[:, 32:] = 0.6
    blurred = develop(edge, Film(blur=30.0), rng(0))
    assert np.abs(np.diff(blurred[32, :, 0])).max() < 0.1
    stored = develop(edge, Film(jpeg_quality=60), rng(0))
    sharp = develop(edge, Film(), rng(0))
    assert 0 < np.abs(stored - sharp).mean() < 0.02


def test_a_vignette_takes_light_by_the_square_of_the_distance_from_the_middle():
    """Each pixel by itself, of a picture that is wider than high."""
    flat = np.full((20, 36, 3), 0.2, np.float32)
    found = develop(flat, Film(vignette=0.3), np.random.default_rng(0))
    for row, column in ((0, 0), (0, 35), (19, 0), (7, 30), (10, 18)):
        square = ((column + 0.5) / 36 - 0.5) ** 2 + ((row + 0.5) / 20 - 0.5) ** 2
        linear = 0.2 * (1.0 - 0.6 * square)
        wanted = 1.055 * linear ** (1 / 2.4) - 0.055
        np.testing.assert_allclose(found[row, column], wanted, atol=1e-4)


def test_encoding_leaves_nothing_beyond_0_and_1():
    near = np.nextafter(np.float32(1.0), np.float32(0.0), dtype=np.float32)
    ends = np.array([-1.0, -1e-9, 0.0, 1e-9, near, 1.0, 1.5], np.float32)
    values = encode(np.concatenate([ends, np.linspace(0.99, 1.0, 200_001, dtype=np.float32)]))
    assert values.min() == 0.0
    assert values.max() == 1.0


def test_noise_has_the_variance_of_light_and_sensor():
    """Against the model itself, in linear light: a dark and a bright patch."""
    film = Film(photons=2_000.0, read_noise=0.004)
    for level in (0.05, 0.4):
        flat = np.full((200, 200, 3), level, np.float32)
        found = develop(flat, film, np.random.default_rng(0)).astype(np.float64)
        linear = ((found + 0.055) / 1.055) ** 2.4
        assert linear.var() == pytest.approx(level / 2_000.0 + 0.004**2, rel=0.03)
        assert linear.mean() == pytest.approx(level, rel=0.002)


def test_an_enlarged_picture_has_the_detail_of_its_source():
    rng = np.random.default_rng(0)
    fine = rng.random((192, 128, 3)).astype(np.float32)
    found = develop(fine, Film(source_side=48), rng)
    assert found.shape == fine.shape
    spectrum = np.abs(np.fft.fft(found[:, :, 0] - found[:, :, 0].mean(), axis=0)).mean(axis=1)
    assert spectrum[24:96].mean() < 0.2 * spectrum[1:24].mean()


@pytest.mark.parametrize(("knob", "most"), [("light", 1.0), ("strong", 1.5)])
def test_cameras_blur_a_pixel_at_most(knob, most):
    """Width of an edge in the softest of 300 pictures of 1,024 pixels."""
    rng = np.random.default_rng(0)
    films = [sample_film(rng, knob) for _ in range(300)]
    softest = max(films, key=lambda film: film.blur)
    plain = replace(softest, photons=None, read_noise=0.0, vignette=0.0, jpeg_quality=None)
    edge = np.full((8, 1024, 3), 0.2, np.float32)
    edge[:, 512:] = 0.6
    shown = develop(edge, plain, rng)[4, :, 0].astype(np.float64)
    slope = np.diff(((shown + 0.055) / 1.055) ** 2.4)
    at = np.arange(len(slope))
    middle = (slope * at).sum() / slope.sum()
    assert np.sqrt((slope * (at - middle) ** 2).sum() / slope.sum()) == pytest.approx(most, rel=0.1)
