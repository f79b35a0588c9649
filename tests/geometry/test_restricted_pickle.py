"""The restricted pickle reader reads what full readers read, without the packages named inside."""

from __future__ import annotations

import collections
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse
import torch

from likeness.errors import DataError, MissingError
from likeness.geometry.restricted_pickle import (
    UnsafePickleError,
    read_object_npy,
    read_pickle_bytes,
)

PROTOCOLS = range(6)


def read(data: bytes, **options):
    return read_pickle_bytes(data, "test.pkl", **options)


def assert_same(found, expected) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)
        assert found.dtype.isnative
    else:
        assert found == expected
        assert type(found) is type(expected)


RNG = np.random.default_rng(0)
PLAIN = {
    "f": RNG.integers(0, 5023, (20, 3)).astype(np.uint32),
    "v_template": RNG.normal(size=(10, 3)),
    "fortran": np.asfortranarray(RNG.normal(size=(4, 5, 6))),
    "strided": RNG.normal(size=(4, 5, 6)).transpose(2, 0, 1),
    "single": RNG.normal(size=(3,)).astype(np.float32),
    "flags": np.array([True, False]),
    "names": np.array(["left", "right"]),
    "bytes": np.array([b"a", b"bc"]),
    "empty": np.zeros((0, 3)),
    "scalar": np.float64(2.5),
    "integer": np.uint32(4294967295),
    "bs_style": "lbs",
    "nested": {"list": [1, 2.5, "café", None, True], "tuple": (1, (2, 3))},
    "long": 2**70,
    "set": {1, 2, 3},
    "ordered": 1,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_equals_a_full_load(protocol) -> None:
    data = pickle.dumps(PLAIN, protocol=protocol)
    assert_same(read(data), pickle.loads(data))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_ordered_dictionaries(protocol) -> None:
    data = pickle.dumps(collections.OrderedDict(b=1, a=np.arange(3)), protocol=protocol)
    assert_same(dict(read(data)), {"b": 1, "a": np.arange(3)})


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_old_and_new_module_names(protocol) -> None:
    matrix = scipy.sparse.csc_matrix(RNG.random((4, 6)) * (RNG.random((4, 6)) > 0.5))
    data = pickle.dumps({"J_regressor": matrix, "x": RNG.normal(size=(2, 2))}, protocol=protocol)
    old = data.replace(b"numpy._core", b"numpy.core").replace(
        b"scipy.sparse._csc", b"scipy.sparse.csc"
    )
    assert old != data
    for version in (data, old):
        assert np.array_equal(read(version)["J_regressor"], matrix.toarray())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["csc", "csr", "coo"])
def test_sparse_matrices_become_dense_and_duplicates_add(protocol, kind) -> None:
    rows, columns = np.array([0, 2, 2, 1, 2]), np.array([1, 0, 0, 3, 3])
    matrix = scipy.sparse.coo_matrix((np.arange(1.0, 6), (rows, columns)), shape=(3, 4))
    expected = np.zeros((3, 4))
    np.add.at(expected, (rows, columns), np.arange(1.0, 6))
    found = read(pickle.dumps(matrix.asformat(kind), protocol=protocol))
    assert np.array_equal(found, expected)


def test_python_2_text_is_latin_1() -> None:
    # A str of Python 2 (STRING opcode) with an accented letter, and an array state as such a str.
    assert read(b"S'caf\\xe9'\np0\n.") == "café"
    array = np.array([1.5, -2.0])
    text = array.tobytes().decode("latin1")
    state = "".join(f"\\x{ord(c):02x}" for c in text)
    data = (
        "cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\n"
        "Rp5\n(I1\n(I2\ntp6\ncnumpy\ndtype\np7\n(S'f8'\np8\nI0\nI1\ntp9\nRp10\n"
        f"(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\nS'{state}'\np13\ntp14\nb."
    ).encode("ascii")
    assert np.array_equal(read(data), array)
    assert np.array_equal(pickle.loads(data, encoding="latin1"), array)


@pytest.fixture
def chumpy(monkeypatch):
    """Stand-ins with the state layout of chumpy 0.70: importable for pickling, gone for reading."""
    package, ch, reordering = (
        types.ModuleType(f"chumpy{name}") for name in ("", ".ch", ".reordering")
    )

    def make(module, name):
        cls = type(name, (), {"__module__": module.__name__, "__qualname__": name})
        setattr(module, name, cls)
        return cls

    classes = types.SimpleNamespace(
        Ch=make(ch, "Ch"), Select=make(reordering, "Select"), Add=make(ch, "Add")
    )
    for module in (package, ch, reordering):
        monkeypatch.setitem(sys.modules, module.__name__, module)

    def build(cls, **state):
        item = cls()
        item.__dict__.update(state)
        return item

    def dump(value, protocol):
        data = pickle.dumps(value, protocol=protocol)
        for module in (package, ch, reordering):
            monkeypatch.delitem(sys.modules, module.__name__)
        return data

    return types.SimpleNamespace(classes=classes, build=build, dump=dump)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_chumpy_values_without_chumpy(chumpy, protocol) -> None:
    values = RNG.normal(size=(6, 4))
    common = {"_dirty_vars": set(), "_itr": 3, "_make_dense": None, "_make_sparse": False}
    inner = chumpy.build(chumpy.classes.Ch, x=values, _depends_on_deps={}, _status="new", **common)
    chosen = np.array([5, 0, 7, 11])
    select = chumpy.build(
        chumpy.classes.Select, a=inner, idxs=chosen, preferred_shape=(2, 2), **common
    )
    data = chumpy.dump({"shapedirs": inner, "part": select}, protocol)
    assert "chumpy" not in sys.modules
    found = read(data)
    assert np.array_equal(found["shapedirs"], values)
    assert np.array_equal(found["part"], values.ravel()[chosen].reshape(2, 2))
    assert "chumpy" not in sys.modules


def test_other_chumpy_classes_are_named(chumpy) -> None:
    data = chumpy.dump(chumpy.build(chumpy.classes.Add, a=1), 2)
    with pytest.raises(
        UnsafePickleError, match=r"chumpy\.ch\.Add.*[\s\S]*Convert the file"
    ) as caught:
        read(data)
    assert (caught.value.module, caught.value.name) == ("chumpy.ch", "Add")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_torch_tensors(protocol) -> None:
    whole = torch.arange(24).view(4, 6)
    values = {
        "long": whole,
        "view": whole[1:, ::2],
        "float": torch.randn(79, 17, generator=torch.Generator().manual_seed(0)),
        "none": torch.zeros(0, 3),
    }
    found = read(pickle.dumps(values, protocol=protocol))
    for name, tensor in values.items():
        assert_same(found[name], tensor.contiguous().numpy())


def test_object_npy(tmp_path) -> None:
    content = {"lmk": torch.arange(4), "weights": np.eye(3)}
    path = tmp_path / "embedding.npy"
    np.save(path, content, allow_pickle=True)
    found = read_object_npy(path)
    assert np.array_equal(found["lmk"], [0, 1, 2, 3])
    assert np.array_equal(found["weights"], np.eye(3))
    np.save(path, np.zeros(3))
    with pytest.raises(DataError, match=r"one object, found an array of shape \(3,\)"):
        read_object_npy(path)
    with pytest.raises(MissingError):
        read_object_npy(tmp_path / "none.npy")
