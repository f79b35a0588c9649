"""Everything wrong with a configuration in one list, in one form, with where it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from likeness.assembly import configure
from likeness.config.faults import ConfigError


def faults(tmp_path: Path, text: str, *words: str, **environ: str) -> list[str]:
    path = tmp_path / "lt.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        configure("face-encoder", config_files=[path], overrides=words, environ=environ)
    return [str(fault).replace(str(path), "lt.yaml") for fault in caught.value.faults]


def test_keys_terms_groups_and_values_are_told_together(tmp_path: Path) -> None:
    text = "stages:\n  lmk:\n    weights: {landmrk: 1}\ntrain:\n  batchsiz: 3\n"
    words = ("stages.photo.groups={encodr: 1}",)
    assert faults(tmp_path, text, *words, LIKENESS_TRAIN__STEPS="none") == [
        "train.batchsiz (file lt.yaml:5): there is no such setting. "
        "Did you mean 'train.batch_size'?",
        "stages.lmk.weights.landmrk (file lt.yaml:3): there is no such loss term. "
        "Did you mean 'landmark'?",
        "stages.photo.groups.encodr (command line): there is no such group. "
        "Did you mean 'encoder'?",
        "train.steps (environment LIKENESS_TRAIN__STEPS): expected a whole number, found 'none'",
    ]


def test_terms_are_told_beside_a_profile_that_does_not_exist(tmp_path: Path) -> None:
    found = faults(tmp_path, "profile: smok\nstages: {lmk: {weights: {landmrk: 1}}}\n")
    assert [fault.partition(" ")[0] for fault in found] == ["profile", "stages.lmk.weights.landmrk"]


def test_a_rate_of_no_effect_and_stages_of_one_name_are_told_with_the_rest(tmp_path: Path) -> None:
    (unknown, rate) = faults(tmp_path, "train: {batchsiz: 3}\n", "train.learning_rate=0.1")
    assert unknown.startswith("train.batchsiz (file lt.yaml:1): ")
    assert rate.startswith("train.learning_rate (command line): 0.1 would do nothing")
    (unknown, names) = faults(tmp_path, "train: {batchsiz: 3}\n", "stages.1.name=lmk")
    assert unknown.startswith("train.batchsiz ")
    assert names == (
        "stages (command line): Stage names must differ, found: lmk, lmk, outline."
        "\n      stages.0.name = 'lmk' (profile default)"
        "\n      stages.1.name = 'lmk' (command line)"
        "\n      stages.outline.name = 'outline' (profile default)"
    )


def test_a_batch_size_of_the_environment_is_refused_and_one_of_a_file_is_not(
    tmp_path: Path,
) -> None:
    """Every stage of smoke sets its own; a file holds more than somebody meant."""
    text = "profile: smoke\ntrain: {batch_size: 2}\n"
    (fault,) = faults(tmp_path, text, LIKENESS_TRAIN__BATCH_SIZE="3")
    assert fault == (
        "train.batch_size (environment LIKENESS_TRAIN__BATCH_SIZE): 3 would do nothing: every "
        "stage sets its own: stages.lmk.batch_size=32 (profile smoke), "
        "stages.photo.batch_size=8 (profile smoke), stages.outline.batch_size=8 (profile smoke). "
        "Set those of the stages, or set them to null to let train.batch_size count."
    )
    (tmp_path / "lt.yaml").write_text(text)
    config = configure("face-encoder", config_files=[tmp_path / "lt.yaml"], environ={}).config
    assert config.train.batch_size == 2


def test_a_best_score_while_evaluations_are_off_is_told_with_both_settings(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "profile: smoke\n", "train.best_score=nme_68_box")
    assert fault == (
        "train.best_score (command line): 'nme_68_box' would do nothing: train.evaluate_every is 0 "
        "(profile smoke), so nothing is scored while training. Set train.evaluate_every, or leave "
        "train.best_score out."
    )
    words = ["train.best_score=nme_68_box", "train.evaluate_every=5"]
    chosen = configure("face-encoder", profile="smoke", overrides=words).config
    assert chosen.train.best_score == "nme_68_box"


@pytest.mark.parametrize(
    ("system", "score", "told"),
    [
        ("face-encoder", "nme_68_boxes", "Did you mean 'nme_68_box'?"),
        ("audio2face", "lip_vertex_eror", "Did you mean 'lip_vertex_error'?"),
        ("audio2face", "wer", "There are: blendshape_residual, emotion_separability, "),
    ],
)
def test_a_best_score_that_no_evaluation_has_is_told_as_the_configuration_is_read(
    system: str, score: str, told: str
) -> None:
    """It was told after the first evaluation, hours into a training."""
    words = [f"train.best_score={score}", "train.evaluate_every=500"]
    with pytest.raises(ConfigError) as caught:
        configure(system, overrides=words, environ={})
    (fault,) = caught.value.faults
    assert (fault.key, str(fault.origin)) == ("train.best_score", "command line")
    assert f"no evaluation of {system} has a score '{score}'. {told}" in fault.message


def test_checks_beyond_types_are_told_with_faults_of_types(tmp_path: Path) -> None:
    """Each slip hid the next kind: three rounds of one configuration."""
    words = ("data.crop_scale=[2, 1]", "model.backbone=resnet19", "train.best_score=nobody")
    found = faults(tmp_path, "profile: smoke\n", *words)
    assert [fault.partition(" ")[0] for fault in found] == [
        "model.backbone",
        "'data.crop_scale'",
        "train.best_score",
    ]


@pytest.mark.parametrize(
    ("words", "at"),
    [
        (
            ("stages.lmk.steps=null", "stages.photo.name=outline", "train.batch_size=4"),
            ["stages.lmk", "stages", "train.batch_size"],
        ),
        (
            ("stages=[{name: a, steps: 3}]", "data.crop_scale=[2, 1]", "train.best_score=nobody"),
            ["stages.a.weights", "'data.crop_scale'", "train.best_score"],
        ),
    ],
)
def test_a_fault_of_a_part_hides_no_other_in_it(
    tmp_path: Path, words: tuple[str, ...], at: list[str]
) -> None:
    found = faults(tmp_path, "profile: smoke\n", *words)
    assert [fault.partition(" ")[0].rstrip(":") for fault in found] == at


PLAIN = "profile: smoke\n"
SLIPS = (
    "data.crop_scale=[2, 1]",
    "data.flip=2",
    "data.cropp=1",
    "model.backbone=resnet19",
    "stages.lmk.steps=null",
    "stages.photo.name=outline",
    "stages.lmk.weights.landmrk=1",
    "stages.photo.schedule.warmup_steps=-1",
    "train.best_score=nobody",
    "train.learning_rate=0.1",
    "train.betas=[0.9]",
    "evaluation.framing=box",
    "storage.retries=x",
)


@pytest.mark.parametrize("first", range(len(SLIPS)))
def test_slips_of_any_two_kinds_are_told_as_each_is_alone(tmp_path: Path, first: int) -> None:
    def places(*words: str) -> list[str]:
        return sorted(fault.partition(" (")[0] for fault in faults(tmp_path, PLAIN, *words))

    alone = places(SLIPS[first])
    assert len(alone) == 1
    for other in SLIPS[first + 1 :]:
        assert places(SLIPS[first], other) == sorted([*alone, *places(other)])


def test_rules_with_a_setting_of_the_profile_in_common_are_told_together() -> None:
    """Nobody wrote which network it is, and each rule about it hid the next."""
    words = (
        "stages.0.weights.mse=1",
        "stages.0.groups.emotions=1",
        "learning.segments.fps=31",
    )
    with pytest.raises(ConfigError) as caught:
        configure("audio2face", profile="diffusion", overrides=list(words), environ={})
    told = str(caught.value)
    assert len(caught.value.faults) == 3
    for word in ("weights.mse", "groups.emotions", "segments.fps"):
        assert word in told


def test_a_name_and_its_value_are_one_fault(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "profile: smoke\n", "stages.lmk.weights={landmrk: x}")
    assert "there is no such loss term. Did you mean 'landmark'?" in fault


def test_a_rule_about_a_list_waits_for_its_items(tmp_path: Path) -> None:
    """What stood below took the place of the faulty item, and broke the rule with the other."""
    (fault,) = faults(tmp_path, "profile: smoke\n", "data.crop_scale=[a, 1]")
    assert fault.startswith("data.crop_scale.0 (command line): expected a number, found 'a'")


def test_a_check_that_a_faulty_setting_has_a_part_in_waits_for_it(tmp_path: Path) -> None:
    """It would ask for the very setting that was given, with a slip."""
    for word in ("train.evaluate_every=abc", "train.evaluate_evry=5"):
        (fault,) = faults(tmp_path, "profile: smoke\n", word, "train.patience=2")
        assert fault.startswith(word.partition("=")[0])


@pytest.mark.parametrize(
    ("system", "score"),
    [
        ("face-encoder", "nme_my_points_eyes"),
        ("face-encoder", "vector_failure_box"),
        ("face-encoder", "nme_box_yaw_30-60"),
        ("audio2face", "lip_vertex_error_over_ridge"),
    ],
)
def test_best_scores_that_data_name_are_taken(system: str, score: str) -> None:
    words = [f"train.best_score={score}", "train.evaluate_every=500"]
    assert configure(system, overrides=words, environ={}).config.train.best_score == score


def test_a_patience_that_no_score_would_end_is_told_with_what_is_missing(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "profile: smoke\n", "train.patience=3")
    assert fault == (
        "train.patience (command line): 3 evaluations without a better score would end training, "
        "and there is no such score. Set train.best_score=NAME and train.evaluate_every=STEPS, or "
        "set train.patience to 0."
    )
    (fault,) = faults(tmp_path, "profile: smoke\n", "train.patience=1")
    assert "1 evaluation without a better score" in fault
    words = ["train.best_score=nme_68_box", "train.evaluate_every=5", "train.patience=3"]
    assert configure("face-encoder", profile="smoke", overrides=words).config.train.patience == 3


def test_a_fault_inside_a_ramp_is_not_told_as_one_of_a_number(tmp_path: Path) -> None:
    def told(value: str) -> list[str]:
        return faults(tmp_path, "profile: smoke\n", f"stages.lmk.weights.landmark={value}")

    key = "stages.lmk.weights.landmark"
    assert told("{start: 0, end: 1, foo: 2}") == [
        f"{key}.foo (command line): there is no such setting. There are: start, end."
    ]
    assert told("{start: 0}") == [f"{key}.end (command line): a value is needed here"]
    assert told("abc") == [
        f"{key} (command line): expected a number of at least 0, 0 to switch the term off, or "
        "{start: 0, end: 1} for a weight that moves; found 'abc'"
    ]


@pytest.mark.parametrize("system", ["face-encoder", "audio2face"])
def test_the_run_to_start_from_is_told_with_all_other_faults(system: str, tmp_path: Path) -> None:
    """It was told once the other faults were mended."""
    foreign = tmp_path / "dance"
    foreign.mkdir()
    (foreign / "config.yaml").write_text("system: dance\n")
    for place, told in (
        ("nowhere", "nowhere"),
        (str(foreign), f"is a run of dance; expected one of {system}."),
    ):
        words = ["train.stpes=3", f"model.initial_run={place}", "train.seed=-1"]
        with pytest.raises(ConfigError) as caught:
            configure(system, overrides=words, environ={}, begins=True)
        faults = {fault.key: fault for fault in caught.value.faults}
        assert set(faults) == {"train.stpes", "model.initial_run", "train.seed"}
        assert told in faults["model.initial_run"].message
        assert str(faults["model.initial_run"].origin) == "command line"
        assert faults["train.seed"].message == "expected a number of at least 0, found -1"
    word = "model.initial_run=nowhere"  # looking at a configuration needs no run
    assert configure(system, overrides=[word], environ={}).config.model.initial_run == "nowhere"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("stages.lmk.steps=50", "stages.lmk.schedule.warmup_steps=200"),
            "stages.lmk.schedule.warmup_steps (command line): a warm-up of 200 steps does not "
            "end, the stage has 50: the learning rate gets to 25 % of its peak.",
        ),
        (("stages.lmk.steps=200", "stages.lmk.schedule.warmup_steps=200"), ""),
        (
            ("stages.lmk.schedule={warmup_steps: 40, span: run}", "train.steps=10"),
            "stages.lmk.schedule.warmup_steps (command line): a warm-up of 40 steps does not "
            "end, the run has 10: the learning rate gets to 25 % of its peak.",
        ),
        (("stages.lmk.schedule={warmup_steps: 10, span: run}", "train.steps=10"), ""),
        (("stages.lmk.steps=null", "stages.lmk.epochs=1"), ""),  # known with the data
    ],
)
def test_a_warm_up_that_does_not_end_is_told_as_the_configuration_is_read(
    caplog: pytest.LogCaptureFixture, words: tuple[str, ...], told: str
) -> None:
    """Such a stage trained at a part of its rate, and nothing said so."""
    configure("face-encoder", profile="smoke", overrides=words, environ={})
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(" Shorten")[0] for line in lines] == ([told] if told else [])
