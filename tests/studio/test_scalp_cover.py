"""Which of the scalp counts as hair: against what its paint shows, and against plain formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.studio import surface
from likeness.studio.appearance import Appearance
from likeness.studio.noise import fbm
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.photograph import Photograph, photograph, sitter_of
from likeness.studio.pixels import project
from likeness.studio.scene import Scene
from likeness.studio.skin import is_hair
from likeness.studio.strands import passes_light
from likeness.studio.traits import HairStyle
from tests.studio.surface_cases import plain, points_at
from tests.studio.test_hairline import TABLE

SKIN, HAIR = LABELS.index("skin"), LABELS.index("hair")


def _shorn(style: HairStyle) -> Person:
    """Person 8, a man, with a line that recedes by a third and no bare crown."""
    person = Person.sample(8)
    hair = replace(person.appearance.hair, style=style, recession=0.3, thinning=0.0)
    return replace(person, appearance=replace(person.appearance, hair=hair))


def _smooth(low: float, high: float, value: np.ndarray) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _heights(points: np.ndarray, recession: float, seed: int) -> np.ndarray:
    """mm above the hairline of template points (N, 3), by the table and what lifts it."""
    azimuth = np.degrees(np.arctan2(np.abs(points[:, 0]), points[:, 2] - 5.0))
    line = np.interp(azimuth, list(TABLE), list(TABLE.values()))
    line += recession * 30.0 * (1.0 - _smooth(52.0, 80.0, azimuth))
    line += recession * 32.0 * np.exp(-(((azimuth - 34.0) / 14.0) ** 2))
    return points[:, 1] - line + 2.4 * fbm(points, 30.0, seed + 229, octaves=2)


def _labels_at_vertices(picture: Photograph) -> tuple[np.ndarray, np.ndarray]:
    """Vertices that a picture shows, the scalp's within 2 mm of its depth, and their labels."""
    pixels, depth = project(picture.vertices.astype(float), tuple(picture.parameters["camera"]))
    column, row = np.floor(pixels).astype(int).T
    inside = (np.minimum(row, column) >= 0) & (row < picture.mask.shape[0])
    inside &= column < picture.mask.shape[1]
    ids = np.flatnonzero(inside)
    seen = np.abs(picture.depth[row[ids], column[ids]] - depth[ids]) < 0.002
    ids = ids[seen]
    return ids, picture.mask[row[ids], column[ids]]


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, -25.0), (65.0, 0.0), (150.0, 0.0)])
def test_a_cropped_scalp_is_hair_down_to_its_line(yaw: float, pitch: float) -> None:
    """It was skin but for a rim. Paint covers .8 (.35 + .65 s(h)) of it, less toward the line."""
    person = _shorn("buzz")
    sitter = sitter_of(person)
    picture = photograph(person, Scene.portrait(yaw=yaw, pitch=pitch), 256)
    ids, labels = _labels_at_vertices(picture)
    surface_, appearance = sitter.surface, person.appearance
    scalp = (surface_.part[ids] == 0) & (surface_.ear[ids] < 0.01)
    scalp &= surface_.rest[ids, 1] > 40.0  # where no beard and no neck is near
    ids, labels = ids[scalp], labels[scalp]
    heights = _heights(surface_.rest[ids].astype(float), 0.3, appearance.texture_seed)
    fine = np.linspace(-3.0, 20.0, 23_001)
    cover = 0.8 * _smooth(-3.0, 9.0, fine) * (0.35 + 0.65 * _smooth(-3.0, 20.0, fine))
    border = fine[np.searchsorted(cover, 0.5)]
    within, below = heights > border + 3.0, heights < border - 3.0  # three pixels aside
    assert within.sum() > 20
    assert set(labels[within]) == {HAIR}
    assert set(labels[below]) <= {SKIN}
    assert yaw > 90.0 or below.sum() > 100


def test_a_shaved_scalp_is_skin() -> None:
    picture = photograph(_shorn("bald"), Scene.portrait(yaw=30.0), 128)
    assert not (picture.mask == HAIR).any()


def _roots(who: Appearance) -> float:
    """Green albedo of roots: 0.75 of the hair's in the shade of strands, which light ones pass."""
    green = who.hair.colour[1]
    return (0.75 + 0.25 * float(passes_light(green))) * green


@pytest.mark.parametrize("style", ["buzz", "crop", "long", "tied"])
def test_scalp_counts_as_hair_where_its_paint_is_mostly_hair(style: HairStyle) -> None:
    """Painted with dark and with white hair a point differs by its share of hair: that of many
    points around a place is on the same side of a half as the place's label."""
    traits = {"hair__style": style, "hair__recession": 0.2, "hair__thinning": 0.0}
    dark, white = (plain(**traits, hair__parting=0.9, hair__grey=grey) for grey in (0.0, 1.0))
    between = _roots(white) - _roots(dark)
    sway = np.random.default_rng(0).uniform(-1.0, 1.0, (3000, 3)) * (4.0, 0.6, 0.0)
    shares, found = [], []
    for height in np.arange(86.0, 130.0, 1.5):
        place = np.array([0.0, height, 84.0])
        green = [
            surface.evaluate(who, points_at(place + sway)).albedo[:, 1] for who in (dark, white)
        ]
        shares.append(float(np.mean(green[1] - green[0])) / between)
        found.append(bool(is_hair(dark, points_at(place))[0]))
    clear = np.abs(np.array(shares) - 0.5) > 0.1
    wanted = np.array(shares) > 0.5
    assert wanted[clear].any()
    assert not wanted[clear].all()
    assert np.array_equal(np.array(found)[clear], wanted[clear])
    assert np.count_nonzero(np.diff(found)) == 1


def test_no_single_hair_is_a_label() -> None:
    """Along the line labels change as often as the line crosses a level, not with every hair."""
    who = plain(hair__style="crop", hair__recession=0.0, hair__thinning=0.0)
    across = np.linspace(-40.0, 40.0, 4001)
    levels = points_at(np.stack([across, 96.0 + 0.0 * across, 84.0 + 0.0 * across], axis=1))
    assert np.count_nonzero(np.diff(is_hair(who, levels))) < 12


def test_what_is_not_scalp_is_no_hair() -> None:
    """Cloth and eyes have places of their own, which may be those of a scalp."""
    who = plain(hair__style="buzz", hair__recession=0.0, hair__thinning=0.0)
    place = np.array([0.0, 130.0, 40.0])
    assert is_hair(who, points_at(place)).tolist() == [True]
    assert is_hair(who, points_at(place, part=3)).tolist() == [False]
    assert is_hair(
        replace(who, hair=replace(who.hair, style="bald")), points_at(place)
    ).tolist() == [False]
