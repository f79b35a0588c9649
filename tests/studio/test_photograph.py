"""Photographs: the truth they come with, against geometry computed another way; and determinism."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from likeness.geometry.head_numpy import pose_head
from likeness.studio import landmark_points
from likeness.studio.camera import Framing
from likeness.studio.deform import clamp_weights
from likeness.studio.expressions import INDEX
from likeness.studio.figure import HeadPose, PersonSitter
from likeness.studio.occluders import KINDS, Occluder
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.photograph import Photograph, photograph, sitter_of
from likeness.studio.scene import Scene
from likeness.studio.template import build_template
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.studio import true_shape

SIZE = 96


@cache
def _person() -> Person:
    return Person.sample(32)


@cache
def _portrait(yaw: float = 0.0) -> Photograph:
    return photograph(_person(), Scene.portrait(yaw=yaw), SIZE)


def test_what_a_photograph_holds():
    picture = _portrait()
    assert picture.image.shape == (SIZE, SIZE, 3)
    assert picture.image.dtype == np.float32
    assert picture.image.min() >= 0.0
    assert picture.image.max() <= 1.0
    assert picture.image.std() > 0.1
    assert picture.mask.shape == picture.depth.shape == (SIZE, SIZE)
    assert picture.landmarks68.shape == (68, 2)
    assert picture.visible.shape == (68,)
    shown = {LABELS[label] for label in np.unique(picture.mask)}
    assert {"background", "skin", "hair", "neck", "body"} <= shown
    assert np.array_equal(np.isinf(picture.depth), picture.mask == 0)


def test_the_same_picture_every_time():
    again = photograph(_person(), Scene.portrait(), SIZE)
    assert np.array_equal(again.image, _portrait().image)
    scene = Scene.sample(np.random.default_rng(4))
    one, two = (photograph(_person(), scene, 48) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    other = photograph(_person(), replace(scene, seed=scene.seed + 1), 48)
    assert not np.array_equal(one.image, other.image)  # the grain is the scene's


def test_depth_is_where_the_landmarks_are():
    """The picture's depth at frontal inner landmarks is the distance of the projected points."""
    picture = _portrait()
    distance = -_landmarks_before_camera(picture)[:, 2]
    column, row = np.floor(picture.landmarks68).astype(int).T
    inner = np.arange(27, 48)  # nose and eyes
    np.testing.assert_allclose(picture.depth[row, column][inner], distance[inner], atol=0.012)
    assert picture.visible[17:].all()


def _landmarks_before_camera(picture: Photograph) -> np.ndarray:
    sitter = sitter_of(_person())
    parameters = picture.parameters
    pose = HeadPose(tuple(parameters["root"]), tuple(parameters["neck"]))
    return sitter.pose(parameters["arkit"], pose).landmarks68 + parameters["translation"]


@pytest.mark.parametrize("yaw", [0.0, 50.0])
def test_landmarks_are_projected_by_the_camera_of_the_parameters(yaw):
    picture = _portrait(yaw)
    points = _landmarks_before_camera(picture)
    fx, fy, cx, cy = picture.parameters["camera"]
    u = cx + fx * points[:, 0] / -points[:, 2]
    v = cy - fy * points[:, 1] / -points[:, 2]
    np.testing.assert_allclose(picture.landmarks68, np.stack([u, v], axis=1), atol=1e-3)
    left, top, right, bottom = picture.box
    assert (left, right) == pytest.approx((u.min(), u.max()), abs=1e-3)
    assert (top, bottom) == pytest.approx((v.min(), v.max()), abs=1e-3)


def test_far_landmarks_are_hidden_in_profile():
    """The face turned to the right of the picture hides the subject's left eye and brow."""
    picture = _portrait(75.0)
    assert not picture.visible[[24, 25, 26, 44, 45]].any()
    assert picture.visible[[17, 36, 39, 48]].all()
    assert picture.parameters["yaw_pitch_roll"][0] == pytest.approx(np.radians(75))


def test_landmarks_outside_the_picture_are_not_visible():
    scene = replace(Scene.portrait(), framing=Framing(distance=1.0, margin=0.7, offset=(0, 0)))
    picture = photograph(_person(), scene, 64)
    outside = ((picture.landmarks68 < 0) | (picture.landmarks68 >= 64)).any(axis=1)
    assert outside.sum() > 5
    assert not picture.visible[outside].any()


@pytest.mark.parametrize("margin", [1.4, 2.0])
@pytest.mark.parametrize("distance", [0.4, 2.5])
def test_framing_puts_the_box_where_it_was_asked_for(margin, distance):
    framing = Framing(distance, margin, offset=(0.1, -0.05), principal=(0.2, -0.1))
    picture = photograph(_person(), replace(Scene.portrait(yaw=20.0), framing=framing), (64, 96))
    left, top, right, bottom = picture.box
    assert max(right - left, bottom - top) == pytest.approx(64 / margin, rel=0.02)
    assert 0.5 * (left + right) == pytest.approx(48 + 6.4, abs=0.2)
    assert 0.5 * (top + bottom) == pytest.approx(32 - 3.2, abs=0.2)
    fx, fy, cx, cy = picture.parameters["camera"]
    assert fx == fy
    assert (cx, cy) == pytest.approx((48 + 12.8, 32 - 6.4), abs=1.0)
    middle = np.median(picture.depth[np.isfinite(picture.depth)])
    assert middle == pytest.approx(distance, abs=0.12)


def test_no_expression_moves_a_portrait():
    """The bridge of the nose, which no jaw moves, stays on its pixel; a crop around the face as it
    is shown moves it up and shrinks it."""
    scene = Scene.portrait(yaw=20.0)
    following = replace(scene, framing=replace(scene.framing, at_rest=False))
    shown = {
        (kind, jaw): photograph(_person(), view, 48, expression=_with(jawOpen=jaw))
        for kind, view in (("portrait", scene), ("following", following))
        for jaw in (0.0, 1.0)
    }
    for name in ("camera", "translation"):
        closed, opened = (shown["portrait", jaw].parameters[name] for jaw in (0.0, 1.0))
        assert np.array_equal(closed, opened)
    bridge = {key: picture.landmarks68[27] for key, picture in shown.items()}
    assert np.abs(bridge["portrait", 1.0] - bridge["portrait", 0.0]).max() < 0.02
    assert bridge["following", 1.0][1] < bridge["following", 0.0][1] - 0.5
    assert np.array_equal(bridge["following", 0.0], bridge["portrait", 0.0])


def test_eyes_meet_the_camera():
    """Lines of sight, from the posed eyeballs' own vertices, pass the camera within two degrees."""
    sitter = sitter_of(_person())
    picture = photograph(sitter, Scene.portrait(yaw=18.0, pitch=-6.0), 48)
    parameters = picture.parameters
    pose = HeadPose(tuple(parameters["root"]), tuple(parameters["neck"]))
    figure = sitter.pose(parameters["arkit"], pose)
    for side in ("left", "right"):
        ball = figure.vertices[sitter.template.part_ranges[f"eyeball_{side}"]]
        ball = ball + parameters["translation"]
        sight = ball[0] - ball[-32:].mean(axis=0)  # to the pupil from the ring at the back
        toward = -ball.mean(axis=0)
        cosine = sight @ toward / np.linalg.norm(sight) / np.linalg.norm(toward)
        assert np.degrees(np.arccos(cosine)) < 2.0


def test_an_expression_given_is_the_one_shown():
    weights = np.zeros(52)
    weights[INDEX["jawOpen"]] = 0.8
    picture = photograph(_person(), Scene.portrait(), SIZE, expression=weights)
    assert np.array_equal(picture.parameters["arkit"], weights)
    opened = picture.landmarks68[66, 1] - picture.landmarks68[62, 1]
    closed = _portrait().landmarks68[66, 1] - _portrait().landmarks68[62, 1]
    assert opened - closed > 0.04 * SIZE


def test_light_comes_from_where_the_key_is():
    """With the key mirrored, the brighter cheek changes sides."""
    scene = Scene.portrait()
    key = scene.lighting.key
    brightness = []
    for azimuth in (key.azimuth, -key.azimuth):
        lighting = replace(scene.lighting, key=replace(key, azimuth=azimuth))
        picture = photograph(_person(), replace(scene, lighting=lighting), SIZE)
        points = picture.landmarks68
        row = int(points[[31, 35], 1].mean())
        right = int(0.5 * (points[2, 0] + points[31, 0]))
        left = int(0.5 * (points[14, 0] + points[35, 0]))
        brightness.append(
            [picture.image[row - 2 : row + 3, x - 2 : x + 3].mean() for x in (right, left)]
        )
    assert key.azimuth < 0  # from the picture's left: the subject's right cheek
    assert brightness[0][0] > brightness[0][1] + 0.08
    assert brightness[1][1] > brightness[1][0] + 0.08


def test_supersampling_keeps_the_truth():
    one = photograph(_person(), Scene.portrait(), 64, supersampling=1)
    three = photograph(_person(), Scene.portrait(), 64, supersampling=3)
    assert np.array_equal(one.landmarks68, three.landmarks68)
    assert (one.mask == three.mask).mean() > 0.96
    assert np.abs(one.image - three.image).mean() < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_an_occluder_hides_what_is_behind_it(kind):
    """Laid on the mouth: its label, a nearer depth, hidden landmarks, and nothing else changes."""
    occluder = Occluder(kind, (0.0, 0.22), 0.2, 1.0, (0.3, 0.2, 0.1), 0.15)
    scene = replace(Scene.portrait(), occluder=occluder)
    picture, without = photograph(_person(), scene, SIZE), _portrait()
    hidden = picture.mask == LABELS.index("occluder")
    assert 0.01 < hidden.mean() < 0.3
    np.testing.assert_allclose(picture.depth[hidden], scene.framing.distance - 0.15, atol=1e-5)
    assert not picture.visible[[62, 66]].any()
    assert picture.visible[36:48].all()
    away = ~cv2.dilate(hidden.astype(np.uint8), np.ones((3, 3))).astype(bool)
    assert np.array_equal(picture.image[away], without.image[away])
    assert np.array_equal(picture.mask[~hidden], without.mask[~hidden])
    assert np.array_equal(picture.landmarks68, without.landmarks68)


def test_levels_of_detail_show_the_same_person():
    """The same landmarks within a pixel, nearly the same labels and colours."""
    standard = _portrait(20.0)
    for detail in ("low", "high"):
        picture = photograph(sitter_of(_person(), detail), Scene.portrait(yaw=20.0), SIZE)
        apart = np.linalg.norm(picture.landmarks68 - standard.landmarks68, axis=1)
        assert apart.max() < 1.0
        assert (picture.mask == standard.mask).mean() > 0.95
        assert np.abs(picture.image - standard.image).mean() < 0.02


def test_too_small_a_picture_is_refused():
    with pytest.raises(ValueError, match="at least 8 pixels"):
        photograph(_person(), Scene.portrait(), 4)


def _strays(sitter: PersonSitter, yaw: float) -> float:
    """mm by which the border between skin and neck leaves a smooth curve, at most.

    Of degree 10: below the jaw it dips, and where the jaw stands before the neck it has a corner.
    """
    picture = photograph(sitter, Scene.portrait(yaw=yaw), 256)
    below_skin = (picture.mask[1:] == LABELS.index("neck")) & (picture.mask[:-1] == 1)
    columns = np.flatnonzero(below_skin.any(axis=0))
    x = columns[np.abs(columns - columns.mean()) < 0.4 * np.ptp(columns)]
    y = below_skin[:, x].argmax(axis=0)
    curve = np.polynomial.Polynomial.fit(x, y, 10)
    millimetres = 1000.0 * np.median(picture.depth[y, x]) / picture.parameters["camera"][0]
    assert len(x) > 50
    return float(np.abs(curve(x) - y).max() * millimetres)


@pytest.mark.parametrize("yaw", [0.0, 40.0])
def test_the_border_between_skin_and_neck_has_no_teeth(yaw):
    """It lies within 2 mm of a smooth curve; along whole triangles it strays by 3 to 7."""
    assert _strays(PersonSitter(_person()), yaw) < 2.0


def test_a_border_along_triangles_has_teeth():
    """Or the test above could not fail."""
    sitter = PersonSitter(_person())
    sitter.surface = replace(sitter.surface, neck=np.round(sitter.surface.neck))
    assert _strays(sitter, 40.0) > 3.0


@pytest.mark.parametrize("kind", ["t-shirt", "v-neck"])
def test_a_neck_ends_where_cloth_begins(kind):
    """Of blue clothes: what is bluer than red below the face is body, the rest is neck. The border
    was the rim of the head's mesh, saw-toothed across bare skin."""
    person = _person()
    cloth = replace(
        person.appearance.clothing, kind=kind, colour=(0.02, 0.05, 0.5), stripe_width=0.0
    )
    dressed = replace(person, appearance=replace(person.appearance, clothing=cloth))
    picture = photograph(dressed, Scene.portrait(), 256)
    below = np.zeros_like(picture.mask, bool)
    below[int(picture.landmarks68[8, 1]) + 2 :] = True
    neck, body = (picture.mask == LABELS.index(name) for name in ("neck", "body"))
    is_blue = picture.image[..., 2] > picture.image[..., 0]
    told = below & (neck | body)
    border = np.zeros_like(told)
    border[1:] |= body[1:] != body[:-1]
    border[:, 1:] |= body[:, 1:] != body[:, :-1]
    border |= np.roll(border, -1, axis=0) | np.roll(border, -1, axis=1)
    assert (told & neck).sum() > 1000
    assert (is_blue == body)[told & ~border].mean() > 0.995


def test_vertices_and_landmarks_are_the_drawn_head():
    """Projected by the camera the landmarks on the vertices are the picture's, and lie in it."""
    scene = replace(Scene.portrait(yaw=25.0), expression=tuple(_with(tongueOut=0.9)))
    picture = photograph(_person(), scene, SIZE)
    template = build_template()
    assert picture.vertices.shape == template.vertices.shape
    fixed = landmark_points.landmarks68(template)
    corners = picture.vertices[template.faces[fixed.triangles[17:]]]
    points = np.einsum("nk,nkc->nc", fixed.barycentric[17:], corners)
    np.testing.assert_allclose(points, picture.landmarks3d[17:], atol=1e-6)
    fx, fy, cx, cy = picture.parameters["camera"]
    x, y, z = picture.landmarks3d.T
    seen = np.stack([cx - fx * x / z, cy + fy * y / z], axis=1)
    np.testing.assert_allclose(seen, picture.landmarks68, atol=1e-2)
    column, row = np.floor(picture.landmarks68[27:31]).astype(int).T
    np.testing.assert_allclose(picture.depth[row, column], -z[27:31], atol=0.006)


def test_a_tongue_opens_the_jaw_in_the_parameters_too():
    picture = photograph(_person(), Scene.portrait(), 48, expression=_with(tongueOut=1.0))
    assert picture.parameters["expression"][INDEX["jawOpen"]] > 0.2
    np.testing.assert_array_equal(
        picture.parameters["expression"], clamp_weights(_with(tongueOut=1.0))
    )


def _with(**weights: float) -> np.ndarray:
    values = np.zeros(52)
    for name, weight in weights.items():
        values[INDEX[name]] = weight
    return values


def test_parameters_make_the_head_as_nearly_as_the_page_says():
    """64 people in sampled scenes: through the head model, with the nearest shape of its basis."""
    head = open_head("studio")
    template = build_template()
    away, landmarks = [], []
    for seed in range(4000, 4064):
        person = Person.sample(seed)
        scene = Scene.sample(np.random.default_rng(seed), max_yaw=70)
        picture = photograph(sitter_of(person), scene, 16, supersampling=1)
        parameters = picture.parameters
        names = ("root", "neck", "jaw", "left_eye", "right_eye", "translation")
        posed = pose_head(
            head,
            {
                "shape": true_shape(person),
                "expression": parameters["expression"],
                **{name: parameters[name] for name in names},
            },
        )
        apart = 1000.0 * np.linalg.norm(posed.vertices - picture.vertices, axis=1)
        away.append(apart[: template.num_skin].mean())
        apart = 1000.0 * np.linalg.norm(posed.landmarks68 - picture.landmarks3d, axis=1)
        landmarks.append(apart.max())
    assert np.median(away) < 0.15
    assert max(away) < 0.4
    assert np.median(landmarks) < 0.6  # the worst of each picture's 68
    assert np.quantile(landmarks, 0.9) < 2.2
    assert max(landmarks) < 4.0


@pytest.mark.parametrize("yaw", [-90.0, 90.0])
def test_a_portrait_from_the_side_shows_all_of_the_head(yaw):
    picture = photograph(sitter_of(Person.sample(104)), Scene.portrait(yaw=yaw), 96)
    hair = picture.mask == LABELS.index("hair")
    assert hair.sum() > 500
    assert not hair[0].any()
    assert not hair[:, [0, -1]].any()
