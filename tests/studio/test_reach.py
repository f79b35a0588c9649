from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.cage import load_cage
from likeness.studio.expressions import ARKIT_NAMES, INDEX, build_expressions
from likeness.studio.reach import fit_weights
from likeness.studio.template import build_template


@pytest.fixture(scope="module")
def template():
    return build_template()


def _weights(**named: float) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES))
    for name, value in named.items():
        weights[INDEX[name]] = value
    return weights


def test_single_shapes_on_the_template_stay_as_they_were_measured(template):
    for weights in np.eye(len(ARKIT_NAMES)):
        np.testing.assert_allclose(fit_weights(template, template.vertices, weights), weights)


def test_a_lip_of_half_the_height_rolls_a_quarter_as_far(template):
    cage = load_cage()
    rest = template.vertices.copy()
    seam, border = cage.index("m0_3"), cage.index("m2_3")
    rest[border] = 0.5 * (rest[seam] + rest[border])
    weights = _weights(mouthRollUpper=0.8, mouthRollLower=0.8, jawOpen=0.5)
    wanted = _weights(mouthRollUpper=0.2, mouthRollLower=0.8, jawOpen=0.5)
    np.testing.assert_allclose(fit_weights(template, rest, weights), wanted)


def test_full_lips_do_not_overdo_it(template):
    cage = load_cage()
    rest = template.vertices.copy()
    rest[cage.index("m2_3"), 1] += 4.0
    weights = _weights(mouthRollUpper=0.8)
    np.testing.assert_allclose(fit_weights(template, rest, weights), weights)


def test_shapes_together_lift_the_lip_no_further_than_the_strongest_alone(template):
    cage = load_cage()
    rows = build_expressions(template)
    lifts = rows[:, cage.index("m3_3"), 1] - rows[:, cage.index("n_subn"), 1]
    weights = _weights(mouthFunnel=0.8, mouthPucker=0.9, mouthUpperUpLeft=0.6, eyeWideLeft=0.7)
    assert lifts @ weights > lifts[INDEX["mouthFunnel"]]
    fitted = fit_weights(template, template.vertices, weights)
    assert lifts @ fitted == pytest.approx(lifts[INDEX["mouthFunnel"]])
    assert fitted[INDEX["mouthFunnel"]] / fitted[INDEX["mouthPucker"]] == pytest.approx(0.8 / 0.9)
