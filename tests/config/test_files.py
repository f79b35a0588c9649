from __future__ import annotations

from pathlib import Path

from likeness.config.files import chosen_profile, read_config_file


def _file(tmp_path: Path, text: str, name: str = "run.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_header_is_no_setting_and_lines_stay_those_of_the_file(tmp_path: Path) -> None:
    text = "seed: 3\nsystem: example\nprofile: fast\nformat: 1\ntrain:\n  steps: 2\n"
    file, faults = read_config_file(_file(tmp_path, text), "example")
    assert file is not None
    assert (file.text.values, faults) == ({"seed": 3, "train": {"steps": 2}}, [])
    assert (file.profile, file.is_saved) == ("fast", True)
    assert file.text.lines[("train", "steps")] == 6
    assert str(file.origin("profile")) == f"file {tmp_path / 'run.yaml'}:3"


def test_a_fault_of_a_header_names_its_line_and_is_told_alone(tmp_path: Path) -> None:
    told = {
        "profile: [a]\nsystem: other\n\nformat: 7\n": (
            "system (file {}:2): the file is for 'other', expected 'example'"
        ),
        "profile: [a]\nsystem: example\n\nformat: 7\n": (
            "format (file {}:4): expected 1, found 7; this version is too old"
        ),
        "profile: [a]\n": "profile (file {}:1): expected a name, found ['a']",
    }
    for text, message in told.items():
        path = _file(tmp_path, text)
        file, faults = read_config_file(path, "example")
        assert [str(fault) for fault in faults] == [message.format(path)]
        assert (file is None) == ("format" in text)


def test_a_profile_that_does_not_exist_is_told_with_the_line_that_names_it(tmp_path: Path) -> None:
    path = _file(tmp_path, "seed: 1\nprofile: smok\n")
    file, _ = read_config_file(path, "example")
    assert file is not None
    name, meant, faults = chosen_profile(None, [file], ["smoke", "fast"], "example")
    assert (name, meant) == ("smok", ["smoke"])
    assert [str(fault) for fault in faults] == [
        f"profile (file {path}:2): example has no profile 'smok'. Did you mean 'smoke'? "
        "There are: smoke, fast"
    ]
