from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.anthropometry import MEASURED
from likeness.studio.identity import Identity, rest_vertices
from likeness.studio.measures import measure
from likeness.studio.modes import MODE_INDEX, MODES, build_modes, effect
from likeness.studio.template import build_template

PARTS_OF_ANOTHER = {
    # What a length is made of: a longer nose makes a longer face, eyes further apart have canthi
    # further apart, a larger ear is longer, broader and stands out more.
    ("midface", "menton_sellion"),
    ("philtrum", "menton_sellion"),
    ("eye_distance", "intercanthal"),
    ("eye_distance", "biocular"),
    ("fissure_length", "intercanthal"),
    ("fissure_length", "biocular"),
    ("ear_size", "ear_breadth"),
    ("ear_size", "ear_protrusion"),
}


@pytest.fixture(scope="module")
def template():
    return build_template()


def _measured(template, name: str, coefficient: float) -> dict[str, float]:
    modes = np.zeros(len(MODES))
    modes[MODE_INDEX[name]] = coefficient
    return measure(template, rest_vertices(template, Identity(tuple(modes), ())))


@pytest.mark.parametrize(
    "mode", [m for m in MODES if isinstance(m.probe, str)], ids=lambda m: m.name
)
def test_a_mode_changes_its_own_measure_by_its_coefficient(template, mode):
    apart = 0.5 * mode.sd
    more, less = (_measured(template, mode.name, sign * apart) for sign in (1, -1))
    found = (more[mode.probe] - less[mode.probe]) / (2.0 * apart)
    assert found == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("mode", [m for m in MODES if m.name != "size"], ids=lambda m: m.name)
def test_a_mode_leaves_other_measures_nearly_alone(template, mode):
    """Under 30 % of their own standard deviation, for one standard deviation of the mode."""
    more, less = (_measured(template, mode.name, sign * 0.5 * mode.sd) for sign in (1, -1))
    for quantity in MEASURED:
        if quantity.name == mode.probe or (mode.name, quantity.name) in PARTS_OF_ANOTHER:
            continue
        sd = 0.5 * (quantity.men[1] + quantity.women[1])
        change = abs(more[quantity.name] - less[quantity.name]) / sd
        assert change < 0.30, quantity.name


def test_fields_are_symmetric_and_smooth(template):
    modes = build_modes(template)
    mirror = template.mirror[: template.num_skin]
    for mode, field in zip(MODES, modes):
        np.testing.assert_allclose(
            field[mirror] * (-1.0, 1.0, 1.0), field, atol=1e-6, err_msg=mode.name
        )
    midline = np.abs(template.vertices[: template.num_skin, 0]) < 1e-9
    assert np.abs(modes[:, midline, 0]).max() < 1e-9


def test_probes_are_met_exactly(template):
    for mode, field in zip(MODES, build_modes(template)):
        if isinstance(mode.probe, dict):
            assert effect(template, mode, field) == pytest.approx(1.0)


def test_details_share_their_fields(template):
    fine = build_template("high")
    shared = build_template("low").num_skin  # the levels are nested
    np.testing.assert_allclose(fine.vertices[:528], template.vertices[:528], atol=1e-9)
    np.testing.assert_allclose(
        build_modes(fine)[:, :shared], build_modes(template)[:, :shared], atol=0.01
    )
