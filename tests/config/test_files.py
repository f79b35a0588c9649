from __future__ import annotations

from pathlib import Path

import pytest

from likeness.config.faults import ConfigError
from likeness.config.files import chosen_profile, read_config_file
from tests.config.resolving import faults_of, resolved, written


def test_a_header_is_no_setting_and_lines_stay_those_of_the_file(tmp_path: Path) -> None:
    text = "seed: 3\nsystem: example\nprofile: fast\nformat: 1\ntrain:\n  steps: 2\n"
    file, faults = read_config_file(written(tmp_path, text), "example")
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
        path = written(tmp_path, text)
        file, faults = read_config_file(path, "example")
        assert [str(fault) for fault in faults] == [message.format(path)]
        assert (file is None) == ("format" in text)


def test_a_profile_that_does_not_exist_is_told_with_the_line_that_names_it(tmp_path: Path) -> None:
    path = written(tmp_path, "seed: 1\nprofile: smok\n")
    file, _ = read_config_file(path, "example")
    assert file is not None
    name, meant, faults = chosen_profile(None, [file], ["smoke", "fast"], "example")
    assert (name, meant) == ("smok", ["smoke"])
    assert [str(fault) for fault in faults] == [
        f"profile (file {path}:2): example has no profile 'smok'. Did you mean 'smoke'? "
        "There are: smoke, fast"
    ]


def test_a_file_can_name_its_system_and_profile(tmp_path: Path) -> None:
    path = written(tmp_path, "system: example\nprofile: smoke\nseed: 1\n")
    found = resolved(files=[path])
    assert (found.profile, found.config.train.steps, found.config.seed) == ("smoke", 3, 1)
    wrong = written(tmp_path, "system: other\nformat: 2\n", "wrong.yaml")
    faults = faults_of(files=[wrong])
    assert list(faults) == ["system"]
    assert "the file is for 'other', expected 'example'" in faults["system"]
    faults = faults_of(profile="fast", files=[path])
    assert (
        f"'fast' (command line --profile) conflicts with 'smoke' (file {path}:2)"
        in (faults["profile"])
    )


def test_a_file_of_another_system_has_no_other_faults(tmp_path: Path) -> None:
    """Each of its settings was told as one that does not exist, and its profile too."""
    text = "system: other\nprofile: theirs\nidentity: {classes: 5}\nseed: soft\n"
    path = written(tmp_path, text)
    faults = faults_of("phases.theirs.steps=3", files=[path])
    assert faults == {
        "system": f"system (file {path}:1): the file is for 'other', expected 'example'"
    }
    assert list(faults_of(profile="smok", files=[path])) == ["system", "profile"]


def test_a_file_of_another_format_has_no_other_faults(tmp_path: Path) -> None:
    """It counted as complete, and what it does not have was told as missing."""
    path = written(tmp_path, "format: 99\nsystem: example\nnew_thing: 1\n")
    faults = faults_of(files=[path])
    assert list(faults) == ["format"]
    assert "expected 1, found 99" in faults["format"]


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words", "5"])
def test_a_file_that_is_no_mapping_is_a_fault(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="expected settings as 'name: value' lines"):
        resolved(files=[written(tmp_path, text)])


def test_a_hostile_file_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="python/object/apply"):
        resolved(files=[written(tmp_path, "a: !!python/object/apply:os.getcwd []")])
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match="not UTF-8"):
        resolved(files=[binary])
