from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.measures import MEASURES, measure
from likeness.studio.template import build_template


@pytest.fixture(scope="module")
def template():
    return build_template()


@pytest.mark.parametrize(
    ("name", "millimetres", "within"),
    [
        # Taken by caliper on the mesh the template was fitted to.
        ("head_length", 194.5, 1.0),
        ("head_breadth", 158.3, 1.0),
        ("bizygomatic", 145.8, 2.0),
        ("bigonial", 120.4 - 14.8, 1.0),  # between the bones
        ("nose_height", 51.8, 1.5),
        ("subnasale_menton", 69.8, 1.5),
        ("nose_width", 36.0, 2.0),
        ("intercanthal", 36.8, 0.2),
        ("biocular", 89.6, 0.2),
        ("fissure_height", 9.4, 0.6),
        ("mouth_width", 50.0, 0.2),
        ("upper_red", 9.0, 0.5),
        ("lower_red", 9.2, 0.5),
        ("interpupillary", 63.2, 0.01),
    ],
)
def test_the_template_measures_what_a_caliper_found(template, name, millimetres, within):
    assert measure(template, template.vertices)[name] == pytest.approx(millimetres, abs=within)


def test_measures_are_lengths(template):
    plain = measure(template, template.vertices)
    assert tuple(plain) == MEASURES
    moved = measure(template, template.vertices + np.array([3.0, -20.0, 11.0]))
    assert moved == pytest.approx(plain)
    larger = measure(template, 1.1 * template.vertices)
    for name in MEASURES:
        offset = 14.8 if name == "bigonial" else 0.0
        assert larger[name] + offset == pytest.approx(1.1 * (plain[name] + offset)), name


def test_left_and_right_count_alike(template):
    rng = np.random.default_rng(4)
    smooth = np.sin(template.vertices / 40.0 + rng.uniform(0.0, 6.0, 3)) * 2.0
    head = template.vertices + smooth
    mirrored = head[template.mirror] * (-1.0, 1.0, 1.0)
    assert measure(template, mirrored) == pytest.approx(measure(template, head), abs=1e-6)


def test_every_level_of_detail_measures_alike(template):
    fine = build_template("high")
    plain, other = measure(template, template.vertices), measure(fine, fine.vertices)
    for name in MEASURES:
        assert other[name] == pytest.approx(plain[name], rel=0.02), name
