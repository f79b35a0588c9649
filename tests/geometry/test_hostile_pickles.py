"""Hostile and damaged pickles, built opcode by opcode: all are refused and none runs anything.

``trap`` stands in for what an attack would call and counts its calls.
"""

from __future__ import annotations

import collections
import contextlib
import io
import pickle
import struct
import sys
import time
import tracemalloc
import types
from typing import ClassVar

import numpy as np
import pytest
import scipy.sparse
import torch

from likeness.errors import MissingError, UnsafeFileError
from likeness.geometry.flame_assets import load_flame
from likeness.geometry.restricted_pickle import (
    UnsafePickleError,
    read_pickle,
    read_pickle_bytes,
)


def read(data: bytes, **options):
    return read_pickle_bytes(data, "test.pkl", **options)


class Trap:
    """Something a pickle must not reach: counts its calls."""

    calls: ClassVar[list] = []


def trap(*args):
    Trap.calls.append(args)
    return args


@pytest.fixture(autouse=True)
def _no_calls(monkeypatch):
    Trap.calls.clear()
    module = types.ModuleType("trapped")
    module.trap, module.Trap = trap, Trap
    monkeypatch.setitem(sys.modules, "trapped", module)
    for owner, name in (("os", "system"), ("posix", "system"), ("builtins", "eval")):
        monkeypatch.setattr(sys.modules[owner], name, trap)
    yield
    assert Trap.calls == []


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"\x8c" + bytes([len(encoded)]) + encoded


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


ENCODE = b"c_codecs\nencode\n"
RECONSTRUCTOR = b"ccopy_reg\n_reconstructor\n"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
SCALAR = b"cnumpy.core.multiarray\nscalar\n"
OBJECT = b"c__builtin__\nobject\n"

HOSTILE = {
    "os.system": b"cos\nsystem\n(S'true'\ntR.",
    "os.system by INST": b"(S'true'\nios\nsystem\n.",
    "os.system by OBJ": b"(cos\nsystem\nS'true'\no.",
    "posix.system": b"cposix\nsystem\n(S'true'\ntR.",
    "builtins.eval": b"\x80\x04" + stack_global("builtins", "eval") + text("1") + b"\x85R.",
    "__builtin__.getattr": b"c__builtin__\ngetattr\n(cnumpy\nndarray\nS'dump'\ntR.",
    "__builtin__.eval": b"c__builtin__\neval\n(S'1'\ntR.",
    "dotted name": b"\x80\x04" + stack_global("numpy", "ndarray.__class__") + b".",
    "dotted module": b"\x80\x04" + stack_global("numpy.core.multiarray", "os.system") + b".",
    "unknown name": b"ctrapped\ntrap\n(tR.",
    "name only": b"ctrapped\ntrap\n.",
    "reconstructor of another class": RECONSTRUCTOR + b"(ctrapped\nTrap\n" + OBJECT + b"NtR.",
    "reconstructor of list": RECONSTRUCTOR + b"(c__builtin__\nlist\n" + OBJECT + b"NtR.",
    "foreign base": RECONSTRUCTOR + b"(cchumpy.ch\nCh\nc__builtin__\ndict\n(dtR.",
    "codec": ENCODE + b"(S'abc'\nS'rot13'\ntR.",
    "bz2 codec": ENCODE + b"(Vabc\nS'bz2'\ntR.",
    "persistent id": b"P1\n.",
    "binary persistent id": b"I1\nQ.",
    "extension registry": b"\x82\x01.",
    "array of another class": RECONSTRUCT + b"(c__builtin__\nlist\n(I0\ntS'b'\ntR.",
    "call of a string": b"S'abc'\n(tR.",
    "state of a list": b"(lp0\n(dp1\nS'append'\nI1\nsb.",
    "state of a name": b"cnumpy\nndarray\n(dp1\nS'shape'\nI1\nsb.",
    "newobj of list": b"\x80\x02c__builtin__\nlist\n)\x81.",
    "newobj with arguments": b"\x80\x02cchumpy.ch\nCh\nI1\n\x85\x81.",
    "newobj_ex": b"\x80\x04" + stack_global("chumpy.ch", "Ch") + b")}\x92.",
    "bare name as a value": b"(dS'a'\nc__builtin__\nobject\ns.",
    "object without state": b"\x80\x02cchumpy.ch\nCh\n)\x81.",
    "array without state": RECONSTRUCT + b"(cnumpy\nndarray\n(I0\ntS'b'\ntR.",
    "empty": b"",
    "no stop": b"I1\n",
    "stack underflow": b"R.",
    "huge memo": b"I1\nr\xff\xff\xff\x7f0h\x05.",
    "text of a list": b"c__builtin__\nstr\n((lp0\ntR.",
    "huge bytearray": b"\x80\x05\x96" + struct.pack("<Q", 10**13) + b"abc.",
    "huge bytes": b"\x80\x04\x8e" + struct.pack("<Q", 10**13) + b"abc.",
    "self-containing list": b"(lp0\ng0\na.",
    "structured type": SCALAR + b"(cnumpy\ndtype\n(S'V8'\nI0\nI1\ntRS'12345678'\ntR.",
    "type by name": SCALAR + b"(cnumpy\ndtype\n(S'object_'\nI0\nI1\ntRS'x'\ntR.",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused(name) -> None:
    with pytest.raises(UnsafePickleError, match=r"test\.pkl"):
        read(HOSTILE[name])


def test_a_normal_reader_would_have_run_the_traps() -> None:
    # Proves that the traps and the hostile files work.
    pickle.loads(HOSTILE["os.system"])
    assert len(Trap.calls) == 1
    Trap.calls.clear()


def array_state(shape: bytes, dtype: bytes, data: bytes, order: bytes = b"<") -> bytes:
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n" + shape
        + b"cnumpy\ndtype\n(S'" + dtype + b"'\nI0\nI1\ntR(I3\nS'" + order
        + b"'\nNNNI-1\nI-1\nI0\ntbI00\n" + data + b"tb."
    )  # fmt: skip


def test_well_formed_state_is_read() -> None:
    data = array_state(b"(I2\nt", b"i2", b"S'\\x01\\x00\\x02\\x00'\n")
    assert read(data).tolist() == [1, 2]
    swapped = array_state(b"(I2\nt", b"i2", b"S'\\x01\\x00\\x02\\x00'\n", b">")
    assert read(swapped).tolist() == [256, 512]
    assert read(swapped).dtype.isnative


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (array_state(b"(L10000000000000L\nt", b"f8", b"S'abc'\n"), "80,000,000,000,000 bytes"),
        (array_state(b"(I3\nt", b"i2", b"S'abcd'\n"), "needs 6 bytes, but holds 4"),
        (array_state(b"(I-1\nt", b"i2", b"S'ab'\n"), "array of shape"),
        (array_state(b"(S'x'\nt", b"i2", b"S'ab'\n"), "array of shape"),
        (array_state(b"(I1\nt", b"O8", b"(lI1\na", b"|"), "array of objects"),
        (array_state(b"(I1\nt", b"V16", b"S'ab'\n"), "array type"),
        (array_state(b"(I1\nt", b"i2", b"I5\n"), "array made of int"),
        (array_state(b"(I1\nt", b"i2", b"S'ab'\n", b"!"), "array type"),
    ],
)
def test_states_that_do_not_fit_are_refused(data, message) -> None:
    with pytest.raises(UnsafePickleError, match=message):
        read(data)


def doubled(step: bytes, depth: int = 40) -> bytes:
    """``step`` around what was made before, twice, and so on; it makes one from two."""
    steps = [step.replace(b"?", b"h%ch%c" % (n, n)) + b"q%c" % (n + 1) for n in range(depth)]
    return b"\x80\x02)q\x00" + b"".join(steps) + b"."


KEYS = ("f", "v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02)" + 40 * b"2\x86" + b".",
        b"\x80\x02}" + b")" + 40 * b"2\x86" + b"I0\ns.",
        b"\x80\x02" + b")" + 40 * b"2\x86" + b"Q.",
        b"\x80\x02)" + 40 * b"22\x87" + b".",
        doubled(b"(?t"),
        doubled(b"](?e"),
        b"\x80\x02}("
        + b"".join(b"U%c" % len(key) + key.encode() + b")" + 40 * b"2\x86" for key in KEYS)
        + b"u.",
    ],
    ids=["tuple", "key", "persistent id", "triples", "marked", "lists", "FLAME keys"],
)
def test_a_small_file_that_unfolds_without_end_is_refused_at_once(data, tmp_path) -> None:
    """Each level refers twice to the one before: 443 bytes once cost 46 s and 1.3 GiB."""
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(data)
    assert len(data) < 1000
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(UnsafePickleError, match="unfolds to more than 4,000,000 items"):
        load_flame(path)
    # Far below what walking even a millionth part of it would take.
    assert time.perf_counter() - start < 5
    assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    tracemalloc.stop()


def test_sharing_that_stays_small_is_read() -> None:
    shared = (1, 2, 3)
    content = {"a": [shared] * 1000, "b": {shared: [[shared], [shared]]}}
    found = read(pickle.dumps(content, protocol=2))
    assert found == content
    assert found["a"][0] is found["a"][999]


def test_an_array_of_one_object_is_unwrapped() -> None:
    data = pickle.dumps(np.array({"a": np.arange(2)}, dtype=object), protocol=2)
    assert np.array_equal(read(data)["a"], [0, 1])
    with pytest.raises(UnsafePickleError, match="array of objects"):
        read(pickle.dumps(np.array([{}, {}], dtype=object), protocol=2))


def nested_torch(inner: bytes) -> bytes:
    return (
        b"\x80\x04" + stack_global("torch.storage", "_load_from_bytes")
        + b"B" + struct.pack("<I", len(inner)) + inner + b"\x85R."
    )  # fmt: skip


def test_nested_torch_pickles_with_foreign_globals_are_refused() -> None:
    class Evil:
        def __reduce__(self):
            return (trap, ("from inside",))

    buffer = io.BytesIO()
    torch.save({"a": Evil()}, buffer, _use_new_zipfile_serialization=False)
    with pytest.raises(UnsafePickleError, match="torch storage that is not plain numbers"):
        read(nested_torch(buffer.getvalue()))
    with pytest.raises(UnsafePickleError, match="torch storage that is not plain numbers"):
        read(nested_torch(HOSTILE["os.system"]))
    buffer = io.BytesIO()
    torch.save({"a": 1}, buffer, _use_new_zipfile_serialization=False)
    with pytest.raises(UnsafePickleError, match="holds a torch dict"):
        read(nested_torch(buffer.getvalue()))


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (7,), (1,)), (5, (2,), (1,)), (0, (10**13,), (0,)), (0, (2, 3), (4, 1)), (0, (-1,), (1,))],
)
def test_tensors_that_leave_their_storage_are_refused(offset, size, stride) -> None:
    class Tensor:
        def __reduce__(self):
            storage = torch.storage.TypedStorage(
                wrap_storage=torch.arange(6).untyped_storage(), dtype=torch.int64, _internal=True
            )
            arguments = (storage, offset, size, stride, False, collections.OrderedDict())
            return (torch._utils._rebuild_tensor_v2, arguments)

    with pytest.raises(UnsafePickleError, match=r"leaves its storage|cannot be rebuilt"):
        read(pickle.dumps(Tensor(), protocol=2))


def test_sparse_matrices_that_do_not_fit_are_refused() -> None:
    def changed(**state):
        matrix = scipy.sparse.csc_matrix(np.eye(3))
        matrix.__dict__.update(state)
        return pickle.dumps(matrix, protocol=2)

    for state in (
        {"indices": np.array([0, 1, 3])},
        {"indices": np.array([0, 1, -1])},
        {"indptr": np.array([0, 1, 2])},
        {"indptr": np.array([0, 2, 1, 3])},
        {"indptr": np.array([0, 1, 2, 9])},
        {"data": np.zeros(2)},
    ):
        with pytest.raises(UnsafePickleError, match="damaged sparse matrix"):
            read(changed(**state))
    with pytest.raises(UnsafePickleError, match="unfolds to more"):
        read(changed(_shape=(10**9, 3)), max_bytes=10**8)


def test_encoding_the_same_text_again_and_again_is_bounded() -> None:
    encode = b"c_codecs\nencode\n(g0\nS'latin1'\ntR0"
    data = b"V" + b"x" * 1000 + b"\np0\n0" + encode * 2000 + b"I1\n."
    assert read(data) == 1
    with pytest.raises(UnsafePickleError, match="unfolds to more"):
        read(data, max_bytes=10**6)


def test_files_are_bounded_and_missing_ones_named(tmp_path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": np.zeros(1000)}))
    assert read_pickle(path)["a"].shape == (1000,)
    with pytest.raises(UnsafeFileError, match="larger than 100 bytes"):
        read_pickle(path, max_bytes=100)
    with pytest.raises(MissingError, match=r"no file .*none\.pkl"):
        read_pickle(tmp_path / "none.pkl")
    data = path.read_bytes()
    for cut in (1, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(UnsafePickleError, match=r"a\.pkl"):
            read_pickle(path)


def test_random_damage_never_escapes() -> None:
    data = bytearray(pickle.dumps({"f": np.arange(12).reshape(4, 3), "t": [1, "a", (2.0,)]}, 2))
    rng = np.random.default_rng(1)
    for _ in range(2000):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            broken[place] = rng.integers(0, 256)
        with contextlib.suppress(UnsafePickleError):
            read(bytes(broken), max_bytes=10**7)
