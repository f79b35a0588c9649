"""The phonemes a configuration asks for, from the models it names."""

from __future__ import annotations

from pathlib import Path

from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.phonemes import AlignedPhonemes, FrameClassifier, Phonemes


def phonemes_of(config: AudioToFaceConfig) -> Phonemes | None:
    """Targets of phonemes; None where no stage weighs them, and nothing is loaded then.

    Raises:
        MissingError, DataError: a model that is named and cannot be used.
    """
    settings = config.learning.phonemes
    weighed = {
        name for stage in config.stages for name, weight in stage.weights.items() if weight != 0
    }
    if not settings.languages or not weighed & {"phoneme", "phoneme_motion"}:
        return None
    cache = Path(config.storage.cache_folder).expanduser() / "prepared" / "audio2face" / "phonemes"
    aligners = {name: FrameClassifier(settings.models[name]) for name in settings.languages}
    return AlignedPhonemes(aligners, cache, temperature=settings.temperature)
