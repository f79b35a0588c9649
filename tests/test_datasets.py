from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import likeness
from likeness import datasets
from likeness.errors import DataError, UsageError


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


def test_a_dataset_with_a_list_of_checksums_is_held_to_it() -> None:
    """A bit that turned on the disk changes neither size nor time, and may decode all the same."""
    likeness.make_data("toy", "data", people=10)
    files = [path for path in Path("data").iterdir() if path.is_file()]
    rows = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    Path("data/SHA256SUMS").write_text("".join(rows))
    words = {"profile": "smoke", "overrides": ["data.root=data"]}
    assert likeness.inspect_data("toy", "data").ok
    assert likeness.plan_training("toy", **words).inspection.ok
    toy = Path("data/toy.json")
    before = toy.stat()
    toy.write_text(toy.read_text().replace("20", "30"))
    os.utime(toy, ns=(before.st_atime_ns, before.st_mtime_ns))
    (finding,) = likeness.inspect_data("toy", "data").findings
    assert (finding.severity, finding.code, finding.path) == ("error", "checksum", "toy.json")
    with pytest.raises(DataError, match=r"toy\.json: Expected the SHA-256 \w+ of SHA256SUMS"):
        likeness.train("toy", **words)
    assert not Path("runs").exists()
