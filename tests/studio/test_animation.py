"""Heads moved by curves: parts that belong together move together and pass through nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from likeness.geometry.head_numpy import rotation_matrix
from likeness.geometry.ict_assets import load_ict
from likeness.studio.animation import animate_asset, animate_studio_head, head_pose
from likeness.studio.closures import AssetLips, StudioLips
from likeness.studio.curves import ARKIT, CHANNEL, CHANNELS, EYES, sample
from likeness.studio.expressions import jaw_motion
from likeness.studio.figure import HeadPose
from likeness.studio.performance import perform
from likeness.studio.performing_style import Delivery, PerformingStyle
from likeness.studio.person import Person
from likeness.studio.template import Template, build_template
from tests.realdata import real_data
from tests.studio.intersections import cutting_pairs
from tests.studio.speech_cases import BILABIALS, spoken, timeline_of, utterance_of

TEXT = "f *ɑː ð ɚ θ *ɪ ŋ k s _ w *uː b *æ m"


@pytest.fixture(scope="module")
def template():
    return build_template()


@pytest.fixture(scope="module")
def film(template):
    """A person's rest, frames at 25 fps, and the vertices."""
    rest = Person.sample(3).rest_vertices(template)
    curves = perform(
        utterance_of(timeline_of(TEXT), "joy"),
        PerformingStyle(),
        2,
        head=StudioLips(template, rest),
        delivery=Delivery(intensity=0.8),
    )
    frames = sample(curves, 25)
    return rest, frames, animate_studio_head(template, rest, frames)


def test_frames_are_millimetres_of_the_whole_head(template, film):
    rest, frames, moved = film
    assert moved.shape == (len(frames), template.num_vertices, 3)
    assert moved.dtype == np.float32
    skin = template.vertices[: template.num_skin]
    skull = (skin[:, 2] < -60.0) & (skin[:, 1] > 30.0)  # the scalp follows the brows a little
    assert (
        np.abs(moved[:, : template.num_skin][:, skull] - rest[: template.num_skin][skull]).max()
        < 0.5
    )
    upper = template.part_ranges["teeth_upper"]
    assert np.abs(moved[:, upper] - rest[upper]).max() < 1e-3


def test_the_jaw_carries_teeth_and_the_root_of_the_tongue(template, film):
    rest, frames, moved = film
    lower, tongue = (template.part_ranges[name] for name in ("teeth_lower", "tongue"))
    for row, vertices in zip(frames[::5], moved[::5]):
        rotation, _ = jaw_motion(row[ARKIT])
        arm = rest[lower] - rest[lower].mean(axis=0)
        wanted = arm @ rotation.T + vertices[lower].mean(axis=0)
        np.testing.assert_allclose(vertices[lower], wanted, atol=1e-3)
        root = slice(tongue.start, tongue.start + 9)
        apart = np.linalg.norm(
            vertices[root].mean(axis=0) - vertices[lower].mean(axis=0)
        ) - np.linalg.norm(rest[root].mean(axis=0) - rest[lower].mean(axis=0))
        assert abs(apart) < 1.5


def test_eyes_turn_by_the_eye_channels(template, film):
    rest, frames, moved = film
    for number, side, first in ((0, "left", EYES.start + 2), (1, "right", EYES.start)):
        ball = template.part_ranges[f"eyeball_{side}"]
        shift = (rest[ball] - template.vertices[ball]).mean(axis=0)
        center = template.eye_centers[number] + shift
        for row, vertices in zip(frames[::7], moved[::7]):
            turn = rotation_matrix(np.radians([row[first], row[first + 1], 0.0]))
            wanted = (rest[ball] - center) @ turn.T + center
            assert np.abs(vertices[ball] - wanted).max() < 0.12  # half a degree of 12 mm


def _penetration(
    template: Template, rest: np.ndarray, vertices: np.ndarray, row: np.ndarray
) -> dict:
    """Deepest mm of lids in balls and of lips behind the fronts of the teeth."""
    found = {"lids": 0.0, "lips": 0.0}
    for number, side in enumerate(("left", "right")):
        ball = template.part_ranges[f"eyeball_{side}"]
        center = template.eye_centers[number] + (rest[ball] - template.vertices[ball]).mean(axis=0)
        lids = template.eye_loops[side]
        distance = np.linalg.norm(vertices[lids] - center, axis=1)
        found["lids"] = max(found["lids"], float((template.eye_radius - distance).max()))
    rotations = {"teeth_upper": np.eye(3), "teeth_lower": jaw_motion(row[ARKIT])[0]}
    for part, rotation in rotations.items():
        teeth = template.part_ranges[part]
        shape = template.vertices[teeth]
        moved = vertices[teeth].mean(axis=0)
        seam = np.concatenate([template.lip_pairs[0], template.lip_pairs[1]])
        local = (vertices[seam] - moved) @ rotation + shape.mean(axis=0)
        for point in local:
            column = shape[np.abs(shape[:, 0] - point[0]) < 1.2]
            beside = len(column) and column[:, 1].min() < point[1] < column[:, 1].max()
            if beside and column[:, 2].min() < point[2] < column[:, 2].max():
                # The front of the crown at the height of the point.
                order = np.argsort(column[:, 1])
                rows = np.array_split(column[order], len(column) // 3)
                heights, fronts = zip(*((r[:, 1].mean(), r[:, 2].max()) for r in rows))
                front = float(np.interp(point[1], heights, fronts))
                found["lips"] = max(found["lips"], front - float(point[2]))
    return found


@pytest.mark.parametrize("seed", [3, 7])
def test_lids_stay_out_of_eyes_and_lips_out_of_teeth(template, seed):
    rest = Person.sample(seed).rest_vertices(template)
    for emotion in ("neutral", "disgust", "joy"):
        curves = perform(
            utterance_of(timeline_of(BILABIALS[1]), emotion),
            PerformingStyle(),
            seed,
            head=StudioLips(template, rest),
        )
        rows = sample(curves, 25)[::4]
        for row, vertices in zip(rows, animate_studio_head(template, rest, rows)):
            deep = _penetration(template, rest, vertices, row)
            assert deep["lids"] <= 0.0
            assert deep["lips"] <= 0.05


@pytest.mark.slow
def test_no_frame_of_the_sentences_passes_through_itself(template):
    """Every 5th frame at 25 fps of all sentences on four persons, emotions in turn: lids and balls,
    lips and teeth, and the skin of lips and lids with itself."""
    emotions = ("neutral", "joy", "anger", "disgust", "pain", "fear", "sadness", "amazement")
    cuts = []
    for seed in (3, 7, 14, 100):
        rest = Person.sample(seed).rest_vertices(template)
        lips = StudioLips(template, rest)
        for number, utterance in enumerate(spoken(16)):
            said = dataclasses.replace(utterance, emotion=emotions[number % len(emotions)])
            curves = perform(said, PerformingStyle(), number, head=lips)
            rows = sample(curves, 25)[::5]
            for row, vertices in zip(rows, animate_studio_head(template, rest, rows)):
                deep = _penetration(template, rest, vertices, row)
                assert deep["lids"] <= 0.0, (seed, number)
                assert deep["lips"] <= 0.05, (seed, number)
            for vertices in animate_studio_head(template, rest, rows[::4]):
                pairs = template.skin_faces[cutting_pairs(vertices, template.skin_faces)]
                here = (template.mouth_ring[pairs] < 3.0) | (template.eye_ring[pairs] < 3.0)
                cuts.append(int(here.any(axis=(1, 2)).sum()))
    assert np.mean(np.array(cuts) > 5) <= 0.01


@pytest.mark.realdata
def test_a_real_linear_head_is_moved_by_its_own_shapes():
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    frames = np.zeros((2, len(CHANNELS)))
    frames[1, [CHANNEL["jawOpen"], CHANNEL["browInnerUp"]]] = 0.5, 0.25
    frames[1, CHANNEL["eyeLookDownLeft"]] = 0.5
    rest, moved = animate_asset(asset, frames)
    names = asset.expression_names
    face = asset.masks["skin_face"]
    wanted = 1000.0 * (
        0.5 * asset.expression_basis[:, :, names.index("jawOpen")]
        + 0.25 * asset.expression_basis[:, :, names.index("browInnerUp_L")]
        + 0.25 * asset.expression_basis[:, :, names.index("browInnerUp_R")]
        + 0.5 * asset.expression_basis[:, :, names.index("eyeLookDown_L")]
    )
    np.testing.assert_allclose((moved - rest)[face], wanted[face], atol=0.02)
    ball = asset.masks["left_eyeball"]
    turned = (moved - rest)[ball]
    assert turned[:, 1].min() < -3.0  # the front of the eye goes down by 15 degrees
    assert AssetLips(asset).gaps(np.zeros((1, 52))).shape == (1, 3)


def test_a_head_turns_from_where_it_sits():
    row = np.zeros(len(CHANNELS))
    row[CHANNEL["headYaw"]] = 0.2
    assert head_pose(row).neck == pytest.approx((0.0, 0.2, 0.0))
    seated = head_pose(row, HeadPose(root=(0.0, 0.1, 0.0), neck=(0.0, 0.3, 0.0)))
    assert seated.root == pytest.approx((0.0, 0.1, 0.0))
    assert seated.neck == pytest.approx((0.0, 0.5, 0.0))
