"""Eyeballs: sizes in millimetres, colours, and the shade of the lid."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import surface
from likeness.studio.expressions import INDEX
from likeness.studio.eyes import lid_distance
from likeness.studio.template import PARTS, build_template
from tests.studio.surface_cases import plain, points_at

CENTER = np.array([31.6, 36.2, 83.1])
RADIUS = 12.3


def _ray(degrees: np.ndarray, turn: float = 0.0, side: float = 1.0) -> np.ndarray:
    """Points of the ball at angles from the gaze axis, in a half plane."""
    angle = np.radians(degrees)
    offset = np.stack(
        [np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)], axis=1
    )
    return CENTER * (side, 1.0, 1.0) + RADIUS * offset


def _profile(appearance, degrees: np.ndarray, **fields) -> np.ndarray:
    """Mean luminance over 24 directions at each angle."""
    part = PARTS.index("eyeball_left")
    rows = []
    for turn in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        points = points_at(_ray(degrees, turn), part, footprint=0.05, **fields)
        albedo = surface.evaluate(appearance, points).albedo
        rows.append(albedo @ [0.2126, 0.7152, 0.0722])
    return np.mean(rows, axis=0)


@pytest.mark.parametrize("iris_degrees", [26.6, 27.6, 28.6])
def test_radius_of_the_iris_in_millimetres(iris_degrees: float) -> None:
    appearance = plain(eyes__iris_degrees=iris_degrees, eyes__iris_melanin=0.9)
    degrees = np.arange(20.0, 36.0, 0.1)
    light = _profile(appearance, degrees)
    middle = 0.5 * (light[degrees < 24].mean() + light[degrees > 33].mean())
    edge = degrees[np.argmax(light > middle)]
    # 5.7 mm is the usual radius of a visible iris.
    assert RADIUS * np.sin(np.radians(edge)) == pytest.approx(
        RADIUS * np.sin(np.radians(iris_degrees)), abs=0.2
    )


@pytest.mark.parametrize("pupil_degrees", [7.5, 10.0, 12.0])
def test_radius_of_the_pupil_in_millimetres(pupil_degrees: float) -> None:
    appearance = plain(
        eyes__pupil_degrees=pupil_degrees, eyes__iris_melanin=0.0, eyes__iris_greyness=0.0
    )
    degrees = np.arange(4.0, 18.0, 0.1)
    light = _profile(appearance, degrees)
    edge = degrees[np.argmax(light > 0.5 * light[degrees > 14.5].mean())]
    expected = RADIUS * np.sin(np.radians(pupil_degrees))
    assert RADIUS * np.sin(np.radians(edge)) == pytest.approx(expected, abs=0.25)
    assert light[degrees < pupil_degrees - 1.5].max() < 0.01


def test_white_is_never_paper() -> None:
    appearance = plain(eyes__sclera_redness=0.0, eyes__sclera_yellowness=0.0)
    white = points_at(_ray(np.array([38.0, 42.0])), PARTS.index("eyeball_left"))
    albedo = surface.evaluate(appearance, white).albedo
    assert albedo.max() < 0.57
    assert albedo.min() > 0.35


def test_limbus_is_darker_than_the_iris() -> None:
    light = _profile(
        plain(eyes__limbus=0.7, eyes__iris_melanin=0.0, eyes__collar=1.0), np.array([18.0, 26.0])
    )
    assert light[1] < 0.75 * light[0]


def test_iris_has_the_colour_of_the_trait() -> None:
    for melanin in (0.0, 0.5, 1.0):
        appearance = plain(
            eyes__iris_melanin=melanin, eyes__iris_greyness=0.0, eyes__collar=1.0, eyes__limbus=0.0
        )
        turns = np.linspace(0, 2 * np.pi, 90)
        outer, inner = (np.array(degrees) for degrees in ([22.0, 24.0], [12.0, 12.5]))
        for degrees, wanted in ((outer, "colour"), (inner, "inner_colour")):
            rest = np.concatenate([_ray(degrees, turn) for turn in turns])
            points = points_at(rest, PARTS.index("eyeball_left"))
            found = surface.evaluate(appearance, points).albedo.mean(axis=0)
            trait = np.array(getattr(appearance.eyes, wanted))
            np.testing.assert_allclose(found / found.sum(), trait / trait.sum(), atol=0.03)


def test_upper_lid_shades_the_ball() -> None:
    appearance = plain()
    part = PARTS.index("eyeball_left")
    rest = _ray(np.array([36.0]), 0.3)
    under, half, free = (
        surface.evaluate(appearance, points_at(rest, part, lid_distance=distance))
        for distance in (-2.0, 2.5, 8.0)
    )
    ratio = under.albedo[0] / free.albedo[0]
    np.testing.assert_allclose(ratio, 0.38, rtol=0.03)
    assert under.albedo.mean() < half.albedo.mean() < free.albedo.mean()
    assert under.specular[0] < 0.05 * free.specular[0]


def test_dark_lids_return_less_light_to_the_ball() -> None:
    """Under the lid a quarter of the light is left, with .6 of the rest as often as skin returns
    it; tones are those of the anchors at melanin .2 and .8."""
    part = PARTS.index("eyeball_left")
    rest = _ray(np.array([36.0]), 0.5 * np.pi)
    for melanin, tone in ((0.2, (0.60, 0.355, 0.245)), (0.8, (0.175, 0.080, 0.045))):
        under, free = (
            surface.evaluate(plain(skin__melanin=melanin), points_at(rest, part, lid_distance=away))
            for away in (-2.0, 8.0)
        )
        grey = float(np.dot(tone, (0.2126, 0.7152, 0.0722)))
        wanted = 0.25 + 0.75 * 0.6 * grey
        np.testing.assert_allclose(under.albedo[0] / free.albedo[0], wanted, rtol=1e-3)


def test_white_holds_melanin_where_skin_does() -> None:
    """Up to melanin .45 none; at .95 a fifth of red, 30 % of green and 42 % of blue beside the
    iris, and 60 % of that far from it."""
    part = PARTS.index("eyeball_left")
    points = points_at(_ray(np.array([32.0, 56.0]), 0.5 * np.pi), part)

    def white(melanin: float) -> np.ndarray:
        return surface.evaluate(plain(skin__melanin=melanin), points).albedo

    np.testing.assert_allclose(white(0.40) / white(0.45), 1.0, atol=0.01)
    kept = white(0.95) / white(0.45)
    np.testing.assert_allclose(kept[0], (0.80, 0.70, 0.58), atol=0.015)
    np.testing.assert_allclose(kept[1], (0.88, 0.82, 0.748), atol=0.015)


def test_lid_distance_on_the_template() -> None:
    template = build_template()
    for side, sign in (("left", 1), ("right", -1)):
        margin = template.vertices[template.eye_loops[side]]
        center = template.eye_centers[0 if sign > 0 else 1]
        middle = margin[12]  # the top of the upper lid
        probe = middle + np.array([[0.0, -3.0, 0.0], [0.0, 2.0, 0.0]])
        ball = np.concatenate([probe, 2 * center - probe])  # mean at the centre of the eye
        found = lid_distance(ball, margin, sign)[:2]
        np.testing.assert_allclose(found, [3.0, -2.0], atol=0.35)


def test_lid_distance_does_not_depend_on_the_pose() -> None:
    template = build_template()
    margin = template.vertices[template.eye_loops["left"]]
    ball = template.vertices[template.part_ranges["eyeball_left"]]
    angle = np.radians(35.0)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    ) @ np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    move = np.array([10.0, -40.0, 300.0])
    here = lid_distance(ball, margin, 1)
    there = lid_distance(ball @ turn.T + move, margin @ turn.T + move, 1)
    np.testing.assert_allclose(there, here, atol=1e-9)


def test_closing_lid_covers_the_ball_from_above() -> None:
    from likeness.studio.deform import apply_expression

    template = build_template()
    ball = template.part_ranges["eyeball_left"]
    weights = np.zeros(52)
    weights[INDEX["eyeBlinkLeft"]] = 0.6
    posed = apply_expression(template, template.vertices, weights)
    loop = template.eye_loops["left"]
    opened = lid_distance(template.vertices[ball], template.vertices[loop], 1)
    closing = lid_distance(posed[ball], posed[loop], 1)
    pole = 0  # the vertex the gaze axis leaves through
    assert opened[pole] > 2.0
    assert closing[pole] < opened[pole] - 3.0
