"""Lines of a face: what is left out because it shows nothing, against evaluating all of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.studio.drives import drives_of
from likeness.studio.noise import fade, noise_at, smoothstep
from likeness.studio.relief import lines_of, wrinkle_gradient, wrinkle_height
from likeness.studio.template import build_template

SEED = 5


def _valley(t: float) -> float:
    if abs(t) > 6.5:
        return 0.0
    return -math.exp(-t * t) + 0.3 * math.exp(-((abs(t) - 2.4) ** 2) / 1.6)


def _height(x, y, z, drives) -> float:
    return wrinkle_height(x, y, z, drives, SEED, lines_of(SEED))


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
