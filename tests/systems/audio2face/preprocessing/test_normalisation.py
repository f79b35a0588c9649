from __future__ import annotations

import numpy as np
import pytest

from likeness.systems.audio2face.preprocessing.normalisation import mean_geometry, normalisations


def test_normalisation_is_that_of_loops() -> None:
    rng = np.random.default_rng(0)
    skin, tongue, jaw = (rng.normal(size=(n, 3)).astype(np.float32) + 5 for n in (9, 4, 5))
    saccades = rng.normal(size=(20, 2)).astype(np.float32)
    found = normalisations(skin, tongue, jaw, saccades, {"skin": 2.0, "eye": 0.5})
    for channel, array, half in (
        ("skin", skin, 2.0),
        ("tongue", tongue, 1.0),
        ("jaw", jaw, 1.0),
        ("eye", saccades, 0.5),
    ):
        rows = array.astype(np.float64).tolist()
        centre = [sum(row[i] for row in rows) / len(rows) for i in range(len(rows[0]))]
        reach = max(abs(x - c) for row in rows for x, c in zip(row, centre))
        assert found[channel].translate == pytest.approx(centre)
        assert found[channel].scale == pytest.approx(reach / half)


def test_zeros_have_scale_one() -> None:
    zeros = np.zeros((5, 3), np.float32)
    found = normalisations(zeros, zeros, zeros, np.zeros((8, 2), np.float32), {"skin": 3.0})
    assert {channel: n.scale for channel, n in found.items()} == dict.fromkeys(found, 1.0)


def test_defect_10_half_ranges_that_are_not_named_are_one() -> None:
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(6, n)).astype(np.float32) for n in (3, 3, 3, 2)]
    named = dict.fromkeys(("skin", "tongue", "jaw", "eye"), 1.0)
    assert normalisations(*parts, {}) == normalisations(*parts, named)


def test_mean_geometry_is_the_normalised_neutral_and_zeros() -> None:
    rng = np.random.default_rng(2)
    skin, tongue = (rng.normal(size=(n, 3)).astype(np.float32) + 7 for n in (6, 4))
    jaw, saccades = np.ones((5, 3), np.float32), np.ones((3, 2), np.float32)
    norms = normalisations(skin, tongue, jaw, saccades, {"skin": 2.0})
    found = mean_geometry(skin, tongue, 5, norms)
    assert found.dtype == np.float32
    assert found.shape == (3 * 6 + 3 * 4 + 15 + 4,)
    np.testing.assert_allclose(
        found[:18].reshape(6, 3) * norms["skin"].scale + norms["skin"].translate, skin, atol=1e-5
    )
    assert np.abs(found[:18]).max() == pytest.approx(2.0, rel=1e-6)
    np.testing.assert_allclose(
        found[18:30].reshape(4, 3) * norms["tongue"].scale + norms["tongue"].translate,
        tongue,
        atol=1e-5,
    )
    assert not found[30:].any()
