from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness import systems
from likeness.cli.demo import photograph
from likeness.data.inspection import Inspection
from likeness.extras import Requirement
from likeness.media.image import load_image
from tests.cli import toy
from tests.cli.conftest import HALF, Command


def test_the_demo_goes_from_nothing_to_a_report(likeness: Command) -> None:
    result = likeness("demo", "toy", "--out", "demo", "--people", 6, "--json")
    assert result.code == 0, result.err
    document = result.document
    (row,) = document["systems"]
    run = Path(row["run"])
    assert row["report"] == str(run / "report.html")
    assert document["report"] == "demo/index.html"
    page = Path(document["report"]).read_text(encoding="utf-8")
    assert "What the demo made" in page
    assert "ones.txt" in page
    assert f"likeness predict {run} --input demo/inputs/toy/" in page
    assert f'href="{(run / "report.html").relative_to("demo")}"' in page
    assert json.loads((Path(row["data"]) / "toy.json").read_text())["samples"] == 12
    assert row["scores"][0]["name"] == "error"
    assert Path(row["predictions"][0]["output"]).is_file()
    assert row["parity"] == {"arrays": 0.0}
    assert row["predicted"] == str(run / "predictions")
    assert "ones.txt" in Path(row["report"]).read_text(encoding="utf-8")


def test_the_demo_uses_its_people_again(likeness: Command) -> None:
    arguments = ("demo", "toy", "--out", "demo", "--people", 6)
    first = likeness(*arguments)
    assert "making 6 studio people" in first.err
    (run,) = Path("demo/runs/toy").iterdir()
    assert f"predictions: {run}/predictions (ones.txt)\n" in first.out
    made = Path("demo/data/toy-6-0/toy.json").stat().st_mtime_ns
    time.sleep(1.1)  # a run is named by the second
    result = likeness(*arguments)
    assert result.code == 0
    assert "making" not in result.err
    assert Path("demo/data/toy-6-0/toy.json").stat().st_mtime_ns == made
    assert result.out.rstrip().splitlines()[-1] == "open this page: demo/index.html"


def test_the_demo_makes_no_more_people_than_a_system_wants(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one person fills minutes of sound, a hundred would take hours."""
    few = dataclasses.replace(systems.get_system("toy"), demo_data={"people": 1})
    monkeypatch.setattr(systems, "_survey", lambda: ({"toy": few}, []))
    result = likeness("demo", "toy", "--out", "demo", "--people", 6)
    assert result.code == 0, result.err
    assert "toy: making one studio person\n" in result.err
    assert json.loads(Path("demo/data/toy-1-0/toy.json").read_text())["samples"] == 2


def test_speaking_actors_are_few_in_the_demo() -> None:
    assert systems.get_system("audio2face").demo_data == {"people": 1}
    assert systems.get_system("face-encoder").demo_data["people"] > 100


def test_the_demo_counts_the_people_it_makes(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no terminal, minutes of photographing show plain lines."""
    make, clock = toy.make, iter(range(0, 600, 6))

    def counted(
        out: str, *, people: int, seed: int, progress: Callable[[int, int], None]
    ) -> Inspection:
        with monkeypatch.context() as patch:
            patch.setattr("likeness.cli.progress.time.monotonic", lambda: float(next(clock)))
            for done in range(people + 1):
                progress(done, people)
        return make(out, people=people, seed=seed)

    monkeypatch.setattr(toy, "make", counted)
    result = likeness("demo", "toy", "--out", "demo", "--people", 6)
    assert result.code == 0, result.err
    lines = result.err.splitlines()
    assert lines[:2] == ["toy: making 6 studio people", "2/6, 0:24 left"]
    assert "toy: training the smoke profile" in lines


def test_a_system_that_cannot_be_used_is_left_out_before_any_work(
    likeness: Command, plug_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts are looked at first, so that nobody waits for a training to be lost."""
    monkeypatch.setattr(systems, "_BUILT_IN", ())  # the face encoder is trained too long for this
    plug_in("halves", "half = smile_halved:SPEC", HALF.format(name="half"))
    plug_in("gones", "gone = smile_gone:SPEC", None)
    assert sorted(systems.all_systems()) == ["half", "toy"]
    result = likeness("demo", "--out", "demo", "--people", 6)
    assert result.code == 0, result.err
    for name, reason in (
        (
            "half",
            "half_parts:ToyConfig of the entry point 'half = smile_halved:SPEC'",
        ),
        ("gone", "The system of the entry point 'gone = smile_gone:SPEC' of the package gones"),
    ):
        said = f"{name} is left out: {reason}"
        assert result.err.index(said) < result.err.index("toy: making 6 studio people")
        assert f"{name} was left out: {reason}" in result.out
    assert "error" in result.out  # its table of scores
    assert result.out.rstrip().splitlines()[-1] == "open this page: demo/index.html"


def test_a_named_system_that_cannot_be_used_is_refused_before_any_work(
    likeness: Command, plug_in: Any, folder: Path
) -> None:
    plug_in("halves", "half = smile_halved:SPEC", HALF.format(name="half"))
    result = likeness("demo", "toy", "half", "--out", "demo")
    assert result.code == 3
    assert "half_parts:ToyConfig of the entry point" in result.err
    assert not (folder / "demo").exists()


def test_the_demo_refuses_a_system_without_what_it_requires(
    likeness: Command, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    needed = Requirement("toy.bin", "weights", False, "toys", "Put it here.", required=True)
    monkeypatch.setattr(toy, "requirements", lambda: [needed])
    result = likeness("demo", "toy", "--out", "demo")
    assert result.code == 3
    assert "toy needs the weights 'toy.bin', which is not on this machine." in result.err
    assert "Put it here." in result.err
    assert not (folder / "demo").exists()


def test_the_demo_ends_where_its_training_is_interrupted(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No scores, predictions and report of a half-trained run as if nothing had happened."""
    from tests.toy_system.system import ToySystem

    losses = ToySystem.losses

    def interrupted(self: ToySystem, batch: Any, context: Any) -> Any:
        if context.step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return losses(self, batch, context)

    with monkeypatch.context() as patch:
        patch.setattr(ToySystem, "losses", interrupted)
        result = likeness("demo", "toy", "--out", "demo", "--people", 6, "--json")
    assert result.code == 130
    (run,) = Path("demo/runs/toy").iterdir()
    assert "Run the demo again" in result.err
    assert "keeps the studio people in demo/data/toy-6-0" in result.err
    assert f"likeness resume {run}" in result.err
    assert f"likeness resume {run}" in result.out
    assert json.loads((run / "status.json").read_text())["status"] == "stopped"
    assert not (run / "report.html").exists()

    time.sleep(1.1)  # a run is named by the second
    made = Path("demo/data/toy-6-0/toy.json").stat().st_mtime_ns
    again = likeness("demo", "toy", "--out", "demo", "--people", 6, "--json")
    assert again.code == 0, again.err
    assert Path("demo/data/toy-6-0/toy.json").stat().st_mtime_ns == made
    assert again.document["systems"][0]["run"] != str(run)
    assert json.loads((run / "status.json").read_text())["status"] == "stopped"


def test_the_photograph_is_the_one_of_scikit_image(tmp_path: Path) -> None:
    import skimage.data

    image = load_image(photograph(tmp_path))
    np.testing.assert_array_equal(np.round(image * 255), skimage.data.astronaut())
