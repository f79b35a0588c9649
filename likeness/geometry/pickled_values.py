"""What a restricted pickle records, and how the records become arrays.

Pure bookkeeping: nothing here is named by a file. The reader is
:mod:`likeness.geometry.restricted_pickle`.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from reprlib import repr as short_repr
from typing import Any

import numpy as np

from likeness.errors import UnsafeFileError
from likeness.plain_torch import load_plain

MAX_ITEMS = 4_000_000
"""Items a pickle may unfold to. Numbers come as arrays, which count once; a list that is referred
to twice counts twice, as it does for whatever walks it."""

_DTYPE = re.compile(r"[<>|=]?([biufcSU]\d{1,4}|O8?)")


class UnsafePickleError(UnsafeFileError):
    """A pickle asked for more than plain data, or is damaged.

    ``module`` and ``name`` say what it asked for, where that was the reason.
    """

    def __init__(self, message: str, *, module: str = "", name: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.module, self.name = module, name


@dataclass(frozen=True)
class Global:
    """A name a pickle mentioned. Inert."""

    module: str
    name: str


@dataclass(eq=False)
class ArrayRecord:
    """An array: ``state`` is (version, shape, dtype, is_fortran, data). ``axes`` transpose it."""

    state: Any = None
    axes: tuple[int, ...] | None = None


@dataclass(eq=False)
class DtypeRecord:
    """A number type: code such as "f8", and a state whose second entry is the byte order."""

    code: str
    state: Any = None


@dataclass(eq=False)
class ScalarRecord:
    """One number: its type and bytes."""

    dtype: DtypeRecord
    content: Any


@dataclass(eq=False)
class ObjectRecord:
    """An instance of an allowed class: its name and recorded attributes."""

    klass: Global
    state: Any = None


def check_unfolded(num_items: int, where: str) -> None:
    """Refuse more than ``MAX_ITEMS``: 40 tuples of the tuple before twice are 10^12 items."""
    if num_items > MAX_ITEMS:
        raise UnsafePickleError(
            f"{where} unfolds to more than {MAX_ITEMS:,} items.",
            advice="Real models hold their numbers as arrays; do not use this file.",
        )


class Resolver:
    """Turns records into values, each record once, however often a pickle refers to it.

    Args:
        spend: called with every number of bytes about to be allocated.
        where: the source, for messages.
    """

    def __init__(self, spend: Callable[[int], None], where: str) -> None:
        self._spend, self._where = spend, where
        self._done: dict[int, Any] = {}
        self._sizes: dict[int, int] = {}
        self._unfolded = 0
        self._active: set[int] = set()

    def resolve(self, value: Any) -> Any:
        """The value a record stands for. Raises UnsafePickleError."""
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            return value
        if isinstance(value, np.ndarray):
            return value
        if id(value) in self._done:
            self._count(self._sizes[id(value)])
            return self._done[id(value)]
        if id(value) in self._active:
            raise UnsafePickleError(f"{self._where} contains an object that contains itself.")
        self._active.add(id(value))
        before = self._unfolded
        self._count(len(value) if isinstance(value, list | tuple | set | frozenset | dict) else 1)
        result = self._resolve(value)
        self._active.remove(id(value))
        self._done[id(value)] = result
        self._sizes[id(value)] = self._unfolded - before
        return result

    def _count(self, num_items: int) -> None:
        self._unfolded += num_items
        check_unfolded(self._unfolded, self._where)

    def _resolve(self, value: Any) -> Any:
        match value:
            case list():
                return [self.resolve(item) for item in value]
            case tuple():
                return tuple(self.resolve(item) for item in value)
            case set() | frozenset():
                return {self.resolve(item) for item in value}
            case Mapping():
                return {self.resolve(key): self.resolve(item) for key, item in value.items()}
            case ArrayRecord():
                return self._array(value)
            case ScalarRecord():
                return self._from_bytes(value.content, self._dtype(value.dtype), (), False)[()]
            case DtypeRecord():
                return self._dtype(value)
            case ObjectRecord():
                return self._object(value)
        raise UnsafePickleError(
            f"{self._where} stores a {type(value).__name__} ({short_repr(value)})."
        )

    def _array(self, record: ArrayRecord) -> Any:
        match record.state:
            case (int(), tuple() as shape, DtypeRecord() as dtype, is_fortran, data):
                pass
            case (tuple() as shape, DtypeRecord() as dtype, is_fortran, data):
                pass  # written before NumPy 1.0 numbered its states
            case None:
                raise UnsafePickleError(f"{self._where} has an array without contents.")
            case _:
                raise UnsafePickleError(f"{self._where} has an array with an unknown state.")
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise UnsafePickleError(f"{self._where} has an array of shape {short_repr(shape)}.")
        kind = self._dtype(dtype)
        if kind.hasobject:
            if shape != () or not isinstance(data, list) or len(data) != 1:
                raise UnsafePickleError(f"{self._where} has an array of objects, shape {shape}.")
            return self.resolve(data[0])
        array = self._from_bytes(data, kind, shape, bool(is_fortran))
        return array if record.axes is None else array.transpose(record.axes)

    def _from_bytes(
        self, data: Any, dtype: np.dtype, shape: tuple[int, ...], is_fortran: bool
    ) -> np.ndarray:
        if isinstance(data, str):
            self._spend(len(data))
            data = data.encode("latin1")
        if not isinstance(data, bytes | bytearray):
            raise UnsafePickleError(f"{self._where} has an array made of {type(data).__name__}.")
        declared = math.prod(shape) * dtype.itemsize
        if declared != len(data):
            raise UnsafePickleError(
                f"{self._where} has an array of shape {shape} and type {dtype} that needs "
                f"{declared:,} bytes, but holds {len(data):,}."
            )
        self._spend(declared)
        if not declared:
            return np.zeros(shape, dtype.newbyteorder("="))
        array = np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")
        return array.astype(dtype.newbyteorder("="))

    def _dtype(self, record: DtypeRecord) -> np.dtype:
        order = "="
        match record.state:
            case None:
                pass
            case (int(), str() as order, None, None, None, *_):
                pass
            case _:
                raise UnsafePickleError(f"{self._where} has a structured array type.")
        code = record.code
        if not _DTYPE.fullmatch(code) or order not in ("<", ">", "|", "="):
            raise UnsafePickleError(f"{self._where} has the array type {order}{code!r:.40}.")
        try:
            return np.dtype(code).newbyteorder(order)
        except (TypeError, ValueError) as error:
            raise UnsafePickleError(
                f"{self._where} has the array type {order}{code!r:.40}."
            ) from error

    def _object(self, record: ObjectRecord) -> np.ndarray:
        state = record.state
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
            state = state[0]  # (attributes, slots)
        if not isinstance(state, Mapping):
            raise UnsafePickleError(
                f"{self._where} has a '{record.klass.name}' without recorded contents."
            )
        try:
            if record.klass.name == "Ch":
                return np.asarray(self.resolve(state["x"]))
            if record.klass.name == "Select":
                return self._select(state)
            return self._dense(record.klass.name, state)
        except (KeyError, IndexError) as error:
            raise UnsafePickleError(
                f"{self._where} has an incomplete '{record.klass.name}': {error}."
            ) from error

    def _select(self, state: Mapping[str, Any]) -> np.ndarray:
        """chumpy's view of some entries of another array."""
        source = np.asarray(self.resolve(state["a"])).ravel()
        chosen = source[np.asarray(self.resolve(state["idxs"]))]
        shape = self.resolve(state.get("preferred_shape"))
        return chosen if shape is None else chosen.reshape(shape)

    def _dense(self, kind: str, state: Mapping[str, Any]) -> np.ndarray:
        """A SciPy sparse matrix, entries that occur twice added, as SciPy does."""
        shape = self.resolve(state["_shape"] if "_shape" in state else state["shape"])
        num_rows, num_columns = (int(size) for size in shape)
        values = np.asarray(self.resolve(state["data"]))
        if kind == "coo_matrix":
            coordinates = state["coords"] if "coords" in state else (state["row"], state["col"])
            rows, columns = (np.asarray(self.resolve(part)) for part in coordinates)
        else:
            pointer = np.asarray(self.resolve(state["indptr"])).astype(np.int64)
            indices = np.asarray(self.resolve(state["indices"]))
            length = num_columns if kind == "csc_matrix" else num_rows
            steps = np.diff(pointer)
            if len(pointer) != length + 1 or (steps < 0).any() or pointer[-1] != len(values):
                raise UnsafePickleError(f"{self._where} has a damaged sparse matrix.")
            along = np.repeat(np.arange(length), steps)
            rows, columns = (indices, along) if kind == "csc_matrix" else (along, indices)
        inside = (rows >= 0) & (rows < num_rows) & (columns >= 0) & (columns < num_columns)
        if not (len(rows) == len(columns) == len(values)) or not inside.all():
            raise UnsafePickleError(f"{self._where} has a damaged sparse matrix.")
        self._spend(num_rows * num_columns * values.itemsize)
        dense = np.zeros((num_rows, num_columns), values.dtype)
        np.add.at(dense, (rows, columns), values)
        return dense


def load_storage(content: bytes, where: str) -> np.ndarray:
    """The numbers of a torch storage pickled inside a pickle (torch's own legacy format)."""
    import torch

    try:
        storage = load_plain(io.BytesIO(content))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UnsafePickleError(
            f"{where} holds a torch storage that is not plain numbers: {error!s:.200}."
        ) from error
    if not isinstance(storage, torch.storage.TypedStorage):
        raise UnsafePickleError(f"{where} holds a torch {type(storage).__name__}.")
    flat = torch.empty(0, dtype=storage.dtype)
    return flat.set_(storage._untyped_storage).numpy()


def rebuild_tensor(storage: Any, offset: int, size: Any, stride: Any, where: str) -> np.ndarray:
    """The array of a torch tensor: a strided view of a storage, checked to stay inside it."""
    if (
        not isinstance(storage, np.ndarray)
        or not isinstance(size, tuple)
        or not isinstance(stride, tuple)
        or len(size) != len(stride)
        or not all(isinstance(n, int) and n >= 0 for n in (*size, *stride, offset))
    ):
        raise UnsafePickleError(f"{where} holds a tensor that cannot be rebuilt.")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count and (last >= len(storage) or count > len(storage)):
        raise UnsafePickleError(
            f"{where} holds a tensor of shape {size} that leaves its storage of {len(storage)}."
        )
    if not count:
        return np.zeros(size, storage.dtype)
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps).copy()
