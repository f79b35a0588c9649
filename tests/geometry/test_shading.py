"""Light on surfaces: against numerical integration and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y

from likeness.geometry.shading import five_light_shading, harmonic_basis, harmonic_shading


def _directions(count: int) -> np.ndarray:
    """Points spread evenly over the sphere (Fibonacci)."""
    index = np.arange(count) + 0.5
    z, turn = 1 - 2 * index / count, math.pi * (1 + 5**0.5) * index
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)


def test_basis_is_the_cosine_convolved_harmonics():
    """Bands 1 and 2 equal A_l Y_lm (A = 2 pi/3, pi/4) of SciPy's harmonics; band 0 is Y_00."""
    normals = _directions(50)
    ours = harmonic_basis(torch.from_numpy(normals)).numpy()
    polar = np.arccos(normals[:, 2])
    turn = np.arctan2(normals[:, 1], normals[:, 0])

    def real(degree: int, order: int) -> np.ndarray:
        value = sph_harm_y(degree, abs(order), polar, turn)
        if order == 0:
            return value.real
        part = value.real if order > 0 else value.imag
        return math.sqrt(2) * (-1) ** order * part

    orders = [(0, 0), (1, 1), (1, -1), (1, 0), (2, -2), (2, 1), (2, -1), (2, 2), (2, 0)]
    scale = {0: 1.0, 1: 2 * math.pi / 3, 2: math.pi / 4}
    expected = np.stack([scale[degree] * real(degree, order) for degree, order in orders], axis=1)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_basis_constants_are_the_published_ones():
    normal = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64)
    published = [
        0.282095,
        1.023327,
        1.023327,
        1.023327,
        0.858086,
        0.858086,
        0.858086,
        0.0,
        0.495416,
    ]
    torch.testing.assert_close(
        harmonic_basis(normal), torch.tensor(published).double(), rtol=0, atol=1e-6
    )


def test_shading_is_the_sum_over_the_basis():
    generator = torch.Generator().manual_seed(0)
    normals = torch.nn.functional.normalize(
        torch.randn(2, 3, 4, 3, generator=generator).double(), dim=-1
    )
    light = torch.randn(2, 9, 3, generator=generator).double()
    shading = harmonic_shading(normals, light)
    for b in range(2):
        value = sum(light[b, k] * harmonic_basis(normals[b, 1, 2])[k] for k in range(9))
        torch.testing.assert_close(shading[b, 1, 2], value)
    white = torch.zeros(2, 9, 3).double()
    white[:, 0] = math.sqrt(4 * math.pi)
    torch.testing.assert_close(harmonic_shading(normals, white), torch.ones(2, 3, 4, 3).double())


def test_shading_gradients():
    generator = torch.Generator().manual_seed(0)
    normals = torch.randn(1, 5, 3, generator=generator).double().requires_grad_()
    light = torch.randn(1, 9, 3, generator=generator).double().requires_grad_()
    assert torch.autograd.gradcheck(harmonic_shading, (normals, light))


def test_five_lights_on_a_surface_facing_the_camera():
    """Four lights at cosine 1/sqrt 3 and one at 1, averaged, times 1.7 and 180/255."""
    normal = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    expected = 180 / 255 * 1.7 * (4 / math.sqrt(3) + 1) / 5
    assert five_light_shading(normal)[0].tolist() == pytest.approx([expected] * 3)
    assert five_light_shading(-normal)[0].tolist() == pytest.approx([0.0] * 3)


def test_point_lights_fall_on_a_place():
    normal = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    place = torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64)
    offsets = [(-2, 0, 1), (0, 0, 1), (-2, -2, 1), (0, -2, 1), (-1, -1, 1)]
    cosines = [1 / math.sqrt(x * x + y * y + z * z) for x, y, z in offsets]
    expected = 180 / 255 * 1.7 * sum(cosines) / 5
    assert five_light_shading(normal, place, kind="point")[0, 0].item() == pytest.approx(expected)
    with pytest.raises(ValueError, match="needs positions"):
        five_light_shading(normal, kind="point")
