from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.config.text import read_yaml, write_yaml
from likeness.errors import UsageError


def _values(text: str) -> object:
    return read_yaml(text, name="file.yaml").values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4", 0.0001),
        ("1E4", 10000.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("12", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("010", 10),
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("1_000", "1_000"),
        ("~", None),
        ("", None),
        ("'1e-4'", "1e-4"),
        ('"true"', "true"),
    ],
)
def test_scalars_mean_what_people_write(text: str, expected: object) -> None:
    found = _values(f"a: {text}")
    assert found == {"a": expected}
    assert type(found["a"]) is type(expected)  # type: ignore[index]


def test_every_value_has_its_line() -> None:
    document = read_yaml("a: 1\nb:\n  c: 2\n  d:\n    - x: 3\n    - x: 4\n", name="f")
    assert document.lines[("a",)] == 1
    assert document.lines[("b", "c")] == 3
    assert document.lines[("b", "d", "0", "x")] == 5
    assert document.lines[("b", "d", "1", "x")] == 6


def test_an_empty_file_sets_nothing() -> None:
    assert _values("") == {}
    assert _values("# only a comment\n") == {}


def test_plain_aliases_are_read() -> None:
    assert _values("a: &one [1, 2]\nb: *one\n") == {"a": [1, 2], "b": [1, 2]}


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(UsageError, match=r"file.yaml:3 sets 't.a' a second time") as caught:
        _values("t:\n  a: 1\n  a: 2\n")
    assert "line 2" in caught.value.advice


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", r"file.yaml:1 is not valid YAML"),
        ("a: b: c", r"file.yaml:1 is not valid YAML"),
        (
            "a: 1\n---\nb: 2",
            r"file.yaml:2 is not valid YAML: expected a single .*, but found another document",
        ),
        ("a: \x07", "special characters"),
        ("? [a]\n: 1", "a key that is not a word"),
        ("'': 1", "a key that is not a word"),
        ("a: 1\nb: {c:1}", r"file.yaml:2 has 'c:1', which is a name without a value"),
        ("a: !!int x", "is not a number"),
        ("9" * 5000, "is not a number"),
    ],
)
def test_broken_text_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _values(text)


def test_a_billion_laughs_stay_quiet() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(UsageError, match="expands to more than"):
        _values("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "refers to itself"),
        ("[" * 20_000, "deeper than 32"),
        ("a: " + "{a: " * 40 + "1" + "}" * 40, "deeper than 32"),
        ("a: " + "x" * 300_000, "more than 256 KiB"),
        ("a: !!python/object/apply:os.system ['true']", "python/object/apply"),
        ("a: !!python/name:os.system", "python/name"),
        ("a: !!binary aGk=", "binary"),
        ("a: !mine {b: 1}", "'!mine'"),
        ("a: !!set {b}", "set"),
    ],
)
def test_hostile_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _values(text)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
    | st.sampled_from(["on", "no", "1e-4", "0o7", "12:30", "2020-01-01", "~", "<<", "=", "1_0", ""])
)
_KEYS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6) | st.sampled_from(
    ["on", "1", "null", "true", "1e3"]
)
_TREES = st.dictionaries(
    _KEYS,
    st.recursive(
        _SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(_TREES)
def test_what_is_written_reads_back_the_same(tree: dict[str, object]) -> None:
    assert _values(write_yaml(tree)) == tree


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_data_or_an_error_for_people(text: str) -> None:
    message = "file.yaml"
    try:
        _values(text)
    except UsageError as error:
        message = str(error)
    assert message.startswith("file.yaml")
