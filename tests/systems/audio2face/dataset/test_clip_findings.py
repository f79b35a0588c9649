"""Sounds that a table of clips names itself: looked at as those that are found by their names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.data.inspection import Finding
from likeness.errors import DataError
from likeness.media.audio import write_wav
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.dataset.reading import open_dataset
from tests.systems.audio2face.dataset.recordings import FPS, FRAMES, RATE, write_recordings

SECONDS = FRAMES / FPS
AUDIO = "data/anna/audio"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_recordings(tmp_path / "set", ("anna", "ben"))
    description = root / "dataset.yaml"
    description.write_text(description.read_text() + "clips: clips.jsonl\n")
    return root


def found(root: Path, audio: str) -> dict[tuple[str, str], Finding]:
    """Findings of errors and warnings where a clip of joy_001 names a sound."""
    rows = [{"actor": "anna", "shot": "joy_001", "audio": audio}]
    rows += [{"actor": actor, "shot": "neutral_000"} for actor in ("anna", "ben")]
    (root / "clips.jsonl").write_text("\n".join(map(json.dumps, rows)))
    findings = inspect_dataset(root).findings
    return {(f.code, f.path): f for f in findings if f.severity != "advice"}


def spoken(seconds: float) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).normal(size=round(seconds * RATE))


def test_a_sound_below_the_folder_may_have_any_name(root: Path) -> None:
    (root / AUDIO / "more").mkdir()
    write_wav(root / AUDIO / "more/again.wav", spoken(SECONDS), RATE)
    assert found(root, "more/again.wav") == {}
    assert found(root, "joy_002.wav") == {}  # that of another shot, as long


def test_a_named_sound_of_another_length_is_an_error(root: Path) -> None:
    (root / AUDIO / "more").mkdir()
    write_wav(root / AUDIO / "more/again.wav", spoken(SECONDS + 0.4), RATE)
    told = found(root, "more/again.wav")
    assert list(told) == [("audio-length", f"{AUDIO}/more/again.wav")]
    message = told["audio-length", f"{AUDIO}/more/again.wav"].message
    assert "length of shot 'joy_001'" in message
    assert f"found {SECONDS + 0.4:.2f} s" in message


def test_a_named_file_that_is_no_sound_is_an_error(root: Path) -> None:
    (root / AUDIO / "notes.txt").write_text("not a sound")
    told = found(root, "notes.txt")
    assert list(told) == [("sound", f"{AUDIO}/notes.txt")]
    assert told["sound", f"{AUDIO}/notes.txt"].severity == "error"


def test_a_named_sound_that_is_not_there_is_an_error(root: Path) -> None:
    assert list(found(root, "gone.wav")) == [("sound-missing", "gone.wav")]


@pytest.mark.parametrize("audio", ["../../ben/audio/joy_001.wav", "/etc/passwd", "a/../../b.wav"])
def test_a_sound_out_of_the_folder_is_refused(root: Path, audio: str) -> None:
    told = found(root, audio)
    assert [(code, f.severity) for (code, _), f in told.items()] == [("unreadable", "error")]
    message = told["unreadable", ""].message
    assert (
        f"line 1: expected a sound below the folder 'audio' of 'anna', found '{audio}'" in message
    )
    with pytest.raises(DataError, match="below the folder"):
        open_dataset(root)
