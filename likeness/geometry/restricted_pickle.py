"""Reads pickles of arrays and dictionaries without running anything the file names.

FLAME and its annotations are distributed as pickles, some of them of NumPy, SciPy, chumpy and torch
objects. Here a name in a pickle is only ever a name: every global becomes an inert token, every
call is interpreted by the table in this module, and arrays are rebuilt from their recorded bytes
afterwards. What the arrays mean belongs to :mod:`likeness.geometry.flame_assets`.
"""

from __future__ import annotations

import collections
import io
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any, BinaryIO, ClassVar

import numpy as np

from likeness.errors import DataError, UnsafeFileError, no_file
from likeness.geometry.array_files import MAX_BYTES, read_npy_header
from likeness.geometry.pickled_values import (
    ArrayRecord,
    DtypeRecord,
    Global,
    ObjectRecord,
    Resolver,
    ScalarRecord,
    UnsafePickleError,
    check_unfolded,
    load_storage,
    rebuild_tensor,
)

__all__ = ["UnsafePickleError", "read_object_npy", "read_pickle", "read_pickle_bytes"]

_NUMPY_CORE = ("numpy.core", "numpy._core")
_BUILTINS = ("__builtin__", "builtins")
_SPARSE = tuple(
    (f"scipy.sparse.{prefix}{kind}", f"{kind}_matrix")
    for kind in ("csc", "csr", "coo")
    for prefix in ("", "_")
)
_CALLS: dict[tuple[str, str], str] = {
    **{(f"{core}.multiarray", "_reconstruct"): "array" for core in _NUMPY_CORE},
    **{(f"{core}.multiarray", "scalar"): "scalar" for core in _NUMPY_CORE},
    **{(f"{core}.numeric", "_frombuffer"): "buffer" for core in _NUMPY_CORE},
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("copy_reg", "_reconstructor"): "object",
    ("copyreg", "_reconstructor"): "object",
    ("collections", "OrderedDict"): "dict",
    **{
        (module, name): kind
        for module in _BUILTINS
        for name, kind in (
            ("set", "set"),
            ("list", "list"),
            ("bytes", "bytes"),
            ("dict", "dict"),
            ("int", "int"),
            ("long", "int"),
            ("float", "float"),
            ("complex", "complex"),
            ("str", "text"),
            ("unicode", "text"),
        )
    },
    ("torch._utils", "_rebuild_tensor_v2"): "tensor",
    ("torch.storage", "_load_from_bytes"): "storage",
}
"""What a pickle may call, and what is done instead."""

_CLASSES = {*_SPARSE, ("chumpy.ch", "Ch"), ("chumpy.reordering", "Select")}
"""Objects whose recorded state is understood afterwards."""

_NAMED = {("numpy", "ndarray"), *((module, "object") for module in _BUILTINS)}
"""Names that appear only as arguments."""

_ALLOWED = set(_CALLS) | _CLASSES | _NAMED
_CODECS = {"latin1", "latin-1", "iso-8859-1", "ascii", "utf-8", "utf8"}


def read_pickle(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """The contents of a pickle file: dictionaries, lists, numbers, text and NumPy arrays.

    Sparse matrices become dense arrays, chumpy objects and torch tensors their values. Texts of
    Python 2 are read as Latin-1.

    Args:
        max_bytes: bound on the file and on everything built from it.

    Raises:
        MissingError: there is no such file.
        UnsafePickleError: the file names anything outside the table of this module, is damaged, or
            declares more than it holds.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    if path.stat().st_size > max_bytes:
        raise UnsafeFileError(f"{path} is larger than {max_bytes:,} bytes.")
    return read_pickle_bytes(path.read_bytes(), str(path), max_bytes=max_bytes)


def read_object_npy(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """The object in an .npy file that holds one pickled object (a 0-d array of type object)."""
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    if path.stat().st_size > max_bytes:
        raise UnsafeFileError(f"{path} is larger than {max_bytes:,} bytes.")
    with open(path, "rb") as file:
        header = read_npy_header(file, str(path))
        if header.dtype != np.dtype(object) or header.shape != ():
            raise DataError(
                f"{path} should hold one object, found an array of shape {header.shape} and type "
                f"{header.dtype}."
            )
        return read_pickle_bytes(file.read(), str(path), max_bytes=max_bytes)


def read_pickle_bytes(data: bytes, where: str, *, max_bytes: int = MAX_BYTES) -> Any:
    """As :func:`read_pickle`, from memory; ``where`` names the source in messages."""
    budget = _Budget(max_bytes, where)
    try:
        recorded = _RestrictedUnpickler(io.BytesIO(data), len(data), budget, where).load()
        return Resolver(budget.spend, where).resolve(recorded)
    except UnsafePickleError:
        raise
    except (
        pickle.UnpicklingError,
        EOFError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
        OverflowError,
        RecursionError,
        MemoryError,
        struct.error,
    ) as error:
        raise UnsafePickleError(
            f"{where} is not a readable pickle: {type(error).__name__}: {error}.",
            advice="Copy the file again from its source; it is damaged or was made to be.",
        ) from error


@dataclass
class _Budget:
    """Bytes that may still be built: small files must not unfold without end."""

    left: int
    where: str

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise UnsafePickleError(f"{self.where} unfolds to more than is allowed to be read.")


# The unpickler written in Python is used because each of its operations can be replaced, and
# because the compiled one allocates whatever memo size a file asks for.
class _RestrictedUnpickler(pickle._Unpickler):  # type: ignore[name-defined]
    """Tokens for names, records for objects; nothing that is put on the stack can be called."""

    dispatch: ClassVar = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]

    def __init__(self, file: BinaryIO, size: int, budget: _Budget, where: str) -> None:
        super().__init__(file, encoding="latin1")
        self._size, self._budget, self._where = size, budget, where
        self._unfolded: dict[int, tuple[tuple[Any, ...], int]] = {}

    def find_class(self, module: str, name: str) -> Global:
        """A token for an allowed name. Names are as the file spells them, Python 2 or 3."""
        if (module, name) not in _ALLOWED:
            advice = "Do not open this file with other software unless you trust its source."
            if module.split(".")[0] == "chumpy":
                advice = (
                    f"The chumpy class '{name}' cannot be evaluated here. Convert the file where "
                    "chumpy is installed, storing plain arrays."
                )
            raise UnsafePickleError(
                f"{self._where} asks for '{module}.{name}', which is not plain data.",
                module=module,
                name=name,
                advice=advice,
            )
        return Global(module, name)

    def persistent_load(self, pid: object) -> None:
        raise UnsafePickleError(
            f"{self._where} refers to objects outside itself ({short_repr(pid)})."
        )

    def get_extension(self, code: int) -> None:
        raise UnsafePickleError(f"{self._where} uses the extension registry (code {code}).")

    def _instantiate(self, klass: Any, args: Any) -> None:
        self.append(self._call(klass, tuple(args)))

    def _load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self._call(self.stack[-1], args)

    def _load_newobj(self) -> None:
        args = self.stack.pop()
        klass = self.stack.pop()
        if args != ():
            raise UnsafePickleError(f"{self._where} builds an object with arguments.")
        self.append(self._object(klass))

    def _load_newobj_ex(self) -> None:
        raise UnsafePickleError(f"{self._where} builds an object with keyword arguments.")

    def _load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, ArrayRecord | DtypeRecord | ObjectRecord):
            raise UnsafePickleError(
                f"{self._where} changes the state of a {type(target).__name__}."
            )
        target.state = state

    def _load_bytearray8(self) -> None:
        # The original allocates the declared length before it looks for the bytes.
        (length,) = struct.unpack("<Q", self.read(8))
        if length > self._size:
            raise UnsafePickleError(f"{self._where} declares {length:,} bytes it does not hold.")
        self.append(self.read(length))

    def _load_tuple(self) -> None:
        items = self.pop_mark()  # first: it puts the stack below the mark in place
        self.append(self._measured(tuple(items)))

    def _load_tuple1(self) -> None:
        self.stack[-1] = self._measured((self.stack[-1],))

    def _load_tuple2(self) -> None:
        self.stack[-2:] = [self._measured((self.stack[-2], self.stack[-1]))]

    def _load_tuple3(self) -> None:
        self.stack[-3:] = [self._measured((self.stack[-3], self.stack[-2], self.stack[-1]))]

    def _measured(self, made: tuple[Any, ...]) -> tuple[Any, ...]:
        """A new tuple, refused when it unfolds to too much: as a key it is walked at once."""
        inner = (self._unfolded.get(id(part), (part, 1))[1] for part in made)
        size = 1 + sum(inner)
        check_unfolded(size, self._where)
        # The tuple is kept with its size, so that no later one gets its id.
        self._unfolded[id(made)] = made, size
        return made

    dispatch[pickle.REDUCE[0]] = _load_reduce
    dispatch[pickle.NEWOBJ[0]] = _load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = _load_newobj_ex
    dispatch[pickle.BUILD[0]] = _load_build
    dispatch[pickle.BYTEARRAY8[0]] = _load_bytearray8
    dispatch[pickle.TUPLE[0]] = _load_tuple
    dispatch[pickle.TUPLE1[0]] = _load_tuple1
    dispatch[pickle.TUPLE2[0]] = _load_tuple2
    dispatch[pickle.TUPLE3[0]] = _load_tuple3

    def _object(self, klass: Any) -> ObjectRecord:
        if not isinstance(klass, Global) or (klass.module, klass.name) not in _CLASSES:
            raise UnsafePickleError(f"{self._where} makes an instance of {short_repr(klass)}.")
        return ObjectRecord(klass)

    def _call(self, function: Any, args: tuple[Any, ...]) -> Any:
        """What stands for ``function(*args)``."""
        if not isinstance(function, Global) or not isinstance(args, tuple):
            raise UnsafePickleError(f"{self._where} calls a {type(function).__name__}.")
        name = (function.module, function.name)
        match _CALLS.get(name), args:
            case "array", (Global("numpy", "ndarray"), *_):
                return ArrayRecord()
            case "buffer", (buffer, DtypeRecord() as dtype, shape, ("C" | "F") as order, *_):
                return ArrayRecord((1, shape, dtype, order == "F", buffer))
            case "buffer", (buffer, DtypeRecord() as dtype, shape, "K", tuple() as axes):
                return ArrayRecord((1, shape, dtype, False, buffer), axes)
            case "dtype", (str() as code, *_):
                return DtypeRecord(code)
            case "scalar", (DtypeRecord() as dtype, content):
                return ScalarRecord(dtype, content)
            case "encode", (str() as text, str() as codec) if codec.lower() in _CODECS:
                self._budget.spend(len(text))
                return text.encode(codec)
            case "object", (Global() as klass, Global(_, "object"), None):
                return self._object(klass)
            case "storage", (bytes() as content,):
                self._budget.spend(len(content))
                return load_storage(content, self._where)
            case "tensor", (storage, int() as offset, size, stride, *_):
                return rebuild_tensor(storage, offset, size, stride, self._where)
            case ("set" | "list" | "dict" | "bytes") as kind, ():
                return {"set": set, "list": list, "dict": dict, "bytes": bytes}[kind]()
            case ("set" | "list" | "dict") as kind, (list() | tuple() | set() | dict() as items,):
                self._budget.spend(64 * len(items))
                return {"set": set, "list": list, "dict": collections.OrderedDict}[kind](items)
            case "text", (str() | bytes() as text,):
                return text if isinstance(text, str) else text.decode("latin1")
            case ("int" | "float") as kind, (int() | float() as number,):
                return {"int": int, "float": float}[kind](number)
            case "complex", (int() | float() as real, int() | float() as imaginary):
                return complex(real, imaginary)
        raise UnsafePickleError(
            f"{self._where} calls '{function.module}.{function.name}' in a way that is not data.",
            module=function.module,
            name=function.name,
        )
