from __future__ import annotations

from pathlib import Path

import pytest

from likeness.errors import MissingError, UsageError
from likeness.systems.audio2face.reference_bases import BASES, TRAIN_DIFFUSION
from likeness.systems.audio2face.reference_config import (
    is_name,
    merged,
    read_reference,
    unknown_paths,
)
from tests.systems.audio2face.reference_directories import (
    DATASET,
    REGRESSION,
    TRAIN,
    write_reference,
    write_regression,
)


def test_the_base_is_overridden_key_by_key(tmp_path: Path) -> None:
    found = read_reference(write_reference(tmp_path / "band"))
    train = found.values["train"]
    assert found.network_type == "diffusion"
    assert found.actors == ("ann", "bob")
    assert train["AUDIO_PARAMS"] == {**TRAIN_DIFFUSION["AUDIO_PARAMS"], "padding_left": 16000}
    assert train["NETWORK_HYPER_PARAMS"]["gru_feature_dim"] == 128
    assert train["NETWORK_HYPER_PARAMS"]["feature_dim"] == 256
    assert train["LEARNING_RATE"] == 0.001 * 0.2
    assert train["LOSS_VELOCITY_ALPHA"] is None
    assert train["CLIPS"][1] == ["bob", "take_2", [10, 59], "bob", "zh", "take_2.wav", -2]
    assert found.values["dataset"]["AUDIO_ROOT"]["bob"] == "/data/band/bob/audio"
    assert found.values["inference"]["CONFIG"]["tongue_strength"] == 1.25
    assert found.values["inference"]["CONFIG"]["skin_strength"] == 1.1


def test_every_leaf_has_an_origin(tmp_path: Path) -> None:
    found = read_reference(write_reference(tmp_path / "band"))
    assert found.origins["train/AUDIO_PARAMS/padding_left"] == "config_train.py:4"
    assert found.origins["train/AUDIO_PARAMS/padding_right"] == "base"
    assert found.origins["train/BATCH_SIZE"] == "base"
    assert found.is_set("train/AUDIO_PARAMS")
    assert not found.is_set("train/AUDIO_PARAMS/padding_right")
    assert not found.is_set("train/STREAMING_CFG")


def test_the_users_network_type_chooses_the_base(tmp_path: Path) -> None:
    found = read_reference(write_regression(tmp_path / "solo"))
    assert found.values["train"]["SEQ_LEN"] == 2
    assert found.values["train"]["NUM_EPOCHS"] == 40
    assert "DIFFUSION_STEPS" not in found.values["train"]
    nameless = REGRESSION.replace('NETWORK_TYPE = "regression"\n', "")
    with pytest.raises(UsageError, match="NETWORK_TYPE is missing"):
        read_reference(write_regression(tmp_path / "nameless", train=nameless))
    with pytest.raises(UsageError, match=r"config_train.py:1: expected a NETWORK_TYPE .*'gan'"):
        read_reference(
            write_regression(tmp_path / "gan", train=REGRESSION.replace('"regression"', '"gan"', 1))
        )


def test_defect_03_the_inference_file_may_be_missing(tmp_path: Path) -> None:
    found = read_reference(write_regression(tmp_path / "solo"))
    assert not (tmp_path / "solo" / "config_inference.py").exists()
    assert found.values["inference"] == BASES["regression"]["inference"]
    (tmp_path / "solo" / "config_train.py").unlink()
    with pytest.raises(MissingError, match=r"config_train\.py"):
        read_reference(tmp_path / "solo")


def test_defect_02_thousands_of_clips_are_no_command_line(tmp_path: Path) -> None:
    clips = [
        ("ann", f"take_{n:05d}", (0, 120 + n % 80), "ann", "en", f"take_{n:05d}.wav", 0)
        for n in range(5000)
    ]
    train = REGRESSION.split("CLIPS")[0] + f"CLIPS = {clips!r}\n"
    assert len(train) > 300_000
    found = read_reference(write_regression(tmp_path / "long", train=train))
    assert len(found.values["train"]["CLIPS"]) == 5000
    assert found.values["train"]["CLIPS"][4999][1] == "take_04999"


def test_every_unknown_path_is_listed(tmp_path: Path) -> None:
    train = (
        TRAIN + 'NUM_EPOCH = 3\nAUDIO_PARAMS = {"buffer_size": 1, "more": {"x": 1}}\nAUGMENT = 3\n'
    )
    with pytest.raises(UsageError) as caught:
        read_reference(write_reference(tmp_path / "band", train=train))
    text = caught.value.message
    assert "AUGMENT must stay a dictionary" in text
    for path in ("NUM_EPOCH", "AUDIO_PARAMS/buffer_size", "AUDIO_PARAMS/more/x"):
        assert f"no parameter {path}\n" in f"{text}\n"
    line = TRAIN.count("\n") + 2
    assert f"config_train.py:{line}: config_train has no parameter AUDIO_PARAMS/buffer_size" in text


@pytest.mark.parametrize(
    ("override", "unknown"),
    [
        ({"a": 5}, []),
        ({"a": {"b": 1}}, []),  # a leaf may become anything
        ({"empty": {"x": {"y": 1}}}, []),
        ({"empty": 3}, []),
        ({"full": {"x": 2}}, []),
        ({"full": {"x": {"y": 2}}}, []),
        ({"full": {}}, []),
        ({"full": 3}, ["full"]),
        ({"full": {"z": 1, "w": {"q": 1}}}, ["full/z", "full/w/q"]),
        ({"none": {"q": 1}, "other": {}}, ["none/q", "other"]),
    ],
)
def test_paths_the_base_accepts(override: dict[str, object], unknown: list[str]) -> None:
    base = {"a": 1, "empty": {}, "full": {"x": 1, "y": 2}}
    assert unknown_paths(base, override) == unknown


def test_a_key_goes_only_by_its_marker(tmp_path: Path) -> None:
    base = {"AUGMENT": {"timeshift": 0.0, "pitch_shift": {"p": 0.2}}}
    assert merged(base, {"AUGMENT": {"timeshift": 0.0}}) == base
    gone = merged(base, {"AUGMENT": {"pitch_shift": "__delete__"}})
    assert gone == {"AUGMENT": {"timeshift": 0.0}}
    assert base["AUGMENT"]["pitch_shift"] == {"p": 0.2}
    train = TRAIN + 'AUGMENT = {"pitch_shift": "__delete__"}\n'
    found = read_reference(write_reference(tmp_path / "band", train=train))
    assert found.values["train"]["AUGMENT"] == {"timeshift": 0.0}
    with pytest.raises(UsageError, match="removes keys of a dictionary, not CLIPS"):
        read_reference(write_reference(tmp_path / "bad", train=TRAIN + 'CLIPS = "__delete__"\n'))


@pytest.mark.parametrize("name", ["a", "a_1", "a.b-c", "é", "7", "_"])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".a", "a.", "-a", "a b", "a/b", "a..b", "a\n", 3, None])
def test_names_that_are_none(name: object) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('ACTOR_NAMES = ["ann", "bob"]', "ACTOR_NAMES = []", "an actor at least"),
        ('ACTOR_NAMES = ["ann", "bob"]', 'ACTOR_NAMES = ["ann", "../bob"]', "'../bob'"),
        ('ACTOR_NAMES = ["ann", "bob"]', 'ACTOR_NAMES = ["ann", "ann"]', "twice"),
        ('"bob": 60 / 2', '"rob": 30.0', "CACHE_FPS is missing for bob"),
        (', "bob": _ROOT + "/bob/audio"', "", "AUDIO_ROOT is missing for bob"),
        ('("ann", "take_7", "joy")', '("ann", "take_7", "glee")', "'glee'"),
        ('("ann", "take_7", "joy")', '("ann", "take_7")', "SHOT_EMOTION_MAP needs"),
        ('["neutral", "joy", "anger"]', '["joy", "anger"]', "SHOT_EMOTION_NAME_FOR_ALL_ZEROS"),
        ('["neutral", "joy", "anger"]', '"joy"', "SHOT_EMOTION_NAMES must be a list"),
        ('SKIN_NEUTRAL_FPATH = {"ann": ', "SKIN_NEUTRAL_FPATH = [", "by actor"),
    ],
)
def test_faults_of_the_dataset_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in DATASET
    text = DATASET.replace(old, new)
    if new.endswith("["):
        text = text.replace('neutral_pose.npy"}', 'neutral_pose.npy"]')
    with pytest.raises(UsageError) as caught:
        read_reference(write_reference(tmp_path / "band", dataset=text))
    assert words in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('(0, 99), "ann"', '(99, 0), "ann"', "CLIPS needs"),
        ('"take_1.wav", 0)', '"take_1.wav")', "CLIPS needs"),
        ('("bob", "take_2"', '("rob", "take_2"', "a clip of rob"),
        ('120, "neutral"', '120, "calm"', "'calm'"),
        ('("take_1", 3), 120', '"take_1", 120', "AUG_MUTED_SHOTS needs"),
    ],
)
def test_faults_of_clips_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TRAIN
    with pytest.raises(UsageError) as caught:
        read_reference(write_reference(tmp_path / "band", train=TRAIN.replace(old, new)))
    assert words in caught.value.message


def test_a_regression_network_has_one_actor(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one actor; ACTOR_NAMES has 2"):
        read_reference(write_regression(tmp_path / "two", dataset=DATASET))


def test_what_has_no_effect_is_noted(tmp_path: Path) -> None:
    found = read_reference(write_regression(tmp_path / "solo"))
    assert "AUDIO_ROOT names bob, not in ACTOR_NAMES; left out" in found.notes
    both = read_reference(write_reference(tmp_path / "band"))
    assert both.notes == ("PREPROC_RUN_NAME_FULL of ann is still a placeholder",)


def test_defect_04_no_run_name_is_copied_by_hand(tmp_path: Path) -> None:
    """The examples leave a placeholder that users have to replace; here nothing depends on it."""
    found = read_reference(write_reference(tmp_path / "band"))
    assert found.values["train"]["PREPROC_RUN_NAME_FULL"]["ann"].startswith("XXXXXX_XXXXXX")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('NUM_EPOCHS = "ten"\n', "NUM_EPOCHS must be a number, found 'ten'"),
        ("BATCH_SIZE = True\n", "BATCH_SIZE must be a number, found True"),
        ("AUG_MUTED_AUDIO_NOISE_LOCAL_SCALE_RANGE = 3\n", "SCALE_RANGE must be a list, found 3"),
        ('AUDIO_PARAMS = {"padding_left": [1]}\n', "AUDIO_PARAMS/padding_left must be a number"),
    ],
)
def test_values_of_another_kind_are_told_with_their_line(
    tmp_path: Path, line: str, told: str
) -> None:
    name = line.split(" ")[0]
    kept = "\n".join(one for one in TRAIN.splitlines() if not one.startswith(name))
    folder = write_reference(tmp_path / "band", train=f"{kept}\n{line}")
    number = (folder / "config_train.py").read_text().splitlines().index(line.strip()) + 1
    with pytest.raises(UsageError) as refused:
        read_reference(folder)
    (fault,) = [one for one in refused.value.message.splitlines() if told in one]
    assert fault.startswith(f"{folder}/config_train.py:{number}: ")
