"""Depth of field: what is in focus stays, what is not spreads, nothing gets brighter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.studio.camera import Framing, Lens, circle_of_confusion
from likeness.studio.depth_of_field import defocus
from likeness.studio.person import Person
from likeness.studio.photograph import photograph
from likeness.studio.rendering import Rendering
from likeness.studio.scene import Scene

_LENS = Lens(85.0, 0.4, aperture=1.8)


def _square(depth: float, background: np.ndarray, size: int = 80) -> Rendering:
    """A white square at a depth over a background."""
    inside = np.zeros((size, size), bool)
    inside[24:56, 24:56] = True
    picture = np.where(inside[..., None], np.float32(0.9), background)
    return Rendering(
        picture=picture.astype(np.float32),
        coverage=inside.astype(np.float32),
        mask=inside.astype(np.uint8),
        instance=inside.astype(np.uint8),
        depth=np.where(inside, depth, np.inf).astype(np.float32),
    )


def test_what_is_in_focus_stays():
    background = np.full((80, 80, 3), 0.2, np.float32)
    rendering = _square(1.2, background)
    assert np.array_equal(defocus(rendering, background, _LENS, 1.2), rendering.picture)
    crop = Framing(1.0)
    assert defocus(_square(2.0, background), background, crop, 1.0).max() == pytest.approx(0.9)


def test_an_edge_out_of_focus_is_as_wide_as_its_circle():
    """A straight edge spread by a disc of diameter c goes from one side to the other within c."""
    background = np.full((80, 80, 3), 0.2, np.float32)
    found = defocus(_square(1.5, background), background, _LENS, 0.6)
    circle = float(
        circle_of_confusion(
            1.5, focus=0.6, aperture=1.8, focal_length=85.0, diagonal=80 * np.sqrt(2)
        )
    )
    row = found[40, :, 0]
    between = np.flatnonzero((row[:40] > 0.21) & (row[:40] < 0.89))
    assert 4.0 < circle < 20.0
    assert len(between) == pytest.approx(circle, abs=2.0)
    assert row[40] == pytest.approx(0.9, abs=1e-3)
    assert row[2] == pytest.approx(0.2, abs=1e-3)
    assert row[24] == pytest.approx(0.55, abs=0.08)  # half way at the edge itself


def test_the_inside_of_a_sloping_surface_keeps_its_brightness():
    """Layers of different blur leave no seam through which the background shows."""
    background = np.zeros((80, 80, 3), np.float32)
    rendering = _square(1.0, background)
    depth = rendering.depth.copy()
    depth[24:56, 24:56] = np.linspace(0.8, 1.6, 32)
    found = defocus(replace(rendering, depth=depth), background, _LENS, 1.0)
    assert found[32:48, 34:46].min() > 0.88
    assert found.max() <= 0.9 + 1e-4


def test_an_open_aperture_blurs_ears_more_than_eyes():
    person = Person.sample(32)
    lens = Lens(100.0, 0.6, (0.0, 0.0))
    scene = replace(Scene.portrait(yaw=35.0), framing=lens)
    sharp = photograph(person, scene, 160)
    soft = photograph(person, replace(scene, framing=replace(lens, aperture=1.8)), 160)
    change = np.abs(sharp.image - soft.image).mean(axis=2)
    eye = sharp.depth[tuple(np.round(sharp.landmarks68[[36, 39]].mean(axis=0)).astype(int)[::-1])]
    near = (sharp.mask > 0) & (np.abs(sharp.depth - eye) < 0.01)
    behind = (sharp.mask > 0) & (sharp.depth > eye + 0.08)
    assert change[behind].mean() > 2.0 * change[near].mean()
    assert np.array_equal(sharp.mask, soft.mask)
    assert np.array_equal(sharp.landmarks68, soft.landmarks68)
