"""The verbs of the face encoder alone, as functions that give documents."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.flame_assets import MODEL_NAMES, MODEL_SUFFIXES, load_flame
from likeness.geometry.head_asset import HeadAsset, load_head
from likeness.geometry.texture_space import TEXTURE_FILES
from likeness.systems.face_encoder import commands
from likeness.systems.face_encoder.layout import deca236
from likeness.systems.face_encoder.record import PersonRecord, distance, merge
from tests.disks import full_disk
from tests.systems.face_encoder.toy import SMALL_LAYOUT, mean_vector, random_vector


@pytest.fixture
def record(tmp_path: Path, toy_head: HeadAsset) -> Path:
    return save(tmp_path / "a.person.npz", toy_head, 1)


def save(path: Path, head: HeadAsset, seed: int) -> Path:
    vector = random_vector(SMALL_LAYOUT, seed)[0].numpy()
    return PersonRecord(vector, SMALL_LAYOUT, head.name, head.fingerprint).save(path)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L")).astype(float)


def test_a_record_is_drawn_in_its_pose_or_from_a_view(record, toy_folder, tmp_path):
    head = str(toy_folder)
    drawn = {}
    for name, options in {
        "own": {},
        "neutral": {"neutral": True},
        "front": {"view": "0,0"},
        "left": {"view": "40,0"},
        "right": {"view": "-40,0"},
    }.items():
        out = tmp_path / f"{name}.png"
        document = commands.render(record, out, head=head, size=64, **options)
        assert document == {"file": str(out), "replaced": False}
        drawn[name] = pixels(out)
    assert drawn["own"].shape == (64, 64)
    assert np.abs(drawn["own"] - drawn["neutral"]).max() > 5
    # A symmetric question: the head is nearly symmetric, so opposite views are nearly mirrored.
    opposite = np.abs(drawn["left"] - drawn["right"][:, ::-1]).mean()
    assert opposite < 0.5 * np.abs(drawn["left"] - drawn["right"]).mean()


@pytest.mark.parametrize("camera", ["fov12", "fov30"])
def test_a_record_is_drawn_with_the_camera_of_its_encoder(toy_folder, toy_head, tmp_path, camera):
    """The layout alone does not tell: head_v1 is read with every camera."""
    vector = mean_vector(SMALL_LAYOUT)[0].numpy()
    vector[SMALL_LAYOUT.slice("pose.transl")] = (0.03, 0.0, 1.2 if camera == "fov30" else 0.4)
    person = PersonRecord(vector, SMALL_LAYOUT, toy_head.name, toy_head.fingerprint, camera=camera)
    path = person.save(tmp_path / "a.person.npz")
    commands.render(path, tmp_path / "a.png", head=str(toy_folder), size=96)
    # Where the head lies by the pinhole equation, written out.
    asset, focal = toy_head, 48 / np.tan(np.radians(6 if camera == "fov12" else 15))
    centre = asset.landmarks68.points(asset.template, asset.faces)[17:].mean(0)
    x, y, z = (asset.template - centre + vector[SMALL_LAYOUT.slice("pose.transl")]).T
    columns, rows = 48 + focal * x / (2.7 - z), 48 - focal * y / (2.7 - z)
    drawn = np.argwhere(pixels(tmp_path / "a.png") < 250)
    for found, expected in ((drawn[:, 1], columns), (drawn[:, 0], rows)):
        low, high = np.clip(expected.min(), 0, 96), np.clip(expected.max(), 0, 96)
        assert found.min() == pytest.approx(low, abs=1.5)
        assert found.max() + 1 == pytest.approx(high, abs=1.5)


def test_views_show_a_head_as_large_with_one_angle_as_with_another(toy_folder, toy_head, tmp_path):
    vector, widths = mean_vector(SMALL_LAYOUT)[0].numpy(), []
    for camera in ("fov12", "fov30"):
        person = PersonRecord(
            vector, SMALL_LAYOUT, toy_head.name, toy_head.fingerprint, camera=camera
        )
        path, out = person.save(tmp_path / "a.npz"), tmp_path / "a.png"
        commands.render(path, out, head=str(toy_folder), view="0,0", size=96)
        widths.append(np.ptp(np.argwhere(pixels(out) < 250)[:, 1]))
    # Nearer, the head's own depth shows: some difference remains.
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_a_turntable_is_a_movie(record, toy_folder, tmp_path):
    out = tmp_path / "turn.gif"
    document = commands.render(record, out, head=str(toy_folder), frames=4, size=48)
    assert document == {"file": str(out), "frames": 4, "replaced": False}
    with Image.open(out) as movie:
        assert (movie.n_frames, movie.size) == (4, (48, 48))


def test_records_with_axis_angle_poses_are_drawn_from_views(toy_folder, toy_head, tmp_path):
    layout = deca236()
    vector = mean_vector(layout)[0].numpy()
    person = PersonRecord(vector, layout, toy_head.name, toy_head.fingerprint)
    path = person.save(tmp_path / "d.npz")
    for view in ("0,0", "50,0"):
        out = tmp_path / f"{view[0]}.png"
        commands.render(path, out, head=str(toy_folder), view=view, size=48)
    assert np.abs(pixels(tmp_path / "0.png") - pixels(tmp_path / "5.png")).mean() > 1


def test_wrong_drawings_are_refused(record, toy_folder, tmp_path):
    head, out = str(toy_folder), tmp_path / "a.png"
    with pytest.raises(UsageError, match="Expected --view yaw,pitch"):
        commands.render(record, out, head=head, view="sideways")
    with pytest.raises(UsageError, match=r"ending in \.gif"):
        commands.render(record, out, head=head, frames=4)
    with pytest.raises(UsageError, match="There is no person record"):
        commands.render(tmp_path / "nowhere.npz", out, head=head)
    with pytest.raises(MissingError, match="was not found"):
        commands.render(record, out, head=str(tmp_path / "nowhere"))
    other = commands.toy_model(tmp_path / "other", subdivisions=2, seed=3)["folder"]
    with pytest.raises(UsageError, match="belongs to the head model"):
        commands.render(record, out, head=other)


@pytest.mark.parametrize("view", ["nan,0", "0,inf", "nan,inf", "-inf,1e400"])
def test_a_view_that_is_not_finite_is_wrong_use(record, toy_folder, tmp_path, view):
    with pytest.raises(UsageError, match="Expected --view yaw,pitch in degrees") as caught:
        commands.render(record, tmp_path / "a.png", head=str(toy_folder), view=view)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "a.png").exists()


def test_merge_and_distance_are_those_of_the_library(record, toy_folder, toy_head, tmp_path):
    other = save(tmp_path / "b.person.npz", toy_head, 2)
    records = [PersonRecord.load(path) for path in (record, other)]
    document = commands.merge([record, other], tmp_path / "m.person.json")
    merged = str(tmp_path / "m.person.json")
    assert document == {"file": merged, "records": 2, "replaced": False}
    assert commands.merge([record, other], Path(merged))["replaced"]
    found = PersonRecord.load(document["file"])
    np.testing.assert_array_equal(found.vector, merge(records).vector)
    document = commands.distance(record, other, head=str(toy_folder))
    assert document["shape_sigma"] == pytest.approx(distance(*records))
    assert document["vertex_mm"] > 1


def test_nothing_is_written_over_what_it_is_made_from(record, toy_folder, tmp_path):
    """A merged record took the place of one that it was merged of."""
    before = record.read_bytes()
    (tmp_path / "link.npz").symlink_to(record)
    for out in (record, tmp_path / "link.npz"):
        with pytest.raises(UsageError, match="is one of the inputs"):
            commands.merge([record], out)
        with pytest.raises(UsageError, match="is one of the inputs"):
            commands.render(record, out, head=str(toy_folder))
    assert record.read_bytes() == before


def test_a_picture_that_is_drawn_again_says_so(record, toy_folder, tmp_path):
    out = tmp_path / "a.png"
    drawn = [commands.render(record, out, head=str(toy_folder), size=32) for _ in range(2)]
    assert [document["replaced"] for document in drawn] == [False, True]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_model_is_converted_once_and_keeps_its_fingerprint(toy_folder, tmp_path, suffix):
    out = tmp_path / f"head{suffix}"
    document = commands.convert_model(toy_folder, out)
    assert document["fingerprint"] == load_flame(toy_folder).fingerprint
    assert load_head(out).fingerprint == document["fingerprint"]
    assert (document["shape_columns"], document["expression_columns"]) == (300, 100)
    with pytest.raises(UsageError, match="exists already"):
        commands.convert_model(toy_folder, out)
    with pytest.raises(UsageError, match="ending in"):
        commands.convert_model(toy_folder, tmp_path / "head.pkl")


def test_assets_are_judged(toy_folder, tmp_path):
    document = commands.check_assets(toy_folder)
    assert not [f for f in document["findings"] if f["severity"] == "error"]
    (tmp_path / "empty").mkdir()
    for name, message in [("nowhere", "There is no folder"), ("empty", "There is no FLAME model")]:
        with pytest.raises(MissingError, match=message) as caught:
            commands.check_assets(tmp_path / name)
        assert all(name in caught.value.message for name in (*MODEL_NAMES, *MODEL_SUFFIXES))
        assert caught.value.exit_code == 3
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "generic_model.pkl").write_bytes(b"no model")
    with pytest.raises(DataError) as caught:
        commands.check_assets(tmp_path / "broken")
    assert caught.value.message.count("broken") == 1  # the file was named twice


def test_what_is_wrong_with_several_assets_is_told_of_each(toy_folder, tmp_path):
    folder = tmp_path / "assets"
    shutil.copytree(toy_folder, folder)
    for name in TEXTURE_FILES.values():
        (folder / name).write_bytes(b"no texture")
    with pytest.raises(DataError) as caught:
        commands.check_assets(folder)
    lines = caught.value.message.splitlines()
    assert len(lines) == len(TEXTURE_FILES)
    for name, line in zip(TEXTURE_FILES.values(), lines, strict=True):
        assert line.count(name) == 1


def test_the_toy_model_is_a_model(tmp_path):
    document = commands.toy_model(tmp_path / "toy", subdivisions=2, seed=1)
    assert "generic_model.pkl" in document["files"]
    assert load_flame(document["folder"]).num_vertices == 246
    with pytest.raises(UsageError, match="not empty"):
        commands.toy_model(tmp_path / "toy")


def test_a_disk_that_refuses_leaves_no_half_of_a_model(toy_folder, tmp_path):
    with full_disk(tmp_path / "full") as disk:
        with pytest.raises(UsageError, match=r"Cannot write the toy model: .*No space left"):
            commands.toy_model(disk / "toy", subdivisions=2)
        with pytest.raises(UsageError, match=r"Cannot write the head model: .*No space left"):
            commands.convert_model(toy_folder, disk / "head.npz")
        assert [path.name for path in disk.rglob("*") if path.is_file()] == ["filler"]
    with pytest.raises(UsageError, match=r"Cannot write the toy model: .*Not a directory"):
        commands.toy_model(toy_folder / "generic_model.pkl")
