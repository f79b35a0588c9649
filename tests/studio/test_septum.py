"""What gives way at the septum, beside another test of triangles that cut each other."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.deform import apply_expression
from likeness.studio.expressions import ARKIT_NAMES, INDEX, build_expressions, draw_weights
from likeness.studio.person import Person
from likeness.studio.septum import free_shares
from likeness.studio.template import build_template
from tests.studio.intersections import cutting_pairs

PURSED_AND_RAISED = ("mouthPucker", "mouthUpperUpLeft", "mouthUpperUpRight")


@pytest.fixture(scope="module")
def template():
    return build_template()


def _weights(names: tuple[str, ...], value: float) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES))
    weights[[INDEX[name] for name in names]] = value
    return weights


def _cuts_below_nose(template, points: np.ndarray) -> int:
    """Pairs of triangles, none of them of lips, lids or ears."""
    pairs = template.skin_faces[cutting_pairs(points, template.skin_faces)]
    skin = (template.mouth_ring >= 3.0) & (template.eye_ring >= 2.0) & (template.ear < 0.02)
    return int(np.count_nonzero(skin[pairs].all(axis=(1, 2))))


def test_the_share_is_the_largest_without_a_cut(template):
    rows = build_expressions(template)
    rest = Person.sample(530055).rest_vertices(template)
    weights = _weights(PURSED_AND_RAISED, 0.8)
    giving = weights > 0.0
    share = float(free_shares(template, rest, weights[None], giving)[0])
    assert 0.3 < share < 0.9

    def cuts(part: float) -> int:
        return _cuts_below_nose(template, rest + np.tensordot(part * weights, rows, axes=1))

    assert cuts(share) == 0
    assert cuts(share + 0.01) > 0
    assert cuts(1.0) > 5


def test_what_does_not_give_way_is_kept_and_may_cut(template):
    """Nothing that gives way is there: its share stays 1, and so it does on a face at rest."""
    rest = Person.sample(530055).rest_vertices(template)
    rows = np.stack([_weights(PURSED_AND_RAISED, 0.8), np.zeros(len(ARKIT_NAMES))])
    found = free_shares(template, rest, rows, _weights(("jawOpen",), 1.0) > 0.0)
    np.testing.assert_array_equal(found, 1.0)


@pytest.mark.parametrize(
    "names",
    [
        PURSED_AND_RAISED,
        ("mouthPucker", "noseSneerLeft", "noseSneerRight"),
        ("mouthFunnel", "mouthShrugUpper"),
        ("mouthUpperUpLeft", "noseSneerLeft", "mouthPucker"),
    ],
)
def test_two_shapes_at_once_do_not_cut_the_septum(template, names):
    for seed in range(530050, 530060):
        rest = Person.sample(seed).rest_vertices(template)
        assert (
            _cuts_below_nose(template, apply_expression(template, rest, _weights(names, 0.8))) == 0
        )


@pytest.mark.parametrize(("seed", "number"), [(560030, 0), (560046, 11), (560058, 13)])
def test_drawn_expressions_that_cut_the_septum(template, seed, number):
    rest = Person.sample(seed).rest_vertices(template)
    rng = np.random.default_rng(seed)
    weights = [draw_weights(rng) for _ in range(number + 1)][-1]
    assert _cuts_below_nose(template, apply_expression(template, rest, weights)) == 0


@pytest.mark.parametrize("seed", [730166, 730639, 730786])
def test_the_shortest_upper_lips_are_looked_at_too(template, seed):
    """What they are given is less than half of what the template closes: nobody looked."""
    rest = Person.sample(seed).rest_vertices(template)
    for name in ("mouthShrugUpper", "mouthUpperUpLeft", "noseSneerLeft", "mouthSmileLeft"):
        for weight in (0.3, 0.5, 0.75, 1.0):
            moved = apply_expression(template, rest, _weights((name,), weight))
            assert _cuts_below_nose(template, moved) == 0, (name, weight)


def test_many_expressions_are_looked_at_each_by_itself(template):
    rest = Person.sample(530055).rest_vertices(template)
    rows = np.stack([_weights(PURSED_AND_RAISED, value) for value in (0.3, 0.8, 0.7)])
    giving = rows[1] > 0.0
    together = free_shares(template, rest, rows, giving)
    alone = [float(free_shares(template, rest, row[None], giving)[0]) for row in rows]
    np.testing.assert_array_equal(together, alone)
    assert together[0] == 1.0
    # The same end is reached from both.
    assert 0.8 * together[1] == pytest.approx(0.7 * together[2], abs=1e-3)
