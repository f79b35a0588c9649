from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.cli.data import inspection_answer, parse_options
from likeness.data.inspection import Finding, Inspection
from likeness.errors import UsageError
from likeness.media.image import save_image
from tests.cli.conftest import Command


def test_made_data_is_inspected_at_once(likeness: Command) -> None:
    result = likeness("data", "make", "toy", "d", "--people", 3, "--seed", 7, "each=4", "--json")
    assert result.code == 0
    expected = {"counts": {"samples": 12}, "findings": [], "up_to_date": False}
    assert result.document == expected
    assert json.loads(Path("d/toy.json").read_text()) == {"samples": 12, "seed": 7}


def test_data_is_never_overwritten(likeness: Command) -> None:
    Path("d").mkdir()
    assert likeness("data", "make", "toy", "d").code == 0
    before = Path("d/toy.json").read_text()
    result = likeness("data", "make", "toy", "d", "--seed", 5)
    assert result.code == 2
    assert "never overwritten" in result.err
    assert Path("d/toy.json").read_text() == before


def test_inspect_gives_findings_and_code_four_for_errors(likeness: Command) -> None:
    Path("d").mkdir()
    Path("d/toy.json").write_text("{broken")
    result = likeness("data", "inspect", "toy", "d", "--json")
    assert result.code == 4
    (finding,) = result.document["findings"]
    assert set(finding) == {"severity", "code", "path", "message", "advice"}
    assert (finding["severity"], finding["code"]) == ("error", "broken")
    text = likeness("data", "inspect", "toy", "d").out
    assert "error [broken] toy.json: Expected a number of samples, found something else." in text
    assert "    Make it again." in text


def test_an_advice_stands_below_the_findings_it_is_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def finding(path: str, message: str, advice: str) -> Finding:
        return Finding("error", "damaged", path, message, advice)

    found = [finding("a", "It is cut.", "Copy it."), finding("b", "It is empty.", "Make it.")]
    found += [finding(f"c{n}", "It is cut.", "Copy it.") for n in range(6)]
    inspection_answer(Inspection("d", {}, tuple(found))).show()
    assert capsys.readouterr().out.splitlines() == [
        "d",
        "error [damaged] a: It is cut.",
        *(f"error [damaged] c{n}: It is cut." for n in range(4)),
        "error [damaged] and 2 more such; --json lists them all",
        "    Copy it.",
        "error [damaged] b: It is empty.",
        "    Make it.",
    ]
    each = [finding(f"f{n}", "It is cut.", f"Copy f{n}.") for n in range(9)]
    inspection_answer(Inspection("d", {}, tuple(each))).show()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["error [damaged] f0: It is cut.", "    Copy f0."]
    assert lines[-1] == "error [damaged] and 4 more; --json lists them all"


def test_inspect_of_good_data(likeness: Command, data: Path) -> None:
    result = likeness("data", "inspect", "toy", "data")
    assert result.code == 0
    assert "No findings: the data is ready." in result.out


def test_prepare_makes_a_dataset_of_raw_material(likeness: Command) -> None:
    Path("raw.txt").write_text("one\ntwo\nthree\n")
    result = likeness("data", "prepare", "toy", "raw.txt", "d", "--json")
    assert result.code == 0
    assert result.document["counts"] == {"samples": 3}


def test_what_is_no_option_is_refused(likeness: Command) -> None:
    Path("raw.txt").write_text("one\n")
    for words, message in (
        (["workers=2"], "Write --workers 2 instead"),
        (["progress=2"], "There is no option 'progress'"),
        (["out=x"], "There is no option 'out'"),
        (["--workers", "2"], "There is no option 'workers' of preparation"),
    ):
        result = likeness("data", "prepare", "toy", "raw.txt", "d", *words)
        assert result.code == 2
        assert message in result.err
    assert not Path("d").exists()


def test_a_count_below_one_comes_with_advice_and_a_file_address_is_a_folder(
    likeness: Command, data: Path
) -> None:
    refused = likeness("data", "make", "toy", "d", "--people", 0, "--json")
    assert "--people 1" in refused.document["error"]["advice"]
    address = data.resolve().as_uri()
    assert likeness("data", "inspect", "toy", address).code == 0
    words = ("toy", "--profile", "smoke", f"data.root={address}")
    assert likeness("train", *words).code == 0


def test_nothing_is_announced_before_it_is_checked(likeness: Command) -> None:
    Path("full").mkdir()
    Path("full/file").touch()
    Path("raw.txt").write_text("one\n")
    for words in (
        ("make", "toy", "d", "--people", 0),
        ("make", "toy", "d", "each=0"),
        ("make", "toy", "full"),
        ("make", "face-encoder", "d", "size=1"),
        ("prepare", "toy", "raw.txt", "d", "nothing=1"),
        ("prepare", "face-encoder", "nowhere", "d"),
        ("prepare", "face-encoder", "full", "d"),
    ):
        result = likeness("data", *words)
        assert result.code in (2, 4), result.err
        assert result.err.startswith("error: "), result.err
    assert likeness("data", "make", "toy", "d").err == "Making 32 studio people\n"
    assert likeness("data", "prepare", "toy", "raw.txt", "e").err == "Preparing raw.txt\n"


@pytest.mark.parametrize("system", ["toy", "face-encoder", "audio2face"])
def test_raw_material_that_is_not_there_is_wrong_use(likeness: Command, system: str) -> None:
    """As an --input of predict that is not there is."""
    result = likeness("data", "prepare", system, "nowhere", "d")
    assert result.code == 2
    assert "error: There is no file or folder nowhere.\nCheck the path of IN." in result.err
    result = likeness("data", "prepare", system, "s3://bucket/raw", "d")
    assert result.code == 2
    assert "prepared of files on this machine, found the address s3://bucket/raw." in result.err
    assert not Path("d").exists()


def photographs(folder: Path) -> None:
    """Three photographs with landmarks beside them, and one without."""
    rng = np.random.default_rng(0)
    points = rng.uniform(10, 90, (68, 2))
    points[36:42], points[42:48] = (30, 40), (70, 40)
    folder.mkdir()
    for name in "abcd":
        save_image(folder / f"{name}.png", rng.uniform(size=(100, 100, 3)).astype(np.float32))
        if name != "b":
            np.save(folder / f"{name}.npy", points)


def test_preparing_counts_and_goes_on_after_ctrl_c(
    likeness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likeness.systems.face_encoder import prepare as module

    photographs(Path("photos"))
    call = ("data", "prepare", "face-encoder", "photos", "out", "--workers", 1)
    write, seen = module.write_photograph, []

    def stopping(root: Path, sample: dict[str, Any]) -> dict[str, Any]:
        seen.append(sample["id"])
        if sample["id"] == "c":
            raise KeyboardInterrupt
        return write(root, sample)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_photograph", stopping)
        result = likeness(*call)
    assert result.code == 130
    assert "Stopped after 2 of 4; the same command goes on from there." in result.err
    for verb in (("data", "inspect"), ("train",)):
        words = ["out"] if verb[0] == "data" else ["data.root=out"]
        result = likeness(*verb, "face-encoder", *words)
        assert result.code == 4
        assert "unfinished one: 2 of 4 parts are made" in result.out + result.err
    result = likeness(*call, "size=64")
    assert result.code == 2
    assert "size was 512 and is 64" in result.err
    result = likeness(*call, "--json")
    assert result.code == 0
    assert result.document["counts"]["photographs"] == 3
    assert result.document["counts"]["left_out"] == 1
    assert result.err == ""
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")}
    result = likeness(*call)  # was refused, as if something were to be overwritten
    assert result.code == 0
    assert result.out.startswith("up to date: the same command has made it\n")
    assert likeness(*call, "--json").document["up_to_date"] is True
    result = likeness(*call, "size=64")
    assert result.code == 2
    assert "size was 512 and is 64" in result.err
    assert "Choose another folder" in result.err
    np.save(Path("photos/a.npy"), np.load("photos/a.npy") + 1)
    result = likeness(*call)
    assert result.code == 2
    assert "files_read was " in result.err
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")} == before
    for path in Path("out").rglob("prepared.json"):
        assert str(Path.cwd()) not in path.read_text()


def test_a_folder_that_cannot_be_written_ends_with_code_two(likeness: Command) -> None:
    photographs(Path("photos"))
    Path("file").write_text("kept")
    result = likeness("data", "prepare", "face-encoder", "photos", "file/out", "--workers", 1)
    assert result.code == 2
    assert "Cannot write a dataset" in result.err
    assert Path("file").read_text() == "kept"


def test_options_are_words_of_a_name_and_a_text() -> None:
    words = ["each=4", "dry-run=true", "sizes=[1, 2]", "name=", "a=b=c"]
    assert parse_options(words) == {
        "each": "4",
        "dry_run": "true",
        "sizes": "[1, 2]",
        "name": "",
        "a": "b=c",
    }
    for words, message in (
        (["each"], "Expected OPTION=VALUE, found 'each'"),
        (["=4"], "Expected OPTION=VALUE"),
        (["a=1", "a=2"], "given twice"),
    ):
        with pytest.raises(UsageError, match=message):
            parse_options(words)


@pytest.mark.parametrize(
    "consent", ["agreed, form # 17", "yes: all", "2026", "null", "[x]", "'q", "on"]
)
def test_a_statement_of_consent_is_kept_to_the_letter(likeness: Command, consent: str) -> None:
    photographs(Path("photos"))
    result = likeness(
        "data", "prepare", "face-encoder", "photos", "out", f"consent={consent}", "--workers", 1
    )
    assert result.code in (0, 4), result.err
    assert json.loads(Path("out/provenance.json").read_text())["consent"] == consent


def test_values_of_options_are_checked_by_the_annotations_all_at_once(likeness: Command) -> None:
    words = ("each=abc", "spread=999", "label=3", "spraed=1")
    result = likeness("data", "make", "toy", "d", *words)
    assert result.code == 2
    assert "Traceback" not in result.err
    for line in (
        "There is no option 'spraed' of studio data.",
        "The option 'each' of studio data: expected a whole number, found 'abc'.",
        "The option 'spread' of studio data: expected a number of at most 90.0, found 999.",
        "Did you mean 'spread'?",
    ):
        assert line in result.err
    assert not Path("d").exists()


@pytest.mark.parametrize("word", ["each=[1]", "each=0", "each=true", "each=1.5", "each=", "each=~"])
def test_a_value_of_another_type_is_refused(likeness: Command, word: str) -> None:
    result = likeness("data", "make", "toy", "d", word)
    assert result.code == 2
    assert "The option 'each' of studio data: expected a" in result.err
    assert "Traceback" not in result.err


def test_options_reach_the_function_as_its_annotations_say(likeness: Command) -> None:
    assert likeness("data", "make", "toy", "d", "--people", 3, "each=2.0").code == 0
    assert Path("d/toy.json").read_text() == '{"samples": 6, "seed": 0}'


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("--each", "4"), "write each=4."),
        (("--each=4",), "write each=4."),
        (("--max-yaw", "--json"), "write max_yaw=VALUE."),
    ],
)
def test_an_option_given_as_a_flag_is_shown_as_a_word(
    likeness: Command, words: tuple[str, ...], meant: str
) -> None:
    result = likeness("data", "make", "toy", "d", *words)
    assert result.code == 2
    assert meant in result.err
    assert "train.steps=2000" in likeness("train", "toy", "--steps", 4).err


def test_a_second_identical_make_is_up_to_date(likeness: Command, folder: Path) -> None:
    words = ("data", "make", "face-encoder", "set", "--people", 1, "--workers", 1, "photos=1")
    first = likeness(*words, "size=64", "--json")
    assert (first.code, first.document["up_to_date"]) == (0, False)
    times = {path: path.stat().st_mtime_ns for path in Path("set").rglob("*")}
    again = likeness(*words, "size=64", "--json")
    assert (again.code, again.document["up_to_date"]) == (0, True)
    assert again.document["counts"] == first.document["counts"]
    assert again.document["findings"] == first.document["findings"]
    assert {path: path.stat().st_mtime_ns for path in Path("set").rglob("*")} == times
    told = likeness(*words, "size=64")
    assert (told.code, "up to date" in told.out) == (0, True)
    other = likeness(*words, "size=72")
    assert other.code == 2
    assert "size was 64 and is 72" in other.err


def test_a_sentence_about_a_choice_ends_with_one_mark(likeness: Command) -> None:
    for value, end in (("nosuch", "found 'nosuch'.\n"), ("espaek", "Did you mean 'espeak'?\n")):
        result = likeness("data", "make", "audio2face", "d", f"backend={value}")
        assert result.code == 2
        assert "expected one of 'auto', 'espeak' or 'formant', found" in result.err
        assert end in result.err


@pytest.mark.parametrize(
    ("system", "word", "message"),
    [
        ("audio2face", "split=.8,.2", "three numbers from 0 to 1 with commas between"),
        ("audio2face", "split=.8", "with commas between, found '.8'"),
        ("audio2face", "speech=loud", "expected one of 'even', 'usual', 'mumbling' or 'extreme'"),
        ("audio2face", "audio=loud", "expected one of 'dry', 'rooms', 'noisy' or 'telephone'"),
        ("audio2face", "occlusion=.1", "There is no option 'occlusion'"),
        ("audio2face", "text=nowhere.txt", "There is no file of sentences at 'nowhere.txt'"),
        ("face-encoder", "split=.8,.1,.2", "add up to 1.1"),
        ("face-encoder", "sensor=bad", "'clean', 'light', 'strong' or 'enlarged'"),
        ("face-encoder", "pose=any", "'near', 'classes', 'all' or 'extreme'"),
        ("face-encoder", "occlusion=2", "expected a number of at most 1"),
        ("face-encoder", "speech=even", "There is no option 'speech'"),
    ],
)
def test_wrong_options_of_studio_data_make_nothing(
    likeness: Command, system: str, word: str, message: str
) -> None:
    result = likeness("data", "make", system, "d", "--people", 3, word)
    assert result.code in (2, 4)
    assert message in result.err
    assert "Making" not in result.err
    assert not Path("d").exists()
