"""Golden numbers of the schedules and of the levels that are kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.diffusion.schedules import betas_of, cosine_betas, evenly_spaced, linear_betas
from likeness.errors import UsageError


def test_cosine_schedule_has_the_known_numbers() -> None:
    betas = cosine_betas(1000)
    known = {0: 4.128422e-5, 499: 3.145886e-3, 998: 0.7499994, 999: 0.999}
    for index, value in known.items():
        assert betas[index] == pytest.approx(value, rel=1e-6)
    assert np.prod(1 - betas) == pytest.approx(2.428767e-9, rel=1e-6)


def test_cosine_schedule_equals_its_formula_step_by_step() -> None:
    def kept(u: float) -> float:
        return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

    for i, beta in enumerate(cosine_betas(50)):
        assert beta == pytest.approx(min(1 - kept((i + 1) / 50) / kept(i / 50), 0.999), rel=1e-12)


def test_linear_schedule_is_stretched_to_its_length() -> None:
    assert linear_betas(1000)[[0, -1]] == pytest.approx([1e-4, 0.02])
    assert linear_betas(500)[[0, -1]] == pytest.approx([2e-4, 0.04])


@pytest.mark.parametrize(
    ("count", "kept"), [(2, (0, 999)), (3, (0, 500, 999)), (5, (0, 250, 500, 749, 999))]
)
def test_kept_levels(count: int, kept: tuple[int, ...]) -> None:
    # 499.5 is rounded to the even neighbour.
    assert evenly_spaced(count, 1000) == kept


def test_all_levels_can_be_kept() -> None:
    assert evenly_spaced(7, 7) == tuple(range(7))


@pytest.mark.parametrize("count", [0, 1, 1001])
def test_too_few_or_too_many_levels_are_refused(count: int) -> None:
    with pytest.raises(UsageError, match="1000"):
        evenly_spaced(count, 1000)


def test_impossible_schedules_are_refused() -> None:
    with pytest.raises(UsageError, match="no noise schedule 'square'"):
        betas_of("square", 10)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="more than 20 steps"):
        betas_of("linear", 20)
    with pytest.raises(UsageError, match="at least 2"):
        betas_of("cosine", 1)
