"""Samples, shared paint and composition: against the camera model and plain loops."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from likeness.geometry.cameras import PerspectiveCamera
from likeness.studio.figure import LABELS, HeadPose, PersonSitter
from likeness.studio.merge import merge
from likeness.studio.person import Person
from likeness.studio.pixels import farthest_depth, project, share_points, take_samples
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


@pytest.fixture(scope="module")
def samples():
    figure = PersonSitter(Person.sample(32)).pose(np.zeros(52), HeadPose())
    vertices = figure.vertices - np.array([0.0, 0.02, 1.2], np.float32)
    return figure, take_samples(figure, vertices, (600.0, 600.0, 60.0, 60.0), 120, 120)


def test_samples_lie_on_their_pixels_rays(samples):
    _, found = samples
    row, column = found.place // 120, found.place % 120
    xy, depth = project(found.position, (600.0, 600.0, 60.0, 60.0))
    np.testing.assert_allclose(xy, np.stack([column, row], 1) + 0.5, atol=0.02)
    np.testing.assert_allclose(depth, found.depth, rtol=1e-4)
    assert np.all(np.diff(found.place) > 0)
    np.testing.assert_allclose(found.points.footprint, 1000 * found.depth / 600, rtol=1e-5)


def test_shared_points_are_the_means_of_their_samples(samples):
    figure, found = samples
    shared = share_points(found, 2)
    number = len(shared.points)
    assert number < 0.45 * len(found.place)
    assert set(shared.group.tolist()) == set(range(number))
    pixel = found.place // 120 // 2 * 60 + found.place % 120 // 2
    part = found.points.part
    eyes = np.isin(part, [PARTS.index("eyeball_left"), PARTS.index("eyeball_right")])
    assert eyes.sum() > 20
    members = np.bincount(shared.group)
    assert members.max() == 4
    assert np.all(members[shared.group[eyes]] == 1)
    for group in np.random.default_rng(0).integers(0, number, 300):
        own = shared.group == group
        assert len(set(pixel[own])) == 1
        assert set(part[own]) == {shared.points.part[group]}
        for field in fields(shared.points):
            if field.name in ("part", "footprint"):
                continue
            mean = getattr(found.points, field.name)[own].mean(axis=0)
            np.testing.assert_allclose(
                getattr(shared.points, field.name)[group], mean, rtol=1e-4, atol=1e-4
            )
        expected = found.points.footprint[own].mean() * np.sqrt(own.sum())
        assert shared.points.footprint[group] == pytest.approx(expected, rel=1e-4)
    assert figure.surface.faces[shared.tri].shape == (number, 3)


def test_farthest_depth_is_infinite_where_a_sample_is_missing():
    place = np.array([0, 1, 4, 5, 2, 3, 6], np.int64)  # a grid of 4 x 2: two pixels of 2 x 2
    place.sort()
    depths = np.array([1.0, 2.0, 5.0, 6.0, 1.5, 3.0, 7.0], np.float32)
    out = np.empty((1, 2), np.float32)
    farthest_depth(place, depths, 4, 2, out)
    assert out[0, 0] == 3.0
    assert np.isinf(out[0, 1])


def test_merging_equals_plain_loops():
    rng = np.random.default_rng(1)
    height, width, n = 5, 6, 2
    place = np.flatnonzero(rng.random(height * n * width * n) < 0.7)
    color = rng.random((len(place), 3)).astype(np.float32)
    num_labels = 11  # of two figures
    label = rng.integers(1, num_labels, len(place)).astype(np.uint8)
    depth = rng.uniform(1, 2, len(place)).astype(np.float32)
    strands = []
    for pixel in range(height * width):
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
        place, color, label, depth, strand_pixel, strand_color, hair, strand_depth, coverage, n,
        num_labels, picture, covered, mask, out_depth,
    )  # fmt: skip

    at = {int(p): k for k, p in enumerate(place)}
    for row in range(height):
        for column in range(width):
            total, votes = np.zeros(3), np.zeros(num_labels)
            nearest = np.full(num_labels, np.inf)
            for j in range(n):
                for i in range(n):
                    solid = at.get((row * n + j) * width * n + column * n + i)
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
                        total += left * color[solid]
                        votes[label[solid]] += left
                        nearest[label[solid]] = min(nearest[label[solid]], limit)
            np.testing.assert_allclose(picture[row, column], total / n**2, atol=1e-5)
            assert covered[row, column] == pytest.approx(1 - votes[0] / n**2, abs=1e-5)
            best = int(votes[1:].argmax()) + 1
            best = best if votes[best] >= votes[0] else 0
            assert mask[row, column] == best
            expected = nearest[best] if best else np.inf
            assert out_depth[row, column] == pytest.approx(expected)
