from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness import workflow
from tests.cli.conftest import LONGER, Command


def test_evaluate_scores_a_split_beside_its_baseline(likeness: Command, trained: Path) -> None:
    result = likeness("evaluate", trained, "--json")
    assert result.code == 0
    document = result.document
    assert set(document) == {"run", "checkpoint", "scores"}
    assert (document["run"], document["checkpoint"]) == (str(trained), 10)
    (score,) = document["scores"]
    assert set(score) >= {"name", "value", "unit", "direction", "count", "baseline"}
    saved = trained / "evaluation" / "step-00000010" / "test" / "scores.json"
    assert json.loads(saved.read_text()) == document["scores"]
    text = likeness("evaluate", trained, "--split", "validation").out
    assert "validation split" in text
    assert "mean target" in text


def test_evaluate_twice_gives_the_same(likeness: Command, trained: Path) -> None:
    first, second = (likeness("evaluate", trained, "--json").document for _ in range(2))
    assert first == second


def test_the_average_and_the_last_weights_differ(likeness: Command, trained: Path) -> None:
    average = likeness("evaluate", trained, "--json").document["scores"][0]["value"]
    last = likeness("evaluate", trained, "--no-ema", "--json").document["scores"][0]["value"]
    assert average != last


def test_predict_writes_a_file_for_each_input(likeness: Command, trained: Path) -> None:
    np.savetxt("one.txt", np.ones((1, 6)))
    np.savetxt("two.txt", np.zeros((2, 6)))
    document = likeness(
        "predict", trained, "--input", "one.txt", "-i", "two.txt", "--json"
    ).document
    assert [row["input"] for row in document["predictions"]] == ["one.txt", "two.txt"]
    plain = np.loadtxt(trained / "predictions" / "one.txt")
    assert plain.shape == (3,)
    assert np.loadtxt(trained / "predictions" / "two.txt").shape == (2, 3)
    assert likeness("predict", trained, "-i", "one.txt", "factor=3", "-o", "tripled").code == 0
    np.testing.assert_allclose(np.loadtxt("tripled/one.txt"), 3 * plain, rtol=1e-6)


def test_predict_takes_an_input_written_as_an_address(
    likeness: Command, trained: Path, tmp_path: Path
) -> None:
    np.savetxt(tmp_path / "one.txt", np.ones((1, 6)))
    result = likeness("predict", trained, "-i", f"file://{tmp_path}/one.txt", "-o", "o", "--json")
    assert result.code == 0
    assert result.document["predictions"][0]["input"] == str(tmp_path / "one.txt")
    gone = likeness("predict", trained, "-i", f"file://{tmp_path}/two.txt")
    assert (gone.code, f"There is no file or folder file://{tmp_path}/two.txt." in gone.err) == (
        2,
        True,
    )
    far = likeness("predict", trained, "-i", "s3://bucket/one.txt")
    assert (far.code, "found the address s3://bucket/one.txt" in far.err) == (2, True)


def test_predict_shows_people_a_table(likeness: Command, trained: Path) -> None:
    np.savetxt("one.txt", np.ones((1, 6)))
    Path("words.txt").write_text("no number")
    out = likeness("predict", trained, "-i", "one.txt", "-i", "words.txt", "--allow-missing").out
    assert "input:" not in out
    assert "{" not in out
    header, *rows = out.splitlines()[1:]
    assert header.split()[0] == "input"
    assert "error" in header.split()
    assert rows[0].startswith("one.txt")
    assert rows[1].startswith("words.txt")


def test_export_takes_options_of_its_target(likeness: Command, trained: Path) -> None:
    words = ("export", trained, "--to", "arrays", "copies=2")
    document = likeness(*words, "-o", "two", "--json").document
    assert document["options"] == {"copies": 2}
    assert {"weights.pt", "weights1.pt"} <= set(document["files"])
    assert document["bytes"]["weights1.pt"] == Path("two/weights1.pt").stat().st_size
    assert json.loads(Path("two/manifest.json").read_text())["options"] == {"copies": 2}
    assert "weights1.pt" in likeness(*words, "-o", "three").out


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("copie=2", "There is no option 'copie' of 'arrays'.\nDid you mean 'copies'?"),
        ("copies=0", "The option 'copies' of 'arrays': "),
        ("copies=many", "The option 'copies' of 'arrays': "),
        ("tolerance=1", "There is no option 'tolerance' of 'arrays'."),
        ("state=x", "There is no option 'state' of 'arrays'."),
    ],
)
def test_export_tells_which_options_there_are(
    word: str, told: str, likeness: Command, trained: Path
) -> None:
    result = likeness("export", trained, "--to", "arrays", word, "-o", "none")
    lines = " ".join(result.err.split())
    assert result.code == 2
    assert " ".join(told.split()) in lines
    assert "copies (whole number ≥ 1, 1 by default): how often the weights are written" in lines
    assert not Path("none").exists()


def test_export_proves_parity(likeness: Command, trained: Path) -> None:
    document = likeness("export", trained, "--to", "arrays", "--json").document
    assert document["bundle"] == str(trained / "exports" / "arrays")
    assert document["parity"] == [
        {"output": "output", "largest_absolute": 0.0, "largest_relative": 0.0}
    ]
    folder = trained / "exports" / "arrays"
    assert document["files"] == sorted(path.name for path in folder.iterdir())
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["source"]["run"] == str(trained)
    assert manifest["state"]["names"] == ["main"]


def test_predict_leaves_no_folder_when_nothing_could_be_used(
    likeness: Command, trained: Path, folder: Path
) -> None:
    Path("words.txt").write_text("no numbers")
    for extra in ((), ("--allow-missing",)):
        assert likeness("predict", trained, "-i", "words.txt", "-o", "out/deep", *extra).code == 4
        assert not (folder / "out").exists()
        likeness("predict", trained, "-i", "words.txt", *extra)
        assert not (trained / "predictions").exists()


def test_predict_ends_with_four_when_an_input_could_not_be_used(
    likeness: Command, trained: Path
) -> None:
    np.savetxt("one.txt", np.ones((1, 6)))
    Path("words.txt").write_text("no numbers")
    words = ("predict", trained, "-i", "words.txt", "-i", "one.txt")
    result = likeness(*words, "--json")
    assert result.code == 4
    bad, good = result.document["predictions"]
    assert "no" in bad["error"]
    assert Path(good["output"]).is_file()
    assert likeness(*words).code == 4
    assert likeness(*words, "--allow-missing").code == 0


def test_report_is_one_file(likeness: Command, trained: Path) -> None:
    document = likeness("report", trained, "--json").document
    assert document == {"run": str(trained), "report": str(trained / "report.html")}
    text = (trained / "report.html").read_text()
    assert "toy" in text
    assert "<script" not in text
    assert likeness("report", trained, "--output", "page.html").out.strip() == "page.html"
    assert Path("page.html").is_file()


def test_results_need_the_run_only(likeness: Command, trained: Path) -> None:
    """Prediction and export work when the dataset is gone."""
    (Path("data") / "toy.json").unlink()
    np.savetxt("one.txt", np.ones((1, 6)))
    assert likeness("predict", trained, "-i", "one.txt").code == 0
    assert likeness("export", trained, "--to", "arrays").code == 0
    assert likeness("report", trained).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("evaluate", "RUN", "--checkpoint", "7"), 3, "no checkpoint at step 7"),
        (("evaluate", "RUN", "--checkpoint", "first"), 2, "'best', 'latest' or a step"),
        (
            ("evaluate", "RUN", "--split", "tset"),
            2,
            "Expected the split train, validation or test, found 'tset'.",
        ),
        (("predict", "RUN"), 2, "Name a file with --input"),
        (("predict", "RUN", "-i", "none.txt"), 2, "There is no file or folder none.txt"),
        (("predict", "RUN", "-i", "data/toy.json", "factr=1"), 2, "Did you mean 'factor'?"),
        (("predict", "RUN", "-i", "data"), 2, "data is a folder; expected a file."),
        (("export", "RUN"), 2, "--to"),
        (("export", "RUN", "--to", "array"), 2, "Did you mean 'arrays'?"),
        (("report", "runs"), 2, "is not a run"),
    ],
)
def test_bad_use_of_a_run(
    likeness: Command, trained: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = likeness(*(trained if word == "RUN" else word for word in arguments))
    assert result.code == code, result.err
    assert message in result.err
    assert "Traceback" not in result.err


def test_a_damaged_checkpoint_is_named(likeness: Command, trained: Path) -> None:
    for path in (trained / "checkpoints").glob("*/ema.safetensors"):
        path.write_bytes(b"damaged")
    result = likeness("evaluate", trained, "--checkpoint", "10")
    assert result.code == 4
    assert "ema.safetensors" in result.err


def _damage(run: Path, name: str, content: bytes) -> None:
    """Put something else into a file of the last checkpoint, with a hash that fits."""
    folder = run / "checkpoints" / "step-00000010"
    (folder / name).write_bytes(content)
    progress = json.loads((folder / "progress.json").read_text())
    progress["sha256"][name] = hashlib.sha256(content).hexdigest()
    (folder / "progress.json").write_text(json.dumps(progress))


@pytest.mark.parametrize(
    "content",
    [
        {"a": 3},
        {"a": {"layer": "file"}},
        {"a": []},
        {"train.seed": {"layer": "defauld", "detail": ""}},  # one turned bit
        {"train.seed": {"layer": ["file"], "detail": "a"}},
        {"train.seed": {"layer": "file", "detail": 3}},
    ],
)
def test_a_damaged_provenance_is_named(likeness: Command, trained: Path, content: object) -> None:
    (trained / "provenance.json").write_text(json.dumps(content))
    result = likeness("resume", trained)
    assert result.code == 4, result.err
    assert "provenance" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("content", [b"not a pickle", pickle.dumps(os.getcwd), None])
def test_a_foreign_optimizer_file_is_named(
    likeness: Command, trained: Path, content: bytes | None
) -> None:
    stream = io.BytesIO()
    torch.save({"other": 1}, stream)
    _damage(trained, "optimizer.pt", stream.getvalue() if content is None else content)
    result = likeness("resume", trained, *LONGER)
    assert result.code == 4, result.err
    assert "optimizer.pt" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("content", ["{broken", "{}", "[1]", '[{"name": "error"}]', "\xff"])
def test_damaged_scores_are_named(likeness: Command, trained: Path, content: str) -> None:
    path = trained / "evaluation" / "step-00000010" / "scores.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("latin-1"))
    result = likeness("watch", trained, "--once")
    assert result.code == 4, result.err
    assert "scores.json" in result.out
    assert "finished, step 10/10" in result.out
    assert "Traceback" not in result.err
    result = likeness("report", trained)
    assert result.code == 0, result.err
    assert "Traceback" not in (trained / "report.html").read_text()


def test_files_of_a_prediction_are_named_once(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is printed above them; names that say more than the path are kept."""
    files = {"a_joy.npy": "out/a_joy.npy", "cloud": "out/a.ply"}
    rows = [{"input": "a.wav", "files": files, "frames": 3}]
    monkeypatch.setattr(workflow, "predict", lambda *_, **__: rows)
    result = likeness("predict", trained, "-i", "a.wav", "-o", "out")
    lines = [line.split() for line in result.out.splitlines()]
    assert lines == [
        ["out"],
        ["input", "files", "frames"],
        ["a.wav", "a_joy.npy", "3"],
        ["cloud:", "out/a.ply"],
    ]
    assert likeness("predict", trained, "-i", "a.wav", "--json").document["predictions"] == rows
