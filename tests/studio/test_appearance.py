"""Surface traits: ranges, odds, and their way through JSON."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
from collections import Counter
from typing import get_args

import numpy as np
import pytest
from skimage.color import rgb2lab

from likeness.studio.anthropometry import ANCESTRIES
from likeness.studio.appearance import Appearance
from likeness.studio.appearance_odds import ANCESTRY_MELANIN
from likeness.studio.colours import (
    BASIC_COLOURS,
    HAIR_ANCHORS,
    HAIR_GREY,
    dye,
    interpolate_log,
    luminance,
)
from likeness.studio.pigments import skin_tone
from likeness.studio.traits import BeardStyle, ClothingKind, HairStyle
from tests.realdata import real_data


def _sample(seed: int, sex: str, age: float, ancestry: dict[str, float]) -> Appearance:
    return Appearance.sample(np.random.default_rng(seed), sex=sex, age=age, ancestry=ancestry)


@pytest.fixture(scope="module")
def crowd() -> list[tuple[str, float, dict[str, float], Appearance]]:
    people = []
    for seed in range(3000):
        rng = np.random.default_rng(90_000 + seed)
        weights = rng.dirichlet(np.full(len(ANCESTRIES), 0.25))
        sex, age = ("female", "male")[seed % 2], float(rng.uniform(18, 80))
        mixture = dict(zip(ANCESTRIES, weights.tolist()))
        people.append((sex, age, mixture, _sample(seed, sex, age, mixture)))
    return people


def test_plain_data_survives_json(crowd) -> None:
    for *_, appearance in crowd[:50]:
        text = json.dumps(appearance.to_dict())
        assert Appearance.from_dict(json.loads(text)) == appearance


def test_wrong_data_is_named() -> None:
    data = _sample(1, "male", 30, {"european": 1.0}).to_dict()
    del data["hair"]
    with pytest.raises(ValueError, match="expected texture_seed and the groups"):
        Appearance.from_dict(data)


def test_traits_cannot_be_changed() -> None:
    appearance = _sample(1, "male", 30, {"european": 1.0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        appearance.skin.melanin = 0.5


def test_same_generator_same_person() -> None:
    assert _sample(5, "female", 44, {"african": 1}) == _sample(5, "female", 44, {"african": 2})
    assert _sample(5, "female", 44, {"african": 1}) != _sample(6, "female", 44, {"african": 1})


@pytest.mark.parametrize(
    "ancestry", [{}, {"martian": 1.0}, {"european": -0.1, "african": 1.1}, {"european": 0.0}]
)
def test_bad_ancestry_is_an_error(ancestry: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="ancestry weights must be non-negative"):
        _sample(1, "male", 30, ancestry)


def test_every_ancestry_of_the_shape_has_a_skin() -> None:
    assert set(ANCESTRY_MELANIN) == set(ANCESTRIES)


def test_skin_colour_covers_the_human_range_evenly(crowd) -> None:
    melanin = np.array([person.skin.melanin for *_, person in crowd])
    assert melanin.min() >= 0.03
    assert melanin.max() <= 0.97
    counts, _ = np.histogram(melanin, 8, (0.03, 0.97))
    # Even within a fifth; the copula is exact only for standard normal scores.
    assert counts.min() > 0.8 * len(melanin) / 8
    assert counts.max() < 1.2 * len(melanin) / 8


def test_ancestry_leans_on_skin_but_does_not_rule(crowd) -> None:
    african = np.array([weights["african"] for _, _, weights, _ in crowd])
    melanin = np.array([person.skin.melanin for *_, person in crowd])
    assert 0.2 < np.corrcoef(african, melanin)[0, 1] < 0.7
    mostly = melanin[african > 0.7]
    assert mostly.std() > 0.12


def test_numbers_stay_in_their_documented_ranges(crowd) -> None:
    ranges = {
        ("skin", "haemoglobin"): (-0.6, 0.6),
        ("skin", "pores"): (0.5, 1.5),
        ("skin", "lip_redness"): (0.6, 1.35),
        ("eyes", "iris_degrees"): (26.6, 28.6),
        ("eyes", "pupil_degrees"): (7.5, 12.0),
        ("eyes", "lash_length"): (5.0, 11.0),
        ("brows", "thickness"): (2.2, 6.4),
        ("brows", "arch"): (-1.5, 1.8),
        ("beard", "length"): (0.0, 35.0),
        ("hair", "volume"): (0.6, 1.5),
        ("hair", "parting"): (-1.0, 1.0),
    }
    unit = {
        "skin": ("blotches", "freckles", "moles", "age_spots", "wrinkles", "oil", "eye_circles"),
        "eyes": ("iris_melanin", "iris_greyness", "limbus", "sclera_redness"),
        "hair": ("eumelanin", "pheomelanin", "grey", "curl", "recession", "thinning", "fringe"),
    }
    for group, names in unit.items():
        ranges.update({(group, name): (0.0, 1.0) for name in names})
    for (group, name), (low, high) in ranges.items():
        values = np.array([getattr(getattr(person, group), name) for *_, person in crowd])
        assert low <= values.min() <= values.max() <= high, (group, name)


def test_every_style_occurs(crowd) -> None:
    assert {p.hair.style for *_, p in crowd} == set(get_args(HairStyle))
    assert {p.beard.style for *_, p in crowd} == set(get_args(BeardStyle))
    assert {p.clothing.kind for *_, p in crowd} == set(get_args(ClothingKind))


def test_sexes_differ_in_odds_and_not_by_rule(crowd) -> None:
    styles = {"female": Counter(), "male": Counter()}
    for sex, _, _, person in crowd:
        styles[sex][person.hair.style] += 1
        assert sex == "male" or person.beard.style == "none"
    for worn_long in ("bob", "long", "tied"):
        assert styles["female"][worn_long] > 3 * styles["male"][worn_long] > 0
    for worn_short in ("buzz", "crop", "bald"):
        assert styles["male"][worn_short] > styles["female"][worn_short] > 0


def test_women_with_clipped_hair_are_no_more_than_a_survey_s_with_short_hair(crowd) -> None:
    """Robbins and Robbins (2003), table I: of women of 14-24 11 % had hair down to the chin or
    shorter, of 25-34 27 %, of 35-50 34 %, of 50-60 53 %. A quarter of all had it clipped, at 20 as
    at 60. Curls and coils have a length of their own."""
    clipped = ("bald", "buzz", "crop", "side_part", "swept", "fringe")
    shares = []
    for low, high, short in ((18, 25, 0.11), (25, 35, 0.27), (35, 50, 0.34), (50, 60, 0.53)):
        worn = [p.hair.style for sex, age, _, p in crowd if sex == "female" and low <= age < high]
        worn = [style for style in worn if style not in ("curls", "afro")]
        share = np.mean([style in clipped for style in worn])
        error = np.sqrt(short * (1.0 - short) / len(worn))
        assert 0.02 < share < short + error, (low, share, error)
        shares.append(share)
    assert shares[0] < 0.15
    assert shares[3] > shares[0] + 0.08


def _lightness(melanin: float) -> float:
    """CIE L* of bare skin."""
    luminance_of_skin = float(np.dot(skin_tone(melanin), (0.2126, 0.7152, 0.0722)))
    return 116.0 * luminance_of_skin ** (1.0 / 3.0) - 16.0


def test_women_are_lighter_by_what_reflectance_finds_and_their_lips_redder() -> None:
    """The same draws for a woman and a man: both had one skin."""
    mixtures = np.random.default_rng(5).dirichlet(np.full(len(ANCESTRIES), 0.25), 600)
    pairs = [
        [_sample(seed, sex, 30.0, dict(zip(ANCESTRIES, mixture))) for sex in ("female", "male")]
        for seed, mixture in enumerate(mixtures.tolist())
    ]
    lighter = [_lightness(w.skin.melanin) - _lightness(m.skin.melanin) for w, m in pairs]
    assert 2.0 < np.mean(lighter) < 3.0
    redder = np.mean([w.skin.lip_redness - m.skin.lip_redness for w, m in pairs])
    assert 0.10 < redder < 0.20
    # And a line that has drawn back at the temples is a man's.
    assert max(w.hair.recession for w, _ in pairs) < 0.06
    assert np.mean([m.hair.recession for _, m in pairs]) > 0.08


@pytest.mark.realdata
def test_brows_are_as_thick_as_those_of_photographed_men_and_women(crowd) -> None:
    """Against the annotated brows of the Face Research Lab London Set, 36 men and 26 women, with
    pupils as far apart as in ANSUR II. Men's were 1.3 mm too thin: hardly thicker than women's."""
    folder = real_data("london_faces")
    with (folder / "persons.csv").open() as file:
        sex_of = {row["person_id"]: row["gender"] for row in csv.DictReader(file)}
    marks = np.load(folder / "landmarks.npz")
    edges = (
        ((71, 72, 73, 74, 75, 76), (71, 83, 84, 76)),
        ((77, 78, 79, 80, 81, 82), (77, 85, 86, 82)),
    )
    seen: dict[str, list[float]] = {"female": [], "male": []}
    for name, points in zip(marks["names"], marks["points"]):
        sex = sex_of[str(name)[:3]]
        right, left = points[:2].astype(np.float64)
        level = (left - right) / np.linalg.norm(left - right)
        upright = (points - right) @ np.array([level, (-level[1], level[0])]).T
        thick = []
        for upper, lower in edges:
            above, below = (
                row[np.argsort(row[:, 0])] for row in (upright[list(upper)], upright[list(lower)])
            )
            x = np.linspace(above[0, 0], above[-1, 0], 41)[2:-2]
            between = np.interp(x, *below.T) - np.interp(x, *above.T)
            thick.append(np.abs(between).max())
        scale = {"female": 61.7, "male": 64.0}[sex] / np.linalg.norm(left - right)
        seen[sex].append(scale * float(np.mean(thick)))
    for sex, found in seen.items():
        drawn = np.array([2.0 * p.brows.thickness for s, *_, p in crowd if s == sex])
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        assert drawn.mean() == pytest.approx(np.mean(found), abs=2.5 * error), sex
        assert drawn.std() == pytest.approx(np.std(found, ddof=1), rel=0.35), sex


def test_age_greys_and_wrinkles(crowd) -> None:
    young = [person for _, age, _, person in crowd if age < 28]
    old = [person for _, age, _, person in crowd if age > 68]
    assert max(person.hair.grey for person in young) < 0.12
    assert np.mean([person.hair.grey for person in old]) > 0.5
    assert np.mean([p.skin.wrinkles for p in young]) < 0.1
    assert np.mean([p.skin.wrinkles for p in old]) > 0.75


def test_light_eyes_go_with_light_hair_and_skin(crowd) -> None:
    def share(people) -> float:
        return float(np.mean([person.eyes.iris_melanin < 0.5 for person in people]))

    everyone = [person for *_, person in crowd]
    fair = [p for p in everyone if p.skin.melanin < 0.3 and p.hair.eumelanin < 0.7]
    dark = [p for p in everyone if p.skin.melanin > 0.75]
    assert share(fair) > 0.3
    assert 0.0 < share(dark) < 0.06
    # Of the brown eyes in dark faces hardly any are light brown.
    brown = np.array([p.eyes.iris_melanin for p in dark if p.eyes.iris_melanin > 0.6])
    assert np.mean(brown < 0.78) < 0.05


def test_colour_words_follow_the_numbers() -> None:
    hair = _sample(1, "female", 30, {"european": 1.0}).hair

    def word(**changes: float) -> str:
        return dataclasses.replace(hair, grey=0.0, pheomelanin=0.0, **changes).colour_name

    assert [word(eumelanin=e) for e in (0.1, 0.5, 0.8, 0.98)] == [
        "blond",
        "brown",
        "dark brown",
        "black",
    ]
    red = dataclasses.replace(hair, grey=0.0, pheomelanin=0.9, eumelanin=0.3)
    assert red.colour_name == "red"
    assert red.colour[0] > 2.5 * red.colour[2]
    assert dataclasses.replace(hair, grey=0.7).colour_name == "grey"
    assert dataclasses.replace(hair, grey=0.95).colour_name == "white"
    light = [
        luminance(dataclasses.replace(hair, pheomelanin=0.0, grey=0.0, eumelanin=e).colour)
        for e in np.linspace(0, 1, 9)
    ]
    assert all(first > second for first, second in itertools.pairwise(light))


def test_pigment_multiplies_light() -> None:
    # Halfway between two anchors a Beer-Lambert mixture is their geometric mean.
    middle = interpolate_log(HAIR_ANCHORS, 0.5 / (len(HAIR_ANCHORS) - 1))
    expected = np.sqrt(np.array(HAIR_ANCHORS[0]) * np.array(HAIR_ANCHORS[1]))
    np.testing.assert_allclose(middle, expected, rtol=1e-12)
    np.testing.assert_allclose(interpolate_log(HAIR_ANCHORS, 1.0), HAIR_ANCHORS[-1], rtol=1e-12)


def test_a_dyed_cloth_is_still_called_by_its_colour() -> None:
    def lab(colour) -> np.ndarray:
        linear = np.asarray(colour)
        srgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        return rgb2lab(srgb[None, None])[0, 0]

    words = list(BASIC_COLOURS)
    typical = np.array([lab(BASIC_COLOURS[word]) for word in words])
    rng = np.random.default_rng(3)
    right = 0
    for draw in range(1100):
        word = words[draw % 11]
        distance = np.linalg.norm(typical - lab(dye(rng, word)), axis=1)
        right += words[int(distance.argmin())] == word
    assert right > 0.95 * 1100


def _white_share(colour, pigmented) -> float:
    """Share of white hairs in a mixture of them with pigmented ones, by the green channel."""
    return (colour[1] - pigmented[1]) / (HAIR_GREY[1] - pigmented[1])


def test_brows_whiten_after_the_scalp(crowd) -> None:
    """They kept two fifths of their pigment under white hair, and were as dark as wet slate."""
    hair = next(p.hair for *_, p in crowd if p.hair.eumelanin > 0.9 and p.hair.pheomelanin < 0.2)
    dark = [0.68 * value for value in hair.pigmented_colour]
    shares = []
    for grey in (0.0, 0.25, 0.5, 0.75, 1.0):
        changed = dataclasses.replace(hair, grey=grey)
        shares.append(_white_share(changed.brow_colour, dark))
        assert shares[-1] <= _white_share(changed.colour, hair.pigmented_colour) + 1e-12
    assert shares[0] == pytest.approx(0.0, abs=1e-12)
    assert shares[1] < 0.1
    assert shares[2] < 0.25
    assert 0.6 < shares[4] < 0.85  # a few stay dark
    assert np.all(np.diff(shares) > 0.0)


def test_old_people_have_white_hair_thin_brows_and_dull_uneven_skin(crowd) -> None:
    young = [p for _, age, _, p in crowd if age < 35]
    old = [p for _, age, _, p in crowd if age > 72]

    def mean(people, group: str, name: str) -> float:
        return float(np.mean([getattr(getattr(person, group), name) for person in people]))

    women = [p for sex, age, _, p in crowd if age > 72 and sex == "female"]
    assert np.mean([p.hair.grey > 0.6 for p in women]) > 0.65
    assert mean(old, "brows", "density") < 0.85 * mean(young, "brows", "density")
    assert mean(old, "skin", "oil") < 0.75 * mean(young, "skin", "oil")
    assert mean(old, "skin", "eye_circles") > mean(young, "skin", "eye_circles") + 0.2
    assert mean(old, "skin", "lip_redness") < mean(young, "skin", "lip_redness") - 0.15
