"""What inspection finds in damaged, unusual and mismatched data, and what training does then."""

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
from likeness.data.inspection import Finding, Inspection
from likeness.errors import DataError
from likeness.geometry.toy_flame import make_toy_flame
from likeness.systems.face_encoder.data import CONTRACT
from tests.systems.face_encoder.toy import PHOTO_SIZE, SMALL_MODEL


@pytest.fixture
def data(tmp_path: Path, dataset: Path) -> Path:
    """A copy of the clean dataset, to be damaged."""
    return Path(shutil.copytree(dataset, tmp_path / "data"))


def found(inspection: Inspection, code: str) -> list[Finding]:
    return [finding for finding in inspection.findings if finding.code == code]


def only(folder: Path, code: str, severity: str = "error") -> Finding:
    """The one finding of a code; there is no error of another kind."""
    inspection = CONTRACT.inspect(str(folder))
    findings = found(inspection, code)
    assert len(findings) == 1, inspection.to_json()
    assert findings[0].severity == severity
    assert findings[0].advice
    assert {f.code for f in inspection.errors} <= {code}
    assert inspection.ok == (severity != "error")
    return findings[0]


def save_points(data: Path, points: np.ndarray, name: str = "p0_0") -> None:
    np.save(data / "landmarks" / f"{name}.npy", points)


def points_of(data: Path, name: str = "p0_0") -> np.ndarray:
    return np.load(data / "landmarks" / f"{name}.npy")


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


def test_landmarks_mirrored_or_tiny_are_warned_of(data):
    mirrored = points_of(data)
    mirrored[:, 0] = PHOTO_SIZE - mirrored[:, 0]
    save_points(data, mirrored)
    assert "right eye" in only(data, "landmarks-mirrored", "warning").message
    middle = mirrored.mean(axis=0)
    save_points(data, middle + (mirrored - middle) * 0.2)
    assert "px apart" in only(data, "face-small", "warning").message


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


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"shape": np.zeros(3)}, "lacks ['head_rotation']"),
        ({"shape": np.zeros((3, 1)), "head_rotation": np.eye(3)}, "found (3, 1)"),
        ({"shape": np.full(3, np.nan), "head_rotation": np.eye(3)}, "finite"),
        ({"shape": np.zeros(3), "head_rotation": np.diag([1.0, 1, -1])}, "no rotation"),
    ],
    ids=["incomplete", "shape", "nan", "mirror"],
)
def test_truth_that_is_none(data, arrays, message):
    np.savez(data / "truth" / "p0_0.npz", **arrays)
    finding = only(data, "truth-unusable")
    assert message in finding.message


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("shape", np.array(["a", "b", "c"])),
        ("shape", np.array("abc")),
        ("shape", np.zeros(0)),
        ("shape", np.zeros(3, np.complex64)),
        ("head_rotation", np.full((3, 3), "x")),
        ("head_rotation", np.full((3, 3), 1e200)),
        ("expression", np.array(["smile"])),
        ("expression", np.array([np.inf])),
    ],
    ids=["text", "one text", "nothing", "complex", "turn", "huge", "other", "infinite"],
)
def test_truth_that_is_text_or_not_finite_is_a_finding(data, entry, value):
    """Text in the shape ended inspection with a TypeError."""
    arrays = {"shape": np.zeros(3), "head_rotation": np.eye(3), entry: value}
    np.savez(data / "truth" / "p0_0.npz", **arrays)
    finding = only(data, "truth-unusable")
    assert finding.path == "truth/p0_0.npz"
    assert entry in finding.message
    with pytest.raises(DataError, match=r"p0_0\.npz"):
        _ = CONTRACT.open(str(data), "all")[0]


def test_truth_of_another_length_than_the_others(data):
    """The coefficients it lacks were taken for zeros."""
    np.savez(data / "truth" / "p1_0.npz", shape=np.zeros(3), head_rotation=np.eye(3))
    finding = only(data, "truth-length")
    assert finding.path == "truth/p1_0.npz"
    with np.load(data / "truth" / "p0_0.npz") as other:
        assert f"a shape of {len(other['shape'])} numbers, as 7 of 8 files" in finding.message
    assert "found 3" in finding.message


def test_truth_that_is_no_archive(data):
    (data / "truth" / "p0_0.npz").write_bytes(b"not an archive")
    assert only(data, "truth-unusable").path == "truth/p0_0.npz"


def test_two_pictures_of_one_id(data):
    shutil.copy(data / "images" / "p0_0.png", data / "images" / "p0_0.webp")
    finding = only(data, "id-twice")
    assert "p0_0.png" in finding.message
    assert "p0_0.webp" in finding.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "p0_0", "split": "train"}', "'p0_0' a second time"),
        ('{"id": "p9", "split": "val"}', "the split 'val'"),
        ('{"person": "x"}', "'id'"),
        ("[1, 2]", "found"),
        ('{"id": "p0', "found"),
        ("\udcff\udcfe\x00", "found"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": ["p9"]}', "the id ['p9']"),
        ('{"id": "p9", "person": {"name": "x"}}', "the person {'name': 'x'}"),
        ('{"id": "p9", "width": "a", "height": 72}', "the width 'a'"),
        ('{"id": "p9", "width": 72}', "the height None"),
        ('{"id": "p9", "width": 72, "height": 0}', "the height 0"),
        ('{"id": "p9", "width": 72.5, "height": 72}', "the width 72.5"),
        ('{"id": "p9", "width": true, "height": 72}', "the width True"),
        ('{"id": "p9", "width": 72, "height": 1' + "0" * 400 + "}", "the height 1000"),
    ],
    ids=[
        *("twice", "split", "no id", "no object", "cut", "bytes", "deep", "id", "person"),
        *("width", "one side", "no height", "fraction", "boolean", "huge"),
    ],
)
def test_lines_of_the_index_that_cannot_be_used(data, line, message):
    with open(data / "index.jsonl", "ab") as file:
        file.write(line.encode("utf-8", "surrogateescape"))
    finding = only(data, "index-line")
    assert finding.path == "index.jsonl:9"
    assert message in finding.message


def test_pictures_the_index_lists_but_nobody_has(data):
    (data / "images" / "p3_1.png").unlink()
    assert only(data, "image-missing").path == "images/p3_1"


def test_people_that_cannot_be_read(data):
    good = (data / "identity.csv").read_text()
    (data / "identity.csv").write_text(good + "p4_0\n")
    assert only(data, "identity-line").path == "identity.csv:10"
    (data / "identity.csv").write_text("photo;who\n")
    assert "photo;who" in only(data, "identity-header").message
    (data / "identity.csv").write_bytes(bytes(range(256)))
    only(data, "identity-header")
    (data / "identity.csv").write_bytes(b"x" * 200_000)
    only(data, "identity-header")


def test_an_unreadable_head_description(data):
    (data / "head.json").write_text('{"name": "toy"}')
    assert "head.json" in only(data, "head-unreadable").path


def test_nothing_at_all(tmp_path):
    for make in (lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")):
        path = tmp_path / make.__name__ / str(id(make))
        path.parent.mkdir(exist_ok=True)
        make(path)
        inspection = CONTRACT.inspect(str(path))
        assert [f.code for f in inspection.errors] == ["layout"]
        assert inspection.counts == {"photographs": 0}
    (tmp_path / "d" / "images").mkdir(parents=True)
    inspection = CONTRACT.inspect(str(tmp_path / "d"))
    assert [f.code for f in inspection.findings] == ["empty"]


def test_splits_that_lack_training_or_validation(data):
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    for split, code, severity in (
        ("validation", "no-train", "error"),
        ("train", "no-validation", "warning"),
    ):
        text = "".join(json.dumps({**row, "split": split}) + "\n" for row in rows)
        (data / "index.jsonl").write_text(text)
        only(data, code, severity)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "JSON object"),
        ("[1]", "found list"),
        ("[" * 100_000, "nested too deeply"),
        ('{"x": [99]}', "0 to 67 for the set 'x'"),
        ('{"x": [-1]}', "found [-1]"),
        ('{"x": [0, 67], "y": "abc"}', "the set 'y'"),
        ('{"x": [1.5]}', "found [1.5]"),
        ('{"x": [true]}', "found [True]"),
        ('{"x": []}', "found []"),
        ("\udcff", "JSON object"),
    ],
)
def test_sets_of_points_that_cannot_be_used(data, text, message):
    (data / "landmark_sets.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    finding = only(data, "sets-unusable")
    assert finding.path == "landmark_sets.json"
    assert message in finding.message
    (data / "landmark_sets.json").write_text('{"x": [0, 67]}')
    assert CONTRACT.inspect(str(data)).ok


def rewrite_index(data: Path, changes: dict[str, dict[str, object]]) -> None:
    """Change lines of index.jsonl by id."""
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    lines = [json.dumps({**row, **changes.get(row["id"], {})}) + "\n" for row in rows]
    (data / "index.jsonl").write_text("".join(lines))


def test_a_person_in_two_splits_is_an_error(data):
    """One changed line put a person into training and test; the scores then flatter."""
    rewrite_index(data, {"p0_1": {"split": "test"}})
    message = only(data, "person-in-two-splits").message
    assert "'p0'" in message
    assert "test: images/p0_1.png" in message
    assert "train: images/p0_0.png" in message
    rewrite_index(data, {"p1_0": {"split": "validation"}})
    inspection = CONTRACT.inspect(str(data))
    named = [finding.message for finding in found(inspection, "person-in-two-splits")]
    assert len(named) == 2
    assert "'p1'" in named[1]


def test_a_person_in_two_splits_names_a_handful_of_files(data):
    changes: dict[str, dict[str, object]] = {
        f"p{number // 2}_{number % 2}": {"person": "anna"} for number in range(8)
    }
    rewrite_index(data, changes)
    message = only(data, "person-in-two-splits").message
    assert "train: images/p0_0.png, images/p0_1.png and 2 others" in message
    assert message.count(".png") == 6


def test_no_provenance_is_advised_against(data):
    (data / "provenance.json").unlink()
    only(data, "no-provenance", "advice")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\udcff"])
def test_provenance_that_cannot_be_read_is_an_error(data, text):
    (data / "provenance.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert only(data, "provenance-unreadable").path == "provenance.json"


def test_an_index_and_a_head_nested_deeply_are_findings(data):
    """They ended inspection with a RecursionError."""
    for name, code in (("index.jsonl", "index-line"), ("head.json", "head-unreadable")):
        (data / name).write_text("[" * 100_000)
        (finding,) = found(CONTRACT.inspect(str(data)), code)
        assert finding.path.startswith(name)
        assert "nested too deeply" in finding.message


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
    assert "landmarks/p0_0.npy" in capsys.readouterr().err
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
