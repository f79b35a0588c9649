from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.anthropometry import ANCESTRIES, BMI_MEAN, BMI_SD, MEASURED, QUANTITIES
from likeness.studio.measures import MEASURES
from likeness.studio.modes import MODE_INDEX
from likeness.studio.population import LEAST, draw, mean_of, nearest_correlation

NAMES = [quantity.name for quantity in QUANTITIES]


def _at(values: np.ndarray, name: str) -> float:
    return float(values[NAMES.index(name)])


def test_every_quantity_is_a_measure_or_a_mode():
    assert len(set(NAMES)) == len(NAMES)
    assert {quantity.name for quantity in MEASURED} <= set(MEASURES)
    assert {quantity.name for quantity in QUANTITIES[len(MEASURED) :]} <= set(MODE_INDEX)
    assert set(LEAST) <= set(NAMES)


def test_nearest_correlation_matches_highams_example():
    """Higham (2002), section 4, to the four digits printed there."""
    given = np.array(
        [[2.0, -1.0, 0.0, 0.0], [-1.0, 2.0, -1.0, 0.0], [0.0, -1.0, 2.0, -1.0], [0, 0, -1.0, 2.0]]
    )
    wanted = np.array(
        [
            [1.0, -0.8084, 0.1916, 0.1068],
            [-0.8084, 1.0, -0.6562, 0.1916],
            [0.1916, -0.6562, 1.0, -0.8084],
            [0.1068, 0.1916, -0.8084, 1.0],
        ]
    )
    np.testing.assert_allclose(nearest_correlation(given), wanted, atol=3e-3)


def test_nearest_correlation_leaves_a_correlation_alone_and_mends_an_impossible_one():
    fine = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.1], [0.2, -0.1, 1.0]])
    np.testing.assert_allclose(nearest_correlation(fine), fine, atol=1e-8)
    impossible = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    mended = nearest_correlation(impossible)
    assert np.linalg.eigvalsh(mended).min() > 5e-4
    np.testing.assert_allclose(np.diag(mended), 1.0)


@pytest.mark.parametrize("sex", ["male", "female"])
def test_survey_groups_have_their_means(sex):
    black = mean_of(sex, 29, BMI_MEAN[sex], {"african": 1.0})
    white = mean_of(sex, 29, BMI_MEAN[sex], {"european": 1.0})
    wanted = {"male": (201.1, 66.9, 199.9, 63.3), "female": (193.2, 64.0, 188.8, 60.2)}[sex]
    found = (
        _at(black, "head_length"),
        _at(black, "interpupillary"),
        _at(white, "head_length"),
        _at(white, "interpupillary"),
    )
    assert found == pytest.approx(wanted)


def test_ancestry_is_a_mixture():
    half = mean_of("male", 40, 27.0, {"european": 0.5, "east_asian": 0.5})
    whole = [mean_of("male", 40, 27.0, {name: 1.0}) for name in ("european", "east_asian")]
    np.testing.assert_allclose(half, 0.5 * (whole[0] + whole[1]))
    with pytest.raises(ValueError, match="martian"):
        mean_of("male", 40, 27.0, {"martian": 1.0})


def test_age_and_mass_act_as_published():
    young = mean_of("female", 30, BMI_MEAN["female"], {"european": 1.0})
    old = mean_of("female", 70, BMI_MEAN["female"], {"european": 1.0})
    assert _at(old, "ear_length") - _at(young, "ear_length") == pytest.approx(0.22 * 40)
    assert _at(old, "tip_up") - _at(young, "tip_up") == pytest.approx(-0.08 * 40)
    assert _at(old, "upper_red") < _at(young, "upper_red") - 2.0
    assert _at(old, "eye_bag") - _at(young, "eye_bag") > 1.1
    assert _at(old, "temple_width") < _at(young, "temple_width") - 0.5  # hollow
    heavy = mean_of("male", 30, BMI_MEAN["male"] + BMI_SD["male"], {"european": 1.0})
    usual = mean_of("male", 30, BMI_MEAN["male"], {"european": 1.0})
    assert _at(heavy, "neck_circumference") - _at(usual, "neck_circumference") == pytest.approx(
        0.80 * 25.8
    )


@pytest.mark.parametrize("sex", ["male", "female"])
def test_draws_have_the_published_spread_and_correlations(sex):
    """A cohort made up as the survey was, with its body masses."""
    rng = np.random.default_rng(11)
    shares = {"male": (0.68, 0.15, 0.12, 0.05), "female": (0.52, 0.31, 0.12, 0.05)}[sex]
    groups = rng.choice(["european", "african", "hispanic", "east_asian"], 4000, p=shares)
    masses = rng.normal(BMI_MEAN[sex], BMI_SD[sex], 4000)
    drawn = np.array(
        [draw(rng, sex, 29, bmi, {str(group): 1.0}) for bmi, group in zip(masses, groups)]
    )
    for i, quantity in enumerate(MEASURED):
        if quantity.survey is not None:
            mean, sd = quantity.typical(sex)
            assert drawn[:, i].mean() == pytest.approx(mean, abs=0.12 * sd), quantity.name
            assert drawn[:, i].std() == pytest.approx(sd, rel=0.06), quantity.name
    between = np.corrcoef(drawn.T)
    for first, second, wanted in (
        ("head_length", "head_breadth", 0.19),
        ("head_breadth", "bizygomatic", 0.64),
        ("bizygomatic", "neck_circumference", 0.53),
        ("ear_length", "ear_breadth", 0.33),
        ("ear_length", "ear_protrusion", 0.25),
    ):
        found = between[NAMES.index(first), NAMES.index(second)]
        assert found == pytest.approx(wanted, abs=0.1), (first, second)
    with_mass = np.corrcoef(masses, drawn[:, NAMES.index("neck_circumference")])[0, 1]
    assert with_mass == pytest.approx({"male": 0.80, "female": 0.73}[sex], abs=0.05)


def test_folds_and_lips_keep_their_bounds():
    rng = np.random.default_rng(2)
    for name in ANCESTRIES:
        for _ in range(50):
            values = draw(rng, "female", 80, 20.0, {name: 1.0})
            assert all(_at(values, bound) >= least for bound, least in LEAST.items())


@pytest.mark.parametrize("sex", ["male", "female"])
def test_the_skin_of_the_upper_lip_varies_as_on_scanned_heads(sex):
    """The linear model of scanned heads that comes with ICT-FaceKit (4,000 draws): the red and the
    whole lip correlate by .55, so the skin between nose and red varies by 1.45 mm, less than the
    red (1.66) and than both together (1.91). Drawn against each other, one in a hundred people had
    lips of 2 mm of skin."""
    rng = np.random.default_rng(4)
    ancestry = {"european": 1.0}
    people = np.array([draw(rng, sex, 25.0, BMI_MEAN[sex], ancestry) for _ in range(4000)])
    lip, red = (people[:, NAMES.index(name)] for name in ("upper_lip_height", "upper_red"))
    skin = lip - red
    assert 0.4 < np.corrcoef(lip, red)[0, 1] < 0.6
    assert skin.std() < 1.1 * lip.std()
    assert skin.min() > 4.0
