"""Samples, shared paint and composition: against the camera model and plain loops."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from likeness.geometry.cameras import PerspectiveCamera
from likeness.geometry.rasterize import rasterize
from likeness.studio.figure import HeadPose, PersonSitter
from likeness.studio.merge import merge
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.pixels import farthest_depth, project, take_samples
from likeness.studio.surface_points import BEARD, HAIR
from likeness.studio.template import PARTS


def test_projection_is_the_pinholes():
    points = np.random.default_rng(0).uniform((-1, -1, -3), (1, 1, -1), (20, 3))
    xy, depth = project(points, (300.0, 300.0, 70.0, 50.0))
    camera = PerspectiveCamera(
        torch.tensor([[300.0, 300.0, 70.0, 50.0]]).double(),
        torch.diag(torch.tensor([1.0, -1.0, -1.0])).double()[None],
        torch.zeros(1, 3).double(),
    )
    expected = camera.project(torch.from_numpy(points)[None])[0].numpy()
    np.testing.assert_allclose(np.column_stack([xy, depth]), expected, atol=1e-9)


CAMERA = (300.0, 300.0, 30.0, 30.0)


@pytest.fixture(scope="module")
def seen():
    figure = PersonSitter(Person.sample(32)).pose(np.zeros(52), HeadPose())
    vertices = figure.vertices - np.array([0.0, 0.02, 1.2], np.float32)
    return figure, vertices, take_samples(figure, vertices, CAMERA, 60, 60, 2)


def test_strands_alone_come_after_the_solid_vertices(seen):
    surface = seen[0].surface
    count = surface.num_solid
    solid = np.unique(np.concatenate([surface.faces, surface.lenses]))
    assert count == 1 + solid[-1] < 0.2 * len(surface.part)
    assert set(surface.part[count:].tolist()) <= {HAIR, BEARD}


def test_samples_lie_on_their_pixels_rays(seen):
    figure, vertices, _ = seen
    found = take_samples(figure, vertices, CAMERA, 60, 60, 1)
    row, column = found.place // 60, found.place % 60
    xy, depth = project(found.position, CAMERA)
    np.testing.assert_allclose(xy, np.stack([column, row], 1) + 0.5, atol=0.01)
    np.testing.assert_allclose(depth, found.depth, rtol=1e-4)
    assert np.all(np.diff(found.place) > 0)
    assert found.point.tolist() == list(range(len(found.place)))
    np.testing.assert_allclose(found.points.footprint, 1000 * found.depth / 300, rtol=1e-5)


def test_samples_show_the_triangles_of_the_differentiable_rasteriser(seen):
    figure, vertices, found = seen
    xy, depth = (torch.from_numpy(value[None]) for value in project(vertices, CAMERA))
    faces = torch.from_numpy(figure.surface.faces)
    expected = rasterize(2 * xy, depth, faces, 120, 120, w=depth)
    tri, expected_depth = expected.tri[0].numpy(), expected.depth[0].numpy()
    shown = np.zeros((60, 60, 2, 2), bool)
    shown.reshape(-1)[found.place] = True
    shown = shown.transpose(0, 2, 1, 3).reshape(120, 120)
    assert np.mean(shown != (tri >= 0)) < 1e-3
    pixel, number = found.place // 4, found.place % 4
    row, column = pixel // 60 * 2 + number // 2, pixel % 60 * 2 + number % 2
    difference = np.abs(found.depth - expected_depth[row, column])
    assert np.mean(difference > 1e-5) < 2e-3  # ties at edges


def test_shared_points_are_the_means_of_their_samples(seen):
    """Of a grid of twice the size, where every sample is a point."""
    figure, vertices, found = seen
    fine = take_samples(figure, vertices, tuple(2 * value for value in CAMERA), 120, 120, 1)
    pixel, number = found.place // 4, found.place % 4
    place = (pixel // 60 * 2 + number // 2) * 120 + pixel % 60 * 2 + number % 2
    order = np.searchsorted(fine.place, place)
    np.testing.assert_array_equal(fine.place[order], place)
    count = len(found.points)
    assert count < 0.45 * len(place)
    assert set(found.point.tolist()) == set(range(count))
    part = fine.points.part[order]
    eyes = np.isin(part, [PARTS.index("eyeball_left"), PARTS.index("eyeball_right")])
    assert eyes.sum() > 20
    members = np.bincount(found.point)
    assert members.max() == 4
    assert np.all(members[found.point[eyes]] == 1)
    for number in np.random.default_rng(0).integers(0, count, 300):
        own = found.point == number
        assert len(set(pixel[own])) == 1
        assert set(part[own]) == {found.points.part[number]}
        normal = fine.normal[order[own]].mean(axis=0)
        np.testing.assert_allclose(found.normal[number], normal / np.linalg.norm(normal), atol=2e-3)
        position = fine.position[order[own]].mean(axis=0)
        np.testing.assert_allclose(found.position[number], position, atol=1e-5)
        for field in fields(found.points):
            if field.name in ("part", "footprint"):
                continue
            mean = getattr(fine.points, field.name)[order[own]].mean(axis=0)
            np.testing.assert_allclose(
                getattr(found.points, field.name)[number], mean, rtol=1e-3, atol=2e-3
            )
        expected = fine.points.footprint[order[own]].mean() * np.sqrt(own.sum())
        assert found.points.footprint[number] == pytest.approx(expected, rel=1e-4)
        corners = figure.surface.faces[found.tri[number]]
        on_first = own & (fine.tri[order] == found.tri[number])
        first = fine.position[order[on_first]].mean(axis=0)
        np.testing.assert_allclose(found.bary[number] @ vertices[corners], first, atol=1e-5)


def test_farthest_depth_is_infinite_where_a_sample_is_missing():
    place = np.arange(7)  # two pixels of 2 x 2
    depths = np.array([1.0, 2.0, 1.5, 3.0, 5.0, 6.0, 7.0], np.float32)
    out = np.empty((1, 2), np.float32)
    farthest_depth(place, depths, 2, out)
    assert out[0, 0] == 3.0
    assert np.isinf(out[0, 1])


def test_merging_equals_plain_loops():
    rng = np.random.default_rng(1)
    height, width, n = 5, 6, 2
    # The first row is solid and has no strands; most of its pixels have a single label.
    first_row = np.arange(height * n * width * n) < width * n * n
    place = np.flatnonzero((rng.random(len(first_row)) < 0.7) | first_row)
    most = np.where(first_row[place], 9, 40)
    point = rng.integers(0, most).astype(np.int32)
    color = rng.random((40, 3)).astype(np.float32)
    num_labels = 11  # of two figures
    label = rng.integers(1, num_labels, 40).astype(np.uint8)
    label[:8] = 3
    depth = rng.uniform(1, 2, len(place)).astype(np.float32)
    strands = []
    for pixel in range(width, height * width):
        for nearer in np.sort(rng.uniform(0.8, 2.2, rng.integers(0, 4))):
            strands.append((pixel, nearer, rng.random(), rng.random(3)))
    strand_pixel = np.array([s[0] for s in strands], np.int64)
    strand_depth = np.array([s[1] for s in strands], np.float32)
    coverage = np.array([s[2] for s in strands], np.float32)
    strand_color = np.array([s[3] for s in strands], np.float32)
    hair = np.full(len(strands), LABELS.index("hair"), np.uint8)
    behind = rng.random((height, width, 3)).astype(np.float32)
    picture = behind.copy()
    mask = np.empty((height, width), np.uint8)
    covered = np.empty((height, width), np.float32)
    out_depth = np.empty((height, width), np.float32)
    merge(
        place, point, color, label, depth, strand_pixel, strand_color, hair, strand_depth,
        coverage, n, num_labels, picture, covered, mask, out_depth,
    )  # fmt: skip

    at = {int(p): k for k, p in enumerate(place)}
    for row in range(height):
        for column in range(width):
            total, votes = np.zeros(3), np.zeros(num_labels)
            nearest = np.full(num_labels, np.inf)
            for j in range(n):
                for i in range(n):
                    solid = at.get((row * width + column) * n * n + j * n + i)
                    limit = depth[solid] if solid is not None else np.inf
                    left = 1.0
                    for k in np.flatnonzero(strand_pixel == row * width + column):
                        if strand_depth[k] < limit:
                            total += left * coverage[k] * strand_color[k]
                            votes[hair[k]] += left * coverage[k]
                            nearest[hair[k]] = min(nearest[hair[k]], strand_depth[k])
                            left *= 1 - coverage[k]
                    if solid is None:
                        total += left * behind[row, column]
                        votes[0] += left
                    else:
                        total += left * color[point[solid]]
                        kind = label[point[solid]]
                        votes[kind] += left
                        nearest[kind] = min(nearest[kind], limit)
            np.testing.assert_allclose(picture[row, column], total / n**2, atol=1e-5)
            assert covered[row, column] == pytest.approx(1 - votes[0] / n**2, abs=1e-5)
            best = int(votes[1:].argmax()) + 1
            best = best if votes[best] >= votes[0] else 0
            assert mask[row, column] == best
            expected = nearest[best] if best else np.inf
            assert out_depth[row, column] == pytest.approx(expected)
