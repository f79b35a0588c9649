"""A disk that refuses ends every verb with an explanation, and leaves nothing half written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import likeness as package
from likeness.errors import UsageError
from tests.cli.conftest import Command
from tests.disks import full_disk, read_only

VERBS = {
    "evaluate": ("evaluate", "RUN"),
    "predict": ("predict", "RUN", "-i", "one.txt"),
    "export": ("export", "RUN", "--to", "arrays"),
    "report": ("report", "RUN"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_that_can_only_be_read(likeness: Command, trained: Path, verb: str) -> None:
    np.savetxt("one.txt", np.ones((1, 6)))
    with read_only(trained):
        result = likeness(*(trained if word == "RUN" else word for word in VERBS[verb]), "--json")
    assert result.code == 2, result.err
    assert "Traceback" not in result.err
    error = result.document["error"]
    assert str(trained) in error["message"]
    assert "Read-only file system" in error["message"]
    assert "whatever the permissions" in error["advice"]  # which were told to be given
    remedy = "copy the run to another one" if verb == "evaluate" else "name another place with"
    assert f": {remedy}" in error["advice"]
    assert ("--output" in error["advice"]) == (verb != "evaluate")


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (
            ("train", "toy", "data.root=data", "--runs", "locked"),
            "another folder of runs with --runs",
        ),
        (("train", "toy", "data.root=data", "storage.mirror=locked"), "set storage.mirror to"),
        (("data", "make", "toy", "locked/out"), "name another folder to write"),
        (("studio", "show", "--out", "locked/out"), "name another folder for the pictures"),
    ],
    ids=["runs", "mirror", "data", "pictures"],
)
def test_a_disk_that_can_only_be_read(
    likeness: Command, data: Path, arguments: tuple[str, ...], remedy: str
) -> None:
    Path("locked").mkdir()
    with read_only(Path("locked")):
        result = likeness(*arguments, "--json")
    assert result.code == 2, result.err
    error = result.document["error"]
    assert "locked" in error["message"]
    assert "Read-only file system" in error["message"]
    assert remedy in error["advice"]


def test_a_run_that_can_only_be_read_goes_on_as_a_copy(likeness: Command, trained: Path) -> None:
    longer = ("train.steps=null", "stages.both.steps=6", "stages.head.steps=8")
    with read_only(trained):
        result = likeness("resume", trained, *longer, "--json")
    assert result.code == 2, result.err
    error = result.document["error"]
    assert "Read-only file system" in error["message"]
    assert "copy the run to another one, and resume the copy" in error["advice"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "RUN", "-i", "one.txt", "-o", "full/out"),
        ("export", "RUN", "--to", "arrays", "-o", "full/out"),
        ("report", "RUN", "-o", "full/out.html"),
        ("train", "toy", "--profile", "smoke", "data.root=data", "--runs", "full/out"),
        ("data", "make", "toy", "full/out"),
    ],
    ids=lambda words: words[0],
)
def test_a_full_disk(likeness: Command, trained: Path, arguments: tuple[str, ...]) -> None:
    np.savetxt("one.txt", np.ones((1, 6)))
    with full_disk(Path("full")) as disk:
        result = likeness(*(trained if word == "RUN" else word for word in arguments))
        left = [path for path in disk.rglob("*") if path.is_file() and path.stat().st_size]
    assert result.code == 2, result.err
    assert "Traceback" not in result.err
    assert "full/out" in result.err
    assert "No space left on device" in result.err
    assert [path.name for path in left] == ["filler"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("face-encoder", "toy-model", "full/toy"),
        ("studio", "show", "--out", "full/s", "--size", "64"),
        ("export", "RUN", "--to", "arrays", "-o", "full/deep/out"),
        ("train", "toy", "--profile", "smoke", "data.root=data", "--runs", "full/runs"),
    ],
    ids=lambda words: words[0],
)
def test_a_full_disk_keeps_no_empty_folder(
    likeness: Command, trained: Path, arguments: tuple[str, ...]
) -> None:
    arguments = tuple(str(trained) if word == "RUN" else word for word in arguments)
    with full_disk(Path("full")) as disk:
        result = likeness(*arguments)
        left = sorted(path.name for path in disk.iterdir())
    assert result.code == 2, result.err
    assert "No space left on device" in result.err
    assert left == ["filler"]


@pytest.mark.parametrize("verb", ["predict", "export"])
def test_an_output_that_is_a_file(likeness: Command, trained: Path, verb: str) -> None:
    np.savetxt("one.txt", np.ones((1, 6)))
    words = (trained if word == "RUN" else word for word in VERBS[verb])
    result = likeness(*words, "--output", "one.txt/below")
    assert result.code == 2, result.err
    assert "Traceback" not in result.err
    assert "one.txt" in result.err


def test_a_notebook_gets_the_same_error(trained: Path) -> None:
    np.savetxt("one.txt", np.ones((1, 6)))
    with pytest.raises(UsageError, match=r"Cannot write the predictions: one.txt: File exists"):
        package.predict(trained, ["one.txt"], output="one.txt")


def test_a_preview_that_meets_a_full_disk_fails_the_run(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.toy_system.system import ToySystem

    def preview(self: object, predictor: object, folder: Path, step: int) -> list[Path]:
        path = folder / "picture.png"
        path.write_bytes(bytes(10_000_000))
        return [path]

    monkeypatch.setattr(ToySystem, "preview", preview)
    with full_disk(Path("full"), free=400_000):
        words = ("data.root=data", "train.preview_every=5", "--runs", "full")
        result = likeness("train", "toy", "--profile", "smoke", *words)
        (log,) = Path("full").glob("toy/*/log.txt")
        last = log.read_text().splitlines()[-2:]
    assert "The run failed at step 0: UsageError: Cannot write the previews" in last[0]
    assert "Free some space" in last[1]
    assert result.code == 2, result.err
    assert "Traceback" not in result.err
    assert result.err.count("Cannot write the previews") == 1
    assert "Cannot write the previews" in result.err
    assert "No space left on device" in result.err


def test_a_verb_of_a_systems_own_need_not_know(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.cli import toy

    def wave(name: str) -> dict[str, object]:
        Path(name).write_bytes(b"hello")
        return {}

    monkeypatch.setitem(toy.COMMANDS, "wave", wave)
    Path("there").mkdir()
    result = likeness("toy", "wave", "there")
    assert result.code == 2, result.err
    assert "error: Cannot use the disk: there: Is a directory." in result.err
    assert "Traceback" not in result.err
