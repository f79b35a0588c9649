from __future__ import annotations

from pathlib import Path

import pytest

from likeness.assembly import configure
from likeness.errors import LikenessError
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.phoneme_targets import phonemes_of

NAMED = ["learning.phonemes.languages=[en]"]


def configured(folder: Path, *overrides: str) -> AudioToFaceConfig:
    places = [f"learning.phonemes.models={{en: {folder / 'none'}}}"]
    found = configure(
        "audio2face", profile="smoke", overrides=[*places, *overrides], environ={}
    ).config
    assert isinstance(found, AudioToFaceConfig)
    return found


def test_nothing_is_loaded_where_no_stage_weighs_phonemes(tmp_path: Path) -> None:
    assert phonemes_of(configured(tmp_path, *NAMED)) is None
    off = configured(tmp_path, *NAMED, "stages.0.weights.phoneme=0")
    assert phonemes_of(off) is None


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LikenessError, match="none"):
        phonemes_of(configured(tmp_path, *NAMED, "stages.0.weights.phoneme=0.1"))
