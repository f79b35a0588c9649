from __future__ import annotations

from pathlib import Path

import pytest

from likeness.errors import MissingError, UsageError
from likeness.systems.audio2face.reference_literals import read_constants


def _read(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "config_train.py"
    path.write_text(text, encoding="utf-8")
    return read_constants(path)


def test_values_are_those_python_would_compute(tmp_path: Path) -> None:
    text = '''"""A docstring."""
_HALF = 8320 // 2
A = {"ofs": _HALF, "len": 2 * _HALF, "deep": {"x": (1, 2.5, -3), "y": []}}
B = 0.001 * 0.2
C = "one" "two" + "/three"
D = [("ann", (0, 99), True, None)]
E: float = 7 % 4 + 2 ** -1
F = G = -1.5
A_TWICE = A
'''
    scope: dict[str, object] = {}
    exec(text, scope)  # the independent reading; this text is the test's own
    found = _read(tmp_path, text)

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    names = ("A", "B", "C", "D", "E", "F", "G", "A_TWICE")
    assert found.values == {name: plain(scope[name]) for name in names}


def test_every_value_has_its_line(tmp_path: Path) -> None:
    found = _read(tmp_path, 'A = {\n  "x": 1,\n  "y": {\n    "z": 2,\n  },\n}\nB = 3\nB = 4\n')
    assert found.lines == {"A": 1, "A/x": 2, "A/y": 3, "A/y/z": 4, "B": 8}
    assert found.values["B"] == 4


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("import os\n", 1, "import os"),
        ("A = 1\nB = open('x')\n", 2, "no constant"),
        ("A = [x for x in (1, 2)]\n", 1, "no constant"),
        ("A = B\nB = 1\n", 1, "not assigned above (B)"),
        ("A = {**{}}\n", 1, "unpacked"),
        ("A = {1: 2}\n", 1, "no text (1)"),
        ("A = b'x'\n", 1, "bytes"),
        ("A = 1e999\n", 1, "beyond the range"),
        ("A = 'ab' * 10\n", 1, "no numbers"),
        ("A = 10 ** 10 ** 10\n", 1, "too large"),
        ("A = 1 / 0\n", 1, "division by zero"),
        ("A = True + 1\n", 1, "no numbers"),
        ("A = f'{1}'\n", 1, "no constant"),
        ("if True:\n    A = 1\n", 1, "no assignment"),
        ("A, B = 1, 2\n", 1, "something else than a name"),
        ("A = {1, 2}\n", 1, "no constant"),
        ("A = -'x'\n", 1, "a sign before"),
    ],
)
def test_what_would_have_to_run_is_refused_with_file_and_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, text)
    assert f"config_train.py:{line}: " in caught.value.message
    assert words in caught.value.message


def test_nothing_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    with pytest.raises(UsageError, match="no constant"):
        _read(tmp_path, f"A = open({str(trace)!r}, 'w').close()\n")
    assert not trace.exists()


def test_every_place_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, "import os\nA = 1\nB = os.sep\nC = foo()\n")
    assert [f":{n}:" in caught.value.message for n in (1, 2, 3, 4)] == [True, False, True, True]


def test_files_that_are_no_python(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config_train\.py:2: not Python"):
        _read(tmp_path, "A = 1\nB = (\n")
    with pytest.raises(UsageError, match=r"nested too deeply|not Python"):
        _read(tmp_path, "A = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(MissingError, match="no file"):
        read_constants(tmp_path / "config_dataset.py")
