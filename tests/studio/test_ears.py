from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.ears import clear_heads
from likeness.studio.identity import Identity, rest_vertices
from likeness.studio.measures import measure
from likeness.studio.modes import MODE_INDEX, MODES, build_modes
from likeness.studio.person import draw_body, draw_identity
from likeness.studio.template import build_template
from tests.studio.intersections import cutting_pairs


@pytest.fixture(scope="module")
def template():
    return build_template()


def _swung(template, ear_out: float) -> np.ndarray:
    """The template with its ears that many mm further out, without any limit."""
    vertices = template.vertices.copy()
    vertices[: template.num_skin] += ear_out * build_modes(template)[MODE_INDEX["ear_out"]]
    return vertices


def _protrusion(template, vertices) -> float:
    return measure(template, vertices)["ear_protrusion"]


def test_an_ear_within_the_limit_stays_where_it_is(template):
    for ear_out in (4.0, 0.0, -4.0, -8.0):
        vertices = _swung(template, ear_out)
        before = vertices.copy()
        clear_heads(template, vertices)
        np.testing.assert_array_equal(vertices, before)


def test_a_flat_ear_cuts_the_head_and_is_swung_out_of_it(template):
    vertices = _swung(template, -13.5)
    assert len(cutting_pairs(vertices, template.skin_faces)) > 0
    flat = _protrusion(template, vertices)
    clear_heads(template, vertices)
    assert len(cutting_pairs(vertices, template.skin_faces)) == 0
    assert 0.5 < _protrusion(template, vertices) - flat < 4.0


def test_the_limit_is_one_flatness_however_flat_the_ear_was(template):
    found = []
    for ear_out in (-13.0, -15.0, -18.0):
        vertices = _swung(template, ear_out)
        clear_heads(template, vertices)
        found.append(vertices)
    np.testing.assert_allclose(found[1], found[0], atol=1e-9)
    np.testing.assert_allclose(found[2], found[0], atol=1e-9)


def test_each_ear_is_cleared_alone(template):
    vertices = _swung(template, -14.0)
    left = template.side == 1
    vertices[~left] = template.vertices[~left]
    clear_heads(template, vertices)
    np.testing.assert_array_equal(vertices[~left], template.vertices[~left])
    assert len(cutting_pairs(vertices, template.skin_faces)) == 0


def test_every_detail_has_the_same_limit(template):
    modes = np.zeros(len(MODES))
    modes[MODE_INDEX["ear_out"]] = -14.0
    identity = Identity(tuple(modes), ())
    for detail in ("low", "high"):
        other = rest_vertices(build_template(detail), identity)
        np.testing.assert_allclose(
            other[:2000], rest_vertices(template, identity)[:2000], atol=0.05
        )


def test_no_ear_enters_its_head_however_flat_it_was_drawn(template):
    """Heads of all kinds, each with its ears 2 to 6 mm flatter than drawn."""
    for i in range(30):
        identity = draw_identity("flat ears", i, body=draw_body("flat ears", i))
        modes = np.array(identity.modes)
        modes[MODE_INDEX["ear_out"]] -= 2.0 + 4.0 * i / 29
        vertices = rest_vertices(template, Identity(tuple(modes), identity.bumps))
        pairs = template.skin_faces[cutting_pairs(vertices, template.skin_faces)]
        assert not (template.ear[pairs] > 0.0).any(), i
