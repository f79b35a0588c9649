"""The bun and the tail that tied hair ends in: how they bend, how round they are, how they end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial import cKDTree

from likeness.studio.knots import FIRST_NUMBER, Arch, arch_of
from likeness.studio.surface_points import HAIR
from tests.studio.hair_cases import built_hair


def _strands(length: float, **changes: float) -> np.ndarray:
    """(S, K, 3) middle lines of the strands beyond the knot, mm."""
    _, mesh, positions, _ = built_hair("tied", "standard", hair__length=length, **changes)
    own = (mesh.part == HAIR) & (mesh.rest[:, 2] >= FIRST_NUMBER)
    points = int((mesh.rest[own, 2] == FIRST_NUMBER).sum()) // 2
    return positions[own].reshape(-1, points, 2, 3).mean(axis=2)


def _bends(paths: np.ndarray) -> np.ndarray:
    """Degrees (S, K - 2) between each piece of a strand and the next."""
    pieces = np.diff(paths, axis=1)
    pieces /= np.linalg.norm(pieces, axis=-1, keepdims=True)
    return np.degrees(np.arccos(np.clip((pieces[:, 1:] * pieces[:, :-1]).sum(axis=-1), -1.0, 1.0)))


def test_an_arch_is_where_its_inclination_leads() -> None:
    arch = Arch(0.9, 20.0, 70.0)
    for along in (10.0, 45.0, 90.0, 150.0):
        away = quad(lambda s: float(np.cos(arch.inclination(np.array(s)))), 0.0, along)[0]
        up = quad(lambda s: float(np.sin(arch.inclination(np.array(s)))), 0.0, along)[0]
        np.testing.assert_allclose(arch.place(np.array(along)), [away, up], atol=0.5)
    np.testing.assert_allclose(arch.inclination(np.array([0.0, 20.0])), 0.9)
    np.testing.assert_allclose(arch.inclination(np.array([90.0, 200.0])), -0.5 * np.pi)


@pytest.mark.parametrize("clear", [20.0, 60.0, 90.0])
@pytest.mark.parametrize("radius", [8.0, 25.0])
def test_an_arch_clears_the_head_and_leaves_room_for_its_inner_side(
    clear: float, radius: float
) -> None:
    arch = arch_of(0.9, clear, radius)
    away = float(arch.place(np.array(arch.length))[0])
    along = np.linspace(0.0, arch.length, 5000)
    sharpest = 1.0 / np.abs(np.gradient(arch.inclination(along), along)).max()
    assert away > clear - 1.0
    assert sharpest > radius
    # No longer than the tighter of both asks for.
    assert away < clear + 1.0 or sharpest < 1.21 * radius


@pytest.mark.parametrize("length", [205.0, 255.0])
def test_a_tail_arches_over_and_folds_nowhere(length: float) -> None:
    """It was bent by 100 degrees from one piece of a strand to the next, like a band."""
    bends = _bends(_strands(length, hair__curl=0.0))
    assert bends.max() < 30.0
    assert np.median(bends.sum(axis=1)) > 120.0  # from the rise to the fall


@pytest.mark.parametrize("curl", [0.5, 0.85])
def test_waves_of_a_tail_are_no_zigzag(curl: float) -> None:
    assert np.percentile(_bends(_strands(230.0, hair__curl=curl)), 98) < 50.0


def test_the_section_of_a_tail_is_round_all_along_its_arch() -> None:
    """Points of one number lie in one plane across the tail, as far to its sides as up and down."""
    paths = _strands(230.0, hair__curl=0.0)
    for at in range(2, 9):
        size = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(paths[:, at].T)), 0.0))
        assert size[0] < 0.35 * size[2], at
        assert size[1] > 0.85 * size[2], at


@pytest.mark.parametrize("volume", [0.7, 1.3])
def test_the_outline_of_a_tail_over_the_head_is_an_arch(volume: float) -> None:
    """Seen from the front its top is in the middle of the head and a parabola within a third of a
    millimetre; it was beside the middle, and a row of blocks of several millimetres."""
    _, mesh, positions, _ = built_hair("tied", "standard", hair__length=230.0, hair__volume=volume)
    own = (mesh.part == HAIR) & (mesh.rest[:, 2] >= FIRST_NUMBER)
    points = int((mesh.rest[own, 2] == FIRST_NUMBER).sum())
    edges = positions[own].reshape(-1, points // 2, 2, 3)
    between = np.linspace(0.0, 1.0, 5)[:, None, None, None, None]
    drawn = (edges[:, :-1] + between * np.diff(edges, axis=1)).reshape(-1, 3)
    columns = np.arange(-10.0, 10.1, 2.0)
    top = np.array([drawn[np.abs(drawn[:, 0] - x) < 1.0, 1].max() for x in columns])
    parabola = np.polynomial.Polynomial.fit(columns, top, 2)
    assert np.abs(top - parabola(columns)).max() < 0.35
    assert abs(parabola.deriv().roots()[0]) < 1.0


@pytest.mark.parametrize("length", [205.0, 255.0])
def test_a_tail_thins_to_its_end(length: float) -> None:
    """All strands ended within a quarter of its height: a cut."""
    paths = _strands(length, hair__curl=0.0)
    low, high = np.percentile(paths[:, -1, 1], [5.0, 95.0])
    assert high - low > 0.4 * (paths[..., 1].max() - paths[..., 1].min())
    belly = np.std(paths[:, 9, 0])
    last = paths[:, -1][paths[:, -1, 1] < np.percentile(paths[:, -1, 1], 20.0)]
    assert np.std(last[:, 0]) < 0.6 * belly


def test_curls_make_a_tail_shorter_and_fuller() -> None:
    straight, curled = (_strands(230.0, hair__curl=curl) for curl in (0.1, 0.85))
    assert curled[..., 1].min() > straight[..., 1].min() + 40.0
    assert np.std(curled[:, 8, 0]) > 1.4 * np.std(straight[:, 8, 0])


@pytest.mark.parametrize("length", [155.0, 195.0])
def test_a_bun_is_wound_and_no_nest(length: float) -> None:
    """Strands that lie beside each other run the same way; they crossed by 30 degrees."""
    paths = _strands(length)
    half = paths.shape[1] // 2
    along = paths[:, half + 1] - paths[:, half - 1]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    _, beside = cKDTree(paths[:, half]).query(paths[:, half], k=7)
    across = np.abs((along[:, None] * along[beside[:, 1:]]).sum(axis=-1))
    assert np.degrees(np.arccos(np.median(across))) < 12.0
    assert _bends(paths).max() < 40.0


def test_every_strand_beyond_the_knot_has_a_number_of_its_own() -> None:
    _, mesh, _, _ = built_hair("tied", "low", hair__length=230.0)
    numbers = np.unique(mesh.rest[(mesh.part == HAIR) & (mesh.rest[:, 2] >= FIRST_NUMBER), 2])
    np.testing.assert_array_equal(numbers, FIRST_NUMBER + np.arange(len(numbers)))
    assert len(numbers) > 200
