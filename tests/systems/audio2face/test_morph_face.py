"""A head that is nothing but shapes: lips and lids are where another method has them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.ict_assets import load_ict
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_glb import write_glb
from likeness.studio.curves import CHANNEL, CHANNELS
from likeness.studio.expressions import ARKIT_NAMES
from likeness.studio.person import Person
from likeness.systems.audio2face.morph_face import MorphFace, MorphHead
from likeness.systems.audio2face.speaking_heads import face_of, open_speaking_head
from likeness.systems.audio2face.studio_faces import StudioFace
from tests.realdata import real_data


@cache
def studio() -> StudioFace:
    return StudioFace(Person.sample(3), 600)


def shapes() -> dict[str, np.ndarray]:
    """Of the studio's face, in metres, as files hold them."""
    rows = dict(zip(ARKIT_NAMES, np.array(studio().blendshapes().offsets) / 100, strict=True))
    rows["mouthClose"] = rows["mouthClose"] - rows["jawOpen"]
    return rows


def write_head(path: Path, lacking: tuple[str, ...] = ()) -> np.ndarray:
    """The studio's face with its vertices in another order; returns that order."""
    order = np.random.default_rng(4).permutation(len(studio().neutral))
    faces = np.argsort(order)[studio().faces]
    morphs = {name: own[order] for name, own in shapes().items() if name not in lacking}
    write_glb(path, Mesh(studio().neutral[order] / 100, faces), morphs=morphs)
    return order


def test_a_file_of_shapes_moves_as_the_face_it_was_made_of(tmp_path: Path) -> None:
    order = write_head(tmp_path / "head.glb")
    face = face_of(open_speaking_head(tmp_path / "head.glb"), None)
    frames = np.zeros((2, len(CHANNELS)))
    frames[0, CHANNEL["jawOpen"]] = 1.0
    frames[1, CHANNEL["mouthSmileLeft"]] = 0.5
    skin, tongue, jaw = face.move(frames)
    assert tongue is None
    assert jaw is None
    expected = studio().neutral + 100 * np.stack(
        [shapes()["jawOpen"], 0.5 * shapes()["mouthSmileLeft"]]
    )
    np.testing.assert_allclose(skin, expected[:, order], atol=1e-4)


def test_lips_and_lids_are_those_of_the_studio(tmp_path: Path) -> None:
    """Its lists come from the rings of its template, not from what moves."""
    order = write_head(tmp_path / "head.glb")
    face = face_of(open_speaking_head(tmp_path / "head.glb"), None)
    for ours, true in (
        (face.lip_distance, studio().lip_distance),
        (face.eye_distance, studio().eye_distance),
    ):
        found = {(int(order[a]), int(order[b])) for a, b in zip(ours.upper, ours.lower)}
        assert found == set(zip(true.upper.tolist(), true.lower.tolist()))
    assert face.lips.gaps(np.zeros((1, 52))) == pytest.approx(0.0, abs=0.1)  # closed at rest
    opened = np.eye(52)[None, ARKIT_NAMES.index("jawOpen")]
    assert face.lips.gaps(opened).min() > 10.0  # mm


def test_lips_and_lids_of_a_real_head_lie_at_its_landmarks() -> None:
    """ICT-FaceKit's whole head, with teeth, gums and eyeballs that are no lips and no lids."""
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    assert asset.landmarks68 is not None
    points = 100 * asset.landmarks68.points(asset.template, asset.faces)
    bare = HeadAsset(
        **{
            name: getattr(asset, name)
            for name in asset.__dataclass_fields__
            if not name.startswith("landmarks")
        }
    )
    face = MorphFace(MorphHead.of_asset(bare))
    for found, line in (
        (face.lip_distance.upper, (61, 62, 63)),
        (face.lip_distance.lower, (65, 66, 67)),
    ):
        near = np.linalg.norm(face.neutral[found][:, None] - points[list(line)], axis=2)
        assert near.min(axis=0).max() < 0.5  # cm: each landmark has a vertex of the list beside it
    lids = np.concatenate([face.eye_distance.upper, face.eye_distance.lower])
    around = np.linalg.norm(face.neutral[lids][:, None] - points[36:48], axis=2)
    assert around.min(axis=1).max() < 0.6


def test_shapes_that_lips_are_found_by_are_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_head(tmp_path / "a.glb", lacking=("jawOpen", "mouthUpperUpLeft"))
    with pytest.raises(DataError, match="lacks the ARKit shapes jawOpen, mouthUpperUpLeft"):
        open_speaking_head(tmp_path / "a.glb")
    write_head(tmp_path / "b.glb", lacking=("cheekPuff", "tongueOut"))
    open_speaking_head(tmp_path / "b.glb")
    assert "lacks 2 of the 52 ARKit shapes, which move nothing: cheekPuff" in caplog.text


def test_shapes_that_do_not_do_what_they_are_called_are_refused() -> None:
    offsets = np.zeros((52, 8, 3), np.float32)
    offsets[:, :, 1] = 0.1  # every shape lifts everything
    neutral = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    head = MorphHead("flat", neutral, offsets, np.arange(6).reshape(2, 3), ())
    with pytest.raises(DataError, match="lips of the head 'flat' are not found"):
        MorphFace(head)


@pytest.mark.parametrize("name", ["speech.wav", "head.obj", "neutral.npy", "folder"])
def test_a_file_of_another_kind_is_no_head(tmp_path: Path, name: str) -> None:
    """It was called a damaged archive, which was to be copied again."""
    path = tmp_path / name
    if path.suffix:
        path.write_bytes(b"RIFF")
    else:
        path.mkdir()
    with pytest.raises(UsageError, match=f"Expected a head with ARKit shapes, found .*{name}") as e:
        open_speaking_head(path)
    assert e.value.advice.startswith("A head is a .glb or .gltf file with morph targets")


def test_a_head_that_is_not_there_is_told_with_the_studios() -> None:
    with pytest.raises(MissingError, match="Expected a head at 'studi', but there is nothing") as e:
        open_speaking_head("studi")
    assert "leave the option 'head' out" in e.value.advice
