from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.geometry.animation import VertexAnimation
from likeness.media.audio import write_wav
from likeness.systems.audio2face.artefacts import Pairs
from likeness.systems.audio2face.dataset import timing_findings
from likeness.systems.audio2face.dataset.mouth_reading import lip_places
from likeness.systems.audio2face.dataset.own_sounds import OwnSound, loudness, own_sounds
from likeness.systems.audio2face.dataset.timing_findings import (
    lag_correlation,
    lip_gap,
    look_at_timing,
    timed_shots,
)

FPS, RATE, FRAMES = 30.0, 16000, 120
LIPS = Pairs(np.array([0, 1]), np.array([2, 3]))


def spoken(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A mouth (F,) that opens at random, and noise of speech that is loud where it is open."""
    rng = np.random.default_rng(seed)
    steps = rng.uniform(0, 1, FRAMES // 4 + 2)
    times = np.arange(FRAMES * RATE // int(FPS)) / RATE * FPS / 4
    fine = np.interp(times, np.arange(len(steps)), steps)
    mouth = np.interp((np.arange(FRAMES) + 0.5) / 4, np.arange(len(steps)), steps)
    hum = np.sin(2 * np.pi * 800 * np.arange(len(fine)) / RATE)
    return mouth, 0.5 * hum * 10 ** (2 * (fine - 1))


def cache(mouth: np.ndarray) -> VertexAnimation:
    frames = np.zeros((len(mouth), 5, 3), np.float32)
    frames[:, :2, 1] = mouth[:, None]
    return VertexAnimation.of_array(frames, FPS)


def own(folder: Path, caches: dict[str, VertexAnimation]) -> dict[str, OwnSound]:
    """Of the sounds in a folder, which are called by their names."""
    recordings = {shot: {"": f"{shot}.wav"} for shot in caches}
    return own_sounds(folder, "audio", recordings, caches, (), caches)


def look(folder: Path, shifts: list[int]) -> list[tuple[str, str, str]]:
    caches = {}
    for seed, shift in enumerate(shifts):
        mouth, sound = spoken(seed)
        path = folder / f"shot_{seed}.wav"
        write_wav(path, np.roll(sound, round(shift / FPS * RATE)), RATE)
        caches[path.stem] = cache(mouth)
    found = look_at_timing(own(folder, caches), caches, LIPS, "audio")
    return [(f.code, f.path, f.message.split("found ")[1]) for f in found]


def test_a_shot_with_sound_five_frames_off_is_told(tmp_path: Path) -> None:
    assert look(tmp_path, [0, 0, 5, -5, 0, 0]) == [
        ("audio-shifted", "audio/shot_2.wav", "it 0.17 s later."),
        ("audio-shifted", "audio/shot_3.wav", "it 0.17 s earlier."),
    ]


def test_sounds_of_each_other_are_told_once_and_not_as_shifted(tmp_path: Path) -> None:
    caches = {}
    for seed in range(10):
        mouth, sound = spoken(seed)
        place = {2: 7, 7: 2}.get(seed, seed)
        write_wav(tmp_path / f"shot_{place}.wav", sound, RATE)
        caches[f"shot_{seed}"] = cache(mouth)
    found = list(look_at_timing(own(tmp_path, caches), caches, LIPS, "audio"))
    assert sorted((f.code, f.path) for f in found) == [
        ("audio-exchanged", "audio/shot_2.wav"),
        ("audio-exchanged", "audio/shot_7.wav"),
    ]


def test_what_two_frames_are_is_left_to_the_scatter_of_sentences(tmp_path: Path) -> None:
    assert look(tmp_path, [0, 2, -2, 1, 0, 0]) == []


def test_shots_that_are_all_late_are_told_once(tmp_path: Path) -> None:
    assert look(tmp_path, [6] * 5) == [
        ("audio-lag", "audio", "the sounds of all shots 0.20 s later.")
    ]


def test_sound_that_has_nothing_to_do_with_the_lips_says_nothing(tmp_path: Path) -> None:
    caches = {}
    for seed in range(5):
        path = tmp_path / f"shot_{seed}.wav"
        write_wav(path, spoken(100 + seed)[1], RATE)
        caches[path.stem] = cache(spoken(seed)[0])
    assert list(look_at_timing(own(tmp_path, caches), caches, LIPS, "audio")) == []


def test_lips_that_are_no_numbers_are_told_and_the_other_shots_read(tmp_path: Path) -> None:
    caches = {}
    for seed, shift in enumerate([0, 0, 5, 0, 0, 0]):
        mouth, sound = spoken(seed)
        path = tmp_path / f"shot_{seed}.wav"
        write_wav(path, np.roll(sound, round(shift / FPS * RATE)), RATE)
        mouth[70] = np.nan if seed == 4 else mouth[70]
        caches[path.stem] = cache(mouth)
    found = {f.code: f for f in look_at_timing(own(tmp_path, caches), caches, LIPS, "audio")}
    assert list(found) == ["not-finite", "audio-shifted"]
    assert found["not-finite"].severity == "error"
    assert "Frame 70 of shot 'shot_4'" in found["not-finite"].message
    assert found["audio-shifted"].path == "audio/shot_2.wav"


def test_correlation_is_that_of_numpy_on_the_frames_both_have() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=60), rng.normal(size=60)
    curve = lag_correlation(one, two, 3)
    assert curve is not None
    assert curve[0] == pytest.approx(np.corrcoef(one[3:], two[:-3])[0, 1])  # sound 3 frames before
    assert curve[5] == pytest.approx(np.corrcoef(one[:-2], two[2:])[0, 1])
    assert lag_correlation(np.ones(60), two, 3) is None


def test_gap_and_loudness_are_those_of_plain_loops() -> None:
    mouth, _ = spoken(0)
    np.testing.assert_allclose(lip_gap(lip_places(cache(mouth), LIPS)), mouth, atol=1e-6)
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE) * np.repeat([0.1, 0.4], RATE // 2)
    levels = np.exp(loudness(tone, RATE, 30, FPS))
    assert levels[7] == pytest.approx(0.1 / np.sqrt(2), rel=0.05)
    assert levels[22] == pytest.approx(0.4 / np.sqrt(2), rel=0.05)


def test_what_is_heard_is_kept_of_no_more_shots_than_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of hours of shots it was kept of all, though half a gigabyte of caches is looked at."""
    shots = [f"shot_{number}" for number in range(5)]
    caches = {shot: cache(spoken(number)[0]) for number, shot in enumerate(shots)}
    caches["shot_1"] = cache(spoken(1)[0][:44])  # 1.47 s
    size = 12 * FRAMES * caches["shot_0"].num_vertices
    monkeypatch.setattr(timing_findings, "_READ_BYTES", 1.5 * size)
    timed = timed_shots(shots, caches)
    assert timed == ["shot_0", "shot_2"]  # the second one goes beyond what may be read
    for number, shot in enumerate(shots):
        write_wav(tmp_path / f"{shot}.wav", spoken(number)[1], RATE)
    recordings = {shot: {"": f"{shot}.wav"} for shot in shots}
    found = own_sounds(tmp_path, "audio", recordings, caches, (), timed)
    assert list(found) == shots
    assert [shot for shot in shots if found[shot].heard is not None] == timed
