from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from likeness.geometry.alignment import fit_similarity
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.ict_assets import load_ict
from likeness.studio.asset_tongue import find_tongue
from likeness.studio.curves import CHANNEL, CHANNELS
from likeness.studio.expressions import JAW_DEGREES
from likeness.studio.person import Person
from likeness.systems.audio2face.blendshape_solving import solve
from likeness.systems.audio2face.speaking_heads import open_speaking_head
from likeness.systems.audio2face.studio_faces import (
    AssetFace,
    SpeakingFace,
    StudioFace,
)
from tests.realdata import real_data

STRENGTHS = ("L2regularization", "L1regularization", "TemporalSmoothing", "Symmetry")


@cache
def _whole() -> StudioFace:
    return StudioFace(Person.sample(3))


@cache
def _small() -> StudioFace:
    return StudioFace(Person.sample(3), 600)


def _frames(*weights: dict[str, float]) -> np.ndarray:
    frames = np.zeros((len(weights), len(CHANNELS)))
    for row, named in enumerate(weights):
        for name, weight in named.items():
            frames[row, CHANNEL[name]] = weight
    return frames


def test_a_face_at_rest_is_its_neutral() -> None:
    face = _whole()
    skin, tongue, jaw = face.move(_frames({}))
    assert skin[0] == pytest.approx(face.neutral, abs=1e-5)
    assert tongue is not None
    assert tongue[0] == pytest.approx(face.tongue_neutral, abs=1e-5)
    assert np.abs(jaw).max() < 1e-5
    assert len(face.neutral) == 4957


@pytest.mark.parametrize("face", [_whole, _small])
def test_triangles_look_outward_and_leave_mouth_and_eyes_open(
    face: Callable[[], StudioFace],
) -> None:
    made = face()
    a, b, c = made.neutral[made.faces].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    front = (made.neutral[made.faces][:, :, 2] > 7.0).all(axis=1)  # the face but its sides, cm
    assert (normals[front, 2] > 0).mean() > 0.9
    assert len(np.unique(made.faces)) > 0.99 * len(made.neutral)
    upper, lower = set(made.lip_distance.upper.tolist()), set(made.lip_distance.lower.tolist())
    inner = {tuple(sorted(f)) for f in made.faces.tolist() if set(f) & upper and set(f) & lower}
    assert not inner, "a triangle closes the mouth"
    assert made.tongue_faces is not None
    assert made.tongue_faces.max() == len(made.tongue_neutral) - 1


def test_the_reduced_mesh_is_a_part_of_the_whole_with_the_same_lists() -> None:
    whole, small = _whole(), _small()
    assert small.neutral.shape == (600, 3)
    rows = {tuple(vertex) for vertex in whole.neutral.tolist()}
    assert all(tuple(vertex) in rows for vertex in small.neutral.tolist())
    for name in ("lip_distance", "eye_distance"):
        one, other = getattr(whole, name), getattr(small, name)
        assert np.array_equal(whole.neutral[one.upper], small.neutral[other.upper])
        assert np.array_equal(whole.neutral[one.lower], small.neutral[other.lower])
    frames = _frames({"jawOpen": 0.6, "mouthSmileLeft": 0.5}, {"eyeBlinkLeft": 1.0})
    full, part = whole.move(frames)[0], small.move(frames)[0]
    assert np.array_equal(full[:, small._kept], part)  # lips at rest lie on each other


def test_the_jaw_turns_as_the_studios_does() -> None:
    face = _whole()
    jaw = face.move(_frames({"jawOpen": 1.0}))[2][0]
    fit = fit_similarity(face.jaw_neutral, face.jaw_neutral + jaw, scale=1.0)
    angle = np.degrees(np.arctan2(fit.rotation[2, 1], fit.rotation[2, 2]))
    assert angle == pytest.approx(JAW_DEGREES, abs=0.1)
    slid = face.move(_frames({"jawLeft": 1.0}))[2][0]
    assert slid == pytest.approx(np.tile(slid[0], (5, 1)), abs=1e-3)
    assert slid[0, 0] > 0.3  # toward the subject's left


def test_points_of_the_jaw_are_on_the_arch_from_front_to_back() -> None:
    middle, left, right, far_left, far_right = _whole().jaw_neutral
    assert abs(middle[0]) < 0.01
    assert middle[2] > left[2] > far_left[2]
    assert 1.0 < left[0] < far_left[0]
    for one, other in ((left, right), (far_left, far_right)):
        assert one * (-1, 1, 1) == pytest.approx(other, abs=1e-3)


def _checked(face: SpeakingFace) -> None:
    """What any face has to have."""
    lids, lips = face.eye_distance, face.lip_distance
    neutral = face.neutral
    open_lids = neutral[lids.upper, 1] - neutral[lids.lower, 1]
    assert (open_lids > 0.5).all()
    closed = neutral + face.eye_close_delta
    assert (closed[lids.upper, 1] - closed[lids.lower, 1] < 0.25 * open_lids).all()
    skin = face.move(_frames({"jawOpen": 1.0}))[0][0]
    assert (skin[lips.upper, 1] - skin[lips.lower, 1] > 1.5).all()
    for lip in (face.lip_size.upper_lip, face.lip_size.lower_lip):
        height = neutral[lip.upper, 1] - neutral[lip.lower, 1]
        assert ((height > 0.3) & (height < 1.6)).all()
    shapes = face.blendshapes()
    assert len(shapes.names) == 52
    opened = dict(zip(shapes.names, shapes.offsets, strict=True))
    chin = int(neutral[:, 1].argmin())
    assert opened["mouthClose"][chin] == pytest.approx(opened["jawOpen"][chin], abs=0.4)


def test_lists_and_poses_of_a_studio_face() -> None:
    _checked(_whole())
    _checked(_small())


@pytest.mark.parametrize("face", [_whole, _small])
def test_few_vertices_do_not_hide_a_blink_or_the_tongue(face: Callable[[], StudioFace]) -> None:
    """Weights that are solved are those the face was moved by, over a blink of 0.3 s at 30 fps."""
    made = face()
    blink = np.array([0, 0, 0.3, 0.8, 1, 1, 0.7, 0.3, 0.1, 0, 0])
    up = np.sin(np.linspace(0, np.pi, len(blink)))
    frames = _frames(*({"eyeBlinkLeft": b, "eyeBlinkRight": b, "jawOpen": 0.4} for b in blink))
    skin, _, _ = made.move(frames)
    shapes = made.blendshapes()
    weights = dict(zip(shapes.names, solve(skin, shapes).T))
    for side in ("Left", "Right"):
        assert weights[f"eyeBlink{side}"].max() > 0.9
        assert np.abs(weights[f"eyeBlink{side}"] - blink).max() < 0.15
    assert np.abs(weights["jawOpen"] - 0.4).max() < 0.05
    _, still, _ = made.move(_frames(*({"tongueUp": u} for u in up)))
    tongue_shapes = made.tongue_blendshapes()
    assert still is not None
    assert tongue_shapes is not None
    found = dict(zip(tongue_shapes.names, solve(still, tongue_shapes).T))
    assert found["tongueUp"].max() > 0.5  # 0.2 with the strengths of 5602 vertices
    assert max(found, key=lambda name: float(found[name].max())) == "tongueUp"


def test_strengths_of_a_solver_grow_with_the_vertices() -> None:
    """Each vertex twice and twice the strengths: the weights are the same."""
    shapes = _small().blendshapes()
    skin = _small().move(_frames({"jawOpen": 0.3}, {"jawOpen": 0.3, "browInnerUp": 0.8}))[0]
    share = len(shapes.neutral) / 24002
    assert [shapes.settings[f"strength{name}"] for name in STRENGTHS] == pytest.approx(
        [0.5 * share, 0.5 * np.sqrt(share), 0.3 * share, 100.0 * share]
    )
    double = {
        f"strength{name}": float(shapes.settings[f"strength{name}"])  # type: ignore[arg-type]
        * (np.sqrt(2) if name == "L1regularization" else 2)
        for name in STRENGTHS
    }
    twice = replace(
        shapes,
        neutral=np.repeat(shapes.neutral, 2, axis=0),
        offsets=np.repeat(shapes.offsets, 2, axis=1),
        settings={**shapes.settings, **double},
    )
    np.testing.assert_allclose(
        solve(np.repeat(skin, 2, axis=1), twice), solve(skin, shapes), atol=1e-5
    )


def _tongue_of(asset: HeadAsset) -> np.ndarray:
    found = find_tongue(asset)
    assert found is not None
    return found.vertices[: found.num_own]


@pytest.mark.realdata
def test_the_tongue_of_another_head_rides_on_its_jaw() -> None:
    """What its file calls gums and tongue is one surface; the tongue lies within the lower arch."""
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    face = AssetFace(asset, None)
    own = 100 * asset.template[_tongue_of(asset)]
    assert face.tongue_neutral is not None
    assert face.tongue_rigid is not None
    assert face.tongue_faces is not None
    assert len(face.tongue_neutral) == 428 + 23
    assert np.abs(own[:, 0]).max() < 2.0  # cm; the lower arch is 2.9 to a side
    assert own[:, 0].min() == pytest.approx(-own[:, 0].max(), abs=0.01)
    teeth = 100 * asset.template[asset.masks["teeth"]]
    assert own[:, 2].max() < teeth[:, 2].max() - 0.5
    # All of its surface, and nothing of it twice.
    assert len(face.faces) + len(face.tongue_faces) == asset.num_faces
    frames = _frames({}, {"jawOpen": 0.6}, {"jawOpen": 0.6, "tongueTipUp": 1.0}, {"tongueOut": 1.0})
    _, tongue, jaw = face.move(frames)
    assert tongue is not None
    assert jaw is not None
    carried = fit_similarity(face.jaw_neutral, face.jaw_neutral + jaw[1], scale=1.0)
    np.testing.assert_allclose(tongue[0], face.tongue_neutral, atol=1e-4)
    np.testing.assert_allclose(tongue[1], carried.apply(face.tongue_neutral), atol=1e-3)
    rim = face.tongue_rigid
    np.testing.assert_allclose(tongue[2][rim], tongue[1][rim], atol=1e-4)
    tip = int(face.tongue_neutral[:, 2].argmax())
    assert tongue[2][tip, 1] - tongue[1][tip, 1] == pytest.approx(1.0, abs=0.1)  # cm up
    assert tongue[3][tip, 2] - tongue[0][tip, 2] == pytest.approx(3.0, abs=0.1)  # cm out
    shapes = face.tongue_blendshapes()
    assert shapes is not None
    assert len(shapes.names) == 16


@pytest.mark.realdata
def test_another_head_speaks_too() -> None:
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    face = AssetFace(asset, seed=1)
    assert len(face.neutral) == asset.num_vertices - 428
    _checked(face)
    frames = _frames({}, {"eyeLookDownLeft": 1.0, "eyeLookDownRight": 1.0, "jawOpen": 0.3})
    skin, _, jaw = face.move(frames)
    balls = np.isin(
        np.setdiff1d(np.arange(asset.num_vertices), _tongue_of(asset)), asset.masks["eyeballs"]
    )
    assert np.array_equal(skin[0, balls], skin[1, balls])
    fit = fit_similarity(face.jaw_neutral, face.jaw_neutral + jaw[1], scale=1.0)
    assert np.abs(fit.apply(face.jaw_neutral) - face.jaw_neutral - jaw[1]).max() < 1e-4
    assert np.degrees(np.arctan2(fit.rotation[2, 1], fit.rotation[2, 2])) > 4.0
    other = AssetFace(asset, seed=2)
    assert np.abs(other.neutral - face.neutral).max() > 0.1


@pytest.mark.realdata
def test_a_head_without_teeth_has_a_face_and_no_jaw() -> None:
    face = AssetFace(open_speaking_head(real_data("ict_face_model") / "ict_face_mini.npz"), None)
    skin, tongue, jaw = face.move(_frames({"jawOpen": 0.5}))
    assert (face.jaw_neutral, tongue, jaw) == (None, None, None)
    gap = face.lip_distance
    opened = skin[0, gap.upper, 1] - skin[0, gap.lower, 1]
    assert (opened - (face.neutral[gap.upper, 1] - face.neutral[gap.lower, 1]) > 0.5).all()  # cm
