"""What inspection finds in damaged and unusual pictures, landmarks and masks, and what training
does then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness import workflow
from likeness.cli.main import main
from likeness.errors import DataError
from likeness.geometry.toy_flame import make_toy_flame
from likeness.systems.face_encoder.data import CONTRACT
from tests.systems.face_encoder.inspecting import found, only, points_of, save_points
from tests.systems.face_encoder.toy import PHOTO_SIZE, SMALL_MODEL


def test_a_clean_dataset_counts_and_warns_only_of_its_size(dataset):
    inspection = CONTRACT.inspect(str(dataset))
    assert inspection.ok
    assert inspection.counts == {
        "photographs": 8, "persons": 4, "with_mask": 8, "with_truth": 8,
        "train": 4, "validation": 2, "test": 2,
    }  # fmt: skip
    assert [f.code for f in inspection.findings] == ["few-photographs"]


def test_landmarks_that_are_not_numbers(data):
    points = points_of(data)
    points[[3, 40]] = np.nan
    save_points(data, points)
    finding = only(data, "landmarks-unreadable")
    assert finding.path == "landmarks/p0_0.npy"
    assert "points [3, 40]" in finding.message


@pytest.mark.parametrize("shape", [(67, 2), (68, 4), (68,), (106, 2), (2, 68), (0, 2)])
def test_landmarks_of_another_shape(data, shape):
    save_points(data, np.zeros(shape, np.float32))
    assert f"found {shape}" in only(data, "landmarks-unreadable").message


def test_landmarks_that_are_text_or_pickles(data):
    save_points(data, np.full((68, 2), "x"))
    assert "values of type <U1" in only(data, "landmarks-unreadable").message
    np.save(data / "landmarks" / "p0_0.npy", np.array([{"a": 1}]), allow_pickle=True)
    assert "pickle" in only(data, "landmarks-unreadable").message


def test_landmarks_that_are_not_there(data):
    (data / "landmarks" / "p1_1.npy").unlink()
    assert only(data, "landmarks-missing").path == "landmarks/p1_1.npy"


def test_landmarks_of_another_picture_size(data):
    save_points(data, points_of(data) * 1.75)
    finding = only(data, "landmarks-outside")
    assert "made for another size" in finding.message


@pytest.mark.filterwarnings("error")
def test_landmarks_of_absurd_size_are_a_finding_and_no_warning_of_numpy(data):
    save_points(data, points_of(data) * 1e30)
    assert "68 points lie outside" in only(data, "landmarks-outside").message


def test_landmarks_mirrored_or_tiny_are_warned_of(data):
    mirrored = points_of(data)
    mirrored[:, 0] = PHOTO_SIZE - mirrored[:, 0]
    save_points(data, mirrored)
    assert "right eye" in only(data, "landmarks-mirrored", "warning").message
    middle = mirrored.mean(axis=0)
    save_points(data, middle + (mirrored - middle) * 0.2)
    assert "px apart" in only(data, "face-small", "warning").message


def test_eyes_that_are_a_hair_too_near_are_not_told_to_be_as_far_apart_as_needed(data):
    points = points_of(data)
    apart = np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))
    middle = points.mean(axis=0)
    save_points(data, middle + (points - middle) * (7.97 / apart))
    assert "The eyes are 7.9 px apart" in only(data, "face-small", "warning").message


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_landmarks_with_x_and_y_exchanged_are_warned_of(data, turns):
    """A face that is turned in its picture is none of these."""
    points = points_of(data) - 0.5 * PHOTO_SIZE
    for _ in range(turns):
        points = points[:, ::-1] * (1, -1)
    save_points(data, points + 0.5 * PHOTO_SIZE)
    codes = {finding.code for finding in CONTRACT.inspect(data).findings}
    assert "landmarks-exchanged" not in codes
    if turns % 2 == 0:
        save_points(data, points[:, ::-1] + 0.5 * PHOTO_SIZE)
        told = only(data, "landmarks-exchanged", "warning").message
        assert "x and y are exchanged" in told


@pytest.mark.parametrize("spread", [(0, 0), (1, 0), (0, 1), (0.005, 0.005)])
def test_landmarks_in_one_place_or_on_a_line_are_an_error(data, spread):
    """All 68 points alike gave a warning; training then died of a crop without sides."""
    points = points_of(data)
    middle = points.mean(axis=0)
    save_points(data, middle + (points - middle) * np.array(spread))
    finding = only(data, "landmarks-degenerate")
    assert finding.path == "landmarks/p0_0.npy"
    assert "at least 1 x 1" in finding.message
    source = CONTRACT.open(str(data), "all")
    for meet in (source.mean_landmarks, lambda: source[0], lambda: source.landmarks_of(0)):
        with pytest.raises(DataError, match=r"p0_0\.npy.*box of the landmarks"):
            meet()


def test_inner_landmarks_and_a_depth_column_are_fine(data):
    save_points(data, points_of(data)[17:])
    save_points(data, np.column_stack([points_of(data, "p0_1"), np.ones(68)]), "p0_1")
    assert CONTRACT.inspect(str(data)).ok


def test_a_truncated_picture(data):
    path = data / "images" / "p0_1.png"
    path.write_bytes(path.read_bytes()[:900])
    finding = only(data, "image-unreadable")
    assert finding.path == "images/p0_1.png"
    assert "damaged" in finding.message


def resaved(data: Path, change: Callable[[Image.Image], None], name: str = "p0_0") -> None:
    with Image.open(data / "images" / f"{name}.png") as image:
        image.load()
    (data / "images" / f"{name}.png").unlink()
    change(image)


def test_unusual_pictures_are_read(data):
    """CMYK, 16 bits, grey, palette and one bit: modes that arrays of three bytes do not expect."""
    images = data / "images"
    resaved(data, lambda i: i.convert("CMYK").save(images / "p0_0.jpg"))
    resaved(data, lambda i: i.convert("L").save(images / "p0_1.png"), "p0_1")
    resaved(data, lambda i: i.convert("P").save(images / "p1_0.png"), "p1_0")
    deep = (np.asarray(Image.open(images / "p1_1.png").convert("L")).astype(np.uint16)) * 257
    Image.fromarray(deep).save(images / "p1_1.png")
    resaved(data, lambda i: i.convert("RGBA").save(images / "p2_0.png"), "p2_0")
    assert [f.code for f in CONTRACT.inspect(str(data)).findings] == ["few-photographs"]
    source = CONTRACT.open(str(data), "all", size=32)
    for index in range(len(source)):
        image = source[index]["image"]
        assert image.shape == (3, 32, 32)
        assert 0.1 < image.mean() < 0.9  # neither black nor white: the values were understood


def test_a_picture_stored_turned_is_shown_upright(data):
    """Landmarks belong to the upright picture; the file's own rows and columns are others."""
    exif = Image.Exif()
    exif[0x0112] = 6  # the viewer has to turn it a quarter to the right
    with Image.open(data / "images" / "p0_0.png") as image:
        turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.save(data / "images" / "p0_0.png", exif=exif)
    finding = only(data, "image-turned", "advice")
    assert "EXIF orientation 6" in finding.message
    expected = CONTRACT.open(str(data), "all", size=32)
    original = np.asarray(image)
    np.testing.assert_array_equal(expected.photograph(0), original)


def test_a_recorded_size_of_another_shape(data):
    lines = (data / "index.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rows[0]["width"] = 2 * PHOTO_SIZE
    (data / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    finding = only(data, "size-recorded")
    assert f"{2 * PHOTO_SIZE}x{PHOTO_SIZE}" in finding.message
    assert f"has {PHOTO_SIZE}x{PHOTO_SIZE}" in finding.message
    rows[0]["height"] = 2 * PHOTO_SIZE  # of the same shape: landmarks are scaled
    save_points(data, 2 * points_of(data))
    (data / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert CONTRACT.inspect(str(data)).ok


def test_an_animation_is_warned_of(data):
    def animate(image: Image.Image) -> None:
        other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image.save(data / "images" / "p0_0.gif", save_all=True, append_images=[other])

    resaved(data, animate)
    finding = only(data, "image-animated", "warning")
    assert finding.path == "images/p0_0.gif"
    assert "2 frames" in finding.message


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((PHOTO_SIZE, 50), np.uint8), f"found 50x{PHOTO_SIZE}"),
        (np.zeros((PHOTO_SIZE, PHOTO_SIZE, 3), np.uint8), "found RGB"),
        (np.full((PHOTO_SIZE, PHOTO_SIZE), 255, np.uint8), "found 255"),
    ],
    ids=["size", "channels", "classes"],
)
def test_masks_that_do_not_fit(data, mask, message):
    Image.fromarray(mask).save(data / "masks" / "p0_0.png")
    finding = only(data, "mask-unusable")
    assert message in finding.message
    assert finding.path == "masks/p0_0.png"


def test_a_damaged_mask(data):
    path = data / "masks" / "p0_0.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "damaged" in only(data, "mask-unusable").message


def test_coloured_palette_masks_give_their_classes(data):
    with Image.open(data / "masks" / "p0_0.png") as image:
        classes = np.asarray(image)
    coloured = Image.fromarray(classes, mode="P")
    coloured.putpalette([10, 20, 30, 200, 50, 90] + [0] * 762)
    coloured.save(data / "masks" / "p0_0.png")
    assert CONTRACT.inspect(str(data)).ok
    before = CONTRACT.open(str(data), "all", size=32)[0]["skin"]
    assert before.mean() > 0.2


def test_two_pictures_of_one_id(data):
    shutil.copy(data / "images" / "p0_0.png", data / "images" / "p0_0.webp")
    finding = only(data, "id-twice")
    assert "p0_0.png" in finding.message
    assert "p0_0.webp" in finding.message


def test_large_datasets_are_sampled_and_say_so(data, monkeypatch):
    from likeness.systems.face_encoder import findings

    monkeypatch.setattr(findings, "MAX_DECODED", 3)
    (data / "images" / "p0_1.png").write_bytes(b"")  # the second is not looked at
    inspection = CONTRACT.inspect(str(data))
    assert inspection.ok
    assert "every 3th of 8" in found(inspection, "sampled")[0].message


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``likeness train face-encoder`` in this process; gives its exit code."""

    def run(*words: str) -> int:
        line = ["likeness", "train", "face-encoder", "--profile", "smoke", *SMALL_MODEL, *words]
        monkeypatch.setattr("sys.argv", line)
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    return run


def test_training_refuses_damaged_data_with_exit_code_4(data, toy_folder, tmp_path, capsys, train):
    points = points_of(data)
    points[7] = np.inf
    save_points(data, points)
    runs = tmp_path / "runs"
    code = train(f"model.head={toy_folder}", f"data.root={data}", "--runs", str(runs))
    assert code == 4
    error = capsys.readouterr().err
    assert "landmarks/p0_0.npy" in error
    assert f"See all findings with: likeness data inspect face-encoder {data}\n" in error
    assert not runs.exists()


def test_training_refuses_the_truth_of_another_head_with_exit_code_4(data, tmp_path, capsys, train):
    """Coefficients of different head models mean different things."""
    other = tmp_path / "other"
    make_toy_flame(other, subdivisions=2, seed=5)
    code = train(f"model.head={other}", f"data.root={data}", "--runs", str(tmp_path / "runs"))
    assert code == 4
    error = capsys.readouterr().err
    assert "their coefficients mean different things" in error
    assert "allow_model_mismatch" in error
    assert "See all findings" not in error  # the dataset by itself is sound
    assert CONTRACT.inspect(str(data)).ok


def test_no_command_is_named_that_looks_for_landmarks_elsewhere(data, toy_folder, capsys, train):
    words = (f"model.head={toy_folder}", f"data.root={data}", "data.landmarks=/nope")
    assert train(*words) == 4
    error = capsys.readouterr().err
    assert "/nope" in error
    assert "See all findings" not in error


def test_the_mismatch_is_also_refused_without_an_inspection(data, tmp_path):
    from likeness.geometry.flame_assets import load_flame

    make_toy_flame(tmp_path / "other", subdivisions=2, seed=5)
    with pytest.raises(DataError, match="was made with the head model"):
        CONTRACT.check_head(str(data), load_flame(tmp_path / "other"))


def test_an_allowed_mismatch_is_planned(data, tmp_path):
    make_toy_flame(tmp_path / "other", subdivisions=2, seed=5)
    words = [f"model.head={tmp_path / 'other'}", f"data.root={data}", *SMALL_MODEL]
    with pytest.raises(DataError, match="their coefficients mean"):
        workflow.plan_training("face-encoder", profile="smoke", overrides=words)
    words.append("data.allow_model_mismatch=true")
    planned = workflow.plan_training("face-encoder", profile="smoke", overrides=words)
    assert planned.inspection.ok


def test_landmarks_in_a_folder_of_their_own_are_inspected_too(data, toy_folder):
    """``LANDMARK_DIR`` names a folder beside the pictures; its errors count as others do."""
    words = [f"model.head={toy_folder}", f"data.root={data / 'images'}", *SMALL_MODEL]
    words.append(f"data.landmarks={data / 'landmarks'}")
    planned = workflow.plan_training("face-encoder", profile="smoke", overrides=words)
    assert planned.inspection.counts["photographs"] == 8
    (data / "landmarks" / "p0_0.npy").unlink()
    with pytest.raises(DataError, match=r"p0_0\.npy"):
        workflow.plan_training("face-encoder", profile="smoke", overrides=words)
