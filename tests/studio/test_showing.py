"""What is shown of studio people, at every size that may be asked for."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

from likeness.seeds import rng_of
from likeness.studio import showing
from likeness.studio.expressions import INDEX
from likeness.studio.groups import draw_places
from likeness.studio.person import Person
from likeness.studio.pixels import project
from likeness.studio.showing import expressions, group


def test_a_small_gallery_has_its_group_too():
    """Four faces of 96 pixels need more than three pictures of 64 in height."""
    assert group(range(22, 26), 3 * 64).shape == (384, 576, 3)


def test_no_shape_moves_the_camera(monkeypatch):
    """An open jaw makes a face longer and leaves the eyes where they are; its chin stays in the
    part of the picture that is shown, nine tenths of it down and less. The first tile is the face
    at rest, to compare with."""
    taken, weights = [], []

    def posed(sitter, scene, size, *, expression, camera):
        place, intrinsics = camera
        weights.append(expression)
        points = sitter.pose(expression, scene.pose).landmarks68 + place
        taken.append(project(points, intrinsics)[0])
        return SimpleNamespace(image=np.zeros((size, size, 3), np.float32))

    size = 96
    monkeypatch.setattr(showing, "photograph", posed)
    expressions(Person.sample(22), size)
    outer_canthi = np.array(taken)[:, [36, 45]]
    assert np.array_equal(weights, np.eye(53)[:, 1:])
    assert np.ptp(outer_canthi, axis=0).max() < 0.02 * size  # squints move them a little
    opened, still = taken[1 + INDEX["jawOpen"]], taken[0]
    assert opened[8, 1] > still[8, 1] + 0.08 * size
    assert opened[8, 1] < 0.93 * size


def test_four_people_fit_into_the_smallest_group_with_every_lens():
    for number, focal in enumerate(np.exp(np.linspace(math.log(35.0), math.log(85.0), 40))):
        assert len(draw_places(rng_of("places", number), 4, (384, 576), float(focal))) == 4
