"""Heights from coefficients equal heights of the pose."""

from __future__ import annotations

import pytest
import torch

from likeness.systems.audio2face.vertex_gaps import CoefficientGaps, vertical_gaps
from tests.systems.audio2face.regression_cases import SKIN, artefacts, pairs


@pytest.mark.parametrize(("up", "unit"), [(1, 1.0), (2, 100.0)])
def test_heights_from_coefficients_and_from_vertices(up: int, unit: float) -> None:
    basis, chosen = artefacts().skin, pairs((3, 0), (5, 9), (2, 2))
    coefficients = torch.randn(2, 4, SKIN)
    poses = (
        torch.einsum("bsk,kvc->bsvc", coefficients, torch.from_numpy(basis.shapes))
        + torch.from_numpy(basis.mean)
    )  # fmt: skip
    expected = torch.stack(
        [(poses[..., a, up] - poses[..., b, up]) * unit for a, b in ((3, 0), (5, 9), (2, 2))], -1
    )
    torch.testing.assert_close(vertical_gaps(poses, chosen, up=up, unit=unit), expected)
    found = CoefficientGaps(basis, chosen, up=up, unit=unit)
    torch.testing.assert_close(found(coefficients), expected, atol=1e-5 * unit, rtol=1e-5)
    assert found.state_dict() == {}
