"""A path that a person writes and that leads nowhere is wrong use, whichever verb reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command

_NOWHERE = [
    "data inspect toy nowhere",
    "data inspect face-encoder nowhere",
    "data inspect audio2face nowhere",
    "data prepare toy nowhere out",
    "data prepare audio2face nowhere out",
    "data make audio2face out --people 1 text=nowhere",
    "config explain runs/nowhere",
    "config show runs/nowhere",
    "config explain toy --config nowhere",
    "config diff toy:smoke nowhere.yaml",
    "train toy --profile smoke data.root=nowhere",
    "train toy --profile smoke --dry-run data.root=nowhere",
    "train toy --profile smoke --config nowhere",
    "train face-encoder --profile smoke data.root=nowhere",
    "train audio2face --profile smoke data.root=nowhere",
    "resume nowhere",
    "watch nowhere --once",
    "evaluate nowhere",
    "predict nowhere --input here",
    "export nowhere --to text",
    "report nowhere",
    "face-encoder render --vector nowhere --out a.png",
    "face-encoder merge nowhere nowhere --out a.npz",
    "face-encoder distance nowhere nowhere",
    "face-encoder predict-now nowhere here out",
    "face-encoder evaluate-now nowhere here",
    "face-encoder evaluate-now here nowhere",
    "audio2face check-package nowhere",
    "audio2face import-config nowhere --out a.yaml",
]


@pytest.mark.parametrize("line", _NOWHERE)
def test_a_path_that_leads_nowhere_is_wrong_use(likeness: Command, line: str) -> None:
    """It was 2, 3 or 4 by the verb: a script could not tell a slip from a missing weight."""
    Path("here").mkdir()
    result = likeness(*line.split(" "))
    assert result.code == 2, result.err
    assert "nowhere" in result.out + result.err
    assert sorted(path.name for path in Path().iterdir()) == ["here"]


def test_inputs_of_a_trained_run_that_are_not_there_are_wrong_use(
    likeness: Command, trained: Path
) -> None:
    assert likeness("predict", trained, "--input", "nowhere").code == 2
    assert likeness("evaluate", trained, "--checkpoint", "nowhere").code == 2


@pytest.mark.parametrize(
    "line",
    [
        "face-encoder check-assets nowhere",
        "face-encoder convert-model nowhere.pkl a.npz",
        "data make audio2face out --people 1 head=nowhere.npz",
    ],
)
def test_an_asset_that_is_not_there_is_missing(likeness: Command, line: str) -> None:
    """Weights and assets come from elsewhere, and the message says what was looked for."""
    result = likeness(*line.split(" "))
    assert result.code == 3, result.err
    assert "nowhere" in result.err


def test_data_that_are_there_and_have_errors_end_with_code_four(likeness: Command) -> None:
    Path("here").mkdir()
    for system in ("toy", "face-encoder", "audio2face"):
        assert likeness("data", "inspect", system, "here").code == 4
        assert likeness("train", system, "--profile", "smoke", "data.root=here").code == 4


@pytest.mark.parametrize(
    "words",
    [
        ("resume", ""),
        ("evaluate", ""),
        ("watch", ""),
        ("report", ""),
        ("data", "make", "toy", ""),
        ("studio", "gallery", ""),
        ("demo", "toy", "--out", ""),
        ("train", "toy", "--runs", ""),
    ],
    ids=" ".join,
)
def test_an_empty_path_is_not_the_folder_one_stands_in(
    likeness: Command, folder: Path, words: tuple[str, ...]
) -> None:
    """``data make toy "$UNSET"`` filled it."""
    before = sorted(folder.iterdir())
    result = likeness(*words)
    assert result.code == 2
    assert "found an empty path." in result.err
    assert "A variable of the shell may be unset." in result.err
    assert sorted(folder.iterdir()) == before
