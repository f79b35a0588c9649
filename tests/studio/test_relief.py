"""Lines of a face: where they are and how deep, and what is left out because it shows nothing,
against evaluating all of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.studio import surface
from likeness.studio.drives import drives_of
from likeness.studio.expressions import INDEX
from likeness.studio.noise import fade, noise_at, smoothstep
from likeness.studio.relief import lines_of, wrinkle_gradient, wrinkle_height
from likeness.studio.template import build_template
from tests.studio.surface_cases import patch, plain, points_at

SEED = 5


def _valley(t: float) -> float:
    if abs(t) > 6.5:
        return 0.0
    return -math.exp(-t * t) + 0.3 * math.exp(-((abs(t) - 2.4) ** 2) / 1.6)


def _height_of(x, y, z, drives, seed):
    return wrinkle_height(x, y, z, drives, seed, lines_of(seed))


def _height(x, y, z, drives) -> float:
    return _height_of(x, y, z, drives, SEED)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_gradient_is_the_differences_of_heights_everywhere_on_a_head(strength):
    """Where no line may be, none is looked for: neither there nor a step away."""
    template = build_template()
    points = template.vertices[: template.num_skin].astype(float)
    points += np.random.default_rng(1).uniform(-3.0, 3.0, points.shape)
    drives = drives_of(np.full(52, strength), wrinkles=1.0, neck_rings=1.0, pores=1.0)
    footprint, step, visible, found_any = 2.0, 0.8, fade(5.0, 2.0), 0
    for x, y, z in points.tolist():
        found = wrinkle_gradient(x, y, z, drives, footprint, SEED, lines_of(SEED))
        here = _height(x, y, z, drives)
        slopes = [_height(x + step, y, z, drives), _height(x, y + step, z, drives)]
        expected = [here, *((height - here) / step for height in slopes)]
        np.testing.assert_allclose(found[:3], visible * np.array(expected), atol=1e-9)
        found_any += here != 0.0
    assert 0.2 < found_any / len(points) < 0.95


def test_rings_of_a_neck_equal_their_formula():
    """Both noises at every point, as the rings are defined; three heights of four are nothing."""
    rng = np.random.default_rng(2)
    drives = drives_of(np.zeros(52), wrinkles=0.0, neck_rings=0.8, pores=1.0)
    expected, found = [], []
    for x, y, z in rng.uniform((-60, -190, -40), (60, -84.1, 80), (4000, 3)).tolist():
        level = y + 0.14 * z + 2.2 * noise_at(x / 21.0, y / 40.0, 0.4, SEED + 53)
        depth = 0.34 * 0.8 * (0.55 + 0.45 * noise_at(x / 17.0, y / 9.0, 0.8, SEED + 59))
        rings = _valley((level + 98.0) / 1.5) + 0.8 * _valley((level + 119.0) / 1.5)
        expected.append(depth * smoothstep(-20.0, 15.0, z) * rings if z > -20.0 else 0.0)
        found.append(_height(x, y, z, drives))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert 0.1 < np.mean(np.array(expected) != 0.0) < 0.5


def test_lines_beside_eyes_equal_their_formula():
    """Noise that depends on x alone comes from a table: less than a ten-thousandth of a mm off."""
    rng = np.random.default_rng(3)
    drives = drives_of(np.zeros(52), wrinkles=0.9, neck_rings=0.0, pores=1.0)
    depth = 0.30 * (0.9 - 0.1)
    expected, found = [], []
    for x, y, z in rng.uniform((44.5, 12.5, 41.0), (85.0, 55.5, 95.0), (3000, 3)).tolist():
        x = x if rng.uniform() < 0.5 else -x
        lateral = (abs(x) - 41.0) + 0.45 * (88.0 - z)
        reach = smoothstep(6.0, 11.0, lateral) * (1.0 - smoothstep(20.0, 34.0, lateral))
        reach *= smoothstep(44.0, 47.0, abs(x)) * smoothstep(12.0, 20.0, y)
        reach *= 1.0 - smoothstep(48.0, 56.0, y)
        height = 0.0
        for line in range(4):
            middle = -34.0 + 22.0 * line + 5.0 * noise_at(float(line), x / 60.0, 0.7, SEED + 43)
            away = math.radians(math.degrees(math.atan2(y - 33.5, lateral)) - middle) * lateral
            height += depth * reach * _valley(away / 1.2)
        # The lower rim of the socket reaches in on the inner side; beyond 46 mm it is not there.
        if abs(x) > 46.0 and y < 56.0:
            expected.append(height)
            found.append(_height(x, y, z, drives))
    assert len(found) > 2000
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_relief_is_the_gradient_of_its_height() -> None:
    # The forehead under raised brows, where wrinkles rule and pores are blurred away.
    weights = np.zeros(52)
    weights[[INDEX["browInnerUp"], INDEX["browOuterUpLeft"], INDEX["browOuterUpRight"]]] = 1.0
    appearance = plain()
    drives = drives_of(weights, wrinkles=0.0, neck_rings=0.0, pores=appearance.skin.pores)
    rest = patch((20.0, 74.0, 103.0), 9.0, 300)
    painted = surface.evaluate(appearance, points_at(rest, footprint=1.8), weights).bump
    step = 0.72
    expected = np.empty_like(painted)
    for row, (x, y, z) in enumerate(rest):
        for axis in range(3):
            low, high = [x, y, z], [x, y, z]
            low[axis] -= step / 2
            high[axis] += step / 2
            rise = _height_of(*high, drives, appearance.texture_seed) - _height_of(
                *low, drives, appearance.texture_seed
            )
            expected[row, axis] = -rise / step
    assert np.corrcoef(painted[:, 1], expected[:, 1])[0, 1] > 0.9
    assert np.abs(painted[:, 1]).mean() > 0.05


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("browOuterUpLeft", (25.0, 70.0, 103.0)),
        ("browDownLeft", (7.5, 50.0, 105.0)),
        ("cheekSquintLeft", (56.0, 36.0, 78.0)),
        ("mouthSmileLeft", (31.0, -20.0, 102.0)),
    ],
)
def test_expressions_crease_their_own_side(name: str, place: tuple[float, float, float]) -> None:
    weights = np.zeros(52)
    weights[INDEX[name]] = 1.0
    still = drives_of(np.zeros(52), wrinkles=0.0, neck_rings=0.0, pores=1.0)
    moved = drives_of(weights, wrinkles=0.0, neck_rings=0.0, pores=1.0)
    rest = patch(place, 7.0, 400)

    def depth(points: np.ndarray) -> float:
        return max(
            abs(_height_of(x, y, z, moved, 5) - _height_of(x, y, z, still, 5))
            for x, y, z in points.tolist()
        )

    assert depth(rest) > 0.12
    assert depth(rest * (-1.0, 1.0, 1.0)) < 0.02


def test_the_back_of_the_head_has_no_face() -> None:
    """Neither age nor an expression draws a fold of the face on the other side of the skull."""
    skin = build_template().vertices[: build_template().num_skin]
    behind = skin[(skin[:, 2] < 0.0) & (skin[:, 1] > -70.0)]
    drives = drives_of(np.ones(52), wrinkles=1.0, neck_rings=0.0, pores=1.0)
    assert max(abs(_height_of(x, y, z, drives, 5)) for x, y, z in behind.tolist()) == 0.0


def test_creases_have_no_cuts() -> None:
    # Along straight lines over the face heights change by less than .03 mm in .02 mm.
    weights = np.zeros(52)
    for name in INDEX:
        if name.startswith(("brow", "cheekSquint", "mouthSmile", "noseSneer", "mouthShrug")):
            weights[INDEX[name]] = 1.0
    drives = drives_of(weights, wrinkles=1.0, neck_rings=1.0, pores=1.0)
    step = 0.02
    for y in np.arange(-130.0, 100.0, 3.3):
        z = 95.0 if y > -80 else 40.0
        heights = [_height_of(x, y, z, drives, 5) for x in np.arange(-60.0, 60.0, step)]
        assert np.abs(np.diff(heights)).max() < 0.03, y
    for x in np.arange(-58.0, 58.0, 2.3):
        heights = [_height_of(x, y, 95.0, drives, 5) for y in np.arange(-79.0, 100.0, step)]
        assert np.abs(np.diff(heights)).max() < 0.03, x


def test_expression_lines_deepen_with_age():
    weights = np.zeros(52)
    for name in ("mouthSmile", "cheekSquint", "browOuterUp", "browDown", "noseSneer"):
        for side in ("Left", "Right"):
            weights[INDEX[name + side]] = 0.8
    x, y, z = np.meshgrid(np.linspace(2, 62, 61), np.linspace(-44, 100, 145), [90.0])
    depth = {}
    for age in (0.0, 0.9):
        for name, driven in (("rest", np.zeros(52)), ("moved", weights)):
            drives = drives_of(driven, wrinkles=age, neck_rings=0.0, pores=1.0)
            heights = [
                _height_of(*point, drives, 5) for point in zip(x.ravel(), y.ravel(), z.ravel())
            ]
            depth[age, name] = -np.minimum(np.array(heights).reshape(x.shape[:2]), 0.0)
    rows = np.linspace(-44, 100, 145)
    for low, high in ((62.0, 96.0), (44.0, 58.0), (20.0, 48.0), (-40.0, -2.0)):
        zone = (rows > low) & (rows < high)
        young, old = (depth[age, "moved"][zone].max() for age in (0.0, 0.9))
        assert depth[0.0, "rest"][zone].max() < 0.05
        assert young > 0.1
        assert old > 1.2 * young
        assert old > 1.2 * depth[0.9, "rest"][zone].max()


@pytest.mark.parametrize(
    ("low", "high", "inner", "outer", "deep"),
    [
        (62.0, 96.0, 0.0, 30.0, 0.3),  # forehead
        (44.0, 58.0, 0.0, 20.0, 0.25),  # between the brows
        (20.0, 48.0, 48.0, 62.0, 0.2),  # beside the eyes
        (10.0, 30.0, 12.0, 40.0, 0.3),  # under them
        (-30.0, -2.0, 15.0, 45.0, 0.4),  # from nose to mouth
    ],
)
def test_lines_of_old_people_are_deep_at_rest(low, high, inner, outer, deep):
    """Those of a tenth of a millimetre are lost under soft light: people of 75 looked like 50."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(inner, outer), np.arange(low, high)))
    depth = {}
    for age in (0.0, 0.4, 1.0):
        drives = drives_of(np.zeros(52), wrinkles=age, neck_rings=0.0, pores=1.0)
        depth[age] = -min(_height_of(*place, 90.0, drives, 5) for place in zip(x, y))
    assert depth[0.0] < 0.05
    assert depth[0.0] < depth[0.4] < 0.55 * depth[1.0]
    assert depth[1.0] > deep


def test_the_foot_of_a_bank_is_no_hollow():
    """Beside the groove from nose to mouth of somebody old who smiles: skin lies low on the side of
    the lips, level with them, and only the groove itself swallows light."""
    drives = drives_of(np.full(52, 0.8), wrinkles=1.0, neck_rings=0.0, pores=1.0)
    hollows, heights = [], []
    for x in np.linspace(8.0, 52.0, 221).tolist():
        found = wrinkle_gradient(x, -25.0, 95.0, drives, 0.01, SEED, lines_of(SEED))
        heights.append(found[0])
        hollows.append(found[4])
    deepest = int(np.argmax(hollows))
    depth = (0.75 + 0.45 * drives.age) * drives.fold_left + 0.80 * drives.age + 0.04
    assert hollows[deepest] == pytest.approx(0.5 * depth, rel=0.02)  # a bank is the other half
    beside = slice(max(deepest - 50, 0), deepest - 20)  # 4 to 10 mm toward the lips
    assert max(heights[beside]) < -0.2
    assert max(hollows[beside]) < 0.05
