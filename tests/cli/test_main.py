from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from likeness import __version__
from likeness.runs.run import Run
from tests.cli.conftest import LONGER, Command, environment

HEAVY = ("torch", "numba", "scipy", "cv2", "av", "skimage", "PIL", "pydantic", "rich.table")
LIGHT_VERBS = (
    ("--help",),
    ("train", "--help"),
    ("data", "--help"),
    ("systems",),
    ("config", "explain", "toy", "--profile", "smoke", "--json"),
    ("config", "schema", "toy"),
)


def test_help_is_quick(installed: Path) -> None:
    """Half a second. Processor time counts, since the machine may be busy with other things."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "likeness", "--help"]
    subprocess.run(command, check=True, capture_output=True, env=environment(installed))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


@pytest.mark.parametrize("arguments", LIGHT_VERBS, ids=" ".join)
def test_looking_around_imports_no_heavy_library(
    folder: Path, installed: Path, arguments: tuple[str, ...]
) -> None:
    allowed = set() if arguments == ("--help",) else {"pydantic", "rich.table"}
    code = (
        "import sys\nfrom likeness.cli.main import main\n"
        f"sys.argv = ['likeness', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"found = [m for m in {HEAVY!r} if m in sys.modules and m not in {allowed!r}]\n"
        "sys.exit(' '.join(found) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(installed),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_version(likeness: Command) -> None:
    assert likeness("--version").out.strip() == __version__


def test_help_lists_the_verbs_and_the_systems_that_have_their_own(likeness: Command) -> None:
    text = likeness("--help").out
    for verb in ("systems", "train", "resume", "watch", "evaluate", "predict", "export"):
        assert f"\n  {verb} " in text
    for verb in ("report", "demo", "doctor", "data", "config", "toy", "face-encoder"):
        assert f"\n  {verb} " in text


def test_every_verb_takes_json_and_debug(likeness: Command) -> None:
    for verb in ("systems", "train", "resume", "watch", "evaluate", "predict", "export", "report"):
        text = likeness(verb, "--help").out
        assert "--json" in text, verb
        assert "--debug" in text, verb
    for group, verbs in {
        "data": ("make", "inspect", "prepare"),
        "config": ("explain", "show", "diff", "schema", "reference"),
        "toy": ("wave",),
    }.items():
        for verb in verbs:
            text = likeness(group, verb, "--help").out
            assert "--json" in text, verb
            assert "--debug" in text, verb


def test_a_systems_own_verb(likeness: Command) -> None:
    assert likeness("toy", "wave", "Ann").out == "greeting: hello Ann\n"
    assert likeness("toy", "wave", "Ann", "--json").document == {"greeting": "hello Ann"}
    result = likeness("toy", "wave", "nobody", "--json")
    assert result.code == 4
    assert result.document["error"] == {
        "message": "There is nobody to wave at.",
        "advice": "Name somebody.",
        "exit_code": 4,
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("trian", "toy"), 2, "No such command 'trian'"),
        (("train",), 2, "Missing argument"),
        (("train", "--nosuch"), 2, "No such option"),
        (("train", "ty"), 2, "Did you mean 'toy'?"),
        (("toy", "wvae"), 2, "No such command 'wvae'"),
        (("toy", "wave", "nobody"), 4, "There is nobody to wave at."),
        (("config", "explain", "toy", "trian.steps=1"), 2, "Did you mean 'train.steps'?"),
        (("config", "explain", "toy", "--profile", "smok"), 2, "Did you mean 'smoke'?"),
        (("config", "explain", "toy", "--config", "none.yaml"), 2, "cannot be read"),
        (("config", "diff", "toy:smoke", "none.yaml"), 2, "no file none.yaml"),
        (("config", "explain", "runs/none"), 2, "There is no run at runs/none"),
        (("watch", "runs/none", "--once"), 2, "There is no run at runs/none"),
        (("data", "make", "toy", "x", "people=3"), 2, "Write --people 3"),
        (("data", "make", "toy", "x", "eech=3"), 2, "Did you mean 'each'?"),
        (("data", "make", "toy", "x", "--people", "0"), 2, "at least one person"),
        (("data", "make", "toy", "x", "--people", "many"), 2, "valid integer"),
        (("data", "inspect", "toy", "nowhere"), 2, ""),
        (("data", "prepare", "toy"), 2, "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_use_ends_with_its_code_and_no_traceback(
    process: Command, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = process(*arguments)
    assert result.code == code, result.err
    assert message in result.err
    assert "Traceback" not in result.err


def test_several_faults_are_shown_together(process: Command) -> None:
    result = process(
        "train",
        "toy",
        "trian.steps=1",
        "train.batch_size=many",
        "model.dropout=[1]",
        LIKENESS_TRAIN__CLIP_NORM="soft",
    )
    assert result.code == 2
    for line in (
        "has 4 faults",
        "trian.steps (command line): there is no such setting. Did you mean 'train.steps'?",
        "train.batch_size (command line): expected a whole number, found 'many'",
        "model.dropout (command line): expected a number, found [1]",
        "train.clip_norm (environment LIKENESS_TRAIN__CLIP_NORM): expected a number, found 'soft'",
    ):
        assert line in result.err
    assert result.out == ""


def test_an_error_in_json_is_one_document(process: Command) -> None:
    result = process("config", "explain", "toy", "trian.steps=1", "--json")
    assert result.code == 2
    assert result.document["error"]["exit_code"] == 2
    assert "trian.steps" in result.document["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("config", "explain", "toy", "trian.steps=1", "--json"), 2),
        (("config", "explain", "toy", "--json"), 141),
        (("config", "explain", "toy"), 141),
        (("config", "schema", "toy"), 141),
        (("--help",), 141),
        (("train", "--help"), 141),
        (("--version",), 141),
        (("watch", "run"), 141),
        (("watch", "run", "--once"), 141),
        (("watch", "run", "--json"), 141),
    ],
)
def test_a_reader_that_leaves_early_ends_a_verb_quietly(
    folder: Path, installed: Path, arguments: tuple[str, ...], code: int
) -> None:
    """As in ``likeness … | head``: it ended in two tracebacks. An error keeps its exit code."""
    run = Run.create(folder, "toy", "run", "system: toy\n", plan={"total_steps": 1, "stages": []})
    run.set_status("finished", step=1, total_steps=1)
    arguments = tuple(str(run.path) if word == "run" else word for word in arguments)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "likeness", *arguments],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment(installed),
    )
    os.close(write)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
    assert ("error:" in done.stderr) == (code == 2)


@pytest.mark.parametrize("arguments", [("nonsense",), ("config", "show", "nonsense")], ids=" ".join)
def test_an_error_that_nobody_reads_keeps_its_exit_code(
    folder: Path, installed: Path, arguments: tuple[str, ...]
) -> None:
    """As in ``likeness … 2>&1 | true``."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "likeness", *arguments]
    done = subprocess.run(
        command, stdout=write, stderr=write, cwd=folder, env=environment(installed)
    )
    os.close(write)
    assert done.returncode == 2


def test_training_goes_on_when_nobody_reads_its_progress(
    folder: Path, installed: Path, data: Path
) -> None:
    """As in ``likeness train … 2>&1 | true``: the run is none that failed."""
    read, write = os.pipe()
    os.close(read)
    words = ("train", "toy", "--profile", "smoke", f"data.root={data}", "train.log_every=1")
    done = subprocess.run(
        [sys.executable, "-m", "likeness", *words],
        stdout=write,
        stderr=write,
        cwd=folder,
        env=environment(installed),
    )
    os.close(write)
    assert done.returncode == 141
    (path,) = (folder / "runs" / "toy").iterdir()
    assert Run(path).status.status == "finished"


def test_a_connection_that_breaks_is_no_reader_that_left(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise BrokenPipeError(32, "the store hung up")

    monkeypatch.setattr("likeness.systems.all_systems", broken)
    result = likeness("systems")
    assert result.code == 1
    assert "the store hung up" in result.err


def test_a_defect_shows_its_traceback_and_ends_with_one(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("likeness.systems.all_systems", broken)
    result = likeness("systems")
    assert result.code == 1
    assert "Traceback" in result.err
    assert "ZeroDivisionError: by zero" in result.err
    assert "defect" in result.err


def test_debug_shows_the_traceback_of_a_known_error(likeness: Command) -> None:
    assert "Traceback" not in likeness("toy", "wave", "nobody").err
    assert "Traceback" in likeness("toy", "wave", "nobody", "--debug").err


def test_what_a_library_prints_stays_out_of_the_document(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chatty() -> dict[str, object]:
        print("hello from a library")
        return {}

    monkeypatch.setattr("likeness.systems.all_systems", chatty)
    result = likeness("systems", "--json")
    assert result.document == []
    assert "hello from a library" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train",), "Missing argument"),
        (("evaluate", "run", "--nosuch"), "No such option: --nosuch"),
        (("trian",), "No such command 'trian'"),
        (("data", "make", "toy", "d", "--people", "many"), "valid integer"),
        (("toy", "wave"), "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_command_line_that_cannot_be_read_is_a_document_too(
    likeness: Command, arguments: tuple[str, ...], message: str
) -> None:
    result = likeness(*arguments, "--json")
    assert result.code == 2
    assert message in result.document["error"]["message"]
    assert result.document["error"]["exit_code"] == 2
    assert result.document["error"]["advice"].startswith("See: likeness")
    assert likeness(*arguments).out == ""


def test_only_the_first_process_of_a_launch_answers_an_error(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, count in (("0", 1), ("1", 0)):
        monkeypatch.setenv("RANK", rank)
        for arguments in (("train", "nobody"), ("train",), ("resume", "nowhere")):
            result = likeness(*arguments, "--json")
            assert result.out.count('"error"') == count
            assert result.err


def test_verbs_that_do_not_train_answer_beside_the_variables_of_a_launcher(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a shell in a pod of a training operator has them; nobody else is there to wait for."""
    launch = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in launch.items():
        monkeypatch.setenv(name, value)
    for arguments in (("systems",), ("evaluate", trained), ("report", trained), ("--version",)):
        assert likeness(*arguments).out, arguments
    assert likeness("evaluate", trained, "--json").document["run"] == str(trained)
    assert likeness("toy", "wave", "nobody", "--json").document["error"]["exit_code"] == 4
    assert likeness("evaluate", "--json").document["error"]["exit_code"] == 2


@pytest.mark.parametrize("name", ["evaluate", "predict", "export", "report", "watch"])
def test_a_copy_elsewhere_is_named_as_it_was_written(likeness: Command, name: str) -> None:
    more = {"predict": ("-i", "x"), "export": ("--to", "arrays")}.get(name, ())
    result = likeness(name, "s3://bkt/toy/run-1", *more)
    assert result.code == 2
    assert "found the address s3://bkt/toy/run-1" in result.err
    assert "likeness resume s3://bkt/toy/run-1" in result.err
    result = likeness(name, "https://bkt/toy/run-1", *more)
    assert result.code == 2
    assert "found the address https://bkt/toy/run-1" in result.err
    assert "likeness resume" not in result.err  # a web address has no folders to bring
    assert "Copy the directory of the run to this machine" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ("train", "toy", "--runs", "s3://bkt/out"),
        ("train", "toy", "--dry-run", "data.root=data", "--runs", "s3://bkt/out"),
        ("resume", "s3://bkt/toy/run-1", "--runs", "s3://bkt/out"),
        ("predict", "RUN", "-i", "one.txt", "-o", "s3://bkt/out"),
        ("export", "RUN", "--to", "arrays", "-o", "s3://bkt/out"),
        ("report", "RUN", "-o", "s3://bkt/out"),
        ("demo", "toy", "--out", "s3://bkt/out"),
        ("studio", "show", "--out", "s3://bkt/out"),
        ("studio", "gallery", "s3://bkt/out"),
    ],
)
def test_an_address_for_results_is_named_as_it_was_written(
    likeness: Command, request: pytest.FixtureRequest, words: tuple[str, ...]
) -> None:
    """It was told as ``s3:/bkt/out``, and the studio made a folder ``s3:``."""
    request.getfixturevalue("trained" if "RUN" in words else "data")
    if "RUN" in words:
        words = tuple(
            str(request.getfixturevalue("trained")) if word == "RUN" else word for word in words
        )
        Path("one.txt").write_text("1 2 3 4 5 6\n")
    result = likeness(*words)
    assert result.code == 2, result.err
    assert "to a folder on this machine, found the address s3://bkt/out." in result.err
    assert not Path("s3:").exists()


@pytest.mark.parametrize("variables", [{"WORLD_SIZE": "abc"}, {"RANK": "0", "WORLD_SIZE": "2"}])
def test_a_launch_that_makes_no_sense_is_wrong_use(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for arguments in (
        ("resume", trained, *LONGER),
        ("train", "toy", "--profile", "smoke", "data.root=data"),
    ):
        result = likeness(*arguments)
        assert result.code == 2, result.err
        assert "WORLD_SIZE" in result.err
        assert "Traceback" not in result.err
