"""The tongue: sixteen shapes by rule, riding on the jaw, staying in the mouth."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.articulation import placed_units
from likeness.studio.curves import ARKIT, TONGUE, at_times
from likeness.studio.deform import apply_expression
from likeness.studio.expressions import INDEX, jaw_motion
from likeness.studio.parts import TONGUE_COLUMNS, TONGUE_ROWS, UPPER_TEETH
from likeness.studio.performance import perform
from likeness.studio.performing_style import PerformingStyle
from likeness.studio.person import Person
from likeness.studio.template import PARTS, build_template
from likeness.studio.tongue import ROOT_ROW, TONGUE_NAMES, tongue_shapes
from tests.studio.intersections import cutting_pairs
from tests.studio.speech_cases import spoken, timeline_of, utterance_of

TIP = TONGUE_ROWS * TONGUE_COLUMNS - TONGUE_COLUMNS // 2 - 1
OPEN = np.eye(52)[INDEX["jawOpen"]]


@pytest.fixture(scope="module")
def template():
    return build_template()


def _tongue(template, weights, **shapes):
    row = np.zeros(len(TONGUE_NAMES))
    for name, value in shapes.items():
        row[TONGUE_NAMES.index(name)] = value
    moved = apply_expression(template, template.vertices, weights, row)
    return moved[template.part_ranges["tongue"]]


def test_shapes_move_as_named(template):
    shapes = dict(zip(TONGUE_NAMES, tongue_shapes(template)))
    assert shapes["tongueTipUp"][TIP] == pytest.approx((0.0, 10.0, -2.0))
    assert shapes["tongueTipLeft"][TIP] == pytest.approx((8.0, 0.0, 0.0))
    assert shapes["tongueStretch"][TIP, 2] == pytest.approx(10.0)
    assert shapes["tongueRollLeft"][:, 1].max() == pytest.approx(5.0)
    assert shapes["tongueUp"][:, 1].max() == pytest.approx(9.0 * np.exp(-((0.5 / 7 / 0.28) ** 2)))
    assert shapes["tongueIn"][TIP, 2] == pytest.approx(-9.0)
    for one, two in (("tongueTipLeft", "tongueTipRight"), ("tongueWide", "tongueNarrow")):
        np.testing.assert_allclose(shapes[one][:, 0], -shapes[two][:, 0])


def test_the_root_is_rigid_with_the_jaw(template):
    assert np.abs(tongue_shapes(template)[:, ROOT_ROW]).max() == 0.0
    rows = np.eye(len(TONGUE_NAMES))
    plain = _tongue(template, OPEN)
    for row in rows:
        moved = apply_expression(template, template.vertices, OPEN, row)
        tongue = moved[template.part_ranges["tongue"]]
        np.testing.assert_allclose(tongue[ROOT_ROW], plain[ROOT_ROW], atol=1e-9)


def test_shapes_turn_with_the_jaw(template):
    wide = 0.6 * OPEN
    moved = _tongue(template, wide, tongueTipDown=0.5) - _tongue(template, wide)
    rotation, _ = jaw_motion(wide)
    wanted = 0.5 * tongue_shapes(template)[TONGUE_NAMES.index("tongueTipDown")] @ rotation.T
    np.testing.assert_allclose(moved[TIP], wanted[TIP], atol=1e-6)


def test_no_weights_leave_it_lying(template):
    lying = apply_expression(template, template.vertices, OPEN)
    shaped = apply_expression(template, template.vertices, OPEN, np.zeros(16))
    np.testing.assert_allclose(shaped, lying, atol=0.02)
    with pytest.raises(ValueError, match=r"expected 16 tongue weights, found \(3,\)"):
        apply_expression(template, template.vertices, OPEN, np.zeros(3))


def test_it_stays_behind_the_teeth_and_under_the_palate(template):
    edge = UPPER_TEETH.gum_line - UPPER_TEETH.height
    middle = UPPER_TEETH.arch_front - UPPER_TEETH.arch_depth
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(40):
        weights = 0.15 * rng.random() * OPEN
        points = _tongue(template, weights, **{name: rng.random() for name in TONGUE_NAMES})
        above = points[points[:, 1] > edge + 1e-6]
        if not len(above):
            continue
        seen += 1
        ahead = np.maximum(above[:, 2] - middle, 0.0)
        reach = np.hypot(above[:, 0] / 27.0, ahead / 38.0)
        assert reach.max() <= 1.0 - 4.0 / 38.0
        assert (above[:, 1] - edge <= 12.0 + 1e-6).all()
    assert seen >= 20


def _cuts(template, vertices: np.ndarray, part: str) -> int:
    """Pairs of triangles of the tongue and a row of teeth that cut each other."""
    tongue, teeth = (
        template.faces[template.face_part == PARTS.index(name)] for name in ("tongue", part)
    )
    ids, faces = np.unique(np.concatenate([tongue, teeth]), return_inverse=True)
    pairs = cutting_pairs(vertices[ids], faces.reshape(-1, 3), cell=4.0) < len(tongue)
    return int((pairs[:, 0] != pairs[:, 1]).sum())


def _stands_before_lower_teeth(template, vertices: np.ndarray) -> float:
    """mm by which a vertex of the tongue is in front of the lower teeth and below their edge."""
    teeth = vertices[template.part_ranges["teeth_lower"]]
    worst = 0.0
    for point in vertices[template.part_ranges["tongue"]]:
        column = teeth[np.abs(teeth[:, 0] - point[0]) < 2.5]
        column = column[column[:, 2] > column[:, 2].max(initial=0.0) - 9.0]
        beside = column[np.abs(column[:, 1] - point[1]) < 2.5]
        if len(beside) and point[1] < column[:, 1].max() - 0.8:
            worst = max(worst, float(point[2] - beside[:, 2].max()))
    return worst


@pytest.mark.parametrize("seed", [None, 30])
def test_it_passes_over_the_lower_teeth_and_not_through_them(template, seed):
    rest = template.vertices if seed is None else Person.sample(seed).rest_vertices(template)
    assert _cuts(template, rest, "teeth_lower") == 0
    text = "b *oʊ θ ð *iː z θ *ɪ n θ *ɪ ŋ z s *uː ð ð ə m _ l *æ d t *ɑː n ʃ *iː k *ɛ f ɹ *ɪ d"
    curves = perform(utterance_of(timeline_of(text)), PerformingStyle(jaw_gain=1.2), 0)
    for row in curves.values[60:-60:3]:
        moved = apply_expression(template, rest, row[ARKIT], row[TONGUE])
        assert _cuts(template, moved, "teeth_lower") == 0
        assert _cuts(template, moved, "teeth_upper") == 0
        assert _stands_before_lower_teeth(template, moved) <= 0.2


def test_a_tongue_that_is_out_lies_over_the_teeth(template):
    """Also without weights of its own shapes, as in photographs."""
    for out in (0.1, 0.2, 0.5, 0.75, 1.0):
        weights = out * np.eye(52)[INDEX["tongueOut"]]
        moved = apply_expression(template, template.vertices, weights)
        assert _cuts(template, moved, "teeth_lower") == 0, out


def test_nothing_jumps_where_the_arch_lets_go(template):
    path = np.linspace(0.0, 1.0, 101)
    places = [
        _tongue(template, 0.2 * OPEN, tongueTipUp=1.0 - t, tongueStretch=t)[TIP] for t in path
    ]
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert steps.max() < 0.6


def test_nothing_jumps_where_the_tongue_passes_the_lower_teeth(template):
    """A thousandth of a way of 20 mm moves no vertex by 0.3 mm: the tip climbs the backs of the
    teeth, which are steep."""
    path = np.linspace(0.0, 1.0, 1001)
    ways = {
        "tongueStretch": lambda t: {"tongueStretch": t, "tongueTipDown": 0.3},
        "tongueTipDown": lambda t: {"tongueStretch": 0.6, "tongueTipDown": t},
        "tongueLeft": lambda t: {"tongueLeft": t, "tongueStretch": 0.5},
        "tongueDown": lambda t: {"tongueWide": 1.0, "tongueDown": t, "tongueRollLeft": t},
    }
    for name, way in ways.items():
        places = np.array([_tongue(template, 0.3 * OPEN, **way(t)) for t in path])
        assert np.linalg.norm(np.diff(places, axis=0), axis=2).max() < 0.3, name


def _tip_from_incisors(template, rest: np.ndarray, row: np.ndarray) -> tuple[float, float]:
    """Height of the tip over the edge of the upper incisors and way past their front, mm."""
    moved = apply_expression(template, rest, row[ARKIT], row[TONGUE])
    upper = moved[template.part_ranges["teeth_upper"]]
    incisors = upper[np.abs(upper[:, 0] - upper[:, 0].mean()) < 5.0]
    low = incisors[:, 1].min()
    front = incisors[incisors[:, 1] < low + 1.0, 2].max()
    tip = moved[template.part_ranges["tongue"]][TIP]
    return float(tip[1] - low), float(tip[2] - front)


@pytest.mark.parametrize("seed", [None, 7, 21])
def test_sounds_put_the_tip_where_they_are_made(template, seed):
    """θ and ð between the teeth, 3 to 6 mm past the upper incisors; t and n behind them, above
    their edges."""
    rest = template.vertices if seed is None else Person.sample(seed).rest_vertices(template)
    timeline = timeline_of("θ *ɪ ŋ k _ *iː ð ə _ ə *t *iː n *ɪ t _ s *iː t", pace=0.9)
    curves = perform(utterance_of(timeline), PerformingStyle(), 0)
    places: dict[str, list[tuple[float, float]]] = {}
    for segment in timeline.segments:
        time = np.array([0.5 * (segment.start + segment.end)])
        row = at_times(curves.values, time)[0]
        places.setdefault(segment.ipa, []).append(_tip_from_incisors(template, rest, row))
    for name in ("θ", "ð"):
        for height, past in places[name]:
            assert height < 0.0
            assert 3.0 < past < 6.0
    for name in ("t", "n"):
        for height, past in places[name]:
            assert height > 0.0
            assert -14.0 < past < -6.0


@pytest.mark.slow
def test_the_tip_shows_in_the_sentences(template):
    """Between the teeth in the middle of every kind of θ and ð, also the reduced ones of 40 ms."""
    past: dict[str, list[float]] = {"θ": [], "ð": []}
    for number, utterance in enumerate(spoken()):
        curves = perform(utterance, PerformingStyle(), number)
        for unit in placed_units(utterance.timeline):
            if unit.name in past:
                time = np.array([0.5 * (unit.start + unit.end)])
                row = at_times(curves.values, time)[0]
                past[unit.name].append(_tip_from_incisors(template, template.vertices, row)[1])
    assert len(past["ð"]) >= 50
    for found in past.values():
        assert 3.5 <= np.median(found) <= 5.5
        assert np.mean((np.array(found) >= 3.0) & (np.array(found) <= 6.0)) >= 0.70
        assert np.mean(np.array(found) > 0.0) >= 0.95
