from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from likeness.errors import UsageError
from likeness.media.audio import write_wav
from likeness.systems.audio2face.studio_faults import FAULTS, put_faults

FPS = 30.0


@pytest.fixture
def actor(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    folder = tmp_path / "data" / "actor00"
    for code in FAULTS:
        cache = folder / "cache" / "skin" / code
        cache.mkdir(parents=True)
        np.save(cache / f"{code}.npy", (10 + rng.normal(size=(60, 9, 3))).astype(np.float32))
        (folder / "audio").mkdir(exist_ok=True)
        write_wav(folder / "audio" / f"{code}.wav", rng.uniform(-0.5, 0.5, 32000), 16000)
    return folder


def test_each_fault_damages_its_own_shot(tmp_path: Path, actor: Path) -> None:
    before = {code: np.load(actor / f"cache/skin/{code}/{code}.npy") for code in FAULTS}
    sounds = {code: soundfile.read(actor / f"audio/{code}.wav")[0] for code in FAULTS}
    put_faults(tmp_path, actor, list(FAULTS), list(FAULTS), FPS)

    def skin(code: str) -> np.ndarray:
        return np.load(actor / f"cache/skin/{code}/{code}.npy")

    assert len(soundfile.read(actor / "audio/audio-length.wav")[0]) == 32000 - 4800
    shifted = soundfile.read(actor / "audio/audio-shifted.wav")[0]
    assert np.allclose(shifted[2667:], sounds["audio-shifted"][:-2667])
    assert skin("topology").shape == (60, 8, 3)
    lengths = np.linalg.norm(skin("head-motion"), axis=2)
    assert lengths == pytest.approx(np.linalg.norm(before["head-motion"], axis=2), rel=1e-5)
    assert np.abs(skin("head-motion") - before["head-motion"]).max() > 1.0
    jumped = np.abs(skin("head-jump") - before["head-jump"]).max(axis=(1, 2))
    assert np.flatnonzero(jumped > 1e-4).tolist() == [30]
    assert jumped[30] == pytest.approx(0.5, abs=1e-5)
    steps = np.abs(np.diff(skin("face-frozen"), axis=0)).max(axis=(1, 2))
    assert np.flatnonzero(steps == 0).tolist() == list(range(20, 43))  # 24 frames are one
    assert skin("unit") == pytest.approx(0.01 * before["unit"])
    assert np.isnan(skin("not-finite")).sum() == 3
    with pytest.raises(ValueError, match=r".*"):
        skin("cache-damaged")
    rows = json.loads((tmp_path / "faults.json").read_text())
    assert {row["code"] for row in rows} == set(FAULTS)
    assert all((tmp_path / row["path"]).is_file() for row in rows)


def test_unknown_faults_and_too_few_shots_are_refused(tmp_path: Path, actor: Path) -> None:
    with pytest.raises(UsageError, match="no fault moustache"):
        put_faults(tmp_path, actor, ["unit"], ["moustache"], FPS)
    with pytest.raises(UsageError, match="2 faults need as many shots; there are 1"):
        put_faults(tmp_path, actor, ["unit"], ["unit", "topology"], FPS)
    assert not (tmp_path / "faults.json").exists()
