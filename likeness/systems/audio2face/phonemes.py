"""What is being said every 20 ms, as soft targets for the regression network.

Owns the windows of targets and where they come from: a frame classifier of the user's, with a cache
on disk, or the exact timeline of synthetic speech. Nothing is loaded before a target is asked for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError, MissingError, UsageError
from likeness.extras import require
from likeness.replacement import replacing
from likeness.storage.json_files import load_json
from likeness.systems.audio2face.audio import SpeechTrack

Floats = NDArray[np.float32]

RATE = 50
"""Rows of targets a second."""
UNSUPPORTED = "unsupported"
"""The language of clips that have no phonemes."""
_SILENCE_TOKENS = ("[SIL]", "<sil>", "sil", "<pad>", "[PAD]")


@dataclass(frozen=True, eq=False)
class PhonemeTrack:
    """Probabilities of phonemes over a recording.

    Attributes:
        probabilities: (n, P) float32, ``RATE`` rows a second.
        silence: the column of silence.
    """

    probabilities: Floats
    silence: int

    def window(self, seconds: float, steps: int, width: int) -> Floats:
        """(``steps``, ``width``) rows about a time, silence outside the recording.

        The row of time t is floor(t · n / (n / 50 + 0.02)): a classifier with a receptive field of
        40 ms gives one row less than the recording has steps. Columns are padded with zeros.
        """
        count = len(self.probabilities)
        centre = math.floor(seconds * count / (count / RATE + 1 / RATE)) if count else 0
        rows = np.arange(steps) + centre - steps // 2
        inside = (rows >= 0) & (rows < count)
        found = np.zeros((steps, width), np.float32)
        found[~inside, self.silence] = 1.0
        found[inside, : self.probabilities.shape[1]] = self.probabilities[rows[inside]]
        return found


class Phonemes(Protocol):
    """Where targets come from."""

    @property
    def vocabularies(self) -> Mapping[str, int]:
        """Language to number of phonemes."""

    def silence(self, language: str) -> int:
        """The column of silence of a language."""

    def track(self, name: str, speech: SpeechTrack, language: str) -> PhonemeTrack:
        """The targets of a recording in a language of ``vocabularies``."""


class Aligner(Protocol):
    """A classifier of frames of speech in one language."""

    fingerprint: str
    """Changes when its results would."""
    rate: int
    """Rows a second: 50 or 100."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Names of the columns."""

    def logits(self, samples: Floats) -> Floats:
        """(rows, P) of sound (n,) at 16 kHz."""


class AlignedPhonemes:
    """Targets of one aligner a language, kept on disk.

    Args:
        aligners: language to its aligner.
        folder: for the files of the cache.
        temperature: divides the logits before the softmax.

    Raises:
        UsageError: an aligner with another rate.
        DataError: a vocabulary without silence.
    """

    def __init__(
        self, aligners: Mapping[str, Aligner], folder: Path, temperature: float = 1.0
    ) -> None:
        self.aligners, self.folder, self.temperature = dict(aligners), folder, temperature
        for language, aligner in self.aligners.items():
            if aligner.rate not in (RATE, 2 * RATE):
                raise UsageError(
                    f"The aligner for '{language}' gives {aligner.rate} rows a second; 50 and 100 "
                    "can be used."
                )
        self._silence = {
            language: _silence_of(aligner.vocabulary, language)
            for language, aligner in self.aligners.items()
        }

    @property
    def vocabularies(self) -> dict[str, int]:
        return {name: len(aligner.vocabulary) for name, aligner in self.aligners.items()}

    def silence(self, language: str) -> int:
        return self._silence[language]

    def track(self, name: str, speech: SpeechTrack, language: str) -> PhonemeTrack:
        aligner = self.aligners[language]
        digest = hashlib.sha256(speech.samples.tobytes())
        digest.update(f"{aligner.fingerprint}\n{self.temperature!r}".encode())
        file = self.folder / f"{digest.hexdigest()}.npy"
        if file.is_file():
            return PhonemeTrack(np.load(file, allow_pickle=False), self.silence(language))
        logits = np.asarray(aligner.logits(speech.samples), np.float64)
        if logits.ndim != 2 or not np.isfinite(logits).all():
            raise DataError(f"The aligner for '{language}' gave no numbers for '{name}'.")
        found = softened(logits, self.temperature)[:: aligner.rate // RATE]
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary, temporary.open("wb") as stream:
            np.save(stream, found)
        return PhonemeTrack(found, self.silence(language))


def _silence_of(vocabulary: tuple[str, ...], language: str) -> int:
    for token in _SILENCE_TOKENS:
        if token in vocabulary:
            return vocabulary.index(token)
    raise DataError(
        f"The phonemes of '{language}' have no silence; looked for {', '.join(_SILENCE_TOKENS)}."
    )


def softened(logits: NDArray[np.floating], temperature: float) -> Floats:
    """softmax(logits / temperature) of each row, float32."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).astype(np.float32)


class FrameClassifier:
    """A wav2vec 2.0 frame or CTC classifier in a local folder, through ``transformers``.

    Such as charsiu/en_w2v2_fc_10ms (Zhu et al., 2022, arXiv:2110.03876). It is loaded when it is
    first asked for logits.

    Args:
        folder: with ``config.json``, ``vocab.json`` and the weights.

    Raises:
        MissingError: a file is missing.
    """

    def __init__(self, folder: str | Path) -> None:

        self.folder = Path(folder).expanduser()
        missing = [n for n in ("config.json", "vocab.json") if not (self.folder / n).is_file()]
        if missing:
            raise MissingError(
                f"A classifier of phonemes was expected in '{self.folder}'; "
                f"{' and '.join(missing)} is not there.",
                advice="Get charsiu/en_w2v2_fc_10ms (or zh_xlsr_fc_10ms) from huggingface.co and "
                "give its folder, or set the weights of the phoneme terms to 0.",
            )
        try:
            config = load_json(self.folder / "config.json")
            tokens = load_json(self.folder / "vocab.json")
            self.rate = 16000 // math.prod(config["conv_stride"])
            self._tokens = {int(index): str(token) for token, index in tokens.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"'{self.folder}' describes no classifier: {error!r}.") from error

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return tuple(self._tokens.get(index, "") for index in range(max(self._tokens) + 1))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of its files."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.iterdir()):
            if file.suffix in (".json", ".safetensors", ".bin"):
                digest.update(file.name.encode())
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def _model(self) -> Any:
        library = require("transformers", extra="speech", purpose="find phonemes in speech")
        try:
            model = library.Wav2Vec2ForCTC.from_pretrained(self.folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise DataError(f"The weights in '{self.folder}' cannot be loaded: {error}.") from error
        return model.eval()

    def logits(self, samples: Floats) -> Floats:
        import torch

        # As its processor does: no mean, unit variance.
        scaled = (samples - samples.mean()) / math.sqrt(float(samples.var()) + 1e-7)
        with torch.no_grad():
            found = self._model(torch.from_numpy(scaled.astype(np.float32))[None]).logits[0]
        return np.asarray(found.float().numpy())
