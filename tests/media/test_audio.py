"""Sound at other rates and in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from likeness.errors import DataError
from likeness.media.audio import resample, to_16_bit, write_wav


@pytest.mark.parametrize("new_rate", [16000, 22050, 44100, 8000])
def test_resampling_moves_nothing(new_rate: int) -> None:
    """A Gaussian tone burst at a known time against the same formula at the other rate."""

    def burst(rate: int) -> np.ndarray:
        at = np.arange(rate) / rate
        return np.exp(-(((at - 0.4321) / 0.01) ** 2)) * np.cos(2 * np.pi * 700 * (at - 0.4321))

    found = resample(burst(22050), 22050, new_rate)
    assert len(found) == new_rate
    assert np.abs(found - burst(new_rate)).max() < 1e-3


def test_files_hold_the_nearest_16_bit(tmp_path: Path) -> None:
    sound = np.array([0.0, 0.5, -1.0, 1.0, 1e-5, 2.0e-5], dtype=np.float32)
    write_wav(tmp_path / "a.wav", sound, 16000)
    read, rate = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert rate == 16000
    assert read.tolist() == [0, 16384, -32768, 32767, 0, 1]
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"
    assert to_16_bit(read / 32768.0).tolist() == read.tolist()


@pytest.mark.parametrize("sound", [np.zeros((2, 5)), np.array([0.0, np.nan])])
def test_what_is_no_sound_is_refused(tmp_path: Path, sound: np.ndarray) -> None:
    with pytest.raises(DataError, match="finite numbers of shape"):
        write_wav(tmp_path / "a.wav", sound, 16000)
    with pytest.raises(DataError, match="cannot be written"):
        write_wav(tmp_path / "no" / "a.wav", np.zeros(5), 16000)
