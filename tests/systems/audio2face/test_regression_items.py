"""Samples of the regression network: positions, time shifts, muted rooms, emotions, defects."""

from __future__ import annotations

import logging
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError, UsageError
from likeness.systems.audio2face.audio import TrackCache
from likeness.systems.audio2face.channel_layout import shot_targets
from likeness.systems.audio2face.implicit_emotions import RowTable
from likeness.systems.audio2face.learning_settings import (
    AudioSettings,
    MutedSettings,
    SamplingSettings,
)
from likeness.systems.audio2face.phonemes import UNSUPPORTED, PhonemeTrack
from likeness.systems.audio2face.regression_items import (
    EmotionLabels,
    RegressionItems,
    interpolated,
    muted_target,
)
from likeness.systems.audio2face.shots import MutedShot
from tests.systems.audio2face.regression_cases import artefacts, clip, items, write_recordings


class _Middle:
    """Draws 0.5 from every uniform distribution: no shift, no gain."""

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return (low + high) / 2


class _Fixed(_Middle):
    def __init__(self, share: float) -> None:
        self.share = share

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * self.share


@pytest.mark.parametrize(("length", "stride"), [(2, 1), (1, 1), (5, 3), (12, 4)])
def test_number_of_samples(tmp_path: Path, length: int, stride: int) -> None:
    sampling = SamplingSettings(sequence_length=length, sequence_stride=stride)
    source = items(tmp_path, sampling=sampling)
    assert len(source) == (20 - length) // stride + 1 + (12 - length) // stride + 1
    assert source[1]["id"] == f"neutral_1/neutral_1.wav/{stride}"
    assert source[1]["rows"].tolist() == list(range(stride, stride + length))


def test_a_sample_is_what_was_recorded(tmp_path: Path) -> None:
    source = items(tmp_path)
    made = source.artefacts
    sample = source[3]
    samples = TrackCache(tmp_path).track("neutral_1.wav").samples
    padded = np.concatenate([np.zeros(20000), samples, np.zeros(20000)])
    for s, frame in enumerate((3, 4)):
        middle = 20000 + round((frame + 0.5) / 30 * 16000)
        expected = padded[middle - 4160 : middle + 4160].astype(np.float32)
        assert np.array_equal(sample["audio"][s], expected)
        assert np.array_equal(sample["target"][s], shot_targets(made, made.shots[0])[frame])
    assert sample["volume"] == pytest.approx(np.abs(sample["audio"]).mean(), rel=1e-5)
    assert sample["named"].tolist() == [0.0]
    joy = source[19]
    assert (joy["emotion"], joy["named"].tolist(), joy["rows"].tolist()) == ("joy", [1.0], [20, 21])
    assert {k: v.dtype for k, v in sample.items() if isinstance(v, np.ndarray)} == {
        "audio": np.float32, "target": np.float32, "named": np.float32, "rows": np.int64,
    }  # fmt: skip


def test_time_shift_moves_sound_and_target_alike_and_keeps_the_row(tmp_path: Path) -> None:
    source = items(tmp_path, sampling=SamplingSettings(timeshift=4.0))
    made = source.artefacts
    targets = shot_targets(made, made.shots[0])
    plain, late = source[5], source.draw(5, _Fixed(0.875))  # type: ignore[arg-type]
    shift = (0.875 - 0.5) * 4
    np.testing.assert_allclose(late["target"][0], (targets[6] + targets[7]) / 2, atol=1e-6)
    assert late["rows"].tolist() == plain["rows"].tolist() == [5, 6]
    samples = TrackCache(tmp_path).track("neutral_1.wav").samples
    middle = round((5 + shift + 0.5) / 30 * 16000)
    heard = late["audio"][0] / 10 ** (12 * 0.75 / 20)
    assert np.array_equal(heard[4160 - middle :][:50] == 0, samples[:50] == 0)
    np.testing.assert_allclose(heard[4160 - middle :][:1000], samples[:1000], rtol=1e-5)


def test_shifted_targets_are_clamped_to_the_shot(tmp_path: Path) -> None:
    source = items(tmp_path, sampling=SamplingSettings(timeshift=4.0))
    made = source.artefacts
    first = source.draw(0, _Fixed(0.0))["target"]  # type: ignore[arg-type]
    assert np.array_equal(first[0], shot_targets(made, made.shots[0])[0])
    values = np.array([[0.0], [10.0], [30.0]], np.float32)
    places = np.array([-1.0, 0.25, 1.5, 2.0, 5.0])
    assert interpolated(values, places).ravel().tolist() == [0.0, 2.5, 20.0, 30.0, 30.0]


def test_gain_changes_what_is_heard_but_not_the_recorded_volume(tmp_path: Path) -> None:
    """Published training divides by the peak of the track, which no runtime does."""
    source = items(tmp_path, sampling=SamplingSettings(timeshift=0.0))
    plain = source[4]
    loud, quiet = source.draw(4, _Fixed(1.0)), source.draw(4, _Fixed(0.0))  # type: ignore[arg-type]
    np.testing.assert_allclose(loud["audio"], plain["audio"] * 10 ** (12 / 20), rtol=1e-5)
    np.testing.assert_allclose(quiet["audio"], plain["audio"] * 10 ** (-12 / 20), rtol=1e-5)
    assert loud["volume"] == quiet["volume"] == plain["volume"]
    same = source.draw(4, _Middle())  # type: ignore[arg-type]
    assert np.array_equal(same["audio"], plain["audio"])


def test_clips_shorter_than_a_sample_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        source = items(tmp_path, [clip("neutral_1"), clip("joy_2"), clip("joy_1", 3, 3)])
    assert len(source) == 19
    assert "2 clips are shorter than the 2 frames of a sample" in caplog.text
    assert "joy_2, joy_1" in caplog.text
    with pytest.raises(DataError, match="nothing to train on"):
        items(tmp_path, [clip("joy_2")])


def test_an_offset_moves_the_sound_and_narrows_the_clip(tmp_path: Path) -> None:
    source = items(tmp_path, [clip("neutral_1", 2, 15, offset=3)])
    assert len(source) == 15 - 3 - 2
    sample = source[0]
    assert sample["rows"].tolist() == [2, 3]
    plain = items(tmp_path, [clip("neutral_1")])[5]
    assert np.array_equal(sample["audio"], plain["audio"])
    made = source.artefacts
    assert np.array_equal(sample["target"][0], shot_targets(made, made.shots[0])[2])


def test_a_revoiced_recording_has_its_own_sound_and_the_same_target(tmp_path: Path) -> None:
    voiced = clip("neutral_1", audio="aug/v/neutral_1.wav", speaker="aug_v")
    source = items(tmp_path, [clip("neutral_1"), voiced])
    own, other = source[2], source[21]
    assert np.array_equal(own["target"], other["target"])
    assert np.array_equal(own["rows"], other["rows"])
    assert not np.array_equal(own["audio"], other["audio"])
    assert own["id"] != other["id"]


@pytest.mark.parametrize("neutral", ["neutral", "calm"])
def test_defect_13_muted_neutral_is_neutral_whatever_neutral_is_called(neutral: str) -> None:
    """The published code compares with the word "neutral", and leaves poses as they are."""
    made = artefacts()
    made = replace(
        made,
        shots=tuple(
            replace(s, emotion=neutral if s.emotion == "neutral" else "joy") for s in made.shots
        ),
    )
    muted = MutedShot("a", "neutral_1", 4, 10, neutral)
    source = shot_targets(made, made.shots[0])[4]
    found = muted_target(made, muted, MutedSettings(), neutral=neutral)
    assert not found[:6].any()
    assert np.array_equal(found[6:], source[6:])
    pose = np.einsum("k,kvc->vc", found[:6], made.skin.shapes) + made.skin.mean
    assert np.array_equal(pose, made.skin.mean)
    joyful = muted_target(made, replace(muted, emotion="joy"), MutedSettings(), neutral=neutral)
    assert np.array_equal(joyful, source)
    off = MutedSettings(skin_is_neutral=False, tongue_is_neutral=True)
    found = muted_target(made, muted, off, neutral=neutral)
    assert np.array_equal(found[:6], source[:6])
    assert not found[6:9].any()


def test_muted_shots_hold_their_pose_over_one_track_of_noise(tmp_path: Path) -> None:
    """Published windows of one sample hear different noise where they overlap."""
    muted = (MutedShot("a", "joy_1", 3, 6, "joy"), MutedShot("a", "joy_1", 3, 4, "neutral"))
    settings = MutedSettings(noise="gauss", noise_local_range=None)
    source = items(tmp_path, muted=muted, muted_settings=settings)
    assert len(source) == 19 + 11 + 5 + 3
    sample = source.draw(30, np.random.default_rng(0))
    hop = round(1.5 / 30 * 16000) - round(0.5 / 30 * 16000)
    assert np.abs(sample["audio"]).max() > 0.1
    assert np.array_equal(sample["audio"][0, hop:], sample["audio"][1, :-hop])
    assert np.array_equal(sample["target"][0], sample["target"][1])
    assert sample["rows"].tolist() == [33, 34]
    again = source.draw(30, np.random.default_rng(1))
    assert not np.array_equal(sample["audio"], again["audio"])
    assert np.array_equal(source[30]["audio"], source[30]["audio"])
    # Two muted shots of one source have rows of their own.
    assert source[35]["rows"].tolist() == [39, 40]
    quiet = items(tmp_path, muted=muted, muted_settings=MutedSettings(noise=None))
    assert not quiet[30]["audio"].any()
    assert quiet[30]["volume"] == 0


def test_a_muted_shot_of_a_frame_there_is_not(tmp_path: Path) -> None:
    for shot, frame in (("joy_1", 12), ("joy_9", 0)):
        with pytest.raises(UsageError, match=f"frame {frame} of shot '{shot}'"):
            items(tmp_path, muted=(MutedShot("a", shot, frame, 4, "joy"),))


def test_emotion_labels() -> None:
    labels = EmotionLabels.of(("neutral", "joy", "anger"), "neutral")
    assert labels.names == ("joy", "anger")
    assert labels.vector("anger").tolist() == [0.0, 1.0]
    assert labels.vector("neutral").tolist() == [0.0, 0.0]
    with pytest.raises(UsageError, match="no emotion 'fear'"):
        labels.vector("fear")
    everything = EmotionLabels.of(("neutral", "joy"), None)
    assert everything.vector("neutral").tolist() == [1.0, 0.0]


def test_a_vocabulary_of_neutral_alone_keeps_a_channel_that_is_zero() -> None:
    """Without it the network has an input of no size, which runtimes refuse."""
    labels = EmotionLabels.of(("neutral",), "neutral")
    assert labels.names == ("neutral",)
    assert labels.vector("neutral").tolist() == [0.0]


def test_clips_outside_their_shot_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"frames 0 to 20 of shot 'neutral_1'.* it has 20 frames"):
        items(tmp_path, [clip("neutral_1", 0, 20)])
    with pytest.raises(UsageError, match="no such shot"):
        items(tmp_path, [replace(clip("neutral_1"), shot="neutral")])
    with pytest.raises(MissingError, match=r"gone\.wav"):
        items(tmp_path, [clip("neutral_1", audio="gone.wav")])[0]


class _Two:
    """Phonemes of two languages: the row number in every column."""

    vocabularies = {"en": 3, "zh": 5}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def silence(self, language: str) -> int:
        return 0

    def track(self, name: str, speech: object, language: str) -> PhonemeTrack:
        self.asked.append((name, language))
        width = self.vocabularies[language]
        return PhonemeTrack(np.tile(np.arange(40.0)[:, None], width).astype(np.float32), 0)


def test_languages_of_clips(tmp_path: Path) -> None:
    """The published clips say "en" whatever is spoken."""
    clips = [
        clip("neutral_1"),
        clip("neutral_1", language="zh"),
        clip("joy_1", language="de"),
    ]
    muted = (MutedShot("a", "joy_1", 3, 4, "joy"),)
    source = items(tmp_path, clips, muted, phonemes=_Two())
    english, chinese, german, silent = source[8], source[27], source[45], source[-1 % len(source)]
    assert [s["language"] for s in (english, chinese, german, silent)] == [
        "en", "zh", UNSUPPORTED, "en",
    ]  # fmt: skip
    assert english["phonemes"].shape == (2, 25, 5)
    assert not english["phonemes"][..., 3:].any()
    assert chinese["phonemes"][0, 12].tolist() == [13.0] * 5
    assert english["phonemes"][0, 12].tolist() == [13.0] * 3 + [0.0] * 2
    assert not german["phonemes"].any()
    assert silent["phonemes"][..., 0].all()
    assert silent["phonemes"].sum() == 2 * 25


def test_phonemes_are_found_once_and_not_before_they_are_asked_for(tmp_path: Path) -> None:
    found = _Two()
    clips = [clip("neutral_1"), clip("neutral_1", 0, 5), clip("joy_1", language="de")]
    source = items(tmp_path, clips, phonemes=found)
    assert found.asked == []
    for index in (0, 1, 0):
        assert source[index]["phonemes"].shape == (2, 25, 5)
    assert found.asked == [("neutral_1.wav", "en")]


def test_samples_are_the_same_in_another_process(tmp_path: Path) -> None:
    source = items(tmp_path, muted=(MutedShot("a", "joy_1", 3, 6, "joy"),))
    other = pickle.loads(pickle.dumps(source))
    for index in (3, len(source) - 1):
        mine = source.draw(index, np.random.default_rng(4))
        theirs = other.draw(index, np.random.default_rng(4))
        assert np.array_equal(mine["audio"], theirs["audio"])
        assert np.array_equal(mine["target"], theirs["target"])


def test_fingerprint_follows_what_is_learned_from(tmp_path: Path) -> None:
    plain = items(tmp_path).fingerprint()
    assert items(tmp_path).fingerprint() == plain
    assert items(tmp_path, [clip("neutral_1")]).fingerprint() != plain
    assert items(tmp_path, sampling=SamplingSettings(timeshift=0.5)).fingerprint() != plain
    made = artefacts()
    moved = {**made.jaw, "neutral_1": made.jaw["neutral_1"] + 1}
    assert items(tmp_path, made=replace(made, jaw=moved)).fingerprint() != plain


def test_a_prefix_keeps_the_rows_of_actors_apart(tmp_path: Path) -> None:
    made, tracks = artefacts(), write_recordings(tmp_path)
    table = RowTable.of_ranges(
        {
            "b::neutral_1": ((0, 99),),
            **{f"a::{s.name}": ((0, s.num_frames - 1),) for s in made.shots},
        }
    )
    source = RegressionItems(
        made, [clip("neutral_1"), clip("neutral_1", actor="b")], tracks, table,
        EmotionLabels.of(("neutral",), "neutral"), sampling=SamplingSettings(),
        audio=AudioSettings(), shot_prefix="a::",
    )  # fmt: skip
    assert len(source) == 19
    assert source[0]["rows"].tolist() == [100, 101]
    facts = source.describe()
    assert (facts["clips"], facts["muted"], facts["seconds"]) == (1, 0, 0.67)
    assert source.all_targets().shape == (20, 28)
