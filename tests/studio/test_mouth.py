"""The inside of the mouth: crowns, gaps, gums, and how dark it may get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.studio import surface
from likeness.studio.mouth import crown_position
from likeness.studio.parts import LOWER_TEETH, UPPER_TEETH
from likeness.studio.template import PARTS, build_template
from tests.studio.surface_cases import head_points, plain, points_at


def _teeth(name: str) -> np.ndarray:
    template = build_template()
    return np.arange(template.num_vertices)[template.part_ranges[name]]


@pytest.mark.parametrize("name", ["teeth_upper", "teeth_lower"])
def test_painted_crowns_are_the_modelled_ones(name: str) -> None:
    # Each crown is modelled as a sheet of its own; its vertices must get one number, and columns
    # of the sheet must run across it from edge to edge.
    template = build_template()
    ids = _teeth(name)
    per_tooth = len(ids) // 14
    rest = template.vertices[ids]
    for tooth in range(7):
        sheet = rest[tooth * per_tooth : (tooth + 1) * per_tooth]
        number, across = crown_position(sheet, upper=name == "teeth_upper")
        middle = np.abs(across) < 0.8
        assert np.bincount(number[middle], minlength=7).argmax() == tooth
        assert (number[middle] == tooth).mean() > 0.9, tooth


def test_gaps_between_crowns_are_dark_lines() -> None:
    template = build_template()
    rest = template.vertices[_teeth("teeth_upper")]
    number, across = crown_position(rest, upper=True)
    along = (-23.5 - rest[:, 1]) / 10.3
    crown = (along > 0.3) & (along < 0.8) & (number < 4)
    ids = _teeth("teeth_upper")
    values = surface.evaluate(plain(), head_points(template, ids, 0.1))
    light = values.albedo.mean(axis=1)
    edge = crown & (np.abs(across) > 0.97)
    face = crown & (np.abs(across) < 0.6)
    assert edge.any()
    assert face.any()
    assert light[edge].mean() < 0.6 * light[face].mean()


def test_gaps_take_as_little_light_from_afar_as_near() -> None:
    """A dark line half a millimetre wide is a fainter one a pixel wide. It lost half as much light
    again: grins had bars."""
    x = np.arange(0.01, 20.0, 0.02)
    row = UPPER_TEETH
    z = row.arch_front - row.arch_depth * (1.0 - np.sqrt(1.0 - (x / row.arch_width) ** 2))
    rest = np.column_stack([x, np.full(len(x), row.gum_line - 0.5 * row.height), z])
    number, across = crown_position(rest, upper=True)
    # From the middle of the face to the middle of the canine.
    whole = (number < 2) | ((number == 2) & (across < 0.0))
    rest, across = rest[whole], across[whole]
    lost = []
    for footprint in (0.05, 0.6, 1.0):
        points = replace(
            points_at(rest, footprint=footprint),
            part=np.full(len(rest), PARTS.index("teeth_upper"), np.uint8),
        )
        light = surface.evaluate(plain(), points).albedo.mean(axis=1)
        lost.append(1.0 - light.mean() / np.percentile(light[np.abs(across) < 0.3], 50))
    assert lost[1] == pytest.approx(lost[0], rel=0.15)
    assert lost[2] == pytest.approx(lost[0], rel=0.15)


def test_molars_fall_into_shade() -> None:
    """An open mouth turned aside showed them as bright blocks: cheeks keep lamps from them."""
    template = build_template()
    ids = _teeth("teeth_lower")
    rest = template.vertices[ids]
    number, _ = crown_position(rest, upper=False)
    crown = (rest[:, 1] - LOWER_TEETH.gum_line) / LOWER_TEETH.height > 0.3
    light = surface.evaluate(plain(), head_points(template, ids, 0.1)).albedo.mean(axis=1)
    means = [light[crown & (number == tooth)].mean() for tooth in range(7)]
    assert means[4] > means[5] > means[6] - 0.02
    assert means[6] < 0.6 * min(means[:3])  # of one colour but for the shade


def test_teeth_are_ivory_and_gums_red() -> None:
    template = build_template()
    ids = _teeth("teeth_upper")
    rest = template.vertices[ids]
    along = (-23.5 - rest[:, 1]) / 10.3
    number, across = crown_position(rest, upper=True)
    albedo = surface.evaluate(plain(), head_points(template, ids, 0.1)).albedo
    front = (along > 0.3) & (along < 0.7) & (np.abs(across) < 0.5) & (number < 2)
    colour = albedo[front].mean(axis=0)
    assert 0.4 < colour[2] < colour[1] < colour[0] < 0.7
    gum = albedo[along < -0.1].mean(axis=0)
    assert gum[0] > 1.8 * gum[1]


def test_the_mouth_is_no_black_hole() -> None:
    template = build_template()
    ids = template.of("mouth_lining", "teeth_upper", "teeth_lower", "tongue")
    albedo = surface.evaluate(plain(), head_points(template, ids, 1.0)).albedo
    assert albedo[:, 0].min() > 0.1
    molars = ids[template.vertices[ids, 2] < 85]
    values = surface.evaluate(plain(), head_points(template, molars, 1.0))
    assert values.occlusion.min() > 0.3
    front = ids[template.vertices[ids, 2] > 100]
    shades = surface.evaluate(plain(), head_points(template, front, 1.0)).occlusion
    assert shades.mean() > values.occlusion.mean() + 0.2


def test_tongue_differs_from_the_lining_and_from_teeth() -> None:
    template = build_template()
    means = {
        name: surface.evaluate(plain(), head_points(template, template.of(name))).albedo.mean(0)
        for name in ("tongue", "mouth_lining", "teeth_upper")
    }
    assert means["tongue"][0] > means["mouth_lining"][0]
    assert means["teeth_upper"][1] > 2.0 * means["tongue"][1]
    assert set(means) <= set(PARTS)
