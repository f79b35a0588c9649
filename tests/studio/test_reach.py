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


@pytest.mark.parametrize(
    ("low", "high", "strongest"),
    [
        ("m3_3", "n_subn", "mouthFunnel"),
        ("n_subn", "n_colu", "mouthPucker"),
        ("n_fac2", "n_alab", "mouthPucker"),
    ],
)
def test_shapes_together_close_a_crease_no_further_than_the_strongest_alone(
    template, low, high, strongest
):
    """Lip and septum, the septum itself and the foot of the left wing, by plain projection."""
    cage = load_cage()
    low, high = cage.index(low), cage.index(high)
    rows = build_expressions(template)

    def closed(weights: np.ndarray) -> float:
        moved = template.vertices + np.tensordot(weights, rows, axes=1)
        gap = template.vertices[high] - template.vertices[low]
        return float((gap - (moved[high] - moved[low])) @ gap / np.linalg.norm(gap))

    weights = _weights(mouthFunnel=0.8, mouthPucker=0.9, cheekPuff=0.7, eyeWideLeft=0.7)
    assert closed(weights) > 1.05 * closed(_weights(**{strongest: 1.0}))
    fitted = fit_weights(template, template.vertices, weights)
    assert closed(fitted) < closed(_weights(**{strongest: 1.0})) + 1e-6
    assert fitted[INDEX["mouthFunnel"]] / fitted[INDEX["mouthPucker"]] == pytest.approx(0.8 / 0.9)
    assert fitted[INDEX["eyeWideLeft"]] == 0.7
    # A nearer pair of points has its share of that.
    near = template.vertices.copy()
    near[low] = 0.5 * (near[low] + near[high])
    assert closed(fit_weights(template, near, weights)) < 0.5 * closed(weights)
