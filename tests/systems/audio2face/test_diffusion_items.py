"""Samples of the diffusion network: frame rates, parts, sound beside frames, muted shots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from likeness.errors import DataError, UsageError
from likeness.systems.audio2face.audio import TrackCache
from likeness.systems.audio2face.diffusion_items import (
    DiffusionItems,
    collate_diffusion,
    resampled,
)
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.learning_settings import AudioSettings, MutedSettings
from likeness.systems.audio2face.networks.diffusion_settings import (
    DiffusionSampleSettings,
    WindowSettings,
)
from likeness.systems.audio2face.regression_items import EmotionLabels
from likeness.systems.audio2face.shots import Clip, MutedShot
from likeness.systems.audio2face.streaming_plan import StreamingPlan
from tests.systems.audio2face.diffusion_cases import make_actor

PLAIN = DiffusionSampleSettings(pitch_chance=0.0)
SILENT = AudioSettings(gain_decibels=0.0)


def test_resampling_to_twice_the_rate_has_the_known_numbers() -> None:
    found = resampled(np.array([[0.0], [1.0], [2.0]], np.float32), 30, 60)
    assert found[:, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2]


@pytest.mark.parametrize(
    ("fps", "to", "count"),
    [(24, 60, 100), (29.97, 60, 80), (120, 24, 8), (60, 30, 20), (25, 30, 48)],
)
def test_any_ratio_keeps_time(fps: float, to: float, count: int) -> None:
    """Defect 11: ratios that are no whole number were rounded, small ones crashed."""
    frames = 40
    ramp = ((np.arange(frames) + 0.5) / fps).astype(np.float32)[:, None]
    found = resampled(ramp, fps, to)
    assert len(found) == count
    times = (np.arange(count) + 0.5) / to
    inside = (times > ramp[0, 0]) & (times < ramp[-1, 0])
    np.testing.assert_allclose(found[inside, 0], times[inside], atol=1e-5)


def test_too_few_frames_are_an_error() -> None:
    with pytest.raises(DataError, match="less than one"):
        resampled(np.zeros((1, 2), np.float32), 60, 24)


def _items(folder: Path, **changes: Any) -> DiffusionItems:
    """Two actors; the sound of a shot says its own time: sample n is n / 100000."""
    actors = (make_actor("ada"), make_actor("bob", skin_components=4, fps=24.0, emotion="joy"))
    for actor in actors:
        (folder / actor.actor).mkdir(exist_ok=True)
        for shot in actor.shots:
            count = round(shot.num_frames / shot.fps * 16000)
            ramp = np.arange(count, dtype=np.float32) / 100000
            soundfile.write(folder / actor.actor / f"{shot.name}.wav", ramp, 16000, "FLOAT")
    clips = [
        Clip(actor.actor, shot.name, 0, shot.num_frames - 1, actor.actor, "en", f"{shot.name}.wav")
        for actor in actors
        for shot in actor.shots
    ]
    sampling = changes.pop("sampling", PLAIN)
    given: dict[str, Any] = {
        "sampling": sampling,
        "audio": SILENT,
        "plan": StreamingPlan.of(WindowSettings(), sampling.fps),
        **changes,
    }
    return DiffusionItems(
        given.pop("identities", Identities(actors)),
        given.pop("clips", clips),
        {actor.actor: TrackCache(folder / actor.actor) for actor in actors},
        EmotionLabels.of(("neutral", "joy", "anger"), "neutral"),
        **given,
    )


def test_a_whole_clip(tmp_path: Path) -> None:
    items = _items(tmp_path)
    assert len(items) == 4
    one, other = items[0], items[3]
    assert one["target"].shape == (80, 6 + 3 + 19)
    assert one["audio"].shape == (80 * 16000 // 60,)
    assert one["id"] == "ada::one/one.wav/0+80"
    assert other["target"].shape == (150, 28)
    assert other["target"][:, 4:6].max() == 0
    assert np.abs(other["target"][:, 6:9]).max() > 0
    assert other["identity"].tolist() == [0, 1]
    assert other["named"].tolist() == [1, 0]
    assert one["named"].tolist() == [0, 0]


def test_parts_are_where_their_sound_is(tmp_path: Path) -> None:
    items = _items(tmp_path)
    lengths, whole = set(), items[1]["target"]
    for seed in range(30):
        sample = items.draw(1, np.random.default_rng(seed))
        first, frames = map(int, sample["id"].rsplit("/", 1)[1].split("+"))
        lengths.add(frames)
        assert 30 <= frames <= 120
        assert np.array_equal(sample["target"], whole[first : first + frames])
        assert len(sample["audio"]) == int(frames * 16000 / 60)
        assert sample["audio"][0] == pytest.approx(int(first * 16000 / 60) / 100000, abs=1e-7)
    assert len(lengths) > 10


def test_a_clip_inside_a_shot_with_an_offset_hears_its_own_time(tmp_path: Path) -> None:
    clip = Clip("ada", "two", 10, 40, "ada", "en", "two.wav", offset=3)
    items = _items(tmp_path, clips=[clip])
    sample = items[0]
    # Frames 10 to 37 have their sound inside the clip; the first is heard at (10 + 3) / 30 s.
    assert len(sample["target"]) == 28 * 2
    assert sample["audio"][0] * 100000 == pytest.approx(round(13 / 30 * 16000), abs=0.01)


@pytest.mark.parametrize("fps", [24.0, 60.0])
def test_windows_are_those_of_run_time(fps: float, tmp_path: Path) -> None:
    settings = DiffusionSampleSettings(fps=fps, hears="windows", pitch_chance=0.0)
    items = _items(tmp_path, sampling=settings)
    sample, plan = items[1], StreamingPlan.of(WindowSettings(), fps)
    track = TrackCache(tmp_path / "ada").track("two.wav")
    skipped = (plan.drop - sample["phase"]) // plan.centre
    assert len(sample["audio"]) == plan.needed_windows(32000) - skipped
    for number, window in enumerate(sample["audio"]):
        start = plan.start(number + skipped)
        np.testing.assert_array_equal(window, track.window(start, 16000))


def test_windows_of_a_part_hear_the_recording_around_it(tmp_path: Path) -> None:
    settings = DiffusionSampleSettings(hears="windows", pitch_chance=0.0, shortest=40, longest=40)
    items = _items(tmp_path, sampling=settings)
    for seed in range(10):
        sample = items.draw(1, np.random.default_rng(seed))
        first = int(sample["id"].rsplit("/", 1)[1].split("+")[0])
        block = int((first - sample["phase"] - 15) * 16000 / 60 // 1)
        inside = sample["audio"][0][max(0, -block) :][:5]
        expected = (max(block, 0) + np.arange(5)) / 100000
        np.testing.assert_allclose(inside, expected, atol=1.1e-5)
        assert len(sample["audio"]) == -(-(sample["phase"] + 40) // 30)


def test_pitch_and_gain_are_drawn_by_chance(tmp_path: Path) -> None:
    settings = DiffusionSampleSettings(subsegment=False, pitch_chance=0.5)
    items = _items(tmp_path, sampling=settings)
    plain = items[0]["audio"]
    changed = [
        not np.allclose(items.draw(0, np.random.default_rng(seed))["audio"], plain, atol=1e-6)
        for seed in range(40)
    ]
    assert 10 <= sum(changed) <= 30
    loud = _items(tmp_path, audio=AudioSettings(gain_decibels=12.0))
    sizes = [
        float(loud.draw(0, np.random.default_rng(s))["audio"].max()) / float(plain.max())
        for s in range(20)
    ]
    assert max(sizes) > 1.5


def test_defect_13_muted_shots_hold_a_pose_that_is_neutral_where_asked(tmp_path: Path) -> None:
    """Defect 13: the option for neutral skin had no effect on poses, and names collided."""
    muted = [MutedShot("ada", "one", 7, 30, "neutral"), MutedShot("ada", "one", 7, 30, "joy")]
    items = _items(tmp_path, clips=[], muted=muted)
    calm, happy = items[0], items[1]
    assert calm["id"] != happy["id"]
    assert np.abs(calm["target"][:, :6]).max() == 0
    assert np.abs(happy["target"][:, :6]).max() > 0
    assert np.ptp(happy["target"], axis=0).max() == 0
    assert happy["target"].shape == (60, 28)
    assert 0 < np.abs(calm["audio"]).max() < 1e-3
    assert np.array_equal(calm["audio"], items[0]["audio"])
    spoken = _items(tmp_path, clips=[], muted=muted, muted_settings=MutedSettings(noise=None))
    assert np.abs(spoken[0]["audio"]).max() == 0


def test_an_actor_without_jaw_or_eyes_in_a_shot_is_still_there(tmp_path: Path) -> None:
    """Defect 20: a shot missing from the jaw or eye file raised KeyError."""
    full = make_actor("ada")
    actor = replace(full, jaw={"one": full.jaw["one"]}, eyes={})
    clips = [Clip("ada", name, 0, 9, "ada", "en", f"{name}.wav") for name in ("one", "two")]
    items = _items(tmp_path, identities=Identities((actor,)), clips=clips)
    assert np.abs(items[0]["target"][:, 9:24]).max() > 0
    assert np.abs(items[1]["target"][:, 9:]).max() == 0
    assert items[0]["id"] == "one/one.wav/0+20"


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (Clip("eve", "one", 0, 9, "eve", "en", "one.wav"), "no actor 'eve'"),
        (Clip("ada", "three", 0, 9, "ada", "en", "one.wav"), "no such shot"),
        (Clip("ada", "one", 0, 40, "ada", "en", "one.wav"), "40 frames"),
        (Clip("ada", "one", 0, 3, "ada", "en", "one.wav", offset=9), "nothing is left"),
    ],
)
def test_clips_that_do_not_exist_are_named(clip: Clip, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        _items(tmp_path, clips=[clip])


def test_no_clip_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no clip"):
        _items(tmp_path, clips=[])


def test_the_fingerprint_follows_targets_sound_and_settings(tmp_path: Path) -> None:
    first = _items(tmp_path).fingerprint()
    assert _items(tmp_path).fingerprint() == first
    other = DiffusionSampleSettings(pitch_chance=0.1)
    assert _items(tmp_path, sampling=other).fingerprint() != first


@pytest.mark.parametrize("size", [1, 64])
def test_batches_are_padded(size: int, tmp_path: Path) -> None:
    items = _items(tmp_path)
    samples = [items.draw(i % 4, np.random.default_rng(i)) for i in range(size)]
    batch = collate_diffusion(samples)
    longest = int(batch["frames"].max())
    assert batch["target"].shape == (size, longest, 28)
    assert batch["identity"].shape == (size, 2)
    for i, sample in enumerate(samples):
        count = int(batch["frames"][i])
        assert np.array_equal(batch["target"][i, :count], sample["target"])
        assert batch["target"][i, count:].abs().sum() == 0
        assert int(batch["sounds"][i]) == len(sample["audio"])
