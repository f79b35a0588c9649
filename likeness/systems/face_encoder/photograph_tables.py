"""Photographs in Parquet tables, read a row at a time: which rows there are, and the bytes of one.

A table is a file somebody else wrote. Its rows are counted before they are listed, one picture is
held at a time, texts have a length, and the path that is stored beside a picture is a name here and
is never opened. A page, which is unpacked as a whole, has at most 2 GiB: the format has no larger.

Format: Apache Parquet; a picture is a column of bytes, or, as the library `datasets` writes it, a
column ``{bytes, path}``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from likeness.errors import DataError, UnsafeFileError, UsageError
from likeness.extras import require
from likeness.systems.face_encoder.photographs import Cell, Photo

SUFFIX = ".parquet"
MAX_ROWS = 5_000_000
"""Of all tables together: a footer can claim any number."""
MAX_PICTURE_BYTES = 512 * 1024 * 1024
_MAX_FOOTER_BYTES = 64 * 1024 * 1024
_MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Of the texts of a row group as stored; repeated ones may be 64 times as much in memory."""
_TEXTS_AT_ONCE = 64
_MAX_NAME = 100


def photographs_in(
    tables: Sequence[Path], folder: Path, *, image_column: str = "", person_column: str = ""
) -> list[Photo]:
    """A photograph for each row of the tables, in order.

    It is named after the file name stored beside the picture, where that is plain and no other row
    of its table has it, and after the number of its row otherwise.

    Args:
        folder: what names are told from; the tables lie in it or below it.
        image_column: empty takes the only one that holds pictures.
        person_column: text or whole numbers; empty for none.

    Raises:
        DataError: a table is damaged, or has no such column.
        UnsafeFileError: it would fill the memory.
        UsageError: several columns hold pictures.
        MissingError: pyarrow is not installed.
    """
    photos: list[Photo] = []
    for table in tables:
        photos += _rows(table, folder, image_column, person_column, MAX_ROWS - len(photos))
    return photos


def picture_in(table: Path, cell: Cell) -> bytes:
    """The file of a picture that a cell of a table holds.

    Raises:
        DataError: the cell is empty, or the table is damaged.
        UnsafeFileError: the picture has more than :data:`MAX_PICTURE_BYTES`.
    """
    with _refusals(table):
        cursor = _cursor(table, cell.column, cell.group)
        if cursor.row > cell.row:
            _cursor.cache_clear()
            cursor = _cursor(table, cell.column, cell.group)
        value = cursor.value_of(cell.row)
    if value is None:
        raise DataError("the table has no bytes of a picture in this row; paths are not followed")
    if len(value) > MAX_PICTURE_BYTES:
        raise UnsafeFileError(
            f"The picture has {len(value):,} bytes; at most {MAX_PICTURE_BYTES:,} are read.",
            advice="Check that it is a picture, and store it smaller.",
        )
    return value


def _rows(table: Path, folder: Path, image: str, person: str, most: int) -> list[Photo]:
    with _refusals(table):
        file = _open(table)
        column, has_path = _image_column(file.schema_arrow, table, image)
        if person:
            _check_person(file.schema_arrow, table, person)
        metadata = file.metadata
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        if sum(group.num_rows for group in groups) > most or any(g.num_rows < 0 for g in groups):
            raise UnsafeFileError(
                f"{table} says it has {metadata.num_rows:,} rows; at most {MAX_ROWS:,} are read.",
                advice="Prepare its parts one after the other.",
            )
        texts = [*([f"{column}.path"] if has_path else []), *([person] if person else [])]
        _check_texts(groups, texts, table)
        names = list(_texts(file, texts[0])) if has_path else []
        people = list(_texts(file, person)) if person else []
    stored = [_plain(name) for name in names]
    counts = Counter(PurePosixPath(name).stem for name in stored)
    leaf = f"{column}.bytes" if _is_struct(file.schema_arrow, column) else column
    place = table.relative_to(folder).as_posix().removesuffix(table.suffix)
    photos, number = [], 0
    for index, group in enumerate(groups):
        for row in range(group.num_rows):
            name = stored[number] if stored else ""
            if counts[PurePosixPath(name).stem] > 1:
                name = ""
            shown = f"{place}/{name or f'{number:07d}'}"
            whose = (people[number] or "")[:_MAX_NAME].replace("/", "_") if people else ""
            cell = Cell(leaf, index, row, whose)
            photos.append(Photo(table, shown, cell))
            number += 1
    return photos


def _plain(path: str | None) -> str:
    """The file name at the end of a stored path; empty where it is none that can be shown."""
    name = (path or "").replace("\\", "/").rpartition("/")[2]
    is_plain = name.isprintable() and not name.startswith(".") and len(name) <= _MAX_NAME
    return name if is_plain else ""


def _texts(file: Any, column: str) -> Iterator[str | None]:
    batches = file.iter_batches(batch_size=_TEXTS_AT_ONCE, columns=[column], use_threads=False)
    for batch in batches:
        for value in batch.column(0).to_pylist():
            inner = next(iter(value.values())) if isinstance(value, dict) else value
            yield None if inner is None else str(inner)


def _check_texts(groups: Sequence[Any], texts: Sequence[str], table: Path) -> None:
    for group in groups:
        for index in range(group.num_columns):
            chunk = group.column(index)
            if chunk.path_in_schema in texts and chunk.total_uncompressed_size > _MAX_TEXT_BYTES:
                raise UnsafeFileError(
                    f"{table} has {chunk.total_uncompressed_size:,} bytes of texts in "
                    f"'{chunk.path_in_schema}' of one row group; at most {_MAX_TEXT_BYTES:,} are "
                    "read.",
                    advice="Write it with smaller row groups.",
                )


def _is_struct(schema: Any, column: str) -> bool:
    types = require("pyarrow.types", extra="parquet", purpose="read Parquet tables")
    return bool(types.is_struct(schema.field(column).type))


def _image_column(schema: Any, table: Path, wanted: str) -> tuple[str, bool]:
    """The column of pictures, and whether paths are stored beside them."""
    types = require("pyarrow.types", extra="parquet", purpose="read Parquet tables")

    def is_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    found: dict[str, bool] = {}
    for field in schema:
        if is_bytes(field.type):
            found[field.name] = False
        elif types.is_struct(field.type):
            parts = {field.type.field(i).name: field.type.field(i).type
                     for i in range(field.type.num_fields)}  # fmt: skip
            if "bytes" in parts and is_bytes(parts["bytes"]):
                path = parts.get("path")
                found[field.name] = path is not None and bool(
                    types.is_string(path) or types.is_large_string(path)
                )
    if wanted and wanted not in found:
        there = f"those that do: {', '.join(found)}" if found else f"of {', '.join(schema.names)}"
        raise DataError(
            f"Expected pictures (bytes, or {{bytes, path}}) in the column '{wanted}' of {table}; "
            f"{'there are ' if found else 'none does '}{there}."
        )
    if not found:
        raise DataError(
            f"Expected a column of pictures (bytes, or {{bytes, path}}) in {table}, found only "
            f"{', '.join(schema.names) or 'no column'}."
        )
    if not wanted and len(found) > 1:
        raise UsageError(
            f"Several columns of {table} hold bytes: {', '.join(found)}.",
            advice=f"Say which has the photographs: image_column={next(iter(found))}",
        )
    column = wanted or next(iter(found))
    return column, found[column]


def _check_person(schema: Any, table: Path, column: str) -> None:
    types = require("pyarrow.types", extra="parquet", purpose="read Parquet tables")
    kind = schema.field(column).type if column in schema.names else None
    is_text = kind is not None and (types.is_string(kind) or types.is_large_string(kind))
    if kind is None or not (is_text or types.is_integer(kind)):
        found = f"found {kind}" if kind is not None else f"found only {', '.join(schema.names)}"
        raise DataError(
            f"Expected text or whole numbers in the column '{column}' of {table}, {found}."
        )


def _open(table: Path) -> Any:
    """A table whose pages are read as they are needed."""
    parquet = require("pyarrow.parquet", extra="parquet", purpose="read Parquet tables")
    with open(table, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 8, 0))
        end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != b"PAR1" or length > size:
        raise DataError(f"{table} is no whole Parquet table.", advice="Copy it again.")
    if length > _MAX_FOOTER_BYTES:
        raise UnsafeFileError(
            f"{table} describes itself in {length:,} bytes; at most {_MAX_FOOTER_BYTES:,} are read."
        )
    return parquet.ParquetFile(
        table,
        buffer_size=1 << 20,
        pre_buffer=False,
        thrift_string_size_limit=_MAX_FOOTER_BYTES,
        thrift_container_size_limit=1_000_000,
    )


class _Cursor:
    """The cells of one column in one row group, in order, one in memory."""

    def __init__(self, table: Path, column: str, group: int) -> None:
        self.row = 0
        """What is read next."""
        self._batches = _open(table).iter_batches(
            batch_size=1, row_groups=[group], columns=[column], use_threads=False
        )

    def value_of(self, row: int) -> bytes | None:
        """The cell of a row that was not passed yet."""
        batch = None
        while self.row <= row:
            batch = next(self._batches, None)
            if batch is None:
                raise DataError("the table has fewer rows than it says")
            self.row += batch.num_rows
        assert batch is not None
        value = batch.column(0)[0].as_py()
        return value.get("bytes") if isinstance(value, dict) else value


@lru_cache(maxsize=1)
def _cursor(table: Path, column: str, group: int) -> _Cursor:
    """Tasks come in the order of rows, so a process reads a row group once."""
    return _Cursor(table, column, group)


@contextmanager
def _refusals(table: Path) -> Iterator[None]:
    """What the library raises on damage, as an error that names the table."""
    try:
        yield
    except (OSError, ValueError, MemoryError, RuntimeError, KeyError, IndexError) as error:
        reason = str(error).split("\n")[0] or type(error).__name__
        raise DataError(f"{table} cannot be read: {reason}.", advice="Copy it again.") from error
