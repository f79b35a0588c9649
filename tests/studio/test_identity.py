from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import identity as shapes
from likeness.studio import landmark_points, population
from likeness.studio.anthropometry import ANCESTRIES, BMI_MEAN, BMI_SD, MEASURED, QUANTITIES
from likeness.studio.identity import Bump, Identity, draw_bumps, rest_vertices, solve
from likeness.studio.measures import MEASURES, measure
from likeness.studio.modes import MODES
from likeness.studio.person import draw_body, draw_identity
from likeness.studio.template import build_template
from tests.studio.intersections import cutting_pairs

NONE = (0.0,) * len(MODES)


@pytest.fixture(scope="module")
def template():
    return build_template()


def test_nobody_is_nearly_the_template(template):
    """Only what touches settles: lids on the ball, lips on each other."""
    head = rest_vertices(template, Identity(NONE, ()))
    assert np.abs(head - template.vertices).max() < 1.5
    far = (template.eye_ring > 3.0) & (template.mouth_ring > 3.3)
    np.testing.assert_allclose(head[far], template.vertices[far])


def test_expected_people_measure_what_is_expected(template):
    for sex in ("male", "female"):
        for ancestry in ANCESTRIES:
            expected = population.mean_of(sex, 30, BMI_MEAN[sex], {ancestry: 1.0})
            found = measure(template, rest_vertices(template, solve(expected, expected, ())))
            for quantity, wanted in zip(MEASURED, expected):
                sd = quantity.typical(sex)[1]
                close = (
                    0.8 if quantity.name in ("interpupillary", "intercanthal", "biocular") else 0.4
                )
                assert found[quantity.name] == pytest.approx(wanted, abs=close * sd), (
                    sex,
                    ancestry,
                    quantity.name,
                )


def test_resting_mouths_hang_no_more_than_people_s(template):
    """Corners against the middle of the lip line, as shares of the mouth's width.

    62 resting faces of the Face Research Lab London Set (DeBruine and Jones, 2017; mean age 28):
    -0.029 on average, nine in ten between -0.093 and 0.033. The template's own are at -0.051.
    """
    points = landmark_points.landmarks68(template)
    hang = []
    for seed in range(160):
        body = draw_body("person", seed)
        if body.age > 40:
            continue
        head = rest_vertices(template, draw_identity("person", seed, body=body))
        corners = head[template.faces[points.triangles]]
        mouth = np.einsum("nk,nkc->nc", points.barycentric, corners)[[48, 54, 62, 66]]
        line = mouth[2:, 1].mean()
        hang.append((mouth[:2, 1].mean() - line) / np.linalg.norm(mouth[1] - mouth[0]))
    assert len(hang) > 40
    assert np.mean(hang) == pytest.approx(-0.029, abs=0.01)
    assert -0.093 < np.percentile(hang, 5) < np.percentile(hang, 95) < 0.033


def _groove_below_the_jaw(template, vertices) -> float:
    """mm by which the skin lies behind straight lines over it, from jaw to neck, 45 degrees aside.

    Where the half plane at 45 degrees from the axis of the neck meets the skin.
    """
    across = np.array([np.sqrt(0.5), 0.0, -np.sqrt(0.5)])
    crossings = []
    for triangle in vertices[template.skin_faces] + (0.0, 0.0, 10.0):
        if triangle[:, 1].max() > -25.0 or triangle[:, 1].min() < -115.0:
            continue
        side = triangle @ across
        for first, second in ((0, 1), (1, 2), (2, 0)):
            if side[first] * side[second] < 0.0:
                share = side[first] / (side[first] - side[second])
                point = (1.0 - share) * triangle[first] + share * triangle[second]
                if point[0] > 0.0:
                    crossings.append((point[1], float(np.hypot(point[0], point[2]))))
    deepest = 0.0
    for height, radius in crossings:
        for low, low_radius in crossings:
            for high, high_radius in crossings:
                if low < height < high:
                    share = (height - low) / (high - low)
                    line = (1.0 - share) * low_radius + share * high_radius
                    deepest = max(deepest, line - radius)
    return deepest


@pytest.mark.parametrize("sex", ["male", "female"])
def test_the_jaw_of_heavy_people_passes_into_the_neck(template, sex):
    """A wide neck that began below the jaw left a groove of 17 mm there, and the jaw a shelf."""
    grooves = []
    for bmi in (21.0, 31.0, 41.0):
        expected = population.mean_of(sex, 50, bmi, {"european": 1.0})
        head = rest_vertices(template, solve(expected, expected, ()))
        grooves.append(_groove_below_the_jaw(template, head))
    slim, heavy, heaviest = grooves
    assert slim > heavy + 2.0 > heaviest + 2.5
    assert heaviest < 8.0


def test_a_draw_is_met_bumps_and_all(template):
    rng = np.random.default_rng(9)
    errors = []
    for _ in range(40):
        expected = population.mean_of("female", 35, 25.0, {"hispanic": 1.0})
        drawn = population.draw(rng, "female", 35, 25.0, {"hispanic": 1.0})
        found = measure(template, rest_vertices(template, solve(drawn, expected, draw_bumps(rng))))
        errors.append(
            [
                (found[quantity.name] - wanted) / quantity.women[1]
                for quantity, wanted in zip(MEASURED, drawn)
            ]
        )
    errors = np.array(errors)
    assert np.sqrt((errors**2).mean()) < 0.25


def test_coefficients_stay_within_bounds_of_what_is_expected():
    expected = population.mean_of("male", 30, 27.0, {"european": 1.0})
    absurd = expected + 8.0 * np.array([quantity.men[1] for quantity in QUANTITIES])
    mean, extreme = solve(expected, expected, ()), solve(absurd, expected, ())
    sd = np.array([mode.sd for mode in MODES])
    apart = (np.array(extreme.modes) - np.array(mean.modes)) / sd
    assert np.abs(apart).max() == pytest.approx(2.6, abs=1e-3)


def test_eyeballs_keep_their_shape_and_follow_the_lids(template):
    rng = np.random.default_rng(1)
    drawn = population.draw(rng, "male", 50, 30.0, {"african": 1.0})
    identity = solve(drawn, drawn, draw_bumps(rng))
    head = rest_vertices(template, identity)
    for side in ("left", "right"):
        ball = template.part_ranges[f"eyeball_{side}"]
        shift = head[ball] - template.vertices[ball]
        np.testing.assert_allclose(shift, np.tile(shift[0], (len(shift), 1)), atol=1e-9)
        margin = template.eye_loops[side]
        moved = np.median(head[margin] - template.vertices[margin], axis=0)
        assert np.abs(moved - shift[0]).max() < 1.0


def test_teeth_and_tongue_follow_the_seam_as_one(template):
    rng = np.random.default_rng(2)
    drawn = population.draw(rng, "female", 22, 21.0, {"east_asian": 1.0})
    head = rest_vertices(template, solve(drawn, drawn, ()))
    inner = template.of("teeth_upper", "teeth_lower", "tongue")
    shift = head[inner] - template.vertices[inner]
    np.testing.assert_allclose(shift, np.tile(shift[0], (len(shift), 1)), atol=1e-9)


def test_symmetric_bumps_make_symmetric_heads_and_others_do_not(template):
    here = (45.0, 10.0, 80.0)
    for symmetric in (True, False):
        bump = Bump(here, 25.0, (1.0, -0.5, 2.0), symmetric)
        head = rest_vertices(template, Identity(NONE, (bump,)))
        plain = rest_vertices(template, Identity(NONE, ()))
        moved = head - plain
        mirrored = moved[template.mirror] * (-1.0, 1.0, 1.0)
        assert (np.abs(moved - mirrored).max() < 1e-6) == symmetric
    nearest = np.argmin(np.linalg.norm(template.vertices - here, axis=1))
    away = np.linalg.norm(template.vertices[nearest] - here)
    expected = np.exp(-(away**2) / 25.0**2) * np.array([1.0, -0.5, 2.0])
    np.testing.assert_allclose(moved[nearest], expected, atol=1e-9)


def test_bumps_differ_left_and_right_by_about_what_faces_do(template):
    rng = np.random.default_rng(3)
    rms = []
    for _ in range(40):
        head = rest_vertices(template, Identity(NONE, draw_bumps(rng)))
        skin = slice(0, template.num_skin)
        mirrored = head[template.mirror] * (-1.0, 1.0, 1.0)
        apart = np.linalg.norm((head - mirrored)[skin], axis=1) / 2.0
        rms.append(np.sqrt((apart**2).mean()))
    assert 0.3 < np.mean(rms) < 1.2


def test_every_detail_shows_the_same_person(template):
    rng = np.random.default_rng(4)
    drawn = population.draw(rng, "male", 40, 26.0, {"south_asian": 1.0})
    identity = solve(drawn, drawn, draw_bumps(rng))
    fine = rest_vertices(build_template("high"), identity)
    np.testing.assert_allclose(fine[:528], rest_vertices(template, identity)[:528], atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("sex", ["male", "female"])
def test_two_thousand_persons_measure_as_the_tables_say(template, sex):
    """Means within 5 %, standard deviations within 15 %.

    Quantities of the survey in a cohort made up as the survey was, those of Farkas in one like his:
    of one ancestry.
    """
    rng = np.random.default_rng(17)
    shares = {"male": (0.68, 0.15, 0.12, 0.05), "female": (0.52, 0.31, 0.12, 0.05)}[sex]
    groups = rng.choice(["european", "african", "hispanic", "east_asian"], 2000, p=shares)
    cohorts: dict[str, list[list[float]]] = {"survey": [], "one": []}
    for group in groups:
        bmi = rng.normal(BMI_MEAN[sex], BMI_SD[sex])
        for cohort, ancestry in (("survey", {str(group): 1.0}), ("one", {"european": 1.0})):
            expected = population.mean_of(sex, 29, bmi, ancestry)
            drawn = population.draw(rng, sex, 29, bmi, ancestry)
            identity = shapes.solve(drawn, expected, draw_bumps(rng))
            found = measure(template, rest_vertices(template, identity))
            cohorts[cohort].append([found[name] for name in MEASURES])
    for quantity in MEASURED:
        cohort = "survey" if quantity.survey is not None else "one"
        values = np.array(cohorts[cohort])[:, MEASURES.index(quantity.name)]
        mean, sd = quantity.typical(sex)
        assert values.mean() == pytest.approx(mean, rel=0.05), quantity.name
        assert values.std() == pytest.approx(sd, rel=0.15), quantity.name


def test_the_measures_off_by_more_than_5_percent_are_those_that_tables_contradict(template):
    """Farkas' young white adults: all his measures are within 5 % but two, which his own distances
    between corners of the eyes and the survey's length of the face leave no room for.
    """
    farkas = {
        "nasion_menton": (124.7, 111.4),
        "nose_height": (54.8, 50.6),
        "subnasale_menton": (72.6, 64.3),
        "upper_lip_height": (22.3, 20.1),
        "intercanthal": (33.3, 31.8),
        "biocular": (91.2, 87.8),
        "fissure_length": (31.3, 30.7),
        "fissure_height": (10.8, 10.9),
        "mouth_width": (54.5, 50.2),
    }
    for number, sex in enumerate(("male", "female")):
        expected = population.mean_of(sex, 22, BMI_MEAN[sex], {"european": 1.0})
        found = measure(template, rest_vertices(template, solve(expected, expected, ())))
        off = {name: found[name] / means[number] - 1.0 for name, means in farkas.items()}
        # As measured across alone, plus what the outer corner lies behind the inner one.
        across = 0.5 * (found["biocular"] - found["intercanthal"])
        assert across < found["fissure_length"] < np.hypot(across, 8.0)
        # What the survey's sellion to menton leaves below the nose, whose root is 3 mm higher.
        left = found["menton_sellion"] + 3.2 - found["nose_height"]
        assert found["subnasale_menton"] == pytest.approx(left, abs=4.0)
        known = {"fissure_length": (-0.052, -0.066)[number]}
        known |= {"subnasale_menton": 0.061} if sex == "female" else {}
        for name, share in off.items():
            if name in known:
                assert share == pytest.approx(known[name], abs=0.005), (sex, name)
            else:
                assert abs(share) < 0.05, (sex, name)


def test_heads_have_the_measures_they_were_drawn_with():
    """One linear step left the noses of old people 6 mm too long."""
    names = [quantity.name for quantity in MEASURED]
    template = build_template()
    worst = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        expected = population.mean_of("female", 78, 26.0, {"european": 1.0})
        drawn = expected.copy()
        drawn[[quantity.name for quantity in QUANTITIES].index("tip_up")] -= rng.uniform(0.0, 5.0)
        found = measure(template, rest_vertices(template, solve(drawn, expected, ())))
        worst.append(abs(found["nose_protrusion"] - drawn[names.index("nose_protrusion")]))
    assert max(worst) < 1.5


@pytest.mark.parametrize(
    "number",
    [
        2040,  # thin lips
        742,  # a full lid fold under a low brow
        2098,  # a large epicanthal fold
        2300,  # bumps that press the bridge of the nose from both sides
        pytest.param(  # flat ears
            1036,
            marks=pytest.mark.xfail(
                strict=True, reason="with the lips of version 14 an ear of this draw cuts the head"
            ),
        ),
        *range(12),
    ],
)
def test_a_drawn_head_cuts_itself_nowhere_at_rest(template, number):
    """Those named are five of 3,000 that were searched for any that does."""
    identity = draw_identity("ears-more", number, body=draw_body("ears-more", number))
    vertices = rest_vertices(template, identity)
    assert len(cutting_pairs(vertices, template.skin_faces)) == 0
