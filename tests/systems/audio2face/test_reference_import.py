from __future__ import annotations

import contextlib
import csv
from pathlib import Path

import pytest
import yaml

from likeness.config.resolve import resolve
from likeness.errors import UsageError
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.dataset.description import read_description
from likeness.systems.audio2face.preprocessing.shot_files import CLIP_COLUMNS
from likeness.systems.audio2face.profiles import PROFILES
from likeness.systems.audio2face.reference_config import read_reference
from likeness.systems.audio2face.reference_import import convert, import_config
from likeness.systems.audio2face.reference_names import base_leaves, counterpart
from tests.systems.audio2face.reference_directories import (
    INFERENCE,
    REGRESSION,
    TRAIN,
    write_reference,
    write_regression,
)


def _resolved(path: Path) -> AudioToFaceConfig:
    found = resolve(
        AudioToFaceConfig, system="audio2face", profiles=PROFILES, files=[path], environ={}
    )
    assert isinstance(found.config, AudioToFaceConfig)
    return found.config


def test_a_diffusion_configuration_says_the_same_here(tmp_path: Path) -> None:
    out = tmp_path / "band.yaml"
    told = import_config(write_reference(tmp_path / "band"), out)
    config = _resolved(out)
    assert config.model.network == "diffusion"
    assert config.model.version == "3.1"
    assert config.data.actors == ("ann", "bob")
    assert config.train.learning_rate == 0.001 * 0.2
    assert config.train.batch_size == 1
    assert config.train.accumulation == 4
    assert config.stages[0].epochs == 400
    assert config.stages[0].weights["lip_distance"] == 1e-5
    assert config.stages[0].weights.get("velocity", 0.0) == 0.0
    assert config.model.diffusion.gru_features == 128
    assert config.preprocessing.similarity_radius == 2.0
    assert config.preprocessing.actors["ann"].components == 40
    assert config.postprocessing.tongue_strength == 1.25
    assert config.postprocessing.lower_face_strength == 1.7  # the reference's base, not ours
    muted = config.data.muted_shots[0]
    assert (muted.actor, muted.shot, muted.frame, muted.num_frames) == ("ann", "take_1", 3, 120)
    assert told["actors"] == ["ann", "bob"]
    origins = {row["key"]: row["origin"] for row in told["settings"]}
    assert origins["train.learning_rate"] == "config_train.py:12"
    assert origins["postprocessing.lower_face_strength"] == "base"
    assert origins["postprocessing.tongue_strength"] == "config_inference.py:2"


def test_the_dataset_and_the_clips_are_files_of_their_own(tmp_path: Path) -> None:
    out = tmp_path / "band.yaml"
    told = import_config(write_reference(tmp_path / "band"), out, datasets=Path("/elsewhere"))
    assert [Path(path).name for path in told["files"]] == [
        "band.yaml",
        "band.dataset.yaml",
        "band.clips.csv",
    ]
    dataset = yaml.safe_load((tmp_path / "band.dataset.yaml").read_text())
    assert dataset["actors"]["ann"]["audio"] == "/data/band/ann/audio"
    assert dataset["actors"]["bob"]["fps"] == 30.0
    assert dataset["shot_emotions"] == {"ann": {"take_7": "joy"}}
    assert dataset["clips"] == "band.clips.csv"
    described, base = read_description(tmp_path / "band.dataset.yaml")
    assert base == tmp_path
    assert described.actors["ann"].transform_scale.jaw == 2.0
    assert described.default_emotion == "neutral"
    assert dataset["emotions"] == ["neutral", "joy", "anger"]
    assert "lip_distance_list" not in dataset["actors"]["bob"]
    rows = list(csv.reader((tmp_path / "band.clips.csv").open()))
    assert tuple(rows[0]) == CLIP_COLUMNS
    assert rows[2] == ["bob", "take_2", "10", "59", "bob", "zh", "take_2.wav", "-2"]
    config = _resolved(out)
    assert config.data.root == str(tmp_path / "band.dataset.yaml")


def test_the_containers_folder_is_replaced(tmp_path: Path) -> None:
    from tests.systems.audio2face.reference_directories import DATASET

    moved = DATASET.replace("/data/band", "/datasets/band")
    import_config(
        write_reference(tmp_path / "band", dataset=moved),
        tmp_path / "a.yaml",
        datasets=Path("/elsewhere"),
    )
    dataset = yaml.safe_load((tmp_path / "a.dataset.yaml").read_text())
    assert dataset["actors"]["ann"]["skin_caches"] == "/elsewhere/band/ann/cache/skin"


def test_a_regression_configuration_says_the_same_here(tmp_path: Path) -> None:
    out = tmp_path / "solo.yaml"
    import_config(write_regression(tmp_path / "solo"), out)
    config = _resolved(out)
    published = PROFILES["regression"]()
    assert config.stages[0].epochs == 40
    assert config.stages[0].schedule.final_factor == pytest.approx(0.994**40)
    assert config.stages[0].weights == published.stages[0].weights
    assert config.model.regression == published.model.regression
    assert config.learning == published.learning
    assert config.postprocessing == published.postprocessing
    assert config.train == published.train


def test_defect_12_none_is_off_and_a_number_is_on(tmp_path: Path) -> None:
    train = REGRESSION.replace("LOSS_LIP_DIST_ALPHA = 1e2", "LOSS_LIP_DIST_ALPHA = None")
    train = train.replace("LOSS_PHONEME_ALPHA = None", "LOSS_PHONEME_ALPHA = 0.3")
    out = tmp_path / "solo.yaml"
    import_config(write_regression(tmp_path / "solo", train=train), out)
    config = _resolved(out)
    assert config.stages[0].weights["lip_distance"] == 0.0
    assert config.stages[0].weights["phoneme"] == 0.3
    assert config.learning.phonemes.languages == ("en",)


def test_defect_02_five_thousand_clips_are_imported(tmp_path: Path) -> None:
    clips = [
        ("ann", f"t{n}", (0, 99 + n % 7), "ann", "en", f"aug/v/t{n}.wav", n % 3)
        for n in range(5000)
    ]
    train = REGRESSION.split("CLIPS")[0] + f"CLIPS = {clips!r}\n"
    out = tmp_path / "long.yaml"
    assert import_config(write_regression(tmp_path / "long", train=train), out)["clips"] == 5000
    assert out.stat().st_size < 20_000
    rows = list(csv.reader((tmp_path / "long.clips.csv").open()))
    assert rows[5000] == ["ann", "t4999", "0", "100", "ann", "en", "aug/v/t4999.wav", "1"]
    _resolved(out)


@pytest.mark.parametrize(
    ("given", "shape"), [('"hanning"', "hann"), ('"kaiser6"', "kaiser6"), ("None", "none")]
)
def test_every_window_of_the_autocorrelation_is_carried_over(
    tmp_path: Path, given: str, shape: str
) -> None:
    own = f'NETWORK_HYPER_PARAMS = {{"autocorr_params": {{"win_func": {given}}}}}\n'
    import_config(write_regression(tmp_path / "c", train=REGRESSION + own), tmp_path / "c.yaml")
    config = _resolved(tmp_path / "c.yaml")
    assert config.model.regression.autocorrelation.window_shape == shape


@pytest.mark.parametrize("kind", ["regression", "diffusion"])
def test_weights_to_start_from_are_carried_over(tmp_path: Path, kind: str) -> None:
    train, write = (
        (REGRESSION, write_regression) if kind == "regression" else (TRAIN, write_reference)
    )
    text = f'{train}PRETRAINED_NET_FPATH = "/datasets/old/weights.pth"\n'
    found = convert(read_reference(write(tmp_path / "c", train=text)), datasets="/mine")
    assert found.settings["model"]["published_weights"] == "/mine/old/weights.pth"
    assert not [note for note in found.notes if "PRETRAINED" in note]
    line = text.count("\n")
    assert found.origins["model.published_weights"] == f"config_train.py:{line}"


def test_a_deleted_augmentation_is_off(tmp_path: Path) -> None:
    train = TRAIN + 'AUGMENT = {"pitch_shift": "__delete__"}\n'
    out = tmp_path / "band.yaml"
    import_config(write_reference(tmp_path / "band", train=train), out)
    assert _resolved(out).learning.segments.pitch_chance == 0.0


def test_a_deleted_shift_of_regression_is_off(tmp_path: Path) -> None:
    train = REGRESSION + 'AUGMENT = {"timeshift": "__delete__"}\n'
    out = tmp_path / "band.yaml"
    import_config(write_regression(tmp_path / "band", train=train), out)
    assert _resolved(out).learning.sampling.timeshift == 0.0


@pytest.mark.parametrize("kind", ["regression", "diffusion"])
def test_only_augmentations_can_be_removed(tmp_path: Path, kind: str) -> None:
    """Of other keys that were gone, defaults were taken without a word, or the import crashed."""
    needed = 0
    for number, (path, _) in enumerate(base_leaves(kind)):
        file, *parts = path.split("/")
        if len(parts) < 2:
            continue  # no key of a dictionary
        value: object = "__delete__"
        for part in reversed(parts[1:]):
            value = {part: value}
        folder, out = tmp_path / f"band{number}", tmp_path / f"band{number}.yaml"
        (write_regression if kind == "regression" else write_reference)(folder)
        with (folder / f"config_{file}.py").open("a") as written:
            written.write(f"\n{parts[0]} = {value!r}\n")
        if counterpart(kind, path).key is None or path == "train/AUGMENT/timeshift":
            import_config(folder, out)
        else:
            needed += 1
            name = path.partition("/")[2]
            with pytest.raises(UsageError, match=f"config_{file}: {name} is needed"):
                import_config(folder, out)
    assert needed > 20


def test_weights_of_emotions_are_carried_over(tmp_path: Path) -> None:
    def imported(value: str) -> AudioToFaceConfig:
        train = f"{REGRESSION}LOSS_LIP_DIST_EMO_WEIGHTS = {value}\n"
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        out = folder.with_suffix(".yaml")
        import_config(write_regression(folder, train=train), out)
        return _resolved(out)

    assert imported('{"joy": 3.0}').learning.terms.lip_distance_weights == {"joy": 3.0}
    assert imported("None").learning.terms.lip_distance_weights is None
    for wrong in ("3.0", '{"joy": "much"}', '{"joy": True}'):
        with pytest.raises(UsageError, match="must be a dictionary of emotions and their weights"):
            imported(wrong)
    with pytest.raises(UsageError, match="weighs 'glee', which is not among SHOT_EMOTION_NAMES"):
        imported('{"glee": 1.0}')


@pytest.mark.parametrize(
    ("kind", "line", "told"),
    [
        ("regression", "LR_STEP_GAMMA = -0.5", "LR_STEP_GAMMA must be at least 0, found -0.5"),
        ("regression", "LR_STEP_GAMMA = 10; NUM_EPOCHS = 1000000000", "final_factor"),
        (
            "regression",
            'AUGMENT = {"timeshift": {"p": 1}}',
            "AUGMENT/timeshift must be a number",
        ),
        (
            "diffusion",
            'AUGMENT = {"pitch_shift": {"min_semitones": None}}',
            "min_semitones must be a number, found None",
        ),
        (
            "diffusion",
            'AUGMENT = {"pitch_shift": None}',
            "pitch_shift must stay a dictionary; __delete__",
        ),
    ],
)
def test_values_that_nothing_can_be_made_of_are_told(
    tmp_path: Path, kind: str, line: str, told: str
) -> None:
    folder = (write_regression if kind == "regression" else write_reference)(tmp_path / "band")
    with (folder / "config_train.py").open("a") as written:
        written.write(f"{line}\n")
    with pytest.raises(UsageError, match=told):
        import_config(folder, tmp_path / "band.yaml")


def test_defect_10_what_cannot_be_carried_over_is_told(tmp_path: Path) -> None:
    """Also VERBOSE, whose override the reference reads past."""
    preproc = 'RUN_NAME = "first"\nVERBOSE = True\n'
    train = TRAIN + "TRAIN_OUTPUT_ROOT = '/big/disk'\nREPRODUCIBLE = False\n"
    folder = write_reference(tmp_path / "band", preproc=preproc, train=train)
    notes = import_config(folder, tmp_path / "band.yaml")["notes"]
    told = [note.split(" is not carried over")[0] for note in notes]
    left_out = ("preproc/RUN_NAME", "preproc/VERBOSE")
    for path in (*left_out, "train/TRAIN_OUTPUT_ROOT", "train/REPRODUCIBLE"):
        assert path in told
    assert "train/BATCH_SIZE" not in told
    assert any("hears through hubert" in note for note in notes)


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("SKIP_STEPS = 1", "no step is left out"),
        ("USE_DELTA_OUTPUT = False", "packages give differences from the neutral"),
        ("USE_PER_FRAME_EMO_LABEL = False", "with an emotion for each frame"),
        ("USE_EXTERNAL_NOISE_INPUT = False", "an input for the noise"),
    ],
)
def test_switches_of_inference_that_packages_do_not_have_are_told_with_the_reason(
    tmp_path: Path, parameter: str, reason: str
) -> None:
    """As delivered they are what is done here, and nothing is told."""
    name = parameter.partition(" ")[0]
    folder = write_reference(tmp_path / "band", inference=f"{INFERENCE}{parameter}\n")
    notes = import_config(folder, tmp_path / "band.yaml")["notes"]
    (note,) = [note for note in notes if name in note]
    assert note.startswith(f"inference/{name} is not carried over: ")
    assert reason in note
    plain = import_config(write_reference(tmp_path / "plain"), tmp_path / "plain.yaml")["notes"]
    assert not any(name in note for note in plain)


@pytest.mark.parametrize(
    ("inference", "taken", "told"),
    [
        ('TIMESTEP_RESPACING = "3"\nNUM_DIFFUSION_STEPS = 2\n', 3, "is '3' and"),
        ('TIMESTEP_RESPACING = "ddim4"\nNUM_DIFFUSION_STEPS = 4\n', 4, "is 'ddim4' and"),
        ('TIMESTEP_RESPACING = "3"\nNUM_DIFFUSION_STEPS = 3\n', 3, None),
        ("NUM_DIFFUSION_STEPS = 5\n", 5, None),
    ],
)
def test_defect_16_steps_that_contradict_each_other_are_told(
    tmp_path: Path, inference: str, taken: int, told: str | None
) -> None:
    out = tmp_path / "band.yaml"
    notes = import_config(write_reference(tmp_path / "band", inference=inference), out)["notes"]
    assert _resolved(out).model.process.inference_steps == taken
    found = [note for note in notes if note.startswith("inference/TIMESTEP_RESPACING")]
    assert len(found) == (told is not None)
    if told is not None:
        assert told in found[0]
        assert found[0].endswith(f"model.process.inference_steps is {taken}")


def test_defect_10_channels_missing_of_a_scale_are_one(tmp_path: Path) -> None:
    from tests.systems.audio2face.reference_directories import DATASET

    partial = DATASET.replace('"skin": 1.0, "tongue": 1.0, "jaw": 2.0, "eye": 1.0', '"jaw": 2.0')
    import_config(write_reference(tmp_path / "band", dataset=partial), tmp_path / "band.yaml")
    described, _ = read_description(tmp_path / "band.dataset.yaml")
    scale = described.actors["ann"].transform_scale
    assert (scale.skin, scale.tongue, scale.jaw, scale.eye) == (1.0, 1.0, 2.0, 1.0)
    assert described.actors["bob"].transform_scale.jaw == 1.0


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = write_reference(tmp_path / "band")
    (tmp_path / "a.dataset.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"a\.dataset\.yaml' exists already"):
        import_config(folder, tmp_path / "a.yaml")
    assert not (tmp_path / "a.yaml").exists()
    with pytest.raises(UsageError, match=r"ending in \.yaml"):
        import_config(folder, tmp_path / "a.json")


def test_values_that_no_training_can_have_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    folder = write_reference(tmp_path / "band", train=f"{TRAIN}LEARNING_RATE = -1\n")
    number = len((folder / "config_train.py").read_text().splitlines())
    told = rf"config_train.py:{number}: train.learning_rate: expected a number above 0.*found -1"
    with pytest.raises(UsageError, match=told):
        import_config(folder, tmp_path / "out" / "band.yaml")
    assert not (tmp_path / "out").exists()


def test_shots_held_out_are_told(tmp_path: Path) -> None:
    notes = import_config(write_reference(tmp_path / "band"), tmp_path / "band.yaml")["notes"]
    assert any("data.validation=0 does so too" in note for note in notes)


@pytest.mark.parametrize("value", ['"ten"', "-1", "None", "[]", '{"ann": 3}', "[1, 2]", "True"])
@pytest.mark.parametrize(
    ("file", "parameter"),
    [
        ("dataset", "SKIN_CACHE_ROOT"),
        ("dataset", "TRANSFORM_SCALE"),
        ("preproc", "DEFAULT_JAW_KEYPOINTS_SHAPE"),
        ("train", "NETWORK_TYPE"),
        ("train", "NUM_EPOCHS"),
        ("train", "LOSS_VELOCITY_ALPHA"),
        ("train", "DEFAULT_SHOT_EMOTION_NAME"),
    ],
)
def test_any_value_is_taken_or_refused_with_its_reason(
    tmp_path: Path, file: str, parameter: str, value: str
) -> None:
    folder = write_reference(tmp_path / "band")
    with (folder / f"config_{file}.py").open("a") as written:
        written.write(f"\n{parameter} = {value}\n")
    out = tmp_path / "band.yaml"
    with contextlib.suppress(UsageError):
        import_config(folder, out)
    if out.exists():
        _resolved(out)
    else:
        with pytest.raises(UsageError, match=f"config_{file}|{parameter}"):
            import_config(folder, out)
