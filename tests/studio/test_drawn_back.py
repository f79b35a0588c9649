"""Where hair that is tied back begins: how high, how flat, how fine, and which way it lies."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.spatial import cKDTree

from likeness.studio import hair
from likeness.studio.drawn_back import at_temple, reach_of_knot
from likeness.studio.hair_shapes import KNOT, recession_of
from likeness.studio.hairline import hairline_height, heights_of
from likeness.studio.surface_points import HAIR
from likeness.studio.template import build_template
from tests.studio.hair_cases import HAIRY, built_hair, middle_lines, person_with


@lru_cache(maxsize=1)
def _first_rows() -> tuple[np.ndarray, np.ndarray]:
    """Places of strands rooted within 12 mm of the line over the forehead.

    Returns:
        (S, 21, 3) mm, every mm from the root on; (S, 3) unit normals of the skin at the roots.
    """
    appearance, mesh, positions, _ = built_hair("tied", "standard", hair__length=205.0)
    paths = middle_lines(mesh, positions)
    own = (mesh.part == HAIR) & (mesh.rest[:, 2] < 100_000)
    along = mesh.rest[own, 1].reshape(len(paths), -1, 2)[..., 0]
    seed = appearance.texture_seed + hair.HAIRLINE_SEED
    above = heights_of(paths[:, 0], recession=recession_of(appearance.hair), seed=seed)
    azimuth = np.degrees(np.arctan2(np.abs(paths[:, 0, 0]), paths[:, 0, 2] - 5.0))
    rows = np.flatnonzero((azimuth < 45.0) & (above < 12.0) & (along[:, -1] > 25.0))
    steps = np.arange(21.0)
    places = np.array(
        [[np.interp(steps, along[row], paths[row, :, axis]) for axis in range(3)] for row in rows]
    )
    places = places.transpose(0, 2, 1)
    return places, _over_skin(places[:, 0])[1]


def _over_skin(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heights (N,) in mm over the plane of the nearest triangle, and its normal (N, 3)."""
    template = build_template()
    corners = template.vertices[: template.num_skin][template.skin_faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    _, nearest = cKDTree(corners.mean(axis=1)).query(points)
    return ((points - corners[nearest, 0]) * flat[nearest]).sum(axis=1), flat[nearest]


def test_hair_drawn_back_lies_on_the_forehead() -> None:
    """It rose to 2.6 mm within a centimetre of its roots and to 5 mm within two, as a rim that
    threw a dark band."""
    places, _ = _first_rows()
    assert len(places) > 80
    for at, most in ((10, 1.6), (20, 2.6)):
        height, _ = _over_skin(places[:, at])
        assert np.percentile(height, 95) < most, at


def test_the_first_hairs_run_to_the_knot() -> None:
    """One in ten left its root more than 34 degrees aside: the line was a saw of their points."""
    places, normals = _first_rows()
    way = places[:, 6] - places[:, 0]
    toward = KNOT - places[:, 0]
    for vectors in (way, toward):
        vectors -= (vectors * normals).sum(axis=1, keepdims=True) * normals
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    aside = np.degrees(np.arccos(np.clip((way * toward).sum(axis=1), -1.0, 1.0)))
    assert np.percentile(aside, 90) < 25.0
    assert (way[:, 1] > 0.0).mean() > 0.99  # up over the forehead, not down


def test_the_first_rows_are_down_with_skin_between() -> None:
    """Ribbons cover less than half of the skin up to 10 mm above the line, and all from 20 on."""
    template = build_template()
    appearance, mesh, positions, _ = built_hair("tied", "standard", hair__length=205.0)
    own = (mesh.part == HAIR) & (mesh.rest[:, 2] < 100_000)
    paths = middle_lines(mesh, positions)
    edges = mesh.rest[own].reshape(*paths.shape[:2], 2, 3)
    along, width = edges[..., 0, 1], 2.0 * edges[..., 0, 0]
    pieces = np.diff(along, axis=1)
    share = np.linspace(0.05, 0.95, 10)
    where = paths[:, :-1, None] + share[:, None] * np.diff(paths, axis=1)[:, :, None]
    area = 0.1 * pieces[..., None] * (width[:, :-1, None] + share * np.diff(width)[..., None])

    corners = template.vertices[: template.num_skin][template.skin_faces]
    inside = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], 20)
    skin = np.einsum("nk,fkc->fnc", inside, corners).reshape(-1, 3)
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    skin_area = np.repeat(0.5 * np.linalg.norm(flat, axis=1) / 20.0, 20)

    def in_band(points: np.ndarray, low: float, high: float) -> np.ndarray:
        seed = appearance.texture_seed + hair.HAIRLINE_SEED
        above = heights_of(points, recession=recession_of(appearance.hair), seed=seed)
        in_front = np.abs(np.degrees(np.arctan2(points[:, 0], points[:, 2] - 5.0))) < 30.0
        return in_front & (points[:, 1] > 60.0) & (above > low) & (above < high)

    def cover(low: float, high: float) -> float:
        ribbon = area.ravel()[in_band(where.reshape(-1, 3), low, high)].sum()
        return float(ribbon / skin_area[in_band(skin, low, high)].sum())

    assert cover(-3.0, 2.0) < 0.1
    assert cover(6.0, 10.0) < 0.4
    assert cover(20.0, 25.0) > 1.3


def test_the_line_of_tied_hair_is_as_high_as_a_forehead() -> None:
    """By the classical canon brows and hairline are as far apart as nose and chin, at -12 and -76
    mm; they were half of that, in a straight edge. Beside the ears and at the nape the line is
    where it was."""
    shown = recession_of(person_with("tied").hair)
    front = hairline_height(0.0, shown)
    assert 0.7 < (front - 55.0) / (76.0 - 12.0) < 1.0
    temple = max(hairline_height(azimuth, shown) for azimuth in range(20, 45))
    assert temple > front
    for azimuth in (84.0, 90.0, 125.0, 180.0):
        assert hairline_height(azimuth, shown) == pytest.approx(
            hairline_height(azimuth, 0.0), abs=0.1
        )


@pytest.mark.parametrize("style", [style for style in HAIRY if style != "tied"])
def test_lines_of_other_styles_are_as_the_trait_says(style: str) -> None:
    for recession in (0.0, 0.3, 1.0):
        assert recession_of(person_with(style, hair__recession=recession).hair) == recession


def test_a_receded_line_of_tied_hair_recedes_on() -> None:
    shown = [recession_of(person_with("tied", hair__recession=r).hair) for r in (0.0, 0.5, 1.0)]
    assert shown[0] < shown[1] < shown[2] == 1.0


def test_strands_reach_the_knot_and_end_there() -> None:
    """Those that went on beyond it had no points left for their way."""
    root = np.array([[0.0, 95.0, 95.0], [60.0, 60.0, 40.0], [0.0, 100.0, -85.0]])
    straight = np.linalg.norm(KNOT - root, axis=1)
    reach = reach_of_knot(root)
    assert (reach > straight).all()
    assert (reach < 1.5 * straight + 12.0).all()
    _, mesh, positions, _ = built_hair("tied", "standard", hair__length=255.0)
    paths = middle_lines(mesh, positions)
    pieces = np.linalg.norm(np.diff(paths, axis=1), axis=-1)
    ends = np.linalg.norm(paths[:, -1] - KNOT, axis=1)[pieces.sum(axis=1) > 60.0]
    assert len(ends) > 4000
    assert (ends < 30.0).mean() > 0.7
    assert np.percentile(pieces, 99) < 16.0  # mm; 20 before


def test_locks_are_left_out_at_the_temples_only() -> None:
    roots = np.array([[60.0, 70.0, 50.0], [0.0, 100.0, 95.0], [70.0, 60.0, -40.0]])
    np.testing.assert_array_equal(at_temple(roots, np.full(3, 5.0)), [True, False, False])
    assert not at_temple(roots, np.full(3, 30.0)).any()
