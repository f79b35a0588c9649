"""Which folders are datasets, which file belongs to which, and who falls into which split."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness.errors import DataError
from likeness.media.image import save_image
from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.layouts import (
    IMAGE_SUFFIXES,
    Entry,
    photographs_in,
    read_folder,
    split_of,
)
from likeness.systems.face_encoder.photographs import photographs_below
from likeness.systems.face_encoder.prepare import prepare

POINTS = np.random.default_rng(0).uniform(8, 24, (68, 2)).astype(np.float32)


def picture(path: Path, size: tuple[int, int] = (32, 32)) -> Path:
    return save_image(path, np.full((size[1], size[0], 3), 0.5, np.float32))


def pair(images: Path, landmarks: Path, name: str) -> None:
    picture(images / f"{name}.png")
    landmarks.mkdir(parents=True, exist_ok=True)
    np.save(landmarks / f"{name}.npy", POINTS)


def test_the_native_layout(tmp_path):
    for name in ("a", "b", "c"):
        pair(tmp_path / "images", tmp_path / "landmarks", name)
    (tmp_path / "masks").mkdir()
    (tmp_path / "truth").mkdir()
    picture(tmp_path / "masks" / "b.png")
    np.savez(tmp_path / "truth" / "c.npz", shape=np.zeros(1))
    index = [
        {"id": "a", "width": 64, "height": 48, "person": 7, "split": "test"},
        {"id": "b", "person": "anna"},
    ]
    (tmp_path / "index.jsonl").write_text("\n".join(json.dumps(row) for row in index) + "\n\n")
    (tmp_path / "identity.csv").write_text("id,person\nb,somebody else\nc,carl\n")
    (tmp_path / "head.json").write_text('{"name": "toy", "fingerprint": "abc", "more": 1}')
    folder = read_folder(tmp_path)
    assert folder.layout == "native"
    assert folder.findings == ()
    assert folder.head == {"name": "toy", "fingerprint": "abc"}
    a, b, c = folder.entries
    assert (a.id, a.person, a.split, a.size) == ("a", "7", "test", (64, 48))
    assert a.landmarks == tmp_path / "landmarks" / "a.npy"
    assert (b.person, b.mask) == ("somebody else", tmp_path / "masks" / "b.png")  # not the index
    assert (c.person, c.truth) == ("carl", tmp_path / "truth" / "c.npz")
    assert (c.split, c.size, c.mask) == (None, None, None)


@pytest.mark.parametrize("which", ["parent", "thumbnails"])
def test_the_legacy_pair_of_folders(tmp_path, which):
    thumbnails, landmarks = (tmp_path / f"ffhq_{k}_128" for k in ("thumbnails", "landmarks"))
    for number in range(14):
        pair(thumbnails, landmarks, f"thumb_{number:05d}")
    folder = read_folder(tmp_path if which == "parent" else thumbnails)
    assert folder.layout == "legacy"
    assert [e.id for e in folder.entries] == [f"thumb_{n:05d}" for n in range(14)]
    assert folder.entries[3].landmarks == landmarks / "thumb_00003.npy"


def test_other_landmarks_of_a_dataset_of_the_native_layout(tmp_path):
    """Its pictures were looked for beside the folder they lie in."""
    for name in ("a", "b"):
        pair(tmp_path / "images", tmp_path / "landmarks", name)
        pair(tmp_path / "images", tmp_path / "better", name)
    rows = [json.dumps({"id": name, "split": "train"}) for name in ("a", "b")]
    (tmp_path / "index.jsonl").write_text("\n".join(rows) + "\n")
    folder = read_folder(tmp_path, tmp_path / "better")
    assert not folder.findings
    assert [entry.landmarks.parent.name for entry in folder.entries] == ["better", "better"]


def test_pictures_and_landmarks_in_folders_of_any_name(tmp_path):
    pair(tmp_path / "mine", tmp_path / "points", "x")
    folder = read_folder(tmp_path / "mine", tmp_path / "points")
    assert folder.entries[0].landmarks == tmp_path / "points" / "x.npy"
    with pytest.raises(DataError, match=r"data\.landmarks is .*nowhere"):
        read_folder(tmp_path / "mine", tmp_path / "nowhere")


def test_side_by_side(tmp_path):
    pair(tmp_path, tmp_path, "one")
    pair(tmp_path, tmp_path, "two")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._one.png").write_bytes(b"what another system left behind")
    folder = read_folder(tmp_path)
    assert folder.layout == "side-by-side"
    assert [e.id for e in folder.entries] == ["one", "two"]


def test_pictures_of_every_ending_in_order(tmp_path):
    for name in ("b.JPG", "a.png", "c.webp", "d.gif", "e.npy", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    assert [p.name for p in photographs_in(tmp_path)] == ["a.png", "b.JPG", "c.webp", "d.gif"]


def test_folders_that_fit_nothing_say_what_is_accepted(tmp_path):
    with pytest.raises(DataError, match="there is none"):
        read_folder(tmp_path / "nowhere")
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"images/<id>\.png") as caught:
        read_folder(tmp_path)
    assert "_thumbnails_" in caught.value.message
    assert "data prepare face-encoder" in caught.value.advice


def test_the_legacy_order_gives_six_of_seven_to_training():
    """The 70,000 thumbnails are split 60,000 to 10,000 in their own order."""
    entry = Entry("thumb", Path("x"), Path("y"))
    splits = [split_of(entry, position, 70_000, "legacy") for position in range(70_000)]
    assert splits[:60_000] == ["train"] * 60_000
    assert splits[60_000:] == ["validation"] * 10_000


def test_all_photographs_of_a_person_fall_into_one_split():
    splits: dict[str, set[str]] = {}
    shares: Counter[str] = Counter()
    for person in range(1000):
        for photo in range(3):
            entry = Entry(f"{person}_{photo}", Path("x"), Path("y"), person=f"person {person}")
            split = split_of(entry, 0, 3000, "native")
            splits.setdefault(entry.person, set()).add(split)
            shares[split] += 1
    assert all(len(found) == 1 for found in splits.values())
    # Shares of a fair die with ten sides: 2,400 +- 4 standard deviations of persons.
    assert shares["train"] / 3000 == pytest.approx(0.8, abs=0.05)
    assert shares["validation"] / 3000 == pytest.approx(0.1, abs=0.04)
    assert shares["test"] / 3000 == pytest.approx(0.1, abs=0.04)


def test_a_recorded_split_counts_and_unknown_people_are_their_photographs():
    recorded = Entry("a", Path("x"), Path("y"), person="p", split="test")
    assert split_of(recorded, 0, 10, "legacy") == "test"
    alone = {split_of(Entry(str(n), Path("x"), Path("y")), 0, 10, "native") for n in range(50)}
    assert alone == {"train", "validation", "test"}


def test_splits_of_a_dataset_share_no_person_and_lose_none(tmp_path):
    rows = []
    for number in range(24):
        pair(tmp_path / "images", tmp_path / "landmarks", f"{number:02d}")
        rows.append({"id": f"{number:02d}", "person": str(number // 2)})
    (tmp_path / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    people: list[str | None] = []
    total = 0
    for split in ("train", "validation", "test"):
        source = CONTRACT.open(str(tmp_path), split, size=32)
        people += sorted({entry.person for entry in source.entries})
        total += len(source)
    assert total == 24
    assert sorted(people) == sorted({str(number) for number in range(12)})  # each exactly once
    assert len(CONTRACT.open(str(tmp_path), "all", size=32)) == 24


def test_only_training_needs_photographs(tmp_path):
    pair(tmp_path / "images", tmp_path / "landmarks", "a")
    (tmp_path / "index.jsonl").write_text('{"id": "a", "split": "validation"}')
    with pytest.raises(DataError, match=r"split 'train' .* found none among 1"):
        CONTRACT.open(str(tmp_path), "train")
    assert len(CONTRACT.open(str(tmp_path), "test")) == 0
    assert len(CONTRACT.open(str(tmp_path), "validation")) == 1


def test_the_writer_writes_what_is_read(tmp_path):
    mask = np.eye(32, dtype=np.uint8)
    truth = {"shape": np.arange(3, dtype=np.float32), "head_rotation": np.eye(3)}
    image = np.random.default_rng(0).uniform(size=(32, 40, 3)).astype(np.float32)
    sample = {
        "id": "x", "image": image, "landmarks": POINTS, "person": "p", "split": "validation",
        "record": {"light": "window"},
    }  # fmt: skip
    head = {"name": "toy", "fingerprint": "f" * 64}
    with CONTRACT.writer(str(tmp_path / "d"), head=head, provenance={"consent": "yes"}) as writer:
        writer.write(sample)
        writer.write({**sample, "id": "y", "mask": mask[:, :40], "truth": truth, "split": "train"})
        for wrong in ("x", "a/b", ".z"):
            with pytest.raises(ValueError, match=r"is taken|is not a plain file name"):
                writer.write({**sample, "id": wrong})
        with pytest.raises(ValueError, match=r"\(68, 2\) finite"):
            writer.write({**sample, "id": "z", "landmarks": POINTS * np.nan})
        assert not (tmp_path / "d" / "index.jsonl").exists()  # it appears at the end
    folder = read_folder(tmp_path / "d")
    x, y = folder.entries
    assert (x.person, x.split, x.size, x.mask, x.truth) == ("p", "validation", (40, 32), None, None)
    assert y.truth is not None
    assert folder.head == head
    provenance = json.loads((tmp_path / "d" / "provenance.json").read_text())
    assert (provenance["consent"], provenance["photographs"]) == ("yes", 2)
    assert '"light": "window"' in (tmp_path / "d" / "index.jsonl").read_text()
    np.testing.assert_array_equal(np.load(x.landmarks), POINTS)


def test_an_interrupted_writer_leaves_no_index(tmp_path):
    def interrupted() -> None:
        with CONTRACT.writer(str(tmp_path / "d")) as writer:
            writer.write({"id": "x", "image": np.zeros((32, 32, 3)), "landmarks": POINTS})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "d" / "images" / "x.png").is_file()
    assert not (tmp_path / "d" / "index.jsonl").exists()


def test_a_file_in_place_of_a_dataset_is_called_a_file(tmp_path):
    path = tmp_path / "plain.png"
    path.write_bytes(b"a picture")
    (finding,) = CONTRACT.inspect(str(path)).errors
    assert finding.message == f"Expected a dataset folder at '{path}', found a file."
    with pytest.raises(DataError, match=r"Expected a folder of photographs at .*, found a file"):
        prepare(str(path), str(tmp_path / "out"))


def test_every_format_that_is_read_is_looked_for_in_folders():
    """The endings Pillow itself saves and knows these formats by."""
    Image.init()
    formats = {"PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "ICO"}
    plain = {
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in formats and suffix in (".jp2", ".tga", ".ppm", ".pgm", ".ico", ".jfif", ".png")
    }
    assert len(plain) == 7
    assert {*plain, ".mpo"} <= set(IMAGE_SUFFIXES)


def test_a_folder_of_an_uncommon_format_has_photographs(tmp_path):
    for suffix in ("jp2", "tga", "ppm", "ico"):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{suffix}.{suffix}")
    found, others = photographs_below(tmp_path)
    assert [photo.file for photo in found] == ["ico.ico", "jp2.jp2", "ppm.ppm", "tga.tga"]
    assert others == []


def test_photographs_of_formats_that_are_not_read_are_told(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "notes.txt").write_text("no photograph")
    found, others = photographs_below(tmp_path)
    assert [photo.file for photo in found] == ["a.png"]
    assert others == [{"file": "b.HEIC", "reason": ".heic is not read; save it as JPEG or PNG"}]


def test_landmarks_without_a_picture_are_told(tmp_path):
    for name in ("1", "2", "3"):
        pair(tmp_path / "x_thumbnails_32", tmp_path / "x_landmarks_32", name)
    (tmp_path / "x_thumbnails_32" / "2.png").unlink()
    folder = read_folder(tmp_path)
    assert [entry.id for entry in folder.entries] == ["1", "3"]
    (finding,) = folder.findings
    assert (finding.severity, finding.code) == ("warning", "landmarks-alone")
    assert finding.path == "x_landmarks_32/2.npy"
    assert finding.message == "Landmarks without a picture of their name, 1 in all, are not used."


def test_a_table_of_persons_counts_in_every_layout(tmp_path):
    """Photographs with landmarks beside them: their table was passed by, and advised."""
    for name in ("a", "b"):
        pair(tmp_path, tmp_path, name)
    (tmp_path / "identity.csv").write_text("id,person\na,anna\nb,anna\n")
    folder = read_folder(tmp_path)
    assert folder.layout == "side-by-side"
    assert [entry.person for entry in folder.entries] == ["anna", "anna"]


def test_masks_of_a_dataset_are_no_photographs(dataset: Path, tmp_path: Path) -> None:
    """A prediction of its folder told of as many photographs without a face."""
    found, others = photographs_below(dataset)
    names = sorted(path.name for path in (dataset / "images").iterdir())
    assert [photo.file for photo in found] == [f"images/{name}" for name in names]
    assert others == []
    assert sorted(path.name for path in (dataset / "masks").iterdir()) == names
    masks = tmp_path / "masks"  # a folder of that name elsewhere is a folder
    shutil.copytree(dataset / "images", masks)
    assert [photo.file for photo in photographs_below(tmp_path)[0]] == [f"masks/{n}" for n in names]
