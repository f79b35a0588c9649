"""Relative paths of a run mean the folder it was trained in, or this one where that is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

from likeness.config.locations import Location, Place
from likeness.config.schema import ConfigModel
from likeness.errors import DataError, UsageError
from likeness.runs.places import as_written, folders_of, located, told_of_places
from likeness.runs.resumes import note_resume
from likeness.runs.run import Run


class Data(ConfigModel):
    """Where it is."""

    root: Location | None = None


class Config(ConfigModel):
    """Two places."""

    data: Data = Data()
    head: Annotated[str, Place(("studio",))] = "studio"


def config_of(root: str, head: str = "studio") -> Config:
    return Config(data=Data(root=root), head=head)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The folder of a training: with people, and with folders named as what is no path."""
    for name in ("work/people", "work/studio", "work/~", "here"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "work"


@pytest.fixture
def run(work: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run trained there, looked at from another folder."""
    monkeypatch.chdir(work.parent / "here")
    environment = {"folder": str(work)}
    return Run.create(work / "runs", "toy", "a", "system: toy\n", environment=environment)


def test_what_is_there_and_not_here_is_found(run: Run, work: Path) -> None:
    found = located(run, config_of("people", "people"))
    assert found == config_of(str(work / "people"), str(work / "people"))
    above = located(run, config_of("../work/people"))
    assert Path(above.data.root or "").resolve() == work / "people"


@pytest.mark.parametrize("root", ["nowhere", "s3://people", "file://people", "~", "/people", ""])
def test_what_is_nowhere_and_what_is_no_relative_path_stays(run: Run, root: str) -> None:
    """ "studio" names the studio's head, though a folder of that name is there."""
    assert located(run, config_of(root)) == config_of(root)


def test_what_is_here_too_is_another(run: Run, work: Path) -> None:
    """It was read instead, and scores of other people were written over those of the run."""
    Path("people").mkdir()
    assert located(run, config_of("people")) == config_of(str(work / "people"))
    work.rename(work.parent / "moved")
    assert located(run, config_of("people")) == config_of("people")


def test_what_goes_on_is_written_as_it_was(run: Run, work: Path) -> None:
    """A run and its data that move together are found again."""
    written = config_of("people", "head")
    now = located(run, written)
    assert now == config_of(str(work / "people"), "head")
    assert as_written(run, written, now) == written
    other = config_of(str(work / "others"), "head")
    assert as_written(run, written, other) == other
    assert as_written(run, config_of("s3://people"), config_of("s3://people")) == config_of(
        "s3://people"
    )


def test_the_folder_of_the_last_resume_comes_first(run: Run, work: Path) -> None:
    later = work.parent / "later"
    (later / "people").mkdir(parents=True)
    (later / "others").mkdir()
    note_resume(run, {"folder": str(later)}, step=3)
    assert folders_of(run) == [later, work]
    assert located(run, config_of("people")) == config_of(str(later / "people"))
    (later / "people").rmdir()
    assert located(run, config_of("people")) == config_of(str(work / "people"))


def test_an_error_about_a_lost_place_says_where_it_was_looked_for(run: Run, work: Path) -> None:
    (work / "people").rmdir()
    with (
        pytest.raises(UsageError) as caught,  # data that are not there have no errors
        told_of_places(run, located(run, config_of("people"))),
    ):
        raise DataError("Expected a folder at 'people'.", advice="Check it.")
    assert caught.value.message == (
        f"Expected a folder at 'people'. data.root of {run.path} is 'people', looked for in "
        f"'{Path.cwd()}', '{work}'."
    )
    assert caught.value.advice == (
        "Run this in the folder that it is relative to, or say where it is: likeness resume RUN "
        "data.root=FOLDER."
    )
    for message in ("There are few people's faces.", "Expected a file at 'people-2'."):
        with pytest.raises(DataError) as caught, told_of_places(run, config_of("nowhere")):
            raise DataError(message)
        assert caught.value.message == message


def test_data_that_moved_are_asked_for_by_whoever_needs_them(run: Run, work: Path) -> None:
    """Scoring said to make other data, and ended as if those there were had errors."""
    gone = work / "people"
    gone.rename(work / "persons")
    told = f"Expected a dataset folder at '{gone}', but there is none."
    with pytest.raises(UsageError) as caught, told_of_places(run, config_of(str(gone))):
        raise DataError(told, advice="Make one.")
    assert caught.value.message == f"{told} data.root of {run.path} is '{gone}'."
    assert caught.value.advice == (
        "Put it back there, or say where it is: likeness resume RUN data.root=FOLDER."
    )


def test_another_absolute_path_speaks_for_itself(run: Run, work: Path) -> None:
    gone = str(work / "head.npz")
    with pytest.raises(DataError) as caught, told_of_places(run, config_of("people", gone)):
        raise DataError(f"There is no file {gone}.", advice="Check it.")
    assert (caught.value.message, caught.value.advice) == (f"There is no file {gone}.", "Check it.")
