"""The npz files of a package: written by the runtime's rules, and read exactly as it reads them.

The runtime's reader walks the local headers of the zip archive from the front and never looks at
the central directory. It takes the number after the type letter of an array for its bytes per
value, so that a unicode array makes it lose its place; then it stops without a word. It looks at
neither types nor the order of axes: whoever asks for floats gets the bytes as floats. Here the same
walk is made, and everything that would go wrong in it is reported. Nothing is unpacked and no
pickle is read, so a file cannot ask for more than its own size.
"""

from __future__ import annotations

import math
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError
from likeness.replacement import replacing
from likeness.systems.audio2face.package.violations import Report

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_ZIP64 = 0xFFFFFFFF
_MAX_HEADER = 256
"""Bytes of an array's header line that the runtime reads at most."""
_MAX_MEMBERS = 10_000
_BLOCK = 1 << 20
_FIELD = {
    "descr": re.compile(r"'descr': '([<>|=])([a-zA-Z])(\d+)'"),
    "order": re.compile(r"'fortran_order': (True|False)"),
    "shape": re.compile(r"'shape': \(([\d, ]*)\)"),
}


@dataclass(frozen=True)
class RuntimeArray:
    """An array as the runtime sees it.

    Attributes:
        kind: letter and bytes per value, such as ``<f4`` or ``|S7``, as the file says.
        shape: as the file says.
        offset: of the first value in the file.
        word_size: bytes per value as the runtime counts them.
    """

    path: Path
    kind: str
    shape: tuple[int, ...]
    offset: int
    word_size: int

    @property
    def num_values(self) -> int:
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        return self.num_values * self.word_size

    def floats(self) -> NDArray[np.float32]:
        """The bytes as float32, whatever they are, as many values as they make."""
        return self._bytes(4).view("<f4")

    def ints(self) -> NDArray[np.int32]:
        """The bytes as int32, likewise."""
        return self._bytes(4).view("<i4")

    def texts(self) -> list[str]:
        """Fixed-width texts up to their first zero byte, one for each entry of the first axis."""
        size = self.word_size
        data = self._bytes(1).tobytes()
        count = self.shape[0] if self.shape else 1
        words = (data[i * size : (i + 1) * size].split(b"\0")[0] for i in range(count))
        return [word.decode("utf-8", "replace") for word in words]

    def _bytes(self, multiple: int) -> NDArray[np.uint8]:
        count = self.num_bytes // multiple * multiple
        if count == 0:
            return np.zeros(0, np.uint8)
        return np.fromfile(self.path, np.uint8, count, offset=self.offset)


def extent_of(array: RuntimeArray | None) -> float:
    """The largest extent of a mesh (V, 3); 0 where there is none of finite numbers."""
    if array is None or array.kind[1:] != "f4" or not array.num_values or array.num_values % 3:
        return 0.0
    values = array.floats()
    return float(np.ptp(values.reshape(-1, 3), axis=0).max()) if np.isfinite(values).all() else 0.0


def lies_as(shape: Sequence[int], expected: Sequence[int]) -> bool:
    """Whether values of a shape follow each other in the file as those of the expected one do.

    Axes may be merged or of length 1: (K, 3 V) and a plain row of numbers are as good as
    (K, V, 3), while (V, 3, K) is another order of as many values.

    Args:
        expected: lengths; the first one may be -1, any number of rows.
    """
    size = math.prod(shape)
    inner = math.prod(expected[1:])
    first = size // inner if expected[0] < 0 else expected[0]
    ends = set(accumulate((first, *expected[1:]), mul))
    return size == first * inner and ends >= set(accumulate((n for n in shape if n != 1), mul))


def write_runtime_arrays(path: str | Path, arrays: Mapping[str, np.ndarray | str]) -> None:
    """Write an npz file the runtime reads in full: stored, float32 or int32, C order, bytes.

    Args:
        path: ending in .npz; replaced in one step.
        arrays: real numbers become float32, integers int32; texts and lists of texts become bytes
            of fixed width.

    Raises:
        UsageError: a value the format has no place for: an integer beyond 32 bits, an object, a
            text that is empty or ends with a zero byte.
    """
    stored = {name: _stored(name, value) for name, value in arrays.items()}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **stored)


def _stored(name: str, value: np.ndarray | str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind in "US":
        texts = [t.encode() if isinstance(t, str) else t for t in array.ravel().tolist()]
        if not texts or not all(texts) or any(b"\0" in text for text in texts):
            raise UsageError(f"'{name}' must hold texts that are not empty, got {array!r:.200}.")
        return np.array(texts, "S").reshape(array.shape)
    if array.dtype.kind in "iub":
        if array.size and not -(2**31) <= int(array.min()) <= int(array.max()) < 2**31:
            raise UsageError(f"'{name}' holds integers that do not fit 32 bits.")
        return np.ascontiguousarray(array, "<i4").reshape(array.shape)
    if array.dtype.kind != "f":
        raise UsageError(f"'{name}' must hold real numbers or texts, got {array.dtype}.")
    return np.ascontiguousarray(array, "<f4").reshape(array.shape)


@dataclass(frozen=True)
class RuntimeArchive:
    """What the runtime sees of an npz file, and whether it gets to its end."""

    arrays: Mapping[str, RuntimeArray]
    is_complete: bool


def read_runtime_arrays(path: Path, report: Report) -> RuntimeArchive:
    """The arrays the runtime would see, and what it would trip over added to the report.

    Codes: ``npz.unreadable``, ``npz.deflated``, ``npz.header``, ``npz.unicode``, ``npz.pickle``,
    ``npz.big-endian``, ``npz.fortran``, ``npz.truncated``, ``npz.dropped``, ``npz.damaged``. The
    walk ends at the
    first member that the runtime could not pass, as its own does.
    """
    seen: dict[str, RuntimeArray] = {}
    passed: set[str] = set()
    size = path.stat().st_size
    before = len(report.found)
    with open(path, "rb") as file:
        for _ in range(_MAX_MEMBERS):
            name = _read_member(file, path, size, report, seen)
            if name is None:
                break
            passed.add(name)
    stopped = any(v.code not in ("npz.fortran", "npz.big-endian") for v in report.found[before:])
    is_dropping = _report_dropped(path, passed, report, stopped=stopped)
    if not (stopped or is_dropping):
        _report_damaged(path, report)
    return RuntimeArchive(seen, not (stopped or is_dropping))


def _read_member(
    file: BinaryIO, path: Path, size: int, report: Report, seen: dict[str, RuntimeArray]
) -> str | None:
    """Read the member here and stand behind it; its name, None where the runtime stops."""
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or raw[2:4] != b"\3\4":
        if len(raw) < _LOCAL.size or (not seen and raw[:4] not in (b"PK\1\2", b"PK\5\6")):
            report.error("npz.unreadable", path, "Expected a zip archive of arrays, found none.")
        return None
    _, _, _, method, _, _, _, packed, unpacked, name_size, extra_size = _LOCAL.unpack(raw)
    full = file.read(name_size).decode("utf-8", "replace")
    name = full[:-4]  # whatever the ending is
    file.seek(extra_size, 1)
    if method != 0:
        marked = " and ZIP64 sizes it cannot read" if _ZIP64 in (packed, unpacked) else ""
        report.error(
            "npz.deflated",
            path,
            f"'{name}' must be stored, found compression method {method}{marked}; "
            "numpy.savez writes what is read.",
        )
        return None
    array = _read_header(file, path, name, report)
    if array is None:
        return None
    if array.offset + array.num_bytes > size:
        report.error(
            "npz.truncated",
            path,
            f"'{name}' declares {array.num_bytes:,} bytes, the file has {size - array.offset:,}.",
        )
        return None
    seen[name] = array
    file.seek(array.offset + array.num_bytes)
    return full


def _read_header(file: BinaryIO, path: Path, name: str, report: Report) -> RuntimeArray | None:
    magic = file.read(8)
    length = file.read(2)
    declared = int.from_bytes(length, "little")
    if magic != b"\x93NUMPY\1\0" or declared >= _MAX_HEADER:
        report.error(
            "npz.header",
            path,
            f"'{name}' must be an array of .npy version 1 with a header below {_MAX_HEADER} bytes, "
            f"found {magic!r} and {declared}.",
        )
        return None
    text = file.read(declared).decode("latin-1")
    if "'|O'" in text or "'O'" in text:
        report.error("npz.pickle", path, f"'{name}' holds Python objects, which nobody reads.")
        return None
    found = {key: pattern.search(text) for key, pattern in _FIELD.items()}
    descr, order, shape = found["descr"], found["order"], found["shape"]
    if descr is None or order is None or shape is None or not text.endswith("\n"):
        report.error("npz.header", path, f"'{name}' has a header that cannot be read: {text:.80}.")
        return None
    sizes = tuple(int(part) for part in shape[1].replace(" ", "").split(",") if part)
    byte_order, letter, word = descr[1], descr[2], int(descr[3])
    if byte_order == ">":
        report.error("npz.big-endian", path, f"'{name}' must be little-endian, found {descr[0]}.")
    if order[1] == "True" and len(sizes) > 1 and math.prod(sizes) > 0:
        report.error("npz.fortran", path, f"'{name}' must be in C order, found column-major order.")
    if letter == "U":
        report.error(
            "npz.unicode",
            path,
            f"'{name}' must hold bytes (dtype S), found unicode: the runtime counts {word} bytes "
            f"where there are {4 * word} and loses its place.",
        )
        return None
    return RuntimeArray(path, f"{byte_order}{letter}{word}", sizes, file.tell(), word)


def _report_dropped(path: Path, passed: set[str], report: Report, *, stopped: bool) -> bool:
    """Whether the walk did not reach all members of the central directory."""
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError):
        if not stopped:
            report.error("npz.unreadable", path, "Expected a zip archive, found a damaged one.")
        return True
    missing = [name.removesuffix(".npy") for name in listed if name not in passed]
    # The member that stopped the walk has its own line.
    missing = missing[1:] if stopped else missing
    if missing:
        report.error(
            "npz.dropped",
            path,
            f"The runtime would silently not see {', '.join(repr(m) for m in missing[:20])}.",
        )
    return bool(missing)


def _report_damaged(path: Path, report: Report) -> None:
    """Members whose bytes are not those that were written. All are stored, none is unpacked."""
    damaged = []
    with zipfile.ZipFile(path) as archive:
        # Each place once: a directory may name one a thousand times.
        for member in {m.header_offset: m for m in archive.infolist()}.values():
            if member.compress_type != zipfile.ZIP_STORED:
                damaged.append(f"'{member.filename}' (stored, and listed as packed)")
                continue
            try:
                with archive.open(member) as file:
                    while file.read(_BLOCK):
                        pass
            except (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as error:
                damaged.append(f"'{member.filename.removesuffix('.npy')}' ({error})")
    if damaged:
        report.error(
            "npz.damaged",
            path,
            f"Bytes were changed after they were written, by their checksums: "
            f"{', '.join(damaged[:20])}.",
        )
