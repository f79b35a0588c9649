from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from likeness.config.document import provenance_to_dict
from likeness.config.faults import ConfigError
from likeness.config.origins import strongest
from likeness.config.overrides import Origin
from likeness.config.resolve import override, resolve
from likeness.config.schema import ConfigModel
from tests.config.example import Example, Phase, Ramp
from tests.config.resolving import faults_of, resolved, written


def test_each_layer_wins_over_the_one_before(tmp_path: Path) -> None:
    first = written(tmp_path, "train: {learning_rate: 0.2, clip_norm: 1}\ndata: {root: a}\n")
    second = written(tmp_path, "data:\n  root: b\n  label: two\nseed: 2\n", "second.yaml")
    found = resolved(
        "seed=4",
        profile="fast",
        files=[first, second],
        environ={"LIKENESS_DATA__LABEL": "three", "LIKENESS_SEED": "3"},
    )
    config: Example = found.config
    assert (config.train.steps, config.train.learning_rate, config.train.clip_norm) == (3, 0.2, 1)
    assert (config.data.root, config.data.label, config.seed) == ("b", "three", 4)
    assert {
        key: str(found.provenance[key])
        for key in (
            "train.optimizer",
            "train.steps",
            "train.learning_rate",
            "data.root",
            "data.label",
            "seed",
        )
    } == {
        "train.optimizer": "default",
        "train.steps": "profile fast",
        "train.learning_rate": f"file {first}:1",
        "data.root": f"file {second}:2",
        "data.label": "environment LIKENESS_DATA__LABEL",
        "seed": "command line",
    }


def test_without_a_profile_the_defaults_of_the_class_count() -> None:
    found = resolved()
    assert found.config == Example()
    assert found.profile == "default"
    assert {str(origin) for origin in found.provenance.values()} == {"default"}


def test_list_items_by_position_and_by_name() -> None:
    found = resolved(
        "phases.0.steps=5", "phases.photo-fit.weights.photo=2", "phases.points.weights.edge=1e-4"
    )
    points, photo = found.config.phases
    assert (points.steps, points.weights) == (5, {"landmark": 1.0, "edge": 1e-4})
    assert photo.weights == {"photo": 2.0}
    assert str(found.provenance["phases.points.steps"]) == "command line"
    assert str(found.provenance["phases.points.weights.landmark"]) == "default"
    assert str(found.provenance["phases.photo-fit.weights.photo"]) == "command line"


def test_a_file_can_change_list_items_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, "phases:\n  points:\n    weights: {landmark: {start: 0, end: 1}}\n")
    found = resolved(files=[path])
    assert found.config.phases[0].weights == {"landmark": Ramp(start=0, end=1)}
    assert found.config.phases[1] == Example().phases[1]
    assert str(found.provenance["phases.points.weights.landmark.end"]) == f"file {path}:3"


def test_a_list_in_a_file_replaces_the_list(tmp_path: Path) -> None:
    path = written(tmp_path, "phases:\n- name: only\n  steps: 4\ndata:\n  sizes: [9]\n")
    found = resolved(files=[path])
    assert [phase.name for phase in found.config.phases] == ["only"]
    assert found.config.data.sizes == (9,)
    assert str(found.provenance["phases.only.steps"]) == f"file {path}:3"
    assert str(found.provenance["phases.only.epochs"]) == "default"


def test_environment_names_reach_items_with_dashes() -> None:
    found = resolved(environ={"LIKENESS_PHASES__PHOTO_FIT__WEIGHTS__PHOTO": "3"})
    assert found.config.phases[1].weights == {"photo": 3.0}


def test_yaml_traps(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "train: {learning_rate: 1e-4}\ndata: {label: no, mirrored: off, root: on}\n",
    )
    config = resolved(files=[path]).config
    assert config.train.learning_rate == 1e-4
    assert config.data.label == "no"
    assert config.data.root == "on"
    assert config.data.mirrored is False


def test_all_faults_are_reported_at_once_with_place_and_suggestion(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "trian:\n  steps: 5\n"
        "train:\n  steps: on\n  learning_rate: true\n  optimizer: adam\n"
        "data:\n  root: 5\n"
        "phases:\n  pionts: {steps: 3}\n",
    )
    faults = faults_of(
        "learning_rate=3",
        "nonsense",
        "data.sizes=3",
        "phases.0.weights.landmark=x",
        files=[path, tmp_path / "none.yaml"],
        profile="smok",
        environ={"LIKENESS_TRAIN__CLIP_NORM": "soft"},
    )
    expected = {
        "trian.steps": f"(file {path}:2): there is no such setting. Did you mean 'train.steps'?",
        "train.steps": f"(file {path}:4): expected a whole number, found 'on'",
        "train.learning_rate": f"(file {path}:5): expected a number, found true",
        "train.optimizer": f"(file {path}:6): expected one of 'adamw' or 'sgd', found 'adam'."
        " Did you mean 'adamw'?",
        "data.root": f"(file {path}:8): expected text (put it in quotes), found 5",
        "phases.pionts.steps": f"(file {path}:10): 'phases' has no item 'pionts'; there are: "
        "0 (points), 1 (photo-fit). Did you mean 'phases.points'?",
        "learning_rate": "(command line): there is no such setting. "
        "Did you mean 'train.learning_rate'?",
        "data.sizes": "(command line): expected a list, as in [a, b], found 3",
        "train.clip_norm": "(environment LIKENESS_TRAIN__CLIP_NORM): expected a number, "
        "found 'soft'",
        "profile": "(command line --profile): example has no profile 'smok'. "
        "Did you mean 'smoke'? There are: smoke, fast",
    }
    for key, text in expected.items():
        assert faults[key] == f"{key} {text}"
    assert faults["phases.points.weights.landmark"].startswith(
        "phases.points.weights.landmark (command line): expected a number or settings by name"
    )
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        resolved("nonsense", files=[tmp_path / "none.yaml"])
    assert "expected key=value, as in train.steps=100, found 'nonsense'" in str(caught.value)
    assert str(caught.value).startswith("The configuration of example has 2 faults:")


def test_a_key_with_dots_in_a_file_is_shown_as_files_have_it(tmp_path: Path) -> None:
    """It was answered with itself: did you mean 'train.steps'?"""
    path = written(tmp_path, "train.steps: 5\nphases.points.steps: 3\n")
    faults = faults_of(files=[path])
    told = "there is no such setting. In a file settings stand inside each other: "
    assert faults["train.steps"].endswith(f":1): {told}train: {{steps: …}}.")
    assert "phases: {points: {steps: …}}." in faults["phases.points.steps"]


class _Staged(ConfigModel):
    phases: tuple[Phase, ...]
    seed: int = 0


def _staged(*names: str) -> Callable[[], _Staged]:
    return lambda: _Staged(phases=tuple(Phase(name=name, steps=1) for name in names))


@pytest.mark.parametrize(
    ("profile", "word", "keys"),
    [
        # The phases come from the profile alone: without it, nothing is said of them.
        ("smok", "phases.points.weights.x=1", ["profile"]),
        ("smok", "phases.photo.steps=2", ["profile", "phases.photo.steps"]),  # 'smoke' is meant
        ("zebra", "phases.photo.steps=2", ["profile"]),  # 'full' may be meant
        ("zebra", "phases.pionts.steps=2", ["profile", "phases.pionts.steps"]),
        ("zebra", "seed=much", ["profile", "seed"]),
    ],
)
def test_a_misspelt_profile_makes_no_faults_of_what_it_would_have_given(
    profile: str, word: str, keys: list[str]
) -> None:
    profiles = {"smoke": _staged("points"), "full": _staged("points", "photo")}
    with pytest.raises(ConfigError) as caught:
        resolve(
            _Staged,
            system="staged",
            profiles=profiles,
            profile=profile,
            overrides=[word],
            environ={},
        )
    assert [fault.key for fault in caught.value.faults] == keys


def test_items_of_a_list_that_nothing_gives_are_a_fault_of_who_names_them() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(
            _Staged, system="staged", profiles={}, overrides=["phases.points.steps=2"], environ={}
        )
    (fault,) = caught.value.faults
    assert str(fault).startswith("phases (command line): expected a list")


def test_a_conflict_names_both_settings_and_both_origins() -> None:
    (text,) = faults_of("phases.points.epochs=2").values()
    assert "phases.points.steps = 10 (default)" in text
    assert "phases.points.epochs = 2 (command line)" in text


def test_two_values_for_one_key_in_one_layer_are_a_conflict() -> None:
    faults = faults_of("train.steps=1", "train.steps=2")
    assert "set to 1 (command line) and to 2 (command line)" in faults["train.steps"]
    faults = faults_of("phases.0.steps=1", "phases.points.steps=2")
    assert "keep one of them" in faults["phases.points.steps"]
    faults = faults_of(
        environ={"LIKENESS_DATA__ROOT": "a", "IMAGE_DIR": "b"}, aliases={"IMAGE_DIR": "data.root"}
    )
    assert "(environment LIKENESS_DATA__ROOT)" in faults["data.root"]
    assert "(environment IMAGE_DIR)" in faults["data.root"]
    assert resolved("train.steps=2", "train.steps=2").config.train.steps == 2


def test_values_in_messages_are_told_as_they_are_written() -> None:
    """``null`` and ``true`` were told as None and True, which no file takes."""
    faults = faults_of("train.clip_norm=null", "train.clip_norm=1", "phases=true", "seed=null")
    assert faults["train.clip_norm"].startswith(
        "train.clip_norm: set to null (command line) and to 1 (command line)"
    )
    assert faults["phases"].endswith("expected a list, as in [a, b], found true")
    assert faults["seed"].endswith("expected a whole number, found null")
    (fault,) = faults_of("phases.points.steps=null").values()
    assert "phases.points.steps = null (command line)" in fault


def test_an_empty_mapping_in_a_file_changes_nothing(tmp_path: Path) -> None:
    """Mappings change what they name; this one replaced all that it did not name by defaults."""
    text = "train: {}\nphases:\n  points:\n    weights: {}\n    groups: {}\n"
    path = written(tmp_path, text)
    words = ("seed=5",)
    before, found = resolved(*words, profile="fast"), resolved(*words, profile="fast", files=[path])
    assert found.config.train == before.config.train
    assert (found.config.train.steps, found.config.train.learning_rate) == (3, 0.01)
    assert found.config.phases[0].weights == {"landmark": 1.0}
    assert str(found.provenance["train.learning_rate"]) == "profile fast"
    assert str(found.provenance["phases.points.weights.landmark"]) == "default"
    # Where there was none it is one, and what is no mapping is none either.
    assert (before.config.phases[0].groups, found.config.phases[0].groups) == (None, {})
    assert str(found.provenance["phases.points.groups"]) == f"file {path}:5"
    faults = faults_of(files=[written(tmp_path, "seed: {}\n")])
    assert "expected a whole number, found {}" in faults["seed"]
    for number in ("1e300", "-1e30"):  # the library spoke of input strings
        faults = faults_of(files=[written(tmp_path, f"seed: {number}\n")])
        assert "expected a whole number nearer to 0, found " in faults["seed"]
    assert list(faults_of(files=[written(tmp_path, "trian: {}\n")])) == ["trian"]
    # Elsewhere the word is a value: of a setting, and in a file that is complete.
    assert resolved("phases.points.weights={}").config.phases[0].weights == {}
    whole = written(tmp_path, "format: 1\nprofile: fast\ntrain: {}\n")
    assert resolved(files=[whole]).config.train.steps == 100


def test_what_an_earlier_command_said_is_told_apart_from_this_one() -> None:
    """Both were "(command line)", though the words of one of them only were there to be seen."""
    variables = {"LIKENESS_TRAIN__CLIP_NORM": "2"}
    before = resolved("phases.points.steps=4", profile="fast", environ=variables)
    told = override(before, ["phases.points.epochs=2", "seed=x"]).faults
    assert [str(fault) for fault in told] == [
        "phases.points (command line): expected exactly one of 'steps' and 'epochs'"
        "\n      phases.points.steps = 4 (command line of an earlier command)"
        "\n      phases.points.epochs = 2 (command line)",
        "seed (command line): expected a whole number, found 'x'",
    ]
    after = override(before, ["seed=3"]).finish()
    assert {
        key: str(after.provenance[key])
        for key in ("seed", "phases.points.steps", "train.clip_norm", "train.learning_rate")
    } == {
        "seed": "command line",
        "phases.points.steps": "command line of an earlier command",
        "train.clip_norm": "environment LIKENESS_TRAIN__CLIP_NORM of an earlier command",
        "train.learning_rate": "profile fast",
    }
    assert provenance_to_dict(after)["phases.points.steps"] == {
        "layer": "command line",
        "detail": "",
    }
    both = [after.provenance["phases.points.steps"], after.provenance["seed"]]
    assert strongest(both) == Origin("command line")


def test_the_same_value_by_file_environment_and_command_line_is_the_same(tmp_path: Path) -> None:
    by_file = resolved(files=[written(tmp_path, "train: {learning_rate: 1e-4}")])
    by_name = resolved(environ={"LIKENESS_TRAIN__LEARNING_RATE": "1e-4"})
    by_word = resolved("train.learning_rate=1e-4")
    assert by_file.config == by_name.config == by_word.config


def test_override_keeps_the_other_origins() -> None:
    first = resolved("seed=1", profile="smoke")
    second = override(first, ["train.learning_rate=0.5"]).finish()
    assert (second.config.seed, second.config.train.learning_rate) == (1, 0.5)
    assert second.profile == "smoke"
    assert str(second.provenance["train.steps"]) == "profile smoke"
    with pytest.raises(ConfigError, match=r"Did you mean 'train.steps'"):
        override(first, ["train.stpes=1"]).finish()


def test_a_required_field_is_asked_for() -> None:
    class Needs(ConfigModel):
        root: str
        """Where."""

    with pytest.raises(ConfigError, match="root: a value is needed here"):
        resolve(Needs, system="needs", profiles={}, environ={})
    assert resolve(
        Needs, system="needs", profiles={}, overrides=["root=x"], environ={}
    ).config == Needs(root="x")


def test_a_fault_of_an_item_is_no_fault_of_its_list(tmp_path: Path) -> None:
    class Step(ConfigModel):
        name: str
        weight: float = 1.0

    class Listed(ConfigModel):
        steps: Annotated[tuple[Step, ...], Field(min_length=1)] = (Step(name="a"),)
        betas: tuple[float, float, float] = (0.9, 0.99, 0.999)

    def faults(text: str) -> list[str]:
        path = written(tmp_path, text)
        with pytest.raises(ConfigError) as caught:
            resolve(Listed, system="listed", profiles={}, files=[path], environ={})
        return [str(fault).replace(str(path), "FILE") for fault in caught.value.faults]

    assert faults("steps:\n- {name: a, weight: heavy}\n") == [
        "steps.a.weight (file FILE:2): expected a number, found 'heavy'"
    ]
    assert faults("betas: [0.9]\nsteps:\n- {weight: 1}\n") == [
        "steps.0.name (file FILE:3): a value is needed here",
        "betas (file FILE:1): expected at least 3 values, found [0.9]",
    ]
    assert faults("steps: []\n") == ["steps (file FILE:1): expected at least 1 values, found []"]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("LIKENESS_DATA_ROOT", "Did you mean LIKENESS_DATA__ROOT ('data.root')?"),
        ("LIKENESS_TRAIN_LEARNING_RATE", "Did you mean LIKENESS_TRAIN__LEARNING_RATE "),
        ("LIKENESS_TRAIN__STEP", "Did you mean LIKENESS_TRAIN__STEPS ('train.steps')?"),
        ("LIKENESS_SEDE", "Did you mean LIKENESS_SEED ('seed')?"),
        ("LIKENESS_DATA__", "there is no such setting"),
        ("LIKENESS_RESULTS", "there is no such setting."),
    ],
)
def test_a_variable_with_the_prefix_that_is_no_setting_is_a_fault(
    variable: str, meant: str
) -> None:
    (fault,) = faults_of(environ={variable: "1"}).values()
    assert f"(environment {variable})" in fault
    assert meant in fault


def test_reserved_names_are_refused() -> None:
    class Clash(ConfigModel):
        profile: str = ""

    with pytest.raises(ValueError, match="reserved"):
        resolve(Clash, system="clash", profiles={}, environ={})


def test_a_conflict_is_of_the_settings_in_it_not_of_what_else_was_written_there(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "phases:\n  points:\n    epochs: 2\n")
    (fault,) = faults_of("phases.points.weights.edge=2", files=[path]).values()
    assert fault == (
        f"phases.points (file {path}:3): expected exactly one of 'steps' and 'epochs'"
        "\n      phases.points.steps = 10 (default)"
        f"\n      phases.points.epochs = 2 (file {path}:3)"
    )


def test_one_changed_item_is_kept_as_the_origin_of_its_list(tmp_path: Path) -> None:
    """The list was said to be the default's."""
    found = resolved("data.sizes.1=9")
    assert found.config.data.sizes == (1, 9)
    assert str(found.provenance["data.sizes"]) == "command line"
    path = written(tmp_path, "data: {sizes: [3, 4]}\n")
    found = resolved(files=[path], environ={"LIKENESS_DATA__SIZES__0": "7"})
    assert found.config.data.sizes == (7, 4)
    assert str(found.provenance["data.sizes"]) == "environment LIKENESS_DATA__SIZES__0"


def test_a_setting_inside_a_value_is_told_as_such() -> None:
    assert faults_of("train.steps.x=3")["train.steps.x"].endswith(
        "there is no such setting. 'train.steps' is one value and holds no others."
    )
