"""With --json every verb says in one way whether it ended well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.cli.conftest import Command

FAILING: dict[str, tuple[object, ...]] = {
    "systems": ("--nosuch",),
    "data make": ("toy", "made", "--people", 0),
    "data inspect": ("toy", "nowhere"),
    "data prepare": ("toy", "nowhere", "made"),
    "config explain": ("toy", "trian.steps=1"),
    "config show": ("tou",),
    "config diff": ("toy", "nowhere.yaml"),
    "config schema": ("tou",),
    "config reference": ("tou",),
    "studio show": ("--out", "shown", "--seed", -1),
    "studio gallery": ("s3://people/all",),
    "train": ("toy", "data.root=nowhere"),
    "resume": ("nowhere",),
    "watch": ("nowhere",),
    "evaluate": ("nowhere",),
    "predict": ("nowhere", "--input", "nothing"),
    "export": ("nowhere", "--to", "arrays"),
    "report": ("nowhere",),
    "demo": ("tou",),
    "doctor": ("extra",),
    "toy wave": ("nobody",),
}
"""What each verb is asked that it cannot do."""


def verbs(command: Any, name: str = "") -> Iterator[str]:
    """The names of all verbs below a command; of systems those of the toy alone."""
    if not hasattr(command, "list_commands"):
        yield name
        return
    for word in command.list_commands(None):
        if name or word not in ("face-encoder", "audio2face"):
            yield from verbs(command.get_command(None, word), f"{name} {word}".strip())


def test_every_verb_is_asked_for_something_it_cannot_do(folder: Path) -> None:
    from likeness.cli.main import app

    assert set(verbs(typer.main.get_command(app))) == set(FAILING)


@pytest.mark.parametrize("verb", FAILING)
def test_a_verb_that_fails_says_so_in_its_document(likeness: Command, verb: str) -> None:
    """``data inspect`` of nothing had no error."""
    result = likeness(*verb.split(), *FAILING[verb], "--json")
    assert result.code in (2, 3, 4)
    error = result.document["error"]
    assert set(error) == {"message", "advice", "exit_code"}
    assert error["exit_code"] == result.code
    assert error["message"]


@pytest.mark.parametrize(
    "verb",
    [
        ("data", "make", "toy", "made"),
        ("studio", "show", "--out", "made"),
        ("studio", "gallery", "made"),
        ("demo", "toy", "--out", "made"),
    ],
    ids=" ".join,
)
def test_a_seed_below_0_is_refused_before_anything_is_written(
    likeness: Command, folder: Path, verb: tuple[str, ...]
) -> None:
    """It was taken, and made somebody whom no page speaks of."""
    result = likeness(*verb, "--seed", -1)
    assert result.code == 2
    assert "Expected a seed of 0 or more, found seed=-1." in result.err
    assert not (folder / "made").exists()


def test_a_verb_that_ends_well_has_no_error(likeness: Command, trained: Path, data: Path) -> None:
    """``watch`` had an empty one for every sound run."""
    Path("ones.txt").write_text("1 1 1 1 1 1\n")
    Path("raw.txt").write_text("one\ntwo\n")
    for words in (
        ("systems",),
        ("data", "make", "toy", "made", "--people", 10),
        ("data", "inspect", "toy", "data"),
        ("data", "prepare", "toy", "raw.txt", "prepared"),
        ("config", "explain", trained),
        ("config", "show", trained),
        ("config", "diff", trained, trained),
        ("config", "schema", "toy"),
        ("config", "reference", "toy"),
        ("train", "toy", "--profile", "smoke", "data.root=data", "--dry-run"),
        ("resume", trained),
        ("watch", trained),
        ("evaluate", trained),
        ("predict", trained, "--input", "ones.txt"),
        ("export", trained, "--to", "arrays"),
        ("report", trained),
        ("doctor",),
        ("toy", "wave", "Ann"),
    ):
        result = likeness(*words, "--json")
        assert result.code == 0, result.err
        assert not isinstance(result.document, dict) or "error" not in result.document, words


def test_what_could_be_shown_stands_beside_the_error(likeness: Command, trained: Path) -> None:
    Path("ones.txt").write_text("1 1 1 1 1 1\n")
    Path("words.txt").write_text("no numbers\n")
    found = likeness("predict", trained, "-i", "ones.txt", "-i", "words.txt", "--json")
    assert found.code == found.document["error"]["exit_code"] == 4
    assert found.document["error"]["message"] == "1 of 2 inputs could not be used."
    assert len(found.document["predictions"]) == 2
    (trained / "plan.json").write_text("damaged")
    frame = likeness("watch", trained, "--json")
    assert frame.code == frame.document["error"]["exit_code"] == 4
    assert "plan.json" in frame.document["error"]["message"]
    assert frame.document["step"] == 10
    bad = Path("bad")
    bad.mkdir()
    (bad / "toy.json").write_text("{}")
    inspected = likeness("data", "inspect", "toy", bad, "--json")
    assert inspected.code == 4
    assert inspected.document["error"] == {
        "message": "Expected a number of samples, found something else.",
        "advice": "Make it again.",
        "exit_code": 4,
    }
    assert len(inspected.document["findings"]) == 1


def test_what_ended_a_failed_run_is_no_error_of_watching_it(
    likeness: Command, trained: Path
) -> None:
    status = json.loads((trained / "status.json").read_text())
    (trained / "status.json").write_text(
        json.dumps({**status, "status": "failed", "error": "it broke"})
    )
    frame = likeness("watch", trained, "--json")
    assert frame.code == 0
    assert frame.document["failed_with"] == "it broke"
    assert "error" not in frame.document
