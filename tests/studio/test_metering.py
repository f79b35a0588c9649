"""Dark skin is exposed longer, by a share of what is missing and never too long."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.studio.background import Background
from likeness.studio.light_kinds import PORTRAIT_LIGHT
from likeness.studio.metering import exposed, stops
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.pigments import skin_tone
from likeness.studio.scene import Scene


def grey(luminance: float) -> tuple[float, float, float]:
    return luminance, luminance, luminance


def test_light_skin_is_left_alone_and_dark_skin_is_met_part_of_the_way():
    assert stops([grey(0.4)]) == 0.0
    assert stops([grey(0.25)]) == 0.0
    # Two stops are missing; four tenths of them are made up for.
    assert stops([grey(0.0625)]) == pytest.approx(0.8)
    assert stops([grey(0.001)]) == 0.9
    darker = [stops([skin_tone(m)]) for m in np.linspace(0.0, 1.0, 21)]
    assert (np.diff(darker) >= 0.0).all()


def test_a_group_is_metered_on_all_of_its_faces():
    assert stops([grey(0.25), grey(0.0625)]) == pytest.approx(0.4)
    assert stops([grey(0.5), grey(0.125)]) == 0.0


def test_light_and_background_grow_by_the_same_stops():
    wall = Background("plain", (0.2, 0.2, 0.2), (0.1, 0.1, 0.1), 0.0, 0, tint=(1.0, 0.9, 0.5))
    light, behind = exposed(PORTRAIT_LIGHT, wall, 0.5)
    factor = math.sqrt(2.0)
    assert light.gain() / PORTRAIT_LIGHT.gain() == pytest.approx(factor)
    assert behind.tint == pytest.approx((factor, 0.9 * factor, 0.5 * factor))


def test_a_dark_face_comes_out_brighter_than_the_card_would_have_it(monkeypatch):
    person = next(p for p in map(Person.sample, range(99)) if p.appearance.skin.melanin > 0.85)
    scene = Scene.portrait()

    def brightness() -> float:
        picture = photograph(person, scene, 96)
        return float((picture.image[picture.mask == 1] ** 2.2).mean())

    metered = brightness()
    monkeypatch.setattr(sitter_of(person), "skin_tone", grey(0.25))
    assert metered > 1.3 * brightness()
