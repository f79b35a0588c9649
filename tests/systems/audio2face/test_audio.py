"""Tracks, windows, sample indices, levels and the noise of rooms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from likeness.errors import DataError, MissingError, UsageError
from likeness.systems.audio2face.audio import (
    SpeechTrack,
    TrackCache,
    frame_time,
    random_gain,
    read_speech,
    room_noise,
    sample_index,
    speech_track,
)


def _track(count: int = 100) -> SpeechTrack:
    return SpeechTrack(np.arange(1, count + 1, dtype=np.float32), 1.0)


def test_windows_are_zero_outside_the_track() -> None:
    track = _track()
    padded = np.concatenate([np.zeros(500), np.arange(1, 101), np.zeros(500)])
    starts = [-300, -30, -5, 0, 40, 95, 100, 260]
    found = track.windows(starts, 20)
    for row, start in zip(found, starts):
        assert np.array_equal(row, padded[500 + start : 520 + start])
        assert np.array_equal(track.window(start, 20), row)
    assert found.dtype == np.float32
    assert np.array_equal(track.windows([-60], 20), np.zeros((1, 20)))
    assert np.array_equal(track.window(-50, 300), padded[450:750])


def test_sample_of_a_time_and_time_of_a_frame() -> None:
    assert [sample_index(t) for t in (0.0, 0.5 / 30, 1 / 30, -0.1)] == [0, 267, 533, -1600]
    assert frame_time(0, 30) == 0.5 / 30
    assert sample_index(frame_time(2, 30)) == 1333


def test_stereo_of_another_rate_becomes_mono_and_keeps_its_level(tmp_path: Path) -> None:
    time = np.arange(44100) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([tone, 0 * tone], 1), 44100, subtype="PCM_16")
    track = read_speech(path)
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert track.samples.shape == (16000,)
    assert np.abs(track.samples - expected)[200:-200].max() < 1e-4
    assert track.peak == pytest.approx(0.25, abs=1e-3)
    assert track.duration == 1.0


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_other_formats(tmp_path: Path, suffix: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(16000) / 16000)
    soundfile.write(tmp_path / f"a.{suffix}", tone, 16000)
    track = read_speech(tmp_path / f"a.{suffix}")
    assert abs(len(track.samples) - 16000) <= 2400  # mp3 pads its blocks
    assert track.peak == pytest.approx(0.5, abs=0.05)


def test_the_sound_of_a_film() -> None:
    """It is 16-bit sound behind a lossy code, as long as its pictures."""
    track = read_speech(Path(__file__).parents[3] / "docs/images/sentence.mp4")
    assert 1.5 < track.duration < 5.0
    assert track.peak > 0.05


def test_the_other_method_divides_by_the_peak_and_resamples_by_polyphase() -> None:
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, 44100)
    found = speech_track(sound, 44100, "nva2f").samples
    expected = scipy.signal.resample_poly(sound / np.abs(sound).max(), 363, 1001)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    up = speech_track(sound[:8000], 8000, "nva2f").samples
    expected = scipy.signal.resample_poly(sound[:8000] / np.abs(sound[:8000]).max(), 1000, 500)
    np.testing.assert_allclose(up, expected, atol=1e-6)
    same = speech_track(sound[:16000], 16000, "nva2f")
    assert np.abs(same.samples).max() == pytest.approx(1.0)


def test_a_quiet_track_has_no_level_to_divide_by() -> None:
    quiet = np.full(100, 0.01)
    assert speech_track(quiet, 16000).peak == 1.0
    assert np.allclose(speech_track(quiet, 16000, "nva2f").samples, 0.01)
    assert speech_track(quiet * 1.1, 16000).peak == pytest.approx(0.011)


def test_sound_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no sound file .*a\.wav"):
        read_speech(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(DataError, match=r"a\.wav' cannot be decoded"):
        read_speech(tmp_path / "a.wav")
    soundfile.write(tmp_path / "b.wav", np.zeros(0), 16000)
    with pytest.raises(DataError, match=r"b\.wav' holds no sound"):
        read_speech(tmp_path / "b.wav")
    soundfile.write(tmp_path / "c.wav", np.array([0, np.nan, np.inf]), 16000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"c\.wav holds 2 samples that are no numbers"):
        read_speech(tmp_path / "c.wav")


def test_cache_reads_each_file_once(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(800, 0.5), 16000)
    cache, forgetful = TrackCache(tmp_path), TrackCache(tmp_path, keeps=False)
    first, other = cache.track("a.wav"), forgetful.track("a.wav")
    assert cache.track("a.wav") is first
    (tmp_path / "a.wav").unlink()
    assert cache.track("a.wav") is first
    with pytest.raises(MissingError):
        forgetful.track("a.wav")
    assert np.array_equal(other.samples, first.samples)


def test_random_gain_is_uniform_in_decibels() -> None:
    rng = np.random.default_rng(0)
    found = 20 * np.log10([random_gain(12, rng) for _ in range(4000)])
    assert -12 <= found.min() < -11.8
    assert 11.8 < found.max() <= 12
    assert abs(found.mean()) < 0.4
    assert random_gain(0, rng) == 1.0


def test_microphone_noise_has_its_level_and_spectrum() -> None:
    noise = room_noise("mic", 160_000, np.random.default_rng(0), scale=1.0, local_range=None)
    assert noise.shape == (160_000,)
    assert np.sqrt((noise**2).mean()) == pytest.approx(7.7e-5, rel=0.02)
    frequency, power = scipy.signal.welch(noise, 16000, nperseg=256, scaling="spectrum")
    low, high = power[(frequency > 50) & (frequency < 150)], power[frequency > 3000]
    # Mean powers 39 * exp(-100 / 300) = 28 dB apart, and the mean over bins of lognormal factors.
    assert 10 * np.log10(low.mean() / high.mean()) == pytest.approx(28, abs=2)


def test_microphone_noise_is_an_inverse_transform() -> None:
    """Against the library's, from the same draws."""
    length = 4000
    found = room_noise("mic", length, np.random.default_rng(5), scale=2.0, local_range=None)
    rng = np.random.default_rng(5)
    frequency = np.arange(129) * 16000 / 256
    shape = (-(-length // 128) + 2, 129)
    level = rng.normal(39 * np.exp(-frequency / 300) - 121, 5.85, shape)
    spectrum = 10 ** (level / 20) * np.exp(1j * rng.uniform(0, 2 * np.pi, shape))
    _, expected = scipy.signal.istft(
        spectrum.T, 16000, "hann", 256, 128, boundary=True, scaling="spectrum"
    )
    np.testing.assert_allclose(found, 2 * expected[:length], atol=1e-9)


def test_other_rooms() -> None:
    rng = np.random.default_rng(0)
    white = room_noise("gauss", 50_000, rng, scale=0.1, local_range=None)
    assert white.std() == pytest.approx(0.1, rel=0.02)
    levels = [room_noise("gauss", 4000, rng, scale=1.0).std() for _ in range(60)]
    assert min(levels) < 0.15
    assert max(levels) > 0.85
    assert not room_noise(None, 100, rng).any()
    with pytest.raises(UsageError, match="'hum'"):
        room_noise("hum", 100, rng)  # type: ignore[arg-type]
