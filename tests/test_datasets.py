from __future__ import annotations

from pathlib import Path

import pytest

import likeness
from likeness import datasets
from likeness.errors import UsageError


@pytest.fixture(autouse=True)
def _toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory in which the toy system is known."""
    from tests.cli.toy_spec import SPEC

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("likeness.systems._BUILT_IN", (SPEC,))


def test_a_dataset_that_is_made_is_found_clean() -> None:
    made = likeness.make_data("toy", "data", people=10)
    assert (made.ok, made.counts) == (True, {"samples": 20})
    assert likeness.inspect_data("toy", "data").counts == made.counts


def test_nothing_is_made_over_something() -> None:
    Path("data").mkdir()
    Path("data/mine.txt").write_text("kept")
    with pytest.raises(UsageError, match="data exists already; a dataset is never overwritten"):
        likeness.make_data("toy", "data")
    assert [path.name for path in Path("data").iterdir()] == ["mine.txt"]


def test_wrong_options_are_refused_before_anything_is_written() -> None:
    with pytest.raises(UsageError, match="at least one person, found people=0"):
        likeness.make_data("toy", "x", people=0)
    with pytest.raises(UsageError, match="no option 'eech' of studio data") as caught:
        likeness.make_data("toy", "x", eech=2)
    assert "There are: " in caught.value.advice
    with pytest.raises(UsageError, match="There is no file or folder raw"):
        datasets.prepare_data("toy", "raw", "x")
    assert not Path("x").exists()
