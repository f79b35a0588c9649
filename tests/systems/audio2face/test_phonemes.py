"""Phoneme targets: softening, decimation, windows, the cache, and exact timelines."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError, UsageError
from likeness.systems.audio2face.audio import SpeechTrack
from likeness.systems.audio2face.phonemes import (
    AlignedPhonemes,
    FrameClassifier,
    PhonemeTrack,
    softened,
)


class _Counting:
    """Logits 0, 1, 2, … in the second column, at 100 rows a second."""

    fingerprint, rate, vocabulary = "one", 100, ("a", "b", "[SIL]")

    def __init__(self) -> None:
        self.calls = 0

    def logits(self, samples: np.ndarray) -> np.ndarray:
        self.calls += 1
        rows = np.zeros((len(samples) // 160, 3), np.float32)
        rows[:, 1] = np.arange(len(rows)) / 10
        return rows


def _speech(seconds: float = 1.0) -> SpeechTrack:
    return SpeechTrack(np.ones(round(16000 * seconds), np.float32), 1.0)


def test_windows_are_centred_and_silent_outside() -> None:
    probabilities = np.zeros((60, 3), np.float32)
    probabilities[:, 0] = np.arange(60)
    track = PhonemeTrack(probabilities, 2)
    for seconds in (0.0, 0.3, 0.517, 1.19, 3.0):
        centre = math.floor(seconds * 60 / (60 / 50 + 0.02))
        found = track.window(seconds, 25, 4)
        for step in range(25):
            row = centre - 12 + step
            expected = [row, 0, 0, 0] if 0 <= row < 60 else [0, 0, 1, 0]
            assert found[step].tolist() == expected
    assert PhonemeTrack(np.zeros((0, 2), np.float32), 1).window(0.0, 3, 2)[:, 1].tolist() == [1] * 3


def test_temperature_softens() -> None:
    logits = np.array([[0.0, 2.0, 1000.0], [1.0, 2.0, 3.0]])
    assert softened(logits, 1.0)[0].tolist() == [0.0, 0.0, 1.0]
    powers = np.exp(np.array([1.0, 2.0, 3.0]) / 4)
    np.testing.assert_allclose(softened(logits, 4.0)[1], powers / powers.sum(), rtol=1e-6)


def test_a_hundred_rows_a_second_are_halved_and_kept_on_disk(tmp_path: Path) -> None:
    aligner = _Counting()
    phonemes = AlignedPhonemes({"en": aligner}, tmp_path / "cache", 2.0)
    assert phonemes.vocabularies == {"en": 3}
    found = phonemes.track("a.wav", _speech(), "en")
    assert found.probabilities.shape == (50, 3)
    assert found.silence == 2
    expected = softened(aligner.logits(_speech().samples), 2.0)[::2]
    assert np.array_equal(found.probabilities, expected)
    calls = aligner.calls
    again = AlignedPhonemes({"en": aligner}, tmp_path / "cache", 2.0).track("b", _speech(), "en")
    assert np.array_equal(again.probabilities, expected)
    assert aligner.calls == calls
    AlignedPhonemes({"en": aligner}, tmp_path / "cache", 1.0).track("a", _speech(), "en")
    phonemes.track("a.wav", _speech(0.9), "en")
    assert aligner.calls == calls + 2
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_aligners_that_cannot_be_used(tmp_path: Path) -> None:
    slow = _Counting()
    slow.rate = 25
    with pytest.raises(UsageError, match="25 rows a second"):
        AlignedPhonemes({"en": slow}, tmp_path)
    mute = _Counting()
    mute.vocabulary = ("a", "b", "c")
    with pytest.raises(DataError, match="no silence"):
        AlignedPhonemes({"en": mute}, tmp_path)
    broken = _Counting()
    broken.logits = lambda samples: np.full((5, 3), np.nan)  # type: ignore[method-assign]
    with pytest.raises(DataError, match="no numbers for 'a'"):
        AlignedPhonemes({"en": broken}, tmp_path).track("a", _speech(), "en")


def _classifier(folder: Path, stride: list[int]) -> Path:
    import transformers

    config = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=[8] * 7, conv_stride=stride, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, vocab_size=4, pad_token_id=0,
    )  # fmt: skip
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({"[SIL]": 0, "AA": 1, "B": 3}))
    return folder


def test_a_classifier_in_a_folder_is_loaded_when_it_is_asked(tmp_path: Path) -> None:
    folder = _classifier(tmp_path / "model", [5, 2, 2, 2, 2, 2, 1])
    aligner = FrameClassifier(folder)
    assert (aligner.rate, aligner.vocabulary) == (100, ("[SIL]", "AA", "", "B"))
    assert "_model" not in vars(aligner)
    phonemes = AlignedPhonemes({"en": aligner}, tmp_path / "cache")
    assert "_model" not in vars(aligner)
    sound = SpeechTrack(np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32), 1.0)
    found = phonemes.track("a.wav", sound, "en")
    # The convolutions hear 25 ms: 98 rows of a second, every other one kept.
    assert found.probabilities.shape == (49, 4)
    np.testing.assert_allclose(found.probabilities.sum(1), 1.0, rtol=1e-5)
    loud = SpeechTrack(sound.samples * 4, 1.0)
    other = phonemes.track("a.wav", loud, "en")
    np.testing.assert_allclose(other.probabilities, found.probabilities, atol=1e-4)


def test_a_folder_without_a_classifier_says_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"config\.json and vocab\.json is not there") as caught:
        FrameClassifier(tmp_path)
    assert "charsiu/en_w2v2_fc_10ms" in caught.value.advice
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(DataError, match="describes no classifier"):
        FrameClassifier(tmp_path)
