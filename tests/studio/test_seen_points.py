"""Seen landmarks, against rays cast at every triangle in space, and against what pixels show."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from likeness.studio.figure import Figure, HeadPose
from likeness.studio.groups import photograph_group
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.photograph import Photograph, photograph, sitter_of
from likeness.studio.scene import Scene
from likeness.studio.seen_points import COVERED_BEHIND, HIDDEN_BEHIND, _nearest_on_rays
from likeness.studio.traits import GlassesTraits
from tests.studio.test_groups import _member, _scene

SIZE = 96
HAIR, OCCLUDER = LABELS.index("hair"), LABELS.index("occluder")


def _wearing(seed: int, kind: str) -> Person:
    person = Person.sample(seed)
    clear = (0.93, 0.93, 0.93)
    worn = GlassesTraits(kind, False, "black", (0.01, 0.01, 0.01), 0.0, 3.0, 1.0, clear)
    return replace(person, appearance=replace(person.appearance, glasses=worn))


@cache
def _taken(seed: int, kind: str, yaw: float) -> tuple[Photograph, Figure]:
    sitter = sitter_of(_wearing(seed, kind))
    picture = photograph(sitter, Scene.portrait(yaw=yaw), SIZE)
    truth = picture.parameters
    pose = HeadPose(tuple(truth["root"]), tuple(truth["neck"]))
    return picture, sitter.pose(truth["arkit"], pose)


def _gap_on_ray(point: np.ndarray, corners: np.ndarray) -> float:
    """Metres of depth between a point and the first triangle on the line to it from the camera at
    the origin (Moeller and Trumbore's test, in space); 0 where there is none before it.
    """
    start, edges = corners[:, 0], corners[:, 1:] - corners[:, :1]
    across = np.cross(point, edges[:, 1])
    scale = (edges[:, 0] * across).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (-start * across).sum(axis=1) / scale
        turned = np.cross(-start, edges[:, 0])
        v = turned @ point / scale
        share = (edges[:, 1] * turned).sum(axis=1) / scale
    hit = (u >= 0.0) & (v >= 0.0) & (u + v <= 1.0) & (share > 0.0)
    return float(-point[2] * (1.0 - share[hit].min(initial=1.0)))


def _gaps(picture: Photograph, figure: Figure, faces: np.ndarray) -> np.ndarray:
    vertices = figure.vertices + picture.parameters["translation"]
    corners = vertices[faces].astype(np.float64)
    return np.array([_gap_on_ray(point, corners) for point in picture.landmarks3d.astype(float)])


def _in_front(picture: Photograph) -> np.ndarray:
    """(68,) metres of what the landmark's own pixel shows before it; all landmarks inside."""
    column, row = np.floor(picture.landmarks68).astype(int).T
    return -picture.landmarks3d[:, 2] - picture.depth[row, column]


def _shown(picture: Photograph) -> np.ndarray:
    column, row = np.floor(picture.landmarks68).astype(int).T
    return picture.mask[row, column]


@pytest.mark.parametrize(
    ("seed", "kind", "yaw"), [(71, "round", 50.0), (72, "rectangular", -35.0), (73, "none", 60.0)]
)
def test_inner_landmarks_are_seen_where_rays_and_pixels_say_so(seed, kind, yaw):
    picture, figure = _taken(seed, kind, yaw)
    blocked = _gaps(picture, figure, figure.surface.faces) > HIDDEN_BEHIND
    covered = np.isin(_shown(picture), (HAIR, OCCLUDER)) & (_in_front(picture) > COVERED_BEHIND)
    inner = slice(17, 68)
    np.testing.assert_array_equal(picture.visible[inner], ~(blocked | covered)[inner])
    assert 3 <= blocked[inner].sum() < 40


def test_the_nearest_triangle_on_each_ray_equals_plain_loops():
    rng = np.random.default_rng(4)
    points = rng.uniform(0.0, 60.0, (90, 2))
    points[80:] = points[:10]
    points[80:, 1] += 25.0  # several in one column
    corners = rng.uniform(-5.0, 65.0, (150, 1, 2)) + rng.uniform(-9.0, 9.0, (150, 3, 2))
    away = rng.uniform(0.5, 2.0, (150, 3))
    away[0, 1] = -1.0  # reaches behind the camera
    faces = np.arange(450, dtype=np.int32).reshape(150, 3)
    nearest = np.full(90, np.inf)
    _nearest_on_rays(points, corners.reshape(-1, 2), away.ravel(), faces, nearest)
    expected = np.full(90, np.inf)
    for triangle, depths in zip(corners[1:], away[1:]):
        matrix = np.vstack([triangle.T, np.ones(3)])
        for number, point in enumerate(points):
            weights = np.linalg.solve(matrix, [*point, 1.0])
            if weights.min() >= 0.0:
                expected[number] = min(expected[number], 1.0 / (weights @ (1.0 / depths)))
    np.testing.assert_allclose(nearest, expected, rtol=1e-9)
    assert 0.2 < np.isfinite(expected).mean() < 1.0


@pytest.mark.parametrize(("seed", "kind", "yaw"), [(71, "round", 50.0), (72, "rectangular", -35.0)])
def test_a_frame_thinner_than_a_pixel_hides_what_is_behind_it(seed, kind, yaw):
    picture, figure = _taken(seed, kind, yaw)
    bare, _ = _taken(seed, "none", yaw)
    frames = figure.surface.faces[figure.surface.label[figure.surface.faces[:, 0]] == OCCLUDER]
    behind = _gaps(picture, figure, frames) > HIDDEN_BEHIND
    assert (behind & bare.visible).sum() >= 2
    assert not picture.visible[behind].any()
    covered = (_shown(picture) == OCCLUDER) & (_in_front(picture) > COVERED_BEHIND)
    assert not picture.visible[covered].any()


def test_the_jaw_line_is_seen_where_the_outline_is_a_pixel_away():
    """Of points that the cheek before them hides, those are seen that a pixel around is not."""
    pardoned = hidden = 0
    for seed, yaw in ((74, 10.0), (74, 20.0), (72, 20.0), (71, 50.0)):
        picture, figure = _taken(seed, "none", yaw)
        surface = figure.surface
        own = surface.faces[surface.faces[:, 0] < surface.num_head]
        behind = np.flatnonzero(_gaps(picture, figure, own)[:17] > HIDDEN_BEHIND)
        corners = (figure.vertices + picture.parameters["translation"])[own].astype(np.float64)
        covered = np.isin(_shown(picture), (HAIR, OCCLUDER)) & (_in_front(picture) > COVERED_BEHIND)
        fx, fy = picture.parameters["camera"][:2]
        for point in behind:
            place = picture.landmarks3d[point].astype(np.float64)
            around = [
                _gap_on_ray(place + -place[2] * np.array([i / fx, j / fy, 0.0]), corners)
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
            ]
            expected = min(around) <= HIDDEN_BEHIND and not covered[point]
            assert picture.visible[point] == expected, (seed, yaw, point)
            pardoned += expected
            hidden += not expected
    assert pardoned >= 8
    assert hidden >= 1


def test_dark_lenses_hide_eyes():
    person = _wearing(71, "round")
    worn = replace(person.appearance.glasses, tint=(0.1, 0.1, 0.1))
    person = replace(person, appearance=replace(person.appearance, glasses=worn))
    picture = photograph(person, Scene.portrait(), SIZE)
    far = _in_front(picture)[36:48] > COVERED_BEHIND
    assert (far & (_shown(picture)[36:48] == OCCLUDER)).sum() >= 6
    np.testing.assert_array_equal(picture.visible[36:48], ~far)


def test_hair_hides_the_skin_it_lies_on():
    """Points of the jaw under long hair counted as seen where it was less than 12 mm thick."""
    close = 0
    for seed, style in ((1086, "long"), (1098, "bob")):
        person = _wearing(seed, "none")
        assert person.appearance.hair.style == style
        picture = photograph(person, Scene.portrait(), SIZE)
        front = _in_front(picture)
        under = (_shown(picture) == HAIR) & (front > COVERED_BEHIND)
        assert not picture.visible[under].any()
        close += (under & (front < HIDDEN_BEHIND)).sum()
    assert close >= 2


def test_another_person_hides_whatever_of_theirs_is_in_front():
    scene = _scene((-0.05, -0.02, 0.85), (0.08, 0.0, 1.15))
    together = photograph_group([_member(32), _member(5)], scene, (144, 192))
    for number, truth in enumerate(together.people):
        column, row = np.floor(truth.landmarks68).astype(int).T
        theirs = ~np.isin(together.instance[row, column], (0, number + 1))
        before = theirs & (_in_front(truth) > COVERED_BEHIND)
        assert not truth.visible[before].any()
        assert (before.sum() > 5) == (number == 1)
