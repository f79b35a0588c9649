"""What hair tied together looks like from the front and from behind."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import hair
from likeness.studio.surface_points import HAIR
from likeness.studio.template import build_template
from tests.studio.surface_cases import plain


def _tied(length: float, fringe: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the strands on the head and of the bun or tail, mm."""
    template = build_template()
    appearance = plain(
        hair__style="tied",
        hair__length=length,
        hair__sides=0.75 * length,
        hair__fringe=fringe,
        hair__recession=0.0,
        hair__thinning=0.0,
        hair__volume=1.0,
        hair__curl=0.2,
    )
    mesh = hair.build(appearance, template, template.vertices, "low")
    positions, _ = mesh.place(template.vertices)
    own = mesh.part == HAIR
    knot = mesh.rest[own, 2] >= 100_000
    return positions[own][~knot], positions[own][knot]


@pytest.mark.parametrize("length", [160.0, 195.0, 205.0, 255.0])
def test_a_bun_or_tail_is_seen_over_the_head_from_the_front(length: float) -> None:
    """Both lay behind the head: from the front, women with tied hair had a short cut."""
    strands, knot = _tied(length)
    assert knot[:, 1].max() > strands[:, 1].max() + 12.0


@pytest.mark.parametrize("length", [205.0, 255.0])
def test_a_tail_hangs_behind_the_head_and_not_through_it(length: float) -> None:
    _, tail = _tied(length)
    skin = build_template().vertices
    hanging = tail[tail[:, 1] < 60.0]
    assert len(hanging) > 0.2 * len(tail)
    for y in np.arange(0.0, 60.0, 10.0):
        back = skin[(np.abs(skin[:, 1] - y) < 8.0) & (np.abs(skin[:, 0]) < 30.0), 2].min()
        here = hanging[np.abs(hanging[:, 1] - y) < 5.0]
        assert np.mean(here[:, 2] < back) > 0.97, y


def test_locks_left_out_hang_before_the_ears_and_leave_the_forehead_free() -> None:
    """A fringe of tied hair was cut over the brows: a short cut again."""
    loose, neat = (_tied(240.0, fringe)[0] for fringe in (0.9, 0.0))

    def beside(points: np.ndarray) -> int:
        return int(
            ((points[:, 1] < 0.0) & (points[:, 2] > 30.0) & (np.abs(points[:, 0]) > 45)).sum()
        )

    assert beside(loose) > beside(neat) + 50
    brow = (np.abs(loose[:, 0]) < 40.0) & (loose[:, 2] > 85.0)
    assert not (brow & (loose[:, 1] < 72.0)).any()
