"""The paint frames share: what it is, and that no frame depends on others."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from likeness.studio import film_paint
from likeness.studio.curves import ARKIT, CHANNEL, CHANNELS
from likeness.studio.figure import HeadPose
from likeness.studio.film_paint import FilmPaint
from likeness.studio.moods import neutral_expression
from likeness.studio.performance_film import fixed_camera, photograph_frames
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.pixels import take_samples
from likeness.studio.scene import Scene
from likeness.studio.surface_points import CLOTH

SIZE = 96


@pytest.fixture(scope="module")
def sitter():
    person = Person.sample(11)
    assert person.appearance.clothing.stripe_width == 0.0
    return sitter_of(person)


def _frames(*shapes: dict[str, float]) -> np.ndarray:
    rows = np.zeros((len(shapes), len(CHANNELS)))
    for row, shape in zip(rows, shapes):
        for name, value in shape.items():
            row[CHANNEL[name]] = value
    return rows


MOMENTS = _frames({}, {"browInnerUp": 1.0, "jawOpen": 0.4}, {"headYaw": 0.3}, {"mouthPucker": 0.9})


def _samples(sitter, yaw: float = 0.0):
    still = sitter.pose(neutral_expression(), HeadPose())
    turned = sitter.pose(neutral_expression(), HeadPose(root=(0.0, yaw, 0.0)))
    place, camera = fixed_camera(sitter, Scene.portrait(), SIZE, SIZE)
    vertices = turned.vertices + place.astype(np.float32)
    return still, take_samples(turned, vertices, camera, SIZE, SIZE, 2)


def _same(one, other) -> None:
    for field in fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_corners_of_triangles_are_painted_as_a_still_is(sitter):
    """At a node nothing is between: skin and cloth are what the sitter's own paint says."""
    still, samples = _samples(sitter)
    surface = sitter.surface
    corners = surface.faces[samples.tri]
    corner = np.arange(len(corners)) % 3
    vertex = corners[np.arange(len(corners)), corner]
    footprint = np.full(len(corners), 1.2, np.float32)
    points = replace(
        samples.points,
        rest=surface.rest[vertex],
        mouth_ring=surface.mouth_ring[vertex],
        eye_ring=surface.eye_ring[vertex],
        ear=surface.ear[vertex],
        layer=surface.layer[vertex],
        footprint=footprint,
    )
    at_corners = replace(samples, bary=np.eye(3, dtype=np.float32)[corner], points=points)
    weights = MOMENTS[1, ARKIT]
    shared = FilmPaint(sitter, still, 1.2).paint(at_corners, weights)
    alone = sitter.paint(points, weights)
    assert (points.part == 0).sum() > 1000
    assert (points.part == CLOTH).sum() > 100
    for field in fields(alone):
        np.testing.assert_allclose(
            getattr(shared, field.name), getattr(alone, field.name), rtol=2e-6, atol=2e-6
        )


def test_shares_of_nodes_lead_back_to_the_place():
    """Whatever is linear over a triangle is read exactly: the place itself is."""
    rng = np.random.default_rng(3)
    count = 4000
    tri = rng.integers(0, 5, count).astype(np.int32)
    bary = rng.dirichlet(np.ones(3), count).astype(np.float32)
    bary[:3] = np.eye(3)
    bary[3:6] = (np.ones((3, 3)) - np.eye(3)) / 2
    steps = np.array([1, 2, 3, 7, 20])
    sizes = (steps + 1) * (steps + 2) // 2
    first = np.cumsum(sizes) - sizes
    is_painted = np.zeros(sizes.sum(), bool)
    corner, share = np.empty((count, 3), np.int64), np.empty((count, 3))
    node, face = np.empty(3 * count, np.int64), np.empty(3 * count, np.int32)
    place = np.empty((3 * count, 3), np.float32)
    chosen = np.arange(count)
    found = film_paint._find(
        tri, bary, chosen, steps, first, is_painted, corner, share, node, face, place
    )
    assert found == len(np.unique(node[:found])) == is_painted.sum() == sizes.sum()
    place_of = np.empty((len(is_painted), 3))
    place_of[node[:found]] = place[:found]
    assert (share > -1e-6).all()
    owner = np.searchsorted(first, corner, side="right") - 1
    np.testing.assert_array_equal(owner, np.repeat(tri[:, None], 3, axis=1))
    np.testing.assert_allclose(np.einsum("nk,nkc->nc", share, place_of[corner]), bary, atol=2e-6)
    # No node is farther away than a step along each side.
    far = np.abs(place_of[corner] - bary[:, None]).max(axis=(1, 2))
    assert (far <= 1.0 / steps[tri] + 1e-6).all()


def test_frames_look_like_stills(sitter):
    scene = Scene.portrait()
    camera = fixed_camera(sitter, scene, SIZE, SIZE)
    for row, frame in zip(MOMENTS[:2], photograph_frames(sitter, scene, SIZE, MOMENTS[:2])):
        still = photograph(sitter, scene, SIZE, expression=row[ARKIT], camera=camera)
        np.testing.assert_array_equal(frame.vertices, still.vertices)
        np.testing.assert_array_equal(frame.mask, still.mask)
        apart = 255.0 * np.abs(frame.image - still.image)
        assert apart.mean() < 0.5
        assert np.quantile(apart, 0.99) < 8.0


def test_frames_do_not_depend_on_those_before(sitter):
    """Forward, backward and each by itself: the same bytes."""
    scene = Scene.portrait()
    forward = [frame.image for frame in photograph_frames(sitter, scene, SIZE, MOMENTS)]
    backward = [frame.image for frame in photograph_frames(sitter, scene, SIZE, MOMENTS[::-1])]
    for number, image in enumerate(forward):
        np.testing.assert_array_equal(image, backward[len(forward) - 1 - number])
        (alone,) = photograph_frames(sitter, scene, SIZE, MOMENTS[number : number + 1])
        np.testing.assert_array_equal(image, alone.image)


def test_little_memory_changes_no_paint(sitter):
    """A lattice that has to begin anew for every frame gives what one that never fills does."""
    weights = np.zeros(52)
    still, front = _samples(sitter)
    _, turned = _samples(sitter, yaw=0.8)
    large = FilmPaint(sitter, still, 2.0)
    large.paint(front, weights)
    room = int(1.05 * large._used)
    small = FilmPaint(sitter, still, 2.0, most_nodes=room)
    for samples in (front, turned, front):
        _same(small.paint(samples, weights), large.paint(samples, weights))
    assert large._used > room >= small._used


def test_a_frame_too_large_for_the_lattice_is_painted_point_by_point(sitter):
    still, samples = _samples(sitter)
    weights = MOMENTS[1, ARKIT]
    _same(
        FilmPaint(sitter, still, 1.2, most_nodes=100).paint(samples, weights),
        sitter.paint(samples.points, weights),
    )
