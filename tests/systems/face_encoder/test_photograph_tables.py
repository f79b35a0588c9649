"""Photographs in Parquet tables, made here."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, UnsafeFileError, UsageError
from likeness.media.image import load_image
from likeness.systems.face_encoder import photograph_tables
from likeness.systems.face_encoder.photograph_sources import Given, content
from likeness.systems.face_encoder.photograph_tables import photographs_in, picture_in
from likeness.systems.face_encoder.photographs import Cell
from likeness.systems.face_encoder.prepare import prepare as prepare_with
from tests.systems.face_encoder.test_prepare import points_in, truth

pa = pytest.importorskip("pyarrow", reason="needs the extra parquet")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
prepare = partial(prepare_with, workers=1, source_format="parquet")

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write(path: Path, columns: dict, *, rows: int = 3, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path, row_group_size=rows, **options)
    return path


def cells(names: list[str | None], values: list[bytes | None] | None = None):
    values = values or [f"{i}".encode() for i in range(len(names))]
    rows = [{"bytes": v, "path": n} for v, n in zip(values, names, strict=True)]
    return pa.array(rows, IMAGE)


@pytest.fixture
def names(dataset: Path) -> list[str]:
    return sorted(path.stem for path in (dataset / "images").iterdir())


@pytest.fixture
def table(dataset: Path, names: list[str], tmp_path: Path) -> Path:
    """The toy photographs in row groups of three, and their landmarks beside the table."""
    values = [(dataset / "images" / f"{name}.png").read_bytes() for name in names]
    who = [name.split("_")[0] for name in names]
    path = write(
        tmp_path / "raw" / "train.parquet",
        {"image": cells([f"some/where/{n}.png" for n in names], values), "who": who},
    )
    (path.parent / "train").mkdir()
    for name in names:
        np.save(path.parent / "train" / f"{name}.npy", truth(dataset, name))
    return path


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_table_gives_what_the_files_give(table, dataset, tmp_path, is_folder):
    source = table.parent if is_folder else table
    inspection = prepare(str(source), str(tmp_path / "out"), person_column="who")
    assert inspection.ok
    assert (inspection.counts["photographs"], inspection.counts["persons"]) == (8, 4)
    assert not any(finding.code == "no-persons" for finding in inspection.findings)
    image = load_image(tmp_path / "out" / "images" / "train__p2_1.png")
    np.testing.assert_array_equal(image, load_image(dataset / "images" / "p2_1.png"))
    np.testing.assert_array_equal(
        points_in(tmp_path / "out", "train__p2_1"), truth(dataset, "p2_1")
    )
    row = json.loads((tmp_path / "out" / "index.jsonl").read_text().splitlines()[0])
    assert (row["file"], row["person"]) == ("train/p0_0.png", "p0")


def test_every_cell_in_any_order(tmp_path):
    """Against the column as the library gives it at once; a step back opens the row group again."""
    values = [np.random.default_rng(i).bytes(3000 + i) for i in range(10)]
    path = write(tmp_path / "t.parquet", {"image": values}, rows=4)
    photos = photographs_in([path], tmp_path)
    expected = parquet.read_table(path).column("image").to_pylist()
    for number in (0, 1, 3, 2, 9, 8, 4, 5, 9, 0):
        assert content(photos[number]) == expected[number]


def test_names_are_those_stored_where_they_are_plain_and_differ(tmp_path):
    stored = [
        "a/one.png",
        "C:\\b\\two.jpg",
        "same.png",
        "x/same.jpg",
        None,
        ".hidden",
        "l\nine",
        "y" * 101,
    ]
    path = write(tmp_path / "below" / "t.parquet", {"image": cells(stored)})
    files = [photo.file for photo in photographs_in([path], tmp_path)]
    numbered = [f"below/t/{number:07d}" for number in range(2, 8)]
    assert files == ["below/t/one.png", "below/t/two.jpg", *numbered]
    photo = photographs_in([path], tmp_path)[0]
    assert (photo.name, photo.id) == ("below/t/one", "below__t__one")


def test_the_column_is_found_or_asked_for(tmp_path):
    two = write(tmp_path / "two.parquet", {"a": [b"1"], "b": [b"2"], "text": ["x"], "n": [7]})
    with pytest.raises(UsageError, match="hold bytes: a, b"):
        photographs_in([two], tmp_path)
    (photo,) = photographs_in([two], tmp_path, image_column="b", person_column="n")
    assert (content(photo), photo.cell.person) == (b"2", "7")
    with pytest.raises(DataError, match=r"column 'text' of .*those that do: a, b"):
        photographs_in([two], tmp_path, image_column="text")
    with pytest.raises(DataError, match=r"whole numbers in the column 'a' of .*found binary"):
        photographs_in([two], tmp_path, image_column="b", person_column="a")
    none = write(tmp_path / "none.parquet", {"text": ["x"]})
    with pytest.raises(DataError, match="found only text"):
        photographs_in([none], tmp_path)


def test_a_stored_path_is_never_opened(tmp_path, table, names):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    path = write(tmp_path / "t.parquet", {"image": cells([str(secret)], [None])})
    (photo,) = photographs_in([path], tmp_path)
    with pytest.raises(DataError, match="paths are not followed"):
        content(photo)


def test_too_many_rows_too_long_texts_and_too_large_pictures_are_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "t.parquet", {"image": cells(["a.png", "b.png"]), "who": ["x", "y"]})
    monkeypatch.setattr(photograph_tables, "MAX_PICTURE_BYTES", 0)
    with pytest.raises(UnsafeFileError, match="has 1 bytes; at most 0"):
        picture_in(path, Cell("image.bytes", 0, 0, ""))
    monkeypatch.setattr(photograph_tables, "_MAX_TEXT_BYTES", 10)
    with pytest.raises(UnsafeFileError, match=r"bytes of texts in 'image.path'"):
        photographs_in([path], tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(photograph_tables, "MAX_ROWS", 3)
    with pytest.raises(UnsafeFileError, match="2 rows; at most 3"):
        photographs_in([path, path], tmp_path)


@pytest.mark.parametrize("damage", ["cut", "text", "footer", "page"])
def test_damage_is_told_with_the_table(tmp_path, damage):
    path = write(tmp_path / "t.parquet", {"image": [bytes(5000)] * 4}, compression="none")
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "text":
        data = bytearray(b"no table")
    elif damage == "footer":
        start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        data[start : start + 16] = b"\xff" * 16
    else:
        data[4:40] = b"\xff" * 36
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"t\.parquet"):
        [content(photo) for photo in photographs_in([path], tmp_path)]


def test_a_table_larger_than_the_memory_it_may_take(tmp_path):
    """64 pictures of 4 MiB, each in a page of its own: Arrow holds a few of them at most."""
    values = [np.random.default_rng(i).bytes(4 << 20) for i in range(64)]
    layout = {"compression": "none", "use_dictionary": False, "write_batch_size": 1}
    path = write(tmp_path / "t.parquet", {"image": values}, rows=64, **layout)
    del values
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    peak = 0
    for photo in photographs_in([path], tmp_path):
        content(photo)
        peak = max(peak, pool.bytes_allocated() - before)
    assert peak < 32 << 20


def test_options_that_mean_nothing_are_refused(tmp_path):
    with pytest.raises(UsageError, match="repository means nothing with source_format=parquet"):
        Given("parquet", repository="a/b")
    with pytest.raises(DataError, match="Expected a table or a folder of tables"):
        prepare(str(tmp_path / "none"), str(tmp_path / "out"))
