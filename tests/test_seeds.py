"""Streams of random numbers: what they are made of, and that they do not change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from likeness.seeds import Draws, seed_of


def test_numbers_are_formulas_of_raw_words() -> None:
    words = np.random.PCG64(seed_of("a", 1)).random_raw(5)
    uniform = [(int(word) >> 11) / 2**53 for word in words]
    assert Draws("a", 1).uniforms(5).tolist() == uniform
    assert Draws("a", 1).uniforms(5, -2.0, 4.0) == pytest.approx([6 * u - 2 for u in uniform])
    assert Draws("a", 1).normals(5, 3.0, 2.0) == pytest.approx(norm.ppf(uniform, 3.0, 2.0))
    assert Draws("a", 1).integer(10) == int(uniform[0] * 10)
    assert Draws("a", 1).permutation(5).tolist() == sorted(range(5), key=lambda i: uniform[i])
    one_by_one = Draws("a", 1)
    assert [one_by_one.uniform() for _ in range(5)] == uniform


def test_numbers_are_those_of_the_first_version() -> None:
    assert Draws("golden").uniforms(3).tolist() == [
        0.848443824217618,
        0.6278646361800865,
        0.7229974216539006,
    ]


def test_purposes_have_their_own_streams() -> None:
    assert Draws("voice", 1).uniform() != Draws("voice", 2).uniform()
    assert Draws("voice", 1).uniform() != Draws("voice", "1").uniform()


def test_choices_come_as_often_as_their_weights() -> None:
    draws = Draws("choice")
    counts = np.bincount([draws.choice([1.0, 0.0, 3.0]) for _ in range(4000)], minlength=3)
    assert counts[1] == 0
    assert counts[2] / 4000 == pytest.approx(0.75, abs=0.02)
